import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { LeappError } from "../../core/src/errors.ts";
import { systemClock } from "../src/platform/clock.ts";
import { ensureHome, resolvePaths } from "../src/platform/paths.ts";
import { callersOf, installedAs, peerOf, resolvesToUs } from "../src/platform/process.ts";

const scratch = realpathSync(mkdtempSync(join(tmpdir(), "leapp-platform-")));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const onLinux = process.platform === "linux";
const asRoot = process.geteuid?.() === 0;
const bun = process.execPath;
const platformModule = (name: string) =>
  JSON.stringify(join(import.meta.dir, "../src/platform", `${name}.ts`));

/** Runs a TypeScript program in a process of its own; returns what it prints. */
function program(text: string, env: Record<string, string> = {}): string {
  const file = join(mkdtempSync(join(scratch, "program-")), "main.ts");
  writeFileSync(file, text);
  const done = spawnSync(bun, [file], { encoding: "utf8", env: { PATH: "/usr/bin:/bin", ...env } });
  if (done.status !== 0) throw new Error(done.stderr);
  return done.stdout.trim();
}

describe("paths", () => {
  const of = (env: Record<string, string>, platform: NodeJS.Platform = "linux") =>
    resolvePaths(env, platform);

  test("LEAPP_HOME decides, then the platform's folder for application data", () => {
    expect(of({ LEAPP_HOME: "/x/leapp", XDG_DATA_HOME: "/data", HOME: "/home/me" }).home).toBe("/x/leapp");
    expect(of({ LEAPP_HOME: "", XDG_DATA_HOME: "/data", HOME: "/home/me" }).home).toBe("/data/leapp");
    expect(of({ XDG_DATA_HOME: "", HOME: "/home/me" }).home).toBe("/home/me/.local/share/leapp");
    expect(of({ HOME: "/Users/me" }, "darwin").home).toBe("/Users/me/Library/Application Support/leapp");
    expect(of({ LOCALAPPDATA: "C:\\Users\\me\\AppData\\Local" }, "win32").home).toBe(
      "C:\\Users\\me\\AppData\\Local\\leapp",
    );
  });

  test("a relative XDG_DATA_HOME is ignored, a relative LEAPP_HOME hangs below the current folder", () => {
    expect(of({ XDG_DATA_HOME: "data", HOME: "/home/me" }).home).toBe("/home/me/.local/share/leapp");
    expect(of({ LEAPP_HOME: "mine//" }).home).toBe(`${process.cwd()}/mine`);
  });

  test("without HOME the account's own folder counts", () => {
    const passwd = readFileSync("/etc/passwd", "utf8");
    const fields = passwd.split("\n").map((line) => line.split(":"));
    const ours = fields.find((line) => line[2] === String(process.geteuid?.()))?.[5] ?? userInfo().homedir;
    for (const env of [{}, { HOME: "" }] as Record<string, string>[]) {
      expect(of(env).home).toBe(`${ours}/.local/share/leapp`);
      expect(of(env).awsConfig).toBe(`${ours}/.aws/config`);
    }
  });

  test("AWS's files are where AWS's variables say", () => {
    const paths = of({
      HOME: "/home/me",
      AWS_CONFIG_FILE: "~/aws/conf",
      AWS_SHARED_CREDENTIALS_FILE: "/etc/keys",
    });
    expect(paths.awsConfig).toBe("/home/me/aws/conf");
    expect(paths.awsCredentials).toBe("/etc/keys");
    expect(of({ HOME: "/home/me" }).awsCredentials).toBe("/home/me/.aws/credentials");
    expect(of({ HOME: "/home/me", AWS_CONFIG_FILE: "~other/x" }).awsConfig).toBe(`${process.cwd()}/~other/x`);
  });

  test("a socket's path fits every system, however long the home", () => {
    const fits = `/${"a".repeat(100 - "//agent.sock".length)}`;
    expect(of({ LEAPP_HOME: fits }).socket).toBe(`${fits}/agent.sock`);
    expect(of({ LEAPP_HOME: fits }).socket.length).toBe(100);
    const long = of({ LEAPP_HOME: `${fits}a` }).socket;
    expect(long).toMatch(new RegExp(`^/tmp/leapp-${process.geteuid?.()}/[0-9a-f]{16}\\.sock$`));
    expect(of({ LEAPP_HOME: `${fits}b` }).socket).not.toBe(long);
    // Bytes count, not characters.
    expect(of({ LEAPP_HOME: `/${"é".repeat(60)}` }).socket).toStartWith("/tmp/");
  });

  test("the home folder is made for us alone", () => {
    const paths = of({ LEAPP_HOME: join(scratch, "made/deep") });
    ensureHome(paths);
    ensureHome(paths);
    expect(statSync(paths.home).mode & 0o777).toBe(0o700);
  });

  test("a home that others could look into is closed, one that others can write in is refused", () => {
    const open = join(scratch, "open");
    mkdirSync(open);
    chmodSync(open, 0o755);
    ensureHome(of({ LEAPP_HOME: open }));
    expect(statSync(open).mode & 0o777).toBe(0o700);
    for (const mode of [0o720, 0o702, 0o777]) {
      chmodSync(open, mode);
      expect(() => ensureHome(of({ LEAPP_HOME: open }))).toThrow("other users can write");
    }
    chmodSync(open, 0o700);
    symlinkSync(open, join(scratch, "link"));
    ensureHome(of({ LEAPP_HOME: join(scratch, "link") }));
  });

  test("a home that cannot be one says so with the code `file`", () => {
    writeFileSync(join(scratch, "plain"), "");
    for (const home of [join(scratch, "plain"), join(scratch, "plain/below"), "/proc/leapp"]) {
      try {
        ensureHome(of({ LEAPP_HOME: home }));
        throw new Error("accepted");
      } catch (error) {
        expect(error).toBeInstanceOf(LeappError);
        expect((error as LeappError).code).toBe("file");
      }
    }
  });

  test("a long home's socket folder is ours, or nothing", () => {
    const home = join(scratch, "l".repeat(90));
    const paths = of({ LEAPP_HOME: home });
    expect(paths.socket).toStartWith("/tmp/");
    const planted = { ...paths, socket: join(scratch, "planted/x.sock") };
    const elsewhere = join(scratch, "elsewhere");
    mkdirSync(elsewhere, { mode: 0o700 });
    symlinkSync(elsewhere, join(scratch, "planted"));
    expect(() => ensureHome(planted)).toThrow("is not a folder");
  });

  test.if(asRoot)("a home of another user is refused", () => {
    const theirs = join(scratch, "theirs");
    mkdirSync(theirs, { mode: 0o700 });
    chownSync(theirs, 65534, 65534);
    expect(() => ensureHome(of({ LEAPP_HOME: theirs }))).toThrow("belongs to another user");
  });
});

describe("clock", () => {
  test("calls when the time has come, at once when it has passed, never when cancelled", async () => {
    const calls: string[] = [];
    systemClock.at(systemClock.now() + 5, () => calls.push("never"))();
    const due = systemClock.now() + 20;
    await new Promise<void>((resolve) => {
      systemClock.at(systemClock.now() - 1000, () => calls.push("past"));
      systemClock.at(due, () => {
        calls.push("due");
        resolve();
      });
      // The clock's timers do not keep a process alive, so this one has to.
      const alive = setInterval(() => calls.includes("due") && clearInterval(alive), 5);
    });
    expect(calls).toEqual(["past", "due"]);
    expect(systemClock.now()).toBeGreaterThanOrEqual(due);
  });

  test("does not keep a process alive", () => {
    const text = `import { systemClock } from ${platformModule("clock")};
      systemClock.at(Date.now() + 3_600_000, () => {}); console.log("ends");`;
    expect(program(text)).toBe("ends");
  });
});

describe("process", () => {
  test.if(onLinux)("names who called, nearest first, and where they stand", () => {
    const { callers, cwd } = callersOf(process.pid);
    expect(callers[0]).toEqual({ pid: process.pid, executable: realpathSync(process.execPath) });
    expect(callers[1]?.pid).toBe(process.ppid);
    expect(callers.length).toBeLessThanOrEqual(4);
    expect(callersOf(process.pid, 1).callers).toHaveLength(1);
    expect(cwd).toBe(process.cwd());
  });

  test("knows nothing of a process that is gone", () => {
    const { pid } = spawnSync("true");
    expect(callersOf(pid)).toEqual({ callers: [] });
  });

  test.if(onLinux)("a process with blanks and brackets in its name is followed to its parent", () => {
    const odd = join(scratch, "a) R 1 (b");
    spawnSync("cp", ["/bin/sleep", odd]);
    const child = Bun.spawn([odd, "60"]);
    expect(
      callersOf(child.pid)
        .callers.map(({ pid }) => pid)
        .slice(0, 2),
    ).toEqual([child.pid, process.pid]);
    child.kill();
  });

  test.if(onLinux || process.platform === "darwin")("the kernel names the peer of a socket", async () => {
    const path = join(scratch, "peer.sock");
    const seen = Promise.withResolvers<ReturnType<typeof peerOf>>();
    const server = Bun.listen({
      unix: path,
      socket: {
        open(socket) {
          seen.resolve(peerOf((socket as unknown as { fd: number }).fd));
          socket.end();
        },
        data() {},
      },
    });
    const client = await Bun.connect({ unix: path, socket: { data() {} } });
    expect(await seen.promise).toEqual({ pid: process.pid, uid: process.geteuid?.() ?? -1 });
    client.end();
    server.stop(true);
    expect(peerOf(987)).toBeUndefined();
  });

  test.if(onLinux)(
    "hardened: no core file, files for us alone, no reading by others of the same user",
    () => {
      const text = `import { hardenProcess } from ${platformModule("process")};
      import { readFileSync, statSync, writeFileSync } from "node:fs";
      hardenProcess();
      writeFileSync(process.env.FILE, "");
      console.log(JSON.stringify({
        core: /Max core file size +(\\S+) +(\\S+)/.exec(readFileSync("/proc/self/limits", "utf8")).slice(1),
        mode: statSync(process.env.FILE).mode & 0o777,
        owner: statSync("/proc/self/environ").uid,
        dumpable: Bun.spawnSync(["cat", "/proc/" + process.pid + "/environ"]).exitCode,
      }));`;
      const result = JSON.parse(program(text, { FILE: join(scratch, "hardened") }));
      expect(result).toMatchObject({ core: ["0", "0"], mode: 0o600, owner: 0 });
      // Root may read all the same; anybody else may not.
      if (!asRoot) expect(result.dumpable).not.toBe(0);
    },
  );

  test.if(onLinux && asRoot)(
    "hardened: another process of the same user cannot read its memory or environment",
    () => {
      const main = join(mkdtempSync(join(scratch, "hard-")), "main.js");
      const built = spawnSync(bun, [
        "build",
        "--target=bun",
        "--outfile",
        main,
        join(import.meta.dir, "hardened.ts"),
      ]);
      expect(built.status).toBe(0);
      chmodSync(scratch, 0o755);
      chmodSync(join(main, ".."), 0o755);
      const asNobody = { uid: 65534, gid: 65534, encoding: "utf8", env: { PATH: "/usr/bin:/bin" } } as const;
      const reachable = spawnSync(bun, ["--version"], asNobody).status === 0;
      const copy = join(scratch, "bun");
      if (!reachable) spawnSync("cp", [bun, copy]);
      const done = spawnSync(reachable ? bun : copy, [main], asNobody);
      chmodSync(scratch, 0o700);
      expect(done.stdout.trim()).toBe(JSON.stringify({ before: 0, after: 1 }));
    },
  );

  test.if(onLinux)(
    "a detached program has a session of its own, no open files of ours and stands in /",
    async () => {
      const out = join(scratch, "detached");
      const text = `import { spawnDetached } from ${platformModule("process")};
      import { openSync } from "node:fs";
      openSync(process.env.OUT + ".held", "w");
      spawnDetached("/bin/sh", ["-c",
        'read -r pid _ _ parent group session _ < /proc/self/stat; ls /proc/self/fd | wc -l > "$OUT.new";' +
        'echo "$session $$ $(readlink /proc/self/cwd) $(readlink /proc/self/fd/0) $ONLY" >> "$OUT.new"; mv "$OUT.new" "$OUT"'],
        { OUT: process.env.OUT, ONLY: "given", PATH: "/usr/bin:/bin" });`;
      // Through sh, with one more descriptor open than the standard three: a pipe somebody may wait on.
      const file = join(scratch, "detacher.ts");
      writeFileSync(file, text);
      const done = spawnSync("/bin/sh", ["-c", `exec 9>"${out}.nine"; exec "${bun}" "${file}"`], {
        env: { OUT: out },
      });
      expect(done.status).toBe(0);
      while (!existsSync(out)) await Bun.sleep(5);
      const [open, rest] = readFileSync(out, "utf8").split("\n");
      // 0, 1, 2 and the one ls itself uses to list them.
      expect(Number(open)).toBe(4);
      const [session, pid, cwd, stdin, only] = rest!.split(" ");
      expect({ session, cwd, stdin, only }).toEqual({
        session: pid!,
        cwd: "/",
        stdin: "/dev/null",
        only: "given",
      });
    },
  );

  test("a program that is not there is `agent-unavailable`", () => {
    const text = `import { spawnDetached } from ${platformModule("process")};
      try { spawnDetached("/nonexistent/leapp-core", [], {}); } catch (error) { console.log(error.code); }`;
    expect(program(text)).toBe("agent-unavailable");
  });

  test("a bare name is ours only if the first one found is", () => {
    const { core, launcher } = installedAs();
    expect(core).toEndWith("/dist/leapp-core");
    const [other, ours] = [join(scratch, "other-bin"), join(scratch, "our-bin")];
    mkdirSync(other);
    mkdirSync(ours);
    writeFileSync(join(other, "leapp"), "", { mode: 0o755 });
    symlinkSync(launcher ?? core, join(ours, "leapp"));
    expect(resolvesToUs("leapp", [other])).toBe(false);
    expect(resolvesToUs("leapp", [join(scratch, "none")])).toBe(false);
    if (existsSync(launcher ?? core)) {
      expect(resolvesToUs("leapp", [ours, other])).toBe(true);
      expect(resolvesToUs("leapp", [other, ours])).toBe(false);
    }
  });
});
