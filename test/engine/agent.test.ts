/** The agent as a process: upgrades, hostile peers, full disks, odd homes, proxies, its end. */
import { expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Socket } from "bun";
import { maxLineBytes } from "../../packages/agent/src/protocol.ts";
import { dist, root, runningIn, until } from "../support/leapp.ts";
import { codes, inCI, type Machine, newMachine, onTerminal, theOne } from "./support.ts";

const timeout = 60_000;
const onLinux = process.platform === "linux";
const asRoot = process.geteuid?.() === 0;
/** Root is a counterparty too: in CI its absence is a failure. */
const rootTest = onLinux && (asRoot || inCI) ? test : test.skip;

const status = async (machine: Machine) => {
  const client = await machine.client();
  const found = await client.call("agent.status", {});
  client.close();
  return found;
};

// ---- upgrades ------------------------------------------------------------------------------------------------

/** The same program under another version, built as scripts/build.mjs does, only quicker. */
async function buildCore(output: string, version: string): Promise<void> {
  const args = [
    "build",
    "packages/cli/src/main.ts",
    "--compile",
    "--splitting",
    "--format=esm",
    "--outfile",
    output,
  ];
  const options = ["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"];
  const define = ["--define", `LEAPP_VERSION=${JSON.stringify(version)}`];
  const child = Bun.spawn([process.execPath, ...args, ...options, ...define], {
    cwd: root,
    stdout: "ignore",
    stderr: "pipe",
  });
  if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
}

/** A folder with the launcher and a core of that version, as an installation has it. */
async function install(folder: string, version?: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, "leapp"))) copyFileSync(join(dist, "leapp"), join(folder, "leapp"));
  const core = join(folder, "leapp-core");
  if (version) await buildCore(`${core}.new`, version);
  else copyFileSync(join(dist, "leapp-core"), `${core}.new`);
  chmodSync(`${core}.new`, 0o755);
  renameSync(`${core}.new`, core);
}

test(
  "an upgrade: the older agent hands over to its successor, credentials and open vault included",
  async () => {
    const folder = join(process.env.TMPDIR ?? "/tmp", `leapp-upgrade-${process.pid}`);
    await using _ = { [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }) };
    await install(folder, "0.0.1");
    await using machine = await newMachine({ dist: folder });
    const { id, mfaSerial } = await machine.addUser("dev", { mfa: true });
    const role = await machine.addRole("audit", "dev");
    {
      await using terminal = onTerminal(machine, ["session", "start", "audit"]);
      await terminal.shows(/MFA code of [^\n]*: $/);
      terminal.type(machine.sandbox.totpCode(mfaSerial!));
      expect(await terminal.exited).toBe(0);
    }
    const before = [await machine.generate(role), await machine.generate(id)].map(({ stdout }) => stdout);
    const old = await status(machine);
    expect(old.version).toBe("0.0.1");
    const calls = machine.sandbox.calls();

    await install(folder);
    // The launcher still gets its answers from the old one.
    expect((await machine.generate(role)).stdout === before[0]).toBe(true);
    expect((await status(machine)).pid).toBe(old.pid);
    // From here on nobody could open the vault but by what is handed over.
    rmSync(join(machine.folder, "passphrase"));
    const results = await Promise.all(
      Array.from({ length: 30 }, () => machine.run([machine.program, "session", "list"])),
    );
    expect(codes(results)).toEqual({ 0: 30 });
    const now = await status(machine);
    expect(now.version).not.toBe("0.0.1");
    expect(now.pid).not.toBe(old.pid);
    expect(now.active).toBe(1);
    expect(machine.log().match(/ listens, /g)).toHaveLength(2);
    expect((await machine.generate(role)).stdout === before[0]).toBe(true);
    expect((await machine.generate(id)).stdout === before[1]).toBe(true);
    expect(machine.sandbox.calls()).toBe(calls);
    // The vault is open: new keys of the same user are read from it.
    await machine.leapp(["session", "edit", "audit", "--role-session-name", "after"]);
    expect((await machine.generate(role)).code).toBe(0);
    expect((await machine.leapp(["session", "stop", "audit"])).length).toBeGreaterThan(0);

    // An older command line does not replace a newer agent, and gets its answers.
    await install(join(folder, "older"), "0.0.1");
    const older = await machine.run([join(folder, "older/leapp"), "session", "list"]);
    expect(older.code).toBe(0);
    expect((await status(machine)).pid).toBe(now.pid);
  },
  timeout,
);

test(
  "an upgrade into a folder that others can write: the old agent makes way, and hands nothing over",
  async () => {
    const folder = join(process.env.TMPDIR ?? "/tmp", `leapp-upgrade-open-${process.pid}`);
    await using _ = { [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }) };
    await install(folder, "0.0.1");
    await using machine = await newMachine({ dist: folder });
    const { id } = await machine.addUser("dev");
    expect((await machine.generate(id)).code).toBe(0);
    await install(folder);
    chmodSync(join(folder, "leapp-core"), 0o777);
    expect((await machine.run([machine.program, "session", "list"])).code).toBe(0);
    expect((await status(machine)).version).not.toBe("0.0.1");
    expect(machine.log()).toContain("makes way for a newer agent");
    expect((await machine.generate(id)).code).toBe(0);
    expect(machine.sandbox.calls("GetSessionToken")).toBe(2);
  },
  timeout,
);

// ---- its end -------------------------------------------------------------------------------------------------

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  test(
    `${signal} ends the agent cleanly, and the next command starts another`,
    async () => {
      await using machine = await newMachine();
      const { id } = await machine.addUser("dev");
      const pid = await machine.agentPid();
      process.kill(pid, signal);
      await until(() => !runningIn(machine.leappHome).includes(pid), "the agent has ended");
      expect(existsSync(join(machine.leappHome, "agent.sock"))).toBe(false);
      expect(machine.log()).toMatch(/ info agent stopped\n$/);
      expect((await machine.generate(id)).code).toBe(0);
    },
    timeout,
  );
}

test(
  "`agent stop` answers when the agent has gone, with callers waiting too; twice is no failure",
  async () => {
    await using machine = await newMachine();
    const { id } = await machine.addUser("dev");
    machine.sandbox.fail({ action: "GetSessionToken", kind: "hang" });
    const caller = machine.generate(id);
    await until(() => machine.sandbox.calls("GetSessionToken") === 1, "the caller waits");
    await machine.leapp(["agent", "stop"]);
    machine.sandbox.reset();
    // It tries again, with an agent of its own making, or says that the agent is gone.
    const { code, stdout, stderr } = await caller;
    expect([0, 30]).toContain(code);
    if (code === 0) expect(JSON.parse(stdout).Version).toBe(1);
    else expect(stderr).toMatch(/^leapp: [^\n]+\n$/);
    await machine.leapp(["agent", "stop"]);
    expect(await machine.leapp(["agent", "stop"])).toContain("already stopped");
  },
  timeout,
);

// ---- what lies in its way ------------------------------------------------------------------------------------

test(
  "a socket that nobody listens on, and other things of that name, are replaced",
  async () => {
    await using machine = await newMachine();
    const { id } = await machine.addUser("dev");
    const socket = join(machine.leappHome, "agent.sock");
    process.kill(await machine.agentPid(), "SIGKILL");
    await until(() => runningIn(machine.leappHome).length === 0, "it is dead");
    expect(existsSync(socket)).toBe(true);
    expect((await machine.generate(id)).code).toBe(0);
    await machine.leapp(["agent", "stop"]);
    writeFileSync(socket, "not a socket");
    expect((await machine.generate(id)).code).toBe(0);
    await machine.leapp(["agent", "stop"]);
    symlinkSync("/nowhere/agent.sock", socket);
    expect((await machine.generate(id)).code).toBe(0);
  },
  timeout,
);

test(
  "a home whose path is too long for a socket works, the launcher included",
  async () => {
    await using machine = await newMachine();
    machine.env.LEAPP_HOME = join(machine.folder, "a folder with a long name ".repeat(8).trim());
    const { id } = await machine.addUser("dev");
    const { pid, socket } = await status(machine);
    expect(socket).toMatch(/^\/tmp\/leapp-\d+\/[0-9a-f]{16}\.sock$/);
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(join(socket, "..")).mode & 0o777).toBe(0o700);
    expect(codes(await machine.generateAtOnce(5, id))).toEqual({ 0: 5 });
    expect(await machine.agentPid()).toBe(pid);
    // Another home of another long name is another agent.
    machine.env.LEAPP_HOME += "!";
    expect(JSON.parse(await machine.leapp(["session", "list", "--json"])).sessions ?? []).toEqual([]);
    await machine.leapp(["agent", "stop"]);
    machine.env.LEAPP_HOME = machine.env.LEAPP_HOME!.slice(0, -1);
    expect(await machine.agentPid()).toBe(pid);
    await machine.leapp(["agent", "stop"]);
    expect(existsSync(socket)).toBe(false);
  },
  timeout,
);

test(
  "a home that others can write, or that is somebody else's, is refused with the remedy",
  async () => {
    await using machine = await newMachine();
    mkdirSync(machine.leappHome);
    const refused = async (why: RegExp) => {
      for (const args of [
        ["session", "list"],
        ["session", "generate", "dev"],
        ["agent", "start"],
      ]) {
        const { code, stdout, stderr } = await machine.run([machine.program, ...args]);
        expect([code, stdout]).toEqual([31, ""]);
        expect(stderr).toMatch(why);
        expect(stderr).toMatch(/^leapp: [^\n]*LEAPP_HOME[^\n]*\n$/);
      }
      expect(runningIn(machine.leappHome)).toEqual([]);
    };
    chmodSync(machine.leappHome, 0o777);
    await refused(/other users can write/);
    chmodSync(machine.leappHome, 0o700);
    if (asRoot) {
      chownSync(machine.leappHome, 65534, 65534);
      await refused(/belongs to another user/);
      chownSync(machine.leappHome, 0, 0);
    }
    // What others could only read is closed.
    chmodSync(machine.leappHome, 0o755);
    await machine.leapp(["session", "list"]);
    expect(statSync(machine.leappHome).mode & 0o777).toBe(0o700);
  },
  timeout,
);

// ---- its log and the disk ------------------------------------------------------------------------------------

test(
  "the log is rotated by size, and no more than three old ones are kept",
  async () => {
    await using machine = await newMachine();
    const log = join(machine.leappHome, "agent.log");
    mkdirSync(machine.leappHome, { mode: 0o700 });
    for (let round = 0; round < 5; round++) {
      writeFileSync(log, `round ${round}\n${"x".repeat(1024 * 1024)}\n`, { mode: 0o600 });
      await machine.leapp(["agent", "start"]);
      await machine.leapp(["agent", "stop"]);
      expect(machine.log()).toMatch(/^\S+Z info agent \S+ listens, pid \d+\n/);
      expect(readFileSync(`${log}.1`, "utf8").slice(0, 8)).toBe(`round ${round}\n`);
    }
    expect(readFileSync(`${log}.3`, "utf8").slice(0, 8)).toBe("round 2\n");
    expect(existsSync(`${log}.4`)).toBe(false);
    expect(statSync(log).mode & 0o777).toBe(0o600);
  },
  timeout,
);

test(
  "a log that cannot be written keeps nobody from an answer",
  async () => {
    await using machine = await newMachine();
    mkdirSync(machine.leappHome, { mode: 0o700 });
    // A full disk for this one file; where there is no such device, a folder in its place.
    if (existsSync("/dev/full")) symlinkSync("/dev/full", join(machine.leappHome, "agent.log"));
    else mkdirSync(join(machine.leappHome, "agent.log"));
    const { id } = await machine.addUser("dev");
    expect((await machine.generate(id)).code).toBe(0);
    machine.sandbox.fail({ action: "GetSessionToken", kind: "access-denied" });
    await machine.leapp(["session", "edit", "dev", "--duration", "1h"]);
    expect((await machine.generate(id)).code).toBe(20);
    expect((await status(machine)).problems).toHaveLength(1);
  },
  timeout,
);

rootTest(
  "a full disk: credentials go on being served; what must be kept fails with a word, and works again later",
  async () => {
    await using machine = await newMachine();
    mkdirSync(machine.leappHome, { mode: 0o700 });
    const mounted = await machine.run([
      "mount",
      "-t",
      "tmpfs",
      "-o",
      "size=2m,mode=0700",
      "none",
      machine.leappHome,
    ]);
    // A container without the right to mount.
    if (mounted.code !== 0) return void console.log("(no disk to fill here: mount is refused)");
    const unmount = async () => {
      await machine.run([machine.program, "agent", "stop"]);
      await until(() => runningIn(machine.leappHome).length === 0, "the agent is gone");
      await machine.run(["umount", "-l", machine.leappHome]);
    };
    await using _ = { [Symbol.asyncDispose]: unmount };
    const { id } = await machine.addUser("dev");
    const role = await machine.addRole("audit", "dev");
    expect((await machine.generate(id)).code).toBe(0);
    const filler = join(machine.leappHome, "filler");
    await machine.run(["dd", "if=/dev/zero", `of=${filler}`, "bs=1k"]);
    const full = await machine.generateAtOnce(100, id, role);
    expect(codes(full)).toEqual({ 0: 100 });
    theOne(full.filter((_, i) => i % 2 === 0).map(({ stdout }) => stdout));
    const edit = ["session", "edit", "dev", "--name", "x".repeat(60)];
    const results = [];
    for (let i = 0; i < 5; i++)
      results.push(await machine.run([machine.program, ...edit.slice(0, 4), `${i}${edit[4]}`]));
    for (const { code, stderr } of results.filter(({ code }) => code !== 0)) {
      expect([15, 31]).toContain(code);
      expect(stderr).toMatch(/^leapp: [^\n]+\n$/);
    }
    rmSync(filler);
    await machine.leapp(["session", "edit", id, "--name", "after"]);
    expect(codes(await machine.generateAtOnce(4, id, role))).toEqual({ 0: 4 });
    await machine.leapp(["log", "verify"]);
  },
  timeout,
);

// ---- hostile peers -------------------------------------------------------------------------------------------

interface Peer {
  socket: Socket;
  received: () => string;
  closed: Promise<void>;
}

async function connect(machine: Machine): Promise<Peer> {
  let received = "";
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const decoder = new TextDecoder();
  const socket = await Bun.connect({
    unix: join(machine.leappHome, "agent.sock"),
    socket: {
      data(_, bytes) {
        received += decoder.decode(bytes, { stream: true });
      },
      close: () => resolve(),
      error: () => resolve(),
    },
  });
  return { socket, received: () => received, closed };
}

/** Writes all of it, as fast as the other end takes it; stops when it hangs up. */
async function send(peer: Peer, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  let over = false;
  void peer.closed.then(() => {
    over = true;
  });
  for (let sent = 0; sent < bytes.length && !over; ) {
    const count = peer.socket.write(bytes.subarray(sent, sent + 65_536));
    if (count < 0) return;
    sent += count;
    if (count === 0) await new Promise((resume) => setImmediate(resume));
  }
}

test(
  "garbage, endless lines, half requests and unknown verbs harm nobody but their sender",
  async () => {
    await using machine = await newMachine();
    const { id } = await machine.addUser("dev");
    const { stdout } = await machine.generate(id);
    const pid = await machine.agentPid();
    const { memory } = await status(machine);

    for (const line of [
      "\u0000\u0001\u0002",
      "GET / HTTP/1.1",
      "{",
      "[]",
      "null",
      '"x"',
      "{}",
      '{"method":1}',
      "\ufffd",
      " ",
    ]) {
      const peer = await connect(machine);
      await send(peer, `${line}\n`);
      await peer.closed;
      expect(peer.received()).toBe("");
    }
    // A line of 2 MB, in pieces: cut off on the way, and not kept in memory.
    for (const start of ["", '{"id":1,"method":"', "generate 1 "]) {
      const peer = await connect(machine);
      await send(peer, start + "x".repeat(2 * maxLineBytes));
      await peer.closed;
    }
    // Requests that are well formed and wrong.
    const peer = await connect(machine);
    const requests = [
      '{"id":1,"method":"vault.read-secret","params":{"name":"iam-user"}}',
      '{"id":2,"method":"__proto__","params":{}}',
      '{"id":3,"method":"constructor"}',
      '{"id":4,"method":"session.show","params":{"session":{"a":1}}}',
      '{"id":5,"method":"session.show","params":"x"}',
      '{"id":6,"method":"session.show","params":{"__proto__":{"session":"dev"}}}',
      '{"id":7,"method":"session.add","params":{"session":{"type":"iam-user","name":{"toString":1}}}}',
      '{"id":8,"method":"prompt.answer","params":{"id":"no","value":"123456"}}',
      '{"id":9,"method":"hello","params":{"protocol":99,"version":"9","client":"cli"}}',
      `{"id":10,"method":"credentials.generate","params":{"session":${JSON.stringify("é".repeat(10_000))}}}`,
    ];
    await send(peer, `${requests.join("\n")}\n`);
    await until(() => peer.received().trim().split("\n").length === requests.length, "all were answered");
    for (const answer of peer
      .received()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))) {
      expect(answer.error.code).not.toBe("internal");
      expect(answer.error.code.length).toBeGreaterThan(0);
      expect(JSON.stringify(answer).length).toBeLessThan(2_000);
    }
    // Half a request each, kept open; then a caller who hangs up before his answer.
    const halves = await Promise.all(Array.from({ length: 50 }, () => connect(machine)));
    await Promise.all(halves.map((half) => send(half, '{"id":1,"method":"session.li')));
    for (let i = 0; i < 50; i++) {
      const rude = await connect(machine);
      await send(rude, `generate 1 ${id}\n{"id":1,"method":"session.list"}\n`);
      rude.socket.terminate();
    }
    // Who never reads what he asks for.
    const deaf = await connect(machine);
    deaf.socket.pause();
    await send(deaf, '{"id":1,"method":"region.list"}\n'.repeat(200));

    expect((await machine.generate(id)).stdout === stdout).toBe(true);
    expect(await machine.agentPid()).toBe(pid);
    for (const half of [...halves, peer, deaf]) half.socket.terminate();
    const after = await status(machine);
    expect(after.memory - memory).toBeLessThan(64 * 1024 * 1024);
    expect(machine.log()).not.toMatch(/uncaught|unhandled/);
  },
  timeout,
);

test(
  "5,000 connections that say nothing: a caller is still answered, and they are forgotten when they end",
  async () => {
    await using machine = await newMachine();
    const { id } = await machine.addUser("dev");
    const { stdout } = await machine.generate(id);
    const pid = await machine.agentPid();
    const peers: Peer[] = [];
    const wanted = 5_000;
    let refused = 0;
    while (peers.length + refused < wanted) {
      const some = await Promise.allSettled(Array.from({ length: 100 }, () => connect(machine)));
      for (const one of some) {
        if (one.status === "fulfilled") peers.push(one.value);
        else refused++;
      }
    }
    const begun = performance.now();
    const results = await machine.generateAtOnce(20, id);
    expect(codes(results)).toEqual({ 0: 20 });
    expect(results.every((result) => result.stdout === stdout)).toBe(true);
    expect(performance.now() - begun).toBeLessThan(4_000);
    expect(await machine.agentPid()).toBe(pid);
    for (const { socket } of peers) socket.terminate();
    if (onLinux)
      await until(() => openFiles(pid) < 100, "the agent has closed what nobody is at the other end of");
    expect((await machine.generate(id)).stdout === stdout).toBe(true);
    expect(machine.log()).not.toMatch(/uncaught|unhandled/);
  },
  timeout,
);

function openFiles(pid: number): number {
  return Bun.spawnSync(["ls", `/proc/${pid}/fd`])
    .stdout.toString()
    .split("\n").length;
}

// ---- the way out ---------------------------------------------------------------------------------------------

/** A proxy for plain http, as companies have it. */
async function startProxy(target: string, password: string) {
  const asked: string[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    asked.push(request.url ?? "");
    const given = request.headers["proxy-authorization"];
    if (given !== `Basic ${Buffer.from(`me:${password}`).toString("base64")}`) {
      request.resume();
      response.writeHead(407, { "proxy-authenticate": "Basic" }).end();
      return;
    }
    const { pathname } = new URL(request.url!);
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", async () => {
      const headers = Object.fromEntries(
        Object.entries(request.headers).filter(([name]) => !/^(proxy-|connection|content-length)/.test(name)),
      ) as Record<string, string>;
      const answer = await fetch(target + pathname, {
        method: request.method,
        headers,
        body: Buffer.concat(chunks),
      });
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(await answer.text());
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

test(
  "the proxy of the settings is used at once and by the running agent; one that refuses or is gone is named",
  async () => {
    await using machine = await newMachine();
    const password = `p-${crypto.randomUUID()}`;
    await using proxy = await startProxy(machine.sandbox.url, password);
    const { id, arn } = await machine.addUser("dev");
    const set = (key: string, value: string) => machine.leapp(["settings", "set", key, value]);
    // A name that only the proxy can reach.
    await set("endpoint-url", `http://aws.invalid:${new URL(machine.sandbox.url).port}`);
    const none = await machine.generate(id);
    expect([none.code, none.stdout]).toEqual([23, ""]);
    await set("proxy", `http://me:${password}@127.0.0.1:${proxy.port}`);
    expect(await machine.leapp(["session", "identity", "dev"])).toContain(arn);
    expect(proxy.asked.length).toBeGreaterThanOrEqual(2);
    expect(proxy.asked[0]).toStartWith("http://aws.invalid:");

    await set("proxy", `http://me:wrong@127.0.0.1:${proxy.port}`);
    const wrong = await machine.run([machine.program, "session", "identity", "dev", "--debug"]);
    expect(wrong.code).toBe(23);
    expect(wrong.stderr).toContain("proxy");
    const gone = await closedPort();
    await set("proxy", `http://me:${password}@127.0.0.1:${gone}`);
    const begun = Date.now();
    const lost = await machine.run([machine.program, "session", "identity", "dev", "--debug"]);
    expect(Date.now() - begun).toBeLessThan(10_000);
    expect(lost.code).toBe(23);
    for (const text of [wrong.stderr, lost.stderr, machine.log()])
      expect(text.includes(password)).toBe(false);

    // What is on the list goes directly: which nobody can here.
    const asked = proxy.asked.length;
    await set("proxy", `http://me:${password}@127.0.0.1:${proxy.port}`);
    await set("no-proxy", ".invalid");
    expect((await machine.run([machine.program, "session", "identity", "dev"])).code).toBe(23);
    expect(proxy.asked.length).toBe(asked);
  },
  timeout,
);

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
