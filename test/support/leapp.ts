/**
 * The built program in a throw-away home: own HOME, LEAPP_HOME, vault passphrase, files, agent. Nothing of the
 * machine's AWS settings reaches it, and `stop` leaves no process behind.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../packages/sandbox/src/server.ts";

export const root = join(import.meta.dirname, "../..");
/** The built program; another build can be tried with LEAPP_DIST. */
export const dist = process.env.LEAPP_DIST ?? join(root, "dist");

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  /** Over the home's own; undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  /** Text; without it stdin is empty. */
  stdin?: string;
  /** Milliseconds until it is killed; 60,000 when absent. */
  timeout?: number;
}

export interface Leapp {
  /** Everything lies in here; short, since macOS allows 103 bytes in the path of a socket. */
  readonly folder: string;
  /** The person's HOME. */
  readonly home: string;
  readonly leappHome: string;
  /** Environment of every program that is run. */
  readonly env: Record<string, string>;
  /** The program itself, absolute. */
  readonly program: string;
  /** Runs any program. */
  run(command: string[], options?: RunOptions): Promise<Ran>;
  /** Runs `leapp …`. @throws when it fails; the message holds its stderr. @returns stdout. */
  leapp(args: string[], options?: RunOptions): Promise<string>;
  /** Path below HOME; with `text` the file is written first. */
  file(path: string, text?: string | Uint8Array): string;
  /** Stops the agent, waits until it is gone, removes the folder. */
  stop(): Promise<void>;
}

export interface LeappOptions {
  /** AWS: the base URL of what stands for it. */
  endpoint: string;
  /** Folder with the program. */
  dist?: string;
  /** Program and files where an installation has them, for pictures; paths that are too long for macOS. */
  installed?: boolean;
  env?: Record<string, string>;
}

export function createLeapp(options: LeappOptions): Leapp {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "leapp-")));
  const home = join(folder, "home");
  const leappHome = options.installed ? join(home, ".local/share/leapp") : join(folder, "l");
  const bin = options.installed ? join(home, ".local/bin") : (options.dist ?? dist);
  const program = join(bin, "leapp");
  mkdirSync(home);
  if (options.installed) {
    mkdirSync(bin, { recursive: true });
    for (const name of ["leapp", "leapp-core"])
      copyFileSync(join(options.dist ?? dist, name), join(bin, name));
  }
  writeFileSync(join(folder, "passphrase"), "correct horse battery\n", { mode: 0o600 });
  const env = {
    HOME: home,
    LEAPP_HOME: leappHome,
    LEAPP_VAULT_PASSPHRASE_FILE: join(folder, "passphrase"),
    PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`,
    AWS_ENDPOINT_URL: options.endpoint,
    AWS_EC2_METADATA_DISABLED: "true",
    TERM: "xterm",
    LANG: "C.UTF-8",
    ...options.env,
  };
  const run = (command: string[], more: RunOptions = {}) => runProgram(command, { env, cwd: folder }, more);

  return {
    folder,
    home,
    leappHome,
    env,
    program,
    run,
    async leapp(args, more) {
      const { code, stdout, stderr } = await run([program, ...args], more);
      if (code !== 0) throw new Error(`leapp ${args.slice(0, 3).join(" ")} … exit ${code}: ${stderr}`);
      return stdout;
    },
    file(path, text) {
      const whole = join(home, path);
      mkdirSync(join(whole, ".."), { recursive: true });
      if (text !== undefined) writeFileSync(whole, text);
      return whole;
    },
    async stop() {
      // The test of the package has removed it by then.
      if (existsSync(program)) await run([program, "agent", "stop"]);
      await until(() => runningIn(leappHome).length === 0, "the agent is gone");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** With a sandbox as AWS; `stop` ends both. */
export async function createSandboxedLeapp(
  options: Omit<LeappOptions, "endpoint"> & { sandbox?: SandboxOptions } = {},
): Promise<Leapp & { sandbox: Sandbox }> {
  const sandbox = await startSandbox(options.sandbox);
  const leapp = createLeapp({ ...options, endpoint: sandbox.url });
  return {
    ...leapp,
    sandbox,
    async stop() {
      // What hangs is cut first, so that nobody waits for it.
      sandbox.reset();
      await leapp.stop();
      await sandbox.stop();
    },
  };
}

async function runProgram(
  command: string[],
  base: { env: Record<string, string>; cwd: string },
  { cwd, env, stdin, timeout = 60_000 }: RunOptions,
): Promise<Ran> {
  const all = Object.entries({ ...base.env, ...env }).filter(([, value]) => value !== undefined);
  const child = Bun.spawn(command, {
    cwd: cwd ?? base.cwd,
    env: Object.fromEntries(all) as Record<string, string>,
    stdin: stdin === undefined ? "ignore" : new Blob([stdin]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const stuck = setTimeout(() => child.kill("SIGKILL"), timeout);
  const [stdout, stderr] = await Promise.all(
    [child.stdout, child.stderr].map((stream) => new Response(stream).text()),
  );
  const code = await child.exited;
  clearTimeout(stuck);
  return { code, stdout: stdout!, stderr: stderr! };
}

/** Processes whose arguments hold `text`, or whose LEAPP_HOME it is; Linux only, none elsewhere. */
export function runningIn(text: string): number[] {
  if (process.platform !== "linux") return [];
  const read = (path: string) => {
    try {
      return readFileSync(path, "latin1");
    } catch {
      return "";
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter(
      (pid) =>
        read(`/proc/${pid}/cmdline`).includes(text) ||
        read(`/proc/${pid}/environ`).split("\0").includes(`LEAPP_HOME=${text}`),
    )
    .map(Number);
}

/** Waits for a condition. @throws after 10 s, naming it. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  timeout = 10_000,
): Promise<void> {
  for (const end = Date.now() + timeout; !(await holds()); await Bun.sleep(20)) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
  }
}
