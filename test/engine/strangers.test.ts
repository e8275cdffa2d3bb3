/**
 * Who is not the person gets nothing: another user of the machine, by socket, file or /proc; and a program of the
 * same user that looks into the agent's memory. Each refusal stands beside a control that succeeds.
 */
import { expect, test } from "bun:test";
import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { dist, type Ran, runningIn, until } from "../support/leapp.ts";
import { inCI, type Machine, newMachine } from "./support.ts";

const able = process.platform === "linux" && process.geteuid?.() === 0 && Bun.which("setpriv");
const rootTest = able || inCI ? test : test.skip;
const timeout = 60_000;
const nobody = 65534;

const asNobody = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];

/** Sends a line to a unix socket and prints what comes back. */
const speak = `
let received = "";
const socket = await Bun.connect({
  unix: process.argv[2],
  socket: { data(_, bytes) { received += bytes; if (received.endsWith("\\n")) socket.end(); }, close() { console.log(received); process.exit(0); } },
}).catch((error) => { console.log(error.code); process.exit(7); });
socket.write(process.argv[3] + "\\n");
`;

/** A machine whose outer folder others may read, with a program for them to run: `bun SCRIPT`. */
async function sharedMachine() {
  const machine = await newMachine();
  chmodSync(machine.folder, 0o755);
  const bun = join(machine.folder, "bun");
  copyFileSync(process.execPath, bun);
  chmodSync(bun, 0o755);
  machine.file("../speak.ts", speak);
  chmodSync(join(machine.folder, "speak.ts"), 0o644);
  return machine;
}

const say = (machine: Machine, socket: string, line: string, as: string[]): Promise<Ran> =>
  machine.run([...as, join(machine.folder, "bun"), join(machine.folder, "speak.ts"), socket, line], {
    env: { HOME: "/", BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" },
  });

rootTest(
  "another user gets no answer from the socket, whatever its mode",
  async () => {
    await using machine = await sharedMachine();
    const { id } = await machine.addUser("dev");
    const socket = join(machine.leappHome, "agent.sock");
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(machine.leappHome).mode & 0o777).toBe(0o700);
    const lines = [`generate 1 ${id}`, '{"id":1,"method":"session.list"}', '{"id":1,"method":"agent.stop"}'];
    // The control: the same program, as the person.
    expect((await say(machine, socket, lines[0]!, [])).stdout).toContain("SecretAccessKey");
    const { stdout, code } = await say(machine, socket, lines[0]!, asNobody);
    expect([code, stdout.trim()]).toEqual([7, "EACCES"]);
    // The modes are one guard; the kernel's word on who is there is the other.
    chmodSync(machine.leappHome, 0o755);
    chmodSync(socket, 0o666);
    for (const line of lines) {
      const { stdout, code } = await say(machine, socket, line, asNobody);
      // Cut off without a byte; the kernel may say so before or after the line was written.
      expect(["0 ", "7 ECONNRESET", "7 EPIPE"]).toContain(`${code} ${stdout.trim()}`);
    }
    expect((await say(machine, socket, lines[0]!, [])).stdout).toContain("SecretAccessKey");

    // Nor does the other user's own launcher take our agent for theirs.
    const theirs = await machine.run([...asNobody, machine.program, "session", "generate", id], {
      env: { LEAPP_HOME: machine.leappHome, HOME: "/nowhere" },
    });
    expect(theirs.code).not.toBe(0);
    expect(theirs.stdout).toBe("");
  },
  timeout,
);

rootTest(
  "another user reads none of our files, the temporary keys included, and nothing of the agent in /proc",
  async () => {
    await using machine = await sharedMachine();
    const { id } = await machine.addUser("dev");
    await machine.leapp(["settings", "set", "credential-method", "credential-file-method"]);
    await machine.leapp(["session", "start", "dev"]);
    expect((await machine.generate(id)).code).toBe(0);
    const read = (path: string) => machine.run([...asNobody, "cat", path]);
    expect((await read(join(machine.folder, "speak.ts"))).code).toBe(0);

    const files = readdirSync(machine.leappHome).map((name) => join(machine.leappHome, name));
    expect(files.length).toBeGreaterThanOrEqual(5);
    for (const file of files) expect((await read(file)).code).not.toBe(0);
    // By their own modes as well, should somebody open the folder.
    chmodSync(machine.leappHome, 0o755);
    for (const file of [...files, machine.file(".aws/credentials")]) {
      expect([file, statSync(file).mode & 0o077]).toEqual([file, 0]);
      expect((await read(file)).code).not.toBe(0);
    }
    const locks = `/tmp/leapp-${process.getuid!()}`;
    expect(statSync(locks).mode & 0o777).toBe(0o700);

    const pid = await machine.agentPid();
    const ours = Bun.spawn(["sleep", "60"]);
    for (const name of ["environ", "maps", "mem", "fd", "cwd"]) {
      const list = name === "fd" ? ["ls"] : name === "cwd" ? ["readlink"] : ["head", "-c", "1"];
      expect((await machine.run([...asNobody, ...list, `/proc/${pid}/${name}`])).code).not.toBe(0);
    }
    ours.kill();
  },
  timeout,
);

rootTest(
  "a program of the same user cannot read the agent's memory or environment, nor attach to it",
  async () => {
    await using machine = await sharedMachine();
    // Everything as an ordinary user: root may look into everything.
    const folder = join(machine.folder, "person");
    mkdirSync(folder);
    chownSync(folder, nobody, nobody);
    for (const name of ["leapp", "leapp-core"]) copyFileSync(join(dist, name), join(machine.folder, name));
    const program = join(machine.folder, "leapp");
    for (const name of ["leapp", "leapp-core", "passphrase"]) chmodSync(join(machine.folder, name), 0o755);
    const env = { HOME: folder, LEAPP_HOME: join(folder, "l"), PATH: "/usr/bin:/bin", USER: "nobody" };
    const run = (command: string[], stdin?: string) => machine.run([...asNobody, ...command], { env, stdin });
    const user = machine.sandbox.addUser({ accountId: "111122223333", name: "dev" });
    const added = await run(
      [
        ...[program, "session", "add", "--type", "iam-user", "--name", "dev", "--region", "eu-west-1"],
        ...["--access-key-id", user.accessKeyId, "--secret-access-key-stdin"],
      ],
      user.secretAccessKey,
    );
    expect([added.code, added.stderr]).toEqual([0, ""]);
    expect((await run([program, "session", "generate", "dev"])).code).toBe(0);
    const status = JSON.parse((await run([program, "agent", "status", "--json"])).stdout);
    const pid: number = status.pid ?? status.agent?.pid;
    expect(runningIn(env.LEAPP_HOME)).toContain(pid);

    const control = Bun.spawn([...asNobody, "sleep", "60"]);
    await until(
      async () => (await run(["cat", `/proc/${control.pid}/environ`])).code === 0,
      "the control is that user's",
    );
    try {
      const attempts: [what: string, command: (pid: number) => string[]][] = [
        ["environ", (pid) => ["cat", `/proc/${pid}/environ`]],
        ["maps", (pid) => ["cat", `/proc/${pid}/maps`]],
        ["memory", (pid) => ["dd", `if=/proc/${pid}/mem`, "bs=1", "count=0"]],
        ["open files", (pid) => ["ls", `/proc/${pid}/fd`]],
      ];
      if (Bun.which("gcore"))
        attempts.push(["a dump", (pid) => ["gcore", "-o", join(folder, "core"), `${pid}`]]);
      if (Bun.which("strace"))
        attempts.push(["a trace", (pid) => ["timeout", "-s", "INT", "0.3", "strace", "-p", `${pid}`]]);
      for (const [what, command] of attempts) {
        const theirs = await run(command(control.pid));
        const ours = await run(command(pid));
        const refused = ({ code, stdout, stderr }: Ran) =>
          code !== 0 && /denied|not permitted|ptrace/i.test(stdout + stderr);
        expect([what, refused(theirs), refused(ours)]).toEqual([what, false, true]);
      }
      expect(readdirSync(folder).filter((name) => name === `core.${pid}`)).toEqual([]);
      // A crash leaves no image of its memory.
      const limits = await machine.run(["cat", `/proc/${pid}/limits`]);
      expect(limits.stdout).toMatch(/^Max core file size +0 +0 /m);
    } finally {
      control.kill();
      await run([program, "agent", "stop"]);
      await until(() => runningIn(env.LEAPP_HOME).length === 0, "the person's agent is gone");
    }
  },
  timeout,
);
