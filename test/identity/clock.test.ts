/**
 * Sign-ins over hours: an agent in this process on a clock that the test moves, the sandbox on the same clock, a real
 * socket between the two and whoever asks.
 */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AgentClient, connectAgent } from "../../packages/agent/src/client.ts";
import { type Agent, startAgent } from "../../packages/agent/src/main.ts";
import { ensureHome, resolvePaths } from "../../packages/agent/src/platform/paths.ts";
import { LeappError } from "../../packages/core/src/errors.ts";
import type { PromptView } from "../../packages/core/src/model.ts";
import { type Sandbox, startSandbox } from "../../packages/sandbox/src/server.ts";
import { completeSignIn } from "../../packages/sandbox/src/sign-in.ts";
import { TestClock } from "../support/clock.ts";
import { until } from "../support/leapp.ts";

const minute = 60_000;
const hour = 60 * minute;

class World implements AsyncDisposable {
  readonly clock = new TestClock();
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "leapp-sign-in-")));
  readonly tabs: string[] = [];
  readonly clients: AgentClient[] = [];
  env: Record<string, string> = {};
  sandbox!: Sandbox;
  agent!: Agent;
  person!: ReturnType<Sandbox["seedOrganisation"]>;
  /** A tool's connection: nobody can be asked through it. */
  tool!: AgentClient;
  session = "";

  /** Signed in, synced, with one session started. */
  async open(): Promise<this> {
    this.sandbox = await startSandbox({ now: this.clock.now });
    this.person = this.sandbox.seedOrganisation({ accounts: 1 });
    mkdirSync(join(this.folder, "home"));
    writeFileSync(join(this.folder, "passphrase"), "correct horse battery\n");
    this.env = {
      HOME: join(this.folder, "home"),
      LEAPP_HOME: join(this.folder, "l"),
      LEAPP_VAULT_PASSPHRASE_FILE: join(this.folder, "passphrase"),
      AWS_ENDPOINT_URL: this.sandbox.url,
      BROWSER: "a browser",
    };
    const paths = resolvePaths(this.env);
    ensureHome(paths);
    this.agent = await startAgent({
      paths,
      env: this.env,
      clock: this.clock,
      keychain: async () => undefined,
      command: () => "leapp",
      browser: {
        open: async (url) => {
          this.tabs.push(url);
          return true;
        },
      },
      exit() {},
    });
    this.tool = await this.connect({});
    const terminal = await this.connect({ interactive: true });
    const { startUrl, region } = this.person;
    await terminal.call("integration.add", { integration: { alias: "work", startUrl, region } });
    const login = terminal.call("integration.login", { integration: "work" });
    await this.answerPages();
    await login;
    await this.passing(terminal.call("integration.sync", { integration: "work" }));
    const [session] = await terminal.call("session.list", {});
    this.session = session!.id;
    await this.passing(terminal.call("session.start", { session: this.session }));
    terminal.close();
    await this.clock.advance(1_000, this.settled);
    return this;
  }

  async connect(options: { interactive?: boolean; kind?: "app" }): Promise<AgentClient> {
    const client = await connectAgent({ env: this.env, start: false, ...options });
    this.clients.push(client);
    return client;
  }

  /** Lets a little time pass until it is done: requests to the portal keep their distance. */
  async passing<T>(work: Promise<T>): Promise<T> {
    let done = false;
    work.then(
      () => (done = true),
      () => (done = true),
    );
    await until(async () => {
      if (!done) await this.clock.advance(60, async () => {});
      return done;
    }, "it is done");
    return work;
  }

  /** The person goes through the pages of the tab that opens next. */
  async answerPages(count = this.tabs.length + 1): Promise<void> {
    await until(() => this.tabs.length >= count, "a tab opens");
    await completeSignIn(this.tabs[count - 1]!, this.person);
  }

  /** Minutes that the credentials a tool gets have left. */
  async ask(): Promise<number> {
    const { line } = await this.tool.call("credentials.generate", { session: this.session });
    return (Date.parse(JSON.parse(line).Expiration) - this.clock.now()) / minute;
  }

  settled = () =>
    until(
      async () => (await this.tool.call("session.list", {})).every(({ waiting }) => !waiting),
      "no request is under way",
    );

  async [Symbol.asyncDispose](): Promise<void> {
    this.sandbox.reset();
    for (const client of this.clients) client.close();
    this.agent.stop();
    await this.sandbox.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const failureOf = async (promise: Promise<unknown>): Promise<LeappError> => {
  const failure = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure instanceof LeappError) return failure;
  throw new Error("it should have failed");
};

test("a working day on one sign-in: always fresh credentials, a refresh an hour, nobody is asked", async () => {
  await using world = await new World().open();
  world.sandbox.reset();
  for (let i = 0; i < 45; i++) {
    expect(await world.ask()).toBeGreaterThanOrEqual(15);
    await world.clock.advance(10 * minute, world.settled);
  }
  expect(world.tabs).toHaveLength(1);
  // Credentials of an hour are renewed after 40 minutes; a token of an hour is good for one or two of them.
  expect(world.sandbox.calls("GetRoleCredentials")).toBeGreaterThanOrEqual(8);
  expect(world.sandbox.calls("GetRoleCredentials")).toBeLessThanOrEqual(13);
  expect(world.sandbox.calls("CreateToken")).toBeGreaterThanOrEqual(4);
  expect(world.sandbox.calls("CreateToken")).toBeLessThanOrEqual(13);
});

test("asleep over the token's expiry: the first call after it is served, without a person", async () => {
  await using world = await new World().open();
  for (const length of [hour + minute, 3 * hour]) {
    world.clock.sleep(length);
    // The call comes before any timer has noticed that time went by.
    expect(await world.ask()).toBeGreaterThan(58);
    await world.clock.wake(world.settled);
  }
  expect(world.tabs).toHaveLength(1);
});

test("asleep over the sign-in's end: no tab on waking, one line for a tool, one question once the app is there", async () => {
  await using world = await new World().open();
  world.clock.sleep(9 * hour);
  await world.clock.wake(world.settled);
  // A session is started, and would be renewed, but nobody asked for it just now.
  expect(world.tabs).toHaveLength(1);
  const { code, hint } = await failureOf(world.ask());
  expect({ code, hint }).toEqual({ code: "sign-in-needed", hint: "run: leapp integration login work" });
  expect(world.tabs).toHaveLength(1);

  const app = await world.connect({ kind: "app" });
  const asked: PromptView[] = [];
  app.on((event) => {
    if (event.event !== "prompt") return;
    asked.push(event.data);
    if (!event.data.url) void app.call("prompt.answer", { id: event.data.id, value: "" });
  });
  const calls = Array.from({ length: 20 }, () => world.ask());
  await world.answerPages(2);
  for (const left of await Promise.all(calls)) expect(left).toBeGreaterThan(58);
  expect(asked).toHaveLength(2);
  expect(world.tabs).toHaveLength(2);
});

test("asleep in the middle of a sign-in: after ten minutes it is over, and the next one works", async () => {
  await using world = await new World().open();
  await world.tool.call("integration.logout", { integration: "work" });
  const terminal = await world.connect({ interactive: true });
  const login = failureOf(terminal.call("integration.login", { integration: "work" }));
  await until(() => world.tabs.length === 2, "a tab opens");
  await until(async () => (await world.tool.call("prompt.list", {})).length === 1, "it is shown");
  world.clock.sleep(11 * minute);
  await world.clock.wake(async () => {});
  expect((await login).code).toBe("timed-out");
  expect(await world.tool.call("prompt.list", {})).toEqual([]);
  const again = terminal.call("integration.login", { integration: "work" });
  await world.answerPages(3);
  expect((await again).integration.state).toBe("signed-in");
  expect(await world.ask()).toBeGreaterThan(58);
});

test("nobody clicks in the app: the caller is told in time, the question is closed, and it is asked anew later", async () => {
  await using world = await new World().open();
  await world.tool.call("integration.logout", { integration: "work" });
  const app = await world.connect({ kind: "app" });
  const failure = failureOf(world.ask());
  await until(async () => (await app.call("prompt.list", {})).length === 1, "the app asks");
  await world.clock.advance(50_000, async () => {});
  expect((await failure).code).toBe("timed-out");
  expect((await failure).hint).toBe("run: leapp integration login work");
  expect(await app.call("prompt.list", {})).toEqual([]);
  expect(world.tabs).toHaveLength(1);
  // What failed is shared for a few seconds only.
  await world.clock.advance(6_000, async () => {});
  const again = world.ask();
  await until(async () => (await app.call("prompt.list", {})).length === 1, "the app asks again");
  const [prompt] = await app.call("prompt.list", {});
  await app.call("prompt.answer", { id: prompt!.id, value: "" });
  await world.answerPages(2);
  expect(await again).toBeGreaterThan(58);
});
