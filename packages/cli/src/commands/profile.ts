import { LeappError } from "../../../core/src/errors.ts";
import { type Command, command } from "../command.ts";
import { alignRows } from "../print.ts";
import { type Column, table, tableFlags } from "../table.ts";
import type { ProfileView } from "../../../agent/src/protocol.ts";
import { confirmed, missing, withForce } from "./ask.ts";

const columns: Column<ProfileView>[] = [
  { key: "name", title: "Profile Name", get: (profile) => profile.name },
  {
    key: "sessions",
    title: "Sessions",
    get: (profile) => profile.sessions.map((session) => session.name).join(", "),
  },
  {
    key: "active",
    title: "Active",
    get: (profile) => profile.sessions.find((session) => session.active)?.name ?? "",
  },
];

const list = command({
  name: "profile list",
  summary: "list the named profiles that sessions can be started under",
  flags: tableFlags,
  async run(context, { flags }) {
    const client = await context.client();
    const profiles = await client.call("profile.list", {});
    return { json: profiles, text: table(columns, profiles, flags, context.stdout) };
  },
});

const newName = { value: "NAME", also: ["profileName"], help: "the profile's name" } as const;
const oldName = {
  value: "PROFILE",
  also: ["profile"],
  complete: "profile",
  help: "the same as the argument",
  hidden: true,
} as const;
const profileArgs = { profile: { help: "the profile", complete: "profile" } } as const;

const create = command({
  name: "profile create",
  summary: "make a named profile",
  args: { name: { help: "the profile's name" } },
  flags: { name: newName },
  async run(context, { args, flags }) {
    const name = args.name ?? flags.name ?? (await missing(context, "--name", "profile name"));
    const client = await context.client();
    const { notices } = await client.call("profile.create", { name });
    return { json: { name, notices }, text: "profile created", notices };
  },
});

const edit = command({
  name: "profile edit",
  summary: "rename a profile, in its sessions and in ~/.aws if one is active",
  args: { ...profileArgs, to: { help: "the new name" } },
  flags: { profileId: oldName, name: { ...newName, help: "the new name" } },
  async run(context, { args, flags }) {
    const name = args.profile ?? flags.profileId ?? (await missing(context, "the profile", "profile"));
    const to = args.to ?? flags.name ?? (await missing(context, "--name", "new name"));
    const client = await context.client();
    const { notices } = await client.call("profile.rename", { name, to });
    return { json: { name: to, notices }, text: "profile edited", notices };
  },
});

const remove = command({
  name: "profile delete",
  summary: "delete a profile; its sessions go back to the default profile",
  args: profileArgs,
  flags: { profileId: oldName, force: { short: "f", help: "even if sessions have it; do not ask" } },
  async run(context, { args, flags }) {
    const name = args.profile ?? flags.profileId ?? (await missing(context, "the profile", "profile"));
    const client = await context.client();
    const { notices } = await withForce(context, flags.force, (force) =>
      client.call("profile.delete", { name, force }),
    );
    return { json: { name, notices }, text: "profile deleted", notices };
  },
});

const separators = ["-", "_", "."] as const;

const generate = command({
  name: "profile generate",
  summary: "give synced sessions profiles by a template and start them all",
  details:
    "The template takes {account}, {accountId}, {role}, {alias} and {email}. What would be written is shown first; on a terminal it is written after a yes.",
  flags: {
    all: { help: "for every synced session" },
    filter: {
      value: "TEXT",
      help: "only where name, account, role or integration has this text, in any case",
    },
    template: { value: "TEMPLATE", help: "such as {account}-{role}" },
    separator: {
      value: "SIGN",
      complete: separators,
      help: "stands for blanks and odd characters: - _ or .",
    },
    lowerCase: { help: "names in lower case" },
    replace: { help: "park profiles of these names that hold other credentials" },
    dryRun: { help: "show what would be written, write nothing" },
  },
  examples: [["leapp profile generate --all --template {account}-{role} --dry-run", "what it would give"]],
  async run(context, { flags }) {
    if (!flags.all && flags.filter === undefined) {
      throw new LeappError("usage", "which sessions? give --all or --filter", {
        hint: "add --dry-run to look first",
      });
    }
    const separator = separators.find((sign) => sign === flags.separator);
    if (separator === undefined && flags.separator !== undefined) {
      throw new LeappError("usage", `the separator "${flags.separator}" is none of ${separators.join(" ")}`);
    }
    const client = await context.client();
    const { filter, template, lowerCase, replace } = flags;
    const wanted = { filter, template, separator, lowerCase, replace };
    const plan = await client.call("profile.generate", wanted);
    const rows = plan.profiles.map(({ session, profile, clash, unchanged }) => [
      profile,
      session,
      clash ?? (unchanged ? "as it is" : ""),
    ]);
    const lines = alignRows([["Profile", "Session", ""], ...rows], context.stdout);
    if (flags.dryRun) return { json: plan, text: lines.join("\n"), notices: plan.notices };
    const terminal = context.terminal();
    if (terminal) {
      for (const line of lines) terminal.show(line);
      await confirmed(context, `${rows.length} profiles`, new LeappError("refused", "cancelled"));
    }
    const result = await client.call("profile.generate", { ...wanted, apply: true });
    return { json: result, text: `${result.profiles.length} profiles written`, notices: result.notices };
  },
});

const prune = command({
  name: "profile prune",
  summary: "remove profiles of ours that no longer stand for anything",
  flags: { dryRun: { help: "show them, remove nothing" } },
  async run(context, { flags }) {
    const client = await context.client();
    const result = await client.call("profile.prune", { dryRun: flags.dryRun ?? false });
    const text = [
      `${result.removed.length} profiles ${flags.dryRun ? "to be removed" : "removed"}`,
      ...result.removed,
    ];
    return { json: result, text: text.join("\n"), notices: result.notices };
  },
});

export const profileCommands: Command[] = [list, create, edit, remove, generate, prune];
