/** What the documents say of files, commands, exit codes and import rules is what is there. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { parse } from "../packages/cli/src/command.ts";
import { commands } from "../packages/cli/src/commands/index.ts";
import { exitCodes } from "../packages/core/src/errors.ts";
import { defaultSettings } from "../packages/core/src/model.ts";
import { gallery, screens, themes } from "./desktop/screens.ts";
import { root } from "./support/leapp.ts";

const documents = walk(root);
const read = (path: string) => readFileSync(join(root, path), "utf8");
/** For people who use the program: every `leapp …` in them is one that works. */
const forUsers = [
  "README.md",
  "SECURITY.md",
  "GLOSSARY.md",
  "CHANGELOG.md",
  "docs/user-guide.md",
  "docs/threat-model.md",
];

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return /^(node_modules|dist|target|__pycache__|\..*)$/.test(entry.name) ? [] : walk(path);
    return entry.name.endsWith(".md") ? [relative(root, path)] : [];
  });
}

const withoutCode = (text: string) => text.replace(/```[\s\S]*?```/g, "").replace(/`[^`\n]*`/g, "");

/** The anchors of a document, as GitHub makes them of its headings. */
function anchors(path: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading = ""] of read(path)
    .replace(/```[\s\S]*?```/g, "")
    .matchAll(/^#+ (.*)$/gm)) {
    const base = heading
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-");
    let anchor = base;
    for (let n = 1; found.has(anchor); n++) anchor = `${base}-${n}`;
    found.add(anchor);
  }
  return found;
}

/** What is wrong with the relative links of a text that stands at `path`. */
function broken(path: string, text: string): string[] {
  const faults: string[] = [];
  for (const [, target = ""] of withoutCode(text).matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)) {
    if (/^[a-z]+:/i.test(target)) continue;
    const [file = "", anchor] = decodeURI(target).split("#");
    const at = file ? join(dirname(path), file) : path;
    if (at.startsWith("..")) faults.push(`${path}: ${target} leads out of the project`);
    else if (!existsSync(join(root, at))) faults.push(`${path}: ${target} is not there`);
    else if (anchor && (statSync(join(root, at)).isDirectory() || !anchors(at).has(anchor)))
      faults.push(`${path}: ${target} has no such heading`);
  }
  return faults;
}

test("every relative link and anchor leads somewhere", () => {
  expect(documents.length).toBeGreaterThan(10);
  expect(documents.flatMap((path) => broken(path, read(path)))).toEqual([]);
});

test("a link that leads nowhere is found", () => {
  const text =
    "[a](nowhere.md) [b](SECURITY.md#nothing) [c](docs/#x) [d](../up) [e](#none) `[f](code)` [g](LICENSE)";
  expect(broken("README.md", text)).toHaveLength(5);
});

test("the pictures are those of the screens, and each is shown", () => {
  const names = screens.flatMap(({ name }) => themes.map((theme) => `${name}-${theme}.png`));
  expect(readdirSync(join(root, "docs/screenshots")).sort()).toEqual(names.sort());
  expect(read("docs/screens.md")).toBe(gallery());
  // In HTML too, which the check of links does not read.
  const shown = (path: string) =>
    [...read(path).matchAll(/screenshots\/([\w-]+\.png)/g)].map(([, name]) => name!);
  const used = ["README.md", "docs/user-guide.md"].flatMap(shown);
  expect(used.length).toBeGreaterThan(10);
  expect(used.filter((name) => !names.includes(name))).toEqual([]);
});

/** `leapp …` in blocks of a console and between back-ticks, as words. */
function commandLines(text: string): string[][] {
  const blocks = [...text.matchAll(/```(?:console|sh)?\n([\s\S]*?)```/g)].flatMap(([, block = ""]) =>
    [...block.replaceAll("\\\n", " ").matchAll(/^\$ (leapp\b.*)$/gm)].map(([, line = ""]) => line),
  );
  const inline = [...text.replace(/```[\s\S]*?```/g, "").matchAll(/`(leapp(?: [^`]*)?)`/g)].map(
    ([, line = ""]) => line,
  );
  return [...blocks, ...inline].map((line) =>
    [...line.replace(/\s(<|\||>|#).*$/, "").matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
      ([, single, double, plain]) => single ?? double ?? plain ?? "",
    ),
  );
}

for (const path of forUsers) {
  test(`${path}: every command is one that there is, with its flags`, () => {
    const faults = commandLines(read(path)).flatMap(([, ...words]) => {
      if (words.includes("…") || words[0] === "help") return [];
      try {
        parse(commands, words);
        return [];
      } catch (error) {
        // A command may be named without what it takes.
        if (/" needs [A-Z_]+$/.test((error as Error).message)) return [];
        return [`leapp ${words.join(" ")}: ${(error as Error).message}`];
      }
    });
    expect(faults).toEqual([]);
  });
}

test("a command that is not there is found", () => {
  expect(commandLines("`leapp a b` and\n```console\n$ leapp c 'd e' < f\n```")).toEqual([
    ["leapp", "c", "d e"],
    ["leapp", "a", "b"],
  ]);
});

test("the user guide's table has every exit code, with its name", () => {
  const rows = [...read("docs/user-guide.md").matchAll(/^\| (\d+) \| `([a-z-]+)` \|/gm)];
  expect(Object.fromEntries(rows.map(([, exit, code]) => [code, Number(exit)]))).toEqual({ ...exitCodes });
});

test("the user guide's table has every setting, and the protocol's every verb", () => {
  const settings = section("docs/user-guide.md", "Proxy, certificates, endpoints");
  const rows = [...settings.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, key]) => key!);
  expect(rows.sort()).toEqual(Object.keys(defaultSettings).sort());

  const methods = read("packages/agent/src/protocol.ts")
    .split("export interface Methods {")[1]!
    .split("\n}")[0]!;
  const verbs = [...methods.matchAll(/^ {2}"([a-z-]+)\.([a-z-]+)":/gm)].map(([, noun, verb]) => [
    noun!,
    verb!,
  ]);
  const table = section("docs/spec/agent-protocol.md", "Verbs");
  const documented = (noun: string, verb: string) =>
    table
      .split("\n")
      .some(
        (row) => row.split("|")[1]?.includes(`\`${noun}\``) && row.split("|")[2]?.includes(`\`${verb}\``),
      );
  expect(verbs.length).toBeGreaterThan(40);
  expect(verbs.filter(([noun, verb]) => !documented(noun!, verb!)).map((verb) => verb.join("."))).toEqual([]);
});

/** What stands below a heading. */
function section(path: string, heading: string): string {
  const [, rest = ""] = read(path).split(new RegExp(`^#+ ${heading}$`, "m"));
  return rest.split(/^#/m)[0]!;
}

test("the architecture's table has every area that the import rules know", () => {
  const rules = read("scripts/check-layers.mjs").split("const areas = [")[1]!.split("];\n")[0]!;
  const areas = [...rules.matchAll(/^ {2}\[\s*"([\w/-]+)",/gm)].map(([, area]) => area!);
  const rows = [
    ...section("docs/architecture.md", "Who may import whom").matchAll(/^\| `([\w/-]+)` \|/gm),
  ].map(([, area]) => area!);
  expect(areas.length).toBeGreaterThan(15);
  expect([...new Set(rows)].sort()).toEqual([...new Set(areas)].sort());
});
