/** All measurements in one run, as a table on stdout and in bench/RESULTS.md. Started by scripts/bench.mjs. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../test/support/leapp.ts";
import { run as burst } from "./burst.ts";
import { run as coldStart } from "./cold-start.ts";
import { run as configEdit } from "./config-edit.ts";
import { run as generate } from "./generate.ts";
import { type Bench, digits, type Result, startSpawner } from "./measure.ts";
import { run as sync } from "./sync.ts";
import { startAws } from "./workspace.ts";

const parts: Record<string, (bench: Bench) => Promise<Result[]>> = {
  generate,
  burst,
  "cold-start": coldStart,
  "config-edit": configEdit,
};

const { values: options } = parseArgs({
  options: {
    tools: { type: "string" },
    rounds: { type: "string", default: "150" },
    full: { type: "boolean", default: false },
    only: { type: "string" },
    out: { type: "string", default: join(root, "bench/RESULTS.md") },
  },
});
const rounds = Number(options.rounds);
const tools = options.tools;
if (!tools || !(rounds >= 1)) throw new Error("start it by: npm run bench -- [--rounds N]");
// What they need of the machine is looked for when they are loaded.
if (options.full) {
  parts.window = async () => (await import("./window.ts")).run();
  parts.memory = async (bench) => (await import("./memory.ts")).run(bench);
  parts.sync = sync;
}
const chosen = Object.entries(parts).filter(([name]) => !options.only || name === options.only);
// The machine's own settings would lead elsewhere.
for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];

const node = process.env.BENCH_NODE ?? (Bun.which("node") as string);
const aws = await startAws();
const spawner = startSpawner(join(tools, "spawn"), tmpdir());
const results: Result[] = [];
try {
  for (const [name, part] of chosen) {
    const begun = performance.now();
    const rows = await part({
      spawner,
      aws,
      client: join(tools, "client"),
      webview: join(tools, "webview"),
      node,
      rounds,
    });
    results.push(...rows);
    console.log(`\n${name}, ${((performance.now() - begun) / 1000).toFixed(0)} s`);
    for (const row of rows)
      console.log(`  ${verdict(row).padEnd(7)} ${row.name}: ${show(row)} (${row.detail})`);
  }
} finally {
  spawner.stop();
  aws.stop();
}
if (!options.only || options.out !== join(root, "bench/RESULTS.md")) writeFileSync(options.out, report());

function show({ value, unit }: Result): string {
  return unit === "times" ? digits(value) : `${unit === "calls" ? value : digits(value)} ${unit}`;
}

function verdict({ value, goal }: Result): string {
  return goal === undefined ? "" : value <= goal ? "met" : "MISSED";
}

function report(): string {
  // Behind --tools and its folder.
  const given = process.argv.slice(4);
  const said = (command: string, ...args: string[]) =>
    spawnSync(command, args, { encoding: "utf8" }).stdout?.split("\n")[0]?.trim() ?? "?";
  const goalOf = ({ goal, unit }: Result) =>
    goal === undefined
      ? ""
      : `≤ ${goal < 0.1 ? `1/${Math.round(1 / goal)}` : goal}${unit === "MB" ? " MB" : ""}`;
  const rows = results.map((row) => [row.name, show(row), goalOf(row), verdict(row), row.detail].join(" | "));
  return `# Results

Written by \`${["npm run bench", ...(given.length ? ["--", ...given] : [])].join(" ")}\`; how each is measured stands in the files beside this one.

- ${new Date().toISOString().slice(0, 10)}; ${said(join(root, "dist/leapp"), "version")}
- ${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()} ${process.arch}
- load average at the end ${loadavg()
    .map((load) => load.toFixed(1))
    .join(", ")}
- node ${said(node, "--version")}, bun ${Bun.version}, C programs by \`${process.env.BENCH_COMPILER ?? "?"}\`

A ratio is the median of the ratios of each round's pair; a round runs every program once, in an order drawn anew.
Programs of half a millisecond have rounds of their own, those beside \`node -e 0\` theirs: after 30 ms of another
program every cache is cold. Absolute values are medians of this machine, told as background.

What a first call takes longer with a passphrase than with a keychain is the derivation of the vault's key (Argon2id,
64 MiB), which is meant to be slow.

| measured | value | goal | | absolute |
|---|---|---|---|---|
${rows.map((row) => `| ${row} |`).join("\n")}
`;
}
