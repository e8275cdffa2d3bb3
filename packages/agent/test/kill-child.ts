/**
 * Run by kill.test.ts and killed at any moment. `MODE FOLDER`, the vault's key (base64) on stdin where one is needed.
 * Prints a line after each thing that is done for good.
 */
import { mkdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../core/src/database.ts";
import { migrate } from "../../core/src/state/migrations.ts";
import { openState } from "../../core/src/state/state.ts";
import { openVault } from "../../core/src/vault/vault.ts";
import { openAudit } from "../src/audit.ts";
import { systemClock as clock } from "../src/platform/clock.ts";
import { auditLimits, fileStore, passphrases, slowSteps, vaultValue } from "./kill-work.ts";

const [mode, folder] = process.argv.slice(2) as [string, string];
const vaultFile = join(folder, "vault.db");
const stateFile = join(folder, "state.db");
const done = (what: unknown) => writeSync(1, `${what}\n`);

function openedVault() {
  const vault = openVault({ file: vaultFile, clock });
  vault.unlockWithKey(Buffer.from(readFileSync(0, "utf8"), "base64"));
  return vault;
}

const modes: Record<string, () => void | Promise<void>> = {
  "vault writes"() {
    const vault = openedVault();
    const before = vault.get("record-0");
    const first = before ? (JSON.parse(before).n as number) + 8 : 0;
    for (let n = first; ; n++) {
      vault.set(`record-${n % 8}`, vaultValue(n));
      done(n);
    }
  },
  async "vault creation"() {
    for (let n = 0; ; n++) {
      const own = join(folder, String(n));
      mkdirSync(own);
      await openVault({ file: join(own, "vault.db"), store: fileStore(own), clock }).create();
      done(n);
    }
  },
  async "passphrase changes"() {
    const vault = openedVault();
    for (;;) {
      for (const [from, to] of [passphrases, [passphrases[1], passphrases[0]]] as [string, string][]) {
        // Whichever it was when the one before was killed.
        await vault.changePassphrase(from, to).then(
          () => done(to),
          () => {},
        );
      }
    }
  },
  "audit records"() {
    const state = openState(stateFile, clock);
    const audit = openAudit(state, clock, openedVault(), auditLimits);
    for (;;) {
      audit.append({
        sessionId: "s",
        sessionName: "dev",
        method: "credential-process",
        callers: [{ pid: 1 }],
      });
      done(audit.list({ limit: 1 })[0]?.sequence);
    }
  },
  "state creation"() {
    openState(stateFile, clock);
    done("made");
  },
  migrations() {
    const database = openDatabase(stateFile, { what: "state file", synchronous: "normal", code: "file" });
    migrate(database, clock, slowSteps);
    done("migrated");
  },
};

await modes[mode]?.();
