/**
 * Builds the app's window into packages/desktop/ui/dist, from where the core and the native shell embed it.
 * Does nothing when no input has changed since the last build.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const ui = join(root, "packages/desktop/ui");
const stamp = join(ui, "dist/.inputs");

/** Everything that is built in: the window, the contracts it knows by type only, and the lock file. */
function inputs() {
  const hash = createHash("sha256");
  const skipped = new Set(["dist", "dev"]);
  const take = (folder) => {
    const entries = readdirSync(folder, { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!skipped.has(entry.name)) take(path);
      } else hash.update(path.slice(root.length)).update("\0").update(readFileSync(path)).update("\0");
    }
  };
  take(ui);
  hash.update(readFileSync(join(root, "package-lock.json")));
  return hash.digest("hex");
}

/** Returns whether anything had to be built. */
export async function buildUi() {
  const wanted = inputs();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return false;
  // A test run names its own environment, in which React would be built with its checks for developers.
  process.env.NODE_ENV = "production";
  const { build } = await import("vite");
  await build({ root: ui, configFile: join(ui, "vite.config.ts"), logLevel: "warn" });
  writeFileSync(stamp, wanted);
  return true;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(
    (await buildUi()) ? "packages/desktop/ui/dist built" : "packages/desktop/ui/dist is up to date",
  );
