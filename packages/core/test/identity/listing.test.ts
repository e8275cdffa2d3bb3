import { afterEach, expect, test } from "bun:test";
import { failureOf, startWorld, type World } from "./world.ts";

let world: World;
/** Signed in at an instance with that many accounts of 5 roles; a portal ten times as fast as AWS's saves time. */
async function start(accounts: number, portalRate: number | undefined = 200): Promise<void> {
  world = await startWorld({ accounts, rolesPerAccount: 5 }, portalRate);
  await world.signIn();
  world.sandbox.reset();
}
afterEach(() => world.stop());

const list = (options = {}) => world.sso.listRoles(world.integration, options);
const calls = (action: string) => world.sandbox.calls(action);

test("every account and role, over pages, within 20 requests a second and hardly slower", async () => {
  await start(130, 0);
  const reports: [number, number, number][] = [];
  const begin = performance.now();
  const found = await list({ progress: (...report: [number, number, number]) => reports.push(report) });
  const seconds = (performance.now() - begin) / 1000;
  expect(found.length).toBe(650);
  expect(new Set(found.map(({ accountId, roleName }) => `${accountId}/${roleName}`)).size).toBe(650);
  expect(found[0]).toEqual({
    accountId: "200000000000",
    accountName: "payments production",
    accountEmail: "200000000000@example.com",
    roleName: "AdministratorAccess",
  });
  // 2 pages of accounts and 130 of roles; not one was throttled.
  expect(world.sandbox.requests().map(({ status }) => status)).toEqual(Array(132).fill(200));
  expect(seconds).toBeLessThan((132 / 20) * 1.15);
  expect(reports.at(-1)).toEqual([130, 130, 0]);
  for (let i = 1; i < reports.length; i += 1)
    expect(reports[i]![0]).toBeGreaterThanOrEqual(reports[i - 1]![0]);
  // The whole is known early, with an estimate.
  const known = reports.find(([, total]) => total === 130)!;
  expect(known[0]).toBeLessThan(10);
  expect(known[2]).toBeGreaterThan(4);
});

test("a 429 storm: waits as asked, loses nothing", async () => {
  await start(10);
  world.sandbox.setPortalRate(8);
  world.sandbox.fail({ action: "ListAccounts", kind: "429", ms: 1000 });
  world.sandbox.fail({ action: "ListAccountRoles", kind: "429", ms: 1000, times: 3 });
  expect((await list()).length).toBe(50);
});

for (const action of ["ListAccounts", "ListAccountRoles"]) {
  for (const kind of ["cut", "cut-after", "500", "503"] as const) {
    test(`${kind} at ${action} is got over`, async () => {
      await start(5);
      world.sandbox.fail({ action, kind, times: 2 });
      expect((await list()).length).toBe(25);
    });
  }
}

test("interrupted, it goes on where it stopped; what came meanwhile is noticed", async () => {
  await start(130);
  const stop = new AbortController();
  const interrupted = list({
    signal: stop.signal,
    progress: (done: number) => done === 20 && stop.abort(new Error("enough")),
  });
  expect((await failureOf(interrupted)).message).toBe("enough");
  const before = calls("ListAccountRoles");
  expect(before).toBeLessThan(60);
  world.sandbox.assign(world.person.startUrl, {
    accountId: "300000000000",
    accountName: "new",
    roles: ["Admin"],
  });
  expect((await list()).length).toBe(651);
  // A few that were under way may have reached the server after `before` was read; a new beginning is 20 more.
  expect(calls("ListAccountRoles")).toBeLessThanOrEqual(131 + before - 20 + 5);
});

test("a failed listing says why and keeps the sign-in; half a list never comes out", async () => {
  await start(30);
  world.sandbox.fail({ action: "ListAccountRoles", kind: "500", times: 1000 });
  expect((await failureOf(list())).code).toBe("aws-unavailable");
  world.sandbox.reset();
  expect((await world.sso.status(world.integration)).signedIn).toBe(true);
  expect((await list()).length).toBe(150);
});

test("a sign-in that ends half-way: one refresh, or sign-in-needed, and then it goes on", async () => {
  await start(60);
  const ended = list({
    progress: (done: number) => done === 10 && world.sandbox.revokeSignIns(world.person.startUrl),
  });
  expect((await failureOf(ended)).code).toBe("sign-in-needed");
  expect(calls("CreateToken")).toBe(1);
  await world.signIn();
  world.sandbox.reset();
  expect((await list()).length).toBe(300);
  expect(calls("ListAccountRoles")).toBeLessThanOrEqual(50);
});

test("a person's credentials do not wait for the sync", async () => {
  await start(130, 0);
  const stop = new AbortController();
  const listing = list({ signal: stop.signal });
  listing.catch(() => {});
  for (let i = 0; i < 3; i += 1) {
    const begin = performance.now();
    await world.sso.roleCredentials(world.integration, {
      accountId: "200000000000",
      roleName: "AdministratorAccess",
    });
    expect(performance.now() - begin).toBeLessThan(2000);
  }
  stop.abort(new Error("done"));
  await failureOf(listing);
});
