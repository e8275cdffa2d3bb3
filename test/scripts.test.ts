/**
 * Runs test/scripts/*.txt, text that anybody can read, against the built program. Each script has its own home
 * folder, vault passphrase, agent and sandbox. The lines:
 *
 *   exec PROGRAM ARGUMENTS     must exit 0; `! exec CODE …` must exit with that code
 *   stdout RE, stderr RE       what the last program printed; `! stdout RE`: what it did not. ^ and $ mean lines
 *   stdout = FILE              stdout is exactly that file
 *   cmp FILE FILE              two files are the same; `! exists FILE`, `exists FILE`
 *   contains FILE RE           the file has such a line; `! contains FILE RE`
 *                              with `--json` stdout must fit the schema in docs/spec/cli-json.md
 *   json PATH = VALUE          a value in the last stdout, PATH like `session.profiles.0`
 *   stdin TEXT                 for the next program; without it stdin is empty
 *   tty RE ANSWER              the next program runs on a terminal; at RE, ANSWER is typed (^C, ^U, or keys);
 *                              `sign-in` instead signs in at the address that RE's first group found
 *   alongside RE PROGRAM …     starts a program on a terminal of its own, and goes on when it shows RE
 *   finish                     waits until that one has ended well; what it showed becomes stdout
 *   needs PROGRAM              the script is left out, and says so, where that program is not installed
 *   env NAME=VALUE             for every program from here on; `env NAME=` takes it away
 *   let NAME RE                the first group of RE in the last stdout becomes $NAME
 *   advance SECONDS            moves the sandbox's clock; `deny ROLE` `fail KIND ACTION` make AWS refuse
 *   calls ACTION N             the sandbox got so many of these since the last `calls`
 *   -- NAME --                 the lines below are that file, in the script's folder, up to the next such line
 *
 * $NAME is replaced everywhere; in regular expressions it matches itself. 'Quotes' keep blanks together.
 */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCommand } from "../packages/cli/src/command.ts";
import { commands } from "../packages/cli/src/commands/index.ts";
import { readSchemas } from "../packages/cli/test/schemas.ts";
import { completeSignIn } from "../packages/sandbox/src/sign-in.ts";
import type { Sandbox } from "../packages/sandbox/src/server.ts";
import { createSandboxedLeapp, type Leapp } from "./support/leapp.ts";

const folder = join(import.meta.dirname, "scripts");
const schemas = readSchemas();
/** Commands whose JSON was checked. */
const checked = new Set<string>();

for (const name of readdirSync(folder)
  .filter((file) => file.endsWith(".txt"))
  .sort()) {
  const needed = /^needs (\S+)$/m.exec(readFileSync(join(folder, name), "utf8"))?.[1];
  const lacking = needed !== undefined && !Bun.which(needed);
  // In CI everything is installed, so that a script left out there is a failure.
  const run = lacking && process.env.CI !== "true" ? test.skip : test;
  run(lacking ? `${name} (needs ${needed})` : name, () => runScript(join(folder, name)), 60_000);
}

test("the scripts checked the JSON of every command", () => {
  expect([...schemas.keys()].filter((name) => !checked.has(name))).toEqual([]);
});

type Keys = { at: RegExp; answer: string }[];

interface World {
  leapp: Leapp;
  cwd: string;
  sandbox: Sandbox;
  /** Who signs in to the organisation at $START_URL: 2 accounts with 2 roles each. */
  person: { user: string; password: string };
  env: Record<string, string>;
  variables: Map<string, string | (() => string)>;
  /** Not to be shown when a line fails. */
  secrets: string[];
  stdout: string;
  stderr: string;
  stdin: string;
  keys: Keys;
  alongside: Terminal | undefined;
  counted: Map<string, number>;
}

async function createWorld(): Promise<World> {
  const leapp = await createSandboxedLeapp();
  const { folder: cwd, sandbox, env } = leapp;
  const user = sandbox.addUser({ accountId: "111122223333", name: "ada" });
  const careful = sandbox.addUser({ accountId: "111122223333", name: "grace", mfa: true });
  const role = sandbox.addRole({
    accountId: "444455556666",
    name: "audit",
    trust: { principals: [user.arn, careful.arn] },
  });
  const deeper = sandbox.addRole({
    accountId: "444455556666",
    name: "deeper",
    trust: { principals: [role] },
  });
  const provider = sandbox.addSamlProvider({ accountId: "444455556666", name: "idp" });
  const samlRole = sandbox.addRole({
    accountId: "444455556666",
    name: "saml",
    trust: { principals: [provider] },
  });
  sandbox.addIdpUser({ user: "lin", password: "x", roles: [{ roleArn: samlRole, providerArn: provider }] });
  const person = sandbox.seedOrganisation({ accounts: 2, rolesPerAccount: 2 });
  const variables = new Map<string, string | (() => string)>([
    ["WORK", cwd],
    ["HOME", leapp.home],
    ["LEAPP_HOME", leapp.leappHome],
    ["SANDBOX", sandbox.url],
    ["USER_ARN", user.arn],
    ["ACCESS_KEY_ID", user.accessKeyId],
    ["SECRET", user.secretAccessKey],
    ["MFA_USER_ARN", careful.arn],
    ["MFA_ACCESS_KEY_ID", careful.accessKeyId],
    ["MFA_SECRET", careful.secretAccessKey],
    ["MFA_DEVICE", careful.mfaSerial!],
    ["MFA_CODE", () => sandbox.totpCode(careful.mfaSerial!)],
    ["START_URL", person.startUrl],
    ["SSO_REGION", person.region],
    ["ROLE_ARN", role],
    ["DEEPER_ROLE_ARN", deeper],
    ["SAML_ROLE_ARN", samlRole],
    ["ASSERTION", () => sandbox.samlResponse({ user: "lin" })],
  ]);
  const secrets = [user.secretAccessKey, careful.secretAccessKey, person.password];
  return {
    leapp,
    cwd,
    sandbox,
    person,
    env,
    variables,
    secrets,
    stdout: "",
    stderr: "",
    stdin: "",
    keys: [],
    alongside: undefined,
    counted: new Map(),
  };
}

async function runScript(path: string): Promise<void> {
  const { lines, files } = readScript(path);
  const world = await createWorld();
  for (const [name, text] of files) writeFileSync(join(world.cwd, name), text);
  try {
    for (const [number, line] of lines) {
      try {
        await runLine(world, line);
      } catch (error) {
        const message = `${path}:${number}: ${line}\n${(error as Error).message}\nstdout:\n${world.stdout}\nstderr:\n${world.stderr}`;
        throw new Error(world.secrets.reduce((text, secret) => text.replaceAll(secret, "[secret]"), message));
      }
    }
  } finally {
    world.alongside?.child.kill();
    await world.leapp.stop();
  }
}

/** Lines with their numbers, comments left out, and the files at the end. */
function readScript(path: string): { lines: [number, string][]; files: [string, string][] } {
  const lines: [number, string][] = [];
  const files: [string, string][] = [];
  readFileSync(path, "utf8")
    .replace(/\n$/, "")
    .split("\n")
    .forEach((line, i) => {
      const name = /^-- (\S+) --$/.exec(line)?.[1];
      const last = files.at(-1);
      if (name) files.push([name, ""]);
      else if (last) last[1] += `${line}\n`;
      else if (line.trim() && !line.startsWith("#")) lines.push([i + 1, line]);
    });
  return { lines, files };
}

function value(world: World, name: string): string {
  const found = world.variables.get(name);
  if (found === undefined) throw new Error(`no variable $${name}`);
  return typeof found === "string" ? found : found();
}

function fill(world: World, text: string, quote: (value: string) => string = (plain) => plain): string {
  return text.replace(/\$([A-Z][A-Z_0-9]*)/g, (_, name) => quote(value(world, name)));
}

const pattern = (world: World, text: string) =>
  new RegExp(
    fill(world, text, (plain) => plain.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")),
    "m",
  );

/** Words; blanks within 'quotes' stay. */
function words(text: string): string[] {
  return [...text.matchAll(/'([^']*)'|\S+/g)].map((match) => match[1] ?? match[0]);
}

async function runLine(world: World, line: string): Promise<void> {
  const [, not, verb, rest = ""] = /^(! )?(\S+)(?: (.*))?$/.exec(line)!;
  const check = (holds: boolean, what: string) => {
    if (holds === (not !== undefined)) throw new Error(`${not ? "but " : "no: "}${what}`);
  };
  const at = (name: string) => join(world.cwd, name);
  const file = (name: string) => readFileSync(name.startsWith("/") ? name : at(name), "utf8");
  switch (verb) {
    case "exec": {
      const [first, ...others] = words(fill(world, rest));
      const code = not ? Number(first) : 0;
      const found = await run(world, not ? others : [first!, ...others]);
      if (found !== code) throw new Error(`exit code ${found}, not ${code}`);
      return;
    }
    case "stdout":
    case "stderr":
      if (rest.startsWith("= ")) expect(world[verb]).toBe(file(rest.slice(2)));
      else check(pattern(world, rest).test(world[verb]), `${verb} has ${rest}`);
      return;
    case "cmp": {
      const [a, b] = words(fill(world, rest));
      expect(file(a!)).toBe(file(b!));
      return;
    }
    case "exists":
      return check(existsSync(fill(world, rest)), `${rest} exists`);
    case "contains": {
      const [name, ...re] = rest.split(" ");
      return check(
        pattern(world, re.join(" ")).test(file(fill(world, name!))),
        `${name} has ${re.join(" ")}`,
      );
    }
    case "json": {
      const [path, wanted] = rest.split(" = ");
      const found = path!
        .split(".")
        .filter(Boolean)
        .reduce((part: unknown, key) => (part as Record<string, unknown>)?.[key], JSON.parse(world.stdout));
      return check(String(found) === fill(world, wanted!), `${path} is ${JSON.stringify(found)}`);
    }
    case "stdin":
      world.stdin = `${fill(world, rest).replaceAll("\\n", "\n")}\n`;
      return;
    case "tty": {
      const [re, answer = ""] = words(rest);
      world.keys.push({ at: pattern(world, re!), answer });
      return;
    }
    case "alongside": {
      const [re, ...command] = words(fill(world, rest));
      world.alongside = openTerminal(world, command, [{ at: new RegExp(re!, "m"), answer: "" }]);
      await world.alongside.answered;
      return;
    }
    case "finish": {
      const code = await world.alongside!.child.exited;
      world.stdout = world.alongside!.screen();
      if (code !== 0) throw new Error(`exit code ${code}, not 0`);
      return;
    }
    case "env": {
      const [, name, text] = /^([A-Z_a-z0-9]+)=(.*)$/s.exec(rest)!;
      if (text) world.env[name!] = fill(world, text);
      else delete world.env[name!];
      return;
    }
    case "let": {
      const [name, ...re] = rest.split(" ");
      const found = pattern(world, re.join(" ")).exec(world.stdout)?.[1];
      if (found === undefined) throw new Error("no such text in stdout");
      world.variables.set(name!, found);
      return;
    }
    case "needs":
      if (!Bun.which(rest)) throw new Error(`${rest} is not installed`);
      return;
    case "advance":
      world.sandbox.advance(Number(rest) * 1000);
      return;
    case "deny":
      world.sandbox.deny(fill(world, rest), "sts:AssumeRole");
      return;
    case "fail": {
      const [kind, action] = rest.split(" ");
      world.sandbox.fail({ action: action!, kind: kind as never, times: 100 });
      return;
    }
    case "reset":
      world.sandbox.reset();
      world.counted.clear();
      return;
    case "calls": {
      const [action, count] = rest.split(" ");
      const total = world.sandbox.calls(action!);
      expect(total - (world.counted.get(action!) ?? 0)).toBe(Number(count));
      world.counted.set(action!, total);
      return;
    }
    default:
      throw new Error(`no such line: ${verb}`);
  }
}

/** Runs a program of ours from dist, any other from PATH. @returns its exit code. */
async function run(world: World, command: string[]): Promise<number> {
  const { keys, stdin } = world;
  world.keys = [];
  world.stdin = "";
  const options = { cwd: world.cwd, env: world.env };
  if (keys.length > 0) return runOnTerminal(world, command, keys);
  const child = Bun.spawn(command, { ...options, stdin: new Blob([stdin]), stdout: "pipe", stderr: "pipe" });
  const both = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
  [world.stdout, world.stderr] = (await Promise.all(both)) as [string, string];
  const code = await child.exited;
  if (code === 0 && command[0] === "leapp") checkJson(command.slice(1), world.stdout);
  return code;
}

/** What `--json` printed must be what docs/spec/cli-json.md says. */
function checkJson(args: string[], stdout: string): void {
  const name =
    findCommand(
      commands,
      args.filter((arg) => arg !== "--json"),
    )?.command.name ?? "";
  if (name !== "session generate" && !args.includes("--json")) return;
  schemas.get(name)!.parse(JSON.parse(stdout));
  checked.add(name);
}

interface Terminal {
  child: Bun.Subprocess;
  /** Settles when every question has been answered, or the program has ended. */
  answered: Promise<void>;
  /** Everything shown so far. */
  screen(): string;
  unanswered(): RegExp | undefined;
}

/** The program's input and outputs are a terminal of 100 by 40. An empty answer at the last key types nothing. */
function openTerminal(world: World, command: string[], keys: Keys): Terminal {
  const controls: Record<string, string> = { "^C": "\u0003", "^U": "\u0015", "^H": "\u007f" };
  const decoder = new TextDecoder();
  const { promise: answered, resolve } = Promise.withResolvers<void>();
  let shown = "";
  let seen = 0;
  const waiting = [...keys];
  const child = Bun.spawn(command, {
    cwd: world.cwd,
    env: world.env,
    terminal: {
      cols: 100,
      rows: 40,
      data(terminal, bytes) {
        shown += decoder.decode(bytes, { stream: true });
        for (let next = waiting[0]; next; next = waiting[0]) {
          const found = next.at.exec(shown.slice(seen));
          if (!found) return;
          seen += found.index + found[0].length;
          waiting.shift();
          // Filled in only now: an MFA code counts for 30 s.
          if (next.answer === "sign-in") {
            void completeSignIn(found[1]!, world.person);
            continue;
          }
          const typed = fill(world, next.answer).replace(/\^[CUH]/g, (name) => controls[name]!);
          if (typed || waiting.length > 0) terminal.write(typed.endsWith("\u0003") ? typed : `${typed}\r`);
        }
        resolve();
      },
    },
  });
  const stuck = setTimeout(() => child.kill(), 20_000);
  child.exited.then(() => {
    clearTimeout(stuck);
    resolve();
  });
  return {
    child,
    answered,
    screen: () => shown.replaceAll("\r\n", "\n"),
    unanswered: () => waiting[0]?.at,
  };
}

/** What the terminal shows is `stdout`. */
async function runOnTerminal(world: World, command: string[], keys: Keys): Promise<number> {
  const terminal = openTerminal(world, command, keys);
  const code = await terminal.child.exited;
  world.stdout = terminal.screen();
  world.stderr = "";
  if (terminal.unanswered()) throw new Error(`the terminal never showed ${terminal.unanswered()}`);
  return code;
}
