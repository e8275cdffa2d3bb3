// Builds the native app, dist/leapp-app, beside the command line that it starts the agent with.
//
//   node scripts/build-app.mjs                 what is shipped
//   node scripts/build-app.mjs --automation    dist/automation/, which a WebDriver can steer: for tests
//
// It needs Rust and, on Debian and Ubuntu, libwebkit2gtk-4.1-dev. What cargo makes is kept outside of the
// project, in LEAPP_BUILD_CACHE or ~/.cache/leapp, where the next clone finds it.
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { ask, root, run } from "./run.mjs";

/** @returns the program's path, or undefined where it cannot be built, with the reason on stderr. */
export function buildApp({ automation = false } = {}) {
  if (ask("cargo", ["--version"]) === undefined) return missing("Rust is not installed: https://rustup.rs");
  if (process.platform === "linux" && ask("pkg-config", ["--exists", "webkit2gtk-4.1"]) === undefined)
    return missing("libwebkit2gtk-4.1-dev is not installed");
  if (run(process.execPath, ["scripts/build.mjs"]) !== 0) return undefined;

  const target = join(process.env.LEAPP_BUILD_CACHE || join(homedir(), ".cache/leapp"), "target");
  const started = Date.now();
  const args = ["build", "--release", "--locked", ...(automation ? ["--features", "automation"] : [])];
  const env = {
    ...process.env,
    CARGO_TARGET_DIR: target,
    // The pages are embedded; cargo does not look into their folder.
    LEAPP_PAGES: readFileSync(join(root, "packages/desktop/ui/dist/.inputs"), "utf8"),
  };
  if (run("cargo", args, { cwd: join(root, "packages/desktop/shell"), env }) !== 0) return undefined;

  const folder = join(root, "dist", automation ? "automation" : "");
  mkdirSync(folder, { recursive: true });
  const program = join(folder, "leapp-app");
  // Renamed into place: a running program's file cannot be written, but it can be replaced.
  copyFileSync(join(target, "release/leapp-app"), `${program}.new`);
  renameSync(`${program}.new`, program);
  if (automation) {
    for (const name of ["leapp", "leapp-core"]) {
      rmSync(join(folder, name), { force: true });
      symlinkSync(`../${name}`, join(folder, name));
    }
  }
  console.log(`${program}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return program;
}

function missing(why) {
  console.error(`the native app is not built: ${why}`);
  return undefined;
}

if (import.meta.filename === process.argv[1] || process.argv[1]?.endsWith("scripts/build-app.mjs")) {
  if (!buildApp({ automation: process.argv.includes("--automation") })) process.exit(1);
}
