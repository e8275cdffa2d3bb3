import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash, generateKeyPairSync } from "node:crypto";
import {
  AssumeRoleCommand,
  type AssumeRoleWithSAMLCommandInput,
  AssumeRoleWithSAMLCommand,
  AssumeRoleWithWebIdentityCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
} from "@aws-sdk/client-sts";
import { SAML } from "@node-saml/node-saml";
import { type Sandbox, startSandbox } from "../src/server.ts";
import type { AssertionOptions } from "../src/saml-idp.ts";
import { completeSamlSignIn } from "../src/sign-in.ts";
import { accountId, refusal, sts } from "./harness.ts";

let sandbox: Sandbox;
let providerArn: string;
let roleArn: string;
let otherRole: string;
const person = { user: "grace", password: "hopper" };
beforeAll(async () => {
  sandbox = await startSandbox();
  providerArn = sandbox.addSamlProvider({ accountId, name: "company" });
  const role = (name: string) =>
    sandbox.addRole({ accountId, name, trust: { principals: [providerArn] }, maxSessionDuration: 14_400 });
  roleArn = role("engineer");
  otherRole = role("operator");
  const roles = [roleArn, otherRole].map((arn) => ({ roleArn: arn, providerArn }));
  sandbox.addIdpUser({ ...person, roles });
});
afterAll(() => sandbox.stop());
beforeEach(() => sandbox.reset());

const unsigned = () => sts(sandbox, undefined);
const assume = (SAMLAssertion: string, more: Partial<AssumeRoleWithSAMLCommandInput> = {}) =>
  unsigned().send(
    new AssumeRoleWithSAMLCommand({ RoleArn: roleArn, PrincipalArn: providerArn, SAMLAssertion, ...more }),
  );
const response = (flaws: Partial<AssertionOptions> = {}) => sandbox.samlResponse({ user: "grace", ...flaws });
/** A response with its text changed after signing. */
const changed = (from: string | RegExp, to: string, base64 = response()) => {
  const text = Buffer.from(base64, "base64").toString();
  const after = text.replace(from, to);
  expect(after).not.toBe(text);
  return Buffer.from(after).toString("base64");
};

describe("AssumeRoleWithSAML", () => {
  test.each(["response", "assertion", "both"] as const)("a right assertion, %s signed", async (sign) => {
    const answer = await assume(response({ sign, tags: { team: "red" }, sourceIdentity: "grace" }));
    expect(answer).toMatchObject({
      Audience: "https://signin.aws.amazon.com/saml",
      Issuer: `${sandbox.url}/idp`,
      Subject: "grace",
      SubjectType: "persistent",
      SourceIdentity: "grace",
    });
    const { Arn } = await sts(sandbox, answer.Credentials).send(new GetCallerIdentityCommand({}));
    expect(Arn).toBe(`arn:aws:sts::${accountId}:assumed-role/engineer/grace@example.com`);
    expect(sandbox.sessions().at(-1)).toMatchObject({ tags: { team: "red" }, sourceIdentity: "grace" });
  });

  test("one assertion serves every role in it, in either order of a pair", async () => {
    for (const swapPairs of [false, true]) {
      const assertion = response({ swapPairs });
      await assume(assertion);
      await assume(assertion, { RoleArn: otherRole });
    }
  });

  test.each<[string, () => string, string]>([
    [
      "unsigned",
      () => response({ sign: "none" }),
      "InvalidIdentityTokenException: Response signature invalid",
    ],
    [
      "another's key",
      () => response({ sign: "other-key" }),
      "InvalidIdentityTokenException: Response signature invalid",
    ],
    [
      "changed",
      () => changed(/engineer/g, "operator"),
      "InvalidIdentityTokenException: Response signature invalid",
    ],
    [
      "changed beside a signed assertion",
      () => changed("Destination=", 'Consent="none" Destination=', response({ sign: "both" })),
      "InvalidIdentityTokenException: Response signature invalid",
    ],
    [
      "a second, unsigned assertion in front",
      () =>
        changed(
          "</samlp:Status>",
          `</samlp:Status>${/<saml:Assertion .*<\/saml:Assertion>/
            .exec(Buffer.from(response({ sign: "none" }), "base64").toString())![0]
            .replaceAll("engineer", "administrator")}`,
          response({ sign: "assertion" }),
        ),
      "InvalidIdentityTokenException: Response signature invalid",
    ],
    ["not base64", () => "?".repeat(20), "InvalidIdentityTokenException: Invalid base64 SAMLResponse"],
    ["not XML", () => Buffer.from("no xml").toString("base64"), "InvalidIdentityTokenException: "],
    [
      "other XML",
      () => Buffer.from("<a/>").toString("base64"),
      "InvalidIdentityTokenException: Not a SAML response",
    ],
    [
      "a document type",
      () => Buffer.from(`<!DOCTYPE a []>${Buffer.from(response(), "base64")}`).toString("base64"),
      "InvalidIdentityTokenException: Invalid SAML response",
    ],
    [
      "wrong audience",
      () => response({ audience: "urn:example:app" }),
      "InvalidIdentityTokenException: Response does not contain the required audience.",
    ],
    [
      "an audience that only looks right",
      () => response({ audience: "https://signin.aws.amazon.com.example.com/saml" }),
      "InvalidIdentityTokenException: Response does not",
    ],
    [
      "wrong issuer",
      () => response({ issuer: "https://idp.example.com" }),
      "InvalidIdentityTokenException: Issuer not present in specified provider",
    ],
    [
      "wrong recipient",
      () => response({ recipient: "https://app.example.com/saml" }),
      "InvalidIdentityTokenException: Invalid SAML recipient",
    ],
    [
      "expired",
      () => response({ validFor: -1 }),
      "ExpiredTokenException: Token must be redeemed within 5 minutes of issuance",
    ],
    [
      "not yet valid",
      () => response({ validFrom: 60 }),
      "InvalidIdentityTokenException: The assertion is not yet valid",
    ],
    [
      "no session name",
      () => response({ sessionName: "" }),
      "InvalidIdentityTokenException: RoleSessionName is required",
    ],
    [
      "a bad session name",
      () => response({ sessionName: "grace hopper" }),
      "InvalidIdentityTokenException: RoleSessionName in AuthnResponse must match",
    ],
    [
      "a failed sign-in",
      () => response({ status: "urn:oasis:names:tc:SAML:2.0:status:Responder" }),
      "IDPRejectedClaimException: ",
    ],
  ])("refused: %s", async (_what, make, words) => {
    expect(await refusal(assume(make()))).toStartWith(words);
  });

  test("every audience and recipient of AWS", async () => {
    await assume(response({ audience: "https://signin.aws.amazon.com/saml" }));
    await assume(response({ audience: "urn:amazon:webservices:cn-north-1" }));
    for (const host of [
      "eu-west-1.signin.aws.amazon.com",
      "signin.amazonaws-us-gov.com",
      "signin.amazonaws.cn",
    ]) {
      await assume(response({ recipient: `https://${host}/saml` }));
    }
  });

  test("five minutes and no longer, whatever the assertion says", async () => {
    const assertion = response({ validFor: 86_400 });
    sandbox.advance(299_000);
    await assume(assertion);
    sandbox.advance(2_000);
    expect(await refusal(assume(assertion))).toStartWith("ExpiredTokenException");
  });

  test("a role or provider that is not in the assertion, or does not trust it", async () => {
    const no = "AccessDenied: Not authorized to perform sts:AssumeRoleWithSAML";
    const hidden = sandbox.addRole({ accountId, name: "hidden", trust: { principals: [providerArn] } });
    expect(await refusal(assume(response(), { RoleArn: hidden }))).toBe(no);
    const closed = sandbox.addRole({ accountId, name: "closed", trust: { principals: [accountId] } });
    sandbox.addIdpUser({ user: "eve", password: "x", roles: [{ roleArn: closed, providerArn }] });
    expect(await refusal(assume(response({ user: "eve" }), { RoleArn: closed }))).toBe(no);
    const second = sandbox.addSamlProvider({ accountId, name: "second" });
    const principals = [providerArn, second];
    const both = sandbox.addRole({ accountId, name: "both", trust: { principals } });
    sandbox.addIdpUser({ user: "ivan", password: "x", roles: [{ roleArn: both, providerArn }] });
    await assume(response({ user: "ivan" }), { RoleArn: both });
    expect(await refusal(assume(response({ user: "ivan" }), { RoleArn: both, PrincipalArn: second }))).toBe(
      no,
    );
    const absent = `arn:aws:iam::${accountId}:saml-provider/absent`;
    expect(await refusal(assume(response(), { PrincipalArn: absent }))).toBe(
      "InvalidIdentityTokenException: Specified provider doesn't exist",
    );
  });

  test("another company's certificate", async () => {
    const { publicKey } = generateKeyPairSync("rsa", {
      modulusLength: 2_048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    const PrincipalArn = sandbox.addSamlProvider({
      accountId,
      name: "other-company",
      certificate: publicKey,
    });
    expect(await refusal(assume(response(), { PrincipalArn }))).toBe(
      "InvalidIdentityTokenException: Response signature invalid",
    );
  });

  test("durations: the role's, and the identity provider's own end", async () => {
    const seconds = async (answer: ReturnType<typeof assume>) =>
      Math.round(((await answer).Credentials!.Expiration!.getTime() - sandbox.now()) / 1000);
    expect(await seconds(assume(response(), { DurationSeconds: 14_400 }))).toBeWithin(14_398, 14_401);
    expect(await refusal(assume(response(), { DurationSeconds: 14_401 }))).toContain(
      "MaxSessionDuration set for this role",
    );
    expect(await refusal(assume(response(), { DurationSeconds: 899 }))).toContain(
      "greater than or equal to 900",
    );
    expect(await seconds(assume(response({ sessionEnds: 1_200 })))).toBeWithin(1_197, 1_201);
  });
});

describe("the identity provider", () => {
  test("signs what node-saml accepts, and node-saml refuses what was changed", async () => {
    const { SAMLResponse } = (await completeSamlSignIn(`${sandbox.url}/idp`, person)).fields;
    const certificate = await publicKeyOf();
    const verifier = new SAML({
      idpCert: certificate,
      issuer: "urn:amazon:webservices",
      audience: "urn:amazon:webservices",
      callbackUrl: "https://signin.aws.amazon.com/saml",
      wantAuthnResponseSigned: true,
      wantAssertionsSigned: false,
    });
    const { profile } = await verifier.validatePostResponseAsync({ SAMLResponse: SAMLResponse! });
    expect(profile!.nameID).toBe("grace");
    expect(profile!["https://aws.amazon.com/SAML/Attributes/Role"]).toEqual(
      [roleArn, otherRole].map((arn) => `${arn},${providerArn}`),
    );
    const forged = changed("engineer", "administrator", SAMLResponse);
    expect(await refusal(verifier.validatePostResponseAsync({ SAMLResponse: forged }))).toContain("Invalid");
  });

  test("form, relay state, configurable target; a wrong password", async () => {
    const url = `${sandbox.url}/idp?RelayState=${encodeURIComponent("a&b")}`;
    const { action, fields } = await completeSamlSignIn(url, person);
    expect(action).toBe("https://signin.aws.amazon.com/saml");
    expect(fields.RelayState).toBe("a&b");
    await assume(fields.SAMLResponse!);
    sandbox.setSamlSignInUrl("https://eu-west-1.signin.aws.amazon.com/saml");
    const regional = await completeSamlSignIn(url, person);
    expect(regional.action).toBe("https://eu-west-1.signin.aws.amazon.com/saml");
    await assume(regional.fields.SAMLResponse!);
    sandbox.setSamlSignInUrl("https://signin.aws.amazon.com/saml");
    expect(await refusal(completeSamlSignIn(url, { ...person, password: "wrong" }))).toBe(
      "Error: The user name or the password is wrong.",
    );
  });

  test("remembers who signed in by a cookie", async () => {
    const body = new URLSearchParams({ username: person.user, password: person.password });
    const first = await fetch(`${sandbox.url}/idp`, { method: "POST", body });
    const cookie = first.headers.get("set-cookie")!.split(";")[0]!;
    expect(await (await fetch(`${sandbox.url}/idp`, { headers: { cookie } })).text()).toContain(
      "SAMLResponse",
    );
    const other = `${cookie.slice(0, -1)}x`;
    expect(await (await fetch(`${sandbox.url}/idp`, { headers: { cookie: other } })).text()).toContain(
      "password",
    );
  });
});

/** The key as IAM would have it from the provider's metadata: what a provider made by default trusts. */
async function publicKeyOf(): Promise<string> {
  const metadata = await (await fetch(`${sandbox.url}/idp/key.pem`)).text();
  expect(metadata).toStartWith("-----BEGIN PUBLIC KEY-----");
  return metadata;
}

describe("AssumeRoleWithWebIdentity", () => {
  const issuer = "https://ci.example.com/org";
  let oidcRole: string;
  beforeAll(() => {
    const provider = sandbox.addOidcProvider({ accountId, issuer });
    oidcRole = sandbox.addRole({
      accountId,
      name: "ci",
      trust: { principals: [provider], subject: "repo:a" },
    });
  });
  const assumeWeb = (WebIdentityToken: string, more = {}) =>
    unsigned().send(
      new AssumeRoleWithWebIdentityCommand({
        RoleArn: oidcRole,
        RoleSessionName: "job",
        WebIdentityToken,
        ...more,
      }),
    );
  const token = (change = {}) => sandbox.webIdentityToken({ issuer, subject: "repo:a", ...change });

  test("a right token", async () => {
    const answer = await assumeWeb(token());
    expect(answer).toMatchObject({ SubjectFromWebIdentityToken: "repo:a", Audience: "sts.amazonaws.com" });
    const { Arn } = await sts(sandbox, answer.Credentials).send(new GetCallerIdentityCommand({}));
    expect(Arn).toEndWith("assumed-role/ci/job");
  });

  const unsignedToken = () => {
    const [, claims] = token().split(".");
    return `${Buffer.from('{"alg":"none"}').toString("base64url")}.${claims}.`;
  };
  const hmacToken = () => {
    const [, claims] = token().split(".");
    const head = `${Buffer.from('{"alg":"HS256"}').toString("base64url")}.${claims}`;
    return `${head}.${createHash("sha256").update(head).digest("base64url")}`;
  };
  const forged = () => {
    const [header, , signature] = token().split(".");
    return [header, token({ subject: "repo:b" }).split(".")[1], signature].join(".");
  };
  test.each<[string, () => string, string]>([
    ["expired", () => token({ validFor: -1 }), "ExpiredTokenException: Token expired"],
    [
      "wrong audience",
      () => token({ audience: "app" }),
      "InvalidIdentityTokenException: Incorrect token audience",
    ],
    [
      "unknown issuer",
      () => token({ issuer: "https://x.example.com" }),
      "InvalidIdentityTokenException: No OpenIDConnect provider found",
    ],
    [
      "another subject",
      () => token({ subject: "repo:b" }),
      "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
    ],
    ["changed", forged, "InvalidIdentityTokenException: Token signature is invalid"],
    ["unsigned", unsignedToken, "InvalidIdentityTokenException: Token signature is invalid"],
    ["another algorithm", hmacToken, "InvalidIdentityTokenException: Token signature is invalid"],
    [
      "not a JWT",
      () => "no-token",
      "InvalidIdentityTokenException: The ID Token provided is not a valid JWT",
    ],
  ])("refused: %s", async (_what, make, words) => {
    expect(await refusal(assumeWeb(make()))).toStartWith(words);
  });

  test("a role that trusts no such provider, and durations", async () => {
    expect(await refusal(assumeWeb(token(), { RoleArn: roleArn }))).toStartWith(
      "AccessDenied: Not authorized",
    );
    expect(await refusal(assumeWeb(token(), { DurationSeconds: 3_601 }))).toContain("MaxSessionDuration");
    expect(await refusal(assumeWeb(token(), { RoleSessionName: "a b" }))).toContain("regular expression");
  });
});

describe("the web console", () => {
  const ask = async (fields: Record<string, string>, method = "GET") => {
    const body = new URLSearchParams(fields);
    const url = `${sandbox.url}/federation`;
    return method === "GET" ? fetch(`${url}?${body}`) : fetch(url, { method, body });
  };
  const sessionJson = (
    credentials: { AccessKeyId?: string; SecretAccessKey?: string; SessionToken?: string } = {},
  ) =>
    JSON.stringify({
      sessionId: credentials.AccessKeyId,
      sessionKey: credentials.SecretAccessKey,
      sessionToken: credentials.SessionToken,
    });
  const status = async (Session: string, more = {}) =>
    (await ask({ Action: "getSigninToken", Session, ...more })).status;

  test("a sign-in token for an assumed role, good for 15 minutes, for AWS's console only", async () => {
    const Session = sessionJson((await assume(response())).Credentials);
    const post = await ask({ Action: "getSigninToken", Session, SessionDuration: "43200" }, "POST");
    const { SigninToken } = (await post.json()) as { SigninToken: string };
    const login = (Destination: string) => ask({ Action: "login", Destination, SigninToken });
    const there = await login("https://eu-west-1.console.aws.amazon.com/s3");
    expect(await there.text()).toContain("assumed-role/engineer/grace@example.com is signed in");
    expect((await login("https://example.com/")).status).toBe(400);
    expect((await login("https://aws.amazon.com.example.com/")).status).toBe(400);
    sandbox.advance(900_000);
    expect((await login("https://console.aws.amazon.com/")).status).toBe(400);
  });

  test("refused: GetSessionToken's credentials, wrong ones, expired ones, a duration for a chained role", async () => {
    const user = sandbox.addUser({ accountId, name: "console" });
    const userSession = (await sts(sandbox, user).send(new GetSessionTokenCommand({}))).Credentials;
    expect(await status(sessionJson(userSession))).toBe(400);

    const good = (await assume(response())).Credentials!;
    expect(await status(sessionJson(good))).toBe(200);
    expect(await status(sessionJson(good), { SessionDuration: "43201" })).toBe(400);
    expect(await status(sessionJson({ ...good, SecretAccessKey: "wrong" }))).toBe(400);
    expect(await status(sessionJson({ ...good, SessionToken: "wrong" }))).toBe(400);
    expect(await status("no json")).toBe(400);

    const RoleArn = sandbox.addRole({ accountId, name: "chained", trust: { principals: [accountId] } });
    const chain = new AssumeRoleCommand({ RoleArn, RoleSessionName: "me" });
    const chained = (await sts(sandbox, good).send(chain)).Credentials;
    expect(await status(sessionJson(chained))).toBe(200);
    expect(await status(sessionJson(chained), { SessionDuration: "3600" })).toBe(400);

    sandbox.advance(3_601_000);
    expect(await status(sessionJson(good))).toBe(400);
  });
});
