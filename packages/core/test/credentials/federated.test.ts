import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Sandbox, startSandbox } from "../../../sandbox/src/server.ts";
import type { AssertionOptions } from "../../../sandbox/src/saml-idp.ts";
import { createWire } from "../../src/aws/http.ts";
import { createSts } from "../../src/aws/sts.ts";
import { resolveFederated } from "../../src/credentials/federated.ts";
import type { FederatedRequest } from "../../src/credentials/request.ts";
import { createSaml, type HeldAssertion } from "../../src/identity/saml.ts";
import type { Credentials } from "../../src/model.ts";
import { rejection } from "../thrown.ts";

const minute = 60_000;
const accountId = "111122223333";
const idpUrl = { id: "p1", url: "https://idp.example.com/aws" };
let sandbox: Sandbox;
let idpArn: string;
let roles: Record<"dev" | "long" | "closed", string>;
/** Milliseconds that our clock is ahead of AWS's. */
let ahead = 0;

beforeAll(async () => {
  sandbox = await startSandbox();
  idpArn = sandbox.addSamlProvider({ accountId, name: "company" });
  const trust = { principals: [idpArn] };
  roles = {
    dev: sandbox.addRole({ accountId, name: "dev", trust }),
    long: sandbox.addRole({ accountId, name: "long", trust, maxSessionDuration: 43_200 }),
    closed: sandbox.addRole({ accountId, name: "closed", trust: { principals: [accountId] } }),
  };
  const offered = Object.values(roles).map((roleArn) => ({ roleArn, providerArn: idpArn }));
  sandbox.addIdpUser({ user: "ada", password: "pw", roles: offered });
  sandbox.addIdpUser({ user: "eve", password: "pw", roles: [] });
});
afterAll(() => sandbox.stop());
beforeEach(() => {
  ahead = 0;
  sandbox.reset();
});

/** A sign-in brings an assertion of that kind; how many there were is counted. */
function world(assertion: Partial<AssertionOptions> = {}) {
  const clock = { now: () => sandbox.now() + ahead, at: () => () => {} };
  const wire = createWire({ endpoints: { all: sandbox.url }, clock });
  const browser = {
    signIns: 0,
    remembers: () => true,
    async signIn() {
      browser.signIns++;
      return sandbox.samlResponse({ user: "ada", ...assertion });
    },
    async forget() {},
  };
  const saml = createSaml({ clock, browser });
  const context = {
    sts: createSts(wire),
    clock,
    saml: {
      assertion: async () => saml.held(idpUrl) ?? ((await saml.quietly(idpUrl, true)) as HeldAssertion),
      drop: saml.drop,
      skew: () => wire.skew(),
    },
  };
  return {
    browser,
    saml,
    wire,
    resolve: (more: Partial<FederatedRequest> = {}): Promise<Credentials> =>
      resolveFederated(
        {
          type: "iam-role-federated",
          region: "eu-west-1",
          idpUrlId: idpUrl.id,
          idpArn,
          roleArn: roles.dev,
          durationSeconds: 3_600,
          ...more,
        },
        context,
      ),
  };
}
const lastSession = () => sandbox.sessions().at(-1)!;
/** What AWS granted. */
async function seconds(resolved: Promise<Credentials>): Promise<number> {
  await resolved;
  return lastSession().durationSeconds;
}

test("credentials of the role, and one sign-in for several roles", async () => {
  const { browser, resolve } = world();
  const credentials = await resolve();
  expect(credentials.accountId).toBe(accountId);
  expect(lastSession().arn).toBe(`arn:aws:sts::${accountId}:assumed-role/dev/ada@example.com`);
  await resolve({ roleArn: roles.long });
  expect(browser.signIns).toBe(1);
});

test.each(["both", "assertion"] as const)("signed on the %s, pairs the other way round", async (sign) => {
  expect(await world({ sign, swapPairs: true }).resolve()).toMatchObject({ accountId });
});

test("the duration asked for, where assertion and role allow it", async () => {
  expect(await seconds(world().resolve({ roleArn: roles.long, durationSeconds: 28_800 }))).toBe(28_800);
  expect(await seconds(world().resolve({ durationSeconds: 900 }))).toBe(900);
});

test("where the role's maximum is less: what every role allows, asked once more", async () => {
  const { resolve } = world();
  const before = sandbox.calls("AssumeRoleWithSAML");
  expect(await seconds(resolve({ durationSeconds: 28_800 }))).toBe(3_600);
  expect(sandbox.calls("AssumeRoleWithSAML") - before).toBe(2);
});

test("the assertion's SessionDuration and the end of the provider's session bound it", async () => {
  // The sandbox's identity provider says 28,800.
  expect(await seconds(world().resolve({ roleArn: roles.long, durationSeconds: 43_200 }))).toBe(28_800);
  const ends = world({ sessionEnds: 2_000 }).resolve({ roleArn: roles.long, durationSeconds: 7_200 });
  expect(await seconds(ends)).toBeWithin(1_990, 2_001);
});

test("one that ran out while it was held costs a sign-in, not a failure", async () => {
  const { browser, resolve } = world();
  await resolve();
  // AWS's clock alone goes on: to us the assertion still looks good.
  sandbox.advance(6 * minute);
  ahead = -6 * minute;
  await resolve();
  expect(browser.signIns).toBe(2);
});

test("the role is not in the assertion: those that are", async () => {
  const other = `arn:aws:iam::${accountId}:role/other`;
  const error = await rejection(world().resolve({ roleArn: other }));
  expect(error.code).toBe("access-denied");
  expect(error.message).toBe(
    `your sign-in does not open ${other}, only ${roles.dev}, ${roles.long}, ${roles.closed}`,
  );
  const none = await rejection(world({ user: "eve" }).resolve());
  expect(none.message).toBe(`your sign-in does not open ${roles.dev}, no role at all`);
});

test("the role is there, through another provider", async () => {
  const wrong = sandbox.addSamlProvider({ accountId, name: "other" });
  const error = await rejection(world().resolve({ idpArn: wrong }));
  expect(error.message).toBe(`your sign-in opens ${roles.dev} through ${idpArn}, not through ${wrong}`);
  expect(error.hint).toBe(`run: leapp session edit SESSION --idp-arn ${idpArn}`);
});

test("the role's trust policy refuses: AWS's own words, and the assertion stays", async () => {
  const { browser, resolve } = world();
  const error = await rejection(resolve({ roleArn: roles.closed }));
  expect(error.code).toBe("access-denied");
  expect(error.message).toStartWith(`AWS does not let you assume ${roles.closed}`);
  await resolve();
  expect(browser.signIns).toBe(1);
});

test("wrong audience", async () => {
  const error = await rejection(world({ audience: "urn:example:app" }).resolve());
  expect(error.code).toBe("access-denied");
  expect(error.message).toBe('the assertion is meant for "urn:example:app", not for AWS');
  expect(error.hint).toContain("urn:amazon:webservices");
});

test("another issuer, an unknown provider, another key", async () => {
  const issuer = await rejection(world({ issuer: "https://elsewhere.example.com" }).resolve());
  expect(issuer.message).toStartWith('the assertion comes from "https://elsewhere.example.com"');
  const gone = await rejection(world().resolve({ idpArn: `arn:aws:iam::${accountId}:saml-provider/gone` }));
  expect(gone.message).toBe(`AWS knows no SAML provider gone of account ${accountId}`);
  const key = await rejection(world({ sign: "other-key" }).resolve());
  expect(key.message).toBe(
    `AWS does not accept the signature as that of the SAML provider company of account ${accountId}`,
  );
});

test("a refused assertion is not given to the next role", async () => {
  const { browser, resolve } = world({ sign: "none" });
  await rejection(resolve());
  await rejection(resolve({ roleArn: roles.long }));
  expect(browser.signIns).toBe(2);
});

test("the identity provider's clock is behind, or ahead: by how much", async () => {
  const late = world();
  // Issued by a clock 14 minutes behind AWS's; it reaches us now.
  const response = sandbox.samlResponse({ user: "ada" });
  sandbox.advance(14 * minute);
  late.browser.signIn = async () => response;
  const behind = await rejection(late.resolve());
  expect(behind.code).toBe("clock-skew");
  expect(behind.message).toBe("the identity provider's clock is 14 min behind AWS's");

  const early = await rejection(world({ validFrom: 600, validFor: 900 }).resolve());
  expect(early.code).toBe("clock-skew");
  expect(early.message).toBe("the identity provider's clock is 10 min ahead of AWS's");
});

test("our own clock does not matter", async () => {
  for (const wrong of [-3 * 60 * minute, 3 * 60 * minute]) {
    ahead = wrong;
    expect((await world().resolve()).accountId).toBe(accountId);
  }
});

test("a pasted one that AWS says expired", async () => {
  const { saml, resolve } = world();
  saml.accept(idpUrl, sandbox.samlResponse({ user: "ada", validFor: 200 }));
  sandbox.advance(4 * minute);
  ahead = -4 * minute;
  const error = await rejection(resolve());
  expect(error.code).toBe("sign-in-needed");
  expect(error.message).toMatch(/^the SAML assertion expired (39|40|41) s ago$/);
});

test("AWS unwell is no refusal: the assertion is kept", async () => {
  const { browser, resolve } = world();
  sandbox.fail({ action: "AssumeRoleWithSAML", kind: "500", times: 3 });
  expect((await rejection(resolve())).code).toBe("aws-unavailable");
  await resolve();
  expect(browser.signIns).toBe(1);
});

test("no assertion in any refusal", async () => {
  for (const wrong of [{ sign: "none" }, { audience: "x" }, { issuer: "y" }, { user: "eve" }] as const) {
    const assertion = { user: "ada", ...wrong };
    const error = await rejection(world(assertion).resolve());
    expect(error.line).not.toMatch(/PHNhbWxwO|<saml/);
  }
});
