import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LeappError } from "../../src/errors.ts";
import { openVault } from "../../src/vault/vault.ts";
import { MemoryStore, StoppedClock, scratchFolder } from "../scratch.ts";
import { rejection, thrown } from "../thrown.ts";

const passphrase = "correct horse battery";
const clock = new StoppedClock();
const newFile = () => join(scratchFolder(), "vault.db");

async function newVault(protect: { passphrase?: string } = { passphrase }, store?: MemoryStore) {
  const file = newFile();
  const vault = openVault({ file, clock, store });
  await vault.create(protect);
  return { file, vault };
}

/** Changes the closed file behind the vault's back. */
function tamper(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

const digest = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");

describe("records", () => {
  test("come back as they were, also after closing", async () => {
    const { file, vault } = await newVault();
    const values = { "iam-user/1/keys": '{"a":1}', empty: "", "sso/ü": "日本 ✓", long: "x".repeat(100_000) };
    for (const [name, value] of Object.entries(values)) vault.set(name, value);
    vault.set("long", "y".repeat(50_000));
    vault.close();

    const again = openVault({ file, clock });
    expect(again.status()).toMatchObject({ state: "locked", kind: "passphrase", records: 4 });
    await again.unlock(passphrase);
    for (const [name, value] of Object.entries({ ...values, long: "y".repeat(50_000) })) {
      expect(again.get(name)).toBe(value);
    }
    expect(again.get("absent")).toBeUndefined();
    expect(again.names()).toEqual(["empty", "iam-user/1/keys", "long", "sso/ü"]);
    expect(again.names("iam-user/")).toEqual(["iam-user/1/keys"]);
    again.delete("empty");
    again.delete("empty");
    expect(again.get("empty")).toBeUndefined();
    expect(again.status()).toMatchObject({ state: "unlocked", records: 3 });
  });

  test("are not in the file in clear, nor is the key", async () => {
    const store = new MemoryStore();
    const { file, vault } = await newVault({}, store);
    const secret = `secret-${crypto.randomUUID()}`;
    for (let version = 0; version < 20; version++) vault.set("iam-user/1/keys", `${secret}${version}`);
    const key = vault.exportKey();
    vault.close();
    for (const name of readdirSync(join(file, ".."))) {
      const bytes = readFileSync(join(file, "..", name));
      expect(bytes.includes(secret)).toBe(false);
      expect(bytes.includes(key)).toBe(false);
      expect(bytes.includes(key.toString("base64"))).toBe(false);
    }
  });

  test("need a printable name", async () => {
    const { vault } = await newVault();
    for (const name of ["", "a\0b", "a\nb", "x".repeat(301)]) {
      expect(thrown(() => vault.set(name, "value")).code).toBe("invalid");
    }
    expect(vault.names()).toEqual([]);
  });

  test("that were damaged or swapped are unreadable, never absent, and stay in the file", async () => {
    const { file, vault } = await newVault();
    for (const name of ["one", "two", "three", "four"]) vault.set(name, `value of ${name}`);
    vault.set("three", "newer");
    vault.close();
    tamper(
      file,
      `UPDATE records SET sealed = (SELECT sealed FROM records WHERE name = 'two') WHERE name = 'one';
       UPDATE records SET sealed = zeroblob(length(sealed)) WHERE name = 'two';
       UPDATE records SET version = 1 WHERE name = 'three';`,
    );

    const again = openVault({ file, clock });
    await again.unlock(passphrase);
    const before = digest(file);
    for (const name of ["one", "two", "three"]) {
      const error = thrown(() => again.get(name));
      expect(error.code).toBe("vault-unavailable");
      expect(error.message).toContain(name);
    }
    expect(again.get("four")).toBe("value of four");
    expect(again.names()).toEqual(["four", "one", "three", "two"]);
    expect(digest(file)).toBe(before);
    // A person who enters the secret anew repairs the record.
    again.set("two", "entered again");
    expect(again.get("two")).toBe("entered again");
  });

  test("of a full disk or a read-only file give an error and keep the old value", async () => {
    const { file, vault } = await newVault();
    vault.set("one", "old");
    const database = new DatabaseSync(file);
    database.exec(
      "CREATE TRIGGER full BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
    );
    database.close();
    const error = thrown(() => vault.set("one", "new"));
    expect(error.code).toBe("vault-unavailable");
    expect(error.line).not.toContain("new");
    expect(vault.get("one")).toBe("old");
  });
});

describe("locking", () => {
  test("a locked vault gives and takes nothing", async () => {
    const { vault } = await newVault();
    vault.set("one", "1");
    vault.lock();
    for (const use of [
      () => vault.get("one"),
      () => vault.set("one", "2"),
      () => vault.delete("one"),
      () => vault.names(),
      () => vault.exportKey(),
      () => vault.derive("audit log"),
    ]) {
      expect(thrown(use).code).toBe("vault-locked");
    }
    expect(vault.isUnlocked).toBe(false);
    await vault.unlock(passphrase);
    expect(vault.get("one")).toBe("1");
  });

  test("a vault that is not there is locked, and reading does not make it", async () => {
    const file = newFile();
    const vault = openVault({ file, clock });
    expect(vault.status()).toMatchObject({ state: "absent", file });
    expect(thrown(() => vault.get("one")).code).toBe("vault-locked");
    expect((await rejection(vault.unlock(passphrase))).code).toBe("vault-locked");
    expect(existsSync(file)).toBe(false);
  });

  test("the key can be handed to a successor", async () => {
    const { file, vault } = await newVault();
    vault.set("one", "1");
    const key = vault.exportKey();
    vault.close();
    const successor = openVault({ file, clock });
    successor.unlockWithKey(key);
    key.fill(0);
    expect(successor.get("one")).toBe("1");
    for (const wrong of [key, Buffer.alloc(31), Buffer.alloc(0)]) {
      expect(thrown(() => successor.unlockWithKey(wrong)).code).toBe("vault-unavailable");
    }
    expect(successor.get("one")).toBe("1");
  });

  test("its watcher hears of both, with the records at hand", async () => {
    const { vault } = await newVault();
    const heard: string[] = [];
    vault.watch({
      unlocked: () => heard.push(`unlocked ${vault.names().length}`),
      locking: () => {
        heard.push(`locking ${vault.names().length}`);
        throw new Error("ignored");
      },
    });
    vault.lock();
    vault.lock();
    await vault.unlock(passphrase);
    await vault.unlock(passphrase);
    vault.close();
    expect(heard).toEqual(["unlocked 0", "locking 0", "unlocked 0", "locking 0"]);
  });
});

describe("passphrase", () => {
  test("empty and short ones are refused, and nothing is made", async () => {
    const file = newFile();
    const vault = openVault({ file, clock });
    for (const bad of ["", "seven77", "        ", "日本語日本語日"]) {
      expect((await rejection(vault.create({ passphrase: bad }))).code).toBe("invalid");
    }
    expect(readdirSync(join(file, ".."))).toEqual([]);
    await vault.create({ passphrase: "日本語日本語日本" });
    expect((await rejection(vault.changePassphrase("日本語日本語日本", "short"))).code).toBe("invalid");
  });

  test("a wrong one opens nothing and harms nothing", async () => {
    const { file, vault } = await newVault();
    vault.set("one", "1");
    vault.close();
    const before = digest(file);
    const again = openVault({ file, clock });
    for (const wrong of ["correct horse batter", "CORRECT HORSE BATTERY", `${passphrase} `]) {
      const error = await rejection(again.unlock(wrong));
      expect(error.code).toBe("vault-unavailable");
      expect(error.hint).toBeTruthy();
      expect(error.line).not.toContain("horse");
    }
    for (const none of [undefined, ""])
      expect((await rejection(again.unlock(none))).code).toBe("vault-locked");
    expect(again.isUnlocked).toBe(false);
    await again.unlock(passphrase);
    expect(again.get("one")).toBe("1");
    again.close();
    expect(digest(file)).toBe(before);
  });

  test("can be changed; the old one no longer opens it", async () => {
    const { file, vault } = await newVault();
    vault.set("one", "1");
    expect((await rejection(vault.changePassphrase("not the old one", "a new passphrase"))).code).toBe(
      "vault-unavailable",
    );
    await vault.changePassphrase(passphrase, "a new passphrase");
    expect(vault.get("one")).toBe("1");
    vault.close();
    const again = openVault({ file, clock });
    expect((await rejection(again.unlock(passphrase))).code).toBe("vault-unavailable");
    // Also while it is locked.
    await again.changePassphrase("a new passphrase", passphrase);
    expect(again.isUnlocked).toBe(false);
    await again.unlock(passphrase);
    expect(again.get("one")).toBe("1");
  });

  test("two changes at once: one wins, the other is told", async () => {
    const { file, vault } = await newVault();
    const results = await Promise.allSettled([
      vault.changePassphrase(passphrase, "the first change"),
      vault.changePassphrase(passphrase, "the second change"),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const winner = results[0].status === "fulfilled" ? "the first change" : "the second change";
    vault.close();
    await openVault({ file, clock }).unlock(winner);
  });
});

describe("keychain", () => {
  test("holds the key, asked once per unlock", async () => {
    const store = new MemoryStore();
    const { file, vault } = await newVault({}, store);
    vault.set("one", "1");
    expect(vault.status()).toMatchObject({ state: "unlocked", kind: "keychain", label: "Memory Keychain" });
    expect([...store.items.keys()]).toEqual([expect.stringMatching(/^leapp master key [0-9a-f-]{36}$/)]);
    vault.close();
    let asked = 0;
    const lazily = async () => {
      asked++;
      return store;
    };
    const again = openVault({ file, clock, store: lazily });
    expect(again.status().state).toBe("locked");
    expect(asked).toBe(0);
    await again.unlock();
    for (let i = 0; i < 10; i++) expect(again.get("one")).toBe("1");
    expect(asked).toBe(1);
  });

  test("no keychain and no passphrase: nothing is made", async () => {
    const file = newFile();
    const vault = openVault({ file, clock, store: async () => undefined });
    expect((await rejection(vault.create())).code).toBe("vault-unavailable");
    expect(existsSync(file)).toBe(false);
  });

  test("one that does not keep the key: nothing is made", async () => {
    const file = newFile();
    const store = new MemoryStore();
    store.forgetful = true;
    const vault = openVault({ file, clock, store });
    expect((await rejection(vault.create())).code).toBe("vault-unavailable");
    expect(existsSync(file)).toBe(false);
  });

  test("locked, gone, emptied or another's: unavailable, and nothing is re-created", async () => {
    const store = new MemoryStore();
    const { file, vault } = await newVault({}, store);
    vault.set("one", "1");
    vault.close();
    const before = digest(file);
    const kept = new Map(store.items);
    const [name] = [...kept.keys()] as [string];
    const failing = new LeappError("vault-unavailable", "the keychain is locked");
    const cases: [string, () => void, MemoryStore | undefined][] = [
      ["locked", () => Object.assign(store, { failure: failing }), store],
      ["gone", () => {}, undefined],
      ["emptied", () => store.items.clear(), store],
      ["another key", () => store.items.set(name, Buffer.alloc(32).toString("base64")), store],
      ["not a key", () => store.items.set(name, "hello"), store],
      ["empty", () => store.items.set(name, ""), store],
    ];
    for (const [, arrange, given] of cases) {
      store.failure = undefined;
      for (const [key, value] of kept) store.items.set(key, value);
      arrange();
      const items = new Map(store.items);
      const again = openVault({ file, clock, store: given });
      const error = await rejection(again.unlock(passphrase));
      expect(error.code).toBe("vault-unavailable");
      expect(thrown(() => again.get("one")).code).toBe("vault-locked");
      expect((await rejection(again.create({ passphrase }))).code).toBe("conflict");
      again.close();
      expect(store.items).toEqual(items);
    }
    expect(digest(file)).toBe(before);
  });

  test("moves to a passphrase, which takes the key out of the keychain", async () => {
    const store = new MemoryStore();
    const { file, vault } = await newVault({}, store);
    vault.set("one", "1");
    await vault.changePassphrase(undefined, passphrase);
    expect(store.items.size).toBe(0);
    expect(vault.status()).toMatchObject({ kind: "passphrase", label: "passphrase" });
    vault.close();
    const headless = openVault({ file, clock });
    await headless.unlock(passphrase);
    expect(headless.get("one")).toBe("1");
  });
});

test("from a passphrase into the keychain: by the passphrase only, and it opens nothing any more", async () => {
  const store = new MemoryStore();
  const { file, vault } = await newVault({ passphrase }, store);
  vault.set("one", "1");
  expect((await rejection(vault.useKeychain("not that one"))).code).toBe("vault-unavailable");
  store.forgetful = true;
  expect((await rejection(vault.useKeychain(passphrase))).code).toBe("vault-unavailable");
  expect(vault.status()).toMatchObject({ kind: "passphrase" });
  store.forgetful = false;
  await vault.useKeychain(passphrase);
  await vault.useKeychain(undefined);
  expect(vault.status()).toMatchObject({ state: "unlocked", kind: "keychain", label: "Memory Keychain" });
  vault.close();
  expect((await rejection(openVault({ file, clock }).unlock(passphrase))).code).toBe("vault-unavailable");
  const again = openVault({ file, clock, store });
  await again.unlock();
  expect(again.get("one")).toBe("1");
});

test("a keychain that keeps the key after the move to a passphrase is named", async () => {
  const store = new MemoryStore();
  const { file, vault } = await newVault({}, store);
  store.delete = () => Promise.reject(new LeappError("vault-unavailable", "locked"));
  const error = await rejection(vault.changePassphrase(undefined, passphrase));
  expect(error.line).toContain("still in Memory Keychain");
  expect(error.line).toContain([...store.items.keys()][0] as string);
  vault.close();
  await openVault({ file, clock }).unlock(passphrase);
});

describe("the file", () => {
  test.skipIf(process.platform === "win32")("is the owner's alone, with its companions", async () => {
    const { file, vault } = await newVault();
    vault.set("one", "1");
    const modes = readdirSync(join(file, "..")).map((name) => statSync(join(file, "..", name)).mode & 0o777);
    expect(modes.length).toBeGreaterThanOrEqual(2);
    expect(new Set(modes)).toEqual(new Set([0o600]));
  });

  test("is never replaced by a new vault", async () => {
    const { file, vault } = await newVault();
    vault.set("one", "1");
    expect((await rejection(vault.create({ passphrase }))).code).toBe("conflict");
    expect((await rejection(openVault({ file, clock }).create({ passphrase }))).code).toBe("conflict");
    expect(vault.get("one")).toBe("1");
  });

  test("two vaults made at once: one is kept", async () => {
    const file = newFile();
    const both = [openVault({ file, clock }), openVault({ file, clock })];
    const results = await Promise.allSettled(both.map((vault) => vault.create({ passphrase })));
    expect(results.filter(({ status }) => status === "fulfilled").length).toBe(1);
    await openVault({ file, clock }).unlock(passphrase);
  });

  test("damaged in any way is unavailable, not absent, and is left as it is", async () => {
    const { file, vault } = await newVault();
    vault.set("one", "1");
    vault.close();
    const damages: Record<string, (copy: string) => void> = {
      "not a database": (copy) => writeFileSync(copy, "x".repeat(5_000)),
      emptied: (copy) => truncateSync(copy, 0),
      "cut short": (copy) => truncateSync(copy, 6_000),
      "no table": (copy) => tamper(copy, "DROP TABLE meta"),
      "no id": (copy) => tamper(copy, "DELETE FROM meta WHERE key = 'id'"),
      "no protection": (copy) => tamper(copy, "DELETE FROM meta WHERE key = 'protection'"),
      "protection is not JSON": (copy) =>
        tamper(copy, "UPDATE meta SET value = '{' WHERE key = 'protection'"),
      "unknown protection": (copy) =>
        tamper(copy, `UPDATE meta SET value = '{"kind":"x"}' WHERE key = 'protection'`),
      "a newer format": (copy) => tamper(copy, "UPDATE meta SET value = '2' WHERE key = 'format'"),
      "costs too much": (copy) =>
        tamper(copy, "UPDATE meta SET value = replace(value, '65536', '99999999') WHERE key = 'protection'"),
    };
    for (const [name, damage] of Object.entries(damages)) {
      const copy = join(scratchFolder(), "vault.db");
      copyFileSync(file, copy);
      damage(copy);
      const damaged = openVault({ file: copy, clock });
      expect({ name, code: (await rejection(damaged.unlock(passphrase))).code }).toEqual({
        name,
        code: "vault-unavailable",
      });
      expect((await rejection(damaged.create({ passphrase }))).code).toBe("conflict");
      damaged.close();
    }
  });
});
