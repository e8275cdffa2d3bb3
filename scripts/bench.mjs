// Builds, makes the two small C programs that the measurements need, measures, writes bench/RESULTS.md.
//
//   npm run bench                     about two minutes
//   npm run bench -- --full           also the app's window (its memory after `npm run test:native`), and a sync of 2,000 accounts: 100 s by the rate limit alone
//   npm run bench -- --rounds 30      fewer rounds (150 at first), --out FILE: elsewhere, --only NAME: one part
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { cFlags, hostCompiler } from "./compiler.mjs";
import { ask, bun, ensureInstalled, root, run } from "./run.mjs";

ensureInstalled();
if (run(process.execPath, ["scripts/build.mjs"]) !== 0) process.exit(1);

const compiler = hostCompiler();
if (!compiler) {
  console.error("the benchmark needs a C compiler, as the launcher does: install musl-tools or gcc");
  process.exit(1);
}
const tools = join(root, "node_modules/.cache/bench");
mkdirSync(tools, { recursive: true });
for (const name of ["spawn", "client"]) {
  const [command, ...flags] = compiler;
  if (run(command, [...flags, ...cFlags, "-o", join(tools, name), `bench/${name}.c`]) !== 0) process.exit(1);
}
// The window's yardstick takes the libraries that the app takes, and gcc, which finds them.
const webkit = ask("pkg-config", ["--cflags", "--libs", "webkit2gtk-4.1"]);
if (webkit && ask("gcc", ["--version"]))
  run("gcc", ["-O2", "bench/webview.c", "-o", join(tools, "webview"), ...webkit.trim().split(/\s+/)]);
process.exitCode = run(bun, ["bench/main.ts", "--tools", tools, ...process.argv.slice(2)], {
  env: { ...process.env, BENCH_NODE: process.execPath, BENCH_COMPILER: compiler.join(" ") },
});
