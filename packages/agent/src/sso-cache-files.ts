import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { editFile } from "../../core/src/aws-config/file.ts";
import type { CacheFiles } from "../../core/src/identity/sso-cache.ts";
import { fileOps } from "./platform/files.ts";

/** The AWS CLI's folder of sign-ins, usually `~/.aws/sso/cache`; made when there is something to write. */
export function ssoCacheFiles(folder: string): CacheFiles {
  function read(name: string): Uint8Array | undefined {
    try {
      return readFileSync(join(folder, name));
    } catch {
      // To a reader, what cannot be read is not there: it shares nothing then.
      return undefined;
    }
  }
  return {
    read,
    async edit(name, edit) {
      const path = join(folder, name);
      const now = read(name);
      // Some SDKs write theirs for everybody to read.
      if (now && edit(now) !== now && (statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
      if (!now && edit(now)) mkdirSync(folder, { recursive: true, mode: 0o700 });
      await editFile(path, edit, fileOps);
    },
    async exclusively(name, work) {
      // Not the lock of the file itself, which an edit takes within.
      const release = await fileOps.lock(join(folder, `${name}.refresh`));
      try {
        return await work();
      } finally {
        release();
      }
    },
  };
}
