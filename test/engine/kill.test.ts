/**
 * `kill -9` of the agent at random moments of what changes files: they are the old or the new ones, nothing is locked
 * for ever, the next command works, and what was the person's comes back byte for byte. KILLS=2000 for more of them,
 * SEED=n for the same moments again (as far as the machine plays along).
 */
import { afterAll, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type AgentClient, connectAgent } from "../../packages/agent/src/client.ts";
import { createSts } from "../../packages/core/src/aws/sts.ts";
import { createWire } from "../../packages/core/src/aws/http.ts";
import type { UserKeys } from "../../packages/sandbox/src/world.ts";
import { dist, root, until } from "../support/leapp.ts";
import { type Machine, newMachine } from "./support.ts";

const kills = Number(process.env.KILLS ?? 200);
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
console.log(`kill.test.ts: SEED=${seed}`);

/** Mulberry32: from 0 to 1. */
let state = seed;
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

const config = `# mine, with care\r\n[default]\nregion = us-east-1\n\n[profile audit]\n; to be parked
role_arn = arn:aws:iam::123456789012:role/old\nsource_profile = default\n\n[services x]\ns3 =\n  endpoint_url = http://x\n[profile tail]\nregion=x`;
const credentials = `[other]\nregion = keep\n\n[audit]\naws_session_token = old\n# end`;

class World {
  readonly machine: Machine;
  readonly file: Record<"config" | "credentials", string>;
  user!: UserKeys;
  agent: Bun.Subprocess | undefined;
  client: AgentClient | undefined;

  constructor(machine: Machine) {
    this.machine = machine;
    this.file = {
      config: machine.file(".aws/config", config),
      credentials: machine.file(".aws/credentials", credentials),
    };
  }

  get env() {
    return this.machine.env;
  }

  /** Starts the agent's process and leaves it to itself. */
  launch(): void {
    this.agent = Bun.spawn([join(dist, "leapp-core"), "agent", "run"], {
      env: this.env,
      cwd: "/",
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
  }

  /** A connection; the agent is started where none runs. */
  async up(): Promise<AgentClient> {
    if (this.client) return this.client;
    if (!this.agent) this.launch();
    const end = Date.now() + 10_000;
    while (!this.client) {
      // One that found the lock of its predecessor still held was not needed, and ended.
      if (this.agent?.exitCode != null) this.launch();
      this.client = await connectAgent({ env: this.env, start: false }).catch(() => undefined);
      if (!this.client) await Bun.sleep(5);
      if (Date.now() > end) throw new Error("the agent does not come up again");
    }
    return this.client;
  }

  async kill(): Promise<void> {
    this.agent?.kill("SIGKILL");
    await this.agent?.exited;
    this.client?.close();
    this.agent = undefined;
    this.client = undefined;
  }

  async stop(): Promise<void> {
    await (await this.up()).call("agent.stop", {});
    await this.agent!.exited;
    this.agent = undefined;
    this.client = undefined;
  }

  async stopSessions(): Promise<void> {
    const client = await this.up();
    for (const session of ["dev", "audit"]) await client.call("session.stop", { session });
  }

  async startSessions(): Promise<void> {
    const client = await this.up();
    await client.call("session.start", { session: "dev", profiles: ["dev", "default"] });
    await client.call("session.start", { session: "audit", replace: true });
  }

  async method(value: "credential-process-method" | "credential-file-method"): Promise<void> {
    await (await this.up()).call("settings.set", { key: "credential-method", value });
  }

  keys() {
    const text = existsSync(this.file.credentials) ? readFileSync(this.file.credentials, "utf8") : "";
    return [
      ...text.matchAll(
        /^aws_access_key_id ?= ?(\S+)\naws_secret_access_key ?= ?(\S+)\naws_session_token ?= ?(\S+)$/gm,
      ),
    ].map(([, accessKeyId, secretAccessKey, sessionToken]) => ({
      accessKeyId: accessKeyId!,
      secretAccessKey: secretAccessKey!,
      sessionToken: sessionToken!,
    }));
  }

  /** Names of the sessions that stand in the files. */
  standing(sessions: readonly { id: string; name: string }[]): string[] {
    const { config, credentials } = this.texts();
    const ids = [...config.matchAll(/session generate (\S+)/g)].map(([, id]) => id);
    const profiles = [...credentials.matchAll(/^\[(\w+)\]\naws_access_key_id/gm)].map(([, name]) => name);
    return sessions
      .filter(({ id, name }) => ids.includes(id) || profiles.includes(name))
      .map(({ name }) => name);
  }

  /** Waits until the agent has put right what its predecessor left half done: files and table agree. */
  async agrees(): Promise<void> {
    const client = await this.up();
    await until(async () => {
      const sessions = await client.call("session.list", {});
      const active = sessions.filter(({ status }) => status === "active").map(({ name }) => name);
      return `${active}` === `${this.standing(sessions)}`;
    }, "sessions that are active stand in the files, and no others");
  }

  /** What stands in the two files, new keys being alike whatever they are. */
  texts(): Record<"config" | "credentials", string> {
    const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : "(none)");
    let secret = read(this.file.credentials);
    for (const keys of this.keys())
      for (const [name, value] of Object.entries(keys)) secret = secret.replaceAll(value, name);
    return { config: read(this.file.config), credentials: secret };
  }
}

interface Operation {
  name: string;
  /** From any state to the one the operation starts from. */
  prepare(world: World): Promise<void>;
  /** What is cut short. */
  run(world: World): Promise<unknown>;
  /** The part of it, from 0 to 1, before which nothing is worth a kill. */
  from?: number;
  /** After the kill and the check of the files. */
  after?(world: World): Promise<void>;
}

const pristine = async (world: World) => {
  await world.stopSessions();
  await world.method("credential-process-method");
};

const operations: Operation[] = [
  {
    name: "start of two profiles",
    prepare: pristine,
    run: async ({ client }) =>
      client!.call("session.start", { session: "dev", profiles: ["dev", "default"] }),
  },
  {
    name: "start that parks a section",
    prepare: pristine,
    run: async ({ client }) => client!.call("session.start", { session: "audit", replace: true }),
  },
  {
    name: "stop that gives a section back",
    async prepare(world) {
      await pristine(world);
      await world.startSessions();
    },
    run: async ({ client }) => client!.call("session.stop", { session: "audit" }),
  },
  {
    name: "change of method",
    async prepare(world) {
      await pristine(world);
      await world.startSessions();
    },
    run: async (world) => world.method("credential-file-method"),
  },
  {
    // An agent that comes up puts new keys where those of its predecessor are.
    name: "rotation of keys in the file",
    from: 0.6,
    async prepare(world) {
      await pristine(world);
      await world.startSessions();
      await world.method("credential-file-method");
      await world.kill();
    },
    async run(world) {
      const old = world.keys().map(({ accessKeyId }) => accessKeyId);
      world.launch();
      await until(
        () =>
          !world.agent ||
          world.keys().filter(({ accessKeyId }) => !old.includes(accessKeyId)).length === old.length,
        "all keys in the file are new",
      );
    },
    async after(world) {
      const sts = createSts(
        createWire({ endpoints: { all: world.machine.sandbox.url }, clock: { now: Date.now } }),
      );
      expect(world.keys()).toHaveLength(3);
      for (const keys of world.keys()) await sts.getCallerIdentity({ keys, region: "eu-west-1" });
      // What was started is started, with the old keys or the new ones.
      await world.agrees();
      const sessions = await (await world.up()).call("session.list", {});
      expect(sessions.map(({ status }) => status)).toEqual(["active", "active"]);
    },
  },
  {
    name: "vault write",
    prepare: pristine,
    run: async ({ client, user }) =>
      client!.call("session.edit", {
        session: "dev",
        changes: {},
        secrets: { accessKeyId: user.accessKeyId, secretAccessKey: user.secretAccessKey },
      }),
    async after(world) {
      const client = await world.up();
      expect((await client.call("session.identity", { session: "dev" })).arn).toBe(world.user.arn);
    },
  },
];

/** Runs until `milliseconds` have passed since `begun`, more exactly than a timer. */
async function moment(begun: number, milliseconds: number): Promise<void> {
  const coarse = milliseconds - (performance.now() - begun) - 3;
  if (coarse > 0) await Bun.sleep(coarse);
  while (performance.now() - begun < milliseconds) await new Promise((resume) => setImmediate(resume));
}

const perOperation = Math.ceil(kills / (operations.length + 2));
let killed = 0;
afterAll(() => console.log(`kill.test.ts: ${killed} kills`));

for (const operation of operations) {
  test(`killed in the middle of: ${operation.name}`, async () => {
    await using machine = await newMachine();
    const world = new World(machine);
    world.user = await machine.addUser("dev");
    await machine.addRole("audit", "dev");
    await machine.leapp(["agent", "stop"]);
    await world.up();

    await operation.prepare(world);
    const before = world.texts();
    const begun = performance.now();
    await operation.run(world);
    const whole = performance.now() - begun;
    const done = world.texts();
    await world.up();

    const seen = new Set<string>();
    for (let i = 0; i < perOperation; i++) {
      await operation.prepare(world);
      expect(world.texts()).toEqual(before);
      const start = performance.now();
      const running = operation.run(world).catch(() => {});
      const { from = 0 } = operation;
      await moment(start, (from + random() * (1.1 - from)) * whole);
      await world.kill();
      await running;
      killed++;
      const after = world.texts();
      for (const kind of ["config", "credentials"] as const)
        expect([before[kind], done[kind]]).toContain(after[kind]);
      seen.add(JSON.stringify(after));
      await operation.after?.(world);
      await world.agrees();
      // The next command works, and it all goes away without a trace.
      await pristine(world);
      expect(world.texts()).toEqual({ config, credentials });
      expect(readdirSync(join(machine.home, ".aws")).sort()).toEqual(["config", "credentials"]);
    }
    // The moments were not all before or all after the change.
    if (before.config !== done.config) expect(seen.size).toBeGreaterThan(1);
    const { broken } = await (await world.up()).call("log.verify", {});
    expect(broken).toBeUndefined();
    await world.stop();
  }, 120_000);
}

test("killed in the middle of: first start, and a start on the state file of an older version", async () => {
  await using machine = await newMachine();
  const world = new World(machine);
  const fixtures = join(root, "test/fixtures/state");
  const states = [undefined, ...readdirSync(fixtures).filter((name) => /^\d+\.db$/.test(name))];
  let whole = 0;
  const fresh = (from: string | undefined) => {
    rmSync(machine.leappHome, { recursive: true, force: true });
    mkdirSync(machine.leappHome, { mode: 0o700 });
    if (from) copyFileSync(join(fixtures, from), join(machine.leappHome, "state.db"));
  };
  for (let i = 0; i < perOperation; i++) {
    const from = states[i % states.length];
    if (whole === 0) {
      fresh(from);
      const begun = performance.now();
      await world.up();
      whole = performance.now() - begun;
      await world.stop();
    }
    fresh(from);
    const begun = performance.now();
    world.launch();
    await moment(begun, random() * whole * 1.1);
    await world.kill();
    killed++;
    const client = await world.up();
    expect(await client.call("session.list", {})).toHaveLength(from ? sessionsIn(join(fixtures, from)) : 0);
    expect((await client.call("profile.list", {})).map(({ name }) => name)).toContain("default");
    await world.kill();
  }
}, 120_000);

test("killed in the middle of: the making of the vault", async () => {
  await using machine = await newMachine();
  const world = new World(machine);
  world.user = machine.sandbox.addUser({ accountId: "111122223333", name: "dev" });
  const { accessKeyId, secretAccessKey } = world.user;
  const add = (client: AgentClient) =>
    client.call("session.add", {
      session: { type: "iam-user", name: "dev", region: "eu-west-1" },
      secrets: { accessKeyId, secretAccessKey },
    });
  let whole = 0;
  for (let i = 0; i <= perOperation; i++) {
    await world.kill();
    rmSync(machine.leappHome, { recursive: true, force: true });
    const client = await world.up();
    const begun = performance.now();
    const running = add(client).catch(() => {});
    if (i === 0) {
      await running;
      whole = performance.now() - begun;
      continue;
    }
    await moment(begun, random() * whole * 1.1);
    await world.kill();
    killed++;
    await running;
    const again = await world.up();
    if ((await again.call("session.list", {})).length === 0) await add(again);
    expect((await again.call("session.identity", { session: "dev" })).arn).toBe(world.user.arn);
  }
  await world.kill();
}, 120_000);

function sessionsIn(file: string): number {
  using database = new DatabaseSync(file, { readOnly: true });
  return Number(database.prepare("SELECT count(*) AS n FROM sessions").get()!.n);
}
