/** Replacing a file under the hands of others: real files, real processes, real kills. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createFileOps, tryLock, tryLockFile } from "../../../agent/src/platform/files.ts";
import { startProfiles, stopProfiles } from "../../src/aws-config/edit.ts";
import { editFile, type FileOps } from "../../src/aws-config/file.ts";
import { parseAwsFile } from "../../src/aws-config/parse.ts";
import { LeappError } from "../../src/errors.ts";
import { entryFor, random, seed } from "./ugly.ts";

let folder: string;
let path: string;
let ops: FileOps;
const children = new Set<ChildProcess>();

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "leapp-file-")));
  mkdirSync(join(folder, "aws"));
  path = join(folder, "aws/config");
  ops = createFileOps(join(folder, "locks"));
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
  rmSync(folder, { recursive: true, force: true });
});

const read = (file = path) => readFileSync(file, "utf8");
const write = (text: string | undefined, file = path) =>
  editFile(file, () => (text === undefined ? undefined : Buffer.from(text)), ops);
const add = (text: string, by = ops) =>
  editFile(path, (bytes) => Buffer.concat([bytes ?? Buffer.alloc(0), Buffer.from(text)]), by);
const here = () => readdirSync(join(folder, "aws"));
const withoutExchange = (): FileOps => ({ ...ops, exchange: () => false, hold: () => undefined });

async function failure(run: Promise<unknown>): Promise<LeappError> {
  try {
    await run;
  } catch (error) {
    if (error instanceof LeappError) return error;
    throw error;
  }
  throw new Error("it should have failed");
}

function writer(...args: string[]): ChildProcess {
  const script = join(import.meta.dirname, "writer.ts");
  const child = spawn(process.execPath, [script, join(folder, "locks"), path, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.add(child);
  child.on("exit", () => children.delete(child));
  return child;
}

const exit = (child: ChildProcess) => new Promise<number | null>((resolve) => child.on("close", resolve));

describe("a file", () => {
  test("is made, changed and removed; nothing is written when nothing changes", async () => {
    const before = process.umask(0o022);
    try {
      rmSync(join(folder, "aws"), { recursive: true });
      expect(await write("one\n")).toBe(true);
      expect([statSync(path).mode & 0o777, statSync(join(folder, "aws")).mode & 0o777]).toEqual([
        0o600, 0o700,
      ]);
      const { ino, mtimeNs } = statSync(path, { bigint: true });
      expect(await write("one\n")).toBe(false);
      expect(statSync(path, { bigint: true })).toMatchObject({ ino, mtimeNs });
      expect(await write("two\n")).toBe(true);
      expect([read(), here()]).toEqual(["two\n", ["config"]]);
      expect(await write(undefined)).toBe(true);
      expect(here()).toEqual([]);
      expect(await write(undefined)).toBe(false);
    } finally {
      process.umask(before);
    }
  });

  test("keeps its mode and owner", async () => {
    writeFileSync(path, "one\n");
    chmodSync(path, 0o640);
    const root = process.getuid?.() === 0;
    if (root) chownSync(path, 1234, 2345);
    await write("two\n");
    const { mode, uid, gid } = statSync(path);
    expect(mode & 0o7777).toBe(0o640);
    if (root) expect([uid, gid]).toEqual([1234, 2345]);
  });

  test("is reached through any chain of links, which stay", async () => {
    mkdirSync(join(folder, "dotfiles/deep"), { recursive: true });
    rmSync(join(folder, "aws"), { recursive: true });
    symlinkSync("dotfiles/deep", join(folder, "aws"));
    symlinkSync("../second", join(folder, "dotfiles/deep/config"));
    symlinkSync(join(folder, "dotfiles/third"), join(folder, "dotfiles/second"));
    // The last link dangles.
    symlinkSync("deep/real", join(folder, "dotfiles/third"));
    await write("one\n");
    await write("two\n");
    const real = join(folder, "dotfiles/deep/real");
    expect([read(), read(real), lstatSync(real).isFile()]).toEqual(["two\n", "two\n", true]);
    expect(readlinkSync(join(folder, "dotfiles/deep/config"))).toBe("../second");
    await write(undefined);
    expect([existsSync(real), readlinkSync(join(folder, "dotfiles/third"))]).toEqual([false, "deep/real"]);
  });

  test("that cannot be edited gives one clear line, and stays", async () => {
    writeFileSync(path, "one\n", { mode: 0o444 });
    expect((await failure(write("two\n"))).message).toBe(`cannot edit ${path}: it is read-only`);
    expect([read(), here()]).toEqual(["one\n", ["config"]]);
    rmSync(path);

    symlinkSync("config", path);
    expect((await failure(write("two\n"))).message).toMatch(/go in a circle/);
    rmSync(path);

    mkdirSync(path);
    expect((await failure(write("two\n"))).message).toBe(`cannot edit ${path}: it is not a file`);
    rmSync(path, { recursive: true });

    spawnSync("mkfifo", [path]);
    expect((await failure(write("two\n"))).message).toBe(`cannot edit ${path}: it is not a file`);
    rmSync(path);

    const lost = join(folder, "no/such/config");
    expect((await failure(write("two\n", lost))).message).toBe(
      `cannot edit ${lost}: the folder above it does not exist`,
    );
    writeFileSync(join(folder, "file"), "");
    const below = join(folder, "file/config");
    expect((await failure(write("two\n", below))).message).toBe(
      `cannot edit ${below}: a file stands where a folder should be`,
    );
  });

  test("is left alone when the edit throws", async () => {
    writeFileSync(path, "one\n");
    const thrown = new LeappError("conflict", "no");
    const edit = editFile(
      path,
      () => {
        throw thrown;
      },
      ops,
    );
    expect(await failure(edit)).toBe(thrown);
    expect([read(), here()]).toEqual(["one\n", ["config"]]);
    expect(await write("two\n")).toBe(true);
  });

  test("of somebody else's, or in somebody else's folder, is a clear error", async () => {
    const asNobody = (setup: () => void) => {
      setup();
      // Root may do everything, so that it has to be somebody else.
      const script = [
        process.execPath,
        join(import.meta.dirname, "writer.ts"),
        join(folder, "mine"),
        path,
        "once",
        "dev",
      ];
      const command =
        process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--clear-groups", ...script] : script;
      const { stdout, stderr } = spawnSync(command[0]!, command.slice(1), { encoding: "utf8" });
      if (!stdout) throw new Error(stderr);
      return JSON.parse(stdout);
    };
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, "mine"), { mode: 0o777 });
    if (process.getuid?.() === 0) chownSync(join(folder, "mine"), 65534, 65534);
    writeFileSync(path, "[default]\n", { mode: 0o644 });
    const denied = { code: "file", message: `cannot edit ${path}: permission denied` };
    expect(asNobody(() => chmodSync(join(folder, "aws"), 0o555))).toEqual(denied);
    expect(asNobody(() => chmodSync(path, 0o000))).toEqual(
      process.getuid?.() === 0 ? denied : expect.objectContaining({ code: "file" }),
    );
    chmodSync(join(folder, "aws"), 0o755);
    chmodSync(path, 0o644);
    expect([read(), here()]).toEqual(["[default]\n", ["config"]]);
  }, 30_000);

  test("on a full disk stays, and no temporary file is left", () => {
    const text = `[default]\n${"# filler\n".repeat(20_000)}`;
    writeFileSync(path, text);
    // A limit on the size of files, with its signal ignored, fails a write half-way as a full disk does.
    const command = `trap '' XFSZ; ulimit -f 64; exec "$0" "$@"`;
    const script = [join(import.meta.dirname, "writer.ts"), join(folder, "locks"), path, "once", "dev"];
    const { stdout, stderr } = spawnSync("bash", ["-c", command, process.execPath, ...script], {
      encoding: "utf8",
    });
    if (!stdout) throw new Error(stderr);
    expect(JSON.parse(stdout)).toEqual({
      code: "file",
      message: `cannot edit ${path}: the file is too large`,
    });
    expect([read() === text, here()]).toEqual([true, ["config"]]);
  }, 30_000);
});

describe("a change made between our reading and our writing", () => {
  for (const [name, by] of [
    ["with exchange", () => ops],
    ["without", withoutExchange],
  ] as const) {
    /** The edit's first call makes the other program's change. */
    const racing = (theirs: () => void, edit: (bytes: Uint8Array | undefined) => Uint8Array | undefined) => {
      let calls = 0;
      return editFile(
        path,
        (bytes) => {
          if (calls++ === 0) theirs();
          return edit(bytes);
        },
        by(),
      ).then(() => calls);
    };
    const append = (bytes: Uint8Array | undefined) =>
      Buffer.concat([bytes ?? Buffer.alloc(0), Buffer.from("ours\n")]);

    test(`${name}: in place, by rename, by creation, by removal`, async () => {
      writeFileSync(path, "one\n");
      expect(await racing(() => writeFileSync(path, "two\n"), append)).toBe(2);
      expect(read()).toBe("two\nours\n");
      writeFileSync(path, "one\n");
      expect(
        await racing(() => {
          writeFileSync(`${path}~`, "three\n");
          renameSync(`${path}~`, path);
        }, append),
      ).toBe(2);
      expect(read()).toBe("three\nours\n");
      rmSync(path);
      expect(await racing(() => writeFileSync(path, "four\n"), append)).toBe(2);
      expect(read()).toBe("four\nours\n");
      expect(await racing(() => rmSync(path), append)).toBe(2);
      expect(read()).toBe("ours\n");
      expect(here()).toEqual(["config"]);
    });

    test(`${name}: while we remove the file`, async () => {
      writeFileSync(path, "ours\n");
      await racing(
        () => writeFileSync(path, "ours\ntheirs\n"),
        (bytes) => (bytes?.toString().includes("theirs") ? Buffer.from("theirs\n") : undefined),
      );
      expect([read(), here()]).toEqual(["theirs\n", ["config"]]);
    });
  }

  test.skipIf(process.platform !== "linux")(
    "by a program that has it open for writing is waited for, and not for ever",
    async () => {
      writeFileSync(path, "one\n");
      let fd = 0;
      const open = (bytes: Uint8Array | undefined) => {
        fd = openSync(path, "r+");
        return Buffer.from(`${bytes}ours\n`);
      };
      try {
        const { message } = await failure(editFile(path, open, ops));
        expect(message).toBe(`cannot edit ${path}: another program has it open for writing`);
        expect([read(), here()]).toEqual(["one\n", ["config"]]);
      } finally {
        closeSync(fd);
      }
      const writing = openSync(path, "r+");
      const edit = add("ours\n");
      writeSync(writing, "theirs\n");
      closeSync(writing);
      await edit;
      expect(read()).toBe("theirs\nours\n");
    },
    30_000,
  );

  const other = `
import sys
with open(sys.argv[1]) as file:
    text = file.read()
with open(sys.argv[1], "w") as file:
    file.write(text + "theirs\\n")
`;
  /** Another program starts its change, and comes as far as it can while we hold the file. */
  const startOther = () => {
    const child = spawn("python3", ["-c", other, path], { stdio: "inherit" });
    children.add(child);
    const waits = new RegExp(`LEASE +BREAKING .*:${statSync(path).ino} `);
    for (const end = performance.now() + 10_000; !waits.test(read("/proc/locks")); )
      if (performance.now() > end) throw new Error("nobody waits for the file");
    return exit(child);
  };

  for (const [name, meanwhile, expected] of [
    [
      "by a program that is about to write the old file",
      (swap: () => boolean) => [startOther(), swap()],
      "one\n",
    ],
    [
      "by a program that reads ours before the file that came out is given back",
      (swap: () => boolean) => {
        writeFileSync(`${path}~`, "two\n");
        renameSync(`${path}~`, path);
        const swapped = swap();
        return [startOther(), swapped];
      },
      "two\n",
    ],
  ] as const)
    test.skipIf(process.platform !== "linux")(name, async () => {
      writeFileSync(path, "one\n");
      let ended: Promise<number | null> | undefined;
      await add("ours\n", {
        ...ops,
        exchange: (a, b) => {
          const swap = () => ops.exchange(a, b);
          if (ended) return swap();
          const [end, swapped] = meanwhile(swap) as [Promise<number | null>, boolean];
          ended = end;
          return swapped;
        },
      });
      expect(await ended).toBe(0);
      expect([read().split("\n").sort(), here()]).toEqual([
        `${expected}ours\ntheirs\n`.split("\n").sort(),
        ["config"],
      ]);
    });

  test("by a program that never pauses ends in a clear error, and it keeps its text", async () => {
    let i = 0;
    writeFileSync(path, "one\n");
    const edit = editFile(
      path,
      () => {
        writeFileSync(path, `theirs ${++i}\n`);
        return Buffer.from("ours\n");
      },
      ops,
    );
    expect((await failure(edit)).message).toBe(`cannot edit ${path}: another program keeps changing it`);
    expect([read(), here()]).toEqual([`theirs ${i}\n`, ["config"]]);
  });

  test("is never lost to any of our edits: 400 lines of another process, written in place and by rename", async () => {
    writeFileSync(path, "[default]\nregion = us-east-1\n");
    // It waits for one of our edits now and then, else a quick one would leave us no time between two of its own.
    const script = `
import os, sys
path = sys.argv[1]
def read():
    with open(path) as file:
        return file.read()
for i in range(400):
    text = read().replace("[default]\\n", "[default]\\n# %d\\n" % i)
    if i % 2:
        with open(path, "w") as file:
            for line in text.splitlines(True):
                file.write(line)
                file.flush()
    else:
        with open(path + "~", "w") as file:
            file.write(text)
        os.rename(path + "~", path)
    if i % 20 == 19:
        before = "ours" in read()
        while ("ours" in read()) == before:
            pass
`;
    const child = spawn("python3", ["-c", script, path], { stdio: "inherit" });
    children.add(child);
    let done = false;
    const end = exit(child).then((status) => {
      done = true;
      return status;
    });
    let edits = 0;
    while (!done) {
      const toggle = (bytes: Uint8Array | undefined) => {
        const text = Buffer.from(bytes!).toString();
        return Buffer.from(text.includes("ours") ? text.replace("ours\n", "") : `${text}ours\n`);
      };
      try {
        if (await editFile(path, toggle, ops)) edits++;
      } catch (error) {
        // While it writes without a pause, being turned away is right; losing a line is not.
        if (!(error instanceof LeappError) || error.code !== "file") throw error;
      }
    }
    expect(await end).toBe(0);
    expect(edits).toBeGreaterThan(10);
    // Had the names to be exchanged back at the very moment of a change, one of both texts was kept aside.
    const kept = here().map((name) => read(join(folder, "aws", name)));
    const lost = Array.from({ length: 400 }, (_, i) => `# ${i}\n`).filter(
      (line) => !kept.some((text) => text.includes(line)),
    );
    expect(lost).toEqual([]);
    const lines = read().match(/^# \d+$/gm) ?? [];
    if (kept.length === 1) expect([...lines]).toEqual(Array.from({ length: 400 }, (_, i) => `# ${399 - i}`));
  }, 60_000);
});

describe("processes of ours", () => {
  test("two at once both get all their edits in", async () => {
    writeFileSync(path, "[default]\n");
    const statuses = await Promise.all([
      exit(writer("fill", "a")),
      exit(writer("fill", "b")),
      exit(writer("fill", "c")),
    ]);
    expect(statuses).toEqual([0, 0, 0]);
    const names = parseAwsFile(readFileSync(path), "config")
      .sections.map(({ profile }) => profile)
      .sort();
    const all = ["a", "b", "c"].flatMap((one) => Array.from({ length: 40 }, (_, i) => `${one}-${i}`));
    expect(names).toEqual([...all, "default"].sort());
    expect(here()).toEqual(["config"]);
  }, 60_000);

  test("killed at any moment leave the old or the new file, and nothing in the way", async () => {
    const rng = random(seed);
    const kills = Number(process.env.KILLS ?? 60);
    const original = `[default]\r\nregion = us-east-1\r\n${"# filler\r\n".repeat(2_000)}[profile z]`;
    writeFileSync(path, original);
    const { bytes: started, undo } = startProfiles(Buffer.from(original), "config", [
      entryFor("config", "dev", "s1"),
    ]);
    const states = [original, Buffer.from(started!).toString()];
    let leftovers = 0;
    for (let kill = 0; kill < kills; kill++) {
      const child = writer("toggle", "dev");
      const ended = exit(child);
      let edits = 1 + rng.below(4);
      for await (const _ of createInterface(child.stdout!)) {
        if (--edits > 0) continue;
        const moment = performance.now() + rng.next() * 4;
        while (performance.now() < moment);
        child.kill("SIGKILL");
        break;
      }
      await ended;
      expect(states).toContain(read());
      if (here().length > 1) leftovers++;
      await editFile(path, (bytes) => stopProfiles(bytes, "config", undo).bytes, ops);
      expect([read() === original, here()]).toEqual([true, ["config"]]);
    }
    // Otherwise the kills came at no interesting moment.
    expect(leftovers).toBeGreaterThan(0);
  }, 120_000);

  test("that die with the lock give it up, and only then", async () => {
    const child = writer("hold");
    const ended = exit(child);
    for await (const _ of createInterface(child.stdout!)) break;
    let got = false;
    const lock = ops.lock(path).then((release) => {
      got = true;
      release();
    });
    await new Promise(setImmediate);
    expect(got).toBe(false);
    child.kill("SIGKILL");
    await ended;
    await lock;
    expect(got).toBe(true);
  }, 30_000);
});

describe("left over by a killed run", () => {
  const digest = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 12);
  const leave = (name: string, text: string) => writeFileSync(join(folder, "aws", name), text);

  test("temporary files of ours are removed, others stay", async () => {
    writeFileSync(path, "new\n");
    leave(".config.leapp-0a1b2c3d.tmp", "half");
    leave(`.config.leapp-0a1b2c3d-${digest("old\n")}-${digest("new\n")}.swap`, "old\n");
    leave(`.config.leapp-1a1b2c3d-${digest("new\n")}-${digest("next\n")}.swap`, "next\n");
    leave(".config.leapp-mine", "x");
    leave(".other.leapp-0a1b2c3d.tmp", "x");
    await add("more\n");
    expect(read()).toBe("new\nmore\n");
    expect(here().sort()).toEqual([".config.leapp-mine", ".other.leapp-0a1b2c3d.tmp", "config"]);
  });

  test("somebody else's text, taken out by the exchange and not yet given back, returns", async () => {
    writeFileSync(path, "new\n");
    leave(`.config.leapp-0a1b2c3d-${digest("old\n")}-${digest("new\n")}.swap`, "theirs\n");
    await add("more\n");
    expect([read(), here()]).toEqual(["theirs\nmore\n", ["config"]]);
  });

  test("and is kept aside when the file has moved on", async () => {
    writeFileSync(path, "newer\n");
    leave(`.config.leapp-0a1b2c3d-${digest("old\n")}-${digest("new\n")}.swap`, "theirs\n");
    await add("more\n");
    const [saved] = here().filter((name) => name.startsWith("config.leapp-saved-"));
    expect([read(), read(join(folder, "aws", saved!))]).toEqual(["newer\nmore\n", "theirs\n"]);
  });

  test("a file on its way out goes, and comes back if it was not ours", async () => {
    leave(`.config.leapp-0a1b2c3d-${digest("ours\n")}-none.swap`, "ours\n");
    await add("more\n");
    expect([read(), here()]).toEqual(["more\n", ["config"]]);
    rmSync(path);
    leave(`.config.leapp-0a1b2c3d-${digest("ours\n")}-none.swap`, "theirs\n");
    await add("more\n");
    expect([read(), here()]).toEqual(["theirs\nmore\n", ["config"]]);
  });
});

describe("locks", () => {
  test("exclude within a process too, by flock and by a file with a process id", () => {
    for (const [take, name] of [
      [tryLock, "a"],
      [tryLockFile, "b"],
    ] as const) {
      const file = join(folder, name);
      const release = take(file)!;
      expect(take(file)).toBeUndefined();
      release();
      const again = take(file);
      expect(again).toBeFunction();
      again!();
    }
  });

  test("by a file pass over dead owners", () => {
    const file = join(folder, "lock");
    const { pid } = spawnSync("true");
    writeFileSync(file, `${pid}`);
    expect(tryLockFile(file)).toBeFunction();
    expect(read(file)).toBe(`${process.pid}`);
    writeFileSync(file, "");
    expect(tryLockFile(file)).toBeUndefined();
    utimesSync(file, 0, 0);
    expect(tryLockFile(file)).toBeFunction();
    expect(readdirSync(folder).filter((name) => name.startsWith("lock."))).toEqual([]);
  });

  test("live in a private folder, and nowhere else", async () => {
    const locks = join(folder, "locks");
    mkdirSync(locks, { mode: 0o755 });
    chmodSync(locks, 0o755);
    (await ops.lock(path))();
    expect(statSync(locks).mode & 0o777).toBe(0o700);
    rmSync(locks, { recursive: true });
    symlinkSync("aws", locks);
    expect((await failure(ops.lock(path))).message).toBe(`${locks} is not a folder of yours`);
    expect(here()).toEqual([]);
  });
});
