/**
 * Replaces a file that belongs to the person: atomically, through symbolic links, under a lock, and without losing
 * what another program writes at the same moment.
 *
 * The new text goes to a temporary file beside the old one. Then writers of the old file and everybody who opens the
 * new one wait for a moment, the old file is compared with what was read, and the two names are exchanged in one step.
 * What came out must be the file that was compared, with nobody waiting to write it; else it goes back before anybody
 * saw ours. Whenever somebody was faster the edit starts again on their text. A killed run leaves at most a temporary
 * file, which the next one clears up.
 */
import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import {
  access,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  unlink,
} from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { LeappError } from "../errors.ts";

/** What the system offers beyond node:fs. */
export interface FileOps {
  /**
   * Takes the lock that belongs to a path, for all Leapp processes of this user, and resolves to its release. The
   * system releases it when the process dies.
   * @throws LeappError `file` when it cannot be had in reasonable time
   */
  lock(path: string): Promise<() => void>;
  /** Exchanges two files of one folder in one step; false where this is impossible. Nothing has changed then. */
  exchange(a: string, b: string): boolean;
  /**
   * Makes others wait who open this open file for writing, or at all. `busy`: somebody has done so already. Undefined:
   * the system has no such means.
   */
  hold(fd: number, against: "writers" | "everybody"): Hold | "busy" | undefined;
}

/** To be released soon, and without an await: a wait of our own would be for ever. */
export interface Hold {
  /** Whether somebody waits by now. */
  awaited(): boolean;
  release(): void;
}

type Content = Uint8Array | undefined;

/** How often a file may change under our hands before we give up. */
const attempts = 20;
/** Milliseconds for which another program may hold the file open for writing. */
const patience = 2_000;

/**
 * Edits one file. `edit` gets its bytes (undefined: there is none) and gives the new ones (undefined: remove it); it
 * may be called several times, and what it throws goes to the caller with nothing changed. Mode and owner stay; a
 * new file gets 0600, a missing folder 0700 (its parent must exist).
 * @returns whether the file was written
 * @throws LeappError `file`
 */
export async function editFile(
  path: string,
  edit: (bytes: Content) => Content,
  ops: FileOps,
): Promise<boolean> {
  try {
    for (;;) {
      const target = await followLinks(path);
      const release = await ops.lock(target);
      try {
        // The link may have been turned while we waited.
        if ((await followLinks(path)) === target) return await editLocked(path, target, edit, ops);
      } catch (error) {
        await clearUp(target, ops).catch(() => {});
        throw error;
      } finally {
        release();
      }
    }
  } catch (error) {
    throw explain(path, error);
  }
}

async function editLocked(
  path: string,
  target: string,
  edit: (bytes: Content) => Content,
  ops: FileOps,
): Promise<boolean> {
  await clearUp(target, ops);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const before = await read(target, ops);
    const next = edit(before?.bytes);
    if (same(before?.bytes, next)) return false;
    if (before && (before.mode & 0o222) === 0) throw failure(path, "it is read-only");
    if (before) await access(target, constants.W_OK).catch(ignore("ENOENT"));
    if (await replace(target, before, next, ops)) return true;
    await pause(1 + attempt);
  }
  throw failure(path, "another program keeps changing it");
}

interface Read {
  bytes: Uint8Array;
  mode: number;
  uid: number;
  gid: number;
}

/** The file as it is when nobody is in the middle of writing it. */
function read(path: string, ops: FileOps): Promise<Read | undefined> {
  return whileQuiet(path, ops, (fd) => {
    const { mode, uid, gid } = fstatSync(fd);
    return { bytes: readFileSync(fd), mode: mode & 0o7777, uid, gid };
  });
}

/**
 * Runs something on a file that nobody has open for writing, and that nobody can open for writing meanwhile, as far
 * as the system allows. Undefined when there is no file.
 */
async function whileQuiet<T>(
  path: string,
  ops: FileOps,
  run: (fd: number, hold: Hold | undefined) => T,
): Promise<T | undefined> {
  for (let waited = 0; ; waited += 2) {
    const found = ifQuiet(path, ops, run);
    if (found !== "busy") return found;
    if (waited >= patience) throw failure(path, "another program has it open for writing");
    await pause(2);
  }
}

/** The same without waiting. */
function ifQuiet<T>(
  path: string,
  ops: FileOps,
  run: (fd: number, hold: Hold | undefined) => T,
): T | "busy" | undefined {
  let fd: number;
  try {
    if (!lstatSync(path).isFile()) throw failure(path, "it is not a file");
    fd = openSync(path, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const hold = ops.hold(fd, "writers");
    if (hold === "busy") return hold;
    try {
      return run(fd, hold);
    } finally {
      hold?.release();
    }
  } finally {
    closeSync(fd);
  }
}

/** Puts `next` in the place of `before`. False: somebody else was there first, and their text stands. */
async function replace(
  target: string,
  before: Read | undefined,
  next: Content,
  ops: FileOps,
): Promise<boolean> {
  const folder = dirname(target);
  const stem = temporary(target);
  // Under this name a file is complete, and what it is can be told from the digests after a crash.
  const swap = `${stem}-${digest(before?.bytes)}-${digest(next)}.swap`;
  if (next === undefined) {
    const gone = await rename(target, swap).then(() => true, ignore("ENOENT"));
    if (!gone) return false;
    await sync(folder);
    const done = await untouched(swap, before, ops);
    if (done) await unlink(swap);
    else await moveWithout(swap, target);
    return done;
  }

  const fresh = `${stem}.tmp`;
  if (!before) await mkdir(folder, { mode: 0o700 }).catch(ignore("EEXIST"));
  let outcome: Outcome | undefined;
  const file = await open(fresh, "wx+", 0o600);
  try {
    await fill(file, next, before);
    if (!before) return await moveWithout(fresh, target);
    await rename(fresh, swap);
    outcome = await whileQuiet(target, ops, (fd, hold) =>
      swapIn(fd, hold, file.fd, swap, target, before, ops),
    );
  } finally {
    await file.close();
    await unlink(fresh).catch(ignore("ENOENT"));
    await sync(folder);
  }
  // Who was on the way to a file when the names were exchanged has it open after that.
  if (outcome && outcome !== "changed") await pause(5);
  if (outcome === "done" && !(await untouched(swap, before, ops))) {
    ops.exchange(swap, target);
    outcome = {};
  }
  if (typeof outcome === "object") await keepNewest(swap, target, outcome.left ?? next, ops);
  await unlink(swap).catch(ignore("ENOENT"));
  return outcome === "done";
}

/**
 * `changed`: since it was read; nothing was done. An object: another file was moved there at the last moment, or
 * somebody waits to write the old one; it is there again, and ours, now under the name `swap`, contains `left`.
 */
type Outcome = "done" | "changed" | { left?: Uint8Array };

/** Puts `swap`, whose open file is `fresh`, in the place of `target`, whose open file is `old`. */
function swapIn(
  old: number,
  hold: Hold | undefined,
  fresh: number,
  swap: string,
  target: string,
  before: Read,
  ops: FileOps,
): Outcome {
  const { ino } = fstatSync(old);
  const isOld = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.ino === ino;
  const unseen = ops.hold(fresh, "everybody");
  try {
    // The name is looked at last: what is moved there from now on comes out, and has to go back.
    if (!same(readFileSync(old), before.bytes) || !isOld(target)) return "changed";
    if (!ops.exchange(swap, target)) {
      renameSync(swap, target);
      return "done";
    }
    const cameOut = isOld(swap);
    if (cameOut && same(readFileSync(swap), before.bytes) && !hold?.awaited()) return "done";
    const text = cameOut ? before.bytes : ifQuiet(swap, ops, (fd, hold) => hold && readFileSync(fd));
    const held = unseen && unseen !== "busy" && text && text !== "busy";
    // Who waits for our file will read or write that one: then it stays, with the text that came out.
    if (!held || !unseen.awaited()) ops.exchange(swap, target);
    if (!held) return {};
    ftruncateSync(fresh);
    writeSync(fresh, text, 0, text.length, 0);
    return { left: text };
  } finally {
    if (unseen !== "busy") unseen?.release();
  }
}

/** Whether a file, if it is still there, is what it was, and nobody is writing it. */
async function untouched(path: string, before: Read | undefined, ops: FileOps): Promise<boolean> {
  try {
    const now = await read(path, ops);
    return !now || same(now.bytes, before?.bytes);
  } catch (error) {
    if (error instanceof LeappError) return false;
    throw error;
  }
}

/** After giving back: `swap` must be what we left there, else somebody changed it meanwhile. */
async function keepNewest(swap: string, target: string, left: Uint8Array, ops: FileOps): Promise<void> {
  if (same((await read(swap, ops))?.bytes, left)) return;
  // A change made on top of ours is the newest and stays; the one we gave back is kept aside.
  ops.exchange(swap, target);
  if (!same((await read(swap, ops))?.bytes, left)) await rename(swap, savedName(target));
}

/** Fills a new file durably, and gives it the mode and owner of the old one. */
async function fill(file: FileHandle, bytes: Uint8Array, like: Read | undefined): Promise<void> {
  await file.writeFile(bytes);
  if (like) {
    const { uid, gid } = await file.stat();
    if (uid !== like.uid || gid !== like.gid) await file.chown(like.uid, like.gid);
    await file.chmod(like.mode);
  }
  await file.sync();
}

/** Gives a file another name unless that name is taken; the old name is gone in the first case. */
async function moveWithout(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(codeOf(error))) throw error;
    // A file system without hard links.
    if (await exists(to)) return false;
    await rename(from, to);
    return true;
  }
  await unlink(from);
  return true;
}

// ---- temporary files -----------------------------------------------------------------------------------------

/** `.config.leapp-1a2b3c4d`, beside the file. */
function temporary(target: string): string {
  return join(dirname(target), `.${basename(target)}.leapp-${randomBytes(4).toString("hex")}`);
}

function savedName(target: string): string {
  return `${target}.leapp-saved-${randomBytes(4).toString("hex")}`;
}

/** Clears up after a run that was killed. We hold the lock, so nobody is using these files. */
async function clearUp(target: string, ops: FileOps): Promise<void> {
  const prefix = `.${basename(target)}.leapp-`;
  const folder = dirname(target);
  const names = await readdir(folder).catch(ignore("ENOENT"));
  for (const name of names ?? []) {
    if (!name.startsWith(prefix)) continue;
    const path = join(folder, name);
    if (/^[0-9a-f]{8}\.tmp$/.test(name.slice(prefix.length))) await unlink(path);
    const digests = /^[0-9a-f]{8}-(\w+)-(\w+)\.swap$/.exec(name.slice(prefix.length));
    if (!digests) continue;
    const [, old, next] = digests;
    const content = digest(await readFile(path));
    if (content === old && next === "none" && !(await exists(target))) await unlink(path);
    else if (content === old || content === next) await unlink(path);
    else {
      const now = digest((await read(target, ops))?.bytes);
      // Killed between the exchange and the comparison, with somebody else's change in our hands.
      if (now === next) await rename(path, target);
      else if (now === content) await unlink(path);
      else await rename(path, savedName(target));
    }
  }
}

function digest(bytes: Content): string {
  return bytes === undefined ? "none" : createHash("sha256").update(bytes).digest("hex").slice(0, 12);
}

// ---- small things --------------------------------------------------------------------------------------------

/** The file behind any chain of symbolic links, which need not exist yet. */
async function followLinks(path: string): Promise<string> {
  let at = resolve(path);
  for (let hops = 0; hops < 40; hops++) {
    const folder = (await realpath(dirname(at)).catch(ignore("ENOENT"))) ?? dirname(at);
    at = join(folder, basename(at));
    // EINVAL: it is no link; UNKNOWN is what Windows says.
    const next = await readlink(at).catch(ignore("EINVAL", "ENOENT", "UNKNOWN"));
    if (next === undefined) return at;
    at = resolve(folder, next);
  }
  throw failure(path, "its symbolic links go in a circle");
}

function same(a: Content, b: Content): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0);
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(ignore("ENOENT"))) !== undefined;
}

/** Makes the folder's new entries durable. Windows has no such call. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(ignore("EISDIR", "EPERM", "EACCES"));
  await handle?.sync().catch(ignore("EINVAL", "EPERM", "EISDIR"));
  await handle?.close();
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

function ignore(...codes: string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes(codeOf(error))) throw error;
  };
}

function failure(path: string, why: string, cause?: unknown): LeappError {
  return new LeappError("file", `cannot edit ${path}: ${why}`, { cause });
}

const reasons: Record<string, string> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file is too large",
  ENOENT: "the folder above it does not exist",
  ENOTDIR: "a file stands where a folder should be",
  EISDIR: "it is a folder",
  ELOOP: "its symbolic links go in a circle",
  ENAMETOOLONG: "the name is too long",
  EIO: "the disk reports an error",
  EMFILE: "too many files are open",
};

/** System errors in words; everything else as it is. */
function explain(path: string, error: unknown): unknown {
  const code = codeOf(error);
  if (error instanceof LeappError || !/^E[A-Z0-9]+$/.test(code)) return error;
  return failure(path, reasons[code] ?? code, error);
}
