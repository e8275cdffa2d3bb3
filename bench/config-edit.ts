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
import { type Result, ratio } from "./measure.ts";

/** One start or stop of one profile, by a copy with fsync and rename. */
export async function run(): Promise<Result[]> {
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
    return [ratio("editing a config of 10,000 profiles / copying it", times.edit, times.copy)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
