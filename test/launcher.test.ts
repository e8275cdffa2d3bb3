import { afterAll, describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolvePaths } from "../packages/agent/src/platform/paths.ts";
import { exitCodes } from "../packages/core/src/errors.ts";

const root = join(import.meta.dir, "..");
const source = readFileSync(join(root, "launcher/launcher.c"), "utf8");
const scratch = realpathSync(mkdtempSync(join(tmpdir(), "leapp-launcher-")));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
chmodSync(scratch, 0o755);

const asRoot = process.geteuid?.() === 0;
const compiler = [["musl-gcc", "-static"], ["cc"], ["gcc"]].find(
  ([command]) => spawnSync(command!, ["--version"]).status === 0,
);
const has = (command: string) => spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;
const must = (there: unknown) => Boolean(there) || process.env.CI === "true";

function compile(text: string, output: string): void {
  const [command, ...flags] = compiler!;
  const args = [...flags, "-O1", "-std=c99", "-Wall", "-Wextra", "-Werror", "-x", "c", "-o", output, "-"];
  const done = spawnSync(command!, args, { input: text, encoding: "utf8" });
  if (done.status !== 0) throw new Error(done.stderr);
}

// What stands in for leapp-core says how it was run.
const probe = `#!/bin/sh
echo "core $0"
for argument in "$@"; do echo "argument [$argument]"; done
env | sed 's/^/variable /'
grep SigIgn /proc/$$/status 2>/dev/null
ls /dev/fd/
`;
const bin = join(scratch, "bin");
mkdirSync(bin);
const launcher = join(bin, "leapp");
if (compiler) compile(source, launcher);
writeFileSync(join(bin, "leapp-core"), probe, { mode: 0o755 });

const cleanups: (() => void)[] = [];
afterAll(() => cleanups.forEach((run) => run()));

/** An agent that answers every request with the same pieces, or with nothing at all for ever. */
function agent(answer: string | string[] | "silence", home = mkdtempSync(join(scratch, "home-"))) {
  const requests: string[] = [];
  const { socket } = resolvePaths({ LEAPP_HOME: home });
  mkdirSync(join(socket, ".."), { recursive: true, mode: 0o700 });
  const listener = Bun.listen<{ text: string }>({
    unix: socket,
    socket: {
      open: (peer) => {
        peer.data = { text: "" };
      },
      async data(peer, bytes) {
        peer.data.text += bytes.toString();
        if (!peer.data.text.endsWith("\n")) return;
        requests.push(peer.data.text);
        if (answer === "silence") return;
        for (const piece of typeof answer === "string" ? [answer] : answer) {
          peer.write(piece);
          await Bun.sleep(1);
        }
        peer.end();
      },
    },
  });
  cleanups.push(() => listener.stop(true));
  return { home, requests, socket };
}

const generate = ["session", "generate", "0123"];

interface Result {
  status: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** Runs the launcher; asynchronously, because the agent answers from this very process. */
function leapp(
  args: string[],
  env: Record<string, string>,
  program = launcher,
  options = {},
): Promise<Result> {
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"], ...options });
  const result: Result = { status: null, signal: null, stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    result.stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    result.stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ ...result, status, signal }));
  });
}

const becameCore = (result: Result) => result.status === 0 && result.stdout.startsWith("core ");

test.if(must(compiler))("a C compiler is here", () => {
  expect(compiler).toBeDefined();
});

test("the launcher stays small enough to read at a sitting", () => {
  expect(source.trimEnd().split("\n").length).toBeLessThanOrEqual(200);
});

describe.if(Boolean(compiler))("answers from the agent", () => {
  const line = '{"Version":1,"AccessKeyId":"x"}';

  test("the credential line, nothing on stderr", async () => {
    const { home, requests } = agent(`0 ${line}\n`);
    expect(await leapp(generate, { LEAPP_HOME: home })).toEqual({
      status: 0,
      signal: null,
      stdout: `${line}\n`,
      stderr: "",
    });
    expect(requests).toEqual(["generate 1 0123\n"]);
  });

  test("as large as a line may be, in as many pieces as it comes", async () => {
    const large = `{"SessionToken":"${"t".repeat(4070)}"}`;
    const pieces = ["0", ` ${large.slice(0, 1)}`, large.slice(1, 2000), large.slice(2000), "\n"];
    const result = await leapp(generate, { LEAPP_HOME: agent(pieces).home });
    expect(result).toMatchObject({ status: 0, stdout: `${large}\n`, stderr: "" });
  });

  test("each cause with its exit code, one line on stderr, nothing on stdout", async () => {
    for (const [cause, code] of Object.entries(exitCodes)) {
      const { home } = agent(`${code} it is ${cause}; run: leapp help\n`);
      expect(await leapp(generate, { LEAPP_HOME: home })).toEqual({
        status: code,
        signal: null,
        stdout: "",
        stderr: `leapp: it is ${cause}; run: leapp help\n`,
      });
    }
  });

  test("an id of 128 characters is asked for, also one that is not ASCII", async () => {
    for (const id of ["i".repeat(128), "prod-é", "a"]) {
      const { home, requests } = agent(`0 ${line}\n`);
      expect((await leapp(["session", "generate", id], { LEAPP_HOME: home })).stdout).toBe(`${line}\n`);
      expect(requests).toEqual([`generate 1 ${id}\n`]);
    }
  });

  test("from any folder, with an empty environment but for the home", async () => {
    const { home } = agent(`0 ${line}\n`);
    for (const cwd of ["/", "/dev", scratch]) {
      expect((await leapp(generate, { LEAPP_HOME: home }, launcher, { cwd })).stdout).toBe(`${line}\n`);
    }
    const relative = { LEAPP_HOME: home.slice(scratch.length + 1) };
    expect((await leapp(generate, relative, launcher, { cwd: scratch })).stdout).toBe(`${line}\n`);
  });

  test("from a home too long for a socket", async () => {
    const home = join(scratch, "h".repeat(120));
    const { socket } = agent(`0 ${line}\n`, home);
    cleanups.push(() => rmSync(socket, { force: true }));
    expect(socket).toStartWith("/tmp/leapp-");
    expect((await leapp(generate, { LEAPP_HOME: home })).stdout).toBe(`${line}\n`);
  });

  test("stdin is not read", async () => {
    const { home } = agent(`0 ${line}\n`);
    const script = `"${launcher}" session generate 0123; cat`;
    const child = Bun.spawn(["sh", "-c", script], {
      env: { LEAPP_HOME: home, PATH: "/usr/bin:/bin" },
      stdin: new TextEncoder().encode("still here"),
      stdout: "pipe",
    });
    expect(await new Response(child.stdout).text()).toBe(`${line}\nstill here`);
    // A stdin that never ends holds nothing up.
    const endless = spawn(launcher, generate, {
      env: { LEAPP_HOME: home },
      stdio: ["pipe", "ignore", "ignore"],
    });
    expect(await new Promise((resolve) => endless.on("close", resolve))).toBe(0);
  });

  test("whichever of its descriptors are closed", async () => {
    const { home } = agent(`0 ${line}\n`);
    const refusing = agent("20 no\n");
    const closed = (redirection: string, at = home) =>
      leapp(["-c", `exec "${launcher}" session generate 0123 ${redirection}`], { LEAPP_HOME: at }, "/bin/sh");
    expect(await closed("<&-")).toMatchObject({ status: 0, stdout: `${line}\n`, stderr: "" });
    expect(await closed("<&- 2>&-")).toMatchObject({ status: 0, stdout: `${line}\n` });
    expect(await closed(">&-")).toMatchObject({ status: 1, stderr: "" });
    expect(await closed("<&- >&- 2>&-")).toMatchObject({ status: 1 });
    expect(await closed("<&- >&- 2>&-", refusing.home)).toMatchObject({ status: 20, stdout: "" });
  });

  test("exits 1 in silence when nobody takes the line", async () => {
    const { home } = agent(`0 ${line}\n`);
    const silent = { status: 1, signal: null, stdout: "", stderr: "" };
    const into = (command: string) =>
      leapp(["-c", command], { LEAPP_HOME: home, PATH: "/usr/bin:/bin" }, "/bin/sh");
    if (existsSync("/dev/full")) {
      expect(await into(`"${launcher}" session generate 0123 > /dev/full`)).toEqual(silent);
    }
    // A pipe whose reader has gone.
    const gone = `{ sleep 0.05; "${launcher}" session generate 0123; echo "status $?" >&2; } | true`;
    expect((await into(gone)).stderr).toBe("status 1\n");
  });

  test.if(must(has("strace")))("in one write", async () => {
    const { home } = agent(`0 ${`{"SessionToken":"${"t".repeat(4000)}"}`}\n`);
    const trace = join(scratch, "trace");
    const args = ["-o", trace, "-e", "trace=write,writev", launcher, ...generate];
    const result = await leapp(args, { LEAPP_HOME: home }, "strace");
    expect(result.status).toBe(0);
    const writes = readFileSync(trace, "utf8")
      .split("\n")
      .filter((call) => /^writev?\(1,/.test(call));
    expect(writes).toHaveLength(1);
  });
});

describe.if(Boolean(compiler))("becomes leapp-core", () => {
  const answer = "0 never shown\n";

  test("for every other command, with its arguments, asking nobody", async () => {
    const { home, requests } = agent(answer);
    for (const args of [
      [],
      ["session", "list"],
      ["session", "generate"],
      ["session", "generate", "--help"],
      ["session", "generate", ""],
      ["session", "generate", "a b"],
      ["session", "generate", "a\nb"],
      ["session", "generate", "a\u007fb"],
      ["session", "generate", "i".repeat(129)],
      ["session", "generate", "0123", "--json"],
      ["session", "Generate", "0123"],
      ["--", "session", "generate", "0123"],
    ]) {
      const result = await leapp(args, { LEAPP_HOME: home });
      expect(becameCore(result)).toBe(true);
      for (const argument of args) expect(result.stdout).toContain(`argument [${argument}]\n`);
    }
    expect(requests).toEqual([]);
  });

  test("when there is no agent, or nobody listens any more", async () => {
    expect(becameCore(await leapp(generate, { LEAPP_HOME: join(scratch, "nowhere") }))).toBe(true);
    const { home, socket } = agent(answer);
    cleanups.pop()!();
    expect(existsSync(socket)).toBe(false);
    writeFileSync(socket, "a file, no socket");
    expect(becameCore(await leapp(generate, { LEAPP_HOME: home }))).toBe(true);
  });

  test("when the agent says so, or says what is no answer", async () => {
    for (const reply of [
      "255 run the core\n",
      "256 too large\n",
      "999 too large\n",
      "",
      "\n",
      "0",
      "0 ",
      "0 \n",
      "0\n",
      "0 cut off",
      "0 two\nlines\n",
      "0 one\n0 two\n",
      "-1 negative\n",
      "1234 long\n",
      " 0 blank\n",
      "x 0\n",
      `0 ${"t".repeat(9000)}\n`,
      '{"id":1}\n',
    ]) {
      const result = await leapp(generate, { LEAPP_HOME: agent(reply).home });
      expect({ reply, core: becameCore(result) }).toEqual({ reply, core: true });
    }
  });

  const python = "/usr/bin/python3";
  test.if(asRoot && must(existsSync(python)))(
    "when the socket's file or its listener is another user's",
    async () => {
      const { home, socket, requests } = agent(answer);
      chownSync(socket, 65534, 65534);
      expect(becameCore(await leapp(generate, { LEAPP_HOME: home }))).toBe(true);
      expect(requests).toEqual([]);

      // Theirs, given a file that looks like ours.
      const theirs = mkdtempSync(join(scratch, "theirs-"));
      chmodSync(theirs, 0o777);
      const path = join(theirs, "agent.sock");
      const script = `import os, socket
s = socket.socket(socket.AF_UNIX); s.bind(${JSON.stringify(path)}); s.listen(); os.write(1, b"up\\n")
c, _ = s.accept(); c.sendall(b"0 stolen\\n") if c.recv(1, socket.MSG_PEEK) else 0
os.write(1, repr(c.recv(100)).encode())`;
      const server = Bun.spawn([python, "-c", script], { stdout: "pipe", uid: 65534, gid: 65534 } as never);
      const reader = (server.stdout as ReadableStream<Uint8Array>).getReader();
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("up\n");
      chownSync(path, 0, 0);
      const result = await leapp(generate, { LEAPP_HOME: theirs });
      expect(becameCore(result)).toBe(true);
      // Not a byte was said to them.
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("b''");
      await server.exited;
    },
  );

  test("without the variables that make Bun or the linker run other people's code", async () => {
    const env = {
      BUN_OPTIONS: "--preload=/x",
      BUN_BE_BUN: "1",
      NODE_OPTIONS: "--require /x",
      NODE_EXTRA_CA_CERTS: "/x",
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
      LD_PRELOAD: "/x.so",
      LD_LIBRARY_PATH: "/x",
      DYLD_INSERT_LIBRARIES: "/x",
      PATH: "/usr/bin:/bin",
      AWS_PROFILE: "kept",
      MY_NODE_ENV: "kept",
      BUNDLE: "kept",
    };
    const { stdout } = await leapp(["version"], env);
    const names = stdout.split("\n").flatMap((line) => /^variable (\w+)=/.exec(line)?.[1] ?? []);
    expect(names.filter((name) => name in env).sort()).toEqual([
      "AWS_PROFILE",
      "BUNDLE",
      "MY_NODE_ENV",
      "PATH",
    ]);
    expect(names.filter((name) => /^(BUN_|NODE_|LD_|DYLD_)/.test(name))).toEqual([]);
  });

  test("with nothing of the launcher's left: signals as they came, no descriptor more", async () => {
    const { home } = agent("255 you do it\n");
    const { stdout } = await leapp(generate, { LEAPP_HOME: home, PATH: "/usr/bin:/bin" });
    const direct = await leapp([], { PATH: "/usr/bin:/bin" }, join(bin, "leapp-core"));
    const tail = (text: string) => text.replace(/^(core|argument|variable) .*\n/gm, "");
    expect(tail(stdout)).toContain("0\n1\n2\n");
    expect(tail(stdout)).toBe(tail(direct.stdout));
  });

  test("through a symbolic link, beside the file it points at", async () => {
    const link = join(scratch, "link-to-leapp");
    symlinkSync(launcher, link);
    expect((await leapp(["version"], {}, link)).stdout).toStartWith(`core ${join(bin, "leapp-core")}\n`);
  });

  test("and says so when that is missing", async () => {
    const alone = join(scratch, "alone");
    mkdirSync(alone);
    compile(source, join(alone, "leapp"));
    expect(await leapp(["version"], {}, join(alone, "leapp"))).toEqual({
      status: 1,
      signal: null,
      stdout: "",
      stderr: "leapp: cannot run leapp-core, which belongs beside it; install again\n",
    });
  });

  test("when a person has to be asked and sits at the terminal", async () => {
    for (const [code, asks] of [
      [10, true],
      [11, true],
      [14, true],
      [20, false],
    ] as const) {
      const { home } = agent(`${code} ask me\n`);
      let screen = "";
      const child = Bun.spawn([launcher, ...generate], {
        env: { LEAPP_HOME: home, PATH: "/usr/bin:/bin" },
        terminal: { data: (_terminal: unknown, bytes: Uint8Array) => (screen += Buffer.from(bytes)) },
      } as never);
      expect(await child.exited).toBe(asks ? 0 : code);
      while (!/core|leapp:/.test(screen)) await Bun.sleep(1);
      expect(screen.startsWith(asks ? "core " : "leapp: ask me")).toBe(true);
    }
  });
});

test.if(Boolean(compiler))("an agent that never answers is given up in time", async () => {
  expect(source).toContain("deadline = 58,");
  const impatient = join(bin, "impatient");
  compile(source.replace("deadline = 58,", "deadline = 1,"), impatient);
  const started = performance.now();
  expect(await leapp(generate, { LEAPP_HOME: agent("silence").home }, impatient)).toEqual({
    status: exitCodes["agent-unavailable"],
    signal: null,
    stdout: "",
    stderr: "leapp: the agent did not answer in time; run `leapp agent status`\n",
  });
  expect(performance.now() - started).toBeGreaterThan(900);
});

test.if(Boolean(compiler))("launcher and core name the same socket", () => {
  const tell = join(bin, "tell-socket");
  const main = 'int main(void) { char path[256]; puts(socket_path(path, sizeof path) ? path : "none"); }';
  const quiet = '#pragma GCC diagnostic ignored "-Wreturn-type"';
  compile(`${quiet}\n#define main launcher_main\n${source}\n#undef main\n${main}`, tell);
  const homes = ["/home/me", "relative", "./a/../b", "/trailing///", "/", "/with blank/é", "//double", ""];
  const lengths = [85, 88, 89, 90, 91, 150, 1000].map((length) => `/${"n".repeat(length - 1)}`);
  const environments: Record<string, string>[] = [{}];
  for (const value of [...homes, ...lengths]) {
    environments.push(
      { LEAPP_HOME: value, HOME: "/other" },
      { HOME: value },
      { XDG_DATA_HOME: value, HOME: "/home/me" },
    );
    environments.push({ HOME: value, XDG_DATA_HOME: "" }, { LEAPP_HOME: "", XDG_DATA_HOME: value });
  }
  for (const env of environments) {
    const c = spawnSync(tell, { env, encoding: "utf8", cwd: process.cwd() }).stdout.trimEnd();
    expect({ env, socket: c }).toEqual({ env, socket: resolvePaths(env).socket });
  }
});

const core = join(root, "dist/leapp-core");
test.if(must(existsSync(core)))("the built core runs nothing that lies in the current folder", async () => {
  const folder = join(scratch, "hostile");
  mkdirSync(folder);
  const touched = join(folder, "touched");
  const code = `require("fs").writeFileSync(${JSON.stringify(touched)}, "");`;
  writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./hostile.js"]\n[run]\nbun = true\n');
  writeFileSync(join(folder, "hostile.js"), code);
  writeFileSync(
    join(folder, ".env"),
    `LEAPP_HOME=${touched}\nNODE_OPTIONS=--require ./hostile.js\nLEAPP_CANARY=1\n`,
  );
  writeFileSync(join(folder, "package.json"), '{"main":"hostile.js","imports":{"#x":"./hostile.js"}}');
  writeFileSync(join(folder, "tsconfig.json"), '{"compilerOptions":{"paths":{"*":["./hostile.js"]}}}');
  const env = { LEAPP_HOME: join(scratch, "hostile-home"), PATH: "/usr/bin:/bin" };
  const { status } = await leapp(["version"], env, core, { cwd: folder });
  expect(status).toBe(0);
  expect(existsSync(touched)).toBe(false);

  // The bait works: bun itself, told to look, takes it.
  await leapp(["-e", "0"], env, process.execPath, { cwd: folder });
  expect(existsSync(touched)).toBe(true);
});
