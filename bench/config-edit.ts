/** Editing a config file of 10,000 profiles against copying it, both durably (fsync), interleaved. */
import {
  copyFileSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  closeSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileOps } from "../packages/agent/src/platform/files.ts";
import { startProfiles, stopProfiles, type Undo } from "../packages/core/src/aws-config/edit.ts";
import { editFile } from "../packages/core/src/aws-config/file.ts";

/** `ratio`: median time of one start or stop of one profile by that of a copy with fsync and rename. */
export async function run(): Promise<{ name: string; ratio: number; detail: string }[]> {
  const folder = mkdtempSync(join(tmpdir(), "leapp-bench-"));
  try {
    const path = join(folder, "config");
    const copy = join(folder, "copy");
    const ops = createFileOps(join(folder, "locks"));
    writeFileSync(
      path,
      Array.from(
        { length: 10_000 },
        (_, i) =>
          `[profile account-${i}]\nsso_session = corp\nsso_account_id = ${i}\nsso_role_name = Developer\nregion = eu-west-1\n\n`,
      ).join(""),
    );
    let undo: Undo[] = [];
    const edit = (): Promise<boolean> =>
      editFile(
        path,
        (bytes) => {
          if (undo.length) {
            const stopped = stopProfiles(bytes, "config", undo);
            undo = [];
            return stopped.bytes;
          }
          const keys: [string, string][] = [
            ["credential_process", "leapp session generate 00000000-0000-4000-8000-000000000000"],
            ["region", "eu-west-1"],
          ];
          const started = startProfiles(bytes, "config", [{ profile: "mine", keys }]);
          undo = started.undo;
          return started.bytes;
        },
        ops,
      );
    const duplicate = () => {
      copyFileSync(path, `${copy}.tmp`);
      for (const file of [`${copy}.tmp`, folder]) {
        const fd = openSync(file, "r");
        fsyncSync(fd);
        closeSync(fd);
        if (file !== folder) renameSync(file, copy);
      }
    };
    const times = { edit: [] as number[], copy: [] as number[] };
    for (let i = 0; i < 44; i++) {
      const from = performance.now();
      await edit();
      const between = performance.now();
      duplicate();
      // The first rounds warm the compiler.
      if (i < 4) continue;
      times.edit.push(between - from);
      times.copy.push(performance.now() - between);
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
    const [ours, theirs] = [median(times.edit), median(times.copy)];
    return [
      {
        name: "config of 10,000 profiles: edit / copy",
        ratio: ours / theirs,
        detail: `edit ${ours.toFixed(1)} ms, copy with fsync ${theirs.toFixed(1)} ms, medians of ${times.edit.length}`,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
