/**
 * Writes the man page and the completion scripts from the command table.
 *
 *   bun scripts/generate-docs.ts            writes docs/man and docs/completions
 *   bun scripts/generate-docs.ts --check    writes nothing; exit 1 when a file is not what would be written
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { commands } from "../packages/cli/src/commands/index.ts";
import { completionScript } from "../packages/cli/src/complete.ts";
import { manPage } from "../packages/cli/src/man.ts";

const root = dirname(import.meta.dirname);
const made: Record<string, string> = {
  "docs/man/leapp.1": manPage(commands),
  "docs/completions/leapp.bash": `${completionScript("bash")}\n`,
  "docs/completions/_leapp": `${completionScript("zsh")}\n`,
  "docs/completions/leapp.fish": `${completionScript("fish")}\n`,
  "docs/completions/leapp.ps1": `${completionScript("powershell")}\n`,
};

let stale = 0;
for (const [name, text] of Object.entries(made)) {
  const path = join(root, name);
  if (process.argv.includes("--check")) {
    if (read(path) === text) continue;
    console.error(`${name} is not up to date; run: bun scripts/generate-docs.ts`);
    stale++;
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
process.exit(stale > 0 ? 1 : 0);

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
