/** Sign-ins shared with other tools through `~/.aws/sso/cache`: boto3, the JavaScript SDK, and the AWS CLI's format. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ssoCacheFiles } from "../../packages/agent/src/sso-cache-files.ts";
import { cacheFileName } from "../../packages/core/src/identity/sso-cache.ts";
import type { Integration } from "../../packages/core/src/model.ts";
import { memorySecrets } from "../../packages/core/test/identity/doubles.ts";
import { failureOf, startWorld, until, type World } from "../../packages/core/test/identity/world.ts";

const minute = 60_000;
const hasBoto3 = spawnSync("python3", ["-c", "import boto3"]).status === 0;
if (!hasBoto3) {
  if (process.env.CI === "true") throw new Error("this test needs boto3");
  console.warn("SKIPPED: the shared sign-in read by boto3, which is not installed");
}

let world: World;
let home: string;
let file: string;
let integration: Integration;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "leapp-cache-"));
  world = await startWorld({ accounts: 3, rolesPerAccount: 1, sessionHours: 12 });
  integration = { ...world.integration, ssoSession: "work", shareTokens: true };
  file = join(home, ".aws/sso/cache", cacheFileName(integration));
  world.restart({ sharedCache: ssoCacheFiles(join(home, ".aws/sso/cache")) });
});
afterEach(async () => {
  await world.stop();
  rmSync(home, { recursive: true });
});

const signIn = () => world.sso.signIn(integration, { show() {} });
const token = () => world.sso.accessToken(integration);
const refreshes = () => world.sandbox.requests().filter(({ action }) => action === "CreateToken").length;
const cached = () => JSON.parse(readFileSync(file, "utf8"));
const sha1 = (text: string) => createHash("sha1").update(text).digest("hex");
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Another tool's sign-in at the sandbox, as the AWS CLI writes it. */
function writeAsCli(change: Record<string, unknown> = {}): Record<string, unknown> {
  const kept = JSON.parse(world.secrets.records.get("sso/i1/tokens")!);
  const stamp = (at: number) => new Date(at).toISOString().replace(/\.\d+/, "");
  const json = {
    startUrl: integration.startUrl,
    region: integration.region,
    accessToken: kept.accessToken,
    expiresAt: stamp(kept.expiresAt),
    clientId: kept.client.clientId,
    clientSecret: kept.client.clientSecret,
    registrationExpiresAt: stamp(kept.client.expiresAt),
    refreshToken: kept.refreshToken,
    ...change,
  };
  mkdirSync(join(home, ".aws/sso/cache"), { recursive: true });
  writeFileSync(file, JSON.stringify(json));
  return json;
}

/** Runs a consumer with nothing but the person's files and our endpoint; gives the JSON it prints. */
async function consumer(command: string, args: string[]): Promise<Record<string, any>> {
  const config = [
    "[profile acme]",
    "sso_session = work",
    "sso_account_id = 200000000000",
    "sso_role_name = AdministratorAccess",
    "region = eu-west-1",
    "[sso-session work]",
    `sso_start_url = ${integration.startUrl}`,
    `sso_region = ${integration.region}`,
    "sso_registration_scopes = sso:account:access",
    "",
  ];
  mkdirSync(join(home, ".aws"), { recursive: true });
  writeFileSync(join(home, ".aws/config"), config.join("\n"));
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith("AWS_"));
  const child = spawn(command, args, {
    cwd: join(import.meta.dir, "../.."),
    env: {
      ...Object.fromEntries(clean),
      HOME: home,
      AWS_PROFILE: "acme",
      AWS_ENDPOINT_URL: world.sandbox.url,
      AWS_EC2_METADATA_DISABLED: "true",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (part) => (text.stdout += part));
  child.stderr.setEncoding("utf8").on("data", (part) => (text.stderr += part));
  const status = await new Promise((resolve) => child.on("close", resolve));
  if (status !== 0) throw new Error(`${command} failed: ${text.stderr.slice(-600)}`);
  return JSON.parse(text.stdout);
}
const boto3 = (what: string) => consumer("python3", [join(import.meta.dir, "sso-cache.py"), what]);

describe("ours, read by others", () => {
  const arn = expect.stringMatching(/assumed-role\/AWSReservedSSO_AdministratorAccess_\w+\/ada$/);

  test("not written unless asked for", async () => {
    integration = { ...integration, shareTokens: false };
    await signIn();
    expect(existsSync(join(home, ".aws"))).toBe(false);
  });

  test("for its owner only, and in the CLI's words", async () => {
    await signIn();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, ".aws/sso/cache")).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(home, ".aws/sso/cache"))).toEqual([`${sha1("work")}.json`]);
    expect(cached()).toEqual({
      startUrl: integration.startUrl,
      region: "eu-west-1",
      accessToken: await token(),
      expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      clientId: expect.any(String),
      clientSecret: expect.any(String),
      registrationExpiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      refreshToken: expect.any(String),
    });
    // Without a name in the person's config, the start URL stands for it.
    const { ssoSession: _, ...legacy } = integration;
    expect(cacheFileName(legacy)).toBe(`${sha1(integration.startUrl)}.json`);
  });

  test.if(hasBoto3)("by boto3", async () => {
    await signIn();
    expect(await boto3("identity")).toEqual({ arn });
  });

  test("by the JavaScript SDK", async () => {
    await signIn();
    const script = `
      import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
      const { Arn: arn } = await new STSClient().send(new GetCallerIdentityCommand());
      console.log(JSON.stringify({ arn }));`;
    expect(await consumer("node", ["--input-type=module", "-e", script])).toEqual({ arn });
  });

  test.if(hasBoto3)("a sign-in that boto3 refreshed is taken over, not refreshed again", async () => {
    // The sandbox's hour began 50 minutes ago, so that boto3 finds 10 minutes left.
    world.advance(-50 * minute);
    await signIn();
    const { token: theirs } = await boto3("refresh");
    expect(refreshes()).toBe(2);
    world.advance(50 * minute);
    expect(sha256(await token())).toBe(theirs!);
    expect(refreshes()).toBe(2);
    // And from then on with the refresh token that boto3 got.
    world.advance(55 * minute);
    expect(cached().accessToken).not.toBe(await token());
    await until(
      () => cached().accessToken === JSON.parse(world.secrets.records.get("sso/i1/tokens")!).accessToken,
    );
    expect(refreshes()).toBe(3);
  });
});

describe("others', read by us", () => {
  /** Another program signed in; this one has nothing in its vault. */
  async function startAnew(): Promise<void> {
    integration = { ...integration, shareTokens: false };
    await signIn();
    integration = { ...integration, shareTokens: true };
  }
  function forgetAll(): void {
    world.secrets.records.clear();
    world.restart({ sharedCache: ssoCacheFiles(join(home, ".aws/sso/cache")) });
  }

  test("a sign-in of the CLI is ours too, until its end and beyond", async () => {
    await startAnew();
    const written = writeAsCli();
    forgetAll();
    expect((await world.sso.status(integration)).renews).toBe(true);
    expect(await token()).toBe(String(written.accessToken));
    world.advance(50 * minute);
    expect(await token()).not.toBe(String(written.accessToken));
    expect(cached().accessToken).toBe(await token());
    expect(world.opened.length).toBe(1);
  });

  test("old spellings and tokens without a refresh token", async () => {
    await startAnew();
    const { expiresAt } = writeAsCli();
    const { accessToken } = writeAsCli({
      expiresAt: String(expiresAt).replace("Z", "UTC"),
      refreshToken: undefined,
      startUrl: `${integration.startUrl}/#/`,
    });
    forgetAll();
    expect(await token()).toBe(String(accessToken));
    expect((await world.sso.status(integration)).renews).toBe(false);
  });

  const foreign: [string, Record<string, unknown>][] = [
    ["another start url", { startUrl: "https://other.example/start" }],
    ["another region", { region: "us-east-1" }],
    ["other scopes", { scopes: ["codewhisperer:completions"] }],
  ];
  for (const [name, change] of foreign) {
    test(`${name}: neither used nor overwritten`, async () => {
      await startAnew();
      const written = writeAsCli(change);
      forgetAll();
      expect((await failureOf(token())).code).toBe("sign-in-needed");
      await signIn();
      expect(cached()).toEqual(written);
    });
  }

  for (const garbage of ["", "{", "null", "[]", '{"accessToken":""}', `"${"x".repeat(300_000)}"`]) {
    test(`${garbage.slice(0, 20) || "an empty file"}: not used, and replaced`, async () => {
      await startAnew();
      writeAsCli();
      writeFileSync(file, garbage);
      chmodSync(file, 0o644);
      forgetAll();
      expect((await failureOf(token())).code).toBe("sign-in-needed");
      await signIn();
      expect(cached().accessToken).toBe(await token());
      expect(statSync(file).mode & 0o777).toBe(0o600);
    });
  }

  test("one that lasts longer stays", async () => {
    await startAnew();
    const written = writeAsCli({ expiresAt: new Date(world.clock.now() + 8 * 60 * minute).toISOString() });
    await signIn();
    expect(cached()).toEqual(written);
  });

  test("one that the server refuses is tried once, and the next sign-in takes its place", async () => {
    await startAnew();
    world.sandbox.revokeSignIns(world.person.startUrl);
    writeAsCli({ expiresAt: new Date(world.clock.now() + 8 * 60 * minute).toISOString() });
    forgetAll();
    world.sandbox.reset();
    const credentials = () =>
      world.sso.roleCredentials(integration, { accountId: "200000000000", roleName: "AdministratorAccess" });
    for (let i = 0; i < 3; i += 1) expect((await failureOf(credentials())).code).toBe("sign-in-needed");
    expect(world.sandbox.calls("GetRoleCredentials")).toBe(1);
    expect(refreshes()).toBe(1);
    await signIn();
    expect(cached().accessToken).toBe(await token());
    await credentials();
  });
});

test("two agents with one shared sign-in refresh it once between them", async () => {
  await signIn();
  const first = world.sso;
  const copy = new Map(world.secrets.records);
  const second = world.restart({
    secrets: memorySecrets(copy),
    sharedCache: ssoCacheFiles(join(home, ".aws/sso/cache")),
  });
  await second.status(integration);
  world.advance(50 * minute);
  world.sandbox.fail({ action: "CreateToken", kind: "slow", ms: 100 });
  const [one, two] = await Promise.all([first.accessToken(integration), second.accessToken(integration)]);
  expect(one).toBe(two);
  expect(refreshes()).toBe(2);
});

test("signing out removes ours, and leaves what another tool put there since", async () => {
  await signIn();
  await world.sso.signOut(integration);
  expect(existsSync(file)).toBe(false);
  await signIn();
  const written = writeAsCli({ accessToken: "another" });
  await world.sso.signOut(integration);
  expect(cached()).toEqual(written);
});

test("a cache that cannot be written does not fail a sign-in", async () => {
  mkdirSync(join(home, ".aws"));
  writeFileSync(join(home, ".aws/sso"), "in the way");
  expect((await signIn()).signedIn).toBe(true);
  expect(await token()).toBeString();
});
