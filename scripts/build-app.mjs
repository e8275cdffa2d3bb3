// Builds the native app, dist/leapp-app, beside the command line that it starts the agent with.
//
//   node scripts/build-app.mjs                 what is shipped
//   node scripts/build-app.mjs --automation    dist/automation/, which a WebDriver can steer: for tests
//   node scripts/build-app.mjs --test          builds nothing, runs the tests that are in its sources
//
// It needs Rust and, on Debian and Ubuntu, libwebkit2gtk-4.1-dev. What cargo makes is kept outside of the
// project, in LEAPP_BUILD_CACHE or ~/.cache/leapp, where the next clone finds it.
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ask, root, run } from "./run.mjs";

/** @returns something true, or undefined where it cannot be built, with the reason on stderr. */
export function buildApp({ automation = false, test = false } = {}) {
  if (ask("cargo", ["--version"]) === undefined) return missing("Rust is not installed: https://rustup.rs");
  if (process.platform === "linux" && ask("pkg-config", ["--exists", "webkit2gtk-4.1"]) === undefined)
    return missing("libwebkit2gtk-4.1-dev is not installed");
  if (run(process.execPath, ["scripts/build.mjs"]) !== 0) return undefined;

  const target = join(process.env.LEAPP_BUILD_CACHE || join(homedir(), ".cache/leapp"), "target");
  const started = Date.now();
  const args = [test ? "test" : "build", "--release", "--locked"];
  // Most of the time goes into what the compiler makes better in our own code, which the tests do not need.
  if (automation)
    args.push("--features", "automation", "--config", "profile.release.package.leapp-app.opt-level=0");
  const env = {
    ...process.env,
    CARGO_TARGET_DIR: target,
    // The pages are embedded; cargo does not look into their folder.
    LEAPP_PAGES: readFileSync(join(root, "packages/desktop/ui/dist/.inputs"), "utf8"),
  };
  if (run("cargo", args, { cwd: join(root, "packages/desktop/shell"), env }) !== 0) return undefined;

  if (test) return "tested";
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const has = (flag) => process.argv.includes(flag);
  if (!buildApp({ automation: has("--automation"), test: has("--test") })) process.exit(1);
}
