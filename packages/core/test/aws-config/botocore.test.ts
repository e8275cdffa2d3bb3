/** The parser and the editor against the real botocore, and the editor against the JavaScript SDK's own loader. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSharedConfigFiles } from "@smithy/core/config";
import { type Started, startProfiles, stopProfiles } from "../../src/aws-config/edit.ts";
import { type AwsFileKind, decode, parseAwsFile } from "../../src/aws-config/parse.ts";
import { LeappError } from "../../src/errors.ts";
import { entryFor, profiles, random, runs, seed, text, uglyFile } from "./ugly.ts";

const environment = { PATH: process.env.PATH, HOME: process.env.HOME, PYTHONUTF8: "1" };
const found = spawnSync("python3", ["-c", "import botocore"], { env: environment }).status === 0;
if (!found) {
  if (process.env.CI === "true") throw new Error("python3 with botocore is not there: pip install botocore");
  console.warn("SKIPPED: the editor against botocore (pip install botocore)");
}

interface Seen {
  error?: string;
  sections: [string, [string, string][]][];
  loaded: { profiles: Record<string, Record<string, unknown>> } & Record<string, unknown>;
}

interface Case {
  kind: AwsFileKind;
  name: string;
  before: Uint8Array;
  started: Started;
}

const count = Math.max(1_000, runs / 10);
const timeout = 60_000 + runs * 10;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "leapp-botocore-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }), timeout);

let files = 0;
function save(bytes: Uint8Array): string {
  const path = join(folder, `${files++}`);
  writeFileSync(path, bytes);
  return path;
}

function botocore(inputs: { kind: AwsFileKind; path: string }[]): Seen[] {
  const script = join(import.meta.dirname, "read-files.py");
  const { stdout, stderr, status } = spawnSync("python3", [script], {
    input: inputs.map(({ kind, path }) => `${kind} ${path}\n`).join(""),
    env: environment,
    maxBuffer: 1 << 30,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Generated files in which one profile could be started. */
function cases(salt: number, count: number): Case[] {
  const list: Case[] = [];
  for (let run = 0; list.length < count; run++) {
    const rng = random(seed + salt * 1_000_003 + run * 7919);
    const kind = rng.pick(["config", "config", "credentials"] as const);
    const before = uglyFile(rng, kind);
    const name = rng.pick(profiles);
    try {
      list.push({
        kind,
        name,
        before,
        started: startProfiles(before, kind, [entryFor(kind, name, "s1")], { replace: true }),
      });
    } catch (error) {
      if (!(error instanceof LeappError)) throw error;
    }
  }
  return list;
}

describe.skipIf(!found)(`botocore, FUZZ_SEED=${seed}`, () => {
  test(
    "sees the same sections, keys and values as the parser, and refuses what has problems",
    () => {
      const inputs = Array.from({ length: count }, (_, run) => {
        const rng = random(seed + 5 * 1_000_003 + run * 7919);
        const kind = rng.pick(["config", "credentials"] as const);
        const bytes = uglyFile(rng, kind);
        return { kind, bytes, path: save(bytes) };
      });
      const seen = botocore(inputs);
      let readable = 0;
      inputs.forEach(({ kind, bytes }, i) => {
        const { error, sections, loaded } = seen[i]!;
        const parsed = parseAwsFile(bytes, kind);
        // botocore looks into [DEFAULT] only through the other sections.
        if (parsed.sections.every(({ header }) => header === "DEFAULT")) return;
        const context = JSON.stringify([text(bytes), parsed.problems, error]);
        expect([context, parsed.problems.length > 0]).toEqual([context, error !== undefined]);
        if (error) return;
        readable++;
        const lines = (value: string) =>
          value.split("\n").filter((line, at) => at === 0 || line.trim() !== "");
        const named = parsed.sections.filter(({ header }) => header !== "DEFAULT");
        expect(
          named.map(({ header, keys }) => [
            decode(header),
            keys.map(({ name, value }) => [decode(name), lines(decode(value))]),
          ]),
        ).toEqual(
          sections.map(([header, keys]) => [header, keys.map(([name, value]) => [name, lines(value)])]),
        );
        const names = named.flatMap(({ profile }) => (profile === undefined ? [] : [profile]));
        expect([...new Set(names)].sort()).toEqual(Object.keys(loaded.profiles).sort());
      });
      expect(readable).toBeGreaterThan(count / 10);
    },
    timeout,
  );

  test(
    "reads our profile and everything else as before, and the parked section after stop",
    () => {
      const list = cases(6, count);
      const after = list.map(({ started }) => started.bytes!);
      const stopped = list.map(
        ({ kind, started }, i) => stopProfiles(after[i], kind, started.undo, started.parked).bytes!,
      );
      const kinds = list.map(({ kind }) => kind);
      const see = (all: Uint8Array[]) =>
        botocore(all.map((bytes, i) => ({ kind: kinds[i]!, path: save(bytes) })));
      const [seenBefore, seenAfter, seenStopped] = [
        see(list.map(({ before }) => before)),
        see(after),
        see(stopped),
      ];
      let checked = 0;
      list.forEach(({ kind, name, before, started }, i) => {
        const [was, is] = [seenBefore[i]!, seenAfter[i]!];
        if (was.error) {
          expect(started.notices.join()).toContain(
            was.error === "ConfigParseError" ? "cannot read" : was.error,
          );
          return;
        }
        checked++;
        const context = JSON.stringify([text(before), text(started.bytes), is.error]);
        if (is.error) throw new Error(context);
        const { [name]: oldOne = {}, ...oldProfiles } = was.loaded.profiles;
        const { [name]: ours = {}, ...otherProfiles } = is.loaded.profiles;
        expect([context, { ...is.loaded, profiles: otherProfiles }]).toEqual([
          context,
          { ...was.loaded, profiles: oldProfiles },
        ]);
        const wrote = Object.fromEntries(entryFor(kind, name, "s1").keys);
        const { credential_process: replaced, ...rest } = oldOne;
        const kept = started.parked.length ? {} : rest;
        expect([context, ours]).toEqual([context, expect.objectContaining({ ...kept, ...wrote })]);
        if (!Buffer.from(before).includes("leapp session generate")) expect(seenStopped[i]).toEqual(was);
      });
      expect(checked).toBeGreaterThan(count / 5);
    },
    timeout,
  );
});

test(
  "the javascript sdk reads our profile and everything else as before",
  async () => {
    for (const { kind, name, before, started } of cases(7, Math.max(300, runs / 30))) {
      const load = async (bytes: Uint8Array) => {
        const path = save(bytes);
        const empty = join(folder, "none");
        const loaded = await loadSharedConfigFiles({
          filepath: kind === "credentials" ? path : empty,
          configFilepath: kind === "config" ? path : empty,
          ignoreCache: true,
        });
        return kind === "config" ? loaded.configFile : loaded.credentialsFile;
      };
      const [was, is] = [await load(before), await load(started.bytes!)];
      const context = JSON.stringify([text(before), text(started.bytes)]);
      const { [name]: _, ...others } = was;
      const { [name]: ours, ...rest } = is;
      if (/^[\w.@+%:/-]+$/.test(name) && !started.notices.join().includes("javascript")) {
        expect([context, rest]).toEqual([context, others]);
        expect([context, ours]).toEqual([
          context,
          expect.objectContaining(Object.fromEntries(entryFor(kind, name, "s1").keys)),
        ]);
      }
    }
  },
  timeout,
);
