/** STS calls against the sandbox, which checks signatures, codes, trust and expiry. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Sandbox, startSandbox } from "../../../sandbox/src/server.ts";
import { createWire, type WireOptions } from "../../src/aws/http.ts";
import { createSts } from "../../src/aws/sts.ts";
import { rejection } from "../thrown.ts";
import { authority, httpsServer, proxyServer } from "./servers.ts";

const region = "eu-west-1";
const account = "111122223333";
let sandbox: Sandbox;
let user: ReturnType<Sandbox["addUser"]>;
let role: string;
beforeAll(async () => {
  sandbox = await startSandbox();
  user = sandbox.addUser({ accountId: account, name: "ada", mfa: true });
  role = sandbox.addRole({
    accountId: "444455556666",
    name: "audit",
    path: "/team/",
    trust: { principals: [user.arn], externalId: "x-42" },
    maxSessionDuration: 7200,
  });
});
afterEach(() => sandbox.reset());
afterAll(() => sandbox.stop());

/** Ours follows the sandbox's, so that a moved clock is no wrong clock. */
const clock = { now: () => sandbox.now() };
const stsWith = (options: WireOptions = {}) =>
  createSts(createWire({ clock, endpoints: { sts: sandbox.url }, ...options }));
const longTerm = () => ({ accessKeyId: user.accessKeyId, secretAccessKey: user.secretAccessKey });

describe("GetSessionToken", () => {
  test("with an MFA code gives a token of the asked life, and the account", async () => {
    const before = clock.now();
    const credentials = await stsWith().getSessionToken(
      { durationSeconds: 7200, mfa: { device: user.mfaSerial!, code: sandbox.totpCode(user.mfaSerial!) } },
      { region, keys: longTerm() },
    );
    expect(credentials.issuedAt).toBeGreaterThanOrEqual(before);
    expect(Math.abs(credentials.expiration - credentials.issuedAt - 7_200_000)).toBeLessThan(2_000);
    expect(credentials.accountId).toBe(account);
    expect(sandbox.sessions().at(-1)).toMatchObject({ mfa: true, durationSeconds: 7200 });
    const who = await stsWith().getCallerIdentity({ region, keys: credentials });
    expect(who).toMatchObject({ accountId: account, arn: user.arn });
  });

  test("a wrong code, a wrong secret and a deactivated key are told apart", async () => {
    const mfa = { device: user.mfaSerial!, code: "000000" };
    const wrongCode = await rejection(
      stsWith().getSessionToken({ durationSeconds: 900, mfa }, { region, keys: longTerm() }),
    );
    expect(wrongCode.code).toBe("mfa-rejected");
    const wrongSecret = { ...longTerm(), secretAccessKey: "x".repeat(40) };
    const signature = await rejection(stsWith().getCallerIdentity({ region, keys: wrongSecret }));
    expect(signature.message).toContain("secret access key (SignatureDoesNotMatch)");
    sandbox.deactivateKey(user.accessKeyId);
    const inactive = await rejection(stsWith().getCallerIdentity({ region, keys: longTerm() }));
    sandbox.activateKey(user.accessKeyId);
    expect(inactive.code).toBe("keys-rejected");
    expect(inactive.message).toContain("does not know these access keys");
  });
});

describe("AssumeRole", () => {
  const input = () => ({ roleArn: role, roleSessionName: "me", durationSeconds: 3600, externalId: "x-42" });

  test("carries everything, and the role answers", async () => {
    const credentials = await stsWith().assumeRole(
      {
        ...input(),
        durationSeconds: 7200,
        tags: { Project: "leapp", Team: "ops" },
        transitiveTagKeys: ["Team"],
        sourceIdentity: "ada",
        policy: JSON.stringify({ Version: "2012-10-17", Statement: [] }),
        policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
      },
      { region, keys: longTerm() },
    );
    expect(credentials.accountId).toBe("444455556666");
    expect(sandbox.sessions().at(-1)).toMatchObject({
      durationSeconds: 7200,
      tags: { Project: "leapp", Team: "ops" },
      sourceIdentity: "ada",
    });
    const { arn } = await stsWith().getCallerIdentity({ region, keys: credentials });
    expect(arn).toBe("arn:aws:sts::444455556666:assumed-role/audit/me");
  });

  test("is refused in plain words", async () => {
    const keys = longTerm();
    const denied = await rejection(
      stsWith().assumeRole({ ...input(), externalId: "wrong" }, { region, keys }),
    );
    expect(denied.code).toBe("access-denied");
    expect(denied.message).toStartWith(
      `AWS does not let you assume ${role}: User: ${user.arn} is not authorized`,
    );
    const long = await rejection(
      stsWith().assumeRole({ ...input(), durationSeconds: 7201 }, { region, keys }),
    );
    expect(long.code).toBe("invalid");
    expect(long.message).toContain("7201 s");
  });

  test("with expired source credentials says so", async () => {
    const source = await stsWith().getSessionToken({ durationSeconds: 900 }, { region, keys: longTerm() });
    sandbox.advance(901_000);
    const error = await rejection(stsWith().assumeRole(input(), { region, keys: source }));
    expect(error.message).toBe("AWS says that the credentials used have expired (ExpiredToken)");
  });
});

describe("faults", () => {
  test.each(["500", "503", "429", "throttle", "cut", "cut-after"] as const)(
    "%s once is not noticed",
    async (kind) => {
      sandbox.fail({ action: "GetCallerIdentity", kind, ms: 100 });
      await stsWith().getCallerIdentity({ region, keys: longTerm() });
      expect(sandbox.calls("GetCallerIdentity")).toBe(2);
    },
  );

  test("a hanging server costs no more than the caller's deadline", async () => {
    sandbox.fail({ action: "*", kind: "hang", times: 5 });
    const begun = performance.now();
    const signal = AbortSignal.timeout(300);
    const error = await rejection(stsWith().getCallerIdentity({ region, keys: longTerm(), signal }));
    expect(error.line).toMatch(/did not answer in time; check the network, VPN and proxy$/);
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(sandbox.calls("GetCallerIdentity")).toBe(1);
  });

  test("a deadline between two tries leaves the first failure as the answer", async () => {
    sandbox.fail({ action: "*", kind: "429", times: 5, ms: 5_000 });
    const signal = AbortSignal.timeout(150);
    const error = await rejection(stsWith().getCallerIdentity({ region, keys: longTerm(), signal }));
    expect(error.code).toBe("aws-unavailable");
    expect(sandbox.calls("GetCallerIdentity")).toBe(1);
  });

  test("a wrong date in an answer that is right does no harm", async () => {
    sandbox.fail({ action: "*", kind: "wrong-date", ms: 3_600_000 });
    const sts = stsWith();
    await sts.getCallerIdentity({ region, keys: longTerm() });
    await sts.getCallerIdentity({ region, keys: longTerm() });
    expect(sandbox.calls("GetCallerIdentity")).toBe(2);
  });

  test.each([
    [-1_200_000, "20 min behind AWS's"],
    [7_500_000, "2 h ahead of AWS's"],
  ])("our clock %p ms off is named, not corrected in silence", async (off, words) => {
    const wrong = createSts(
      createWire({ clock: { now: () => sandbox.now() + off }, endpoints: { all: sandbox.url } }),
    );
    const error = await rejection(wrong.getCallerIdentity({ region, keys: longTerm() }));
    expect(error.code).toBe("clock-skew");
    expect(error.message).toBe(`this machine's clock is ${words}`);
    expect(sandbox.calls("GetCallerIdentity")).toBe(1);
  });
});

test("a company's proxy with a password and a certificate of its own", async () => {
  const trust = authority();
  const front = await httpsServer(trust.certificate("sts.eu-west-1.amazonaws.com"), (request, answer) => {
    request.toArray().then(async (body) => {
      const { method = "", url = "", headers } = request;
      const given = Object.entries(headers).filter(([name]) => name !== "connection") as [string, string][];
      const reply = await fetch(sandbox.url + url, { method, headers: given, body: Buffer.concat(body) });
      answer.writeHead(reply.status, { "content-type": "text/xml" }).end(await reply.text());
    });
  });
  const proxy = await proxyServer(() => front.port, "ada:lovelace");
  try {
    const sts = createSts(
      createWire({
        clock,
        proxy: { https: `http://ada:lovelace@127.0.0.1:${proxy.port}` },
        caFile: trust.caFile,
      }),
    );
    expect((await sts.getCallerIdentity({ region, keys: longTerm() })).arn).toBe(user.arn);
    expect(proxy.seen.map(({ line }) => line)).toEqual(["CONNECT sts.eu-west-1.amazonaws.com:443"]);
  } finally {
    await Promise.all([proxy.close(), front.close()]);
    trust.remove();
  }
});

test("nothing of the environment or of ~/.aws changes a call", async () => {
  const folder = mkdtempSync(join(tmpdir(), "leapp-sts-"));
  const config = join(folder, "config");
  const lines = [
    "[profile me]",
    "credential_process = false",
    "region = mars",
    "endpoint_url = http://127.0.0.1:1",
    "retry_mode = bogus",
    "max_attempts = x",
    "use_fips_endpoint = true",
    "use_dualstack_endpoint = bogus",
    "defaults_mode = bogus",
    "auth_scheme_preference = bogus",
    `sdk_ua_app_id = ${"x".repeat(60)}`,
  ];
  writeFileSync(config, lines.join("\n"));
  const hostile: Record<string, string> = {
    AWS_PROFILE: "me",
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: config,
    AWS_REGION: "mars",
    AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    AWS_ENDPOINT_URL_STS: "http://127.0.0.1:1",
    AWS_ACCESS_KEY_ID: "wrong",
    AWS_SECRET_ACCESS_KEY: "wrong",
    AWS_RETRY_MODE: "bogus",
    AWS_MAX_ATTEMPTS: "x",
    AWS_USE_FIPS_ENDPOINT: "true",
    AWS_USE_DUALSTACK_ENDPOINT: "bogus",
    AWS_DEFAULTS_MODE: "bogus",
    AWS_AUTH_SCHEME_PREFERENCE: "bogus",
    AWS_SDK_UA_APP_ID: "x".repeat(60),
  };
  const before = Object.fromEntries(Object.keys(hostile).map((name) => [name, process.env[name]]));
  Object.assign(process.env, hostile);
  try {
    expect((await stsWith().getCallerIdentity({ region, keys: longTerm() })).arn).toBe(user.arn);
    const unsigned = { roleArn: role, roleSessionName: "me", token: "a.b.c" };
    const error = await rejection(stsWith().assumeRoleWithWebIdentity(unsigned, { region }));
    // It got there, without a signature: the wrong keys of the environment would have made another error.
    expect(error.code).not.toBe("network");
    expect(error.code).not.toBe("keys-rejected");
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    rmSync(folder, { recursive: true });
  }
});
