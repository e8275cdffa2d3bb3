import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { LeappError } from "../../../core/src/errors.ts";
import { type Found, scanAwsFiles } from "../../../core/src/import/aws-files.ts";
import type { Engine } from "../engine.ts";
import type { Handlers } from "../handlers.ts";
import type { Call } from "../server.ts";

/** What is found in the person's files goes in through the same verbs as what they type. */
export function importHandlers(
  engine: Engine,
  add: Pick<Handlers, "session.add" | "integration.add">,
): Pick<Handlers, "import.scan" | "import.apply"> {
  function scan(call: Call): (Found & { id: string })[] {
    const files = engine.files(call);
    const read = (path: string) => {
      try {
        return readFileSync(path);
      } catch {
        return undefined;
      }
    };
    const { state } = engine;
    const startUrls = new Set(state.integrations.list().map(({ startUrl }) => startUrl));
    return scanAwsFiles(read(files.config), read(files.credentials))
      .filter(({ kind, name, fields }) =>
        kind === "integration" ? !startUrls.has(fields.startUrl!) : !state.sessions.byName(name),
      )
      .map((found) => ({
        ...found,
        id: createHash("sha256")
          .update(`${found.kind}\n${found.name}\n${found.origin}`)
          .digest("hex")
          .slice(0, 16),
      }));
  }

  return {
    "import.scan": (_, call) =>
      scan(call).map(({ id, kind, name, detail, origin }) => ({ id, kind, name, detail, origin })),
    async "import.apply"({ ids }, call) {
      const all = scan(call);
      const chosen = all.filter(({ id }) => ids.includes(id));
      if (chosen.length < ids.length)
        throw new LeappError("not-found", "some of it is no longer there", {
          hint: "run: leapp import list",
        });
      const added: string[] = [];
      const notices: string[] = [];
      for (const { kind, name, fields, keys } of chosen) {
        try {
          if (kind === "integration") await add["integration.add"]({ integration: fields }, call);
          else await add["session.add"]({ session: { ...fields, name, type: kind }, secrets: keys }, call);
          added.push(name);
        } catch (thrown) {
          const error = LeappError.of(thrown);
          if (error.code !== "invalid" && error.code !== "conflict" && error.code !== "not-found")
            throw error;
          notices.push(`${name} was left out: ${error.message}`);
        }
      }
      if (chosen.some(({ keys }) => keys))
        notices.push(
          "the keys are in the vault now; they still stand in the credentials file until you remove them there",
        );
      return { added, notices };
    },
  };
}
