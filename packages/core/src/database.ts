/** SQLite the way both of our files use it; shared by `vault/`, `state/` and the audit log. */
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync, type SQLInputValue } from "node:sqlite";
import { type ErrorCode, LeappError } from "./errors.ts";

export interface DatabaseOptions {
  /** `full`: a commit survives a power cut. `normal`: a killed process; a power cut may take back the last ones. */
  synchronous: "full" | "normal";
  /** What the file is, for people: "vault". */
  what: string;
  /** Code of every error of SQLite's: the file cannot be opened, read or written. */
  code: ErrorCode;
}

/** An open file. Every method throws a LeappError of `DatabaseOptions.code` where SQLite fails. */
export interface Database {
  readonly file: string;
  exec(sql: string): void;
  /** Prepared at its first use, once for each text. */
  statement<T = Row>(sql: string): Statement<T>;
  /**
   * Runs `work` with the write lock: all of it is kept or, when it throws, nothing. Inside another transaction it
   * becomes a part of that. `work` cannot wait for anything: it must not be async.
   */
  transaction<T>(work: () => T): T;
  close(): void;
}

export interface Statement<T> {
  get(...parameters: SQLInputValue[]): T | undefined;
  all(...parameters: SQLInputValue[]): T[];
  /** Returns how many rows were changed. */
  run(...parameters: SQLInputValue[]): number;
}

/** Columns by name; each statement's author knows them from the SQL. */
export type Row = Record<string, string | number | null | Uint8Array>;

/**
 * Opens or creates the database at `file`: mode 0600 (SQLite gives its `-wal` and `-shm` companions the same),
 * write-ahead log, foreign keys on, 5 s of patience with another writer, freed space overwritten with zeros.
 */
export function openDatabase(file: string, options: DatabaseOptions): Database {
  const { what, code } = options;
  const failed = (cause: unknown, hint: string) =>
    cause instanceof LeappError
      ? cause
      : new LeappError(code, `the ${what} cannot be used: ${(cause as Error).message}: ${file}`, {
          hint,
          cause,
        });
  let connection: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // Made by us first, because SQLite would make it readable for everyone before any chmod.
    closeSync(openSync(file, "a", 0o600));
    if (process.platform !== "win32") chmodSync(file, 0o600);
    connection = new DatabaseSync(file, { timeout: 5_000, enableForeignKeyConstraints: true });
    connection.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.synchronous};
                     PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;`);
    connection.prepare("SELECT count(*) FROM sqlite_schema").get();
    return wrap(connection, file, failed);
  } catch (cause) {
    connection?.close();
    throw failed(cause, "nothing was changed; put a sound copy of the file in place, or move it away");
  }
}

function wrap(
  connection: DatabaseSync,
  file: string,
  failed: (cause: unknown, hint: string) => LeappError,
): Database {
  const statements = new Map<string, Statement<unknown>>();
  let inTransaction = false;

  function guard<T>(run: () => T): T {
    try {
      return run();
    } catch (cause) {
      throw failed(cause, "check the disk, and the permissions of the file and its folder");
    }
  }

  function prepare(sql: string): Statement<unknown> {
    let prepared: StatementSync | undefined;
    const use = () => {
      prepared ??= connection.prepare(sql);
      return prepared;
    };
    return {
      get: (...parameters) => guard(() => use().get(...parameters)),
      all: (...parameters) => guard(() => use().all(...parameters)),
      run: (...parameters) => guard(() => Number(use().run(...parameters).changes)),
    };
  }

  const database: Database = {
    file,
    exec: (sql) => guard(() => connection.exec(sql)),
    statement<T>(sql: string) {
      let statement = statements.get(sql);
      if (!statement) statements.set(sql, (statement = prepare(sql)));
      return statement as Statement<T>;
    },
    transaction(work) {
      if (inTransaction) return work();
      database.statement("BEGIN IMMEDIATE").run();
      inTransaction = true;
      try {
        const result = work();
        if (result instanceof Promise) throw new TypeError("a transaction cannot wait");
        database.statement("COMMIT").run();
        return result;
      } catch (error) {
        // SQLite itself has rolled back after some failures, a full disk among them.
        if (connection.isTransaction) database.statement("ROLLBACK").run();
        throw error;
      } finally {
        inTransaction = false;
      }
    },
    close() {
      statements.clear();
      connection.close();
    },
  };
  return database;
}
