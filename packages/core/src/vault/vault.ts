/**
 * The vault: one SQLite file of records, each sealed with a key derived from one random master key. The master key
 * is in the system's keychain, or wrapped by a passphrase. Format: docs/spec/vault.md.
 */
import { randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { type Database, openDatabase } from "../database.ts";
import { LeappError } from "../errors.ts";
import type { Clock, SecretStore } from "../ports.ts";
import { deriveKey, keyBytes, recordContext, seal, unseal } from "./crypto.ts";
import { checkPassphrase, unwrapKey, type WrappedKey, wrapKey } from "./passphrase.ts";

export interface VaultState {
  state: "absent" | "locked" | "unlocked";
  kind?: "keychain" | "passphrase";
  /** For people: which keychain, or that a passphrase protects it. */
  label: string;
  file: string;
  records?: number;
}

export interface VaultOptions {
  /** `Paths.vaultFile`. */
  file: string;
  /** The system's keychain, or how to find out whether one answers: asked only when the key is needed from it. */
  store?: SecretStore | (() => Promise<SecretStore | undefined>);
  clock: Clock;
}

/** Told of a vault that opens and shuts, while its records can be read. What it throws stops neither. */
export interface VaultWatcher {
  unlocked(): void;
  locking(): void;
}

/** Where the master key is. */
type Protection = { kind: "keychain"; label: string } | ({ kind: "passphrase" } & WrappedKey);

/** An open file and what its `meta` table says. */
interface OpenFile {
  database: Database;
  id: string;
  check: Buffer;
}

interface Keys {
  master: Buffer;
  record: Buffer;
}

interface Sealed {
  version: number;
  sealed: Uint8Array;
}

const format = "1";
/** Name of the master key in the keychain. */
const storeName = (id: string) => `leapp master key ${id}`;

/** Opens nothing yet: the file is read at the first call that needs it, so that a damaged one never stops the agent. */
export function openVault(options: VaultOptions): Vault {
  return new Vault(options);
}

/**
 * `get`, `set`, `delete`, `names`, `derive` and `exportKey` need an unlocked vault.
 * @throws LeappError `vault-locked` when it is locked or there is none; `vault-unavailable` when it cannot be read:
 * wrong passphrase, keychain silent or empty, damaged file or record. No failure deletes or overwrites anything.
 */
export class Vault {
  readonly #options: VaultOptions;
  #open: OpenFile | undefined;
  #keys: Keys | undefined;
  #watcher: VaultWatcher | undefined;

  constructor(options: VaultOptions) {
    this.#options = options;
  }

  status(): VaultState {
    const { file } = this.#options;
    const open = this.#file();
    if (!open) return { state: "absent", label: "not made yet", file };
    const protection = this.#protection(open);
    return {
      state: this.#keys ? "unlocked" : "locked",
      kind: protection.kind,
      label: protection.kind === "keychain" ? protection.label : "passphrase",
      file,
      records: open.database.statement<{ n: number }>("SELECT count(*) AS n FROM records").get()?.n,
    };
  }

  /**
   * Makes the vault and leaves it unlocked; the master key goes into the keychain unless a passphrase is given.
   * @throws LeappError `conflict` when there is one; `invalid` for a short passphrase; `vault-unavailable` when
   * there is neither keychain nor passphrase, or the keychain does not keep the key.
   */
  async create(protect: { passphrase?: string } = {}): Promise<void> {
    if (existsSync(this.#options.file)) throw alreadyThere(this.#options.file);
    const id = randomUUID();
    const master = randomBytes(keyBytes);
    const protection: Protection =
      protect.passphrase === undefined
        ? await this.#intoKeychain(id, master)
        : { kind: "passphrase", ...(await wrapKey(master, id, protect.passphrase)) };
    this.#makeFile(id, master, protection);
    this.unlockWithKey(master);
    master.fill(0);
  }

  /** Does nothing when unlocked. The passphrase is needed where one protects the vault, else not looked at. */
  async unlock(passphrase?: string): Promise<void> {
    if (this.#keys) return;
    const open = this.#existing();
    const key = await this.#masterKey(open, passphrase);
    this.unlockWithKey(key);
    key.fill(0);
  }

  /** Wipes the keys from memory. Strings handed out before are the runtime's to collect. */
  lock(): void {
    if (this.#keys) this.#tell("locking");
    this.#keys?.master.fill(0);
    this.#keys?.record.fill(0);
    this.#keys = undefined;
  }

  /** Undefined: there is no such record. One that is there and cannot be read throws. */
  get(name: string): string | undefined {
    const { open, keys } = this.#unlocked();
    const row = open.database
      .statement<Sealed>("SELECT version, sealed FROM records WHERE name = ?")
      .get(name);
    if (!row) return undefined;
    const { version, sealed } = row;
    const plain = unseal(keys.record, recordContext({ vaultId: open.id, name, version }), sealed);
    if (!plain) {
      throw new LeappError("vault-unavailable", `a vault record is damaged: ${name}`, {
        hint: `it is kept as it is; restore ${this.#options.file} from a backup, or enter that secret again`,
      });
    }
    const value = plain.toString("utf8");
    plain.fill(0);
    return value;
  }

  /** On disk, and safe from a power cut, when it returns. `name` (up to 300 characters) is not secret: it stands in the file as it is. */
  set(name: string, value: string): void {
    const { open, keys } = this.#unlocked();
    if (!/^[^\p{Cc}]{1,300}$/u.test(name))
      throw new LeappError("invalid", "a vault record needs a printable name");
    const plain = Buffer.from(value, "utf8");
    const version =
      (open.database.statement<Sealed>("SELECT version FROM records WHERE name = ?").get(name)?.version ??
        0) + 1;
    const context = recordContext({ vaultId: open.id, name, version });
    open.database
      .statement(`INSERT INTO records (name, version, sealed) VALUES (?, ?, ?)
                  ON CONFLICT (name) DO UPDATE SET version = excluded.version, sealed = excluded.sealed`)
      .run(name, version, seal(keys.record, randomBytes(12), context, plain));
    plain.fill(0);
  }

  /** Does nothing when there is no such record. */
  delete(name: string): void {
    const { open } = this.#unlocked();
    open.database.statement("DELETE FROM records WHERE name = ?").run(name);
  }

  /** In code unit order. */
  names(prefix = ""): string[] {
    const { open } = this.#unlocked();
    const rows = open.database.statement<{ name: string }>("SELECT name FROM records ORDER BY name").all();
    return rows.map(({ name }) => name).filter((name) => name.startsWith(prefix));
  }

  /**
   * Wraps the master key anew, in one step on disk; the records stay as they are. A vault whose key is in the
   * keychain moves to the passphrase, and the keychain's entry is removed.
   * @param current the passphrase so far; not looked at where the key is in the keychain.
   */
  async changePassphrase(current: string | undefined, next: string): Promise<void> {
    checkPassphrase(next);
    const { open, before } = await this.#protectBy(current, async (id, master) => ({
      kind: "passphrase",
      ...(await wrapKey(master, id, next)),
    }));
    if (before.kind === "keychain") await this.#forgetInKeychain(open.id, before.label);
  }

  /**
   * Puts the master key into the keychain; no passphrase opens the vault any more. Does nothing when it is there.
   * @param current the passphrase so far
   */
  async useKeychain(current: string | undefined): Promise<void> {
    if (this.#protection(this.#existing()).kind === "keychain") return;
    await this.#protectBy(current, (id, master) => this.#intoKeychain(id, master));
  }

  async #protectBy(
    current: string | undefined,
    protect: (id: string, master: Buffer) => Promise<Protection>,
  ): Promise<{ open: OpenFile; before: Protection }> {
    const open = this.#existing();
    const before = this.#protection(open);
    const master = await this.#masterKey(open, current);
    const after = await protect(open.id, master).finally(() => master.fill(0));
    const changed = open.database
      .statement("UPDATE meta SET value = ? WHERE key = 'protection' AND value = ?")
      .run(JSON.stringify(after), JSON.stringify(before));
    if (changed !== 1) throw new LeappError("conflict", "the vault's passphrase was changed by someone else");
    // The old wrapped key would otherwise stay readable in the log for a while.
    open.database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    return { open, before };
  }

  /** A key for another purpose (the audit log's seal), the same for the life of the vault. Wipe it after use. */
  derive(purpose: string): Buffer {
    const { open, keys } = this.#unlocked();
    return deriveKey(keys.master, open.id, purpose);
  }

  /** A copy of the master key, for the inherited pipe between an old agent and its successor only. Wipe it after use. */
  exportKey(): Buffer {
    return Buffer.from(this.#unlocked().keys.master);
  }

  /** Unlocks with what `exportKey` gave. The key is copied. */
  unlockWithKey(key: Uint8Array): void {
    const open = this.#existing();
    if (key.length !== keyBytes || !timingSafeEqual(deriveKey(key, open.id, "check value"), open.check)) {
      throw new LeappError("vault-unavailable", "the key does not belong to this vault", {
        hint: "nothing was changed; put back the vault file or the keychain entry that belong together",
      });
    }
    this.lock();
    this.#keys = { master: Buffer.from(key), record: deriveKey(key, open.id, "record key") };
    this.#tell("unlocked");
  }

  get isUnlocked(): boolean {
    return this.#keys !== undefined;
  }

  /** One watcher: the audit log. Told at once when the vault is unlocked already. */
  watch(watcher: VaultWatcher): void {
    this.#watcher = watcher;
    if (this.#keys) this.#tell("unlocked");
  }

  #tell(event: keyof VaultWatcher): void {
    try {
      this.#watcher?.[event]();
    } catch {
      // A log that cannot be sealed must keep nobody from opening the vault, or from shutting it.
    }
  }

  /** Locks, and closes the file. */
  close(): void {
    this.lock();
    this.#open?.database.close();
    this.#open = undefined;
  }

  #unlocked(): { open: OpenFile; keys: Keys } {
    const open = this.#existing();
    if (!this.#keys)
      throw new LeappError("vault-locked", "the vault is locked", { hint: "run: leapp vault unlock" });
    return { open, keys: this.#keys };
  }

  #existing(): OpenFile {
    const open = this.#file();
    if (open) return open;
    throw new LeappError("vault-locked", "there is no vault yet", { hint: "run: leapp vault unlock" });
  }

  /** Undefined when there is no file. A file that is there and is not a whole vault throws. */
  #file(): OpenFile | undefined {
    if (this.#open) return this.#open;
    const { file } = this.#options;
    if (!existsSync(file)) return undefined;
    const database = openDatabase(file, { what: "vault", synchronous: "full", code: "vault-unavailable" });
    try {
      const meta = readMeta(database);
      if (meta.get("format") !== format) {
        throw new LeappError("vault-unavailable", `the vault was made by another version of leapp: ${file}`, {
          hint: "install the newest leapp; nothing was changed",
        });
      }
      const [id, check] = [meta.get("id"), meta.get("check")];
      if (!id || !check || !meta.get("protection")) throw new Error("the meta table is not complete");
      this.#open = { database, id, check: Buffer.from(check, "base64") };
      return this.#open;
    } catch (cause) {
      database.close();
      throw cause instanceof LeappError ? cause : damagedFile(file, cause);
    }
  }

  #protection(open: OpenFile): Protection {
    try {
      const protection = JSON.parse(readMeta(open.database).get("protection") ?? "") as Protection;
      if (protection.kind === "keychain" || protection.kind === "passphrase") return protection;
      throw new Error("unknown protection");
    } catch (cause) {
      throw damagedFile(this.#options.file, cause);
    }
  }

  /** The master key from where it is kept, not yet compared with the check value. */
  async #masterKey(open: OpenFile, passphrase: string | undefined): Promise<Buffer> {
    const protection = this.#protection(open);
    if (protection.kind === "keychain") return this.#fromKeychain(open.id, protection.label);
    if (!passphrase) {
      throw new LeappError("vault-locked", "the vault needs its passphrase", {
        hint: "run: leapp vault unlock",
      });
    }
    const key = await unwrapKey(protection, open.id, passphrase);
    if (key) return key;
    throw new LeappError("vault-unavailable", "the passphrase does not open the vault", {
      hint: "try again; nothing was changed",
    });
  }

  async #store(): Promise<SecretStore | undefined> {
    const { store } = this.#options;
    return typeof store === "function" ? store() : store;
  }

  async #fromKeychain(id: string, label: string): Promise<Buffer> {
    const store = await this.#store();
    if (!store) {
      throw new LeappError(
        "vault-unavailable",
        `the vault's key is in ${label}, which does not answer here`,
        {
          hint: "run leapp where your desktop session's keychain can be reached; nothing was changed",
        },
      );
    }
    const value = await store.get(storeName(id));
    if (value !== undefined) return Buffer.from(value, "base64");
    throw new LeappError("vault-unavailable", `${store.label} has no entry "${storeName(id)}"`, {
      hint: "the vault cannot be opened without it and was left as it is; restore the keychain from a backup",
    });
  }

  async #intoKeychain(id: string, master: Buffer): Promise<Protection> {
    const store = await this.#store();
    if (!store) {
      throw new LeappError("vault-unavailable", "no keychain answers here, so the vault needs a passphrase", {
        hint: "run leapp vault unlock in a terminal, or set LEAPP_VAULT_PASSPHRASE_FILE",
      });
    }
    const value = master.toString("base64");
    await store.set(storeName(id), value);
    if ((await store.get(storeName(id))) === value) return { kind: "keychain", label: store.label };
    throw new LeappError("vault-unavailable", `${store.label} did not keep the vault's key`, {
      hint: "run leapp vault unlock in a terminal to protect the vault by a passphrase",
    });
  }

  async #forgetInKeychain(id: string, label: string): Promise<void> {
    try {
      await (await this.#store())?.delete(storeName(id));
    } catch (cause) {
      throw new LeappError(
        "vault-unavailable",
        `the passphrase is set, but the key is still in ${label} too`,
        {
          hint: `delete its entry "${storeName(id)}" by hand`,
          cause,
        },
      );
    }
  }

  /** Complete before it gets its name: a crash leaves the new vault or none. */
  #makeFile(id: string, master: Buffer, protection: Protection): void {
    const { file, clock } = this.#options;
    const fresh = `${file}.new`;
    for (const suffix of ["", "-wal", "-shm"]) rmSync(fresh + suffix, { force: true });
    const database = openDatabase(fresh, { what: "vault", synchronous: "full", code: "vault-unavailable" });
    database.transaction(() => {
      database.exec(`
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE records (name TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;`);
      const insert = database.statement("INSERT INTO meta (key, value) VALUES (?, ?)");
      insert.run("format", format);
      insert.run("id", id);
      insert.run("created", new Date(clock.now()).toISOString());
      insert.run("check", deriveKey(master, id, "check value").toString("base64"));
      insert.run("protection", JSON.stringify(protection));
    });
    // Leaving the write-ahead log puts everything into the one file that is about to be renamed.
    database.exec("PRAGMA journal_mode = DELETE");
    database.close();
    if (existsSync(file)) throw alreadyThere(file);
    renameSync(fresh, file);
    syncFolder(dirname(file));
  }
}

function readMeta(database: Database): Map<string, string> {
  const rows = database.statement<{ key: string; value: string }>("SELECT key, value FROM meta").all();
  return new Map(rows.map(({ key, value }) => [key, value]));
}

function alreadyThere(file: string): LeappError {
  return new LeappError("conflict", `there is a vault already: ${file}`, { hint: "run: leapp vault status" });
}

function damagedFile(file: string, cause: unknown): LeappError {
  return new LeappError("vault-unavailable", `the vault file is damaged: ${file}`, {
    hint: "nothing was changed; restore it from a backup, or move it away and enter your keys again",
    cause,
  });
}

/** Makes a rename survive a power cut. Windows has no such call and needs none. */
function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
