import { LeappError } from "../../../core/src/errors.ts";
import type { SessionView } from "../../../core/src/model.ts";
import type { SessionResult } from "../../../agent/src/protocol.ts";
import { type Answer, type Command, command } from "../command.ts";
import type { Context } from "../context.ts";
import { duration, expiry } from "../print.ts";
import { type Column, table, tableFlags } from "../table.ts";
import { confirmed, missing, onlyAws, withForce } from "./ask.ts";
import { pickSession, roleArnOf, sessionArgs, sessionFlags } from "./pick.ts";
import { addSession, editSession } from "./session-edit.ts";

const columns = (now: number): Column<SessionView>[] => [
  { key: "id", title: "ID", get: (s) => s.id, extended: true },
  { key: "name", title: "Session Name", get: (s) => s.name },
  { key: "role", title: "Role", get: (s) => s.role ?? "", extended: true },
  { key: "type", title: "Type", get: (s) => s.type, closed: true },
  { key: "account", title: "Account", get: (s) => s.accountId ?? "", extended: true },
  { key: "source", title: "Source", get: (s) => s.source ?? "", extended: true },
  { key: "profile", title: "Named Profile", get: (s) => s.profiles.join(", ") },
  { key: "region", title: "Region/Location", get: (s) => s.region },
  { key: "status", title: "Status", get: (s) => s.status, closed: true },
  {
    key: "expires",
    title: "Expires In",
    get: (s) => (s.expiresAt ? duration(Date.parse(s.expiresAt) - now) : ""),
    order: (s) => (s.expiresAt ? Date.parse(s.expiresAt) : Number.POSITIVE_INFINITY),
  },
  { key: "problem", title: "Problem", get: (s) => s.problem?.message ?? "", extended: true },
];

const list = command({
  name: "session list",
  summary: "list the sessions",
  flags: tableFlags,
  examples: [["leapp session list --filter status=active --filter region=eu-", "active ones in Europe"]],
  async run(context, { flags }) {
    const client = await context.client();
    const sessions = await client.call("session.list", {});
    const text = table(columns(context.now()), sessions, flags, context.stdout);
    const problems = sessions.filter((session) => session.problem);
    return {
      json: sessions,
      text,
      notices: problems.map((session) => `${session.name}: ${session.problem!.message}`),
      ...(sessions.length === 0 ? { next: ["leapp session add"] } : {}),
    };
  },
});

const show = command({
  name: "session show",
  summary: "show everything about one session, without its secrets",
  args: sessionArgs,
  flags: sessionFlags,
  async run(context, input) {
    const session = await pickSession(context, input);
    return { json: session, text: details(session, context.now()) };
  },
});

/** Fields in words; what is empty is left out. */
function details(session: SessionView, now: number): string {
  const { problem, status, expiresAt, ...rest } = session;
  const words: Record<string, unknown> = { ...rest, status };
  if (expiresAt) words["credentials"] = expiry(Date.parse(expiresAt), now);
  if (problem) words["problem"] = problem.message;
  const rows = Object.entries(words).filter(([, value]) => value !== undefined && value !== null);
  const width = Math.max(...rows.map(([key]) => key.length));
  return rows.map(([key, value]) => `${key.padEnd(width)}  ${plain(value)}`).join("\n");
}

function plain(value: unknown): string {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object" && value !== null) {
    return Object.entries(value)
      .map(([key, part]) => `${key}=${part}`)
      .join(", ");
  }
  return String(value);
}

const start = command({
  name: "session start",
  summary: "write the session's profiles, so that every AWS tool can use it",
  details:
    "Asks for an MFA code or a sign-in now, where one is needed, so that no tool is kept waiting later. Several sessions can be started at once, one for each profile; starting another on the same profile replaces it. Starting what is started already is a success.",
  args: sessionArgs,
  flags: {
    ...sessionFlags,
    profile: {
      value: "NAME",
      repeat: true,
      short: "p",
      complete: "profile",
      help: "profile to start it under, from now on, instead of the session's own",
    },
    replace: { help: "park a profile of that name that holds other credentials, until stop" },
  },
  examples: [
    ["leapp session start dev", "under the profiles the session has"],
    ["leapp session start dev --profile default", "so that tools need no profile name"],
  ],
  async run(context, input) {
    const { flags } = input;
    const before = await pickSession(context, input, (session) => session.status !== "active");
    const client = await context.client();
    const result = await client.call("session.start", {
      session: before.id,
      ...(flags.profile.length > 0 ? { profiles: flags.profile } : {}),
      ...(flags.replace ? { replace: true } : {}),
    });
    const { session } = result;
    const { text: entry } = await client.call("session.config-entry", { session: session.id });
    const already = result.already ?? false;
    const life = session.expiresAt ? `, ${expiry(Date.parse(session.expiresAt), context.now())}` : "";
    const under = `${session.profiles.length > 1 ? "profiles" : "profile"} ${session.profiles.join(", ")}`;
    return {
      json: { ...result, already, entry },
      text: `session ${session.name} ${already ? "already started" : "started"} under ${under}${life}\n\n${indent(entry)}`,
      notices: result.notices,
      next: [`try: aws sts get-caller-identity${profileOption(session)}`],
    };
  },
});

const indent = (text: string) => text.trimEnd().replace(/^/gm, "  ");

function profileOption(session: SessionView): string {
  const profile = session.profiles[0] ?? "default";
  if (profile === "default") return "";
  return ` --profile ${/^[\w.@:/+=-]+$/.test(profile) ? profile : `'${profile.replaceAll("'", "'\\''")}'`}`;
}

const stop = command({
  name: "session stop",
  summary: "take the session's profiles out of ~/.aws again",
  details: "The file is then what it was before the start. Stopping what is stopped already is a success.",
  args: sessionArgs,
  flags: sessionFlags,
  async run(context, input) {
    const before = await pickSession(context, input, (session) => session.status === "active");
    const client = await context.client();
    const result = await client.call("session.stop", { session: before.id });
    const already = result.already ?? false;
    return {
      json: { ...result, already },
      text: `session ${before.name} ${already ? "already stopped" : "stopped"}`,
      notices: result.notices,
    };
  },
});

const generate = command({
  name: "session generate",
  summary: "print temporary credentials as credential_process wants them",
  details:
    "This is what the profiles in ~/.aws/config run. One line of JSON on stdout and nothing on stderr; on failure nothing on stdout, one line on stderr and an exit code of its own for each cause. It works whether the session is started or not, and starts the agent if need be. Standard input is never read.",
  args: { sessionId: { required: true, help: "the session's id, or its name", complete: "session" } },
  async run(_context, { args }) {
    // The same words without flags take the fast path in main.ts; this is for `--json` and friends.
    const { generate: print } = await import("../generate.ts");
    await print(args.sessionId);
    return { json: undefined, text: "" };
  },
});

const currentFields = ["id", "alias", "accountNumber", "roleArn"] as const;

const current = command({
  name: "session current",
  summary: "tell which session a profile stands for now",
  flags: {
    profile: { value: "NAME", short: "p", complete: "profile", help: "the profile; default: default" },
    inline: { short: "i", help: "print `name: value` pairs on one line, not JSON" },
    format: { value: "FIELDS", short: "f", help: `fields with blanks between: ${currentFields.join(" ")}` },
    provider: { value: "CLOUD", short: "r", complete: ["aws"], hidden: true, help: "aws" },
  },
  examples: [["leapp session current --inline --format alias", "for a shell prompt"]],
  async run(context, { flags }) {
    onlyAws(flags.provider);
    const fields = flags.format?.split(/[\s,]+/).filter(Boolean) ?? [...currentFields];
    for (const field of fields) {
      if (!(currentFields as readonly string[]).includes(field)) {
        throw new LeappError("usage", `no field "${field}"`, {
          hint: `fields are ${currentFields.join(" ")}`,
        });
      }
    }
    const profile = flags.profile ?? "default";
    const client = await context.client();
    const sessions = await client.call("session.list", {});
    const session = sessions.find((one) => one.status === "active" && one.profiles.includes(profile));
    if (!session) {
      throw new LeappError("not-found", `no active session under profile "${profile}"`, {
        hint: "run: leapp session list",
      });
    }
    // Only AWS knows the user behind access keys; a role's ARN we have ourselves.
    const needed = fields.includes("roleArn") ? !roleArnOf(session) : false;
    const unknown = needed || (fields.includes("accountNumber") && !session.accountId);
    const identity = unknown ? await client.call("session.identity", { session: session.id }) : undefined;
    const values: Record<string, string> = {
      id: session.id,
      alias: session.name,
      accountNumber: session.accountId ?? identity?.accountId ?? "",
      roleArn: roleArnOf(session) ?? identity?.arn ?? "",
    };
    const chosen = Object.fromEntries(fields.map((field) => [field, values[field]!]));
    const inline = Object.entries(chosen)
      .map(([field, value]) => `${field}: ${value}`)
      .join(", ");
    return { json: chosen, text: flags.inline ? inline : JSON.stringify(chosen) };
  },
});

const getId = command({
  name: "session get-id",
  summary: "print a session's id",
  args: sessionArgs,
  flags: sessionFlags,
  async run(context, input) {
    const { id } = await pickSession(context, input);
    return { json: { id }, text: id };
  },
});

function changed(result: SessionResult, text: string): Answer {
  return { json: result, text, notices: result.notices };
}

const changeProfile = command({
  name: "session change-profile",
  summary: "give the session other profiles; an active one moves at once",
  args: sessionArgs,
  flags: {
    ...sessionFlags,
    profile: {
      value: "NAME",
      repeat: true,
      short: "p",
      also: ["profileId"],
      complete: "profile",
      help: "profile; the first one is the main one",
    },
  },
  async run(context, input) {
    const session = await pickSession(context, input);
    const profiles = [...input.flags.profile];
    if (profiles.length === 0) profiles.push(await missing(context, "--profile", "profile"));
    const client = await context.client();
    const result = await client.call("session.edit", { session: session.id, changes: { profiles } });
    return changed(result, `session profile changed to ${result.session.profiles.join(", ")}`);
  },
});

const changeRegion = command({
  name: "session change-region",
  summary: "give the session another region",
  args: sessionArgs,
  flags: { ...sessionFlags, region: { value: "REGION", complete: "region", help: "such as eu-west-1" } },
  async run(context, input) {
    const session = await pickSession(context, input);
    const region = input.flags.region ?? (await missing(context, "--region", "region"));
    const client = await context.client();
    const result = await client.call("session.edit", { session: session.id, changes: { region } });
    return changed(result, `session region changed to ${result.session.region}`);
  },
});

const rename = command({
  name: "session rename",
  summary: "give the session another name; its id stays",
  args: { ...sessionArgs, to: { help: "the new name" } },
  flags: { ...sessionFlags, name: { value: "NAME", also: ["sessionName"], help: "the new name" } },
  async run(context, input) {
    const session = await pickSession(context, input);
    const name = input.args.to ?? input.flags.name ?? (await missing(context, "the new name", "new name"));
    const client = await context.client();
    const result = await client.call("session.edit", { session: session.id, changes: { name } });
    return changed(result, `session ${session.name} renamed to ${result.session.name}`);
  },
});

const remove = command({
  name: "session delete",
  summary: "delete the session with its keys",
  details:
    "Where other sessions are chained from it, it says which, and deletes them too only with --force or a yes.",
  args: sessionArgs,
  flags: {
    ...sessionFlags,
    force: { short: "f", help: "also delete the sessions chained from it; do not ask" },
  },
  async run(context, input) {
    const session = await pickSession(context, input);
    const client = await context.client();
    const { force } = input.flags;
    if (session.production && !force) {
      const question = `${session.name} is marked as production`;
      await confirmed(context, question, new LeappError("conflict", question, { hint: "use --force" }));
    }
    const result = await withForce(context, force, (forced) =>
      client.call("session.delete", { session: session.id, force: forced }),
    );
    const others = result.deleted.length - 1;
    const text = `session deleted${others > 0 ? `, with ${others} chained from it` : ""}`;
    return { json: result, text, notices: result.notices };
  },
});

const identity = command({
  name: "session identity",
  also: ["session whoami", "whoami"],
  summary: "ask AWS who the session is",
  args: sessionArgs,
  flags: sessionFlags,
  async run(context, input) {
    const session = await pickSession(context, input);
    const client = await context.client();
    const found = await client.call("session.identity", { session: session.id });
    return { json: found, text: `${found.arn}\naccount ${found.accountId}, user id ${found.userId}` };
  },
});

const openWebConsole = command({
  name: "session open-web-console",
  summary: "open the AWS web console as this session",
  args: sessionArgs,
  flags: {
    ...sessionFlags,
    print: { short: "p", help: "print the address instead; whoever has it is signed in" },
  },
  async run(context, input) {
    const session = await pickSession(context, input);
    const client = await context.client();
    const open = !input.flags.print;
    const { url } = await client.call("credentials.console-url", { session: session.id, open });
    return open
      ? { json: { opened: true }, text: `web console opened as ${session.name}` }
      : { json: { opened: false, url }, text: url ?? "" };
  },
});

export const sessionCommands: Command[] = [
  list,
  show,
  addSession,
  editSession,
  rename,
  start,
  stop,
  current,
  identity,
  generate,
  openWebConsole,
  getId,
  changeProfile,
  changeRegion,
  remove,
];
