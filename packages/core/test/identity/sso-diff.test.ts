import { describe, expect, test } from "bun:test";
import { diffSync, type SyncDefaults, type SyncDiff } from "../../src/identity/sso-diff.ts";
import type { FoundRole } from "../../src/identity/sso-roles.ts";
import type { SsoRoleSession } from "../../src/model.ts";

const integration = { id: "i1", alias: "acme" };
let ids = 0;
const defaults: SyncDefaults = {
  region: "eu-west-1",
  newId: () => `new-${(ids += 1)}`,
  now: "2026-11-22T20:00:00.000Z",
};
const role = (accountId: string, accountName: string, roleName: string): FoundRole => ({
  accountId,
  accountName,
  roleName,
});
const prod = role("111111111111", "prod", "Admin");
const dev = role("222222222222", "dev", "Admin");

/** The sessions after a diff is applied, in the order of a database. */
function apply(existing: SsoRoleSession[], diff: SyncDiff): SsoRoleSession[] {
  const gone = new Set(diff.remove.map(({ id }) => id));
  const updates = new Map(diff.update.map((session) => [session.id, session]));
  return [
    ...existing.filter(({ id }) => !gone.has(id)).map((one) => updates.get(one.id) ?? one),
    ...diff.add,
  ];
}
const sync = (existing: SsoRoleSession[], found: FoundRole[], more: Partial<SyncDefaults> = {}) =>
  diffSync(existing, found, integration, { ...defaults, ...more });
const after = (existing: SsoRoleSession[], found: FoundRole[], more: Partial<SyncDefaults> = {}) =>
  apply(existing, sync(existing, found, more));

describe("diffSync", () => {
  test("adds, then changes nothing, then removes", () => {
    const first = after([], [prod, dev]);
    expect(
      first.map(({ name, region, profiles, integrationId }) => [name, region, profiles, integrationId]),
    ).toEqual([
      ["prod/Admin", "eu-west-1", ["default"], "i1"],
      ["dev/Admin", "eu-west-1", ["default"], "i1"],
    ]);
    expect(sync(first, [dev, prod])).toEqual({ add: [], update: [], remove: [] });
    expect(sync(first, [dev]).remove.map(({ name }) => name)).toEqual(["prod/Admin"]);
  });

  test("a renamed account keeps id, pin, profiles and region; the name follows", () => {
    const [session] = after([], [prod]);
    const mine = { ...session!, pinned: true, profiles: ["p"], region: "us-east-1", production: true };
    const diff = sync([mine], [{ ...prod, accountName: "production" }]);
    expect(diff).toEqual({
      add: [],
      update: [{ ...mine, name: "production/Admin", accountName: "production" }],
      remove: [],
    });
  });

  test("a name the person gave survives the rename", () => {
    const [session] = after([], [prod]);
    const diff = sync([{ ...session!, name: "the big one" }], [{ ...prod, accountName: "production" }]);
    expect(diff.update.map(({ name, accountName }) => [name, accountName])).toEqual([
      ["the big one", "production"],
    ]);
  });

  test("accounts of one name, and names taken elsewhere", () => {
    const twins = [prod, { ...dev, accountName: "PROD" }];
    const sessions = after([], twins, { takenNames: ["Prod/admin"] });
    expect(sessions.map(({ name }) => name)).toEqual([
      "prod/Admin (111111111111)",
      "PROD/Admin (222222222222)",
    ]);
    expect(sync(sessions, twins)).toEqual({ add: [], update: [], remove: [] });
    const freed = after(sessions, [prod, { ...dev, accountName: "other" }]);
    expect(freed.map(({ name }) => name)).toEqual(["prod/Admin (111111111111)", "other/Admin"]);
  });

  test("two accounts swap their names", () => {
    const sessions = after([], [prod, dev]);
    const swapped = after(sessions, [
      { ...prod, accountName: "dev" },
      { ...dev, accountName: "prod" },
    ]);
    expect(swapped.map(({ id, name }) => [id, name])).toEqual([
      [sessions[0]!.id, "dev/Admin"],
      [sessions[1]!.id, "prod/Admin"],
    ]);
  });

  test("sessions of another integration are left alone", () => {
    const [session] = after([], [prod]);
    expect(sync([{ ...session!, integrationId: "i2" }], []).remove).toEqual([]);
  });

  test("e-mail addresses come and go", () => {
    const [session] = after([], [{ ...prod, accountEmail: "a@example.com" }]);
    expect(session!.accountEmail).toBe("a@example.com");
    const [without] = after([session!], [prod]);
    expect(without).not.toHaveProperty("accountEmail");
  });

  test("after any history: names are unique, keys are those found, ids last as long as their keys", () => {
    let seed = 42;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const key = (one: { accountId: string; roleName: string }) => `${one.accountId}/${one.roleName}`;
    let sessions: SsoRoleSession[] = [];
    for (let round = 0; round < 500; round += 1) {
      const found = new Map<string, FoundRole>();
      for (let account = 0; account < 8; account += 1) {
        const name = ["prod", "Prod", "dev", "x y", "prod (1)"][random(5)]!;
        for (const roleName of ["Admin", "Read"]) {
          if (random(4) > 0) {
            const one = role(String(100_000_000_000 + account), name, roleName);
            found.set(key(one), one);
          }
        }
      }
      if (sessions.length > 0 && random(3) === 0) sessions[random(sessions.length)]!.name = `mine ${round}`;
      const before = new Map(sessions.map((session) => [key(session), session.id]));
      sessions = after(sessions, [...found.values()]);
      expect(sessions.map(key).sort()).toEqual([...found.keys()].sort());
      expect(new Set(sessions.map(({ name }) => name.toLowerCase())).size).toBe(sessions.length);
      for (const session of sessions) {
        const old = before.get(key(session));
        if (old) expect(session.id).toBe(old);
      }
      expect(sync(sessions, [...found.values()])).toEqual({ add: [], update: [], remove: [] });
    }
  });

  test("10,000 roles in well under a second", () => {
    const found = Array.from({ length: 10_000 }, (_, i) =>
      role(String(100_000_000_000 + Math.floor(i / 5)), `account ${i % 700}`, `Role${i % 5}`),
    );
    const begin = performance.now();
    const sessions = after([], found);
    expect(sync(sessions, found)).toEqual({ add: [], update: [], remove: [] });
    expect(performance.now() - begin).toBeLessThan(1000);
  });
});
