/** What kill-child.ts does and kill.test.ts checks. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SecretStore } from "../../core/src/ports.ts";
import type { Migration } from "../../core/src/state/migrations.ts";

export const passphrases = ["correct horse battery", "another passphrase"] as const;
export const auditLimits = { keep: 40, batch: 10 };

/** A value of many pages, with a digest of itself. */
export function vaultValue(n: number): string {
  const text = String(n).repeat(1 + ((n * 7919) % 4_000));
  return JSON.stringify({ n, text, digest: createHash("sha256").update(text).digest("hex") });
}

/** The number in a whole value; anything else throws. */
export function readVaultValue(value: string | undefined): number {
  const { n } = JSON.parse(value ?? "") as { n: number };
  if (value !== vaultValue(n)) throw new Error("half a value");
  return n;
}

/** The first makes 2,000 rows of 0; each later one adds 1 to every row, one by one. */
export const slowSteps: readonly Migration[] = [
  `CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, text TEXT NOT NULL);
   WITH RECURSIVE count(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM count WHERE i < 2000)
   INSERT INTO things SELECT i, 0, hex(randomblob(100)) FROM count`,
  ...Array.from(
    { length: 5 },
    (): Migration => (database) => {
      const add = database.statement("UPDATE things SET n = n + 1, text = text || text WHERE id = ?");
      for (let id = 1; id <= 2_000; id++) add.run(id);
    },
  ),
];

/** A keychain that a killed process leaves behind for the next one: a file for each item. */
export function fileStore(folder: string): SecretStore {
  const path = (name: string) => join(folder, `${name.replaceAll(" ", "-")}.item`);
  return {
    label: "test keychain",
    get: async (name) => (existsSync(path(name)) ? readFileSync(path(name), "utf8") : undefined),
    set: async (name, value) => writeFileSync(path(name), value),
    delete: async () => {},
  };
}
