// The licences of everything that is inside what we ship: npm packages of leapp-core and its window, and the
// crates of leapp-app. One text stands once, above it all that come under it.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ask, root } from "./run.mjs";

/** Bundled into the window by vite, so that npm knows them as tools of the build. */
const bundled = ["react", "react-dom", "radix-ui", "lucide-react", "@tanstack/react-virtual"];

/** @returns the whole document. @throws when a component has no licence. */
export function licences() {
  const groups = new Map();
  for (const { name, version, licence, folder } of [...npmPackages(), ...crates()]) {
    const text = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && /^(licen[cs]e|copying|notice|unlicense)/i.test(entry.name))
      .map((entry) => entry.name)
      .toSorted()
      .map((file) => readFileSync(join(folder, file), "utf8").replaceAll("\r", "").trim())
      .join("\n\n");
    if (!text && !licence) throw new Error(`${name} ${version} comes without a licence`);
    const key = text || `Licensed under ${licence}; its package holds no text.`;
    groups.set(key, [...(groups.get(key) ?? []), `${name} ${version} (${licence ?? "see below"})`]);
  }
  const parts = [...groups].map(([text, names]) => `${names.toSorted().join("\n")}\n\n${text}\n`);
  return `Leapp contains the components below, each under its own licence.\n\n${parts.toSorted().join(`\n${"=".repeat(80)}\n\n`)}`;
}

/** What npm would install without tools, and what the window is made of. */
function npmPackages() {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const wanted = new Set();
  const take = (path) => {
    if (!packages[path] || wanted.has(path)) return;
    wanted.add(path);
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = packages[path];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      // The nearest one, as Node looks for it.
      let at = path;
      while (at && !packages[`${at}/node_modules/${name}`])
        at = at.includes("/node_modules/") ? at.slice(0, at.lastIndexOf("/node_modules/")) : "";
      take(`${at ? `${at}/` : ""}node_modules/${name}`);
    }
  };
  for (const name of [...Object.keys(packages[""].dependencies), ...bundled]) take(`node_modules/${name}`);
  return [...wanted]
    .map((path) => ({ path, folder: join(root, path) }))
    .filter(({ path, folder }) => existsSync(folder) && !path.includes("/@types/"))
    .map(({ path, folder }) => {
      const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      return { name: path.slice(path.lastIndexOf("node_modules/") + 13), version, licence: license, folder };
    });
}

function crates() {
  const shell = join(root, "packages/desktop/shell");
  const target = ask("rustc", ["-vV"])?.match(/host: (.*)/)?.[1];
  const args = ["metadata", "--format-version", "1", "--locked", "--filter-platform", target];
  const said = ask("cargo", args, { cwd: shell, maxBuffer: 64 * 1024 * 1024 });
  if (!said) throw new Error("cargo does not tell what the app is made of");
  return JSON.parse(said)
    .packages.filter(({ source }) => source)
    .map(({ name, version, license, manifest_path }) => ({
      name,
      version,
      licence: license,
      folder: dirname(manifest_path),
    }));
}
