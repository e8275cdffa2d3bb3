/** File operations that node:fs lacks, by calls into the C library: locks, exchange of two names, leases. */
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { dlopen, FFIType, read } from "bun:ffi";
import type { FileOps } from "../../../core/src/aws-config/file.ts";
import { LeappError } from "../../../core/src/errors.ts";

/** Milliseconds to wait for another Leapp process; an edit takes a few. */
const lockTimeout = 15_000;

export const fileOps = createFileOps();

/** `lockFolder` is for tests: by default it is one per user, whatever LEAPP_HOME is. */
export function createFileOps(lockFolder?: string): FileOps {
  return {
    lock: async (path) => {
      const file = lockFile(lockFolder ?? defaultLockFolder(), path);
      return eventually(path, () => tryLock(file));
    },
    exchange: (a, b) => systemCalls()?.exchange(a, b) ?? false,
    hold: (fd, against) => systemCalls()?.hold(fd, against),
  };
}

/**
 * Takes the lock that a file stands for, for the life of this process or until the release is called; undefined
 * while another process holds it.
 */
export function tryLock(file: string): Lock | undefined {
  const calls = systemCalls();
  return calls ? tryKernelLock(file, calls) : tryLockFile(file);
}

/** Releases the lock. A process that is given `descriptor` as its own number 3 holds the lock too, without a gap. */
export type Lock = (() => void) & { descriptor?: number };

/** The lock that whoever started us passed on as descriptor 3; undefined where that is something else. */
export function inheritedLock(file: string): Lock | undefined {
  try {
    const descriptor = 3;
    if (fstatSync(descriptor).ino !== statSync(file).ino) return undefined;
    return Object.assign(() => closeSync(descriptor), { descriptor });
  } catch {
    return undefined;
  }
}

/** A fixed place, since two agents with different homes edit the same `~/.aws`. */
function defaultLockFolder(): string {
  const { uid, username } = userInfo();
  return uid >= 0 ? `/tmp/leapp-${uid}` : join(tmpdir(), `leapp-${username}`);
}

// ---- locks ---------------------------------------------------------------------------------------------------

/** flock: the kernel gives it up when the process dies. The file stays; removing it would let two in. */
function tryKernelLock(file: string, calls: SystemCalls): Lock | undefined {
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  // Somebody may have cleaned /tmp between our opening it and our lock.
  if (calls.tryLock(fd) && fstatSync(fd).ino === statSync(file, { throwIfNoEntry: false })?.ino) {
    return Object.assign(() => closeSync(fd), { descriptor: fd });
  }
  closeSync(fd);
  return undefined;
}

/** Windows: a file that exists while the lock is held, with the holder's process id in it. */
export function tryLockFile(file: string, again = true): (() => void) | undefined {
  try {
    const fd = openSync(file, "wx", 0o600);
    writeSync(fd, `${process.pid}`);
    closeSync(fd);
    return () => unlinkSync(file);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  try {
    const holder = readFileSync(file, "utf8");
    // Without a number its owner is about to write it, or died in the attempt.
    const stale = holder ? !isAlive(Number(holder)) : Date.now() - statSync(file).mtimeMs > 5_000;
    if (!stale) return undefined;
    // Of several that find it stale one moves it away, and looks whether it is still the same.
    const aside = `${file}.${process.pid}`;
    renameSync(file, aside);
    if (readFileSync(aside, "utf8") !== holder) renameSync(aside, file);
    else unlinkSync(aside);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  return again ? tryLockFile(file, false) : undefined;
}

async function eventually(path: string, attempt: () => (() => void) | undefined): Promise<() => void> {
  const deadline = performance.now() + lockTimeout;
  for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
    const release = attempt();
    if (release) return release;
    if (performance.now() > deadline) {
      throw new LeappError("file", `another leapp process is busy with ${path}`, { hint: "try again" });
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

function lockFile(folder: string, path: string): string {
  mkdirSync(folder, { mode: 0o700, recursive: true });
  const { uid } = userInfo();
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || (uid >= 0 && stat.uid !== uid)) {
    throw new LeappError("file", `${folder} is not a folder of yours`, { hint: "remove it" });
  }
  if (uid >= 0 && stat.mode & 0o077) chmodSync(folder, 0o700);
  // Bun's own: node:crypto adds 3 ms to the start of every command.
  const name = new Bun.CryptoHasher("sha256").update(path).digest("hex").slice(0, 32);
  return join(folder, `${name}.lock`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}

// ---- system calls --------------------------------------------------------------------------------------------

interface SystemCalls {
  /** flock(2), exclusive, without waiting. */
  tryLock(fd: number): boolean;
  exchange(a: string, b: string): boolean;
  hold: FileOps["hold"];
}

let loaded: SystemCalls | undefined | null = null;

/** Undefined on Windows, and where the C library cannot be opened. */
function systemCalls(): SystemCalls | undefined {
  if (loaded === null)
    loaded = process.platform === "darwin" ? darwin() : process.platform === "linux" ? linux() : undefined;
  return loaded;
}

const { i32, ptr, u32, u64 } = FFIType;
const lockExclusive = 2;
const lockNonBlocking = 4;

function darwin(): SystemCalls {
  const { symbols } = dlopen("libSystem.B.dylib", {
    flock: { args: [i32, i32], returns: i32 },
    renamex_np: { args: [ptr, ptr, u32], returns: i32 },
  });
  const renameSwap = 2;
  return {
    tryLock: (fd) => symbols.flock(fd, lockExclusive | lockNonBlocking) === 0,
    exchange: (a, b) => symbols.renamex_np(cString(a), cString(b), renameSwap) === 0,
    hold: () => undefined,
  };
}

function linux(): SystemCalls | undefined {
  const open = (library: string) =>
    dlopen(library, {
      flock: { args: [i32, i32], returns: i32 },
      fcntl: { args: [i32, i32, i32], returns: i32 },
      // By number, since not every C library has renameat2.
      syscall: { args: [u64, i32, ptr, i32, ptr, u32], returns: i32 },
      __errno_location: { args: [], returns: ptr },
    });
  const names = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`, "libc.so"];
  let library: ReturnType<typeof open> | undefined;
  for (const name of names) {
    try {
      library ??= open(name);
    } catch {
      // The next name, then.
    }
  }
  if (!library) return undefined;
  const { symbols } = library;
  const renameat2 = process.arch === "arm64" ? 276 : 316;
  const currentFolder = -100;
  const renameExchange = 2;
  const setLease = 1024;
  const getLease = 1025;
  const readLease = 0;
  const writeLease = 1;
  const noLease = 2;
  const setSignal = 10;
  const sigurg = 23;
  const tryAgain = 11;
  // statfs(2): NFS, SMB, CIFS and SMB2 also say "try again" when their server gave no delegation for the file.
  const remote = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42]);
  return {
    tryLock: (fd) => symbols.flock(fd, lockExclusive | lockNonBlocking) === 0,
    exchange: (a, b) =>
      symbols.syscall(renameat2, currentFolder, cString(a), currentFolder, cString(b), renameExchange) === 0,
    // A lease (fcntl(2)) is granted only while nobody else has the file open, or open for writing if it is a read
    // lease; who wants to then waits until it is returned, and we get a signal. The default one would kill us;
    // SIGURG is ignored.
    hold: (fd, against) => {
      symbols.fcntl(fd, setSignal, sigurg);
      const lease = against === "writers" ? readLease : writeLease;
      if (symbols.fcntl(fd, setLease, lease) !== 0) {
        const busy = read.i32(symbols.__errno_location()!, 0) === tryAgain;
        return busy && !remote.has(statfsSync(`/proc/self/fd/${fd}`).type) ? "busy" : undefined;
      }
      return {
        // What it will be once those who wait have got their way.
        awaited: () => symbols.fcntl(fd, getLease, 0) !== lease,
        release: () => void symbols.fcntl(fd, setLease, noLease),
      };
    },
  };
}

function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}
