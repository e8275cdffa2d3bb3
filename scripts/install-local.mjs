// Builds, then puts leapp and leapp-core into a folder of the person's, by default ~/.local/bin.
//
//   npm run install-local [-- --prefix FOLDER]
import { accessSync, constants, copyFileSync, existsSync, mkdirSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { root, run } from "./run.mjs";

const { values } = parseArgs({ options: { prefix: { type: "string" } } });
const folder = resolve(values.prefix ?? join(homedir(), ".local/bin"));
const exe = process.platform === "win32" ? ".exe" : "";
const programs = [`leapp-core${exe}`, `leapp${exe}`];

// The folder becomes part of `credential_process = …`, where each consumer has its own idea of quoting.
if (!/^[A-Za-z0-9_./:@+\\=-]+$/.test(folder)) {
  stop(`${folder} has a blank or another character that some AWS tools cannot run a credential_process from`);
}
try {
  mkdirSync(folder, { recursive: true });
  accessSync(folder, constants.W_OK);
} catch {
  stop(`${folder} cannot be written`);
}
if (run(process.execPath, ["scripts/build.mjs"]) !== 0) process.exit(1);
for (const name of programs) {
  // Renamed into place: a running program's file cannot be written, but it can be replaced.
  const fresh = join(folder, `.${name}.new`);
  copyFileSync(join(root, "dist", name), fresh);
  renameSync(fresh, join(folder, name));
}

console.log(`installed: ${programs.map((name) => join(folder, name)).join(" ")}`);
const onPath = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
if (!onPath.some((entry) => resolve(entry) === folder)) {
  console.log(
    `note: ${folder} is not on your PATH; add to your shell's profile: export PATH="${folder}:$PATH"`,
  );
} else {
  const first = onPath.map((entry) => join(entry, programs[1])).find(existsSync);
  if (first && resolve(first) !== join(folder, programs[1]))
    console.log(`note: ${first} comes first on your PATH`);
}
console.log("to undo:");
console.log("  leapp agent stop");
console.log(`  rm ${programs.map((name) => join(folder, name)).join(" ")}`);
console.log("  (your sessions stay in Leapp's own folder; `leapp agent status` names it)");

function stop(why) {
  console.error(`install-local: ${why}; choose another folder: npm run install-local -- --prefix FOLDER`);
  process.exit(1);
}
