/** Opening an SQLite file the way both of ours are opened; shared by `vault/` and `state/`. */
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type ErrorCode, LeappError } from "./errors.ts";

export interface DatabaseOptions {
  /** `full`: a commit survives a power cut. `normal`: it survives a killed process; a power cut may undo the last ones. */
  synchronous: "full" | "normal";
  /** What the file is, for people: "vault". */
  what: string;
  /** Code of the error when the file cannot be used. */
  code: ErrorCode;
}

/**
 * Opens or creates the database at `file`: mode 0600 (SQLite gives its `-wal` and `-shm` companions the same),
 * write-ahead log, foreign keys on, 5 s of patience with another writer, freed pages overwritten with zeros.
 * @throws LeappError of `options.code` when the file cannot be opened or is no database.
 */
export function openDatabase(file: string, options: DatabaseOptions): DatabaseSync {
  const { code, what } = options;
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // Made by us first, because SQLite would make it readable for everyone before any chmod.
    closeSync(openSync(file, "a", 0o600));
    if (process.platform !== "win32") chmodSync(file, 0o600);
    database = new DatabaseSync(file, { timeout: 5_000, enableForeignKeyConstraints: true });
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.synchronous.toUpperCase()};
                   PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;`);
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return database;
  } catch (cause) {
    database?.close();
    throw new LeappError(code, `the ${what} cannot be opened: ${file}: ${(cause as Error).message}`, {
      hint: "nothing was changed; put a sound copy of the file in place, or move it away",
      cause,
    });
  }
}

/** One row of `Statement.get()` or `.all()`, whose columns the caller knows from its own SQL. */
export type Row = Record<string, string | number | bigint | null | Uint8Array>;
