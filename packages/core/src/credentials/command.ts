/** Runs a command that the person wrote into a session, as every SDK runs a `credential_process`, without a shell. */
import { spawn } from "node:child_process";
import { LeappError } from "../errors.ts";

export interface CommandOptions {
  /** What the command is for, in messages: "the token command". */
  name: string;
  env: Record<string, string | undefined>;
  signal?: AbortSignal | undefined;
  /** Milliseconds; 30,000 when absent. */
  timeout?: number;
  windows?: boolean;
}

/** Far more than any credential or token has; a command that writes more is not one of these. */
const mostBytes = 64 * 1024;

/**
 * The standard output of a command that ended with 0.
 * @throws LeappError `invalid` for a command line that cannot be read or run, `access-denied` when it failed,
 * `timed-out` when it took too long. Its output never shows in an error; the last line of its stderr does.
 */
export async function runCommand(line: string, options: CommandOptions): Promise<string> {
  const { name, env, signal, timeout = 30_000, windows = process.platform === "win32" } = options;
  const [file, ...args] = splitCommand(line, windows);
  if (!file) throw new LeappError("invalid", `${name} is empty`, { hint: "run: leapp session edit" });

  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: withoutAws(env),
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, so that ending it ends what it started too.
      detached: !windows,
      windowsHide: true,
    });
    const output: Buffer[] = [];
    let size = 0;
    let complaint = "";
    let failure: LeappError | undefined;

    const stop = (error: LeappError) => {
      failure ??= error;
      try {
        if (windows || child.pid === undefined) child.kill("SIGKILL");
        else process.kill(-child.pid, "SIGKILL");
      } catch {
        // It had ended already.
      }
      // A grandchild in a group of its own may hold the pipe open for ever.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const tooLate = () =>
      stop(
        new LeappError("timed-out", `${name} did not end within ${timeout / 1000} s`, {
          hint: `run it by hand`,
        }),
      );
    const cancelled = () =>
      stop(
        signal?.reason instanceof LeappError
          ? signal.reason
          : new LeappError("refused", `${name} was cancelled`),
      );
    const timer = setTimeout(tooLate, timeout);
    if (signal?.aborted) cancelled();
    else signal?.addEventListener("abort", cancelled, { once: true });
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancelled);
      finish();
    };

    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > mostBytes)
        stop(new LeappError("invalid", `${name} writes more than ${mostBytes / 1024} KiB`));
      else output.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      complaint = (complaint + chunk.toString("utf8")).slice(-4096);
    });
    child.on("error", (error: NodeJS.ErrnoException) =>
      settle(() =>
        reject(
          failure ??
            new LeappError("invalid", `cannot run ${name}: ${file} (${error.code ?? "unknown"})`, {
              hint: "give the program's whole path; there is no shell and no ~",
            }),
        ),
      ),
    );
    child.on("close", (code, killed) =>
      settle(() => {
        if (failure) return reject(failure);
        if (code === 0) return resolve(Buffer.concat(output).toString("utf8"));
        const words = lastLine(complaint);
        reject(
          new LeappError(
            "access-denied",
            `${name} failed (${killed ?? `exit ${code}`})${words && `: ${words}`}`,
            {
              hint: "run it by hand",
            },
          ),
        );
      }),
    );
  });
}

/** A command that resolved credentials by these would get ours, or itself, back (consumers.md R10). */
function withoutAws(env: Record<string, string | undefined>): NodeJS.ProcessEnv {
  const taken =
    /^(AWS_(DEFAULT_)?PROFILE|AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|SECURITY_TOKEN)|AWS_CONTAINER_.*|LEAPP_VAULT_.*)$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !taken.test(name)));
}

/** What a failed program says last, as far as it can be shown. */
function lastLine(text: string): string {
  const line = text.trim().split(/\r?\n/).at(-1)?.trim() ?? "";
  const clean = line.replace(/\p{C}+/gu, " ").replace(/[A-Za-z0-9/+=_-]{32,}/g, "...");
  return clean.length > 200 ? `${clean.slice(0, 197)}...` : clean;
}

/**
 * Words of a command line: blanks part them, '…' and "…" keep them together, a backslash takes the next character
 * as it is (inside "…" only before `"` and `\`). On Windows a backslash belongs to paths and only escapes `"`.
 * @throws LeappError `invalid` for an open quote.
 */
export function splitCommand(line: string, windows: boolean): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    const next = line[at + 1];
    const escapes = windows
      ? next === '"'
      : quote === '"'
        ? next === '"' || next === "\\"
        : next !== undefined;
    if (character === "\\" && escapes && quote !== "'") {
      word = (word ?? "") + next;
      at++;
    } else if (quote) {
      if (character === quote) quote = "";
      else word += character;
    } else if (character === '"' || (character === "'" && !windows)) {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + character;
    }
  }
  if (quote) {
    throw new LeappError("invalid", "the command has a quote that is not closed", {
      hint: "run: leapp session edit",
    });
  }
  if (word !== undefined) words.push(word);
  return words;
}
