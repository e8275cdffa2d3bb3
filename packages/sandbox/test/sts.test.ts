import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { AssumeRoleCommand, type AssumeRoleCommandInput, GetSessionTokenCommand } from "@aws-sdk/client-sts";
import { type Sandbox, startSandbox } from "../src/server.ts";
import type { Trust, UserKeys } from "../src/world.ts";
import { accountId, refusal, sts } from "./harness.ts";

let sandbox: Sandbox;
let user: UserKeys;
let other: UserKeys;
beforeAll(async () => {
  sandbox = await startSandbox();
  user = sandbox.addUser({ accountId, name: "ada", mfa: true });
  other = sandbox.addUser({ accountId, name: "bob", mfa: "hardware" });
});
afterAll(() => sandbox.stop());
beforeEach(() => sandbox.reset());

let counter = 0;
const role = (trust: Partial<Trust> = {}, maxSessionDuration = 43_200) =>
  sandbox.addRole({
    accountId: "444455556666",
    name: `role-${++counter}`,
    trust: { principals: [user.arn], ...trust },
    maxSessionDuration,
  });

type Keys = Parameters<typeof sts>[1];
const assume = async (keys: Keys, RoleArn: string, more: Partial<AssumeRoleCommandInput> = {}) =>
  sts(sandbox, keys).send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "me", ...more }));
const sessionToken = async (keys: Keys, input = {}) =>
  (await sts(sandbox, keys).send(new GetSessionTokenCommand(input))).Credentials;
const denied = (arn: string, roleArn: string) =>
  `AccessDenied: User: ${arn} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`;

/** Codes count once, so each asker gets a step of its own. */
const mfa = (keys = user) => {
  sandbox.advance(60_000);
  return { SerialNumber: keys.mfaSerial!, TokenCode: sandbox.totpCode(keys.mfaSerial!) };
};

describe("GetSessionToken", () => {
  test("durations", async () => {
    for (const DurationSeconds of [900, 129_600]) {
      const credentials = await sessionToken(user, { DurationSeconds });
      expect(credentials!.Expiration!.getTime() - sandbox.now()).toBeWithin(
        DurationSeconds * 1000 - 2_000,
        DurationSeconds * 1000 + 1,
      );
    }
    expect(await refusal(sessionToken(user, { DurationSeconds: 899 }))).toBe(
      "ValidationError: 1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: " +
        "Member must have value greater than or equal to 900",
    );
    expect(await refusal(sessionToken(user, { DurationSeconds: 129_601 }))).toContain(
      "less than or equal to 129600",
    );
    const standard = await sessionToken(user);
    expect(standard!.Expiration!.getTime() - sandbox.now()).toBeWithin(43_198_000, 43_200_001);
  });

  test("temporary credentials are refused", async () => {
    const words = "AccessDenied: Cannot call GetSessionToken with session credentials";
    expect(await refusal(sessionToken(await sessionToken(user)))).toBe(words);
    expect(await refusal(sessionToken((await assume(user, role())).Credentials))).toBe(words);
  });

  test("the MFA code: right, reused, wrong, old, another device's, half given", async () => {
    const wrongCode = "AccessDenied: MultiFactorAuthentication failed with invalid MFA one time pass code. ";
    const given = mfa();
    await sessionToken(user, given);
    expect(await refusal(sessionToken(user, given))).toBe(wrongCode);

    const next = mfa();
    const wrong = String((Number(next.TokenCode) + 1) % 1_000_000).padStart(6, "0");
    expect(await refusal(sessionToken(user, { ...next, TokenCode: wrong }))).toBe(wrongCode);
    sandbox.advance(30_000);
    await sessionToken(user, next);

    const old = mfa();
    sandbox.advance(60_000);
    expect(await refusal(sessionToken(user, old))).toBe(wrongCode);

    await sessionToken(other, mfa(other));
    expect(other.mfaSerial).toMatch(/^GAHT/);
    expect(await refusal(sessionToken(user, mfa(other)))).toContain(
      "Please verify your MFA serial number is valid",
    );
    const half = { SerialNumber: user.mfaSerial };
    expect(await refusal(sessionToken(user, half))).toContain(
      "must provide both MFA serial number and one time",
    );
    const { TokenCode } = mfa();
    expect(await refusal(sessionToken(user, { TokenCode }))).toContain("must provide both");
    expect(await refusal(sessionToken(user, { ...half, TokenCode: "12ab56" }))).toContain(
      "regular expression",
    );
  });

  test("an explicit deny", async () => {
    const keys = sandbox.addUser({ accountId, name: "fenced" });
    await sessionToken(keys);
    sandbox.deny(keys.arn, "sts:GetSessionToken");
    expect(await refusal(sessionToken(keys))).toContain("sts:GetSessionToken with an explicit deny");
    sandbox.allow(keys.arn, "sts:GetSessionToken");
    await sessionToken(keys);
  });
});

describe("who may assume a role", () => {
  test("the exact user, and nobody else of the account", async () => {
    const arn = role();
    const answer = await assume(user, arn);
    expect(answer.AssumedRoleUser!.Arn).toBe(`arn:aws:sts::444455556666:assumed-role/role-${counter}/me`);
    expect(answer.AssumedRoleUser!.AssumedRoleId).toMatch(/^AROA[A-Z2-7]{17}:me$/);
    expect(answer.PackedPolicySize).toBeUndefined();
    expect(await refusal(assume(other, arn))).toBe(denied(other.arn, arn));
    await assume(await sessionToken(user), arn);
  });

  test("everyone of an account, by its id or its root", async () => {
    for (const principal of [accountId, `arn:aws:iam::${accountId}:root`]) {
      const arn = role({ principals: [principal] });
      await assume(user, arn);
      await assume(other, arn);
      const stranger = sandbox.addUser({ accountId: "999988887777", name: "ada" });
      expect(await refusal(assume(stranger, arn))).toBe(denied(stranger.arn, arn));
    }
  });

  test("a role, in any of its sessions; or one session of it", async () => {
    const first = role();
    const { Credentials, AssumedRoleUser } = await assume(user, first);
    const byRole = role({ principals: [first] });
    const bySession = role({ principals: [AssumedRoleUser!.Arn!] });
    await assume(Credentials, byRole);
    await assume(Credentials, bySession);
    const someoneElse = (await assume(user, first, { RoleSessionName: "else" })).Credentials;
    await assume(someoneElse, byRole);
    expect(await refusal(assume(someoneElse, bySession))).toContain(
      "not authorized to perform: sts:AssumeRole",
    );
    expect(await refusal(assume(user, byRole))).toBe(denied(user.arn, byRole));
  });

  test("a role that does not exist, and ARNs that are none", async () => {
    const absent = `arn:aws:iam::${accountId}:role/absent`;
    expect(await refusal(assume(user, absent))).toBe(denied(user.arn, absent));
    const notARole = `arn:aws:iam::${accountId}:user/ada`;
    expect(await refusal(assume(user, notARole))).toBe(`ValidationError: ${notARole} is invalid`);
    expect(await refusal(assume(user, "role/x"))).toContain("length greater than or equal to 20");
  });

  test("external id: right, wrong, absent", async () => {
    const arn = role({ externalId: "right-one" });
    await assume(user, arn, { ExternalId: "right-one" });
    expect(await refusal(assume(user, arn, { ExternalId: "wrong-one" }))).toBe(denied(user.arn, arn));
    expect(await refusal(assume(user, arn))).toBe(denied(user.arn, arn));
    await assume(user, role(), { ExternalId: "not-asked-for" });
  });

  test("an explicit deny of the caller", async () => {
    const arn = role({ principals: [accountId] });
    sandbox.deny(other.arn, "sts:AssumeRole");
    expect(await refusal(assume(other, arn))).toBe(
      `${denied(other.arn, arn)} with an explicit deny in an identity-based policy`,
    );
    sandbox.allow(other.arn, "sts:AssumeRole");
    await assume(other, arn);
  });

  test("MFA: by code, by session token, not by an assumed role's", async () => {
    const arn = role({ mfa: true, principals: [user.arn] });
    expect(await refusal(assume(user, arn))).toBe(denied(user.arn, arn));
    await assume(user, arn, mfa());
    expect(await refusal(assume(user, arn, { ...mfa(), TokenCode: "000000" }))).toContain(
      "invalid MFA one time",
    );
    expect(await refusal(assume(await sessionToken(user), arn))).toBe(denied(user.arn, arn));
    const strong = await sessionToken(user, mfa());
    await assume(strong, arn);

    const hub = role({ mfa: true });
    const { Credentials } = await assume(strong, hub);
    const behind = role({ mfa: true, principals: [hub] });
    expect(await refusal(assume(Credentials, behind))).toContain("not authorized to perform: sts:AssumeRole");
    expect(await refusal(assume(Credentials, behind, mfa()))).toContain("unable to validate MFA code");
  });
});

describe("what may be asked of a role", () => {
  test("durations: the role's maximum, and one hour with temporary credentials", async () => {
    const short = role({}, 7_200);
    const seconds = async (promise: ReturnType<typeof assume>) =>
      Math.round(((await promise).Credentials!.Expiration!.getTime() - sandbox.now()) / 1000);
    expect(await seconds(assume(user, short))).toBeWithin(3_598, 3_601);
    expect(await seconds(assume(user, short, { DurationSeconds: 7_200 }))).toBeWithin(7_198, 7_201);
    expect(await refusal(assume(user, short, { DurationSeconds: 7_201 }))).toBe(
      "ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    );
    expect(await refusal(assume(user, short, { DurationSeconds: 899 }))).toContain(
      "greater than or equal to 900",
    );
    expect(await refusal(assume(user, short, { DurationSeconds: 43_201 }))).toContain(
      "less than or equal to 43200",
    );

    const chained = role({ principals: [short] });
    const { Credentials } = await assume(user, short);
    expect(await seconds(assume(Credentials, chained, { DurationSeconds: 3_600 }))).toBeWithin(3_598, 3_601);
    const words =
      "ValidationError: The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
    expect(await refusal(assume(Credentials, chained, { DurationSeconds: 3_601 }))).toBe(words);
    expect(await refusal(assume(await sessionToken(user), short, { DurationSeconds: 3_601 }))).toBe(words);
  });

  test("session names", async () => {
    const arn = role();
    for (const RoleSessionName of ["ab", "x".repeat(64), "a_b+c=d,e.f@g-h"])
      await assume(user, arn, { RoleSessionName });
    expect(await refusal(assume(user, arn, { RoleSessionName: "a" }))).toContain(
      "length greater than or equal to 2",
    );
    expect(await refusal(assume(user, arn, { RoleSessionName: "x".repeat(65) }))).toContain(
      "less than or equal to 64",
    );
    expect(await refusal(assume(user, arn, { RoleSessionName: "a b" }))).toBe(
      "ValidationError: 1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: " +
        "Member must satisfy regular expression pattern: [\\w+=,.@-]*",
    );
    expect(await refusal(assume(user, arn, { RoleSessionName: "a/b" }))).toContain(
      "regular expression pattern",
    );
  });

  test("policies are checked and remembered", async () => {
    const arn = role();
    const Policy = '{"Version":"2012-10-17","Statement":[]}';
    const PolicyArns = [{ arn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }];
    const answer = await assume(user, arn, { Policy, PolicyArns });
    expect(answer.PackedPolicySize).toBeWithin(1, 10);
    expect(sandbox.sessions().at(-1)).toMatchObject({ policy: Policy, policyArns: [PolicyArns[0]!.arn] });

    expect(await refusal(assume(user, arn, { Policy: "{" }))).toStartWith("MalformedPolicyDocument");
    const long = `{"Statement":[${" ".repeat(2_048)}]}`;
    expect(await refusal(assume(user, arn, { Policy: long }))).toContain("length less than or equal to 2048");
    const many = Array.from({ length: 11 }, () => PolicyArns[0]!);
    expect(await refusal(assume(user, arn, { PolicyArns: many }))).toContain(
      "length less than or equal to 10",
    );
    expect(
      await refusal(assume(user, arn, { PolicyArns: [{ arn: "arn:aws:iam::aws:role/x-not-a-policy" }] })),
    ).toContain("is not valid");
    const almost = `{"Statement":[${" ".repeat(2_000)}]}`;
    expect(
      await refusal(assume(user, arn, { Policy: almost, PolicyArns: Array(10).fill(PolicyArns[0]) })),
    ).toStartWith("PackedPolicyTooLarge");
  });

  test("tags: limits, duplicates, transitive ones", async () => {
    const arn = role();
    const tag = (Key: string, Value = "v") => ({ Key, Value });
    const Tags = Array.from({ length: 50 }, (_, i) => tag(`tag-${i}`));
    await assume(user, arn, { Tags });
    expect(await refusal(assume(user, arn, { Tags: [...Tags, tag("one-more")] }))).toContain(
      "less than or equal to 50",
    );
    expect(await refusal(assume(user, arn, { Tags: [tag("k".repeat(129))] }))).toContain(
      "less than or equal to 128",
    );
    expect(await refusal(assume(user, arn, { Tags: [tag("k", "v".repeat(257))] }))).toContain(
      "less than or equal to 256",
    );
    expect(await refusal(assume(user, arn, { Tags: [tag("k", "a*b")] }))).toContain(
      "regular expression pattern",
    );
    expect(await refusal(assume(user, arn, { Tags: [tag("aws:x")] }))).toContain("reserved for system use");
    expect(await refusal(assume(user, arn, { Tags: [tag("Team"), tag("team")] }))).toStartWith(
      "InvalidParameterValue: Duplicate tag keys found.",
    );
    expect(await refusal(assume(user, arn, { Tags: [tag("a")], TransitiveTagKeys: ["b"] }))).toContain(
      "must be included in the requested tags",
    );
    expect(await refusal(assume(user, role({ tagSession: false }), { Tags: [tag("a")] }))).toContain(
      "sts:TagSession",
    );

    const { Credentials } = await assume(user, arn, {
      Tags: [tag("team", "red"), tag("shift")],
      TransitiveTagKeys: ["team"],
    });
    const next = role({ principals: [arn] });
    await assume(Credentials, next, { Tags: [tag("own")] });
    expect(sandbox.sessions().at(-1)).toMatchObject({
      tags: { team: "red", own: "v" },
      transitiveTagKeys: ["team"],
    });
    expect(sandbox.sessions().at(-1)!.tags).not.toHaveProperty("shift");
    expect(await refusal(assume(Credentials, next, { Tags: [tag("TEAM", "blue")] }))).toContain(
      "conflicts with",
    );
  });

  test("the source identity is set once and follows", async () => {
    const arn = role();
    const answer = await assume(user, arn, { SourceIdentity: "ada" });
    expect(answer.SourceIdentity).toBe("ada");
    const next = role({ principals: [arn] });
    await assume(answer.Credentials, next);
    expect(sandbox.sessions().at(-1)!.sourceIdentity).toBe("ada");
    expect(await refusal(assume(answer.Credentials, next, { SourceIdentity: "eve" }))).toContain(
      "sts:SetSourceIdentity",
    );
    expect(await refusal(assume(user, arn, { SourceIdentity: "a b" }))).toContain(
      "regular expression pattern",
    );
    expect(
      await refusal(assume(user, role({ setSourceIdentity: false }), { SourceIdentity: "ada" })),
    ).toContain("sts:SetSourceIdentity");
  });
});
