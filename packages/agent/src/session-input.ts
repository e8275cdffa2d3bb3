/** From the fields a person gave to a session: every rule once, for the command line and the forms alike. */
import { parseMfaDevice, parseRoleArn, parseSamlProviderArn } from "../../core/src/aws/arn.ts";
import { checkRegion } from "../../core/src/aws/regions.ts";
import {
  checkDuration,
  checkExternalId,
  checkPolicies,
  checkRoleSessionName,
  checkSamePartition,
  checkSourceIdentity,
  checkTags,
} from "../../core/src/aws/validate.ts";
import { checkProfileName } from "../../core/src/aws-config/names.ts";
import { LeappError } from "../../core/src/errors.ts";
import { legacySessionTypes, type Session, type SessionType, sessionTypes } from "../../core/src/model.ts";
import type { FieldProblem, SecretInput, SessionInput } from "./protocol.ts";

/** Turns a field's value into what is stored. @throws LeappError `invalid` */
type Read = (value: unknown, context: InputContext) => unknown;

export interface InputContext {
  /** @throws LeappError `not-found` */
  findSession(reference: string): Session;
  /** @throws LeappError `not-found` */
  findIdpUrl(reference: string): { id: string };
}

const invalid = (message: string, hint?: string) => new LeappError("invalid", message, { hint });

function text(check?: (value: string) => unknown): Read {
  return (value) => {
    if (typeof value !== "string") throw invalid("a text is expected");
    const trimmed = value.trim();
    check?.(trimmed);
    return trimmed;
  };
}

/** Whole seconds, or `90m`, `12h`. */
export function parseDuration(value: unknown): number {
  const match = /^(\d+)\s*(s|m|h)?$/.exec(String(value).trim());
  if (!match) throw invalid(`"${value}" is not a duration`, "give seconds, or 45m, or 12h");
  return Number(match[1]) * { s: 1, m: 60, h: 3600 }[(match[2] ?? "s") as "s" | "m" | "h"];
}

function seconds(kind: "session-token" | "role"): Read {
  return (value) => {
    const duration = parseDuration(value);
    checkDuration(kind, duration);
    return duration;
  };
}

const list: Read = (value) => {
  const items = Array.isArray(value) ? value.map(String) : String(value).split(",");
  return items.map((item) => item.trim()).filter(Boolean);
};

const flag: Read = (value) => {
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "false") return value === "true";
  throw invalid("true or false is expected");
};

/** `{a: "1"}`, or `a=1,b=2`. */
const tags: Read = (value) => {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, String(one)]));
  }
  return Object.fromEntries(
    (list(value, undefined as never) as string[]).map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw invalid(`"${pair}" is not a tag`, "give KEY=VALUE");
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
};

const profiles: Read = (value) => {
  const names = [...new Set(list(value, undefined as never) as string[])];
  if (names.length === 0) throw invalid("a session needs a named profile", 'give one, such as "default"');
  for (const name of names) checkProfileName(name);
  return names;
};

const httpUrl = text((value) => {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
    throw invalid(`"${value}" is not an address`, "give one like https://host/path");
  }
});

const common: Record<string, Read> = {
  name: text((value) => {
    if (value === "" || value.length > 128 || /\p{C}/u.test(value))
      throw invalid("a session needs a name of 1 to 128 printable characters");
  }),
  region: text(checkRegion),
  profiles,
  production: flag,
  pinned: flag,
};

const chainedFields: Record<string, Read> = {
  parentId: (value, context) => context.findSession(String(value)).id,
  roleArn: text(parseRoleArn),
  roleSessionName: text(checkRoleSessionName),
  durationSeconds: seconds("role"),
  externalId: text(checkExternalId),
  mfaDevice: text(parseMfaDevice),
  policy: text(),
  policyArns: list,
  tags,
  transitiveTagKeys: list,
  sourceIdentity: text(checkSourceIdentity),
};

const fields: Record<SessionType, { required: string[]; fields: Record<string, Read> }> = {
  "iam-user": {
    required: [],
    fields: { mfaDevice: text(parseMfaDevice), durationSeconds: seconds("session-token") },
  },
  "iam-role-chained": { required: ["parentId", "roleArn"], fields: chainedFields },
  "iam-role-federated": {
    required: ["idpUrlId", "idpArn", "roleArn"],
    fields: {
      idpUrlId: (value, context) => context.findIdpUrl(String(value)).id,
      idpArn: text(parseSamlProviderArn),
      roleArn: text(parseRoleArn),
      durationSeconds: seconds("role"),
    },
  },
  // Made by a sync; a person changes only what every session has.
  "sso-role": { required: [], fields: {} },
  "web-identity": {
    required: ["roleArn"],
    fields: {
      roleArn: text(parseRoleArn),
      roleSessionName: text(checkRoleSessionName),
      durationSeconds: seconds("role"),
      tokenFile: text(),
      tokenCommand: text(),
    },
  },
  process: { required: ["command"], fields: { command: text() } },
  localstack: { required: ["endpointUrl"], fields: { endpointUrl: httpUrl } },
};

export function sessionType(given: string): SessionType {
  const type = legacySessionTypes[given] ?? given;
  if ((sessionTypes as readonly string[]).includes(type)) return type as SessionType;
  throw invalid(`"${given}" is not a session type`, `one of: ${sessionTypes.join(", ")}`);
}

/**
 * The fields of `input` as they are stored, and what is wrong with them. A value of null or "" clears a field.
 * `base` is the session that is edited: what `input` does not name stays.
 */
export function readSessionInput(
  input: SessionInput | Partial<SessionInput>,
  base: Session | Record<string, unknown>,
  type: SessionType,
  context: InputContext,
): { fields: Record<string, unknown>; problems: FieldProblem[] } {
  const result: Record<string, unknown> = { ...base, type };
  const problems: FieldProblem[] = [];
  const known = { ...common, ...fields[type].fields };
  const attempt = (field: string, run: () => void) => {
    try {
      run();
    } catch (thrown) {
      const error = LeappError.of(thrown);
      if (error.code === "internal") throw error;
      problems.push({ field, message: error.hint ? `${error.message}; ${error.hint}` : error.message });
    }
  };
  const aliases: Record<string, string> = { parent: "parentId", profile: "profiles", idpUrl: "idpUrlId" };
  for (const [given, value] of Object.entries(input)) {
    const key = aliases[given] ?? given;
    if (key === "type" || value === undefined) continue;
    const read = known[key];
    if (!read) {
      problems.push({ field: key, message: `a session of type ${type} has no field "${key}"` });
    } else if (value === null || value === "" || (Array.isArray(value) && value.length === 0)) {
      delete result[key];
    } else {
      attempt(key, () => {
        result[key] = read(value, context);
      });
    }
  }
  const broken = new Set(problems.map(({ field }) => field));
  for (const key of ["name", "region", "profiles", ...fields[type].required]) {
    if (result[key] === undefined && !broken.has(key))
      problems.push({ field: key, message: `${labels[key] ?? key} is missing` });
  }
  if (problems.length > 0) return { fields: result, problems };

  attempt("policy", () =>
    checkPolicies(result.policy as string | undefined, result.policyArns as string[] | undefined),
  );
  attempt("tags", () =>
    checkTags((result.tags ?? {}) as Record<string, string>, result.transitiveTagKeys as string[]),
  );
  for (const key of ["roleArn", "idpArn"]) {
    if (result[key]) attempt(key, () => checkSamePartition(result[key] as string, result.region as string));
  }
  if (type === "web-identity" && !result.tokenFile === !result.tokenCommand) {
    problems.push({ field: "tokenFile", message: "give either a token file or a token command" });
  }
  return { fields: result, problems };
}

const labels: Record<string, string> = {
  name: "the session's name",
  region: "the region",
  profiles: "the named profile",
  parentId: "the session to assume the role from",
  roleArn: "the role's ARN",
  idpUrlId: "the identity provider's URL",
  idpArn: "the identity provider's ARN",
  command: "the command",
  endpointUrl: "the endpoint's URL",
};

/** Access keys as IAM makes them; blanks from pasting are removed. */
export function readSecrets(secrets: SecretInput | undefined): {
  keys?: { accessKeyId: string; secretAccessKey: string };
  problems: FieldProblem[];
} {
  const accessKeyId = secrets?.accessKeyId?.replace(/\s+/g, "") ?? "";
  const secretAccessKey = secrets?.secretAccessKey?.replace(/\s+/g, "") ?? "";
  const problems: FieldProblem[] = [];
  if (!/^[A-Za-z0-9_]{16,128}$/.test(accessKeyId)) {
    problems.push({
      field: "accessKeyId",
      message: "an access key id has 16 to 128 letters and digits, like AKIA…",
    });
  } else if (accessKeyId.startsWith("ASIA")) {
    problems.push({
      field: "accessKeyId",
      message: "this is a temporary key (ASIA…); give the long-term one of the IAM user (AKIA…)",
    });
  }
  if (secretAccessKey.length < 16) {
    problems.push({ field: "secretAccessKey", message: "a secret access key has 40 characters" });
  }
  return problems.length > 0 ? { problems } : { keys: { accessKeyId, secretAccessKey }, problems };
}
