/**
 * The record of every credential that left. Each record holds the hash of the one before it; while the vault is
 * open, records and the end of the log are sealed with a key from it, so that a rewritten chain or a missing end
 * shows. What that can and cannot find is in docs/spec/state.md.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../core/src/ports.ts";
import type { AuditRecord } from "../../core/src/model.ts";
import type { State } from "../../core/src/state/state.ts";
import type { Vault } from "../../core/src/vault/vault.ts";

/** `at` is filled in where it is absent. */
export type AuditEntry = Omit<AuditRecord, "sequence" | "previous" | "hash" | "at"> & { at?: string };

export interface AuditVerdict {
  /** Records looked at. */
  records: number;
  /** How many of them are vouched for by the vault's key too; 0 while the vault is locked. */
  sealed: number;
  /** The first record that does not fit, or the first one that is missing. */
  broken?: number;
  reason?: string;
}

export interface Audit {
  /** About 50 µs. @throws LeappError `file` when the record cannot be written. */
  append(entry: AuditEntry): void;
  /** The newest `limit` (all when absent) of those that match, oldest first. `session` is an id, `since` inclusive. */
  list(filter?: { session?: string; since?: string; limit?: number }): AuditRecord[];
  /** Reads the whole log, in slices, so that the agent goes on answering. */
  verify(): Promise<AuditVerdict>;
}

interface AuditRow {
  sequence: number;
  at: string;
  session_id: string;
  body: string;
  previous: Uint8Array;
  hash: Uint8Array;
  seal: Uint8Array | null;
}

/** The end of the log as it was sealed last, and the last record that was dropped for its age. */
interface Head {
  cut_sequence: number;
  cut_hash: Uint8Array;
  sequence: number;
  hash: Uint8Array;
  seal: Uint8Array | null;
}

type Fault = Required<Pick<AuditVerdict, "broken" | "reason">>;

interface Place {
  sequence: number;
  hash: Uint8Array;
}

/** A copy of the end in the vault, renewed whenever it opens or locks: an older state file put back does not fit it. */
const anchorRecord = "audit/end";
const nothing = new Uint8Array(32);
const sliceRows = 1_000;

/**
 * @param vault seals what it can while it is unlocked; without one there is the chain alone.
 * @param keep this many records at least; older ones are dropped in batches of `batch`.
 */
export function openAudit(
  state: Pick<State, "database">,
  clock: Clock,
  vault?: Vault,
  { keep = 200_000, batch = 1_000 } = {},
): Audit {
  const { database } = state;
  const insert = database.statement("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)");
  const newest = database.statement<Place>("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1");
  const placeOf = database.statement<Place>("SELECT sequence, hash FROM audit WHERE sequence = ?");
  const slice = database.statement<AuditRow>(
    `SELECT * FROM audit WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ${sliceRows}`,
  );
  const headRow = database.statement<Head>("SELECT * FROM audit_head");
  const putHead = database.statement("INSERT OR REPLACE INTO audit_head VALUES (1, ?, ?, ?, ?, ?)");
  const putSeal = database.statement("UPDATE audit SET seal = ? WHERE sequence = ?");
  const drop = database.statement("DELETE FROM audit WHERE sequence <= ?");

  const head = (): Head =>
    headRow.get() ?? { cut_sequence: 0, cut_hash: nothing, sequence: 0, hash: nothing, seal: null };
  const end = (): Place => newest.get() ?? { sequence: head().cut_sequence, hash: head().cut_hash };

  // Kept in memory, so that a record removed behind the agent's back leaves a gap instead of being built over.
  let last = end();
  let cut: Place = { sequence: head().cut_sequence, hash: head().cut_hash };
  /** There only while the vault is open and the log was found whole. */
  let key: Buffer | undefined;
  vault?.watch({ unlocked: attach, locking: detach });

  function append(entry: AuditEntry): void {
    try {
      write(entry);
    } catch (error) {
      // Another agent wrote meanwhile (one that makes way for this one): go on after its last record.
      if (!placeOf.get(last.sequence + 1)) throw error;
      last = end();
      write(entry);
    }
  }

  function write({ at = new Date(clock.now()).toISOString(), sessionId, ...rest }: AuditEntry): void {
    const sequence = last.sequence + 1;
    const body = canonical(rest);
    const row = { sequence, at, session_id: sessionId, body, previous: last.hash };
    const next = { sequence, hash: hashOf(row) };
    let nextCut = cut;
    database.transaction(() => {
      insert.run(sequence, at, sessionId, body, last.hash, next.hash, key ? sealOf(key, next.hash) : null);
      if (!key) return;
      const old = sequence - keep >= cut.sequence + batch ? placeOf.get(sequence - keep) : undefined;
      if (old) {
        drop.run(old.sequence);
        nextCut = old;
      }
      sealHead(key, nextCut, next);
    });
    last = next;
    cut = nextCut;
  }

  function sealHead(by: Buffer, from: Place, to: Place): void {
    putHead.run(from.sequence, from.hash, to.sequence, to.hash, headSeal(by, from, to));
  }

  /** Seals what was written while the vault was locked, unless the log does not fit what was sealed before. */
  function attach(): void {
    const opened = vault as Vault;
    const candidate = opened.derive("audit log");
    const sealed = head();
    const broken = misfit(candidate, sealed, anchorOf(opened)) ?? chainFault(sealed);
    if (broken) {
      candidate.fill(0);
      return;
    }
    database.transaction(() => {
      for (const row of rowsAfter(sealed.sequence)) putSeal.run(sealOf(candidate, row.hash), row.sequence);
      last = end();
      sealHead(candidate, cut, last);
    });
    key = candidate;
    anchor();
  }

  function detach(): void {
    if (!key) return;
    key.fill(0);
    key = undefined;
    anchor();
  }

  function anchor(): void {
    // The copy in the vault must never be ahead of what a power cut leaves of the log: a checkpoint syncs it.
    database.exec("PRAGMA wal_checkpoint(PASSIVE)");
    const text = JSON.stringify({ sequence: last.sequence, hash: hex(last.hash) });
    if (vault?.get(anchorRecord) !== text) vault?.set(anchorRecord, text);
  }

  /** What of the log's ends does not fit the seals, if anything. */
  function misfit(by: Buffer, sealed: Head, anchor: Place | undefined): Fault | undefined {
    const from = { sequence: sealed.cut_sequence, hash: sealed.cut_hash };
    const first = from.sequence + 1;
    if (!sealed.seal) return anchor && { broken: first, reason: "the log's seal was removed" };
    if (!same(sealed.seal, headSeal(by, from, sealed)))
      return { broken: first, reason: "the log's seal was changed" };
    for (const place of anchor ? [sealed, anchor] : [sealed]) {
      if (place.sequence < from.sequence) continue;
      const found = place.sequence === from.sequence ? from : placeOf.get(place.sequence);
      if (!found) return { broken: end().sequence + 1, reason: "the newest records are missing" };
      if (!same(found.hash, place.hash))
        return { broken: place.sequence, reason: "the log was replaced by another one" };
    }
    return undefined;
  }

  /** The first fault of the chain after the sealed end. */
  function chainFault(sealed: Head): string | undefined {
    let before: Place = sealed;
    for (const row of rowsAfter(sealed.sequence)) {
      const fault = faultOf(row, before);
      if (fault) return fault;
      before = row;
    }
    return undefined;
  }

  function* rowsAfter(sequence: number): Generator<AuditRow> {
    for (let from = sequence; ; ) {
      const rows = slice.all(from, Number.MAX_SAFE_INTEGER);
      yield* rows;
      if (rows.length < sliceRows) return;
      from = (rows.at(-1) as AuditRow).sequence;
    }
  }

  async function verify(): Promise<AuditVerdict> {
    const opened = vault?.isUnlocked ? vault : undefined;
    const by = opened?.derive("audit log");
    try {
      const sealed = head();
      const anchor = opened && anchorOf(opened);
      const until = last.sequence;
      const verdict: AuditVerdict = { records: 0, sealed: 0 };
      let before: Place = { sequence: sealed.cut_sequence, hash: sealed.cut_hash };
      for (;;) {
        const rows = slice.all(before.sequence, until);
        for (const row of rows) {
          const wanted = by && row.sequence <= sealed.sequence ? sealOf(by, row.hash) : undefined;
          const fault =
            faultOf(row, before) ?? (wanted && !(row.seal && same(row.seal, wanted)) ? rewritten : undefined);
          if (fault && head().cut_sequence > before.sequence) return verify();
          if (fault)
            return { ...verdict, broken: Math.min(row.sequence, before.sequence + 1), reason: fault };
          verdict.records++;
          if (wanted) verdict.sealed++;
          before = row;
        }
        if (rows.length < sliceRows) break;
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (before.sequence < Math.max(until, sealed.sequence)) {
        return { ...verdict, broken: before.sequence + 1, reason: "the newest records are missing" };
      }
      return { ...verdict, ...(by && misfit(by, sealed, anchor)) };
    } finally {
      by?.fill(0);
    }
  }

  return {
    append,
    list({ session, since, limit = -1 } = {}) {
      const where = [session === undefined ? "" : "session_id = ?", since === undefined ? "" : "at >= ?"];
      const condition = where.filter(Boolean).join(" AND ") || "TRUE";
      const parameters = [session, since].filter((one) => one !== undefined);
      return database
        .statement<AuditRow>(`SELECT * FROM audit WHERE ${condition} ORDER BY sequence DESC LIMIT ?`)
        .all(...parameters, limit)
        .reverse()
        .map((row) => ({ ...(readable(row) ?? unreadable(row)), hash: hex(row.hash) }));
    },
    verify,
  };
}

const rewritten = "the record was changed and its hash made anew";

/** Why this row cannot follow `before`. */
function faultOf(row: AuditRow, before: Place): string | undefined {
  if (row.sequence !== before.sequence + 1) return "records are missing";
  if (!same(row.previous, before.hash)) return "the record does not follow the one before it";
  if (!same(row.hash, hashOf(row))) return "the record was changed";
  return undefined;
}

function anchorOf(vault: Vault): Place | undefined {
  const text = vault.get(anchorRecord);
  if (text === undefined) return undefined;
  const { sequence, hash } = JSON.parse(text) as { sequence: number; hash: string };
  return { sequence, hash: Buffer.from(hash, "hex") };
}

/** The record without its hash. */
function fieldsOf(row: Omit<AuditRow, "hash" | "seal">): Omit<AuditRecord, "hash"> {
  const { sequence, at, session_id: sessionId, body, previous } = row;
  return { sequence, at, sessionId, ...JSON.parse(body), previous: hex(previous) };
}

function readable(row: Omit<AuditRow, "hash" | "seal">): Omit<AuditRecord, "hash"> | undefined {
  try {
    return fieldsOf(row);
  } catch {
    return undefined;
  }
}

/** A record that somebody broke is shown as such; `verify` says the rest. */
function unreadable(row: AuditRow): Omit<AuditRecord, "hash"> {
  const body = JSON.stringify({ sessionName: "(unreadable)", method: "unreadable", callers: [] });
  return fieldsOf({ ...row, body });
}

function hashOf(row: Omit<AuditRow, "hash" | "seal">): Buffer {
  const fields = readable(row);
  return createHash("sha256")
    .update(fields ? canonical(fields) : "unreadable")
    .digest();
}

function sealOf(key: Buffer, hash: Uint8Array): Buffer {
  return createHmac("sha256", key).update("record\0").update(hash).digest();
}

function headSeal(key: Buffer, cut: Place, end: Place): Buffer {
  return createHmac("sha256", key)
    .update(`end\0${cut.sequence}\0${hex(cut.hash)}\0${end.sequence}\0${hex(end.hash)}`)
    .digest();
}

/** JSON with sorted keys and no blanks (RFC 8785 for the strings and whole numbers that occur here). */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`);
  return `{${fields.join(",")}}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
