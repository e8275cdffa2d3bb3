import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const script = join(import.meta.dir, "../scripts/check-layers.mjs");
const scratch = mkdtempSync(join(tmpdir(), "leapp-layers-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** What the check says about a project of these files. */
function check(files: Record<string, string>): { exitCode: number; breaches: string[] } {
  const root = mkdtempSync(join(scratch, "project-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const { exitCode, stderr } = Bun.spawnSync(["node", script, root]);
  return { exitCode, breaches: stderr.toString().trim().split("\n").filter(Boolean) };
}

describe("the import rules", () => {
  const cases: [string, string, string][] = [
    [
      "packages/cli/src/a.ts",
      'import { openVault } from "../../core/src/vault/vault.ts";',
      "cli must not import vault",
    ],
    [
      "packages/cli/src/a.ts",
      'const x = await import("../../agent/src/service.ts");',
      "cli must not import agent",
    ],
    [
      "packages/cli/src/a.ts",
      'export * from "../../agent/src/platform/keychain.ts";',
      "cli must not import agent/platform",
    ],
    [
      "packages/desktop/host/a.ts",
      'import {\n  start,\n} from "../../sandbox/src/server.ts";',
      "desktop/host must not import sandbox",
    ],
    ["packages/cli/src/a.ts", 'import chalk from "chalk";', "cli must not use the package chalk"],
    ["packages/core/src/aws/a.ts", 'import "../vault/vault.ts";', "aws must not import vault"],
    [
      "packages/core/src/delivery/a.ts",
      'import type { Clock } from "../ports.ts";',
      "delivery must not import ports",
    ],
    [
      "packages/core/src/aws/a.ts",
      "const home = process.env.HOME;",
      "core is given what it needs and never looks at the process",
    ],
    [
      "packages/core/src/aws/a.ts",
      'import { connect } from "node:net";',
      "core has no sockets and no terminal",
    ],
    [
      "packages/agent/src/a.ts",
      "const bytes = Bun.file(path);",
      "Bun's own API belongs in packages/agent/src/platform/",
    ],
    ["packages/agent/src/a.ts", 'import { cli } from "../../cli/src/main.ts";', "agent must not import cli"],
    ["packages/new/src/a.ts", "", "lies in no area; add a row to scripts/check-layers.mjs"],
  ];
  for (const [file, text, rule] of cases) {
    test(`${file}: ${text.replace(/\s+/g, " ")}`, () => {
      const line = file.startsWith("packages/new") ? 1 : 3;
      expect(check({ [file]: `// first line\n\n${text}\n` })).toEqual({
        exitCode: 1,
        breaches: [`${file}:${line}: ${rule}`],
      });
    });
  }

  test("let through what they allow, and what is only said in a comment or a string", () => {
    const allowed = {
      "packages/cli/src/a.ts":
        'import { connectAgent } from "../../agent/src/client.ts";\nawait import("../../agent/src/main.ts");\n' +
        'import { join } from "node:path";\nimport { version } from "../../../package.json";',
      "packages/agent/src/a.ts":
        'import { openVault } from "../../core/src/vault/vault.ts"; // not Bun.file\n/* Bun.serve */\n' +
        'const text = "imported from", other = "chalk";',
      "packages/agent/src/platform/a.ts": 'import { dlopen } from "bun:ffi";\nBun.gc();',
      "packages/core/src/aws/a.ts": 'await import("@aws-sdk/client-sts");',
    };
    expect(check(allowed)).toEqual({ exitCode: 0, breaches: [] });
  });
});
