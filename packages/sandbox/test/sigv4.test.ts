import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { AssumeRoleCommand, GetCallerIdentityCommand, GetSessionTokenCommand } from "@aws-sdk/client-sts";
import { type Sandbox, startSandbox } from "../src/server.ts";
import type { UserKeys } from "../src/world.ts";
import { accountId, refusal, sts, tampering } from "./harness.ts";

let sandbox: Sandbox;
let user: UserKeys;
beforeAll(async () => {
  sandbox = await startSandbox();
  user = sandbox.addUser({ accountId, name: "signer" });
});
afterAll(() => sandbox.stop());
beforeEach(() => sandbox.reset());

const whoAmI = (keys: Parameters<typeof sts>[1], config = {}) =>
  sts(sandbox, keys, config).send(new GetCallerIdentityCommand({}));

test("a signature of the SDK is accepted and names the user", async () => {
  const answer = await whoAmI(user);
  expect(answer).toMatchObject({ Arn: user.arn, Account: accountId });
  expect(answer.UserId).toStartWith("AIDA");
  expect(answer.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(sandbox.requests().at(-1)).toMatchObject({
    action: "GetCallerIdentity",
    identity: user.arn,
    status: 200,
  });
});

test("an unknown, inactive or deleted key", async () => {
  const unknown = `AKIA${"B".repeat(16)}`;
  const invalid = "InvalidClientTokenId: The security token included in the request is invalid.";
  expect(await refusal(whoAmI({ ...user, accessKeyId: unknown }))).toBe(invalid);

  const other = sandbox.addUser({ accountId, name: "leaver" });
  await whoAmI(other);
  sandbox.deactivateKey(other.accessKeyId);
  expect(await refusal(whoAmI(other))).toBe(invalid);
  sandbox.activateKey(other.accessKeyId);
  await whoAmI(other);
  sandbox.deleteKey(other.accessKeyId);
  expect(await refusal(whoAmI(other))).toBe(invalid);
});

test("a wrong secret", async () => {
  const wrong = { ...user, secretAccessKey: `${user.secretAccessKey.slice(0, -1)}!` };
  expect(await refusal(whoAmI(wrong))).toStartWith(
    "SignatureDoesNotMatch: The request signature we calculated",
  );
});

test.each<[string, Parameters<typeof tampering>[0], string]>([
  ["body", (r) => (r.body = `${r.body}&Extra=1`), "SignatureDoesNotMatch: The request signature"],
  ["query", (r) => (r.path = "/?Extra=1"), "SignatureDoesNotMatch: The request signature"],
  [
    "a signed header",
    (r) => (r.headers["content-type"] += "; charset=utf-8"),
    "SignatureDoesNotMatch: The request",
  ],
  [
    "an x-amz header added unsigned",
    (r) => (r.headers["x-amz-extra"] = "1"),
    "SignatureDoesNotMatch: 'x-amz-extra'",
  ],
  [
    "the host not signed",
    (r) => (r.headers.authorization = r.headers.authorization!.replace("host;", "")),
    "SignatureDoesNotMatch: 'host' must be",
  ],
  ["no signature", (r) => delete r.headers.authorization, "MissingAuthenticationToken"],
  [
    "half a signature",
    (r) => (r.headers.authorization = r.headers.authorization!.replace(/, Signature=.*/, "")),
    "IncompleteSignature",
  ],
  [
    "another service in the scope",
    (r) => (r.headers.authorization = r.headers.authorization!.replace("/sts/", "/s3/")),
    "SignatureDoesNotMatch: Credential should be scoped to correct service: 'sts'",
  ],
  [
    "no region in the scope",
    (r) => (r.headers.authorization = r.headers.authorization!.replace("/eu-west-1/", "/nowhere/")),
    "SignatureDoesNotMatch: Credential should be scoped to a valid region",
  ],
  [
    "another region in the scope than signed for",
    (r) => (r.headers.authorization = r.headers.authorization!.replace("/eu-west-1/", "/eu-west-2/")),
    "SignatureDoesNotMatch: The request signature",
  ],
  [
    "another day in the scope",
    (r) => (r.headers.authorization = r.headers.authorization!.replace(/\/\d{8}\//, "/20200101/")),
    "SignatureDoesNotMatch: Date in Credential scope",
  ],
  [
    "another terminator",
    (r) => (r.headers.authorization = r.headers.authorization!.replace("aws4_request", "aws5_request")),
    "SignatureDoesNotMatch: Credential should be scoped with a valid terminator",
  ],
])("altered on the road: %s", async (_what, change, expected) => {
  // The scope is changed after signing, so the checks of its parts must come before the signature's.
  expect(await refusal(whoAmI(user, { requestHandler: tampering(change) }))).toStartWith(expected);
});

test("a region other than the sandbox's", async () => {
  const strict = await startSandbox({ region: "eu-west-1" });
  try {
    const keys = strict.addUser({ accountId, name: "regional" });
    const ask = (region: string) => sts(strict, keys, { region }).send(new GetCallerIdentityCommand({}));
    expect(await ask("eu-west-1")).toMatchObject({ Arn: keys.arn });
    expect(await refusal(ask("us-east-1"))).toContain("scoped to a valid region");
  } finally {
    await strict.stop();
  }
});

test.each([
  [
    16 * 60_000,
    /^SignatureDoesNotMatch: Signature expired: \d{8}T\d{6}Z is now earlier than .* - 15 min\.\)$/,
  ],
  [
    -16 * 60_000,
    /^SignatureDoesNotMatch: Signature not yet current: .* is still later than .* \+ 15 min\.\)$/,
  ],
])("a clock that is %d ms away is refused, and the SDK corrects itself by our Date", async (ms, words) => {
  sandbox.advance(ms);
  const client = sts(sandbox, user, { maxAttempts: 2 });
  expect(await refusal(whoAmI(user))).toMatch(words);
  expect(await client.send(new GetCallerIdentityCommand({}))).toMatchObject({ Arn: user.arn });
});

test.each([14 * 60_000, -14 * 60_000])("a clock that is %d ms away is accepted", async (ms) => {
  sandbox.advance(ms);
  expect(await whoAmI(user)).toMatchObject({ Arn: user.arn });
});

test("session tokens: right, absent, altered, another's, on a long-term key, expired", async () => {
  const { Credentials: mine } = await sts(sandbox, user).send(
    new GetSessionTokenCommand({ DurationSeconds: 900 }),
  );
  const { Credentials: other } = await sts(sandbox, user).send(new GetSessionTokenCommand({}));
  expect(mine!.SessionToken!.length).toBeWithin(800, 1_001);
  expect(mine!.Expiration!.getTime() - sandbox.now()).toBeWithin(898_000, 900_001);
  expect(await whoAmI(mine)).toMatchObject({ Arn: user.arn });

  const invalid = "InvalidClientTokenId: The security token included in the request is invalid.";
  expect(await refusal(whoAmI({ ...mine, SessionToken: undefined }))).toBe(invalid);
  expect(await refusal(whoAmI({ ...mine, SessionToken: `${mine!.SessionToken}x` }))).toBe(invalid);
  expect(await refusal(whoAmI({ ...mine, SessionToken: other!.SessionToken }))).toBe(invalid);
  const longTerm = { AccessKeyId: user.accessKeyId, SecretAccessKey: user.secretAccessKey };
  expect(await refusal(whoAmI({ ...longTerm, SessionToken: mine!.SessionToken }))).toBe(invalid);

  sandbox.advance(890_000);
  const inStep = () => ({ systemClockOffset: sandbox.now() - Date.now() });
  expect(await whoAmI(mine, inStep())).toMatchObject({ Arn: user.arn });
  sandbox.advance(10_000);
  expect(await refusal(whoAmI(mine, inStep()))).toBe(
    "ExpiredToken: The security token included in the request is expired",
  );
  expect(await whoAmI(other, inStep())).toMatchObject({ Arn: user.arn });
});

test("an operation that does not exist, and another version", async () => {
  const post = async (body: string) => (await fetch(sandbox.url, { method: "POST", body })).text();
  expect(await post("Action=GetEverything&Version=2011-06-15")).toContain(
    "<Code>InvalidAction</Code><Message>Could not find operation GetEverything for version 2011-06-15</Message>",
  );
  expect(await post("Action=AssumeRole&Version=2010-01-01")).toContain("<Code>InvalidAction</Code>");
  expect(await post("Action=constructor&Version=2011-06-15")).toContain("<Code>InvalidAction</Code>");
});

test("a role that an SDK may not assume leaves no session behind", async () => {
  const before = sandbox.sessions().length;
  const RoleArn = `arn:aws:iam::${accountId}:role/absent`;
  await refusal(sts(sandbox, user).send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "me" })));
  expect(sandbox.sessions()).toHaveLength(before);
});
