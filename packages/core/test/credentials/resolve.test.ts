/** Every session type against the sandbox; who answered is proved by the ARN. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Sandbox, startSandbox } from "../../../sandbox/src/server.ts";
import { keysRecord, sessionTokenRecord } from "../../src/credentials/iam-user.ts";
import { type CredentialRequest, requestOf } from "../../src/credentials/request.ts";
import type { Credentials, Session } from "../../src/model.ts";
import { rejection } from "../thrown.ts";
import { among, type Bench, bench, chained, iamUser } from "./sessions.ts";

const hour = 3_600_000;
const account = "444455556666";
let sandbox: Sandbox;
let user: ReturnType<Sandbox["addUser"]>;
let context: Bench;

beforeAll(async () => {
  sandbox = await startSandbox();
  const trust = { principals: ["111122223333"] };
  sandbox.addRole({ accountId: account, name: "dev", trust, maxSessionDuration: 43_200 });
  sandbox.addRole({
    accountId: account,
    name: "guarded",
    trust: { ...trust, mfa: true },
    maxSessionDuration: 43_200,
  });
  sandbox.addRole({
    accountId: account,
    name: "deep",
    trust: { principals: [`arn:aws:iam::${account}:role/dev`] },
  });
});
let people = 0;
beforeEach(async () => {
  context = bench(sandbox);
  // Somebody new each time: a code works once.
  user = sandbox.addUser({ accountId: "111122223333", name: `ada${++people}`, mfa: true });
  const { accessKeyId, secretAccessKey } = user;
  await context.secrets.set(keysRecord("ada"), JSON.stringify({ accessKeyId, secretAccessKey }));
});
afterEach(() => sandbox.reset());
afterAll(() => sandbox.stop());

const code = () => sandbox.totpCode(user.mfaSerial!);
const ada = (mfa = false) => iamUser("ada", mfa ? { mfaDevice: user.mfaSerial } : {});
const get = (session: Session, ...others: Session[]) =>
  context.resolve(requestOf(session, among(session, ...others)));
const arnOf = async (keys: Credentials) =>
  (await context.sts.getCallerIdentity({ region: "eu-west-1", keys })).arn;

describe("iam-user", () => {
  test("without MFA: a session token for the asked time, kept nowhere", async () => {
    const credentials = await get(iamUser("ada", { durationSeconds: 7200 }));
    expect(await arnOf(credentials)).toBe(user.arn);
    expect(Math.abs(credentials.expiration - sandbox.now() - 2 * hour)).toBeLessThan(5_000);
    expect([...context.secrets.records.keys()]).toEqual([keysRecord("ada")]);
  });

  test("with MFA: one code, and none after a restart while the token lives", async () => {
    context.answers = [code];
    const first = await get(ada(true));
    expect(sandbox.sessions().at(-1)).toMatchObject({ mfa: true });
    expect(first.accountId).toBe("111122223333");
    expect(context.asked).toEqual([`MFA code of ${user.mfaSerial}`]);
    const restarted = { ...bench(sandbox), secrets: context.secrets };
    const { resolve } = await import("../../src/credentials/resolve.ts");
    const again = await resolve(requestOf(ada(true), among(ada(true))), restarted);
    expect(again).toEqual(first);
    expect(restarted.asked).toEqual([]);
    expect(sandbox.calls("GetSessionToken")).toBe(1);
  });

  test("a stored token is left aside when too little life is left, or more is asked for", async () => {
    context.answers = [code];
    const first = await get(ada(true));
    sandbox.advance(12 * hour - 90_000);
    expect((await get(ada(true))).sessionToken).toBe(first.sessionToken);
    context.minimumLife = 20 * 60_000;
    expect((await rejection(get(ada(true)))).code).toBe("mfa-needed");
    context.minimumLife = undefined;
    sandbox.advance(60_000);
    context.answers = [code];
    expect((await get(ada(true))).sessionToken).not.toBe(first.sessionToken);
    const stored = JSON.parse(context.secrets.records.get(sessionTokenRecord("ada")) ?? "");
    expect(Object.keys(stored)).toHaveLength(1);
  });

  test("new long-term keys make the stored token worthless", async () => {
    context.answers = [code];
    await get(ada(true));
    const other = sandbox.addUser({ accountId: "111122223333", name: "bob", mfa: true });
    const { accessKeyId, secretAccessKey } = other;
    await context.secrets.set(keysRecord("ada"), JSON.stringify({ accessKeyId, secretAccessKey }));
    expect((await rejection(get(ada(true)))).code).toBe("mfa-needed");
  });

  test("a rejected code is asked for again, three times at most", async () => {
    context.answers = ["12 345", "000000", () => ` ${code().slice(0, 3)} ${code().slice(3)}\n`];
    await get(ada(true));
    expect(context.asked).toEqual([
      `MFA code of ${user.mfaSerial}`,
      `an MFA code has six digits (try again); MFA code of ${user.mfaSerial}`,
      `AWS did not accept the MFA code (each code works once: wait for the next one); MFA code of ${user.mfaSerial}`,
    ]);
    expect(sandbox.calls("GetSessionToken")).toBe(2);

    sandbox.advance(13 * hour);
    context.asked.length = 0;
    context.answers = ["000000", "111111", "222222", code];
    expect((await rejection(get(ada(true)))).code).toBe("mfa-rejected");
    expect(context.asked).toHaveLength(3);
  });

  test("nobody to ask: at once, without a call", async () => {
    expect((await rejection(get(ada(true)))).code).toBe("mfa-needed");
    expect(sandbox.calls()).toBe(0);
  });

  test("a vault that cannot be written costs the restart's comfort, not the credentials", async () => {
    context.answers = [code];
    context.secrets.broken = true;
    expect(await arnOf(await get(ada(true)))).toBe(user.arn);
    context.secrets.broken = false;
  });

  test("no keys, and keys that cannot be read", async () => {
    expect((await rejection(get(iamUser("nobody")))).code).toBe("not-found");
    for (const junk of ["", "{", "[]", "null", '{"accessKeyId":"x"}']) {
      context.secrets.records.set(keysRecord("ada"), junk);
      expect((await rejection(get(ada()))).code).toBe("vault-unavailable");
    }
  });

  test("a stored token that cannot be read is as good as none", async () => {
    for (const junk of ["{", "[]", "null", '{"x":null}']) {
      context.secrets.records.set(sessionTokenRecord("ada"), junk);
      expect((await rejection(get(ada(true)))).code).toBe("mfa-needed");
    }
  });
});

describe("iam-role-chained", () => {
  const dev = chained("dev", "ada");

  test("assumes the role with the source's session token", async () => {
    const credentials = await get(dev, ada());
    expect(await arnOf(credentials)).toBe(`arn:aws:sts::${account}:assumed-role/dev/leapp-ada`);
    expect(credentials.accountId).toBe(account);
    expect(sandbox.calls("GetSessionToken")).toBe(1);
  });

  test("from a role from a user", async () => {
    const credentials = await get(chained("deep", "dev", { durationSeconds: 43_200 }), dev, ada());
    expect(await arnOf(credentials)).toBe(`arn:aws:sts::${account}:assumed-role/deep/leapp-ada`);
    expect(sandbox.sessions().at(-1)).toMatchObject({ durationSeconds: 3600 });
  });

  test("with MFA asks once, and not again at each renewal", async () => {
    const guarded = chained("guarded", "ada", { mfaDevice: user.mfaSerial });
    expect((await rejection(get({ ...guarded, mfaDevice: undefined }, ada()))).code).toBe("access-denied");
    context.answers = [code];
    for (let renewal = 0; renewal < 3; renewal++) {
      expect(await arnOf(await get(guarded, ada()))).toBe(
        `arn:aws:sts::${account}:assumed-role/guarded/leapp-ada`,
      );
      sandbox.advance(hour);
    }
    expect(context.asked).toHaveLength(1);
  });

  test("for longer than an hour is assumed with the user's own keys", async () => {
    const long = await get({ ...dev, durationSeconds: 43_200 }, ada());
    expect(long.expiration - sandbox.now()).toBeGreaterThan(11 * hour);
    expect(sandbox.calls("GetSessionToken")).toBe(0);
    context.answers = ["000000", code];
    const guarded = chained("guarded", "ada", { mfaDevice: user.mfaSerial, durationSeconds: 7200 });
    expect(await arnOf(await get(guarded, ada()))).toContain("assumed-role/guarded/");
    expect(context.asked).toHaveLength(2);
  });
});

describe("localstack", () => {
  const stack: Session = { ...iamUser("stack"), type: "localstack", endpointUrl: "http://127.0.0.1:4566" };
  test("gives the test keys for half a day, and asks nobody", async () => {
    const credentials = await get(stack);
    expect(credentials).toMatchObject({
      accessKeyId: "test",
      secretAccessKey: "test",
      accountId: "000000000000",
    });
    expect(credentials.expiration - sandbox.now()).toBeGreaterThan(11 * hour);
    expect(sandbox.calls()).toBe(0);
  });

  test("a role from it is assumed at its address", async () => {
    const other = await startSandbox();
    try {
      const role = chained("dev", "stack");
      const error = await rejection(get(role, { ...stack, endpointUrl: other.url }));
      expect(error.code).toBe("keys-rejected");
      expect(other.calls("AssumeRole")).toBe(1);
      expect(sandbox.calls()).toBe(0);
    } finally {
      await other.stop();
    }
  });
});

describe("web-identity", () => {
  const folder = mkdtempSync(join(tmpdir(), "leapp-web-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const issuer = "https://ci.example.com";
  const tokenFile = join(folder, "token");
  const web = (more: object): Session => ({
    ...iamUser("web"),
    type: "web-identity",
    roleArn: `arn:aws:iam::${account}:role/ci`,
    ...more,
  });
  let token = "";
  beforeAll(() => {
    const provider = sandbox.addOidcProvider({ accountId: account, issuer });
    sandbox.addRole({ accountId: account, name: "ci", trust: { principals: [provider] } });
  });
  beforeEach(() => {
    token = sandbox.webIdentityToken({ issuer, subject: "repo:leapp" });
  });

  test("takes the token from a file, anew each time", async () => {
    writeFileSync(tokenFile, `${token}\n`);
    expect(await arnOf(await get(web({ tokenFile })))).toBe(
      `arn:aws:sts::${account}:assumed-role/ci/leapp-ada`,
    );
    writeFileSync(tokenFile, "e30.e30.x");
    const error = await rejection(get(web({ tokenFile })));
    expect(error.code).toBe("access-denied");
    expect(error.message).toContain("does not accept the web identity token (InvalidIdentityToken)");
  });

  test("or from a command", async () => {
    writeFileSync(tokenFile, token);
    expect(await arnOf(await get(web({ tokenCommand: `cat '${tokenFile}'` })))).toContain("assumed-role/ci/");
  });

  test("says what is wrong with either, without the token", async () => {
    writeFileSync(tokenFile, "two words");
    expect((await rejection(get(web({ tokenFile })))).message).toBe(
      `${tokenFile} gives no web identity token`,
    );
    writeFileSync(tokenFile, "x".repeat(20_001));
    expect((await rejection(get(web({ tokenFile })))).code).toBe("invalid");
    expect((await rejection(get(web({ tokenFile: join(folder, "none") })))).code).toBe("file");
    expect((await rejection(get(web({ tokenFile: folder })))).code).toBe("file");
    expect((await rejection(get(web({ tokenFile: "token" })))).code).toBe("invalid");
    expect((await rejection(get(web({})))).code).toBe("invalid");
    expect((await rejection(get(web({ tokenCommand: "true" })))).message).toBe(
      "the token command gives no web identity token",
    );
    expect(sandbox.calls()).toBe(0);
  });

  test("can be the source of a chained role", async () => {
    const ci = `arn:aws:iam::${account}:role/ci`;
    sandbox.addRole({ accountId: account, name: "after-ci", trust: { principals: [ci] } });
    writeFileSync(tokenFile, token);
    const credentials = await get(chained("after-ci", "web"), web({ tokenFile }));
    expect(await arnOf(credentials)).toContain("assumed-role/after-ci/");
  });
});

describe("process", () => {
  const folder = mkdtempSync(join(tmpdir(), "leapp-process-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const wrapped = (command: string): Session => ({ ...iamUser("wrapped"), type: "process", command });

  test("hands on what another credential_process says, and a role follows from it", async () => {
    const inner = await get(ada());
    const file = join(folder, "a file.json");
    const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken } = inner;
    const Expiration = new Date(inner.expiration).toISOString();
    writeFileSync(
      file,
      JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey, SessionToken, Expiration }),
    );
    const session = wrapped(`cat "${file}"`);
    expect(await arnOf(await get(session))).toBe(user.arn);
    expect(await arnOf(await get(chained("dev", "wrapped"), session))).toContain("assumed-role/dev/");
  });
});

test("a caller that gives up ends the call", async () => {
  sandbox.fail({ action: "*", kind: "hang" });
  context.signal = AbortSignal.timeout(200);
  const request: CredentialRequest = requestOf(ada(), among(ada()));
  expect((await rejection(context.resolve(request))).code).toBe("network");
});
