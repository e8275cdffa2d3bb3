import { LeappError } from "../../../core/src/errors.ts";
import {
  defaultSettings,
  legacySessionTypes,
  type SessionType,
  sessionTypes,
} from "../../../core/src/model.ts";
import type { SecretInput, SessionInput } from "../../../agent/src/protocol.ts";
import type { AgentClient } from "../../../agent/src/client.ts";
import { command, type FlagValues, type Flags, kebab, unknown } from "../command.ts";
import type { Context } from "../context.ts";
import { onlyAws } from "./ask.ts";

/** Fields of a session, for `add` and `edit`; the old product's spellings beside ours. */
const fieldFlags = {
  name: { value: "NAME", also: ["sessionName"], help: "the session's name, unique in any case" },
  region: { value: "REGION", complete: "region", help: "region written into the profile, such as eu-west-1" },
  profile: {
    value: "NAME",
    repeat: true,
    short: "p",
    also: ["profileId"],
    complete: "profile",
    help: "profile it is started under; the first is the main one",
  },
  accessKeyId: { value: "ID", also: ["accessKey"], help: "iam-user: the access key's id" },
  secretAccessKeyStdin: { help: "iam-user: read the secret access key from standard input" },
  secretAccessKeyFd: { value: "N", help: "iam-user: read the secret access key from file descriptor N" },
  secretKey: { value: "SECRET", hidden: true, help: "the secret access key, visible to every process" },
  mfaDevice: {
    value: "ARN",
    also: ["mfaSerial"],
    help: "iam-user and chained: ARN or serial number of the MFA device",
  },
  duration: { value: "TIME", help: "lifetime asked for: seconds, or 90m, or 12h" },
  parent: {
    value: "SESSION",
    also: ["parentSessionId", "parentSession"],
    complete: "session",
    help: "chained: the session whose credentials assume the role",
  },
  roleArn: { value: "ARN", help: "the role, such as arn:aws:iam::123456789012:role/admin" },
  roleSessionName: {
    value: "NAME",
    help: "chained: template with {user} and {session}; default leapp-{user}",
  },
  externalId: { value: "ID", help: "chained: external id that the trust policy asks for" },
  policy: { value: "JSON", help: "chained: session policy, as JSON or @FILE" },
  policyArn: { value: "ARN", repeat: true, help: "chained: managed policy that limits the session" },
  tag: { value: "KEY=VALUE", repeat: true, help: "chained: session tag" },
  transitiveTag: { value: "KEY", repeat: true, help: "chained: session tag that later roles keep" },
  sourceIdentity: { value: "NAME", help: "chained: source identity for CloudTrail" },
  idpUrl: { value: "URL", help: "federated: where the sign-in begins" },
  idpArn: { value: "ARN", help: "federated: the identity provider in IAM" },
  tokenFile: { value: "FILE", complete: "file", help: "web identity: file with the token" },
  tokenCommand: { value: "COMMAND", help: "web identity: command that prints the token" },
  command: { value: "COMMAND", help: "process: the credential_process to wrap" },
  endpointUrl: { value: "URL", help: "localstack: its address; default http://localhost:4566" },
  production: { negatable: true, help: "mark it: clients show it as such and ask before risky things" },
  pinned: { negatable: true, help: "keep it at the top in the app" },
} as const satisfies Flags;

type Field = keyof typeof fieldFlags;
type FieldValues = FlagValues<typeof fieldFlags>;

const common: Field[] = ["name", "region", "profile", "production", "pinned"];
/** What each type takes; in `asked` what a person is asked for when it is missing. */
const fieldsOf: Record<
  Exclude<SessionType, "sso-role">,
  { takes: Field[]; required: Field[]; asked?: Field[] }
> = {
  "iam-user": {
    takes: ["accessKeyId", "secretAccessKeyStdin", "secretAccessKeyFd", "secretKey", "mfaDevice", "duration"],
    required: ["accessKeyId"],
    asked: ["mfaDevice"],
  },
  "iam-role-chained": {
    takes: [
      "parent",
      "roleArn",
      "roleSessionName",
      "externalId",
      "policy",
      "policyArn",
      "tag",
      "transitiveTag",
      "sourceIdentity",
      "mfaDevice",
      "duration",
    ],
    required: ["parent", "roleArn"],
  },
  "iam-role-federated": {
    takes: ["idpUrl", "idpArn", "roleArn", "duration"],
    required: ["idpUrl", "idpArn", "roleArn"],
  },
  "web-identity": {
    takes: ["roleArn", "roleSessionName", "tokenFile", "tokenCommand", "duration"],
    required: ["roleArn"],
  },
  process: { takes: ["command"], required: ["command"] },
  localstack: { takes: ["endpointUrl"], required: [] },
};

function parseTags(tags: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    tags.map((tag) => {
      const at = tag.indexOf("=");
      if (at < 1) throw new LeappError("invalid", `the tag "${tag}" is not KEY=VALUE`);
      return [tag.slice(0, at), tag.slice(at + 1)];
    }),
  );
}

/** The fields as the agent wants them, which also checks them; an empty text takes a field away. */
function inputOf(context: Context, flags: FieldValues): Partial<SessionInput> {
  const list = (values: readonly string[]) =>
    values.length === 0 ? undefined : values.filter((value) => value !== "");
  const tags = list(flags.tag);
  const fields: Partial<SessionInput> = {
    name: flags.name,
    region: flags.region,
    profiles: list(flags.profile),
    mfaDevice: flags.mfaDevice,
    durationSeconds: flags.duration,
    parentId: flags.parent,
    roleArn: flags.roleArn,
    roleSessionName: flags.roleSessionName,
    externalId: flags.externalId,
    policy: flags.policy?.startsWith("@") ? context.readFile(flags.policy.slice(1)) : flags.policy,
    policyArns: list(flags.policyArn),
    tags: tags?.length === 0 ? null : tags && parseTags(tags),
    transitiveTagKeys: list(flags.transitiveTag),
    sourceIdentity: flags.sourceIdentity,
    idpUrlId: flags.idpUrl,
    idpArn: flags.idpArn,
    tokenFile: flags.tokenFile,
    tokenCommand: flags.tokenCommand,
    command: flags.command,
    endpointUrl: flags.endpointUrl,
    production: flags.production,
    pinned: flags.pinned,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

const argvWarning =
  "--secret-key shows the key to every process of this machine; use --secret-access-key-stdin";

/** The secret by whichever way was chosen; undefined when none was and nobody is to be asked. */
async function readSecret(context: Context, flags: FieldValues, ask: boolean): Promise<string | undefined> {
  const ways = [flags.secretAccessKeyStdin, flags.secretAccessKeyFd, flags.secretKey].filter(
    (way) => way !== undefined,
  );
  if (ways.length > 1) throw new LeappError("usage", "the secret access key is given in two ways");
  if (flags.secretKey !== undefined) return flags.secretKey;
  if (flags.secretAccessKeyFd !== undefined) {
    if (!/^\d{1,4}$/.test(flags.secretAccessKeyFd)) {
      throw new LeappError("usage", "--secret-access-key-fd needs the number of a file descriptor");
    }
    return firstLine(context.readInput(Number(flags.secretAccessKeyFd)));
  }
  const terminal = context.terminal();
  if (terminal && (ask || flags.secretAccessKeyStdin)) {
    return terminal.ask({ message: "secret access key (not shown)", secret: true });
  }
  return flags.secretAccessKeyStdin ? firstLine(context.readInput(0)) : undefined;
}

function firstLine(text: string): string {
  const line = text.split(/\r?\n/)[0]!.trim();
  if (!line) throw new LeappError("usage", "the secret access key is empty");
  return line;
}

async function chooseType(context: Context, given: string | undefined): Promise<string> {
  if (given !== undefined) {
    const type = Object.hasOwn(legacySessionTypes, given) ? legacySessionTypes[given]! : given;
    if (type === "sso-role") {
      throw new LeappError("usage", "sso-role sessions are made by a sync", {
        hint: "run: leapp integration sync",
      });
    }
    if (Object.hasOwn(fieldsOf, type)) return type;
    const types = [...sessionTypes, ...Object.keys(legacySessionTypes)];
    throw unknown("usage", "session type", given, types, `types are ${Object.keys(fieldsOf).join(", ")}`);
  }
  const terminal = context.terminal();
  if (terminal) return terminal.choose("type", Object.keys(fieldsOf));
  throw new LeappError("usage", "--type is missing", {
    hint: `types are ${Object.keys(fieldsOf).join(", ")}`,
  });
}

/** Fills in what is missing by asking; refuses flags that the type does not take. */
async function complete(context: Context, type: string, flags: FieldValues): Promise<FieldValues> {
  const { takes, required, asked } = fieldsOf[type as keyof typeof fieldsOf];
  for (const [key, value] of Object.entries(flags)) {
    const given = Array.isArray(value) ? value.length > 0 : value !== undefined;
    if (given && ![...common, ...takes].includes(key as Field) && key in fieldFlags) {
      throw new LeappError("usage", `a session of type ${type} takes no --${kebab(key)}`, {
        hint: "run: leapp session add --help",
      });
    }
  }
  const filled: Record<string, unknown> = { ...flags };
  const terminal = context.terminal();
  const lacking = (["name", ...required] as Field[]).filter((key) => !flags[key]);
  if (!terminal) {
    if (lacking.length > 0) {
      const names = lacking.map((key) => `--${kebab(key)}`).join(", ");
      throw new LeappError("usage", `${names} missing for a session of type ${type}`, {
        hint: "run: leapp session add --help",
      });
    }
    return flags;
  }
  for (const key of lacking) {
    do filled[key] = (await terminal.ask({ message: kebab(key).replaceAll("-", " ") })).trim();
    while (!filled[key]);
  }
  // Asked only when something was missing: a complete command line is not held up by what is optional.
  if (lacking.length > 0) {
    if (!flags.region) {
      const client = await context.client();
      const settings = { ...defaultSettings, ...(await client.call("settings.list", {})) };
      const fallback = settings["default-region"];
      filled["region"] = (await terminal.ask({ message: `region [${fallback}]` })).trim() || fallback;
    }
    if (flags.profile.length === 0) {
      const answer = (await terminal.ask({ message: "profile [default]" })).trim();
      filled["profile"] = [answer || "default"];
    }
    for (const key of asked ?? []) {
      if (flags[key]) continue;
      const label = kebab(key).replaceAll("-", " ");
      filled[key] = (await terminal.ask({ message: `${label} [none]` })).trim() || undefined;
    }
  }
  return filled as FieldValues;
}

/** The id of an identity provider's URL, which is added where it is new. */
async function idpUrl(client: AgentClient, given: string): Promise<string> {
  const known = await client.call("idp-url.list", {});
  const found = known.find(({ id, url }) => given === id || given === url);
  return (found ?? (await client.call("idp-url.add", { url: given }))).id;
}

export const addSession = command({
  name: "session add",
  summary: "add a session",
  details:
    "On a terminal it asks for what is missing. The secret access key goes into the vault; give it at the prompt, with --secret-access-key-stdin or with --secret-access-key-fd.",
  flags: {
    type: {
      value: "TYPE",
      also: ["sessionType"],
      complete: [...Object.keys(fieldsOf)],
      help: `${Object.keys(fieldsOf).join(", ")}; the old names work too`,
    },
    providerType: { value: "CLOUD", hidden: true, complete: ["aws"], help: "aws" },
    ...fieldFlags,
  },
  examples: [
    ["leapp session add", "asks for everything"],
    [
      "leapp session add --type iam-user --name dev --region eu-west-1 --access-key-id ID --secret-access-key-stdin --profile dev < secret",
      "an IAM user, its secret from a file",
    ],
    [
      "leapp session add --type iam-role-chained --name admin --parent dev --role-arn arn:aws:iam::123456789012:role/admin --profile admin",
      "a role reached from it",
    ],
  ],
  async run(context, { flags: { type: givenType, providerType, ...given } }) {
    onlyAws(providerType);
    const type = await chooseType(context, givenType);
    const flags = await complete(context, type, given);
    let secrets: SecretInput | undefined;
    if (type === "iam-user") {
      const secretAccessKey = await readSecret(context, flags, true);
      if (!secretAccessKey) {
        throw new LeappError("usage", "the secret access key is missing", {
          hint: "use --secret-access-key-stdin, --secret-access-key-fd or a terminal",
        });
      }
      secrets = { accessKeyId: flags.accessKeyId!, secretAccessKey };
    }
    const client = await context.client();
    const idpUrlId = flags.idpUrl && (await idpUrl(client, flags.idpUrl));
    const input = { ...inputOf(context, { ...flags, idpUrl: idpUrlId }), type, name: flags.name! };
    const result = await client.call("session.add", { session: input, ...(secrets ? { secrets } : {}) });
    const notices = [...(flags.secretKey !== undefined ? [argvWarning] : []), ...result.notices];
    return {
      json: { ...result, notices },
      text: `session added: ${result.session.name} (${result.session.id})`,
      notices,
      next: [`start it: leapp session start ${result.session.name}`],
    };
  },
});

export const editSession = command({
  name: "session edit",
  summary: "change a session; an empty value takes an optional field away",
  args: {
    session: {
      required: true,
      help: "the session's id, the beginning of it, or its name",
      complete: "session",
    },
  },
  flags: fieldFlags,
  examples: [
    ["leapp session edit dev --mfa-device ''", "no MFA device any more"],
    ["leapp session edit admin --duration 2h --tag team=blue", "other lifetime and session tag"],
  ],
  async run(context, { args, flags }) {
    const client = await context.client();
    const before = await client.call("session.show", { session: args.session });
    const changes = inputOf(context, flags);
    const secretAccessKey = await readSecret(context, flags, flags.accessKeyId !== undefined);
    const secrets: SecretInput = {
      ...(flags.accessKeyId === undefined ? {} : { accessKeyId: flags.accessKeyId }),
      ...(secretAccessKey === undefined ? {} : { secretAccessKey }),
    };
    if (Object.keys(changes).length === 0 && Object.keys(secrets).length === 0) {
      throw new LeappError("usage", "nothing to change", { hint: "run: leapp session edit --help" });
    }
    const result = await client.call("session.edit", {
      session: before.id,
      changes,
      ...(Object.keys(secrets).length > 0 ? { secrets } : {}),
    });
    const notices = [...(flags.secretKey !== undefined ? [argvWarning] : []), ...result.notices];
    return { json: { ...result, notices }, text: `session ${result.session.name} changed`, notices };
  },
});
