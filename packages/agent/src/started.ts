/**
 * Started profiles: what stands in `~/.aws` for a session, and what the database knows of it. Written so that a
 * kill at any moment leaves the files as they were or as they should be, and the next start puts the rest right.
 */
import {
  type Parked,
  type ProfileEntry,
  startProfiles,
  stopProfiles,
  type Undo,
} from "../../core/src/aws-config/edit.ts";
import { editFile, type FileOps } from "../../core/src/aws-config/file.ts";
import type { AwsFileKind } from "../../core/src/aws-config/parse.ts";
import { LeappError } from "../../core/src/errors.ts";
import type { ActiveProfile, State } from "../../core/src/state/state.ts";
import type { Vault } from "../../core/src/vault/vault.ts";

/** The person's two files, as the command that asked names them. */
export interface AwsFiles {
  config: string;
  credentials: string;
}

/** A profile to be started: what goes into which file. */
export interface Start {
  profile: string;
  sessionId: string;
  method: ActiveProfile["method"];
  files: AwsFiles;
  /** Empty: only park the section of that name there, if it holds other credentials. */
  entries: Partial<Record<AwsFileKind, ProfileEntry["keys"]>>;
  /** Only the values change: started it was and is, also when we are killed half-way. */
  rotates?: boolean;
}

export interface Change {
  start?: Start[];
  /** Profiles. */
  stop?: string[];
  /** Park sections that hold other credentials. */
  replace?: boolean;
}

export interface Started {
  list(): ActiveProfile[];
  ofSession(sessionId: string): ActiveProfile[];
  ofProfile(profile: string): ActiveProfile | undefined;
  /** All of it or nothing. Returns notices for the person. */
  change(change: Change, openVault: () => Promise<Vault>): Promise<string[]>;
  /** New values for keys that are in a file already; what is no longer there is left alone. */
  rotate(sessionId: string, keys: ProfileEntry["keys"]): Promise<void>;
  /** Finishes or takes back what a killed agent left half done. */
  recover(openVault: () => Promise<Vault>): Promise<void>;
}

const kinds = ["credentials", "config"] as const satisfies AwsFileKind[];
const parkedName = (kind: AwsFileKind, profile: string) => `parked/${kind}/${profile}`;

export function createStarted(state: State, ops: FileOps, now: () => number): Started {
  let tail: Promise<unknown> = Promise.resolve();
  /** One change at a time, in the order they were asked for. */
  function inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = tail.then(run, run);
    tail = turn.catch(() => {});
    return turn;
  }

  /** The table in memory: it is asked at every renewal, and this process alone writes it. */
  let table = new Map(state.active.list().map((row) => [row.profile, row]));
  let bySession: Map<string, ActiveProfile[]> | undefined;
  const rows = () => [...table.values()];
  const active = {
    get: (profile: string) => table.get(profile),
    put(row: ActiveProfile) {
      state.active.put(row);
      table.set(row.profile, row);
      bySession = undefined;
    },
    delete(profile: string) {
      state.active.delete(profile);
      table.delete(profile);
      bySession = undefined;
    },
  };
  function transaction(work: () => void): void {
    try {
      state.transaction(work);
    } catch (error) {
      table = new Map(state.active.list().map((row) => [row.profile, row]));
      bySession = undefined;
      throw error;
    }
  }

  /** Edits one file: stops, then starts, in one step. */
  async function apply(
    kind: AwsFileKind,
    path: string,
    starts: Start[],
    stops: ActiveProfile[],
    replace: boolean,
    vault: Vault | undefined,
    notices: Set<string>,
    kept: Set<string>,
  ): Promise<{ before: Uint8Array | undefined; after: Uint8Array | undefined }> {
    let before: Uint8Array | undefined;
    let after: Uint8Array | undefined;
    await editFile(
      path,
      (bytes) => {
        before = bytes;
        const stopped = stopProfiles(bytes, kind, undosOf(stops, kind), parkedOf(stops, kind, vault));
        for (const notice of stopped.notices) notices.add(notice);
        for (const { profile } of stopped.kept) kept.add(parkedName(kind, profile));
        after = stopped.bytes;
        if (starts.length === 0) return after;
        const stopping = new Set(stops.map(({ profile }) => profile));
        const here = rows().filter((row) => !stopping.has(row.profile) && row.files[kind] === path);
        const entries = starts.map(({ profile, entries, rotates }) => ({
          profile,
          keys: entries[kind]!,
          rotates,
        }));
        const started = startProfiles(after, kind, entries, { active: undosOf(here, kind), replace });
        for (const notice of started.notices) notices.add(notice);
        // Written down before the file changes: an undo whose lines never got there does no harm.
        for (const one of started.parked) vault!.set(parkedName(kind, one.profile), one.text);
        const undoOf = new Map(started.undo.map((undo) => [undo.profile, undo]));
        transaction(() => {
          for (const start of starts) {
            const undo = undoOf.get(start.profile);
            const row = active.get(start.profile);
            const others = (row?.undo ?? []).filter((one) => one.file !== kind);
            const rotated = start.rotates && row;
            if (rotated && !undo) continue;
            active.put({
              profile: start.profile,
              sessionId: start.sessionId,
              startedAt: rotated ? row.startedAt : new Date(now()).toISOString(),
              method: start.method,
              phase: rotated ? row.phase : "starting",
              files: start.files,
              undo: undo ? [...others, undo] : others,
            });
          }
        });
        after = started.bytes;
        return after;
      },
      ops,
    );
    return { before, after };
  }

  async function change(request: Change, openVault: () => Promise<Vault>): Promise<string[]> {
    const starts = request.start ?? [];
    const starting = new Map(starts.map((start) => [start.profile, start]));
    const stopping = new Set(request.stop);
    const previous = rows();
    const stops = previous.filter(({ profile }) => stopping.has(profile) && !starting.has(profile));
    // A profile that changes its method or its file leaves the old place, and is started in the new one.
    const moved = previous.filter((row) => {
      const start = starting.get(row.profile);
      return start && kinds.some((kind) => leaves(row, start, kind));
    });
    const needsVault =
      request.replace || [...stops, ...moved].some(({ undo }) => undo.some((one) => one.parked));
    const vault = needsVault ? await openVault() : undefined;
    const notices = new Set<string>();
    // Parked sections that could not return: they stay in the vault.
    const kept = new Set<string>();
    transaction(() => {
      for (const row of stops) active.put({ ...row, phase: "stopping" });
      for (const row of moved) active.put({ ...row, phase: "starting" });
    });

    const done: { kind: AwsFileKind; path: string; before?: Uint8Array; after?: Uint8Array }[] = [];
    try {
      for (const kind of kinds) {
        const leaving = [...stops, ...moved.filter((row) => leaves(row, starting.get(row.profile)!, kind))];
        const paths = new Set([
          ...leaving.filter((row) => hasUndo(row, kind)).map(({ files }) => files[kind]),
          ...starts.filter(({ entries }) => entries[kind]).map(({ files }) => files[kind]),
        ]);
        for (const path of paths) {
          const here = starts.filter(({ entries, files }) => entries[kind] && files[kind] === path);
          const gone = leaving.filter((row) => hasUndo(row, kind) && row.files[kind] === path);
          done.push({
            kind,
            path,
            ...(await apply(kind, path, here, gone, request.replace ?? false, vault, notices, kept)),
          });
          // What left this file for another place has nothing to undo here any more.
          dropUndo(
            gone.filter(
              ({ profile }) => starting.has(profile) && !here.some((one) => one.profile === profile),
            ),
            kind,
          );
        }
      }
    } catch (error) {
      await takeBack(done);
      transaction(() => {
        for (const { profile } of starts) active.delete(profile);
        for (const row of previous) if (starting.has(row.profile) || stops.includes(row)) active.put(row);
      });
      throw error;
    }
    transaction(() => {
      for (const { profile } of stops) active.delete(profile);
      for (const { profile } of starts) {
        const row = active.get(profile);
        if (row) active.put({ ...row, phase: "started" });
      }
    });
    if (vault) forgetParked([...stops, ...moved], kept, vault);
    return [...notices];
  }

  function dropUndo(gone: ActiveProfile[], kind: AwsFileKind): void {
    for (const { profile } of gone) {
      const row = active.get(profile);
      if (row) active.put({ ...row, undo: row.undo.filter((one) => one.file !== kind) });
    }
  }

  /** The files of a change that failed half-way, as they were, unless somebody else has written since. */
  async function takeBack(
    done: { kind: AwsFileKind; path: string; before?: Uint8Array; after?: Uint8Array }[],
  ) {
    for (const { kind, path, before, after } of done.reverse()) {
      await editFile(
        path,
        (bytes) => {
          if (same(bytes, after)) return before;
          const mine = rows().filter((row) => row.phase === "starting" && row.files[kind] === path);
          return stopProfiles(bytes, kind, undosOf(mine, kind)).bytes;
        },
        ops,
      ).catch(() => {});
    }
  }

  function forgetParked(gone: ActiveProfile[], kept: Set<string>, vault: Vault): void {
    for (const { undo, profile } of gone) {
      for (const { file, parked } of undo) {
        if (!parked || active.get(profile)?.undo.some((one) => one.parked && one.file === file)) continue;
        const name = parkedName(file, profile);
        // Put aside, so that the next section to be parked does not take its place.
        if (kept.has(name)) vault.set(`${name}/kept ${new Date(now()).toISOString()}`, vault.get(name)!);
        vault.delete(name);
      }
    }
  }

  return {
    list: rows,
    ofSession(sessionId) {
      bySession ??= Map.groupBy(
        rows().filter(({ phase }) => phase === "started"),
        (row) => row.sessionId,
      );
      return bySession.get(sessionId) ?? [];
    },
    ofProfile: (profile) => active.get(profile),
    change: (request, openVault) => inTurn(() => change(request, openVault)),
    rotate: (sessionId, keys) =>
      inTurn(async () => {
        const mine = rows().filter(
          (row) => row.sessionId === sessionId && row.phase === "started" && hasUndo(row, "credentials"),
        );
        for (const path of new Set(mine.map(({ files }) => files.credentials))) {
          const starts = mine
            .filter(({ files }) => files.credentials === path)
            .map(({ profile, method, files }) => ({
              profile,
              sessionId,
              method,
              files,
              entries: { credentials: keys },
              rotates: true,
            }));
          await apply("credentials", path, starts, [], false, undefined, new Set(), new Set());
        }
      }),
    recover: (openVault) =>
      inTurn(async () => {
        const halfDone = rows().filter(({ phase }) => phase !== "started");
        if (halfDone.length > 0) await change({ stop: halfDone.map(({ profile }) => profile) }, openVault);
      }),
  };
}

const hasUndo = (row: ActiveProfile, kind: AwsFileKind) => row.undo.some(({ file }) => file === kind);
const undosOf = (some: ActiveProfile[], kind: AwsFileKind): Undo[] =>
  some.flatMap(({ undo }) => undo.filter(({ file }) => file === kind));

/** Whether a section gave way for this profile and nothing of ours took its place. */
export const parks = (row: ActiveProfile | undefined, kind: AwsFileKind): boolean =>
  row?.undo.some(({ file, parked, keys }) => file === kind && parked && keys.length === 0) ?? false;

/** Whether a started profile has something in a file that its new start does not write there. */
const leaves = (row: ActiveProfile, start: Start, kind: AwsFileKind) =>
  hasUndo(row, kind) && (!start.entries[kind] || start.files[kind] !== row.files[kind]);

function parkedOf(some: ActiveProfile[], kind: AwsFileKind, vault: Vault | undefined): Parked[] {
  return undosOf(some, kind)
    .filter(({ parked }) => parked)
    .map(({ profile }) => {
      const text = vault?.get(parkedName(kind, profile));
      if (text === undefined)
        throw new LeappError(
          "vault-unavailable",
          `the parked section of profile ${profile} is not in the vault`,
          {
            hint: "nothing was changed",
          },
        );
      return { file: kind, profile, text };
    });
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}
