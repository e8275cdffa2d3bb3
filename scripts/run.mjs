// What the scripts share: where the project lies and how they run a program.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const bun = join(root, "node_modules/.bin/bun");

/** Runs a program in the project's folder, its output shown. Returns its exit code. */
export function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: "inherit", ...shellFor(command), ...options });
  if (done.error) throw new Error(`cannot run ${command}: ${done.error.message}`);
  return done.status ?? 1;
}

/** Runs a program in silence. Returns its trimmed output, or undefined when it is missing or fails. */
export function ask(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, encoding: "utf8", ...shellFor(command), ...options });
  return done.status === 0 ? done.stdout.trim() : undefined;
}

// On Windows npm's commands are .cmd files, which only a shell runs.
const shellFor = (command) => ({
  shell: process.platform === "win32" && !command.endsWith(".exe") && command !== process.execPath,
});

/** Installs what package-lock.json asks for, unless that is what lies in node_modules. */
export function ensureInstalled() {
  if (isInstalled()) return;
  console.log("installing the pinned dependencies …");
  if (run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]) !== 0) process.exit(1);
}

function isInstalled() {
  const packages = (file) => JSON.parse(readFileSync(join(root, file), "utf8")).packages;
  try {
    const there = packages("node_modules/.package-lock.json");
    // An optional one may be for another platform.
    return Object.entries(packages("package-lock.json")).every(
      ([path, wanted]) => path === "" || wanted.optional || there[path]?.version === wanted.version,
    );
  } catch {
    return false;
  }
}
