/**
 * Credentials over hours and days: an agent in this process on a clock that the test moves, the sandbox on the same
 * clock, a real socket between a consumer and the agent.
 */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AgentClient, connectAgent } from "../../packages/agent/src/client.ts";
import { type Agent, startAgent } from "../../packages/agent/src/main.ts";
import { ensureHome, resolvePaths } from "../../packages/agent/src/platform/paths.ts";
import type { FaultKind } from "../../packages/sandbox/src/faults.ts";
import { type Sandbox, startSandbox } from "../../packages/sandbox/src/server.ts";
import { TestClock } from "../support/clock.ts";
import { until } from "../support/leapp.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

interface Answer {
  AccessKeyId: string;
  SecretAccessKey: string;
  SessionToken: string;
  Expiration: string;
}

class World implements AsyncDisposable {
  readonly clock = new TestClock();
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "leapp-renewal-")));
  sandbox!: Sandbox;
  agent!: Agent;
  client!: AgentClient;

  async open(): Promise<this> {
    this.sandbox = await startSandbox({ now: this.clock.now });
    mkdirSync(join(this.folder, "home"));
    writeFileSync(join(this.folder, "passphrase"), "correct horse battery\n");
    await this.startAgent();
    return this;
  }

  async startAgent(): Promise<void> {
    const env = {
      HOME: join(this.folder, "home"),
      LEAPP_HOME: join(this.folder, "l"),
      LEAPP_VAULT_PASSPHRASE_FILE: join(this.folder, "passphrase"),
      AWS_ENDPOINT_URL: this.sandbox.url,
    };
    const paths = resolvePaths(env);
    ensureHome(paths);
    this.agent = await startAgent({
      paths,
      env,
      clock: this.clock,
      keychain: async () => undefined,
      command: () => "leapp",
      exit() {},
    });
    this.client = await connectAgent({ env, start: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sandbox.reset();
    await this.settled();
    this.client.close();
    this.agent.stop();
    await this.sandbox.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  file(name: "config" | "credentials"): string {
    return join(this.folder, "home/.aws", name);
  }

  async addUser(fields: Record<string, string | number | string[]> = {}) {
    const keys = this.sandbox.addUser({ accountId: "111122223333", name: "ada" });
    const { accessKeyId, secretAccessKey } = keys;
    const { session } = await this.client.call("session.add", {
      session: { type: "iam-user", name: "dev", region: "eu-west-1", profiles: ["dev"], ...fields },
      secrets: { accessKeyId, secretAccessKey },
    });
    return session;
  }

  async addRole(parent: string, fields: Record<string, string | number | string[]> = {}) {
    const roleArn = this.sandbox.addRole({
      accountId: "444455556666",
      name: "audit",
      trust: { principals: ["*"] },
    });
    const { session } = await this.client.call("session.add", {
      session: {
        type: "iam-role-chained",
        name: "audit",
        region: "eu-west-1",
        profiles: ["audit"],
        parentId: parent,
        roleArn,
        ...fields,
      },
    });
    return session;
  }

  /** What a tool gets. Anything it could not work with for the next minutes is a failure of this test. */
  async ask(session: string, leastLife: number): Promise<Answer> {
    const { line } = await this.client.call("credentials.generate", { session });
    const answer: Answer = JSON.parse(line);
    const left = Date.parse(answer.Expiration) - this.clock.now();
    if (left < leastLife) throw new Error(`only ${left / minute} minutes of life left`);
    return answer;
  }

  /** Nothing is under way any more, neither at AWS nor on the way into a file. */
  settled = async (): Promise<void> => {
    await until(
      async () => (await this.client.call("session.list", {})).every(({ waiting }) => !waiting),
      "no request is under way",
    );
  };

  advance(ms: number): Promise<void> {
    return this.clock.advance(ms, this.settled);
  }

  count(): number {
    return this.sandbox.calls("AssumeRole") + this.sandbox.calls("GetSessionToken");
  }

  down(kind: FaultKind): void {
    this.sandbox.fail({ action: "*", kind, times: 1_000_000 });
  }

  async problems(): Promise<string[]> {
    const { problems } = await this.client.call("agent.status", {});
    return problems.map(({ session, code }) => `${session} ${code}`);
  }
}

test("a job of 24 hours with credentials of one hour: always fresh ones, and no storm of requests", async () => {
  await using world = await new World().open();
  const { id: parent } = await world.addUser({ durationSeconds: 3_600 });
  const { id } = await world.addRole(parent);
  await world.client.call("session.start", { session: id });
  const first = world.count();
  expect(first).toBe(2);
  let waited = 0;
  for (let asked = 0; asked < 24 * 20; asked++) {
    await world.advance(3 * minute);
    const before = world.count();
    await world.ask(id, 16 * minute);
    waited += world.count() - before;
  }
  // 24 h at one renewal per 40 min is 36, for the role and for its parent each.
  expect(world.sandbox.calls("AssumeRole")).toBeLessThanOrEqual(37);
  expect(world.sandbox.calls("AssumeRole")).toBeGreaterThanOrEqual(24);
  expect(world.sandbox.calls("GetSessionToken")).toBeLessThanOrEqual(37);
  // They were renewed ahead: no caller ever waited for AWS.
  expect(waited).toBe(0);
  expect(await world.problems()).toEqual([]);
});

test("the same job with a session that nobody started, whose credentials are renewed when asked for", async () => {
  await using world = await new World().open();
  const { id: parent } = await world.addUser({ durationSeconds: 3_600 });
  const { id } = await world.addRole(parent);
  for (let asked = 0; asked < 24 * 12; asked++) {
    await world.advance(5 * minute);
    await world.ask(id, 16 * minute);
    await world.settled();
  }
  expect(world.sandbox.calls("AssumeRole")).toBeLessThanOrEqual(37);
  expect(world.sandbox.calls("GetSessionToken")).toBeLessThanOrEqual(37);
  // And nothing is asked for that nobody wants any more.
  const before = world.count();
  await world.advance(24 * hour);
  expect(world.count()).toBe(before);
});

test("an active session that nobody uses is not renewed for ever", async () => {
  await using world = await new World().open();
  const { id } = await world.addUser({ durationSeconds: 3_600 });
  await world.client.call("session.start", { session: id });
  await world.advance(72 * hour);
  expect(world.count()).toBeLessThanOrEqual(1 + 12 * 1.5 + 1);
  await world.ask(id, 16 * minute);
});

test("sleep over an expiry: the first caller after it gets fresh credentials", async () => {
  await using world = await new World().open();
  const { id: parent } = await world.addUser({ durationSeconds: 3_600 });
  const { id } = await world.addRole(parent);
  await world.client.call("session.start", { session: id });
  const old = await world.ask(id, 16 * minute);
  world.clock.sleep(3 * hour);
  // Before any timer of the agent had a chance.
  const answers = await Promise.all(Array.from({ length: 20 }, () => world.ask(id, 59 * minute)));
  expect(new Set(answers.map(({ AccessKeyId }) => AccessKeyId)).size).toBe(1);
  expect(answers[0]!.AccessKeyId === old.AccessKeyId).toBe(false);
  expect(world.sandbox.calls("AssumeRole")).toBe(2);
  await world.clock.wake(world.settled);
  expect(world.sandbox.calls("AssumeRole")).toBe(2);
  // Timers first.
  world.clock.sleep(3 * hour);
  await world.clock.wake(world.settled);
  expect(world.sandbox.calls("AssumeRole")).toBe(3);
  await world.ask(id, 59 * minute);
  expect(world.sandbox.calls("AssumeRole")).toBe(3);
  // Awake shortly before the expiry: still valid, but too short for what a tool may have in hand.
  world.clock.sleep(50 * minute);
  await world.ask(id, 59 * minute);
  expect(world.sandbox.calls("AssumeRole")).toBe(4);
});

/** The keys in the credentials file. */
function keysInFile(world: World): { id: string; secret: string; token: string } | undefined {
  const text = readFileSync(world.file("credentials"), "utf8");
  const value = (name: string) => new RegExp(`^${name} ?= ?(\\S+)$`, "m").exec(text)?.[1];
  const [id, secret, token] = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"].map(value);
  return id && secret && token ? { id, secret, token } : undefined;
}

/** They are whole, AWS knows them, and they have some life left. */
async function fileIsGood(world: World, leastLife: number): Promise<string> {
  const keys = keysInFile(world);
  if (!keys) throw new Error("the credentials file holds no complete keys");
  const { arn } = await world.agent.engine.sts().getCallerIdentity({
    keys: { accessKeyId: keys.id, secretAccessKey: keys.secret, sessionToken: keys.token },
    region: "eu-west-1",
  });
  const given = world.sandbox.sessions().find(({ accessKeyId }) => accessKeyId === keys.id)!;
  const left = Number(given.expiresAt) - world.clock.now();
  if (left < leastLife) throw new Error(`keys in the file have ${left / minute} minutes left`);
  return arn;
}

/** New keys are in the file; a renewal that was under way may have brought old ones first. */
const goodAgain = (world: World) =>
  until(
    () => fileIsGood(world, 59 * minute).then(Boolean, () => false),
    "the file holds keys with 59 minutes left",
  );

/** The file has other keys than `id`. */
const rotatedFrom = (world: World, id: string) =>
  until(() => ![undefined, id].includes(keysInFile(world)?.id), "new keys are in the credentials file");

test("credential-file-method: the keys in the file are always good ones, after a sleep too; stop takes them out", async () => {
  await using world = await new World().open();
  const mine = "# mine\n[other]\nregion = us-east-1\r\n\n[dev2]\nregion=x";
  const { id } = await world.addUser({ durationSeconds: 3_600 });
  mkdirSync(join(world.folder, "home/.aws"));
  writeFileSync(world.file("credentials"), mine, { mode: 0o640 });
  await world.client.call("settings.set", { key: "credential-method", value: "credential-file-method" });
  await world.client.call("session.start", { session: id });
  const seen = new Set<string>();
  // Nobody asks us: tools read the file, for longer than an unused session is otherwise renewed.
  for (let step = 0; step < 24 * 6; step++) {
    await world.advance(10 * minute);
    // The clock jumps; the renewal that fell due meanwhile takes its real milliseconds.
    let arn = "";
    await until(async () => {
      arn = await fileIsGood(world, 19 * minute).catch(() => "");
      return arn !== "";
    }, "the file holds keys with 19 minutes left");
    expect(arn).toContain("user/ada");
    seen.add(keysInFile(world)!.id);
  }
  expect(seen.size).toBeGreaterThanOrEqual(24);
  expect(world.count()).toBeLessThanOrEqual(37);

  const before = keysInFile(world)!.id;
  world.clock.sleep(3 * hour);
  await world.clock.wake(world.settled);
  await goodAgain(world);
  expect(keysInFile(world)!.id).not.toBe(before);

  // The agent was away while they expired: its successor puts good ones there without being asked.
  const last = keysInFile(world)!.id;
  world.client.close();
  world.agent.stop();
  world.clock.sleep(2 * hour);
  await world.startAgent();
  await goodAgain(world);
  expect(keysInFile(world)!.id).not.toBe(last);

  await world.client.call("session.stop", { session: id });
  expect(readFileSync(world.file("credentials"), "utf8")).toBe(mine);
  const calls = world.count();
  await world.advance(24 * hour);
  expect(world.count()).toBe(calls);
});

test("credential-file-method: a section that the person deleted stays deleted, whatever is renewed", async () => {
  await using world = await new World().open();
  await world.client.call("settings.set", { key: "credential-method", value: "credential-file-method" });
  for (const name of ["p0", "p1"]) {
    await world.addUser({ name, profiles: [name], durationSeconds: 3_600 });
    await world.client.call("session.start", { session: name });
  }
  const text = () => readFileSync(world.file("credentials"), "utf8");
  const deleted = `# mine\n${text().slice(text().indexOf("[p1]"))}`;
  writeFileSync(world.file("credentials"), deleted);
  const calls = world.count();
  let last = keysInFile(world)!.id;
  for (let renewals = 0; renewals < 3; renewals++) {
    await world.advance(50 * minute);
    await rotatedFrom(world, last);
    last = keysInFile(world)!.id;
  }
  expect(world.count()).toBeGreaterThanOrEqual(calls + 5);
  expect([text().startsWith("# mine\n[p1]\n"), text().includes("[p0]")]).toEqual([true, false]);
  // Starting it again is a wish to have it there.
  await world.client.call("session.stop", { session: "p0" });
  await world.client.call("session.start", { session: "p0" });
  expect(text().includes("[p0]")).toBe(true);
});

test("credential-file-method: after the agent was away, the keys of a role and those of its parent are both new", async () => {
  await using world = await new World().open();
  const { id: parent } = await world.addUser();
  const { id } = await world.addRole(parent);
  await world.client.call("settings.set", { key: "credential-method", value: "credential-file-method" });
  for (const session of [id, parent]) await world.client.call("session.start", { session });
  const idsInFile = (): string[] => readFileSync(world.file("credentials"), "utf8").match(/ASIA\w+/g) ?? [];
  const before = idsInFile();
  expect(before).toHaveLength(2);
  world.client.close();
  world.agent.stop();
  world.clock.sleep(24 * hour);
  await world.startAgent();
  await until(() => idsInFile().every((found) => !before.includes(found)), "all keys in the file are new");
  expect(idsInFile()).toHaveLength(2);
  expect(world.count()).toBe(4);
});

// At the same time, since each of them waits for its retries.
for (const kind of ["500", "throttle", "cut"] as FaultKind[]) {
  test.concurrent(`AWS answers with ${kind}: what is valid goes on being served, the failure shows, it recovers`, async () => {
    await using world = await new World().open();
    const { id } = await world.addUser({ durationSeconds: 3_600 });
    await world.client.call("session.start", { session: id });
    const { AccessKeyId } = await world.ask(id, 59 * minute);
    await world.advance(39 * minute);
    world.down(kind);
    const before = world.count();
    // The last 21 minutes of its life: a caller a minute, each served at once from what there is.
    for (let left = 21; left > 1; left--) {
      const answer = await world.ask(id, 0);
      expect(answer.AccessKeyId === AccessKeyId).toBe(true);
      await world.advance(minute);
    }
    expect(await world.problems()).toEqual([kind === "cut" ? "dev network" : "dev aws-unavailable"]);
    // Three tries each, further and further apart, and a caller a minute at the very end: no storm.
    expect(world.count() - before).toBeLessThanOrEqual(3 * 22);

    // Expired: now the caller has to hear of it.
    await world.advance(2 * minute);
    await expect(world.client.call("credentials.generate", { session: id })).rejects.toMatchObject({
      code: kind === "cut" ? "network" : "aws-unavailable",
    });
    world.sandbox.reset();
    await world.advance(11 * minute);
    await world.ask(id, 16 * minute);
    expect(await world.problems()).toEqual([]);
  });
}

test("AWS is away for some minutes only: nobody notices, and the retries do not wait for long", async () => {
  await using world = await new World().open();
  const { id } = await world.addUser({ durationSeconds: 3_600 });
  await world.client.call("session.start", { session: id });
  await world.advance(39 * minute);
  world.down("503");
  await world.advance(3 * minute);
  expect(await world.problems()).toEqual(["dev aws-unavailable"]);
  await world.ask(id, 16 * minute);
  world.sandbox.reset();
  await world.advance(4 * minute);
  expect(await world.problems()).toEqual([]);
  await world.ask(id, 55 * minute);
});

test("AWS hangs: a caller gets the valid credentials within his patience", async () => {
  await using world = await new World().open();
  const { id } = await world.addUser({ durationSeconds: 3_600 });
  await world.client.call("session.start", { session: id });
  await world.ask(id, 59 * minute);
  world.down("hang");
  // Asleep until 10 minutes before the expiry, so that the caller comes before the agent's own renewal.
  world.clock.sleep(50 * minute);
  const answer = world.ask(id, 9 * minute);
  await until(() => world.count() > 1, "the request hangs");
  await world.clock.advance(4 * second, async () => {});
  await answer;
});

test("credentials of 900 seconds do not storm", async () => {
  await using world = await new World().open();
  const { id: parent } = await world.addUser();
  const { id } = await world.addRole(parent, { durationSeconds: 900 });
  await world.client.call("session.start", { session: id });
  for (let asked = 0; asked < 12 * 30; asked++) {
    await world.advance(2 * minute);
    await world.ask(id, 7 * minute);
  }
  // Every five minutes, when two thirds of their life are left to spare.
  expect(world.sandbox.calls("AssumeRole")).toBeLessThanOrEqual(1 + 12 * 12);
  expect(world.sandbox.calls("GetSessionToken")).toBeLessThanOrEqual(3);
  // A burst of callers at any moment of their life makes one request at most.
  for (let step = 0; step < 9; step++) {
    const before = world.count();
    await Promise.all(Array.from({ length: 30 }, () => world.ask(id, 7 * minute)));
    expect(world.count() - before).toBeLessThanOrEqual(1);
    world.clock.sleep(97 * second);
  }
});
