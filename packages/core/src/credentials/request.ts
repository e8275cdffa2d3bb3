/** What decides about a session's credentials, resolved to plain data: the key of every cache of them. */
import { createHash } from "node:crypto";
import { LeappError } from "../errors.ts";
import type { ChainedSession, Integration, Region, Session, Settings } from "../model.ts";
import { type SsoRoleRequest, ssoRoleRequest } from "./sso-role.ts";

export interface IamUserRequest {
  type: "iam-user";
  /** Whose keys in the vault. */
  sessionId: string;
  region: Region;
  durationSeconds: number;
  mfaDevice?: string;
}

/** What all AssumeRole calls share. */
interface RoleRequest {
  region: Region;
  roleArn: string;
  durationSeconds: number;
}

export interface ChainedRequest extends RoleRequest {
  type: "iam-role-chained";
  source: CredentialRequest;
  /** Filled in and cut to what AWS takes. */
  roleSessionName: string;
  externalId?: string;
  policy?: string;
  policyArns?: string[];
  tags?: Record<string, string>;
  transitiveTagKeys?: string[];
  sourceIdentity?: string;
}

export interface FederatedRequest extends RoleRequest {
  type: "iam-role-federated";
  idpUrlId: string;
  idpArn: string;
}

export interface WebIdentityRequest extends RoleRequest {
  type: "web-identity";
  roleSessionName: string;
  tokenFile?: string;
  tokenCommand?: string;
}

export interface ProcessRequest {
  type: "process";
  command: string;
}

export interface LocalstackRequest {
  type: "localstack";
  endpointUrl: string;
}

export type CredentialRequest =
  | IamUserRequest
  | ChainedRequest
  | FederatedRequest
  | SsoRoleRequest
  | WebIdentityRequest
  | ProcessRequest
  | LocalstackRequest;

export interface RequestContext {
  find(id: string): Session | undefined;
  integration(id: string): Integration | undefined;
  settings: Pick<Settings, "iam-user-duration" | "role-duration">;
  /** The local user's name, for role session names. */
  user: string;
}

/**
 * The whole resolved request of a session: plain JSON in which only what changes the credentials stands, so that
 * renaming a session keeps them and any other edit takes effect at once.
 * @throws LeappError `conflict` for a chain that leads back to itself, `not-found` for a source that is gone,
 * `invalid` for an MFA device where the chain does not begin at an IAM user.
 */
export function requestOf(session: Session, context: RequestContext): CredentialRequest {
  return build(session, context, []);
}

function build(session: Session, context: RequestContext, above: Session[]): CredentialRequest {
  const { settings } = context;
  const roleDuration = settings["role-duration"];
  switch (session.type) {
    case "iam-user":
      return compact({
        type: session.type,
        sessionId: session.id,
        region: session.region,
        durationSeconds: session.durationSeconds ?? settings["iam-user-duration"],
        mfaDevice: session.mfaDevice,
      });
    case "iam-role-chained":
      return chained(session, context, above);
    case "iam-role-federated": {
      const { type, region, roleArn, idpUrlId, idpArn, durationSeconds = roleDuration } = session;
      return { type, region, roleArn, durationSeconds, idpUrlId, idpArn };
    }
    case "sso-role": {
      const integration = context.integration(session.integrationId);
      if (integration) return ssoRoleRequest(session, integration);
      throw new LeappError("not-found", `the integration of session "${session.name}" is gone`, {
        hint: "run: leapp integration list",
      });
    }
    case "web-identity":
      return compact({
        type: session.type,
        region: session.region,
        roleArn: session.roleArn,
        durationSeconds: session.durationSeconds ?? roleDuration,
        roleSessionName: roleSessionName(session.roleSessionName, session.name, context.user),
        tokenFile: session.tokenFile,
        tokenCommand: session.tokenCommand,
      });
    case "process":
      return { type: session.type, command: session.command };
    case "localstack":
      return { type: session.type, endpointUrl: session.endpointUrl };
  }
}

function chained(session: ChainedSession, context: RequestContext, above: Session[]): ChainedRequest {
  const line = [...above, session];
  const parent = context.find(session.parentId);
  if (!parent) {
    throw new LeappError("not-found", `the source of session "${session.name}" is gone`, {
      hint: "run: leapp session edit SESSION --parent OTHER",
    });
  }
  const met = line.findIndex(({ id }) => id === parent.id);
  if (met >= 0) {
    const names = [...line.slice(met), parent].map(({ name }) => name).join(" -> ");
    throw new LeappError("conflict", `these sessions lead back to themselves: ${names}`, {
      hint: "run: leapp session edit SESSION --parent OTHER",
    });
  }
  let source = build(parent, context, line);
  if (session.mfaDevice) source = withMfa(source, session.mfaDevice, session.name);
  const asked = session.durationSeconds ?? context.settings["role-duration"];
  return compact({
    type: session.type,
    source,
    region: session.region,
    roleArn: session.roleArn,
    durationSeconds: source.type === "iam-user" ? asked : Math.min(asked, chainingLimit),
    roleSessionName: roleSessionName(session.roleSessionName, session.name, context.user),
    externalId: session.externalId,
    policy: session.policy,
    policyArns: session.policyArns,
    tags: session.tags,
    transitiveTagKeys: session.transitiveTagKeys,
    sourceIdentity: session.sourceIdentity,
  });
}

/** Seconds: AWS grants no more to a role that is assumed with temporary credentials. */
export const chainingLimit = 3600;

/**
 * The device moves down to the IAM user at the root: a session token made with it satisfies
 * `aws:MultiFactorAuthPresent` for hours, where AssumeRole with a code would ask for one at every renewal.
 */
function withMfa(request: CredentialRequest, mfaDevice: string, name: string): CredentialRequest {
  if (request.type === "iam-user") return { ...request, mfaDevice: request.mfaDevice ?? mfaDevice };
  if (request.type === "iam-role-chained")
    return { ...request, source: withMfa(request.source, mfaDevice, name) };
  throw new LeappError(
    "invalid",
    `session "${name}" has an MFA device, but does not start from an IAM user`,
    {
      hint: "clear it with: leapp session edit SESSION --mfa-device ''",
    },
  );
}

/** The template filled in, other characters replaced by a dash, cut to 64 (STS API reference, RoleSessionName). */
function roleSessionName(template = "leapp-{user}", session: string, user: string): string {
  const filled = template.replaceAll(/\{(user|session)\}/g, (_, word) => (word === "user" ? user : session));
  const name = filled.replace(/[^\w+=,.@-]+/g, "-").slice(0, 64);
  return name.length < 2 ? `leapp-${name}` : name;
}

/** Without what is undefined or empty: neither may make two requests out of one. */
function compact<T extends object>(value: T): T {
  const isEmpty = (each: unknown) =>
    typeof each === "object" && each !== null && Object.keys(each).length === 0;
  const kept = Object.entries(value).filter(
    ([, each]) => each !== undefined && each !== "" && !isEmpty(each),
  );
  return Object.fromEntries(kept) as T;
}

/** SHA-256, hex, over the request's canonical JSON: names sorted, no blanks. */
export function requestKey(request: CredentialRequest): string {
  return createHash("sha256").update(canonical(request)).digest("hex");
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const pairs = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, each]) => `${JSON.stringify(name)}:${canonical(each)}`);
  return `{${pairs.join(",")}}`;
}

/** The request at the beginning of a chain. */
export function rootOf(request: CredentialRequest): Exclude<CredentialRequest, ChainedRequest> {
  return request.type === "iam-role-chained" ? rootOf(request.source) : request;
}
