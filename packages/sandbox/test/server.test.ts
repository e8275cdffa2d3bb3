import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { connectSandbox } from "../src/control.ts";
import { type Sandbox, startSandbox } from "../src/server.ts";
import type { UserKeys } from "../src/world.ts";
import { accountId, refusal, sts } from "./harness.ts";

let sandbox: Sandbox;
let user: UserKeys;
beforeAll(async () => {
  sandbox = await startSandbox();
  user = sandbox.addUser({ accountId, name: "tester" });
});
afterAll(() => sandbox.stop());
beforeEach(() => sandbox.reset());

const whoAmI = (maxAttempts = 1) =>
  sts(sandbox, user, { maxAttempts }).send(new GetCallerIdentityCommand({}));
const action = "GetCallerIdentity";

test.each([
  ["500", /^InternalFailure: /],
  ["503", /^ServiceUnavailable: /],
  ["429", /^TooManyRequestsException: /],
  ["throttle", /^Throttling: Rate exceeded$/],
  ["access-denied", /^AccessDenied: /],
  ["cut", /socket|connection|ECONNRESET|hang up/i],
  ["cut-after", /socket|connection|ECONNRESET|hang up/i],
] as const)("fault %s happens as often as asked, and only to its operation", async (kind, words) => {
  sandbox.fail({ action: "AssumeRole", kind });
  sandbox.fail({ action, kind, times: 2 });
  expect(await refusal(whoAmI())).toMatch(words);
  expect(await refusal(whoAmI())).toMatch(words);
  expect(await whoAmI()).toMatchObject({ Arn: user.arn });
  expect(sandbox.calls(action)).toBe(3);
  expect(sandbox.calls("AssumeRole")).toBe(0);
  const served = sandbox.requests().map((record) => record.identity);
  const done = kind === "cut-after" ? user.arn : undefined;
  expect(served).toEqual([done, done, user.arn]);
});

test("the SDK retries over a 500, a 429 with Retry-After and a cut connection", async () => {
  for (const kind of ["500", "429", "cut"] as const) {
    sandbox.reset();
    sandbox.fail({ action: "*", kind, ms: 0 });
    expect(await whoAmI(2)).toMatchObject({ Arn: user.arn });
    expect(sandbox.calls(action)).toBe(2);
  }
});

test("429 says when to come back", async () => {
  sandbox.fail({ action: "*", kind: "429", ms: 7_000 });
  const response = await fetch(sandbox.url, { method: "POST", body: "Action=GetCallerIdentity" });
  expect(response.status).toBe(429);
  expect(response.headers.get("retry-after")).toBe("7");
  expect(await response.text()).toContain("<Type>Sender</Type>");
});

test("slow answers come late", async () => {
  sandbox.fail({ action: "*", kind: "slow", ms: 150 });
  const start = performance.now();
  await whoAmI();
  expect(performance.now() - start).toBeGreaterThanOrEqual(145);
});

test("a hanging request never ends until the sandbox is reset", async () => {
  sandbox.fail({ action: "*", kind: "hang" });
  let settled = false;
  const asked = refusal(whoAmI()).finally(() => {
    settled = true;
  });
  while (sandbox.calls(action) === 0) await new Promise(setImmediate);
  await whoAmI();
  expect(settled).toBe(false);
  sandbox.reset();
  expect(await asked).toMatch(/socket|connection|ECONNRESET|hang up/i);
});

test("the Date of replies is the sandbox's, or wrong on demand", async () => {
  const dateOf = async () => {
    const response = await fetch(sandbox.url);
    return Date.parse(response.headers.get("date")!) - sandbox.now();
  };
  sandbox.advance(86_400_000);
  expect(await dateOf()).toBeWithin(-2_000, 1);
  sandbox.fail({ action: "*", kind: "wrong-date", ms: -7_200_000 });
  expect(await dateOf()).toBeWithin(-7_202_000, -7_199_999);
});

test("an injected clock is followed", async () => {
  const at = Date.UTC(2030, 0, 1);
  const future = await startSandbox({ now: () => at });
  try {
    const response = await fetch(future.url);
    expect(response.headers.get("date")).toBe("Tue, 01 Jan 2030 00:00:00 GMT");
  } finally {
    await future.stop();
  }
});

test("reset forgets faults, counters and the clock, and keeps people", async () => {
  sandbox.fail({ action: "*", kind: "500", times: 100 });
  sandbox.advance(86_400_000);
  await refusal(whoAmI());
  sandbox.reset();
  expect(sandbox.calls()).toBe(0);
  expect(sandbox.requests()).toEqual([]);
  expect(await whoAmI()).toMatchObject({ Arn: user.arn });
});

test("nothing recorded holds a secret", async () => {
  await whoAmI();
  await refusal(sts(sandbox, { ...user, secretAccessKey: "wrong" }).send(new GetCallerIdentityCommand({})));
  const seen = JSON.stringify([sandbox.requests(), sandbox.sessions()]);
  expect(seen).not.toContain(user.secretAccessKey);
  expect(seen).not.toContain("Signature=");
});

test("the same controls over HTTP, for those who hold the token", async () => {
  const remote = connectSandbox(sandbox.url, sandbox.controlToken);
  const keys = await remote.addUser({ accountId, name: "remote", mfa: true });
  expect(await remote.totpCode(keys.mfaSerial!)).toMatch(/^\d{6}$/);
  expect(await sts(sandbox, keys).send(new GetCallerIdentityCommand({}))).toMatchObject({ Arn: keys.arn });
  expect(await remote.calls(action)).toBe(1);
  await remote.fail({ action, kind: "500" });
  expect(await refusal(whoAmI())).toStartWith("InternalFailure");
  expect(await remote.requests()).toHaveLength(2);
  expect(await refusal(remote.deleteKey("nobody's"))).toBe("Error: no such access key");
  expect(await refusal(remote.fail({ action, kind: "nonsense" as "500" }))).toBe(
    "Error: no fault of the kind nonsense",
  );

  expect(await refusal(connectSandbox(sandbox.url, "0".repeat(64)).sessions())).toBe(
    "Error: wrong control token",
  );
  const inherited = await fetch(`${sandbox.url}/_sandbox/constructor`, {
    method: "POST",
    headers: { "x-sandbox-control": sandbox.controlToken },
  });
  expect(inherited.status).toBe(404);
});

test("a body without end is refused", async () => {
  const response = await fetch(sandbox.url, { method: "POST", body: "x".repeat(1024 * 1024 + 1) });
  expect(response.status).toBe(413);
});

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));

test.each(["stdin", "SIGTERM"] as const)(
  "as a process: one line, then it serves until %s",
  async (ending) => {
    const child = spawn(process.execPath, [main], { stdio: ["pipe", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    while (!output.includes("\n")) await once(child.stdout, "data");
    const { url, controlToken, seeds } = JSON.parse(output);
    expect(await connectSandbox(url, controlToken).calls()).toBe(0);
    const answer = await sts({ url } as Sandbox, seeds.user).send(new GetCallerIdentityCommand({}));
    expect(answer.Arn).toBe(seeds.user.arn);
    if (ending === "stdin") child.stdin.end();
    else child.kill("SIGTERM");
    expect((await once(child, "exit"))[0]).toBe(0);
    expect(output.trim().split("\n")).toHaveLength(1);
  },
);

const aws = spawnSync("aws", ["--version"], { encoding: "utf8" });
const awsThere = aws.status === 0 || process.env.CI === "true";

test.skipIf(!awsThere)(
  "the AWS CLI is who it says it is",
  async () => {
    const { AWS_PROFILE: _profile, AWS_CA_BUNDLE: _bundle, AWS_SESSION_TOKEN: _token, ...env } = process.env;
    const child = spawn(
      "aws",
      ["sts", "get-caller-identity", "--endpoint-url", sandbox.url, "--output", "json"],
      {
        env: {
          ...env,
          AWS_ACCESS_KEY_ID: user.accessKeyId,
          AWS_SECRET_ACCESS_KEY: user.secretAccessKey,
          AWS_DEFAULT_REGION: "eu-central-1",
          AWS_EC2_METADATA_DISABLED: "true",
          AWS_CONFIG_FILE: "/dev/null",
          AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
        },
      },
    );
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    expect((await once(child, "close"))[0]).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ Arn: user.arn, Account: accountId });
  },
  30_000,
);
