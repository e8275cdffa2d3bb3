import { describe, expect, test } from "bun:test";
import { type CredentialRequest, requestKey, requestOf, rootOf } from "../../src/credentials/request.ts";
import type { Session } from "../../src/model.ts";
import { thrown } from "../thrown.ts";
import { among, chained, iamUser } from "./sessions.ts";

const device = "arn:aws:iam::111122223333:mfa/ada";

describe("what stands in a request", () => {
  test("an IAM user", () => {
    const ada = iamUser("ada", { mfaDevice: device });
    expect(requestOf(ada, among(ada))).toEqual({
      type: "iam-user",
      sessionId: "ada",
      region: "eu-west-1",
      durationSeconds: 43_200,
      mfaDevice: device,
    });
  });

  test("a chain, whole", () => {
    const ada = iamUser("ada");
    const dev = chained("dev", "ada", { durationSeconds: 7200, externalId: "x-42" });
    const deep = chained("deep", "dev", {
      region: "us-east-1",
      durationSeconds: 7200,
      roleSessionName: "{session}.{user}",
      policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
      tags: { a: "b" },
      transitiveTagKeys: ["a"],
      sourceIdentity: "ada",
    });
    expect(requestOf(deep, among(ada, dev, deep))).toEqual({
      type: "iam-role-chained",
      region: "us-east-1",
      roleArn: "arn:aws:iam::444455556666:role/deep",
      roleSessionName: "deep.ada",
      // AWS grants an hour at most to a role assumed from a role.
      durationSeconds: 3600,
      policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
      tags: { a: "b" },
      transitiveTagKeys: ["a"],
      sourceIdentity: "ada",
      source: {
        type: "iam-role-chained",
        region: "eu-west-1",
        roleArn: "arn:aws:iam::444455556666:role/dev",
        roleSessionName: "leapp-ada",
        durationSeconds: 7200,
        externalId: "x-42",
        source: { type: "iam-user", sessionId: "ada", region: "eu-west-1", durationSeconds: 43_200 },
      },
    });
  });

  test("the other types", () => {
    const common = {
      id: "x",
      name: "x",
      region: "eu-west-1",
      profiles: ["x"],
      createdAt: "2026-11-22T20:00:00.000Z",
    };
    const of = (session: Session) => requestOf(session, { ...among(session), integration: () => sso });
    const sso = {
      id: "i",
      type: "sso",
      alias: "corp",
      startUrl: "https://corp.test/start",
      region: "eu-central-1",
    } as const;
    const roleArn = "arn:aws:iam::444455556666:role/r";
    expect(of({ ...common, type: "process", command: "get --it" })).toEqual({
      type: "process",
      command: "get --it",
    });
    expect(of({ ...common, type: "localstack", endpointUrl: "http://localhost:4566" })).toEqual({
      type: "localstack",
      endpointUrl: "http://localhost:4566",
    });
    expect(of({ ...common, type: "web-identity", roleArn, tokenFile: "/t" })).toEqual({
      type: "web-identity",
      region: "eu-west-1",
      roleArn,
      durationSeconds: 3600,
      roleSessionName: "leapp-ada",
      tokenFile: "/t",
    });
    expect(of({ ...common, type: "iam-role-federated", roleArn, idpUrlId: "u", idpArn: "a" })).toEqual({
      type: "iam-role-federated",
      region: "eu-west-1",
      roleArn,
      idpUrlId: "u",
      idpArn: "a",
      durationSeconds: 3600,
    });
    const role = { ...common, type: "sso-role", integrationId: "i", accountId: "111122223333" } as const;
    expect(of({ ...role, accountName: "one", roleName: "Admin" })).toMatchObject({
      type: "sso-role",
      accountId: "111122223333",
      roleName: "Admin",
    });
    expect(thrown(() => requestOf({ ...role, accountName: "", roleName: "" }, among())).code).toBe(
      "not-found",
    );
  });
});

describe("role session names", () => {
  const nameOf = (template: string | undefined, session: string, user: string) => {
    const ada = iamUser("ada");
    const role = chained("dev", "ada", { name: session, roleSessionName: template });
    const request = requestOf(role, { ...among(ada, role), user });
    return request.type === "iam-role-chained" ? request.roleSessionName : "";
  };
  test.each([
    [undefined, "dev", "ada", "leapp-ada"],
    ["{user}@{session}", "dev", "ada", "ada@dev"],
    ["{session}", "Grüße an Köln", "ada", "Gr-e-an-K-ln"],
    ["{user}", "dev", "CORP\\ada lovelace", "CORP-ada-lovelace"],
    ["{user}", "dev", "x".repeat(100), "x".repeat(64)],
    ["{user}", "dev", "", "leapp-"],
    ["{user}", "{user}", "{session}", "-session-"],
  ])("%p of session %p and user %p", (template, session, user, name) => {
    expect(nameOf(template, session, user)).toBe(name);
  });
});

describe("MFA on AssumeRole", () => {
  const ada = iamUser("ada");
  const dev = chained("dev", "ada");
  test("moves down to the IAM user at the root", () => {
    const deep = chained("deep", "dev", { mfaDevice: device });
    expect(rootOf(requestOf(deep, among(ada, dev, deep)))).toMatchObject({
      type: "iam-user",
      mfaDevice: device,
    });
    expect(rootOf(requestOf(dev, among(ada, dev)))).not.toHaveProperty("mfaDevice");
  });
  test("leaves a device of the user's own", () => {
    const own = iamUser("ada", { mfaDevice: "GAHT12345678" });
    const role = chained("dev", "ada", { mfaDevice: device });
    expect(rootOf(requestOf(role, among(own, role)))).toMatchObject({ mfaDevice: "GAHT12345678" });
  });
  test("is refused where no IAM user is at the root", () => {
    const other: Session = { ...ada, type: "process", command: "x" };
    const role = chained("dev", "ada", { mfaDevice: device });
    expect(thrown(() => requestOf(role, among(other, role)))).toMatchObject({ code: "invalid" });
  });
});

describe("what cannot be a chain", () => {
  test.each([
    [[chained("a", "a")], "a -> a"],
    [[chained("a", "b"), chained("b", "a")], "a -> b -> a"],
    [[chained("x", "a"), chained("a", "b"), chained("b", "c"), chained("c", "a")], "a -> b -> c -> a"],
  ])("a cycle is named", (sessions, names) => {
    const error = thrown(() => requestOf(sessions[0]!, among(...sessions)));
    expect(error.code).toBe("conflict");
    expect(error.message).toBe(`these sessions lead back to themselves: ${names}`);
  });
  test("a source that is gone", () => {
    expect(thrown(() => requestOf(chained("a", "b"), among())).line).toContain(
      'the source of session "a" is gone',
    );
  });
  test("any depth is one", () => {
    const sessions = [iamUser("0"), ...Array.from({ length: 200 }, (_, i) => chained(`${i + 1}`, `${i}`))];
    expect(rootOf(requestOf(sessions[200]!, among(...sessions))).type).toBe("iam-user");
  });
});

describe("keys", () => {
  const ada = iamUser("ada");
  const dev = chained("dev", "ada", { roleArn: "arn:aws:iam::444455556666:role/r" });
  const keyOf = (session: Session, ...others: Session[]) =>
    requestKey(requestOf(session, among(...others, session)));
  const key = keyOf(dev, ada);

  test("are 64 hexadecimal digits and do not depend on the order of fields", () => {
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    const request = requestOf(dev, among(ada, dev));
    const turned = Object.fromEntries(Object.entries(request).reverse()) as unknown as CredentialRequest;
    expect(requestKey(turned)).toBe(key);
    expect(requestKey({ ...request, externalId: undefined } as CredentialRequest)).toBe(key);
  });

  test.each<[string, Partial<typeof dev>]>([
    ["a rename", { name: "other" }],
    ["another profile", { profiles: ["x"] }],
    ["a pin", { pinned: true, production: true }],
    ["empty lists", { policyArns: [], tags: {}, transitiveTagKeys: [] }],
    ["an empty external id", { externalId: "" }],
    ["what is the default anyway", { durationSeconds: 3600, roleSessionName: "leapp-{user}" }],
  ])("stay the same after %s", (_, change) => expect(keyOf({ ...dev, ...change }, ada)).toBe(key));

  test.each<[string, Partial<typeof dev>]>([
    ["region", { region: "us-east-1" }],
    ["role", { roleArn: "arn:aws:iam::444455556666:role/s" }],
    ["duration", { durationSeconds: 1800 }],
    ["session name", { roleSessionName: "me" }],
    ["external id", { externalId: "x" }],
    ["policy", { policy: "{}" }],
    ["policy ARNs", { policyArns: ["a"] }],
    ["tags", { tags: { a: "b" } }],
    ["transitive tags", { tags: { a: "b" }, transitiveTagKeys: ["a"] }],
    ["source identity", { sourceIdentity: "ada" }],
    ["MFA device", { mfaDevice: device }],
  ])("change with the %s", (_, change) => expect(keyOf({ ...dev, ...change }, ada)).not.toBe(key));

  test("change with the source, and are all different", () => {
    expect(keyOf(dev, { ...ada, region: "us-east-1" })).not.toBe(key);
    expect(keyOf(dev, { ...ada, durationSeconds: 900 })).not.toBe(key);
    // Text that would mean another structure if it were put together carelessly.
    const tagged = (tags: Record<string, string>) => keyOf({ ...dev, tags }, ada);
    expect(tagged({ 'a":"b","c': "d" })).not.toBe(tagged({ a: "b", c: "d" }));
  });
});
