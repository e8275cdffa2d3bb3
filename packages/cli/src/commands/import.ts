import type { ImportCandidate } from "../../../agent/src/protocol.ts";
import { type Command, command } from "../command.ts";
import { type Column, table, tableFlags } from "../table.ts";
import { LeappError } from "../../../core/src/errors.ts";

const columns: Column<ImportCandidate>[] = [
  { key: "id", title: "ID", get: (one) => one.id, extended: true },
  { key: "name", title: "Name", get: (one) => one.name },
  { key: "kind", title: "Becomes", get: (one) => one.kind, closed: true },
  { key: "detail", title: "What", get: (one) => one.detail },
  { key: "origin", title: "Found In", get: (one) => one.origin },
];

const list = command({
  name: "import list",
  summary: "list what stands in ~/.aws and could become sessions and integrations",
  flags: tableFlags,
  async run(context, { flags }) {
    const client = await context.client();
    const found = await client.call("import.scan", {});
    return { json: found, text: table(columns, found, flags, context.stdout) };
  },
});

const apply = command({
  name: "import apply",
  summary: "take it over; the files stay as they are",
  args: { name: { help: "one of the list, by name or id" } },
  flags: { all: { help: "everything that was found" } },
  examples: [["leapp import apply --all", "take over what `leapp import list` shows"]],
  async run(context, { args, flags }) {
    if (!args.name && !flags.all) throw new LeappError("usage", "name what to import, or give --all");
    const client = await context.client();
    const found = await client.call("import.scan", {});
    const chosen = flags.all ? found : found.filter(({ id, name }) => id === args.name || name === args.name);
    if (chosen.length === 0)
      throw new LeappError(
        "not-found",
        args.name ? `nothing named "${args.name}" was found` : "nothing was found",
        {
          hint: "run: leapp import list",
        },
      );
    const result = await client.call("import.apply", { ids: chosen.map(({ id }) => id) });
    return {
      json: result,
      text: `imported: ${result.added.join(", ") || "nothing"}`,
      notices: result.notices,
    };
  },
});

export const importCommands: readonly Command[] = [list, apply];
