import { describe, expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { defaultSettings, type Session } from "../../src/model.ts";
import { openState } from "../../src/state/state.ts";
import { StoppedClock, scratchFolder } from "../scratch.ts";
import { thrown } from "../thrown.ts";

const clock = new StoppedClock();
const createdAt = "2026-11-22T20:00:00.000Z";
const newState = () => openState(join(scratchFolder(), "state.db"), clock);

function user(id: string, name: string, more: Partial<Session> = {}): Session {
  return {
    id,
    name,
    type: "iam-user",
    region: "eu-west-1",
    profiles: ["default"],
    createdAt,
    ...more,
  } as Session;
}

function chained(id: string, name: string, parentId: string): Session {
  const roleArn = "arn:aws:iam::123456789012:role/dev";
  return {
    id,
    name,
    type: "iam-role-chained",
    region: "eu-west-1",
    profiles: ["default"],
    createdAt,
    parentId,
    roleArn,
  };
}

describe("sessions", () => {
  const every: Session[] = [
    user("10000000-0000-4000-8000-000000000001", "dev", { profiles: ["dev", "other"], pinned: true }),
    {
      ...chained("10000000-0000-4000-8000-000000000002", "role", "10000000-0000-4000-8000-000000000001"),
      tags: { team: "a" },
      policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
      durationSeconds: 3600,
    } as Session,
    {
      ...{
        id: "10000000-0000-4000-8000-000000000003",
        name: "corp/admin",
        type: "sso-role",
        region: "us-east-1",
      },
      ...{ profiles: ["admin"], createdAt, integrationId: "corp", accountId: "012345678901" },
      ...{ accountName: "Corp", roleName: "Admin" },
    } as Session,
    {
      ...{
        id: "10000000-0000-4000-8000-000000000004",
        name: "saml",
        type: "iam-role-federated",
        region: "cn-north-1",
      },
      ...{
        profiles: ["saml"],
        createdAt,
        idpUrlId: "idp",
        idpArn: "arn:x",
        roleArn: "arn:y",
        production: true,
      },
    } as Session,
    user("10000000-0000-4000-8000-000000000005", "process", {
      type: "process",
      command: "echo",
    } as Partial<Session>),
  ];

  function filled() {
    const state = newState();
    state.integrations.put({
      id: "corp",
      type: "sso",
      alias: "Corp",
      startUrl: "https://x",
      region: "eu-west-1",
    });
    state.idpUrls.put({ id: "idp", url: "https://idp" });
    state.sessions.putAll(every);
    return state;
  }

  test("of every type come back as they were", () => {
    const { sessions } = filled();
    for (const session of every) expect(sessions.get(session.id)).toEqual(session);
    expect(sessions.list().map(({ name }) => name)).toEqual(["corp/admin", "dev", "process", "role", "saml"]);
    expect(sessions.count()).toBe(5);
    expect(sessions.get("absent")).toBeUndefined();
    expect(sessions.children(every[0]!.id)).toEqual([every[1]!]);
    expect(sessions.ofIntegration("corp")).toEqual([every[2]!]);
    expect(sessions.ofIdpUrl("idp")).toEqual([every[3]!]);
  });

  test("are replaced whole, and keep the order of their profiles", () => {
    const { sessions, profiles } = filled();
    const changed = user(every[0]!.id, "DEV", { profiles: ["z", "a", "z"] });
    sessions.put(changed);
    expect(sessions.get(changed.id)).toEqual({ ...changed, profiles: ["z", "a"] });
    expect(profiles.list()).toEqual(["default", "a", "admin", "dev", "other", "saml", "z"]);
  });

  test("have names that differ by more than case", () => {
    const { sessions } = filled();
    for (const name of ["dev", "DEV", "Dev"]) {
      const error = thrown(() => sessions.put(user("20000000-0000-4000-8000-000000000001", name)));
      expect(error.code).toBe("conflict");
    }
    sessions.put(user("20000000-0000-4000-8000-000000000002", "Zürich"));
    const composed = thrown(() => sessions.put(user("20000000-0000-4000-8000-000000000003", "ZU\u0308RICH")));
    expect(composed.code).toBe("conflict");
    expect(sessions.count()).toBe(6);
  });

  test("may take over each other's names at once, all or none", () => {
    const { sessions } = newState();
    const ids = ["a", "b", "c"].map((letter) => `${letter}0000000-0000-4000-8000-000000000000`) as [
      string,
      string,
      string,
    ];
    sessions.putAll(ids.map((id, index) => user(id, `n${index}`)));
    sessions.putAll(ids.map((id, index) => user(id, `N${(index + 1) % 3}`)));
    expect(ids.map((id) => sessions.get(id)?.name)).toEqual(["N1", "N2", "N0"]);
    expect(sessions.byName("n0")?.id).toBe(ids[2]);
    const before = sessions.list();
    expect(thrown(() => sessions.putAll([user(ids[0], "x"), user(ids[1], "N0")])).code).toBe("conflict");
    expect(sessions.list()).toEqual(before);
  });

  test("need the source they name", () => {
    const { sessions } = newState();
    const error = thrown(() =>
      sessions.put(chained("30000000-0000-4000-8000-000000000001", "role", "absent")),
    );
    expect(error.code).toBe("not-found");
    expect(sessions.count()).toBe(0);
  });

  test("cannot be deleted while others chain from them or they are started", () => {
    const { sessions, active } = filled();
    const chain = thrown(() => sessions.delete(every[0]!.id));
    expect(chain).toMatchObject({ code: "conflict", message: expect.stringContaining("role") });
    const files = { config: "/c", credentials: "/k" };
    const method = "credential-process-method";
    active.put({
      profile: "p",
      sessionId: every[1]!.id,
      startedAt: createdAt,
      method,
      phase: "started",
      files,
      undo: [],
    });
    expect(thrown(() => sessions.delete(every[1]!.id))).toMatchObject({
      code: "conflict",
      message: expect.stringContaining("p"),
    });
    active.delete("p");
    sessions.delete(every[1]!.id);
    sessions.delete(every[0]!.id);
    sessions.delete(every[0]!.id);
    expect(sessions.count()).toBe(3);
  });
});

describe("what a person types for a session", () => {
  const state = newState();
  const { sessions } = state;
  sessions.putAll([
    user("aaaaaaaa-1111-4111-8111-111111111111", "dev-eu"),
    user("aaaaaaaa-2222-4222-8222-222222222222", "dev-us"),
    user("bbbbbbbb-3333-4333-8333-333333333333", "aaaaaaaa"),
    user("CCCCCCCC-4444-4444-8444-444444444444", "Old Import"),
    user("dddddddd-5555-4555-8555-555555555555", "100%_real'; --"),
  ]);
  const found = (reference: string) => sessions.find(reference).name;

  test("an id, a name in any case, or the beginning of an id", () => {
    expect(found("aaaaaaaa-1111-4111-8111-111111111111")).toBe("dev-eu");
    expect(found("DEV-us")).toBe("dev-us");
    expect(found("bbbbbbbb")).toBe("aaaaaaaa");
    expect(found("BBBBBBBB-3333")).toBe("aaaaaaaa");
    expect(found("aaaaaaaa-2")).toBe("dev-us");
    expect(found("CCCCCCCC-4444-4444-8444-444444444444")).toBe("Old Import");
    expect(found("100%_REAL'; --")).toBe("100%_real'; --");
  });

  test("a name wins over the beginning of ids", () => {
    expect(found("aaaaaaaa")).toBe("aaaaaaaa");
  });

  test("several candidates are named", () => {
    const error = thrown(() => sessions.find("aaaaaaaa-"));
    expect(error.code).toBe("conflict");
    expect(error.message).toContain("dev-eu, dev-us");
  });

  test("nothing found: the nearest names", () => {
    const cases: [string, string | undefined][] = [
      ["dev_eu", "did you mean dev-eu?"],
      ["DEV-E", "did you mean dev-eu?"],
      ["old", "did you mean Old Import?"],
      ["nothing like it", undefined],
      ["", undefined],
      ["aaaaaaa-", "did you mean aaaaaaaa?"],
      ["%", "did you mean 100%_real'; --?"],
      ["x".repeat(100_000), undefined],
    ];
    for (const [typed, hint] of cases) {
      const error = thrown(() => sessions.find(typed));
      expect(error.message.length).toBeLessThan(150);
      expect({ typed: typed.slice(0, 20), code: error.code, hint: error.hint }).toEqual({
        typed: typed.slice(0, 20),
        code: "not-found",
        hint,
      });
    }
  });
});

test("profiles: default stays, used ones stay, sessions follow a rename", () => {
  const { profiles, sessions } = newState();
  expect(profiles.list()).toEqual(["default"]);
  profiles.create("b");
  sessions.put(user("40000000-0000-4000-8000-000000000001", "dev", { profiles: ["work"] }));
  expect(profiles.list()).toEqual(["default", "b", "work"]);
  expect(thrown(() => profiles.create("b")).code).toBe("conflict");
  expect(thrown(() => profiles.rename("b", "work")).code).toBe("conflict");
  expect(thrown(() => profiles.rename("wrk", "x"))).toMatchObject({
    code: "not-found",
    hint: "did you mean work?",
  });
  for (const change of [() => profiles.rename("default", "x"), () => profiles.delete("default")]) {
    expect(thrown(change).code).toBe("invalid");
  }
  profiles.rename("work", "Work");
  expect(sessions.byName("dev")?.profiles).toEqual(["Work"]);
  expect(profiles.sessions("Work")).toMatchObject([{ name: "dev" }]);
  expect(thrown(() => profiles.delete("Work"))).toMatchObject({
    code: "conflict",
    message: expect.stringContaining("dev"),
  });
  profiles.delete("b");
  expect(profiles.has("b")).toBe(false);
});

test("active profiles come back with their undo, one session under each profile", () => {
  const state = newState();
  state.sessions.putAll([
    user("50000000-0000-4000-8000-000000000001", "a"),
    user("50000000-0000-4000-8000-000000000002", "b"),
  ]);
  const row = {
    profile: "dev",
    sessionId: "50000000-0000-4000-8000-000000000001",
    startedAt: createdAt,
    method: "credential-file-method" as const,
    phase: "starting" as const,
    files: { config: "/home/me/.aws/config", credentials: "/home/me/.aws/credentials" },
    undo: [{ file: "config" as const, profile: "dev", createdFile: true, keys: [] }],
  };
  state.active.put(row);
  expect(state.active.get("dev")).toEqual(row);
  const other = { ...row, sessionId: "50000000-0000-4000-8000-000000000002", phase: "started" as const };
  state.active.put(other);
  expect(state.active.list()).toEqual([other]);
  state.active.delete("dev");
  expect(state.active.get("dev")).toBeUndefined();
});

test("settings: defaults until set, unknown ones kept", () => {
  const state = newState();
  expect(state.settings.all()).toEqual(defaultSettings);
  state.settings.set("prompt-timeout", 20);
  state.settings.set("notifications", false);
  state.database.exec(`INSERT INTO settings VALUES ('of-the-future', '1')`);
  expect(state.settings.get("prompt-timeout")).toBe(20);
  expect(state.settings.all()).toEqual({ ...defaultSettings, "prompt-timeout": 20, notifications: false });
  expect(
    state.database.statement("SELECT value FROM settings WHERE key = 'of-the-future'").get(),
  ).toBeTruthy();
});

test("preferences", () => {
  const { preferences } = newState();
  preferences.set("columns", "[1]");
  preferences.set("columns", "[2]");
  preferences.set("view", "x");
  preferences.set("view", null);
  expect(preferences.list()).toEqual({ columns: "[2]" });
});

test("integrations and IdP URLs: unique, found by name, kept while used", () => {
  const { integrations, idpUrls, sessions } = newState();
  const corp = { id: "i1", type: "sso" as const, alias: "Corp", startUrl: "https://x", region: "eu-west-1" };
  integrations.put(corp);
  integrations.put({ ...corp, lastSyncAt: createdAt });
  expect(integrations.get("i1")).toEqual({ ...corp, lastSyncAt: createdAt });
  expect(integrations.find("CORP").id).toBe("i1");
  expect(thrown(() => integrations.put({ ...corp, id: "i2", alias: "corp" })).code).toBe("conflict");
  expect(thrown(() => integrations.find("crop"))).toMatchObject({ code: "not-found" });
  idpUrls.put({ id: "u1", url: "https://idp" });
  expect(thrown(() => idpUrls.put({ id: "u2", url: "https://idp" })).code).toBe("conflict");
  sessions.put({
    ...{
      id: "60000000-0000-4000-8000-000000000001",
      name: "s",
      type: "sso-role",
      region: "eu-west-1",
      profiles: ["p"],
    },
    ...{ createdAt, integrationId: "i1", accountId: "123456789012", accountName: "A", roleName: "R" },
  } as Session);
  expect(thrown(() => integrations.delete("i1")).code).toBe("conflict");
  sessions.delete("60000000-0000-4000-8000-000000000001");
  integrations.delete("i1");
  idpUrls.delete("u1");
  expect([integrations.list(), idpUrls.list()]).toEqual([[], []]);
});

test("a transaction is all or nothing, also inside another, and never async", () => {
  const state = newState();
  const { profiles } = state;
  const attempt = () =>
    state.transaction(() => {
      profiles.create("one");
      state.transaction(() => profiles.create("two"));
      profiles.create("default");
    });
  expect(thrown(attempt).code).toBe("conflict");
  expect(profiles.list()).toEqual(["default"]);
  expect(() => state.transaction(async () => profiles.create("one"))).toThrow("a transaction cannot wait");
  expect(profiles.list()).toEqual(["default"]);
  expect(state.transaction(() => profiles.has("default"))).toBe(true);
});

test("two processes' connections see each other's changes", () => {
  const file = join(scratchFolder(), "state.db");
  const [one, two] = [openState(file, clock), openState(file, clock)];
  one.profiles.create("a");
  two.profiles.create("b");
  expect(one.profiles.list()).toEqual(["default", "a", "b"]);
  expect(thrown(() => two.profiles.create("a")).code).toBe("conflict");
});

test.skipIf(process.platform === "win32")("the file is the owner's alone, with its companions", () => {
  const folder = scratchFolder();
  const state = openState(join(folder, "new", "state.db"), clock);
  state.profiles.create("a");
  const names = readdirSync(join(folder, "new"));
  expect(names.length).toBe(3);
  for (const name of names) expect(statSync(join(folder, "new", name)).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, "new")).mode & 0o777).toBe(0o700);
});

test("10,000 sessions: listed in 100 ms (a slow machine gets four times that), found in microseconds", () => {
  const state = newState();
  const many = Array.from({ length: 10_000 }, (_, i) =>
    user(crypto.randomUUID(), `session ${i}`, { profiles: [`p${i}`] }),
  );
  state.sessions.putAll(many);
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    expect(state.sessions.list().length).toBe(10_000);
    return performance.now() - start;
  });
  expect(Math.min(...times)).toBeLessThan(400);
  const start = performance.now();
  for (const { id } of many) state.sessions.find(id);
  expect((performance.now() - start) / many.length).toBeLessThan(0.2);
});
