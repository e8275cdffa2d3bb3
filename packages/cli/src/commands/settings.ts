import { LeappError } from "../../../core/src/errors.ts";
import { type CredentialMethod, defaultSettings } from "../../../core/src/model.ts";
import type { RegionView } from "../../../agent/src/protocol.ts";
import { type Command, command, unknown } from "../command.ts";
import { alignRows } from "../print.ts";
import { type Column, table, tableFlags } from "../table.ts";
import { missing } from "./ask.ts";

const list = command({
  name: "settings list",
  summary: "show every setting",
  async run(context) {
    const client = await context.client();
    const settings = await client.call("settings.list", {});
    const rows = Object.entries(settings).map(([key, value]) => [key, String(value)]);
    return { json: settings, text: alignRows(rows, context.stdout, false).join("\n") };
  },
});

function known(key: string): string {
  const keys = Object.keys(defaultSettings);
  const found = keys.find((candidate) => candidate === key.toLowerCase());
  if (found) return found;
  throw unknown("not-found", "setting", key, keys, "run: leapp settings list");
}

const keyArgument = { required: true, help: "the setting's name", complete: "setting" } as const;

const get = command({
  name: "settings get",
  summary: "show one setting",
  args: { key: keyArgument },
  async run(context, { args }) {
    const key = known(args.key);
    const client = await context.client();
    const settings = await client.call("settings.list", {});
    const value = settings[key as keyof typeof settings];
    return { json: { key, value }, text: String(value) };
  },
});

const set = command({
  name: "settings set",
  summary: "change one setting",
  details:
    "Changing credential-method moves every active session to the other method: credential-process-method writes no credential to any file, credential-file-method writes temporary keys to ~/.aws/credentials for tools that cannot run a command.",
  args: { key: keyArgument, value: { required: true, help: "the new value; '' for none" } },
  flags: { dryRun: { help: "with credential-method: show what would change, change nothing" } },
  examples: [["leapp settings set credential-method credential-file-method --dry-run", "what would happen"]],
  async run(context, { args, flags }) {
    const key = known(args.key);
    const client = await context.client();
    if (flags.dryRun) {
      if (key !== "credential-method")
        throw new LeappError("usage", "--dry-run is for credential-method only");
      const { lines } = await client.call("settings.preview-method", {
        method: args.value as CredentialMethod,
      });
      return { json: { lines }, text: lines.join("\n") || "no active session would change" };
    }
    const { settings, notices } = await client.call("settings.set", { key, value: args.value });
    const value = settings[key as keyof typeof settings];
    return {
      json: { key, value, notices },
      text: `${key} is now ${value === "" ? "empty" : value}`,
      notices,
    };
  },
});

const columns: Column<RegionView>[] = [
  { key: "region", title: "Region", get: (view) => view.region },
  { key: "partition", title: "Partition", get: (view) => view.partition, closed: true },
  { key: "description", title: "Description", get: (view) => view.description },
];

const regions = command({
  name: "region list",
  summary: "list the regions of every partition",
  flags: tableFlags,
  async run(context, { flags }) {
    const client = await context.client();
    const all = await client.call("region.list", {});
    return { json: all, text: table(columns, all, flags, context.stdout) };
  },
});

const getDefault = command({
  name: "region get-default",
  summary: "show the region that new sessions get",
  async run(context) {
    const client = await context.client();
    const region = (await client.call("settings.list", {}))["default-region"];
    return { json: { region }, text: region };
  },
});

const setDefault = command({
  name: "region set-default",
  summary: "change the region that new sessions get",
  args: { region: { help: "such as eu-west-1", complete: "region" } },
  flags: { region: { value: "REGION", complete: "region", help: "the same as the argument", hidden: true } },
  async run(context, { args, flags }) {
    const value = args.region ?? flags.region ?? (await missing(context, "the region", "region"));
    const client = await context.client();
    const { settings, notices } = await client.call("settings.set", { key: "default-region", value });
    const region = settings["default-region"];
    return { json: { region, notices }, text: `default region changed to ${region}`, notices };
  },
});

export const settingsCommands: Command[] = [list, get, set];
export const regionCommands: Command[] = [regions, getDefault, setDefault];
