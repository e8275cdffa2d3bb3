// Who may import whom, checked. The import graph is the secrecy rule: what the command line and the app cannot
// import, they cannot leak. Prints FILE:LINE and the rule for each breach.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = process.argv[2] ?? dirname(dirname(fileURLToPath(import.meta.url)));
const core = "packages/core/src/";
const agent = "packages/agent/src/";
const nouns = ["model", "errors"];
const clientSide = ["agent/client", "agent/protocol", "agent/version", "platform"];

// The first row whose `files` begin a file's path is its area. An area may always import itself.
const areas = [
  // area, files, areas it may import, npm packages it may import
  ["model", `${core}model.ts`, [], []],
  ["errors", `${core}errors.ts`, [], []],
  ["ports", `${core}ports.ts`, nouns, []],
  ["database", `${core}database.ts`, nouns, []],
  ["aws", `${core}aws/`, [...nouns, "ports"], ["@aws-sdk/", "@smithy/"]],
  ["identity", `${core}identity/`, [...nouns, "ports", "aws"], []],
  ["credentials", `${core}credentials/`, [...nouns, "ports", "aws", "identity"], []],
  ["aws-config", `${core}aws-config/`, nouns, []],
  ["delivery", `${core}delivery/`, nouns, []],
  ["vault", `${core}vault/`, [...nouns, "ports", "database"], []],
  // It keeps the edits' `Undo` as aws-config made it; a type, no code.
  ["state", `${core}state/`, [...nouns, "ports", "database", "aws-config"], []],
  ["import", `${core}import/`, [...nouns, "vault", "aws-config"], []],
  ["agent/protocol", `${agent}protocol.ts`, nouns, []],
  ["agent/version", `${agent}version.ts`, [], []],
  // What client and agent need of the system; the rest of platform/ is the agent's alone.
  ["platform", `${agent}platform/paths.ts`, [...nouns, "ports"], []],
  ["platform", `${agent}platform/process.ts`, [...nouns, "ports"], []],
  ["platform", `${agent}platform/socket.ts`, [...nouns, "ports"], []],
  ["platform", `${agent}platform/clock.ts`, [...nouns, "ports"], []],
  ["platform", `${agent}platform/files.ts`, [...nouns, "ports", "aws-config"], []],
  ["agent/platform", `${agent}platform/`, [...nouns, "ports", "platform", "identity"], ["@napi-rs/keyring"]],
  ["agent/client", `${agent}client.ts`, [...nouns, "ports", ...clientSide], []],
  [
    "agent",
    agent,
    [
      ...[...nouns, "ports", "database", "aws", "identity", "credentials", "aws-config", "delivery", "vault"],
      ...["state", "import", "agent/platform", ...clientSide],
    ],
    ["zod"],
  ],
  // The hidden command `agent run` is the one way in which the command line's program becomes the agent.
  // `leapp desktop` serves the window where there is no native one, and opens one on the embedded sandbox.
  [
    "cli",
    "packages/cli/src/",
    [...nouns, "ports", "delivery", ...clientSide, "agent/main", "desktop/host", "sandbox"],
    [],
  ],
  // The app's window in a browser is served by a client of the agent, like the command line.
  ["desktop/host", "packages/desktop/host/", [...nouns, "ports", "desktop", ...clientSide], []],
  ["desktop", "packages/desktop/", ["model", "errors", "agent/protocol"], undefined],
  ["sandbox", "packages/sandbox/src/", [], undefined],
];
// One file of the agent is also an area of its own to those who name it.
const doors = { "agent/main": `${agent}main.ts` };

// Text that may stand in some places only: what, where it must not, where it may all the same, why.
const words = [
  [
    /\bfrom "bun(:[^"]*)?"|\bimport\("bun[:"]|\bBun\./,
    "packages/",
    ["platform", "agent/platform", "sandbox"],
    "Bun's own API belongs in packages/agent/src/platform/",
  ],
  [
    /\bprocess\.(env|stdin|stdout|stderr|exit|argv)\b/,
    core,
    [],
    "core is given what it needs and never looks at the process",
  ],
  [/"node:(net|http|https|http2|dgram|tty|readline)"/, core, [], "core has no sockets and no terminal"],
];

/** `import … from "x"`, `export … from "x"`, `import "x"`, `import("x")`. */
const importing = /^(?:import|export)\b(?:[^"';=(]*?\bfrom)?\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;

const files = walk("packages");
const breaches = files.flatMap(check);
for (const breach of breaches) console.error(breach);
console.log(`import rules: ${files.length} files, ${breaches.length} breaches`);
process.exit(breaches.length ? 1 : 0);

function check(file) {
  const area = areas.find(([, start]) => file.startsWith(start));
  if (!area) return [`${file}:1: lies in no area; add a row to scripts/check-layers.mjs`];
  const [name, , mayImport, mayUse] = area;
  const source = withoutComments(readFileSync(join(root, file), "utf8"));
  const found = [];
  const breach = (index, rule) => found.push(`${file}:${source.slice(0, index).split("\n").length}: ${rule}`);

  for (const match of source.matchAll(importing)) {
    const wanted = match[1] ?? match[2];
    if (wanted.startsWith(".")) {
      const target = posix.join(posix.dirname(file), wanted);
      const other = areas.find(([, start]) => target.startsWith(start))?.[0];
      const allowed =
        other === name || mayImport.includes(other) || mayImport.some((door) => doors[door] === target);
      const stays = !other && target === "package.json";
      if (!allowed && !stays) breach(match.index, `${name} must not import ${other ?? target}`);
    } else if (!isBuiltin(wanted) && mayUse && !mayUse.some((start) => wanted.startsWith(start))) {
      breach(match.index, `${name} must not use the package ${wanted}`);
    }
  }
  for (const [pattern, where, except, rule] of words) {
    if (!file.startsWith(where) || except.includes(name)) continue;
    for (const match of source.matchAll(new RegExp(pattern, "g"))) breach(match.index, rule);
  }
  return found;
}

function isBuiltin(name) {
  return (
    name.startsWith("node:") || name === "bun" || name.startsWith("bun:") || builtinModules.includes(name)
  );
}

/** Comments become blanks; lines stay where they are. */
function withoutComments(source) {
  return source
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/(^|\s)\/\/.*/gm, (comment) => comment.replace(/[^\n]/g, " "));
}

function walk(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory())
      return ["node_modules", "test", "dist", "target"].includes(entry.name) ? [] : walk(path);
    return /\.(ts|tsx|mts)$/.test(entry.name) ? [relative(root, join(root, path)).split(sep).join("/")] : [];
  });
}
