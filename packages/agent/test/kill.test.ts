/** `kill -9` at random moments: afterwards everything opens, and each thing is as before or as after. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../core/src/database.ts";
import { migrate } from "../../core/src/state/migrations.ts";
import { openState } from "../../core/src/state/state.ts";
import { openVault } from "../../core/src/vault/vault.ts";
import { scratchFolder } from "../../core/test/scratch.ts";
import { openAudit } from "../src/audit.ts";
import { systemClock as clock } from "../src/platform/clock.ts";
import { auditLimits, fileStore, passphrases, readVaultValue, slowSteps } from "./kill-work.ts";

const child = join(import.meta.dir, "kill-child.ts");
const seed = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** KILL_RUNS=10 makes ten times as many. */
const times = Number(process.env.KILL_RUNS ?? 1);

/** Mulberry32: the same seed, the same moments. */
let drawn = seed;
function random(): number {
  drawn = (drawn + 0x6d2b79f5) | 0;
  let t = Math.imul(drawn ^ (drawn >>> 15), 1 | drawn);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

/** The lines that the child had printed when it was killed, up to `within` ms after it started. */
async function killed(mode: string, folder: string, within: number, key?: Buffer): Promise<string[]> {
  const process_ = Bun.spawn([process.execPath, child, mode, folder], {
    stdin: key ? Buffer.from(key.toString("base64")) : "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const timer = setTimeout(() => process_.kill("SIGKILL"), 15 + random() * within);
  const out = await new Response(process_.stdout).text();
  const error = await new Response(process_.stderr).text();
  await process_.exited;
  clearTimeout(timer);
  if (error) throw new Error(`seed ${seed}: ${error}`);
  return out.split("\n").slice(0, -1);
}

function kill(mode: string, runs: number, each: (folder: string, run: number) => Promise<void>): void {
  test(
    `${runs * times} times during ${mode} (KILL_SEED=${seed})`,
    async () => {
      const folder = scratchFolder();
      for (let run = 0; run < runs * times; run++) await each(folder, run);
    },
    60_000 * times,
  );
}

async function newVault(folder: string): Promise<Buffer> {
  const vault = openVault({ file: join(folder, "vault.db"), clock });
  await vault.create({ passphrase: passphrases[0] });
  const key = vault.exportKey();
  vault.close();
  return key;
}

let key: Buffer;

/** The number in each record, as acknowledged or as found after the run before. */
const known = new Map<string, number>();

kill("vault writes", 30, async (folder, run) => {
  if (run === 0) key = await newVault(folder);
  const first = known.has("record-0") ? (known.get("record-0") as number) + 8 : 0;
  const acknowledged = (await killed("vault writes", folder, 80, key)).map(Number);
  for (const n of acknowledged) known.set(`record-${n % 8}`, n);
  // At most this one was being written.
  const next = (acknowledged.at(-1) ?? first - 1) + 1;
  const vault = openVault({ file: join(folder, "vault.db"), clock });
  vault.unlockWithKey(key);
  for (const name of new Set([...known.keys(), ...vault.names()])) {
    const n = readVaultValue(vault.get(name));
    if (n !== known.get(name)) expect([name, n]).toEqual([`record-${next % 8}`, next]);
    known.set(name, n);
  }
  vault.close();
});

kill("vault creation", 10, async (parent, run) => {
  const folder = join(parent, String(run));
  mkdirSync(folder);
  const acknowledged = await killed("vault creation", folder, 60);
  for (const name of readdirSync(folder)) {
    const vault = openVault({
      file: join(folder, name, "vault.db"),
      store: fileStore(join(folder, name)),
      clock,
    });
    const made = vault.status().state !== "absent";
    if (acknowledged.includes(name)) expect(made).toBe(true);
    if (!made) await vault.create();
    await vault.unlock();
    vault.set("one", "1");
    expect(vault.get("one")).toBe("1");
    vault.close();
  }
});

kill("passphrase changes", 10, async (folder, run) => {
  if (run === 0) key = await newVault(folder);
  const acknowledged = await killed("passphrase changes", folder, 500, key);
  const opened: string[] = [];
  for (const passphrase of passphrases) {
    const vault = openVault({ file: join(folder, "vault.db"), clock });
    await vault.unlock(passphrase).then(
      () => opened.push(passphrase),
      () => {},
    );
    vault.close();
  }
  expect(opened.length).toBe(1);
  expect(acknowledged.every((one) => passphrases.includes(one as (typeof passphrases)[number]))).toBe(true);
});

kill("audit records", 25, async (folder, run) => {
  if (run === 0) key = await newVault(folder);
  const newest = Number((await killed("audit records", folder, 80, key)).at(-1) ?? 0);
  const state = openState(join(folder, "state.db"), clock);
  const vault = openVault({ file: join(folder, "vault.db"), clock });
  const audit = openAudit(state, clock, vault, auditLimits);
  expect((await audit.verify()).broken).toBeUndefined();
  vault.unlockWithKey(key);
  const { records, sealed, broken } = await audit.verify();
  expect({ broken, sealed }).toEqual({ broken: undefined, sealed: records });
  expect(audit.list({ limit: 1 })[0]?.sequence ?? 0).toBeGreaterThanOrEqual(newest);
  vault.close();
  state.close();
});

kill("state creation", 10, async (parent, run) => {
  const folder = join(parent, String(run));
  mkdirSync(folder);
  await killed("state creation", folder, 25);
  const state = openState(join(folder, "state.db"), clock);
  expect(state.profiles.list()).toEqual(["default"]);
  state.close();
});

kill("migrations", 15, async (parent, run) => {
  const folder = join(parent, String(run));
  mkdirSync(folder);
  await killed("migrations", folder, 120);
  const file = join(folder, "state.db");
  const existed = existsSync(file);
  const database = openDatabase(file, { what: "state file", synchronous: "normal", code: "file" });
  const tables = database.statement("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  if (existed && tables.some(({ name }) => name === "migrations")) {
    const steps = database.statement<{ n: number }>("SELECT count(*) AS n FROM migrations").get()?.n ?? 0;
    if (steps > 0) {
      expect(
        database.statement("SELECT min(n) AS least, max(n) AS most, count(*) AS rows FROM things").get(),
      ).toMatchObject({
        least: steps - 1,
        most: steps - 1,
        rows: 2_000,
      });
    } else expect(tables.some(({ name }) => name === "things")).toBe(false);
  }
  migrate(database, clock, slowSteps);
  expect(database.statement("SELECT sum(n) AS sum FROM things").get()).toMatchObject({ sum: 2_000 * 5 });
  database.close();
});
