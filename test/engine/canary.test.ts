/**
 * The canary: after a whole journey in credential-process-method no secret lies in any file, stands in any argument
 * or environment, or was printed; in no spelling that a program would give it. Each search proves itself on a leak
 * planted for it.
 */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dist, type Ran, until } from "../support/leapp.ts";
import { filesBelow, leaks, Secrets, watchProcesses } from "../support/secrets.ts";
import { inCI, type Machine, newMachine, onTerminal } from "./support.ts";

const onLinux = process.platform === "linux";

/** Everything that was printed. */
interface Printed {
  where: string;
  text: string;
}

interface Journey {
  machine: Machine;
  secrets: Secrets;
  printed: Printed[];
}

interface How {
  /** The command as it is run. */
  wrap?: (command: string[]) => string[];
  /** Before a command would start it. */
  startAgent?: () => Promise<void>;
}

/** Add with MFA, start, generate, restart of the agent, chained, failures with --debug, logs, passphrase, stop. */
async function journey(machine: Machine, how: How = {}): Promise<Journey> {
  const { wrap = (same) => same, startAgent = async () => {} } = how;
  const { sandbox } = machine;
  const secrets = new Secrets();
  const printed: Printed[] = [];
  const note = (args: string[], { stdout, stderr }: Ran) => {
    printed.push({ where: `stdout of ${args.join(" ")}`, text: stdout });
    printed.push({ where: `stderr of ${args.join(" ")}`, text: stderr });
  };
  const leapp = async (args: string[], stdin?: string): Promise<Ran> => {
    const ran = await machine.run(wrap([machine.program, ...args]), stdin === undefined ? {} : { stdin });
    note(args, ran);
    return ran;
  };
  const good = async (args: string[], stdin?: string): Promise<string> => {
    const { code, stdout, stderr } = await leapp(args, stdin);
    if (code !== 0) throw new Error(`leapp ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  /** Its credentials become secrets, and are the one thing that may be printed. */
  const generate = async (session: string): Promise<void> => {
    const { code, stdout, stderr } = await machine.run(
      wrap([machine.program, "session", "generate", session]),
    );
    if (code !== 0) throw new Error(stderr);
    const { SecretAccessKey, SessionToken } = JSON.parse(stdout);
    secrets.add(`secret key of ${session}`, SecretAccessKey);
    secrets.add(`session token of ${session}`, SessionToken);
    printed.push({ where: "stderr of generate", text: stderr });
  };

  const [first, second, third] = [
    `first passphrase ${crypto.randomUUID()}`,
    `second ${crypto.randomUUID()}`,
    `wrong ${crypto.randomUUID()}`,
  ];
  for (const [name, text] of Object.entries({ first, second, third }))
    secrets.add(`${name} passphrase`, text);
  delete machine.env.LEAPP_VAULT_PASSPHRASE_FILE;
  await startAgent();
  await good(["vault", "unlock", "--passphrase-stdin"], first);

  const user = sandbox.addUser({ accountId: "111122223333", name: "ada", mfa: true });
  secrets.add("long-term secret key", user.secretAccessKey);
  const common = ["session", "add", "--region", "eu-west-1", "--type"];
  await good(
    [
      ...[...common, "iam-user", "--name", "dev", "--profile", "dev", "--mfa-device", user.mfaSerial!],
      ...["--access-key-id", user.accessKeyId, "--secret-access-key-stdin"],
    ],
    user.secretAccessKey,
  );
  const roleArn = sandbox.addRole({ accountId: "444455556666", name: "audit", trust: { principals: ["*"] } });
  await good([
    ...common,
    "iam-role-chained",
    "--name",
    "audit",
    "--profile",
    "audit",
    "--parent",
    "dev",
    "--role-arn",
    roleArn,
  ]);

  const asked = async (args: string[], answers: [RegExp, () => string][]): Promise<void> => {
    await using terminal = onTerminal({ ...machine, program: wrap([machine.program])[0]! }, [
      ...wrap([machine.program]).slice(1),
      ...args,
    ]);
    for (const [pattern, answer] of answers) {
      await terminal.shows(pattern);
      terminal.type(answer());
    }
    await terminal.exited;
    // The terminal echoes a code as it is typed, but no longer than the person looks at it.
    printed.push({
      where: `terminal of ${args.join(" ")}`,
      text: terminal.screen().replaceAll(/: \d{6}$/gm, ": (typed)"),
    });
  };
  const code = () => {
    const text = sandbox.totpCode(user.mfaSerial!);
    secrets.add("MFA code", text);
    return text;
  };
  await asked(["session", "start", "dev"], [[/MFA code of [^\n]*: $/, code]]);
  await generate("dev");
  await good(["session", "start", "audit"]);
  await generate("audit");
  await good(["session", "list", "--json"]);
  await good(["session", "identity", "audit"]);
  await good(["session", "show", "dev", "--json"]);

  await good(["agent", "stop"]);
  await startAgent();
  // Locked now: nobody gets anything before the passphrase.
  expect((await leapp(["session", "generate", "dev", "--debug"])).code).toBe(14);
  expect((await leapp(["vault", "unlock", "--passphrase-stdin", "--debug"], third)).code).toBe(15);
  await asked(["vault", "unlock"], [[/passphrase[^\n]*: $/i, () => first]]);
  await generate("dev");
  await generate("audit");
  await good(["vault", "change-passphrase", "--passphrase-stdin"], `${first}\n${second}`);

  // Whatever can fail, told at length.
  sandbox.deny(user.arn, "sts:AssumeRole");
  await good(["session", "edit", "audit", "--role-session-name", "anew"]);
  expect((await leapp(["session", "start", "audit", "--debug"])).code).toBe(20);
  sandbox.allow(user.arn, "sts:AssumeRole");
  for (const kind of ["500", "cut"] as const) {
    sandbox.fail({ action: "AssumeRole", kind, times: 3 });
    expect((await leapp(["session", "identity", "audit", "--debug"])).code).toBeGreaterThan(20);
  }
  sandbox.deactivateKey(user.accessKeyId);
  await good(["session", "edit", "dev", "--mfa-device", ""]);
  expect((await leapp(["session", "identity", "dev", "--debug"])).code).toBe(21);
  sandbox.activateKey(user.accessKeyId);
  const mistyped = user.secretAccessKey.slice(0, -1);
  secrets.add("mistyped secret key", mistyped);
  await leapp(
    ["session", "edit", "dev", "--secret-access-key-stdin", "--access-key-id", "x", "--debug"],
    mistyped,
  );
  for (const session of ["dev", "audit"]) {
    await good(["session", "identity", session]);
    await generate(session);
  }

  await good(["agent", "status", "--json"]);
  await good(["agent", "log"]);
  await good(["log", "--json"]);
  await good(["log", "verify"]);
  await good(["session", "stop", "audit"]);
  return { machine, secrets, printed };
}

test("no secret is left in a file, an argument, an environment, a log or on stderr", async () => {
  await using machine = await newMachine();
  machine.env.TMPDIR = join(machine.folder, "tmp");
  machine.file("../tmp/keep", "");
  writeFileSync(join(machine.folder, "passphrase"), "not used in this journey");
  const watch = onLinux ? watchProcesses(machine) : undefined;
  const { secrets, printed } = await journey(machine);

  // The positive control: a process with a secret in its environment, and one in its arguments.
  const planted = `planted ${crypto.randomUUID()}`;
  secrets.add("planted", planted);
  if (watch) {
    const held = [
      Bun.spawn(["sleep", "60"], { env: { ...machine.env, PLANTED: planted } }),
      Bun.spawn(["sh", "-c", "read -r line", "sh", Buffer.from(planted).toString("base64")], {
        env: machine.env,
        stdin: "pipe",
      }),
    ];
    using _ = { [Symbol.dispose]: () => held.forEach((child) => void child.kill("SIGKILL")) };
    const { seen } = watch;
    const sawPid = (pid: number) => [...seen.keys()].some((name) => name.startsWith(`${pid} `));
    await until(() => held.every(({ pid }) => sawPid(pid)), "the watch has seen the leaks planted for it");
    await watch.stop();
    const guilty = [...seen].filter(([, bytes]) => secrets.in(bytes).length > 0);
    expect(guilty.map(([name]) => Number.parseInt(name, 10)).sort()).toEqual(
      held.map(({ pid }) => pid).sort(),
    );
    // It saw both agents, and commands.
    expect([...seen.keys()].filter((name) => name.includes("agent run")).length).toBeGreaterThanOrEqual(2);
    expect(seen.size).toBeGreaterThan(10);
  }
  const uid = process.getuid?.();
  const everywhere = [machine.folder, `/tmp/leapp-${uid}`].flatMap(filesBelow);
  for (const name of ["state.db", "state.db-wal", "vault.db", "agent.log"])
    expect(everywhere).toContain(join(machine.leappHome, name));
  expect(leaks(secrets, everywhere)).toEqual([]);
  await machine.leapp(["agent", "stop"]);
  expect(leaks(secrets, filesBelow(machine.folder))).toEqual([]);
  for (const { where, text } of printed)
    expect({ where, found: secrets.in(text) }).toEqual({ where, found: [] });

  for (const [name, spelling] of [
    ["plain", planted],
    ["base64", Buffer.from(`x${planted}x`).toString("base64")],
    ["hex", Buffer.from(planted).toString("hex")],
    ["utf16", Buffer.from(planted, "utf16le")],
    ["json", JSON.stringify({ a: planted })],
  ] as const) {
    machine.file(`planted/${name}`, spelling);
    expect(
      leaks(secrets, filesBelow(machine.folder)).every((leak) => leak.includes(`/planted/${name}: planted`)),
    ).toBe(true);
    expect(leaks(secrets, [machine.file(`planted/${name}`)]).length).toBeGreaterThan(0);
    writeFileSync(machine.file(`planted/${name}`), "");
  }
}, 120_000);

const strace = Bun.which("strace");
const traced = onLinux && (strace || inCI) ? test : test.skip;
traced(
  "as strace sees it, no secret is ever written into a file, or given to a program",
  async () => {
    await using machine = await newMachine();
    const folder = join(machine.folder, "traces");
    machine.file("../traces/keep", "");
    let count = 0;
    const options = ["-f", "-qq", "-y", "-v", "-s", "65536", "-e"];
    const calls =
      "trace=execve,openat,write,pwrite64,writev,pwritev,sendto,sendmsg,?rename,?renameat,renameat2,?link,linkat,?symlink,symlinkat";
    const wrap = (command: string[]) => [
      strace!,
      ...options,
      calls,
      "-o",
      join(folder, `${count++}`),
      ...command,
    ];
    const startAgent = async () => {
      Bun.spawn(wrap([join(dist, "leapp-core"), "agent", "run"]), {
        env: machine.env,
        stdio: ["ignore", "ignore", "ignore"],
      });
      await until(() => existsSync(join(machine.leappHome, "agent.sock")), "the traced agent listens");
    };
    const { secrets } = await journey(machine, { wrap, startAgent });
    const planted = `planted ${crypto.randomUUID()}`;
    secrets.add("planted", planted);
    const gone = join(machine.folder, "gone");
    await machine.run(wrap(["sh", "-c", `printf %s '${planted}' > ${gone}; rm ${gone}`]));
    await machine.leapp(["agent", "stop"]);

    const kinds = { control: 0, leaks: [] as string[], files: 0, programs: 0 };
    for (const name of readdirSync(folder)) {
      for (const line of readFileSync(join(folder, name), "latin1").split("\n")) {
        const call = /^\d+ +(\w+)\(/.exec(line)?.[1];
        // Pipes and sockets are how a credential leaves, and how an answer comes in; files and programs are not.
        const toFile = /^\d+ +\w*(?:write|send)\w*\(\d+<\/(?!dev\/(?:pts|tty|null))/.test(line);
        if (toFile) kinds.files++;
        if (call === "execve") kinds.programs++;
        const elsewhere = call !== undefined && !/write|send/.test(call);
        if (!toFile && !elsewhere) continue;
        const found = secrets.in(unescaped(line));
        if (found.length === 0) continue;
        if (found.every((one) => one.startsWith("planted"))) kinds.control++;
        else kinds.leaks.push(`${call} in trace ${name}: ${found.join(", ")}`);
      }
    }
    expect(kinds.leaks).toEqual([]);
    // Its shell, the write, and nothing more.
    expect(kinds.control).toBe(2);
    expect(kinds.files).toBeGreaterThan(100);
    expect(kinds.programs).toBeGreaterThan(20);
  },
  180_000,
);

/** strace writes bytes as C does. */
function unescaped(line: string): Buffer {
  const named: Record<string, string> = { n: "\n", r: "\r", t: "\t", v: "\v", f: "\f" };
  const text = line.replace(/\\([0-7]{1,3}|x[0-9a-f]{2}|.)/g, (_, code: string) =>
    /^[0-7]/.test(code)
      ? String.fromCharCode(Number.parseInt(code, 8))
      : code.length === 3
        ? String.fromCharCode(Number.parseInt(code.slice(1), 16))
        : (named[code] ?? code),
  );
  return Buffer.from(text, "latin1");
}
