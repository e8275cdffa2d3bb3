/** What only the operating system can tell or do: who calls, who we are, keeping others out of our memory. */
import { type FFIFunction, dlopen } from "bun:ffi";
import { accessSync, constants, existsSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { passwdEntry } from "./paths.ts";
import { LeappError } from "../../../core/src/errors.ts";
import type { CallerProcess } from "../../../core/src/model.ts";

const onLinux = process.platform === "linux";
const onMac = process.platform === "darwin";

// <sys/socket.h>, <sys/resource.h>, <sys/prctl.h>; on macOS also <sys/un.h>, <sys/ptrace.h>, <sys/proc_info.h>.
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SOL_LOCAL = 0;
const LOCAL_PEERCRED = 1;
const LOCAL_PEERPID = 2;
const RLIMIT_CORE = 4;
const PR_SET_DUMPABLE = 4;
const PT_DENY_ATTACH = 31;
const PROC_PIDTBSDINFO = 3;
const PROC_PIDVNODEPATHINFO = 9;

/** The C library's functions, looked up at the first use: most commands need none of them. */
function library<Functions extends Record<string, FFIFunction>>(functions: Functions) {
  let found: ReturnType<typeof dlopen<Functions>>["symbols"] | undefined;
  return () => {
    const musl = `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`;
    const glibc = !existsSync(`/lib/${musl}`);
    found ??= dlopen(onMac ? "libSystem.B.dylib" : glibc ? "libc.so.6" : musl, functions).symbols;
    return found;
  };
}

const unix = library({
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  setrlimit: { args: ["i32", "ptr"], returns: "i32" },
});
const linux = library({ prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" } });
const mac = library({
  ptrace: { args: ["i32", "i32", "ptr", "i32"], returns: "i32" },
  proc_pidpath: { args: ["i32", "ptr", "u32"], returns: "i32" },
  proc_pidinfo: { args: ["i32", "i32", "u64", "ptr", "i32"], returns: "i32" },
});

/**
 * Files of ours are for us alone, our memory is not written to disk in a crash, and no other program of the
 * same user may read it or attach to us. As far as the system goes along: nothing here can fail.
 */
export function hardenProcess(): void {
  process.umask(0o077);
  if (!onLinux && !onMac) return;
  unix().setrlimit(RLIMIT_CORE, new BigUint64Array([0n, 0n]));
  if (onLinux) linux().prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n);
  if (onMac) mac().ptrace(PT_DENY_ATTACH, 0, null, 0);
}

/** The process at the other end of a connected unix socket, as the kernel saw it connect. */
export function peerOf(fd: number): { pid: number; uid: number } | undefined {
  const option = (level: number, name: number, words: number): Uint32Array | undefined => {
    const value = new Uint32Array(words);
    const size = new Uint32Array([value.byteLength]);
    return unix().getsockopt(fd, level, name, value, size) === 0 ? value : undefined;
  };
  if (onLinux) {
    const [pid, uid] = option(SOL_SOCKET, SO_PEERCRED, 3) ?? [];
    return pid === undefined || uid === undefined ? undefined : { pid, uid };
  }
  if (onMac) {
    const [pid] = option(SOL_LOCAL, LOCAL_PEERPID, 1) ?? [];
    const [, uid] = option(SOL_LOCAL, LOCAL_PEERCRED, 19) ?? [];
    return pid === undefined || uid === undefined ? undefined : { pid, uid };
  }
  return undefined;
}

/**
 * The process `pid` and its parents, nearest first, at most `depth` of them, and the folder `pid` works in.
 * Our own launcher and core are left out: who called them is what matters. On Linux and macOS; else empty.
 */
export function callersOf(pid: number, depth = 4): { callers: CallerProcess[]; cwd?: string } {
  const look = onLinux ? lookAtLinuxProcess : onMac ? lookAtMacProcess : undefined;
  const callers: CallerProcess[] = [];
  if (!look) return { callers };
  const { core, launcher } = installedAs();
  // Ours may come first, launcher and core; more of them in a row would be a loop.
  for (let next = pid, seen = 0; next > 0 && callers.length < depth && seen < depth + 4; seen++) {
    const found = look(next);
    if (!found) break;
    const { executable, parent } = found;
    if (!executable || ![core, launcher].includes(executable.replace(replaced, ""))) {
      callers.push(executable ? { pid: next, executable } : { pid: next });
    }
    next = parent;
  }
  const cwd = onLinux ? linkAt(`/proc/${pid}/cwd`) : macWorkingFolder(pid);
  return cwd ? { callers, cwd } : { callers };
}

/** What Linux adds to the path of a running program whose file was replaced, as an upgrade does. */
const replaced = / \(deleted\)$/;

interface Look {
  parent: number;
  executable: string | undefined;
}

function lookAtLinuxProcess(pid: number): Look | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // "pid (name) state parent …", where the name may hold anything.
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 4).split(" ", 1)[0]);
    return { parent, executable: linkAt(`/proc/${pid}/exe`) };
  } catch {
    return undefined;
  }
}

/** What a link of /proc points at; none for a process of another user, or one that is gone. */
function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function lookAtMacProcess(pid: number): Look | undefined {
  const info = new Uint32Array(34);
  if (mac().proc_pidinfo(pid, PROC_PIDTBSDINFO, 0n, info, info.byteLength) <= 0) return undefined;
  const path = new Uint8Array(4096);
  const length = mac().proc_pidpath(pid, path, path.length);
  const executable = length > 0 ? new TextDecoder().decode(path.subarray(0, length)) : undefined;
  return { parent: info[4] ?? 0, executable };
}

function macWorkingFolder(pid: number): string | undefined {
  const info = new Uint8Array(2 * (152 + 1024));
  if (mac().proc_pidinfo(pid, PROC_PIDVNODEPATHINFO, 0n, info, info.length) <= 0) return undefined;
  const path = info.subarray(152, 152 + 1024);
  return new TextDecoder().decode(path.subarray(0, path.indexOf(0))) || undefined;
}

/** Gives memory back after a large answer: an agent lives for weeks, and is idle for most of them. */
export const releaseMemory = (): void => Bun.gc(true);

/** All of stdin, as text. */
export const stdinText = (): Promise<string> => Bun.stdin.text();

/** The local user's name. Not os.userInfo(): in Bun it believes USER. */
export function userName(): string {
  const { USER, LOGNAME, USERNAME } = process.env;
  return USER || LOGNAME || USERNAME || passwdEntry()?.name || "user";
}

/**
 * Starts a program that outlives us, with `input` on its stdin, which is through when the promise is: a session of
 * its own, nothing of our terminal, folder or open files but `descriptor`, which becomes its number 3. `ended` hears
 * its exit code if it ends before us.
 * @throws LeappError `agent-unavailable` when it cannot be run.
 */
export function spawnDetached(
  command: string,
  args: string[],
  env: Record<string, string | undefined>,
  input = "",
  { ended, descriptor }: { ended?: (code: number | null) => void; descriptor?: number } = {},
): Promise<void> {
  try {
    const child = Bun.spawn([command, ...args], {
      cwd: "/",
      env,
      stdio: [
        input ? "pipe" : "ignore",
        "ignore",
        "ignore",
        ...(descriptor === undefined ? [] : [descriptor]),
      ],
      detached: true,
      windowsHide: true,
      onExit: (_, code) => ended?.(code),
    });
    child.unref();
    if (!child.stdin) return Promise.resolve();
    child.stdin.write(input);
    return Promise.resolve(child.stdin.end()).then(() => {});
  } catch (cause) {
    throw new LeappError("agent-unavailable", `cannot run ${command}`, {
      hint: "install leapp again",
      cause,
    });
  }
}

export interface Installation {
  /** Absolute path of leapp-core. */
  core: string;
  /** Absolute path of the program named `leapp` beside it, if there is one. */
  launcher: string | undefined;
}

let installation: Installation | undefined;

/** Where this program lies. Run from its sources it means the built one in dist/. */
export function installedAs(): Installation {
  if (installation) return installation;
  const windows = process.platform === "win32";
  // A compiled program's own modules lie in a file system of Bun's: /$bunfs/root, on Windows B:\~BUN\root.
  const compiled = /^(\/\$bunfs|.:[\\/]~BUN)/.test(import.meta.dir);
  const program = real(process.execPath.replace(replaced, ""));
  const folder = compiled ? dirname(program) : join(import.meta.dir, "../../../../dist");
  const launcher = join(folder, windows ? "leapp.exe" : "leapp");
  installation = {
    core: compiled ? program : join(folder, windows ? "leapp-core.exe" : "leapp-core"),
    launcher: existsSync(launcher) ? launcher : undefined,
  };
  return installation;
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/**
 * Where programs are looked up when nobody said otherwise: by systemd on Linux, by launchd on macOS (whose list
 * has no folder that one can install into, so that there the absolute path is always the one to write down).
 */
const defaultPath = onMac ? ["/usr/bin", "/bin"] : onLinux ? ["/usr/local/bin", "/usr/bin", "/bin"] : [];

/**
 * Whether a bare `name` runs this installation in a program that has only the system's default PATH, as one
 * started from the desktop or by a service manager. The PATH of this process says nothing about those.
 */
export function resolvesToUs(name: string, path: readonly string[] = defaultPath): boolean {
  const first = path.map((folder) => join(folder, name)).find(isExecutable);
  if (!first) return false;
  const { core, launcher } = installedAs();
  return [core, launcher].includes(real(first));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
