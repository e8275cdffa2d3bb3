/** What the proofs of the engine share: a throw-away machine with people on it, a client, terminals. */
import { readFileSync } from "node:fs";
import { type AgentClient, connectAgent } from "../../packages/agent/src/client.ts";
import type { Sandbox, SandboxOptions } from "../../packages/sandbox/src/server.ts";
import type { UserKeys } from "../../packages/sandbox/src/world.ts";
import { createSandboxedLeapp, type Leapp, type LeappOptions, type Ran } from "../support/leapp.ts";

export const inCI = process.env.CI === "true";

export interface Machine extends Leapp, AsyncDisposable {
  sandbox: Sandbox;
  /** A person at the sandbox and their session, added through the command line. */
  addUser(name: string, options?: { mfa?: boolean; flags?: string[] }): Promise<UserKeys & { id: string }>;
  /** A role that anybody in the sandbox may assume, and a session for it. Returns the session's id. */
  addRole(name: string, parent: string, flags?: string[]): Promise<string>;
  /** `session generate` as a tool runs it; many at the same time. */
  generate(session: string): Promise<Ran>;
  generateAtOnce(count: number, ...sessions: string[]): Promise<Ran[]>;
  /** A connection to the agent that runs. */
  client(): Promise<AgentClient>;
  agentPid(): Promise<number>;
  log(): string;
}

export async function newMachine(
  options: Omit<LeappOptions, "endpoint"> & { sandbox?: SandboxOptions } = {},
): Promise<Machine> {
  const base = await createSandboxedLeapp(options);
  const { sandbox, leapp } = base;
  const machine: Machine = {
    ...base,
    async addUser(name, { mfa = false, flags = [] } = {}) {
      const user = sandbox.addUser({ accountId: "111122223333", name: name.replaceAll(" ", "-"), mfa });
      const added = await leapp(
        [
          ...["session", "add", "--type", "iam-user", "--name", name, "--region", "eu-west-1", "--json"],
          ...["--access-key-id", user.accessKeyId, "--secret-access-key-stdin", "--profile", name],
          ...(user.mfaSerial ? ["--mfa-device", user.mfaSerial] : []),
          ...flags,
        ],
        { stdin: user.secretAccessKey },
      );
      return { ...user, id: JSON.parse(added).session.id };
    },
    async addRole(name, parent, flags = []) {
      const arn = sandbox.addRole({ accountId: "444455556666", name, trust: { principals: ["*"] } });
      const added = await leapp([
        ...[
          "session",
          "add",
          "--type",
          "iam-role-chained",
          "--name",
          name,
          "--region",
          "eu-west-1",
          "--json",
        ],
        ...["--parent", parent, "--role-arn", arn, "--profile", name, ...flags],
      ]);
      return JSON.parse(added).session.id;
    },
    generate: (session) => base.run([base.program, "session", "generate", session]),
    generateAtOnce: (count, ...sessions) =>
      Promise.all(Array.from({ length: count }, (_, i) => machine.generate(sessions[i % sessions.length]!))),
    client: () => connectAgent({ env: base.env, start: false }),
    async agentPid() {
      const client = await machine.client();
      const { pid } = await client.call("agent.status", {});
      client.close();
      return pid;
    },
    log: () => readFileSync(`${base.leappHome}/agent.log`, "utf8"),
    [Symbol.asyncDispose]: base.stop,
  };
  return machine;
}

export interface Terminal extends AsyncDisposable {
  /** Waits until `pattern` is shown after what was seen before. @throws when the program ends without it. */
  shows(pattern: RegExp): Promise<void>;
  /** Types the text and Return; `^C` interrupts. */
  type(text: string): void;
  /** Closes the window: the program gets a hang-up. */
  close(): void;
  exited: Promise<number>;
  screen(): string;
}

/** Runs a program on a terminal of its own. */
export function onTerminal(machine: Leapp, args: string[]): Terminal {
  const decoder = new TextDecoder();
  let shown = "";
  let seen = 0;
  let over = false;
  let changed = () => {};
  const child = Bun.spawn([machine.program, ...args], {
    cwd: machine.folder,
    env: machine.env,
    terminal: {
      cols: 100,
      rows: 40,
      data(_, bytes) {
        shown += decoder.decode(bytes, { stream: true });
        changed();
      },
    },
  });
  const exited = child.exited.finally(() => {
    over = true;
    changed();
  });
  return {
    async shows(pattern) {
      for (;;) {
        const found = pattern.exec(shown.slice(seen));
        if (found) {
          seen += found.index + found[0].length;
          return;
        }
        if (over) throw new Error(`the terminal never showed ${pattern}, but:\n${shown}`);
        await new Promise<void>((resume) => {
          changed = resume;
        });
      }
    },
    type: (text) => void child.terminal!.write(text === "^C" ? "\u0003" : `${text}\r`),
    close: () => child.kill("SIGHUP"),
    exited,
    screen: () => shown.replaceAll("\r\n", "\n"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** The one value that all of them are. @throws when they differ, without showing them: they may be secrets. */
export function theOne<T>(values: T[]): T {
  const different = new Set(values);
  if (different.size !== 1) throw new Error(`${different.size} different values among ${values.length}`);
  return values[0]!;
}

/** Exit codes with how many ended so. */
export function codes(results: Ran[]): Record<number, number> {
  const counted: Record<number, number> = {};
  for (const { code } of results) counted[code] = (counted[code] ?? 0) + 1;
  return counted;
}
