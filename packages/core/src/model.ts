/** The nouns of Leapp. Plain data: what crosses the socket, what the database keeps, what the screens show. */

/** An AWS region such as `eu-west-1`. */
export type Region = string;
/** ISO 8601 in UTC, `2026-11-22T20:00:00.000Z`, unless a comment says otherwise. */
export type Timestamp = string;

interface SessionBase {
  /** UUID; stable for the life of the session, and across an import from the old product. */
  id: string;
  /** Unique, ignoring case. */
  name: string;
  region: Region;
  /** Named profiles this session is written under when started, at least one, the first is the main one. */
  profiles: string[];
  createdAt: Timestamp;
  /** Marked as production: clients show it as such and ask before risky things. */
  production?: boolean;
  pinned?: boolean;
}

/** Long-term access keys in the vault, used only for `GetSessionToken`. */
export interface IamUserSession extends SessionBase {
  type: "iam-user";
  /** MFA device: an ARN, or the serial number of a hardware device. */
  mfaDevice?: string;
  /** Seconds asked of GetSessionToken, 900 to 129600; 43200 when absent. */
  durationSeconds?: number;
}

/** `AssumeRole` with the credentials of another session, to any depth. */
export interface ChainedSession extends SessionBase {
  type: "iam-role-chained";
  parentId: string;
  roleArn: string;
  /** Template: `{user}` is the local user name, `{session}` this session's name. Default `leapp-{user}`. */
  roleSessionName?: string;
  /** Seconds, 900 to 43200; 3600 when absent. */
  durationSeconds?: number;
  externalId?: string;
  /** MFA device of the IAM user at the root of the chain, where the role's trust policy asks for MFA. */
  mfaDevice?: string;
  /** Session policy, JSON text. */
  policy?: string;
  policyArns?: string[];
  tags?: Record<string, string>;
  transitiveTagKeys?: string[];
  sourceIdentity?: string;
}

/** `AssumeRoleWithSAML` after a sign-in at an identity provider. */
export interface FederatedSession extends SessionBase {
  type: "iam-role-federated";
  idpUrlId: string;
  idpArn: string;
  roleArn: string;
  durationSeconds?: number;
}

/** A role in an account, reached through IAM Identity Center; made by a sync. */
export interface SsoRoleSession extends SessionBase {
  type: "sso-role";
  integrationId: string;
  accountId: string;
  accountName: string;
  accountEmail?: string;
  roleName: string;
}

/** `AssumeRoleWithWebIdentity` with a token from a file or a command. */
export interface WebIdentitySession extends SessionBase {
  type: "web-identity";
  roleArn: string;
  roleSessionName?: string;
  durationSeconds?: number;
  tokenFile?: string;
  tokenCommand?: string;
}

/** Wraps another `credential_process`: its output gets our cache, single flight and audit. */
export interface ProcessSession extends SessionBase {
  type: "process";
  command: string;
}

/** Static test keys for an AWS look-alike on this machine. */
export interface LocalstackSession extends SessionBase {
  type: "localstack";
  endpointUrl: string;
}

export type Session =
  | IamUserSession
  | ChainedSession
  | FederatedSession
  | SsoRoleSession
  | WebIdentitySession
  | ProcessSession
  | LocalstackSession;

export type SessionType = Session["type"];
export const sessionTypes = [
  "iam-user",
  "iam-role-chained",
  "iam-role-federated",
  "sso-role",
  "web-identity",
  "process",
  "localstack",
] as const satisfies readonly SessionType[];

/** Spellings of the old product, accepted on the command line and by the importer. */
export const legacySessionTypes: Record<string, SessionType> = {
  awsIamUser: "iam-user",
  awsIamRoleChained: "iam-role-chained",
  awsIamRoleFederated: "iam-role-federated",
  awsSsoRole: "sso-role",
  localstack: "localstack",
};

/** A session as clients see it: the stored fields and what the agent knows of it now. No secret in it. */
export type SessionView = Session & {
  /** `active`: started, its profiles are in `~/.aws`. `pending`: being started. */
  status: "inactive" | "pending" | "active";
  startedAt?: Timestamp;
  /** Expiry of the credential the agent holds, if it holds one. */
  expiresAt?: Timestamp;
  accountId?: string;
  /** The role's name, or the IAM user's when known. */
  role?: string;
  /** Name of the session, integration or identity provider that the credentials come from. */
  source?: string;
  /** The last failure to renew, until the next success. */
  problem?: { code: string; message: string; at: Timestamp };
  /** The MFA device is asked for a code, or a sign-in is open. */
  waiting?: boolean;
};

/** Temporary credentials. They live in the agent's memory (MFA-backed session tokens also in the vault). */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  /** Epoch milliseconds. */
  expiration: number;
  /** Epoch milliseconds at which AWS handed them out; with `expiration` it gives their lifetime. */
  issuedAt: number;
  accountId?: string;
}

/** An IAM Identity Center instance. Tokens are in the vault, never here. */
export interface Integration {
  id: string;
  type: "sso";
  /** Unique, ignoring case. */
  alias: string;
  startUrl: string;
  region: Region;
  /** `[sso-session NAME]` of the person's config that this one stands for. */
  ssoSession?: string;
  /** Share tokens with the AWS CLI through `~/.aws/sso/cache`, in plain text. */
  shareTokens?: boolean;
  lastSyncAt?: Timestamp;
}

export interface IdpUrl {
  id: string;
  url: string;
}

/** How a started profile hands out credentials. */
export type CredentialMethod = "credential-process-method" | "credential-file-method";

/** Settings, all optional in the database; `defaultSettings` fills the rest. */
export interface Settings {
  "default-region": Region;
  "credential-method": CredentialMethod;
  /** Default lifetimes in seconds. */
  "iam-user-duration": number;
  "role-duration": number;
  /** `https://proxy:3128`, with or without credentials; empty: HTTPS_PROXY is used. */
  proxy: string;
  "no-proxy": string;
  /** PEM file with further certificate authorities; empty: AWS_CA_BUNDLE is used. */
  "ca-bundle": string;
  /** Base URLs instead of AWS's; empty: the AWS_ENDPOINT_URL variables are used. */
  "endpoint-url": string;
  "endpoint-url-sts": string;
  "endpoint-url-sso": string;
  "endpoint-url-sso-oidc": string;
  /** Seconds a `credential_process` call waits for a person when an app is attached, 5 to 55. */
  "prompt-timeout": number;
  /** Minutes without use after which the vault locks; 0: never. */
  "lock-after": number;
  theme: "system" | "light" | "dark";
  notifications: boolean;
}

export const defaultSettings: Settings = {
  "default-region": "us-east-1",
  "credential-method": "credential-process-method",
  "iam-user-duration": 43_200,
  "role-duration": 3_600,
  proxy: "",
  "no-proxy": "",
  "ca-bundle": "",
  "endpoint-url": "",
  "endpoint-url-sts": "",
  "endpoint-url-sso": "",
  "endpoint-url-sso-oidc": "",
  "prompt-timeout": 50,
  "lock-after": 0,
  theme: "system",
  notifications: true,
};

/** A program on this machine, as far as the system tells. */
export interface CallerProcess {
  pid: number;
  executable?: string;
}

/** One credential that left the agent. Never the credential itself. */
export interface AuditRecord {
  /** 1, 2, 3, …; with `previous` and `hash` it makes removal and change visible. */
  sequence: number;
  at: Timestamp;
  sessionId: string;
  sessionName: string;
  /** How it left. */
  method: "credential-process" | "credential-file" | "container" | "environment" | "console-url";
  /** Identity handed out: role ARN or IAM user, as far as known. */
  identity?: string;
  accountId?: string;
  expiresAt?: Timestamp;
  /** The process that asked, then its parents, at most 4 of them. */
  callers: CallerProcess[];
  cwd?: string;
  previous: string;
  /** SHA-256, hex, over the record's other fields in canonical JSON. */
  hash: string;
}

/** One question to the person, however many callers wait for its answer. */
export interface PromptView {
  id: string;
  kind: "mfa" | "sso-sign-in" | "saml-sign-in" | "passphrase" | "confirm";
  sessionId?: string;
  sessionName?: string;
  integrationId?: string;
  /** What is asked, for a person: "MFA code for dev (arn:aws:iam::…:mfa/me)". */
  message: string;
  /** For sign-ins: where to go, and the code to compare. */
  url?: string;
  userCode?: string;
  /** Who waits; the first one's process. */
  callers: CallerProcess[];
  waiting: number;
  askedAt: Timestamp;
  deadline: Timestamp;
}
