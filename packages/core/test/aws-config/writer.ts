/** A process that edits a file, for file.test.ts: `writer.ts LOCKS PATH DOING …`. Prints a line for each edit. */
import { writeSync } from "node:fs";
import { createFileOps } from "../../../agent/src/platform/files.ts";
import { startProfiles, stopProfiles, type Undo } from "../../src/aws-config/edit.ts";
import { editFile } from "../../src/aws-config/file.ts";
import { entryFor } from "./ugly.ts";

const [locks = "", path = "", doing = "", argument = ""] = process.argv.slice(2);
const ops = createFileOps(locks);

async function start(profile: string): Promise<Undo[]> {
  let undo: Undo[] = [];
  await editFile(
    path,
    (bytes) => {
      const started = startProfiles(bytes, "config", [entryFor("config", profile, "s1")]);
      undo = started.undo;
      return started.bytes;
    },
    ops,
  );
  writeSync(1, "started\n");
  return undo;
}

async function stop(undo: Undo[]): Promise<void> {
  await editFile(path, (bytes) => stopProfiles(bytes, "config", undo).bytes, ops);
  writeSync(1, "stopped\n");
}

switch (doing) {
  /** 40 profiles, one after the other. */
  case "fill":
    for (let i = 0; i < 40; i++) await start(`${argument}-${i}`);
    break;
  /** Starts and stops one profile until it is killed. */
  case "toggle":
    for (;;) await stop(await start(argument));
  /** Holds the lock until it is killed. */
  case "hold":
    await ops.lock(path);
    writeSync(1, "held\n");
    setInterval(() => {}, 1_000);
    break;
  /** One edit; what it throws is printed as JSON. */
  case "once":
    try {
      await start(argument);
    } catch (error) {
      writeSync(1, `${JSON.stringify(error)}\n`);
    }
}
