import { describe, expect, test } from "bun:test";
import { copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Database, openDatabase } from "../../src/database.ts";
import { type Migration, migrate, migrations } from "../../src/state/migrations.ts";
import { openState } from "../../src/state/state.ts";
import { StoppedClock, scratchFolder } from "../scratch.ts";
import { thrown } from "../thrown.ts";

const clock = new StoppedClock();
const fixtures = join(import.meta.dir, "../../../../test/fixtures/state");
const released = readdirSync(fixtures).filter((name) => /^\d{4}\.db$/.test(name));
const open = (file = join(scratchFolder(), "state.db")) =>
  openDatabase(file, { what: "state file", synchronous: "normal", code: "file" });
const schema = (database: Database) =>
  database.statement("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").all();

test("there is a fixture for every number of migrations", () => {
  expect(released).toEqual(migrations.map((_, index) => `${String(index + 1).padStart(4, "0")}.db`));
});

describe.each(released)("the file of a released version, %s", (name) => {
  const number = Number.parseInt(name, 10);

  test("has the shape that its migrations still make", () => {
    const copy = join(scratchFolder(), "state.db");
    copyFileSync(join(fixtures, name), copy);
    const fresh = open();
    migrate(fresh, clock, migrations.slice(0, number));
    expect(schema(open(copy))).toEqual(schema(fresh));
  });

  test("opens with everything in it", () => {
    const copy = join(scratchFolder(), "state.db");
    copyFileSync(join(fixtures, name), copy);
    const state = openState(copy, clock);
    expect(state.sessions.list().map((one) => [one.name, one.type, one.profiles])).toEqual([
      ["Corp/Admin", "sso-role", ["default"]],
      ["Dev", "iam-user", ["dev"]],
      ["Prod Ä", "iam-role-chained", ["prod", "default"]],
      ["Saml", "iam-role-federated", ["default"]],
    ]);
    const dev = state.sessions.find("dev");
    expect(dev).toMatchObject({ region: "eu-west-1", mfaDevice: "arn:aws:iam::123456789012:mfa/me" });
    expect(state.sessions.children(dev.id)).toMatchObject([{ production: true, parentId: dev.id }]);
    expect(state.active.list()).toMatchObject([{ profile: "dev", sessionId: dev.id, phase: "started" }]);
    expect(state.settings.get("default-region")).toBe("eu-south-1");
    expect(state.preferences.list()).toEqual({ columns: '["name","region"]' });
    expect(state.integrations.find("CORP").startUrl).toBe("https://corp.awsapps.com/start");
    expect(state.idpUrls.list()).toEqual([{ id: "idp-id", url: "https://idp.example.com/saml" }]);
    expect(state.profiles.list()).toEqual(["default", "dev", "prod"]);
    expect(state.database.statement("PRAGMA integrity_check").get()).toMatchObject({ integrity_check: "ok" });
    expect(state.database.statement("PRAGMA foreign_key_check").all()).toEqual([]);
  });
});

test("steps run once, in order, each by itself", () => {
  const database = open();
  const steps: Migration[] = [
    "CREATE TABLE log (text TEXT); INSERT INTO log VALUES ('one')",
    (inside) => void inside.statement("INSERT INTO log VALUES (?)").run("two"),
  ];
  migrate(database, clock, steps);
  migrate(database, clock, steps);
  const broken = [...steps, "INSERT INTO log VALUES ('three'); INSERT INTO nowhere VALUES (1)"];
  expect(thrown(() => migrate(database, clock, broken)).code).toBe("file");
  migrate(database, clock, [...steps, "INSERT INTO log VALUES ('third')"]);
  expect(
    database
      .statement("SELECT text FROM log")
      .all()
      .map(({ text }) => text),
  ).toEqual(["one", "two", "third"]);
  expect(database.statement("SELECT number, applied_at FROM migrations").all()).toMatchObject(
    [1, 2, 3].map((number) => ({ number, applied_at: "2026-11-22T20:00:00.000Z" })),
  );
});

test("a file of a newer version is refused and left as it is", () => {
  const file = join(scratchFolder(), "state.db");
  const database = open(file);
  migrate(database, clock, [...migrations, "CREATE TABLE future (x)"]);
  database.close();
  const error = thrown(() => openState(file, clock));
  expect(error.code).toBe("file");
  expect(error.message).toContain("newer");
  expect(open(file).statement("SELECT count(*) AS n FROM migrations").get()).toMatchObject({
    n: migrations.length + 1,
  });
});

test("a file that is no database is refused and left as it is", async () => {
  const file = join(scratchFolder(), "state.db");
  writeFileSync(file, "[workspace]\n".repeat(500));
  const error = thrown(() => openState(file, clock));
  expect(error.code).toBe("file");
  expect(error.message).toContain(file);
  expect(await Bun.file(file).text()).toBe("[workspace]\n".repeat(500));
});
