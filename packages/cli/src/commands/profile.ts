import { LeappError } from "../../../core/src/errors.ts";
import { type Command, command } from "../command.ts";
import { type Column, table, tableFlags } from "../table.ts";
import type { ProfileView } from "../../../agent/src/protocol.ts";
import { confirmed, missing } from "./ask.ts";

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
    const call = (force: boolean) => client.call("profile.delete", { name, force });
    const { notices } = await call(flags.force ?? false).catch(async (error: unknown) => {
      if (flags.force || !(error instanceof LeappError) || error.code !== "conflict") throw error;
      await confirmed(context, error.message, error);
      return call(true);
    });
    return { json: { name, notices }, text: "profile deleted", notices };
  },
});

export const profileCommands: Command[] = [list, create, edit, remove];
