import type { AgentClient } from "../../../agent/src/client.ts";
import type {
  IdpUrlView,
  IntegrationInput,
  IntegrationView,
  SamlSignInResult,
} from "../../../agent/src/protocol.ts";
import { LeappError } from "../../../core/src/errors.ts";
import { type Command, command, type Flags, type FlagValues, unknown } from "../command.ts";
import type { Context } from "../context.ts";
import { duration, expiry } from "../print.ts";
import { type Column, table, tableFlags } from "../table.ts";
import { missing, withForce } from "./ask.ts";

const columns = (now: number): Column<IntegrationView>[] => [
  { key: "id", title: "ID", get: (one) => one.id, extended: true },
  { key: "type", title: "Type", get: () => "AWS-SSO", closed: true },
  { key: "name", title: "Integration Name", get: (one) => one.alias },
  { key: "url", title: "AWS Portal URL", get: (one) => one.startUrl },
  { key: "region", title: "Region/Location", get: (one) => one.region },
  { key: "sessions", title: "Sessions", get: (one) => String(one.sessions), order: (one) => one.sessions },
  { key: "status", title: "Status", get: (one) => one.state, closed: true },
  {
    key: "expiration",
    title: "Expiration",
    get: (one) => (one.signedInUntil ? expiry(Date.parse(one.signedInUntil), now) : ""),
  },
];

const integrationArgs = {
  integration: { help: "the integration's alias or id", complete: "integration" },
} as const;
const integrationFlags = {
  integrationId: {
    value: "INTEGRATION",
    help: "the same as the argument",
    complete: "integration",
    hidden: true,
  },
} as const;

/** @throws LeappError `usage` when none is named and nobody can choose, `not-found` */
async function pick(
  context: Context,
  given: { args: { integration?: string | undefined }; flags: { integrationId?: string | undefined } },
): Promise<IntegrationView> {
  const client = await context.client();
  const all = await client.call("integration.list", {});
  const name = given.args.integration ?? given.flags.integrationId;
  if (name !== undefined) {
    const found = all.find((one) => one.id === name || one.alias.toLowerCase() === name.toLowerCase());
    if (found) return found;
    const aliases = all.map((one) => one.alias);
    throw unknown("not-found", "integration", name, aliases, "run: leapp integration list");
  }
  // Nothing to choose where there is but one.
  if (all.length === 1) return all[0]!;
  const terminal = context.terminal();
  if (all.length === 0) {
    throw new LeappError("not-found", "there are no integrations yet", {
      hint: "run: leapp integration create",
    });
  }
  if (!terminal) {
    throw new LeappError("usage", "which integration? give its alias", {
      hint: "run: leapp integration list",
    });
  }
  const alias = await terminal.choose(
    "integration",
    all.map((one) => one.alias),
  );
  return all.find((one) => one.alias === alias)!;
}

const fieldFlags = {
  alias: { value: "NAME", also: ["integrationAlias"], help: "the integration's name, unique in any case" },
  startUrl: {
    value: "URL",
    also: ["integrationPortalUrl", "portalUrl"],
    help: "start URL or issuer URL, such as https://d-1234567890.awsapps.com/start",
  },
  region: {
    value: "REGION",
    also: ["integrationRegion"],
    complete: "region",
    help: "region of the Identity Center instance",
  },
  ssoSession: { value: "NAME", help: "the [sso-session NAME] of your config that it stands for" },
  shareTokens: {
    negatable: true,
    help: "share the sign-in with the AWS CLI through ~/.aws/sso/cache, which is plain text",
  },
} as const satisfies Flags;

function inputOf(flags: FlagValues<typeof fieldFlags>): IntegrationInput {
  const { alias, startUrl, region, ssoSession, shareTokens } = flags;
  const fields = { alias, startUrl, region, ssoSession, shareTokens };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

const create = command({
  name: "integration create",
  summary: "add an IAM Identity Center instance, the source of your company's accounts and roles",
  flags: {
    integrationType: { value: "TYPE", hidden: true, complete: ["AWS-SSO"], help: "AWS-SSO" },
    ...fieldFlags,
  },
  examples: [
    [
      "leapp integration create --alias work --start-url https://d-1234567890.awsapps.com/start --region eu-west-1",
      "one instance",
    ],
  ],
  async run(context, { flags: { integrationType, ...given } }) {
    if (integrationType !== undefined && integrationType.toUpperCase() !== "AWS-SSO") {
      throw new LeappError("usage", `no integration type "${integrationType}"`, {
        hint: "AWS-SSO is the only one",
      });
    }
    const flags = { ...given };
    flags.alias ??= await missing(context, "--alias", "alias");
    flags.startUrl ??= await missing(context, "--start-url", "start URL");
    flags.region ??= await missing(context, "--region", "region of the instance");
    const client = await context.client();
    const result = await client.call("integration.add", { integration: inputOf(flags) });
    const { alias } = result.integration;
    return {
      json: result,
      text: `integration created: ${alias} (${result.integration.id})`,
      notices: result.notices,
      next: [`sign in and fetch its roles: leapp integration sync ${alias}`],
    };
  },
});

const edit = command({
  name: "integration edit",
  summary: "change an integration",
  args: integrationArgs,
  flags: { ...integrationFlags, ...fieldFlags },
  async run(context, { args, flags }) {
    const before = await pick(context, { args, flags });
    const changes = inputOf(flags);
    if (Object.keys(changes).length === 0) {
      throw new LeappError("usage", "nothing to change", { hint: "run: leapp integration edit --help" });
    }
    const client = await context.client();
    const result = await client.call("integration.edit", { integration: before.id, changes });
    return { json: result, text: `integration ${result.integration.alias} changed`, notices: result.notices };
  },
});

const list = command({
  name: "integration list",
  summary: "list the integrations, and until when you are signed in",
  flags: tableFlags,
  async run(context, { flags }) {
    const client = await context.client();
    const all = await client.call("integration.list", {});
    return { json: all, text: table(columns(context.now()), all, flags, context.stdout) };
  },
});

const show = command({
  name: "integration show",
  summary: "show everything about one integration",
  args: integrationArgs,
  flags: integrationFlags,
  async run(context, input) {
    const found = await pick(context, input);
    const rows = columns(context.now()).map(({ title, get }) => `${title.padEnd(16)}  ${get(found)}`);
    if (found.problem) rows.push(`${"Problem".padEnd(16)}  ${found.problem.message}`);
    return { json: found, text: rows.map((row) => row.trimEnd()).join("\n") };
  },
});

const login = command({
  name: "integration login",
  summary: "sign in, in your browser",
  details:
    "Opens the browser of this desktop. With --device-code, and where no browser can open, it shows an address and a code to use elsewhere; never approve a code that you did not ask for.",
  args: integrationArgs,
  flags: {
    ...integrationFlags,
    deviceCode: { help: "show an address and a code instead of opening a browser" },
  },
  async run(context, input) {
    const integration = await pick(context, input);
    const client = await context.client();
    const result = await client.call("integration.login", {
      integration: integration.id,
      ...(input.flags.deviceCode ? { flow: "device" as const } : {}),
    });
    const until = result.integration.signedInUntil;
    const life = until ? `, ${expiry(Date.parse(until), context.now())}` : "";
    return {
      json: { ...result, already: result.already ?? false },
      text: `${result.already ? "already signed in" : "signed in"} to ${integration.alias}${life}`,
      notices: result.notices,
    };
  },
});

const logout = command({
  name: "integration logout",
  summary: "sign out, here and at AWS, or cancel a sign-in under way; the sessions stay",
  args: integrationArgs,
  flags: integrationFlags,
  async run(context, input) {
    const integration = await pick(context, input);
    const client = await context.client();
    const result = await client.call("integration.logout", { integration: integration.id });
    return { json: result, text: `signed out of ${integration.alias}`, notices: result.notices };
  },
});

/** A bar on the terminal while the agent lists accounts. Returns what takes it away. */
async function showProgress(
  context: Context,
  client: AgentClient,
  integrationId: string,
): Promise<() => void> {
  if (!context.stderr.isTerminal) return () => {};
  await client.call("subscribe", {});
  const stop = client.on((event) => {
    if (event.event !== "sync-progress" || event.data.integrationId !== integrationId) return;
    const { done, total, estimate } = event.data;
    const full = total === 0 ? 0 : Math.floor((done / total) * 30);
    const left = estimate === undefined ? "" : `, ${duration(estimate * 1000)} left`;
    const bar = `${"#".repeat(full)}${".".repeat(30 - full)}`;
    context.printError(`\r\u001b[K${bar} ${done} of ${total || "?"} accounts${left}`);
  });
  return () => {
    stop();
    context.printError("\r\u001b[K");
  };
}

const sync = command({
  name: "integration sync",
  summary: "make a session of every role that you have",
  details:
    "Signs in first where that is needed. Sessions are added, updated and removed in one step; if the listing fails, nothing is changed. Names, regions and profiles that you gave stay.",
  args: integrationArgs,
  flags: { ...integrationFlags, dryRun: { help: "show what would change, change nothing" } },
  async run(context, input) {
    const integration = await pick(context, input);
    const client = await context.client();
    const dryRun = input.flags.dryRun ?? false;
    const done = await showProgress(context, client, integration.id);
    const result = await client
      .call("integration.sync", { integration: integration.id, dryRun })
      .finally(done);
    const lines = [
      `${result.added.length} sessions ${dryRun ? "to be added" : "added"}`,
      ...(result.updated.length > 0
        ? [`${result.updated.length} sessions ${dryRun ? "to be updated" : "updated"}`]
        : []),
      `${result.removed.length} sessions ${dryRun ? "to be removed" : "removed"}`,
    ];
    if (dryRun) {
      lines.push(...result.added.map((name) => `+ ${name}`), ...result.updated.map((name) => `~ ${name}`));
      lines.push(...result.removed.map((name) => `- ${name}`));
    }
    return { json: result, text: lines.join("\n"), notices: result.notices };
  },
});

const remove = command({
  name: "integration delete",
  summary: "sign out and delete the integration with its sessions",
  args: integrationArgs,
  flags: {
    ...integrationFlags,
    force: { short: "f", help: "also delete sessions chained from its sessions; do not ask" },
  },
  async run(context, input) {
    const { id: integration } = await pick(context, input);
    const client = await context.client();
    const result = await withForce(context, input.flags.force, (force) =>
      client.call("integration.delete", { integration, force }),
    );
    const text = `integration deleted, with ${result.deleted.length} sessions`;
    return { json: result, text, notices: result.notices };
  },
});

const idpUrlColumns: Column<IdpUrlView>[] = [
  { key: "id", title: "ID", get: (one) => one.id, extended: true },
  { key: "url", title: "Identity Provider URL", get: (one) => one.url },
  { key: "sessions", title: "Sessions", get: (one) => String(one.sessions), order: (one) => one.sessions },
];
const idpUrlArgs = { idpUrl: { help: "the URL, or its id" } } as const;
const idpUrlId = { value: "ID", help: "the same as the argument", hidden: true } as const;

const idpUrlList = command({
  name: "idp-url list",
  summary: "list the addresses where SAML sign-ins begin",
  flags: tableFlags,
  async run(context, { flags }) {
    const client = await context.client();
    const all = await client.call("idp-url.list", {});
    return { json: all, text: table(idpUrlColumns, all, flags, context.stdout) };
  },
});

const idpUrlCreate = command({
  name: "idp-url create",
  summary: "add an identity provider's address",
  args: { url: { help: "the https address that starts the sign-in to AWS" } },
  flags: { idpUrl: { value: "URL", help: "the same as the argument", hidden: true } },
  async run(context, { args, flags }) {
    const url = args.url ?? flags.idpUrl ?? (await missing(context, "the URL", "identity provider URL"));
    const client = await context.client();
    return { json: await client.call("idp-url.add", { url }), text: "identity provider URL created" };
  },
});

const idpUrlEdit = command({
  name: "idp-url edit",
  summary: "change an identity provider's address, for all its sessions",
  args: { ...idpUrlArgs, to: { help: "the new URL" } },
  flags: { idpUrlId, idpUrl: { value: "URL", help: "the new URL", hidden: true } },
  async run(context, { args, flags }) {
    const id = args.idpUrl ?? flags.idpUrlId ?? (await missing(context, "the URL", "identity provider URL"));
    const url = args.to ?? flags.idpUrl ?? (await missing(context, "the new URL", "new URL"));
    const client = await context.client();
    return { json: await client.call("idp-url.edit", { id, url }), text: "identity provider URL edited" };
  },
});

const idpUrlDelete = command({
  name: "idp-url delete",
  summary: "delete an identity provider's address with the sessions that sign in there",
  args: idpUrlArgs,
  flags: { idpUrlId, force: { short: "f", help: "even if sessions use it; do not ask" } },
  async run(context, { args, flags }) {
    const id = args.idpUrl ?? flags.idpUrlId ?? (await missing(context, "the URL", "identity provider URL"));
    const client = await context.client();
    const result = await withForce(context, flags.force, (force) =>
      client.call("idp-url.delete", { id, force }),
    );
    return { json: result, text: "identity provider URL deleted", notices: result.notices };
  },
});

const roleColumns: Column<SamlSignInResult["roles"][number]>[] = [
  { key: "account", title: "Account", get: (role) => role.accountId },
  { key: "role", title: "Role", get: (role) => role.roleArn.replace(/^.*:role\//, "") },
  { key: "arn", title: "Role ARN", get: (role) => role.roleArn, extended: true },
  { key: "idp", title: "Provider ARN", get: (role) => role.idpArn, extended: true },
  { key: "session", title: "Session", get: (role) => role.already ?? "" },
];

const idpUrlLogin = command({
  name: "idp-url login",
  summary: "sign in there, in a browser window of its own",
  details:
    "Where no window can open, sign in elsewhere and bring the SAML response (base64, from the form that is\n" +
    "posted to AWS's sign-in page) with --assertion-stdin. It is good for a few minutes and for every role in it.",
  args: idpUrlArgs,
  flags: { idpUrlId, assertionStdin: { help: "read a SAML response from standard input" } },
  async run(context, { args, flags }) {
    const url = args.idpUrl ?? flags.idpUrlId ?? (await missing(context, "the URL", "identity provider URL"));
    const assertion = flags.assertionStdin ? context.readInput(0) : undefined;
    const client = await context.client();
    const result = await client.call("idp-url.login", { url, assertion });
    const roles = result.roles.length === 1 ? "1 role" : `${result.roles.length} roles`;
    return { json: result, text: `signed in, ${roles}` };
  },
});

const idpUrlRoles = command({
  name: "idp-url roles",
  summary: "sign in there and list every role that opens; --add makes sessions of them",
  args: idpUrlArgs,
  flags: {
    idpUrlId,
    add: { help: "make a session, named ACCOUNT/ROLE, of each role that has none" },
    region: { value: "REGION", complete: "region", help: "with --add: region of the new sessions" },
    ...tableFlags,
  },
  async run(context, { args, flags }) {
    const url = args.idpUrl ?? flags.idpUrlId ?? (await missing(context, "the URL", "identity provider URL"));
    const client = await context.client();
    const result = await client.call("idp-url.roles", { url });
    const added: string[] = [];
    for (const { accountId, roleArn, idpArn, already } of flags.add ? result.roles : []) {
      if (already) continue;
      const name = `${accountId}/${roleArn.replace(/^.*:role\//, "")}`;
      const session = { type: "iam-role-federated", name, idpUrl: result.idpUrl.id, idpArn, roleArn };
      await client.call("session.add", {
        session: { ...session, ...(flags.region ? { region: flags.region } : {}) },
      });
      added.push(name);
    }
    const text = flags.add
      ? added.map((name) => `session added: ${name}`).join("\n") || "every role has a session already"
      : table(roleColumns, result.roles, flags, context.stdout);
    return { json: { ...result, added }, text };
  },
});

const idpUrlLogout = command({
  name: "idp-url logout",
  summary: "forget the browser's remembered sign-in there",
  args: idpUrlArgs,
  flags: { idpUrlId },
  async run(context, { args, flags }) {
    const id = args.idpUrl ?? flags.idpUrlId ?? (await missing(context, "the URL", "identity provider URL"));
    const client = await context.client();
    await client.call("idp-url.logout", { id });
    return { json: { idpUrl: id }, text: "sign-in forgotten" };
  },
});

export const integrationCommands: Command[] = [list, show, create, edit, login, logout, sync, remove];
export const idpUrlCommands: Command[] = [
  idpUrlList,
  idpUrlCreate,
  idpUrlEdit,
  idpUrlLogin,
  idpUrlRoles,
  idpUrlLogout,
  idpUrlDelete,
];
