/** Leapp with an AWS behind it, and the consumers that call it there. */
import { linkSync, mkdirSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AgentClient, connectAgent } from "../../packages/agent/src/client.ts";
import type { PromptView } from "../../packages/core/src/model.ts";
import type { Sandbox } from "../../packages/sandbox/src/server.ts";
import { createLeapp, createSandboxedLeapp, dist, type Leapp, type Ran } from "../support/leapp.ts";
import { type Consumer, pythonWith } from "./consumers.ts";

export type AwsName = "sandbox" | "moto";

export interface Scene {
  aws: AwsName;
  leapp: Leapp;
  /** @throws where AWS is moto. */
  sandbox: Sandbox;
  /** `interop` may be assumed by the user, `target` by a session of `interop`. */
  roles: { interop: string; target: string };
  /** Adds a session; a role reached from the user unless the flags say otherwise. @returns its id. */
  add(name: string, flags?: string[], stdin?: string): Promise<string>;
  /** A session of another user, with an MFA device or none. @returns its id. */
  addUser(name: string, options?: { mfa: boolean }): Promise<string>;
  stop(): Promise<void>;
}

const account = "111122223333";

export async function sandboxScene(options: { dist?: string } = {}): Promise<Scene> {
  const leapp = await createSandboxedLeapp(options);
  const { sandbox } = leapp;
  const user = sandbox.addUser({ accountId: account, name: "ada" });
  const role = { accountId: account, maxSessionDuration: 43_200 };
  const interop = sandbox.addRole({ ...role, name: "interop", trust: { principals: [user.arn] } });
  const target = sandbox.addRole({ ...role, name: "target", trust: { principals: [interop] } });
  const roles = { interop, target };
  const add = await adder(leapp, user, roles);
  return {
    aws: "sandbox",
    leapp,
    sandbox,
    roles,
    add,
    addUser(name, { mfa } = { mfa: false }) {
      const person = sandbox.addUser({ accountId: account, name, mfa });
      const device = mfa ? ["--mfa-device", person.mfaSerial!] : [];
      return add(name, [...iamUser(person.accessKeyId), ...device], person.secretAccessKey);
    },
    stop: () => leapp.stop(),
  };
}

/** The interpreter that has moto's server; undefined where there is none. */
export const pythonForMoto = () => pythonWith("moto.server, flask, boto3");

export async function motoScene(python: string): Promise<Scene> {
  const script = join(import.meta.dirname, "strict_moto.py");
  const moto = Bun.spawn([python, script], { stdin: "pipe", stdout: "pipe", stderr: "ignore" });
  const { value } = await moto.stdout.getReader().read();
  const { url, user, roles } = JSON.parse(new TextDecoder().decode(value));
  const leapp = createLeapp({ endpoint: url });
  return {
    aws: "moto",
    leapp,
    get sandbox(): Sandbox {
      throw new Error("there is no sandbox here, but moto");
    },
    roles,
    add: await adder(leapp, user, roles),
    addUser: () => Promise.reject(new Error("moto does not look at codes")),
    async stop() {
      await leapp.stop();
      moto.stdin.end();
      await moto.exited;
    },
  };
}

const iamUser = (accessKeyId: string) => [
  ...["--type", "iam-user", "--access-key-id", accessKeyId, "--secret-access-key-stdin"],
];

async function adder(
  leapp: Leapp,
  user: { accessKeyId: string; secretAccessKey: string },
  roles: Scene["roles"],
): Promise<Scene["add"]> {
  const add = async (name: string, flags: string[], stdin = "") => {
    const common = ["session", "add", "--name", name, "--region", "eu-west-1", "--json"];
    return JSON.parse(await leapp.leapp([...common, ...flags], { stdin })).session.id as string;
  };
  await add("user", iamUser(user.accessKeyId), user.secretAccessKey);
  const chained = [
    ["--type", "iam-role-chained"],
    ["--parent", "user"],
    ["--role-arn", roles.interop],
    ["--role-session-name", "{session}"],
  ] as const;
  return (name, flags = [], stdin) => {
    const missing = flags.includes("--type") ? [] : chained.filter(([flag]) => !flags.includes(flag));
    return add(name, [...missing.flat(), ...flags], stdin);
  };
}

/** A home of its own for one case, and the profile in it. */
export interface Place {
  home: string;
  config: string;
  credentials: string;
}

export function createPlace(leapp: Leapp, name: string, config?: string | Uint8Array, credentials?: string) {
  const home = join(leapp.folder, name);
  const place: Place = {
    home,
    config: join(home, ".aws", "config"),
    credentials: join(home, ".aws", "credentials"),
  };
  mkdirSync(join(home, ".aws"), { recursive: true });
  if (config !== undefined) writeFileSync(place.config, config);
  if (credentials !== undefined) writeFileSync(place.credentials, credentials);
  return place;
}

export function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

/** How a consumer is started. */
export interface Way {
  /** Over the home's own; undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  /** What the shell does first: `exec "$@" <&-`. */
  through?: string;
  /** Stdin, stdout and stderr are a terminal. */
  tty?: boolean;
  /** Why some cannot be started this way. */
  not?: Partial<Record<Consumer["id"], string>>;
}

/** Runs one consumer in one place. */
export function consume(
  scene: Scene,
  consumer: Consumer,
  place: Place,
  profile: string | null,
  way: Way = {},
  uses = "1",
): Promise<Ran> {
  const command = consumer.command(uses);
  const whole = way.through ? ["/bin/sh", "-c", way.through, "sh", ...command] : command;
  const env = { HOME: place.home, AWS_PROFILE: profile ?? undefined, ...way.env };
  return way.tty ? onTerminal(scene.leapp, whole, env) : scene.leapp.run(whole, { env });
}

async function onTerminal(
  leapp: Leapp,
  command: string[],
  env: Record<string, string | undefined>,
): Promise<Ran> {
  let stdout = "";
  const all = Object.entries({ ...leapp.env, ...env }).filter(([, value]) => value !== undefined);
  const child = Bun.spawn(command, {
    cwd: leapp.folder,
    env: Object.fromEntries(all) as Record<string, string>,
    terminal: { cols: 200, rows: 40, data: (_, bytes) => void (stdout += new TextDecoder().decode(bytes)) },
  });
  const code = await child.exited;
  return { code, stdout: stdout.replaceAll("\r\n", "\n"), stderr: "" };
}

/** An app at the agent, which gets every question. */
export async function attachApp(
  leapp: Leapp,
  onPrompt: (prompt: PromptView, app: AgentClient) => void,
): Promise<AgentClient> {
  const app = await connectAgent({ env: leapp.env, kind: "app", start: false });
  app.on((event) => {
    if (event.event === "prompt") onPrompt(event.data, app);
  });
  await app.call("subscribe", {});
  return app;
}

/** The program in a folder of another name. */
export function distAt(folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const name of ["leapp", "leapp-core"]) {
    try {
      linkSync(join(dist, name), join(folder, name));
    } catch {
      copyFileSync(join(dist, name), join(folder, name));
    }
  }
  return folder;
}

/** How often credentials left for a session. */
export async function runsOf(leapp: Leapp, session: string): Promise<number> {
  return JSON.parse(await leapp.leapp(["log", "--session", session, "--limit", "1000", "--json"])).length;
}
