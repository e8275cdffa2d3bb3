/**
 * The shape of the state file, as numbered steps. A released step is never edited (a test compares it with its
 * fixture); what changes later is a further step. Table by table: docs/spec/state.md.
 */
import type { Database } from "../database.ts";
import { LeappError } from "../errors.ts";
import type { Clock } from "../ports.ts";

/** SQL, or a function where SQL is not enough. Number 1 is the first. */
export type Migration = string | ((database: Database) => void);

export const migrations: readonly Migration[] = [
  `
  CREATE TABLE profiles (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  INSERT INTO profiles VALUES ('default');
  CREATE TABLE integrations (id TEXT PRIMARY KEY, alias_key TEXT NOT NULL UNIQUE, spec TEXT NOT NULL) STRICT;
  CREATE TABLE idp_urls (id TEXT PRIMARY KEY, url TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    region TEXT NOT NULL,
    created_at TEXT NOT NULL,
    parent_id TEXT REFERENCES sessions,
    integration_id TEXT REFERENCES integrations,
    idp_url_id TEXT REFERENCES idp_urls,
    spec TEXT NOT NULL
  ) STRICT;
  CREATE INDEX sessions_parent ON sessions (parent_id) WHERE parent_id IS NOT NULL;
  CREATE INDEX sessions_integration ON sessions (integration_id) WHERE integration_id IS NOT NULL;
  CREATE INDEX sessions_idp_url ON sessions (idp_url_id) WHERE idp_url_id IS NOT NULL;
  CREATE TABLE session_profiles (
    session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    position INTEGER NOT NULL,
    profile TEXT NOT NULL REFERENCES profiles ON UPDATE CASCADE,
    PRIMARY KEY (session_id, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX session_profiles_profile ON session_profiles (profile);
  CREATE TABLE active (
    profile TEXT PRIMARY KEY REFERENCES profiles ON UPDATE CASCADE,
    session_id TEXT NOT NULL REFERENCES sessions,
    started_at TEXT NOT NULL,
    method TEXT NOT NULL,
    phase TEXT NOT NULL,
    files TEXT NOT NULL,
    undo TEXT NOT NULL
  ) STRICT;
  CREATE INDEX active_session ON active (session_id);
  CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE preferences (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    session_id TEXT NOT NULL,
    body TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL,
    seal BLOB
  ) STRICT;
  CREATE INDEX audit_session ON audit (session_id, sequence);
  CREATE TABLE audit_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    cut_sequence INTEGER NOT NULL,
    cut_hash BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    seal BLOB
  ) STRICT;
  `,
];

/**
 * Brings the file to the newest shape. Each step is one transaction together with its entry in `migrations`, so
 * that a kill leaves the file before or after it.
 * @throws LeappError `file` when a newer leapp made the file.
 */
export function migrate(database: Database, clock: Clock, steps: readonly Migration[] = migrations): void {
  database.exec(
    "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT",
  );
  const applied = () =>
    database.statement<{ n: number }>("SELECT count(*) AS n FROM migrations").get()?.n as number;
  if (applied() > steps.length) {
    throw new LeappError("file", `the state file was made by a newer version of leapp: ${database.file}`, {
      hint: "install the newest leapp; nothing was changed",
    });
  }
  while (applied() < steps.length) {
    database.transaction(() => {
      // Read again under the write lock: another process may have done this step meanwhile.
      const number = applied() + 1;
      const step = steps[number - 1];
      if (step === undefined) return;
      if (typeof step === "string") database.exec(step);
      else step(database);
      database
        .statement("INSERT INTO migrations (number, applied_at) VALUES (?, ?)")
        .run(number, new Date(clock.now()).toISOString());
    });
  }
}
