/**
 * Everything Leapp remembers but its secrets: one SQLite file. Tables as plain objects; what they return is the
 * caller's to keep. Format: docs/spec/state.md.
 */
import type { Undo } from "../aws-config/edit.ts";
import type { AwsFileKind } from "../aws-config/parse.ts";
import { type Database, openDatabase } from "../database.ts";
import { LeappError } from "../errors.ts";
import {
  type CredentialMethod,
  defaultSettings,
  type IdpUrl,
  type Integration,
  type Settings,
  type Timestamp,
} from "../model.ts";
import type { Clock } from "../ports.ts";
import { migrate } from "./migrations.ts";
import { nameKey, notFound } from "./reference.ts";
import { type Sessions, sessionTable } from "./sessions.ts";

/** A profile that is, or is about to be, in the person's files. No secret in it: parked sections are in the vault. */
export interface ActiveProfile {
  profile: string;
  sessionId: string;
  startedAt: Timestamp;
  method: CredentialMethod;
  /** `starting` and `stopping` tell a restarted agent that its predecessor was killed half-way. */
  phase: "starting" | "started" | "stopping";
  /** Absolute paths of the files that were edited, as the command that started it named them. */
  files: Record<AwsFileKind, string>;
  /** Takes the edits back. */
  undo: Undo[];
}

export interface State {
  /** For the audit log, which has its own tables here. */
  readonly database: Database;
  readonly sessions: Sessions;
  readonly profiles: Profiles;
  readonly active: Active;
  readonly settings: SettingsTable;
  readonly preferences: Preferences;
  readonly integrations: Integrations;
  readonly idpUrls: IdpUrls;
  /** All of `work`'s changes or, when it throws, none. `work` must not be async. */
  transaction<T>(work: () => T): T;
  close(): void;
}

/** `default` is always there, and cannot be renamed or deleted (LeappError `invalid`). */
export interface Profiles {
  list(): string[];
  has(name: string): boolean;
  /** @throws LeappError `conflict` when it is there. */
  create(name: string): void;
  /** Its sessions follow. @throws LeappError `not-found`, `conflict` */
  rename(name: string, to: string): void;
  /** @throws LeappError `not-found`; `conflict` while a session is to be written under it. */
  delete(name: string): void;
  /** Sessions that are written under it when started. */
  sessions(name: string): { id: string; name: string }[];
}

export interface Active {
  list(): ActiveProfile[];
  get(profile: string): ActiveProfile | undefined;
  /** Inserts or replaces. */
  put(active: ActiveProfile): void;
  delete(profile: string): void;
}

export interface SettingsTable {
  /** With `defaultSettings` for what was never set. */
  all(): Settings;
  get<K extends keyof Settings>(key: K): Settings[K];
  set<K extends keyof Settings>(key: K, value: Settings[K]): void;
}

/** What clients remember of their own look. */
export interface Preferences {
  list(): Record<string, string>;
  /** Null forgets. */
  set(key: string, value: string | null): void;
}

export interface Integrations {
  /** Ordered by alias. */
  list(): Integration[];
  get(id: string): Integration | undefined;
  /** An id, or an alias in any case. @throws LeappError `not-found` with the nearest aliases as its hint. */
  find(reference: string): Integration;
  /** @throws LeappError `conflict` when another one has the alias. */
  put(integration: Integration): void;
  /** @throws LeappError `conflict` while it has sessions. */
  delete(id: string): void;
}

export interface IdpUrls {
  list(): IdpUrl[];
  get(id: string): IdpUrl | undefined;
  /** @throws LeappError `conflict` when the URL is there under another id. */
  put(idpUrl: IdpUrl): void;
  /** @throws LeappError `conflict` while sessions sign in there. */
  delete(id: string): void;
}

/**
 * Opens or makes the file and brings it to the newest shape.
 * @throws LeappError `file` when it cannot be opened, is damaged, or comes from a newer leapp.
 */
export function openState(file: string, clock: Clock): State {
  const database = openDatabase(file, { what: "state file", synchronous: "normal", code: "file" });
  try {
    migrate(database, clock);
  } catch (error) {
    database.close();
    throw error;
  }
  const sessions = sessionTable(database);
  return {
    database,
    sessions,
    profiles: profileTable(database),
    active: activeTable(database),
    settings: settingsTable(database),
    preferences: preferencesTable(database),
    integrations: integrationTable(database, sessions),
    idpUrls: idpUrlTable(database, sessions),
    transaction: (work) => database.transaction(work),
    close: () => database.close(),
  };
}

function profileTable(database: Database): Profiles {
  const one = database.statement("SELECT 1 FROM profiles WHERE name = ?");
  const users = database.statement<{ id: string; name: string }>(`SELECT id, name FROM sessions
    JOIN session_profiles ON session_id = id WHERE profile = ? ORDER BY name_key`);
  const list = () =>
    database
      .statement<{ name: string }>("SELECT name FROM profiles ORDER BY name <> 'default', name")
      .all()
      .map(({ name }) => name);
  const has = (name: string) => one.get(name) !== undefined;
  const taken = (name: string) =>
    new LeappError("conflict", `there is a profile ${JSON.stringify(name)} already`);

  function requireOther(name: string): void {
    if (name === "default") throw new LeappError("invalid", "the profile default stays as it is");
    if (!has(name)) throw notFound("profile", name, list());
  }

  return {
    list,
    has,
    create(name) {
      if (has(name)) throw taken(name);
      database.statement("INSERT INTO profiles VALUES (?)").run(name);
    },
    rename(name, to) {
      requireOther(name);
      if (name !== to && has(to)) throw taken(to);
      database.statement("UPDATE profiles SET name = ? WHERE name = ?").run(to, name);
    },
    delete(name) {
      requireOther(name);
      refuseUsed(`the profile ${name}`, users.all(name));
      database.statement("DELETE FROM profiles WHERE name = ?").run(name);
    },
    sessions: (name) => users.all(name),
  };
}

interface ActiveRow {
  profile: string;
  session_id: string;
  started_at: string;
  method: CredentialMethod;
  phase: ActiveProfile["phase"];
  files: string;
  undo: string;
}

function activeTable(database: Database): Active {
  const toActive = (row: ActiveRow): ActiveProfile => ({
    profile: row.profile,
    sessionId: row.session_id,
    startedAt: row.started_at,
    method: row.method,
    phase: row.phase,
    files: JSON.parse(row.files),
    undo: JSON.parse(row.undo),
  });
  const one = database.statement<ActiveRow>("SELECT * FROM active WHERE profile = ?");
  return {
    list: () => database.statement<ActiveRow>("SELECT * FROM active ORDER BY profile").all().map(toActive),
    get(profile) {
      const row = one.get(profile);
      return row && toActive(row);
    },
    put({ profile, sessionId, startedAt, method, phase, files, undo }) {
      database.transaction(() => {
        database.statement("INSERT OR IGNORE INTO profiles VALUES (?)").run(profile);
        database
          .statement(
            `INSERT OR REPLACE INTO active (profile, session_id, started_at, method, phase, files, undo)
             VALUES (?, ?, ?, ?, ?, ?, ?)`,
          )
          .run(profile, sessionId, startedAt, method, phase, JSON.stringify(files), JSON.stringify(undo));
      });
    },
    delete(profile) {
      database.statement("DELETE FROM active WHERE profile = ?").run(profile);
    },
  };
}

function settingsTable(database: Database): SettingsTable {
  const one = database.statement<{ value: string }>("SELECT value FROM settings WHERE key = ?");
  return {
    all() {
      const rows = database
        .statement<{ key: string; value: string }>("SELECT key, value FROM settings")
        .all();
      // Settings of a newer version stay in the file and are not shown.
      const known = rows.filter(({ key }) => Object.hasOwn(defaultSettings, key));
      return {
        ...defaultSettings,
        ...Object.fromEntries(known.map(({ key, value }) => [key, JSON.parse(value)])),
      };
    },
    get(key) {
      const row = one.get(key);
      return row ? JSON.parse(row.value) : defaultSettings[key];
    },
    set(key, value) {
      database.statement("INSERT OR REPLACE INTO settings VALUES (?, ?)").run(key, JSON.stringify(value));
    },
  };
}

function preferencesTable(database: Database): Preferences {
  return {
    list() {
      const rows = database
        .statement<{ key: string; value: string }>("SELECT key, value FROM preferences")
        .all();
      return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
    },
    set(key, value) {
      if (value === null) database.statement("DELETE FROM preferences WHERE key = ?").run(key);
      else database.statement("INSERT OR REPLACE INTO preferences VALUES (?, ?)").run(key, value);
    },
  };
}

function integrationTable(database: Database, sessions: Sessions): Integrations {
  type Spec = { spec: string };
  const parse = (row: Spec): Integration => JSON.parse(row.spec);
  const byId = database.statement<Spec>("SELECT spec FROM integrations WHERE id = ?");
  const byKey = database.statement<Spec>("SELECT spec FROM integrations WHERE alias_key = ?");
  const list = () =>
    database.statement<Spec>("SELECT spec FROM integrations ORDER BY alias_key").all().map(parse);
  return {
    list,
    get(id) {
      const row = byId.get(id);
      return row && parse(row);
    },
    find(reference) {
      const row = byId.get(reference) ?? byKey.get(nameKey(reference));
      if (row) return parse(row);
      throw notFound(
        "integration",
        reference,
        list().map(({ alias }) => alias),
      );
    },
    put(integration) {
      const key = nameKey(integration.alias);
      const holder = byKey.get(key);
      if (holder && parse(holder).id !== integration.id) {
        throw new LeappError(
          "conflict",
          `there is an integration ${JSON.stringify(parse(holder).alias)} already`,
        );
      }
      database
        .statement(`INSERT INTO integrations VALUES (?, ?, ?)
                    ON CONFLICT (id) DO UPDATE SET (alias_key, spec) = (excluded.alias_key, excluded.spec)`)
        .run(integration.id, key, JSON.stringify(integration));
    },
    delete(id) {
      refuseUsed("the integration", sessions.ofIntegration(id));
      database.statement("DELETE FROM integrations WHERE id = ?").run(id);
    },
  };
}

function idpUrlTable(database: Database, sessions: Sessions): IdpUrls {
  const byId = database.statement<IdpUrl & Record<string, string>>(
    "SELECT id, url FROM idp_urls WHERE id = ?",
  );
  const byUrl = database.statement<{ id: string }>("SELECT id FROM idp_urls WHERE url = ?");
  return {
    list: () => database.statement<IdpUrl>("SELECT id, url FROM idp_urls ORDER BY url").all().map(plain),
    get(id) {
      const row = byId.get(id);
      return row && plain(row);
    },
    put({ id, url }) {
      const holder = byUrl.get(url);
      if (holder && holder.id !== id) throw new LeappError("conflict", `there is an IdP URL ${url} already`);
      database
        .statement("INSERT INTO idp_urls VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET url = excluded.url")
        .run(id, url);
    },
    delete(id) {
      refuseUsed("the IdP URL", sessions.ofIdpUrl(id));
      database.statement("DELETE FROM idp_urls WHERE id = ?").run(id);
    },
  };
}

/** SQLite's rows have no prototype, which `toEqual` and a few libraries trip over. */
function plain<T extends object>(row: T): T {
  return { ...row };
}

function refuseUsed(what: string, users: readonly { name: string }[]): void {
  if (users.length === 0) return;
  const names = users.slice(0, 5).map(({ name }) => name);
  throw new LeappError(
    "conflict",
    `${what} is used by ${names.join(", ")}${users.length > 5 ? ", ..." : ""}`,
    {
      hint: "change or delete those sessions first",
    },
  );
}
