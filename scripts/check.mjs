// Types, format and the import rules: everything about the sources that needs no run.
import { ensureInstalled, run } from "./run.mjs";

ensureInstalled();
const failed = [
  ["npx", ["tsc", "-p", "."]],
  ["npx", ["tsc", "-p", "packages/desktop/ui"]],
  ["npx", ["biome", "format", "packages", "scripts", "test", "bench"]],
  [process.execPath, ["scripts/check-layers.mjs"]],
].filter(([command, args]) => run(command, args) !== 0);
for (const [, args] of failed) console.error(`failed: ${args.join(" ")}`);
process.exit(failed.length ? 1 : 0);
