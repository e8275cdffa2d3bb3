import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const path = join(import.meta.dirname, "../../../docs/spec/cli-json.md");

/** The schemas of docs/spec/cli-json.md by command, those of "As [x](#x)" resolved. */
export function readSchemas(): Map<string, z.ZodType> {
  const sections = readFileSync(path, "utf8").split(/^## /m).slice(1);
  const blocks = new Map<string, object>();
  const same = new Map<string, string>();
  for (const section of sections) {
    const name = section.slice(0, section.indexOf("\n"));
    const block = /^```json\n(.*?)^```$/ms.exec(section)?.[1];
    const other = /^As \[([^\]]+)\]/m.exec(section)?.[1];
    if (block) blocks.set(name, JSON.parse(block));
    else if (other) same.set(name, other);
    else throw new Error(`${name} has no schema`);
  }
  for (const [name, other] of same) blocks.set(name, blocks.get(other)!);
  const definitions = blocks.get("Definitions");
  blocks.delete("Definitions");
  return new Map(
    [...blocks].map(([name, schema]) => [name, z.fromJSONSchema({ ...schema, $defs: definitions } as never)]),
  );
}
