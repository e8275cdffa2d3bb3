import { fstatSync, readFileSync, writeSync } from "node:fs";
import type { AgentClient } from "../../agent/src/client.ts";
import { LeappError } from "../../core/src/errors.ts";
import type { Surface } from "./print.ts";
import type { Terminal } from "./terminal.ts";

/** Everything a command sees of the process it runs in. */
export interface Context {
  env: Record<string, string | undefined>;
  stdout: Surface;
  stderr: Surface;
  print(text: string): void;
  printError(text: string): void;
  /** Epoch milliseconds. */
  now(): number;
  /** All of a file descriptor, 0 for stdin, without its final newline. @throws LeappError `usage`. */
  readInput(descriptor: number): string;
  readFile(path: string): string;
  /** Where the person can be asked for what the command line lacks; undefined without a terminal. */
  terminal(): Terminal | undefined;
  /** The connection of this command, made on first use. `start: false` does not start an agent. */
  client(options?: { start?: boolean }): Promise<AgentClient>;
}

/** The parts of `process` that the fast path needs: no stream, no terminal library is loaded for them. */
export const host = {
  args: process.argv.slice(2),
  env: process.env as Record<string, string | undefined>,
  /** node:tty takes 3 ms to load, so it is asked only about what may be a terminal. */
  isTerminal(descriptor: number): boolean {
    try {
      if (!fstatSync(descriptor).isCharacterDevice()) return false;
    } catch {
      return false;
    }
    return process.getBuiltinModule("node:tty").isatty(descriptor);
  },
  /** Writes all of it before it returns. @throws the system's error when the reader is gone. */
  write(descriptor: number, text: string): void {
    const bytes = new TextEncoder().encode(text);
    for (let sent = 0; sent < bytes.length; ) {
      try {
        sent += writeSync(descriptor, bytes, sent);
      } catch (error) {
        // A pipe that another program made non-blocking is full: give its reader a moment.
        if ((error as { code?: string }).code !== "EAGAIN") throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      }
    }
  },
  exit: (code: number): never => process.exit(code),
  platform: process.platform as string,
};

/** @param interactive false for `--no-interactive`. */
export async function processContext(interactive: boolean): Promise<Context & { close(): void }> {
  const { env, write } = host;
  const surface = (descriptor: number): Surface => {
    const isTerminal = host.isTerminal(descriptor);
    return {
      isTerminal,
      get width() {
        return (descriptor === 1 ? process.stdout : process.stderr).columns || 80;
      },
      color: isTerminal && !env["NO_COLOR"] && env["TERM"] !== "dumb",
    };
  };
  const canAsk = interactive && host.isTerminal(0) && host.isTerminal(2);
  const { openTerminal } = canAsk ? await import("./terminal.ts") : { openTerminal: () => undefined };
  let terminal: Terminal | undefined;
  let opened: AgentClient | undefined;
  const context: Context = {
    env,
    stdout: surface(1),
    stderr: surface(2),
    print: (text) => write(1, text),
    printError: (text) => write(2, text),
    now: () => Date.now(),
    readInput(descriptor) {
      try {
        return readFileSync(descriptor, "utf8").replace(/\r?\n$/, "");
      } catch (cause) {
        throw new LeappError("usage", `cannot read file descriptor ${descriptor}`, { cause });
      }
    },
    readFile(path) {
      try {
        return readFileSync(path, "utf8");
      } catch (cause) {
        throw new LeappError("file", `cannot read ${path}`, { cause });
      }
    },
    terminal() {
      terminal ??= openTerminal(host.platform);
      return terminal;
    },
    async client(options = {}) {
      if (opened) return opened;
      const asked = context.terminal();
      const { connectAgent } = await import("../../agent/src/client.ts");
      opened = await connectAgent({ env, interactive: asked !== undefined, ...options });
      if (asked) {
        const { answerPrompts } = await import("./prompts.ts");
        answerPrompts(opened, asked);
      }
      return opened;
    },
  };
  return { ...context, close: () => opened?.close() };
}
