/** The fields of each kind of session, as data. Words and rules are the command line's; the agent checks. */
import type { SessionType, SessionView } from "../../../../core/src/model.ts";
import type { SessionInput } from "../../../../agent/src/protocol.ts";

export type FieldValue = string | string[] | boolean;
export type Values = Record<string, FieldValue>;

export type FieldKind =
  | "text"
  | "secret"
  | "region"
  | "profiles"
  | "session"
  | "idp-url"
  | "duration"
  | "list"
  | "pairs"
  | "json"
  | "switch";

export interface FieldSpec {
  key: string;
  label: string;
  kind: FieldKind;
  required?: boolean;
  help?: string;
  placeholder?: string;
  /** Folded away at first. */
  advanced?: boolean;
  /** Half a line. */
  half?: boolean;
}

const name: FieldSpec = { key: "name", label: "Name", kind: "text", required: true, placeholder: "dev" };
const common: readonly FieldSpec[] = [
  {
    key: "profiles",
    label: "Named profiles",
    kind: "profiles",
    help: "The name that tools ask for. The first is the main one.",
    half: true,
  },
  { key: "region", label: "Region", kind: "region", half: true },
];
const production: FieldSpec = {
  key: "production",
  label: "This is production",
  kind: "switch",
  help: "Marked in the table, and asked about before risky things.",
};
const roleArn: FieldSpec = {
  key: "roleArn",
  label: "Role ARN",
  kind: "text",
  required: true,
  placeholder: "arn:aws:iam::123456789012:role/developer",
};
const durationField: FieldSpec = {
  key: "durationSeconds",
  label: "Credential lifetime",
  kind: "duration",
  half: true,
};
const roleSessionName: FieldSpec = {
  key: "roleSessionName",
  label: "Role session name",
  kind: "text",
  placeholder: "leapp-{user}",
  help: "Seen in CloudTrail. {user} and {session} are filled in.",
  half: true,
};
const mfaDevice: FieldSpec = {
  key: "mfaDevice",
  label: "MFA device",
  kind: "text",
  placeholder: "arn:aws:iam::123456789012:mfa/me",
  help: "Its ARN, or the serial number of a hardware device.",
};

export const formOf: Record<SessionType, readonly FieldSpec[]> = {
  "iam-user": [
    name,
    { key: "accessKeyId", label: "Access key ID", kind: "text", required: true, half: true },
    { key: "secretAccessKey", label: "Secret access key", kind: "secret", required: true, half: true },
    mfaDevice,
    ...common,
    { ...durationField, advanced: true },
    production,
  ],
  "iam-role-chained": [
    name,
    { key: "parentId", label: "From session", kind: "session", required: true },
    roleArn,
    ...common,
    production,
    { ...roleSessionName, advanced: true },
    { ...durationField, advanced: true },
    {
      key: "externalId",
      label: "External ID",
      kind: "text",
      advanced: true,
      half: true,
      help: "Where the role's owner asks for one.",
    },
    { key: "sourceIdentity", label: "Source identity", kind: "text", advanced: true, half: true },
    {
      ...mfaDevice,
      help: "Only where the role's trust policy asks for MFA: the device of the IAM user at the root of the chain.",
      advanced: true,
    },
    { key: "policyArns", label: "Session policy ARNs", kind: "list", advanced: true },
    { key: "policy", label: "Session policy", kind: "json", advanced: true },
    { key: "tags", label: "Session tags", kind: "pairs", advanced: true, half: true },
    {
      key: "transitiveTagKeys",
      label: "Transitive tag keys",
      kind: "list",
      advanced: true,
      half: true,
    },
  ],
  "iam-role-federated": [
    name,
    {
      key: "idpUrlId",
      label: "Identity provider's sign-in page",
      kind: "idp-url",
      required: true,
      placeholder: "https://login.example.com/app/aws",
    },
    {
      key: "idpArn",
      label: "Identity provider ARN",
      kind: "text",
      required: true,
      placeholder: "arn:aws:iam::123456789012:saml-provider/company",
    },
    roleArn,
    ...common,
    { ...durationField, advanced: true },
    production,
  ],
  "sso-role": [name, ...common, production],
  "web-identity": [
    name,
    roleArn,
    {
      key: "tokenFile",
      label: "Token file",
      kind: "text",
      help: "A file that something else keeps fresh.",
      half: true,
    },
    {
      key: "tokenCommand",
      label: "or token command",
      kind: "text",
      help: "A program that prints the token.",
      half: true,
    },
    ...common,
    { ...roleSessionName, advanced: true },
    { ...durationField, advanced: true },
    production,
  ],
  process: [
    name,
    {
      key: "command",
      label: "Command",
      kind: "text",
      required: true,
      help: "Another credential_process. Its output gets our cache, and every use is recorded.",
    },
    ...common,
    production,
  ],
  localstack: [
    name,
    {
      key: "endpointUrl",
      label: "Endpoint",
      kind: "text",
      required: true,
      placeholder: "http://localhost:4566",
    },
    ...common,
  ],
};

/** Kinds that a person adds by hand, with what each is for. */
export const addable: readonly { type: SessionType; text: string }[] = [
  { type: "iam-user", text: "Long-term keys, kept in the vault" },
  { type: "iam-role-chained", text: "A role assumed from another session" },
  { type: "iam-role-federated", text: "A role through your company's SAML sign-in" },
  { type: "web-identity", text: "A role through an OpenID Connect token" },
  { type: "process", text: "Wraps another credential process" },
  { type: "localstack", text: "An AWS look-alike on this machine" },
];

/** Seconds, for the menus. */
export const durationsOf = (type: SessionType): readonly number[] =>
  type === "iam-user"
    ? [900, 3_600, 14_400, 28_800, 43_200, 86_400, 129_600]
    : [900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200];

export function valuesOf(session: SessionView): Values {
  const values: Values = {};
  for (const { key, kind } of formOf[session.type]) {
    const stored = (session as unknown as Record<string, unknown>)[key];
    if (stored === undefined || kind === "secret") continue;
    if (kind === "pairs")
      values[key] = Object.entries(stored as Record<string, string>).map((pair) => pair.join("="));
    else if (Array.isArray(stored)) values[key] = stored.map(String);
    else values[key] = typeof stored === "boolean" ? stored : String(stored);
  }
  return values;
}

const secretKeys = new Set(["accessKeyId", "secretAccessKey"]);

/** What the agent gets: text as it was typed, so that its own words say what is wrong with it. */
export function inputOf(type: SessionType, values: Values, editing: boolean): SessionInput {
  const input: SessionInput = { type, name: "" };
  for (const { key, kind } of formOf[type]) {
    if (secretKeys.has(key)) continue;
    const value = values[key];
    const empty = value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
    if (empty) {
      // An empty field takes back what was there; the profiles of a session never are none.
      if (editing && value !== undefined && kind !== "profiles" && key !== "name") input[key] = null;
    } else if (kind === "pairs") {
      input[key] = Object.fromEntries((value as string[]).map(pairOf));
    } else if (kind === "duration") {
      input[key] = Number(value);
    } else {
      input[key] = typeof value === "string" ? value.trim() : value;
    }
  }
  return input;
}

function pairOf(text: string): [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
