/** AWS STS, API version 2011-06-15, query protocol. Limits and words: STS API reference and its real replies. */
import { verifySignature } from "./sigv4.ts";
import {
  type Call,
  type WireReply,
  type WireRequest,
  type XmlValue,
  Refusal,
  formOf,
  isoSeconds,
  xml,
} from "./wire.ts";
import type { Identity, Role, SessionDetails, StsSession, World } from "./world.ts";

const namespace = ' xmlns="https://sts.amazonaws.com/doc/2011-06-15/"';
const namePattern = /^[\w+=,.@-]*$/;

export interface StsContext {
  world: World;
  now(): number;
  /** When set, signatures for any other region are refused. */
  region?: string;
}

/** An operation that proves the caller by its own content instead of a signature. */
export type UnsignedOperation = (
  form: URLSearchParams,
  role: Role | undefined,
) => { session: StsSession; result: Record<string, XmlValue> };

export function answerSts(
  context: StsContext,
  unsigned: Record<string, UnsignedOperation>,
  request: WireRequest,
  call: Call,
): WireReply {
  const form = formOf(request);
  const sign = Object.hasOwn(signed, call.action) ? signed[call.action] : undefined;
  const prove = Object.hasOwn(unsigned, call.action) ? unsigned[call.action] : undefined;
  if (form.get("Version") !== "2011-06-15" || !(sign || prove)) {
    throw new Refusal(
      "InvalidAction",
      `Could not find operation ${call.action} for version ${form.get("Version") ?? "NO_VERSION_SPECIFIED"}`,
    );
  }
  let result: XmlValue;
  if (prove) {
    checkRoleArn(form);
    const proven = prove(form, context.world.role(form.get("RoleArn")!));
    call.identity = proven.session.arn;
    result = { ...credentials(proven.session), ...assumedRoleUser(proven.session), ...proven.result };
  } else {
    const { world, region } = context;
    const caller = verifySignature(request, { world, now: context.now(), service: "sts", region });
    call.identity = caller.arn;
    result = sign!(context, caller, form);
  }
  const body = xml(
    `${call.action}Response`,
    { [`${call.action}Result`]: result, ResponseMetadata: { RequestId: call.requestId } },
    namespace,
  );
  return { status: 200, headers: { "content-type": "text/xml" }, body };
}

/** A refusal in the query protocol. */
export function stsError(error: Refusal, call: Call): WireReply {
  const Type = error.status < 500 ? "Sender" : "Receiver";
  return {
    status: error.status,
    headers: { "content-type": "text/xml", ...error.headers },
    body: xml(
      "ErrorResponse",
      { Error: { Type, Code: error.code, Message: error.message }, RequestId: call.requestId },
      namespace,
    ),
  };
}

const signed: Record<string, (context: StsContext, caller: Identity, form: URLSearchParams) => XmlValue> = {
  // AWS answers this one even where a policy denies it.
  GetCallerIdentity: (_context, caller) => ({
    Arn: caller.arn,
    UserId: caller.userId,
    Account: caller.accountId,
  }),

  GetSessionToken(context, caller, form) {
    const durationSeconds = durationOf(form, 43_200, 129_600);
    if (!caller.user || caller.session) {
      throw new Refusal("AccessDenied", "Cannot call GetSessionToken with session credentials", 403);
    }
    checkDenied(context, caller, "sts:GetSessionToken");
    const mfa = checkMfa(context, caller, form);
    return credentials(context.world.openUserSession(caller.user, { durationSeconds, mfa }));
  },

  AssumeRole(context, caller, form) {
    const { world } = context;
    const roleArn = checkRoleArn(form);
    const name = textOf(form, "RoleSessionName", { min: 2, max: 64, pattern: namePattern, required: true })!;
    const externalId = textOf(form, "ExternalId", { min: 2, max: 1_224, pattern: /^[\w+=,.@:/-]*$/ });
    const durationSeconds = durationOf(form, 3_600, 43_200);
    const asked = sessionDetails(form);
    const mfa = checkMfa(context, caller, form) || caller.session?.mfa === true;

    const role = world.role(roleArn);
    const trusted =
      role !== undefined &&
      role.trust.principals.some((principal) => isPrincipal(caller, principal)) &&
      (role.trust.externalId === undefined || role.trust.externalId === externalId) &&
      (!role.trust.mfa || mfa);
    if (!trusted) throw notAuthorized(caller, "sts:AssumeRole", roleArn);
    checkDenied(context, caller, "sts:AssumeRole", roleArn);
    checkTrustedDetails(context, caller, role, asked);

    // AWS counts every caller with temporary credentials, GetSessionToken's too, as role chaining.
    if (caller.session && durationSeconds > 3_600) {
      throw validation(
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
      );
    }
    checkRoleDuration(role, durationSeconds);
    const details = { ...inherited(caller, asked), durationSeconds, chained: caller.session !== undefined };
    const session = world.openRoleSession(role, name, details);
    return {
      ...credentials(session),
      ...assumedRoleUser(session),
      PackedPolicySize: packedPolicySize(asked),
      SourceIdentity: details.sourceIdentity,
    };
  },
};

/** `Credentials` as every operation answers them. */
function credentials(session: StsSession): { Credentials: XmlValue } {
  return {
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.sessionToken,
      Expiration: isoSeconds(session.expiresAt),
    },
  };
}

const assumedRoleUser = (session: StsSession) => ({
  AssumedRoleUser: { AssumedRoleId: session.userId, Arn: session.arn },
});

/** What an operation without a signature says when the role does not trust whoever proved themselves. */
export const notAuthorizedTo = (action: string): Refusal =>
  new Refusal("AccessDenied", `Not authorized to perform ${action}`, 403);

const validation = (message: string): Refusal => new Refusal("ValidationError", message);

const constraint = (field: string, value: string, rule: string): Refusal =>
  validation(
    `1 validation error detected: Value '${value}' at '${field[0]!.toLowerCase()}${field.slice(1)}' ` +
      `failed to satisfy constraint: Member must ${rule}`,
  );

interface TextRule {
  min: number;
  max: number;
  pattern?: RegExp;
  required?: boolean;
}

export function textOf(form: URLSearchParams, field: string, rule: TextRule): string | undefined {
  const value = form.get(field);
  if (value === null) {
    if (rule.required) {
      throw validation(
        `1 validation error detected: Value null at '${field[0]!.toLowerCase()}${field.slice(1)}' ` +
          "failed to satisfy constraint: Member must not be null",
      );
    }
    return undefined;
  }
  checkText(field, value, rule);
  return value;
}

function checkText(field: string, value: string, { min, max, pattern }: TextRule): void {
  if (value.length < min) throw constraint(field, value, `have length greater than or equal to ${min}`);
  if (value.length > max) throw constraint(field, value, `have length less than or equal to ${max}`);
  if (pattern && !pattern.test(value)) {
    throw constraint(field, value, `satisfy regular expression pattern: ${pattern.source.slice(1, -1)}`);
  }
}

/** `DurationSeconds`, 900 to `max`. */
export function durationOf(form: URLSearchParams, standard: number, max: number): number {
  const text = form.get("DurationSeconds");
  if (text === null) return standard;
  if (!/^-?\d+$/.test(text)) throw new Refusal("MalformedInput", "DurationSeconds is not an integer");
  const value = Number(text);
  if (value < 900) throw constraint("DurationSeconds", text, "have value greater than or equal to 900");
  if (value > max) throw constraint("DurationSeconds", text, `have value less than or equal to ${max}`);
  return value;
}

export function checkRoleDuration(role: Role, durationSeconds: number): void {
  if (durationSeconds > role.maxSessionDuration) {
    throw validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  }
}

function checkRoleArn(form: URLSearchParams): string {
  const arn = textOf(form, "RoleArn", { min: 20, max: 2_048, required: true })!;
  if (!/^arn:[\w-]+:iam::\d{12}:role\/.+$/.test(arn)) throw validation(`${arn} is invalid`);
  return arn;
}

/** `Name.member.1.Field` as a list of objects, `Name.member.1` as a list of objects with the field "". */
function membersOf(form: URLSearchParams, name: string): Record<string, string>[] {
  const members: Record<string, string>[] = [];
  for (const [key, value] of form) {
    const match = /^(\w+)\.member\.(\d+)(?:\.(\w+))?$/.exec(key);
    if (match?.[1] !== name) continue;
    const index = Number(match[2]);
    members[index] = { ...members[index], [match[3] ?? ""]: value };
  }
  return members.filter((member) => member !== undefined);
}

/** Session policies, tags and source identity, within AWS's limits. */
export function sessionDetails(form: URLSearchParams): Omit<SessionDetails, "durationSeconds"> {
  const policy = textOf(form, "Policy", { min: 1, max: 2_048 });
  if (policy !== undefined) checkPolicy(policy);
  const policyArns = membersOf(form, "PolicyArns").map((member) => member.arn ?? "");
  if (policyArns.length > 10)
    throw constraint("PolicyArns", `[${policyArns.join(", ")}]`, "have length less than or equal to 10");
  for (const arn of policyArns) {
    if (!/^arn:[\w-]+:iam::(\d{12}|aws):policy\/.+$/.test(arn)) throw validation(`ARN ${arn} is not valid.`);
  }

  const members = membersOf(form, "Tags");
  if (members.length > 50)
    throw constraint("Tags", String(members.length), "have length less than or equal to 50");
  const tags: Record<string, string> = {};
  const taken = new Set<string>();
  for (const { Key = "", Value = "" } of members) {
    checkText("Tags.key", Key, { min: 1, max: 128, pattern: /^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$/u });
    checkText("Tags.value", Value, { min: 0, max: 256, pattern: /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u });
    if (Key.toLowerCase().startsWith("aws:")) {
      throw new Refusal("InvalidParameterValue", "Tag keys beginning with aws: are reserved for system use");
    }
    if (taken.has(Key.toLowerCase())) {
      throw new Refusal(
        "InvalidParameterValue",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
      );
    }
    taken.add(Key.toLowerCase());
    tags[Key] = Value;
  }
  const transitiveTagKeys = membersOf(form, "TransitiveTagKeys").map((member) => member[""] ?? "");
  for (const key of transitiveTagKeys) {
    if (!taken.has(key.toLowerCase())) {
      throw new Refusal(
        "InvalidParameterValue",
        "The specified transitive tag key must be included in the requested tags.",
      );
    }
  }
  const sourceIdentity = textOf(form, "SourceIdentity", { min: 2, max: 64, pattern: namePattern });
  const details = {
    ...(policy === undefined ? {} : { policy }),
    ...(policyArns.length ? { policyArns } : {}),
    ...(members.length ? { tags } : {}),
    ...(transitiveTagKeys.length ? { transitiveTagKeys } : {}),
    ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
  };
  const packed = packedPolicySize(details);
  if (packed !== undefined && packed > 100) {
    throw new Refusal(
      "PackedPolicyTooLarge",
      `Packed policy consumes ${packed}% of allotted space, please use smaller policy.`,
    );
  }
  return details;
}

function checkPolicy(policy: string): void {
  try {
    const parsed: unknown = JSON.parse(policy);
    if (typeof parsed === "object" && parsed !== null && "Statement" in parsed) return;
  } catch {
    // Answered below.
  }
  throw new Refusal("MalformedPolicyDocument", "This policy contains invalid Json");
}

/** Percent of the space for policies and tags. AWS packs in a way of its own; this is by length alone. */
function packedPolicySize(details: Omit<SessionDetails, "durationSeconds">): number | undefined {
  const { policy = "", policyArns = [], tags = {} } = details;
  if (!policy && !policyArns.length && !Object.keys(tags).length) return undefined;
  const policies = policy.length + policyArns.join("").length;
  const tagged = Object.entries(tags).flat().join("").length;
  return Math.ceil((100 * policies) / 2_048 + (100 * tagged) / 8_192);
}

/** @returns whether an MFA code was given; a wrong one throws. */
function checkMfa(context: StsContext, caller: Identity, form: URLSearchParams): boolean {
  const serial = textOf(form, "SerialNumber", { min: 9, max: 256, pattern: /^[\w+=/:,.@-]*$/ });
  const code = textOf(form, "TokenCode", { min: 6, max: 6, pattern: /^[\d]*$/ });
  if (serial === undefined && code === undefined) return false;
  const refuse = (why: string) => new Refusal("AccessDenied", `MultiFactorAuthentication failed${why}`, 403);
  if (serial === undefined || code === undefined) {
    throw refuse(", must provide both MFA serial number and one time pass code.");
  }
  const device = caller.user?.mfa;
  if (device?.serial !== serial) {
    throw refuse(
      ", unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
    );
  }
  if (!device.accepts(code, context.now())) throw refuse(" with invalid MFA one time pass code. ");
  return true;
}

function isPrincipal(caller: Identity, principal: string): boolean {
  if (principal === "*") return true;
  const account = /^(?:arn:[\w-]+:iam::)?(\d{12})(?::root)?$/.exec(principal)?.[1];
  if (account) return caller.accountId === account;
  return principal === caller.arn || principal === caller.role?.arn || principal === caller.user?.arn;
}

const notAuthorized = (caller: Identity, action: string, resource?: string, why = "") =>
  new Refusal(
    "AccessDenied",
    `User: ${caller.arn} is not authorized to perform: ${action}${resource ? ` on resource: ${resource}` : ""}${why}`,
    403,
  );

function checkDenied(context: StsContext, caller: Identity, action: string, resource?: string): void {
  if (context.world.isDenied(caller, action)) {
    throw notAuthorized(caller, action, resource, " with an explicit deny in an identity-based policy");
  }
}

/** Tags and source identity need their own permission, and may not contradict what the caller brings along. */
function checkTrustedDetails(
  context: StsContext,
  caller: Identity,
  role: Role,
  asked: Omit<SessionDetails, "durationSeconds">,
): void {
  const brought = caller.session;
  if (asked.tags || brought?.transitiveTagKeys?.length) {
    if (role.trust.tagSession === false) throw notAuthorized(caller, "sts:TagSession", role.arn);
    checkDenied(context, caller, "sts:TagSession", role.arn);
  }
  const fixed = new Set(brought?.transitiveTagKeys?.map((key) => key.toLowerCase()));
  if (Object.keys(asked.tags ?? {}).some((key) => fixed.has(key.toLowerCase()))) {
    throw new Refusal(
      "InvalidParameterValue",
      "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key " +
        "from the calling session.",
    );
  }
  const sourceIdentity = asked.sourceIdentity ?? brought?.sourceIdentity;
  if (sourceIdentity === undefined) return;
  if (brought?.sourceIdentity !== undefined && brought.sourceIdentity !== sourceIdentity) {
    throw notAuthorized(caller, "sts:SetSourceIdentity", role.arn);
  }
  if (role.trust.setSourceIdentity === false) throw notAuthorized(caller, "sts:SetSourceIdentity", role.arn);
  checkDenied(context, caller, "sts:SetSourceIdentity", role.arn);
}

/** Transitive tags and the source identity follow down the chain; MFA does not. */
function inherited(
  caller: Identity,
  asked: Omit<SessionDetails, "durationSeconds">,
): Omit<SessionDetails, "durationSeconds"> {
  const brought = caller.session;
  const keys = brought?.transitiveTagKeys ?? [];
  const tags = { ...asked.tags };
  for (const key of keys) tags[key] = brought!.tags![key]!;
  return {
    ...asked,
    ...(Object.keys(tags).length ? { tags } : {}),
    ...(keys.length || asked.transitiveTagKeys
      ? { transitiveTagKeys: [...keys, ...(asked.transitiveTagKeys ?? [])] }
      : {}),
    ...(brought?.sourceIdentity === undefined ? {} : { sourceIdentity: brought.sourceIdentity }),
  };
}
