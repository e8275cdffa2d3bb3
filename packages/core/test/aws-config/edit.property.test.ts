/** Properties of the editor over generated files: FUZZ_RUNS files a run, FUZZ_SEED to repeat one. */
import { describe, expect, test } from "bun:test";
import { type Parked, startProfiles, stopProfiles, type Undo } from "../../src/aws-config/edit.ts";
import { type AwsFileKind, joinAwsFile, parseAwsFile } from "../../src/aws-config/parse.ts";
import { LeappError } from "../../src/errors.ts";
import { entryFor, othersOf, profiles, random, runs, seed, text, uglyFile } from "./ugly.ts";

console.log(`aws-config properties: ${runs} files, FUZZ_SEED=${seed}`);

/** What the agent keeps for one file: undos in its database, parked sections in the vault. */
class Keeper {
  bytes: Uint8Array | undefined;
  readonly kind: AwsFileKind;
  active: Undo[] = [];
  parked: Parked[] = [];

  constructor(bytes: Uint8Array | undefined, kind: AwsFileKind) {
    this.bytes = bytes;
    this.kind = kind;
  }

  start(names: string[], session: string, replace: boolean, parkOnly = false) {
    const entries = names.map((name) => ({
      ...entryFor(this.kind, name, session),
      ...(parkOnly ? { keys: [] } : {}),
    }));
    const started = startProfiles(this.bytes, this.kind, entries, { active: this.active, replace });
    this.bytes = started.bytes;
    const renewed = new Set(started.undo.map(({ profile }) => profile));
    this.active = [...this.active.filter(({ profile }) => !renewed.has(profile)), ...plain(started.undo)];
    this.parked.push(...plain(started.parked));
    return started;
  }

  stop(names: string[]) {
    const going = this.active.filter(({ profile }) => names.includes(profile));
    const stopped = stopProfiles(this.bytes, this.kind, going, this.parked);
    expect(stopped.kept).toEqual([]);
    this.bytes = stopped.bytes;
    this.active = this.active.filter(({ profile }) => !names.includes(profile));
    this.parked = this.parked.filter(({ profile }) => !names.includes(profile));
  }
}

/** As it comes back from a database. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

/** A line of ours without an undo is adopted and goes at stop: such files do not come back identical. */
function hasOldLine(bytes: Uint8Array) {
  return Buffer.from(bytes).includes("leapp session generate");
}

const timeout = 60_000 + runs * 10;

function eachFile(salt: number, count: number, check: (rng: ReturnType<typeof random>, run: number) => void) {
  for (let run = 0; run < count; run++) {
    const rng = random(seed + salt * 1_000_003 + run * 7919);
    try {
      check(rng, run);
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed}, file ${run}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
  }
}

describe("over generated files", () => {
  test("every byte of a parsed file comes back", () => {
    eachFile(1, runs, (rng) => {
      const kind = rng.pick(["config", "credentials"] as const);
      const bytes = uglyFile(rng, kind);
      expect(text(joinAwsFile(parseAwsFile(bytes, kind)))).toBe(text(bytes));
    });
  });

  test(
    "starts, restarts and stops in any order end where they began",
    () => {
      let started = 0;
      let refused = 0;
      let restored = 0;
      eachFile(2, runs, (rng) => {
        const kind = rng.pick(["config", "config", "credentials"] as const);
        const original = rng.chance(0.03) ? undefined : uglyFile(rng, kind);
        if (original && hasOldLine(original)) return;
        const keeper = new Keeper(original, kind);
        for (let step = 2 + rng.below(6); step > 0; step--) {
          const names = profiles.filter(() => rng.chance(0.3));
          if (rng.chance(0.35)) {
            keeper.stop(names);
            continue;
          }
          const before = keeper.bytes;
          const others = before && othersOf(before, kind, profiles);
          const session = `s${rng.below(3)}`;
          try {
            const parkOnly = rng.chance(0.1);
            const { bytes } = keeper.start(names, session, rng.chance(0.5), parkOnly);
            started++;
            if (others) expect(othersOf(bytes!, kind, profiles)).toEqual(others);
            const parsed = parseAwsFile(bytes ?? new Uint8Array(), kind);
            for (const name of parkOnly ? [] : names) {
              const section = parsed.sections.filter((one) => one.profile === name).at(-1)!;
              for (const [key, value] of entryFor(kind, name, session).keys) {
                expect(section.keys.filter((one) => one.name === key).map((one) => one.value)).toEqual([
                  value,
                ]);
              }
            }
            const again = keeper.start(names, session, false, parkOnly);
            expect(text(again.bytes)).toBe(text(bytes));
          } catch (error) {
            if (!(error instanceof LeappError) || !["conflict", "file"].includes(error.code)) throw error;
            expect(text(keeper.bytes)).toBe(text(before));
            refused++;
          }
        }
        if (keeper.parked.length) restored++;
        const rest = [...keeper.active].sort(() => rng.next() - 0.5).map(({ profile }) => profile);
        if (rng.chance(0.5)) keeper.stop(rest);
        else for (const name of rest) keeper.stop([name]);
        expect(text(keeper.bytes)).toBe(text(original));
      });
      // The generator must reach all three, or the property says little.
      expect(started).toBeGreaterThan(runs / 4);
      expect(refused).toBeGreaterThan(runs / 100);
      expect(restored).toBeGreaterThan(runs / 100);
    },
    timeout,
  );

  test(
    "what the person adds meanwhile stays, in its section",
    () => {
      eachFile(3, Math.ceil(runs / 2), (rng) => {
        const kind = rng.pick(["config", "credentials"] as const);
        const original = uglyFile(rng, kind);
        if (hasOldLine(original)) return;
        const keeper = new Keeper(original, kind);
        const names = profiles.filter(() => rng.chance(0.5));
        try {
          keeper.start(names, "s1", true);
        } catch (error) {
          if (error instanceof LeappError) return;
          throw error;
        }
        const parsed = parseAwsFile(keeper.bytes!, kind);
        const section = rng.pick(parsed.sections);
        if (
          !section ||
          section.keys.some((key) => key.start !== parsed.text.lastIndexOf("\n", key.start - 1) + 1)
        )
          return;
        if (section.doubt || parsed.text.slice(section.headerEnd, section.bodyStart) === "") return;
        // After the header or after the last key, where it is no continuation of anything.
        const last = section.keys.at(-1);
        const at = last && rng.chance(0.5) ? parsed.text.indexOf("\n", last.end) + 1 : section.bodyStart;
        // A line before an indented one would swallow it, whoever writes it.
        if (at === 0 || /^[#;\s]/.test(parsed.text.slice(at))) return;
        const edited = `${parsed.text.slice(0, at)}added_by_hand=1\n${parsed.text.slice(at)}`;
        keeper.bytes = Buffer.from(edited, "latin1");
        const before = parseAwsFile(keeper.bytes, kind);
        const holder = before.sections.find((one) => one.keys.some((key) => key.name === "added_by_hand"));
        if (!holder) return;
        for (const name of [...names].sort(() => rng.next() - 0.5)) keeper.stop([name]);
        const after = parseAwsFile(keeper.bytes!, kind);
        const now = after.sections.filter((one) => one.keys.some((key) => key.name === "added_by_hand"));
        expect(now.map(({ header }) => header)).toEqual([holder.header]);
        if (!othersOf(original, kind, []).some(({ header }) => header === holder.header)) return;
        // In a file of mixed line ends the line before the addition may take the other one.
        const lines = (content: string) => content.replaceAll("\r", "").trimEnd();
        expect(lines(after.text.replace(/added_by_hand=1\r?\n?/, ""))).toBe(lines(text(original)!));
      });
    },
    timeout,
  );
});
