import { describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { MemoryStore, StoppedClock, scratchFolder } from "../../core/test/scratch.ts";
import { openState } from "../../core/src/state/state.ts";
import { openVault } from "../../core/src/vault/vault.ts";
import { type AuditEntry, openAudit } from "../src/audit.ts";

const entry = (sessionName = "dev", sessionId = "s-dev"): AuditEntry => ({
  sessionId,
  sessionName,
  method: "credential-process",
  identity: "arn:aws:iam::123456789012:role/dev",
  callers: [{ pid: 12, executable: "/usr/bin/aws" }, { pid: 11 }],
  cwd: "/home/me/sücks",
});

/** A log in a folder of its own, with a vault (in a keychain) that is open. */
async function newLog(options?: { keep?: number; batch?: number }) {
  const folder = scratchFolder();
  const clock = new StoppedClock();
  const store = new MemoryStore();
  const open = () => {
    const state = openState(join(folder, "state.db"), clock);
    const vault = openVault({ file: join(folder, "vault.db"), clock, store });
    const audit = openAudit(state, clock, vault, options);
    const close = () => {
      vault.close();
      state.close();
    };
    return { state, vault, audit, close };
  };
  const log = open();
  await log.vault.create();
  return { ...log, clock, folder, reopen: open };
}

test("records come back as they were, the newest that were asked for, oldest first", async () => {
  const { audit, clock } = await newLog();
  for (let minute = 0; minute < 6; minute++) {
    audit.append(minute % 2 ? entry("prod", "s-prod") : entry());
    clock.time += 60_000;
  }
  const all = audit.list();
  expect(all.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(all[0]).toEqual({
    ...entry(),
    sequence: 1,
    at: "2026-11-22T20:00:00.000Z",
    previous: "0".repeat(64),
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(all.slice(1).map(({ previous }) => previous)).toEqual(all.slice(0, -1).map(({ hash }) => hash));
  const sequences = (filter: Parameters<typeof audit.list>[0]) =>
    audit.list(filter).map(({ sequence }) => sequence);
  expect(sequences({ limit: 2 })).toEqual([5, 6]);
  expect(sequences({ session: "s-prod" })).toEqual([2, 4, 6]);
  expect(sequences({ session: "s-prod", limit: 1, since: "2026-11-22T20:02:00.000Z" })).toEqual([6]);
  expect(sequences({ since: "2026-11-22T20:04:00.000Z" })).toEqual([5, 6]);
  expect(sequences({ session: "absent" })).toEqual([]);
  expect(await audit.verify()).toEqual({ records: 6, sealed: 6 });
});

test("the hash is SHA-256 over the record's other fields as canonical JSON, computed here by itself", async () => {
  const { audit } = await newLog();
  audit.append({ ...entry(), at: "2026-01-02T03:04:05.000Z" });
  const text =
    '{"at":"2026-01-02T03:04:05.000Z","callers":[{"executable":"/usr/bin/aws","pid":12},{"pid":11}],' +
    '"cwd":"/home/me/sücks","identity":"arn:aws:iam::123456789012:role/dev","method":"credential-process",' +
    `"previous":"${"0".repeat(64)}","sequence":1,"sessionId":"s-dev","sessionName":"dev"}`;
  expect(audit.list()[0]?.hash).toBe(new Bun.CryptoHasher("sha256").update(text).digest("hex"));
});

test("goes on after a restart, locked or not", async () => {
  const log = await newLog();
  log.audit.append(entry());
  log.close();
  const again = log.reopen();
  again.audit.append(entry());
  expect(await again.audit.verify()).toEqual({ records: 2, sealed: 0 });
  await again.vault.unlock();
  expect(await again.audit.verify()).toEqual({ records: 2, sealed: 2 });
  again.vault.lock();
  again.audit.append(entry());
  await again.vault.unlock();
  again.audit.append(entry());
  expect(await again.audit.verify()).toEqual({ records: 4, sealed: 4 });
});

test("an empty log is whole", async () => {
  const { audit, vault } = await newLog();
  expect(await audit.verify()).toEqual({ records: 0, sealed: 0 });
  vault.lock();
  expect(await audit.verify()).toEqual({ records: 0, sealed: 0 });
});

test("old records are dropped, and the rest is still whole", async () => {
  const log = await newLog({ keep: 20, batch: 5 });
  for (let i = 0; i < 57; i++) log.audit.append(entry(`session ${i}`));
  const kept = log.audit.list();
  expect(kept.length).toBeGreaterThanOrEqual(20);
  expect(kept.length).toBeLessThan(25);
  expect(kept.at(-1)?.sessionName).toBe("session 56");
  expect(await log.audit.verify()).toEqual({ records: kept.length, sealed: kept.length });
  log.close();
  const again = log.reopen();
  await again.vault.unlock();
  for (let i = 0; i < 30; i++) again.audit.append(entry());
  const { records, sealed, broken } = await again.audit.verify();
  expect({ whole: records === sealed, broken }).toEqual({ whole: true, broken: undefined });
  // Somebody drops one more of the oldest.
  again.state.database.exec("DELETE FROM audit WHERE sequence = (SELECT min(sequence) FROM audit)");
  expect(await again.audit.verify()).toMatchObject({ records: 0, reason: "records are missing" });
});

test("a verification of a long log lets others run, and records that arrive meanwhile do not disturb it", async () => {
  const { audit } = await newLog();
  for (let i = 0; i < 3_500; i++) audit.append(entry());
  const verdict = audit.verify();
  let turns = 0;
  let running = true;
  void verdict.finally(() => (running = false));
  while (running) {
    audit.append(entry());
    turns++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await verdict).toEqual({ records: 3_500, sealed: 3_500 });
  expect(turns).toBeGreaterThan(2);
});

/** Rewrites records from `sequence` on as the program itself would, but without the key: a chain that fits. */
function rewriteFrom(folder: string, sequence: number): void {
  const clock = new StoppedClock();
  const state = openState(join(folder, "state.db"), clock);
  const rest = openAudit(state, clock)
    .list()
    .filter((record) => record.sequence >= sequence);
  const seals = state.database
    .statement("SELECT sequence, seal FROM audit WHERE sequence >= ?")
    .all(sequence);
  state.database.exec(`DELETE FROM audit WHERE sequence >= ${sequence}`);
  const forger = openAudit(state, clock);
  for (const { sequence: _, previous: __, hash: ___, ...fields } of rest) {
    forger.append({ ...fields, cwd: "/somewhere/harmless" });
  }
  for (const row of seals) {
    state.database
      .statement("UPDATE audit SET seal = ? WHERE sequence = ?")
      .run(row.seal as Uint8Array, row.sequence as number);
  }
  state.close();
}

describe("verify finds", () => {
  const sql = (text: string) => (folder: string) => {
    const state = openState(join(folder, "state.db"), new StoppedClock());
    state.database.exec(text);
    state.close();
  };
  /** What was done, how, the first record that does not fit, and whether that shows with the vault locked. */
  const cases: [string, (folder: string) => void, number, boolean][] = [
    [
      "a changed field",
      sql("UPDATE audit SET body = replace(body, 'aws', 'sh') WHERE sequence = 4"),
      4,
      true,
    ],
    ["a changed time", sql("UPDATE audit SET at = '2020-01-01T00:00:00.000Z' WHERE sequence = 4"), 4, true],
    ["a changed session", sql("UPDATE audit SET session_id = 'x' WHERE sequence = 4"), 4, true],
    ["a changed hash", sql("UPDATE audit SET hash = zeroblob(32) WHERE sequence = 4"), 4, true],
    ["a body that is no JSON", sql("UPDATE audit SET body = '{' WHERE sequence = 4"), 4, true],
    ["the first record removed", sql("DELETE FROM audit WHERE sequence = 1"), 1, true],
    ["one in the middle removed", sql("DELETE FROM audit WHERE sequence = 4"), 4, true],
    [
      "one removed and the rest renumbered",
      sql(
        "DELETE FROM audit WHERE sequence = 4; UPDATE audit SET sequence = sequence - 1 WHERE sequence > 4",
      ),
      4,
      true,
    ],
    [
      "two that changed places",
      sql(
        "UPDATE audit SET sequence = 99 WHERE sequence = 4; UPDATE audit SET sequence = 4 WHERE sequence = 5; UPDATE audit SET sequence = 5 WHERE sequence = 99",
      ),
      4,
      true,
    ],
    ["the newest removed", sql("DELETE FROM audit WHERE sequence > 8"), 9, true],
    ["all removed", sql("DELETE FROM audit"), 1, true],
    [
      "the newest removed, and the end set back",
      sql(`DELETE FROM audit WHERE sequence > 8;
           UPDATE audit_head SET sequence = 8, hash = (SELECT hash FROM audit WHERE sequence = 8)`),
      1,
      false,
    ],
    [
      "the oldest removed, as if for their age",
      sql(`UPDATE audit_head SET cut_sequence = 3, cut_hash = (SELECT hash FROM audit WHERE sequence = 3);
           DELETE FROM audit WHERE sequence <= 3`),
      4,
      false,
    ],
    ["a seal removed", sql("UPDATE audit SET seal = NULL WHERE sequence = 4"), 4, false],
    ["everything removed, the end too", sql("DELETE FROM audit; DELETE FROM audit_head"), 1, false],
    ["a chain made anew", (folder) => rewriteFrom(folder, 4), 4, false],
    ["a new file", (folder) => rmSync(join(folder, "state.db")), 1, false],
  ];

  for (const [name, tamper, broken, withoutKey] of cases) {
    test(name, async () => {
      const log = await newLog();
      for (let i = 0; i < 10; i++) log.audit.append(entry(`session ${i}`));
      log.close();
      tamper(log.folder);

      const again = log.reopen();
      expect(() => again.audit.list()).not.toThrow();
      const locked = await again.audit.verify();
      expect(locked.broken).toBe(withoutKey ? broken : undefined);
      await again.vault.unlock();
      const verdict = await again.audit.verify();
      expect(verdict).toMatchObject({ broken, reason: expect.any(String) });
      // It stays found: what follows is not sealed over it.
      again.audit.append(entry());
      again.vault.lock();
      await again.vault.unlock();
      again.audit.append(entry());
      expect((await again.audit.verify()).broken).toBe(broken);
      again.close();
    });
  }

  test("an older file put back", async () => {
    const log = await newLog();
    for (let i = 0; i < 5; i++) log.audit.append(entry());
    log.vault.lock();
    log.state.database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    copyFileSync(join(log.folder, "state.db"), join(log.folder, "older.db"));
    await log.vault.unlock();
    for (let i = 0; i < 5; i++) log.audit.append(entry());
    log.close();
    copyFileSync(join(log.folder, "older.db"), join(log.folder, "state.db"));
    const again = log.reopen();
    await again.vault.unlock();
    expect(await again.audit.verify()).toMatchObject({ broken: 6, reason: "the newest records are missing" });
  });

  test("removal behind the back of a running agent", async () => {
    const { audit, state } = await newLog();
    for (let i = 0; i < 5; i++) audit.append(entry());
    state.database.exec("DELETE FROM audit WHERE sequence = 5");
    audit.append(entry());
    expect(await audit.verify()).toMatchObject({ broken: 5, reason: "records are missing" });
  });
});

test("another agent's records are gone on after, not overwritten", async () => {
  const log = await newLog();
  const other = openAudit(log.state, log.clock);
  log.audit.append(entry("one"));
  other.append(entry("two"));
  log.audit.append(entry("three"));
  expect(log.audit.list().map(({ sessionName }) => sessionName)).toEqual(["one", "two", "three"]);
});

test("nothing of the seal's key is in the state file", async () => {
  const log = await newLog();
  log.audit.append(entry());
  const key = log.vault.derive("audit log");
  log.close();
  const bytes = readFileSync(join(log.folder, "state.db"));
  expect(bytes.includes(key)).toBe(false);
  expect(bytes.includes(key.toString("hex"))).toBe(false);
});
