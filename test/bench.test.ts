/** That `npm run bench` measures and writes its table; how fast things are is not for a test. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./support/leapp.ts";

const possible = ["musl-gcc", "gcc", "cc"].some((name) => Bun.which(name)) && Bun.which("node") !== null;
const real = possible || process.env.CI === "true" ? test : test.skip;

real(
  "npm run bench, with one round of everything",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "leapp-bench-"));
    try {
      const out = join(folder, "RESULTS.md");
      const { status, stderr } = spawnSync("node", ["scripts/bench.mjs", "--rounds", "1", "--out", out], {
        cwd: root,
        encoding: "utf8",
      });
      expect({ status, stderr }).toMatchObject({ status: 0 });
      const table = readFileSync(out, "utf8")
        .split("\n")
        .filter((line) => line.startsWith("| "))
        .map((line) => line.split(" | "));
      const value = (name: string) =>
        Number.parseFloat(table.find(([first]) => first?.includes(name))?.[1] ?? "");
      const measured = [
        "minimal C client",
        "/bin/true",
        "leapp-core alone",
        "10,000 sessions / with 10",
        "session list --json",
        "memory of the agent",
        "200 callers at once /",
        "vault by passphrase, IAM user",
        "editing a config",
      ];
      expect(measured.filter((name) => !(value(name) > 0))).toEqual([]);
      // Not a time: 200 callers that find nothing cached share one call.
      expect(value("calls to AWS")).toBe(1);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  120_000,
);
