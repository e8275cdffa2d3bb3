import { expect, test } from "bun:test";
import { exitCodes } from "../../core/src/errors.ts";
import { exitCodeTable } from "../src/exit-codes.ts";
import { parseSince } from "../src/commands/log.ts";
import { join } from "node:path";

const root = join(import.meta.dirname, "../../..");

test("man page and completions are what the command table gives", () => {
  const made = Bun.spawnSync([process.execPath, join(root, "scripts/generate-docs.ts"), "--check"]);
  expect(made.stderr.toString()).toBe("");
  expect(made.exitCode).toBe(0);
});

test("every exit code is explained, once", () => {
  expect(exitCodeTable.map(({ exit }) => exit)).toEqual(
    [0, ...Object.values(exitCodes)].sort((a, b) => a - b),
  );
});

test("--since takes spans and dates", () => {
  const now = Date.parse("2026-03-10T12:00:00Z");
  expect(parseSince("2h", now)).toBe("2026-03-10T10:00:00.000Z");
  expect(parseSince("7d", now)).toBe("2026-03-03T12:00:00.000Z");
  expect(parseSince("2026-01-31T00:00:00Z", now)).toBe("2026-01-31T00:00:00.000Z");
  expect(() => parseSince("yesterday-ish", now)).toThrow("is not a time");
});
