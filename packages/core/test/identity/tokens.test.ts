import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createWire } from "../../src/aws/http.ts";
import { resolveSsoRole, ssoRoleRequest } from "../../src/credentials/sso-role.ts";
import type { SsoRoleSession } from "../../src/model.ts";
import { failureOf, startWorld, until, type World } from "./world.ts";

const minute = 60_000;
const role = { accountId: "200000000000", roleName: "AdministratorAccess" };
let world: World;
beforeEach(async () => {
  world = await startWorld({ accounts: 2, rolesPerAccount: 2, sessionHours: 8 }, 1000);
  await world.signIn();
  world.sandbox.reset();
});
afterEach(() => world.stop());

const kept = () => JSON.parse(world.secrets.records.get("sso/i1/tokens")!);
const token = () => world.sso.accessToken(world.integration);
const refreshes = () => world.sandbox.calls("CreateToken");
const callers = (count: number) => Array.from({ length: count }, token);

describe("refresh", () => {
  test("not before 15 minutes are left, then once for 75 callers, and the pair in the vault is the new one", async () => {
    const first = await token();
    world.advance(44 * minute);
    expect(await token()).toBe(first);
    expect(refreshes()).toBe(0);
    const before = kept();
    world.advance(minute + 5000);
    const answers = await Promise.all(callers(75));
    expect(refreshes()).toBe(1);
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).not.toBe(first);
    expect(kept().accessToken).toBe(answers[0]);
    expect(kept().refreshToken).not.toBe(before.refreshToken);
    // All day long, over a sleep too.
    for (let hour = 0; hour < 5; hour += 1) {
      world.advance(55 * minute);
      await token();
    }
    expect(refreshes()).toBe(6);
  });

  test("a new engine over the same vault goes on", async () => {
    const first = await token();
    world.restart();
    expect(await token()).toBe(first);
    world.advance(2 * 60 * minute);
    world.restart();
    expect(await token()).not.toBe(first);
    expect(refreshes()).toBe(1);
  });

  for (const kind of ["cut", "500", "429", "503"] as const) {
    test(`${kind}: the valid token goes on serving, attempts are spaced`, async () => {
      const first = await token();
      world.advance(50 * minute);
      world.sandbox.fail({ action: "CreateToken", kind, times: 2 });
      expect(new Set(await Promise.all(callers(10)))).toEqual(new Set([first]));
      expect(await token()).toBe(first);
      expect(refreshes()).toBe(1);
      world.advance(minute);
      expect(await token()).toBe(first);
      expect(refreshes()).toBe(2);
      world.advance(minute);
      expect(await token()).not.toBe(first);
      expect(refreshes()).toBe(3);
    });

    test(`${kind} after the expiry: said as it is, not as a sign-in; then it works`, async () => {
      await token();
      world.advance(61 * minute);
      world.sandbox.fail({ action: "CreateToken", kind });
      const failures = await Promise.all(callers(75).map(failureOf));
      expect(new Set(failures.map((error) => error.code))).toEqual(
        new Set([kind === "cut" ? "network" : "aws-unavailable"]),
      );
      expect(refreshes()).toBe(1);
      await token();
    });
  }

  test("a server that does not answer holds nobody up whose token still serves", async () => {
    const first = await token();
    world.advance(50 * minute);
    world.sandbox.fail({ action: "CreateToken", kind: "hang" });
    const waiting = token();
    await until(() => refreshes() === 1 && world.clock.waiting() > 0);
    world.advanceOurs(2000);
    expect(await waiting).toBe(first);
  });

  test("a 401 in the middle of a refresh does not lose the rotated token", async () => {
    const first = await token();
    world.advance(50 * minute);
    world.sandbox.fail({ action: "CreateToken", kind: "slow", ms: 50 });
    const refreshed = token();
    await until(() => refreshes() === 1);
    await world.sso.revoked(world.integration, first);
    expect(await refreshed).not.toBe(first);
    expect(await token()).toBe(await refreshed);
    world.advance(50 * minute);
    await token();
    expect(refreshes()).toBe(2);
  });

  test("refused: the access token serves to its end, then one line names the command", async () => {
    const first = await token();
    world.sandbox.revokeSignIns(world.person.startUrl);
    world.advance(50 * minute);
    expect(await token()).toBe(first);
    expect(kept()).not.toHaveProperty("refreshToken");
    world.advance(5 * minute);
    expect(await token()).toBe(first);
    expect(refreshes()).toBe(1);
    world.advance(10 * minute);
    for (const error of await Promise.all(callers(75).map(failureOf))) {
      expect([error.code, error.line]).toEqual([
        "sign-in-needed",
        "a sign-in to acme is needed; run: leapp integration login acme",
      ]);
    }
    expect(refreshes()).toBe(1);
    await world.signIn();
    expect(await token()).not.toBe(first);
  });

  test("after the session's end on the server", async () => {
    world.advance(9 * 60 * minute);
    expect((await failureOf(token())).code).toBe("sign-in-needed");
    expect(world.secrets.records.has("sso/i1/tokens")).toBe(false);
    expect((await world.sso.status(world.integration)).signedIn).toBe(false);
  });

  test("the vault cannot be written: nothing is lost, and it is written later", async () => {
    await token();
    const before = kept();
    world.advance(50 * minute);
    world.secrets.broken = true;
    const next = await token();
    expect(next).not.toBe(before.accessToken);
    expect(kept()).toEqual(before);
    world.secrets.broken = false;
    expect(await token()).toBe(next);
    expect(kept().accessToken).toBe(next);
    expect(refreshes()).toBe(1);
  });

  test("locking drops the memory, unlocking brings it back", async () => {
    const first = await token();
    const records = new Map(world.secrets.records);
    world.sso.lock();
    world.secrets.records.clear();
    expect((await failureOf(token())).code).toBe("sign-in-needed");
    world.sso.lock();
    for (const [name, value] of records) world.secrets.records.set(name, value);
    expect(await token()).toBe(first);
  });

  test("another start url is another instance: its tokens are not used", async () => {
    await token();
    const moved = { ...world.integration, startUrl: "https://elsewhere.example/start" };
    expect((await failureOf(world.sso.accessToken(moved))).code).toBe("sign-in-needed");
  });
});

describe("revoked early", () => {
  const credentials = () => world.sso.roleCredentials(world.integration, role);

  test("noticed on the 401: one try to refresh for 75 callers, then one sign-in is asked for", async () => {
    await credentials();
    world.sandbox.revokeSignIns(world.person.startUrl);
    world.sandbox.reset();
    const failures = await Promise.all(Array.from({ length: 75 }, () => failureOf(credentials())));
    expect(new Set(failures.map((error) => error.code))).toEqual(new Set(["sign-in-needed"]));
    expect(refreshes()).toBe(1);
    // From now on nothing is asked of the server before the sign-in.
    const asked = world.sandbox.calls();
    expect((await failureOf(credentials())).code).toBe("sign-in-needed");
    expect(world.sandbox.calls()).toBe(asked);
    await world.signIn();
    expect((await credentials()).accountId).toBe(role.accountId);
  });

  test("a clock that was wrong: ahead or behind, the next call works", async () => {
    world.advanceOurs(3 * 60 * minute);
    // What AWS gives has expired by our clock: of no use to anybody, but the sign-in is not harmed.
    expect((await failureOf(credentials())).code).toBe("clock-skew");
    expect(refreshes()).toBe(1);
    world.advanceOurs(-3 * 60 * minute);
    world.advance(61 * minute);
    // By our clock the token is good for hours; the server knows better.
    await credentials();
    expect(refreshes()).toBe(2);
    expect(world.opened.length).toBe(1);
  });

  test("an old token's 401 does not touch the new one", async () => {
    const old = await token();
    world.advance(50 * minute);
    const next = await token();
    await world.sso.revoked(world.integration, old);
    expect(await token()).toBe(next);
  });

  test("through a session: one sign-in for all of them, then credentials", async () => {
    await credentials();
    world.sandbox.revokeSignIns(world.person.startUrl);
    const session: SsoRoleSession = {
      id: "s1",
      type: "sso-role",
      name: "one",
      region: "eu-west-1",
      profiles: ["default"],
      createdAt: "2026-11-22T20:00:00.000Z",
      integrationId: "i1",
      accountName: "payments production",
      ...role,
    };
    const resolved = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        resolveSsoRole(
          ssoRoleRequest(
            { ...session, roleName: i % 2 ? "ReadOnlyAccess" : role.roleName },
            world.integration,
          ),
          {
            sso: world.sso,
            integration: () => world.integration,
            signIn: (integration) => world.sso.signIn(integration, { show() {} }),
          },
        ),
      ),
    );
    expect(resolved.length).toBe(20);
    expect(world.opened.length).toBe(2);
  });
});

describe("role credentials", () => {
  const get = (more: Partial<typeof role> = {}) =>
    resolveSsoRole(
      {
        type: "sso-role",
        integrationId: "i1",
        startUrl: world.person.startUrl,
        ssoRegion: "eu-west-1",
        ...role,
        ...more,
      },
      {
        sso: world.sso,
        integration: (id) => (id === "i1" ? world.integration : undefined),
        signIn: () => Promise.reject(new Error("nobody asked for that")),
      },
    );

  test("times, account, and keys that the sandbox's STS takes", async () => {
    const { accountId, expiration, issuedAt, sessionToken } = await get();
    expect(accountId).toBe(role.accountId);
    expect(Math.abs(expiration - issuedAt - 60 * minute)).toBeLessThan(2000);
    expect(sessionToken.length).toBeGreaterThan(100);
    expect(world.sandbox.sessions().at(-1)!.arn).toMatch(
      /assumed-role\/AWSReservedSSO_AdministratorAccess_\w+\/ada$/,
    );
  });

  test("no such assignment, in plain words", async () => {
    for (const more of [{ roleName: "Nobody" }, { accountId: "999999999999" }]) {
      const error = await failureOf(get(more));
      expect(error.code).toBe("access-denied");
      expect(error.message).toBe(
        `acme gives you no role ${more.roleName ?? role.roleName} in account ${more.accountId ?? role.accountId}`,
      );
    }
  });

  test("a throttle and a cut are got over; a storm ends in plain words", async () => {
    world.sandbox.fail({ action: "GetRoleCredentials", kind: "429", ms: 1000 });
    world.sandbox.fail({ action: "GetRoleCredentials", kind: "cut" });
    await get();
    expect(world.sandbox.calls("GetRoleCredentials")).toBe(3);
    world.sandbox.fail({ action: "GetRoleCredentials", kind: "429", ms: 60_000, times: 100 });
    const error = await failureOf(get());
    expect([error.code, error.message]).toEqual([
      "aws-unavailable",
      "iam identity center throttles this sign-in (too many requests)",
    ]);
  });

  test("a caller's deadline is kept", async () => {
    world.sandbox.fail({ action: "GetRoleCredentials", kind: "hang" });
    const stop = new AbortController();
    const waiting = world.sso.roleCredentials(world.integration, role, stop.signal);
    waiting.catch(() => {});
    stop.abort(new Error("enough"));
    expect((await failureOf(waiting)).message).toBe("enough");
  });
});

describe("signing out", () => {
  test("revokes on the server, forgets tokens, keeps the registration", async () => {
    const first = await token();
    expect(await world.sso.signOut(world.integration)).toEqual({});
    expect([...world.secrets.records.keys()]).toEqual(["sso/i1/client/pkce"]);
    expect((await failureOf(token())).code).toBe("sign-in-needed");
    const reply = await fetch(`${world.sandbox.url}/assignment/accounts`, {
      headers: { "x-amz-sso_bearer_token": first },
    });
    expect(reply.status).toBe(401);
    // Again is a success.
    expect(await world.sso.signOut(world.integration)).toEqual({});
  });

  test("the server cannot be reached: forgotten here all the same, and said", async () => {
    await token();
    world.sandbox.fail({ action: "Logout", kind: "cut" });
    expect((await world.sso.signOut(world.integration)).problem?.code).toBe("network");
    expect(world.secrets.records.has("sso/i1/tokens")).toBe(false);
  });

  test("during a refresh: the refreshed token is revoked and forgotten too", async () => {
    await token();
    world.advance(50 * minute);
    const refreshed = token();
    const signedOut = world.sso.signOut(world.integration);
    const late = await refreshed.catch(() => undefined);
    await signedOut;
    expect(refreshes()).toBe(1);
    expect(world.secrets.records.has("sso/i1/tokens")).toBe(false);
    expect((await failureOf(token())).code).toBe("sign-in-needed");
    expect(late === undefined || late.length > 0).toBe(true);
  });

  test("a deleted integration leaves nothing in the vault", async () => {
    await token();
    await world.sso.forget("i1");
    expect([...world.secrets.records.keys()]).toEqual([]);
    expect(world.sandbox.calls("Logout")).toBe(0);
  });
});

test("no token, code or client secret is in any message", async () => {
  const secrets = [...world.secrets.records.values()].flatMap((record) =>
    Object.values(JSON.parse(record) as Record<string, unknown>).filter((one) => String(one).length > 30),
  );
  expect(secrets.length).toBeGreaterThan(1);
  const unreachable = world.restart({
    wire: createWire({ endpoints: { all: "http://127.0.0.1:1" }, clock: world.clock }),
  });
  world.advance(2 * 60 * minute);
  const { url } = world.sandbox;
  const failures = [
    await failureOf(unreachable.accessToken(world.integration)),
    await failureOf(unreachable.signIn(world.integration, { flow: "device", show() {} })),
    await failureOf(
      world
        .restart({ wire: createWire({ endpoints: { all: `${url}/nothing-here` }, clock: world.clock }) })
        .accessToken(world.integration),
    ),
  ];
  for (const error of failures) {
    const text = `${error.message} ${error.hint} ${error.stack} ${error.cause}`;
    for (const secret of secrets) expect(text).not.toContain(String(secret));
  }
});
