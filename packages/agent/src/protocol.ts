/**
 * What crosses the agent's socket. Two dialects, told apart by the first byte of a line:
 *
 * - The launcher's: `generate 1 SESSION\n`, answered by `CODE TEXT\n` and the end of the connection, where CODE
 *   is an exit code (0: TEXT is the credential_process line for stdout; else TEXT is the error line for stderr)
 *   and 1 is the version of this dialect. CODE 255 means: run leapp-core instead (another version, or a person
 *   is needed and this call has a terminal).
 * - JSON, one object a line, for everything else: `{"id":1,"method":"session.list","params":{}}` answered by
 *   `{"id":1,"result":…}` or `{"id":1,"error":{code,message,hint}}`, and `{"event":…,"data":…}` at any time.
 *
 * There is no verb that reads a secret. Credentials leave by `credentials.*` only, each leaving audited.
 */
import type { ErrorShape } from "../../core/src/errors.ts";
import type {
  AuditRecord,
  CallerProcess,
  CredentialMethod,
  IdpUrl,
  Integration,
  PromptView,
  Session,
  SessionType,
  SessionView,
  Settings,
  Timestamp,
} from "../../core/src/model.ts";

export const protocolVersion = 1;
/** Above this a client is broken or hostile, and is cut off. */
export const maxLineBytes = 1024 * 1024;

export interface AgentStatus {
  pid: number;
  version: string;
  protocol: number;
  startedAt: Timestamp;
  home: string;
  socket: string;
  sessions: number;
  active: number;
  cached: number;
  /** Attached apps: places where a prompt can be shown. */
  apps: number;
  /** Bytes of resident memory. */
  memory: number;
  problems: { session?: string; code: string; message: string; at: Timestamp }[];
}

export interface VaultStatus {
  state: "absent" | "locked" | "unlocked";
  kind?: "keychain" | "passphrase";
  /** For people: which keychain, or that a passphrase protects it. */
  label: string;
  file: string;
  records?: number;
}

/** Fields a person gives; the agent checks them and fills in the rest. `type` accepts the old spellings. */
export type SessionInput = { type: SessionType | string; name: string } & Partial<
  Record<string, string | number | boolean | string[] | Record<string, string> | null>
>;

/** Secrets on their way in; never sent back. */
export interface SecretInput {
  accessKeyId?: string;
  secretAccessKey?: string;
}

export interface SessionResult {
  session: SessionView;
  /** Lines for the person: warnings, consumers that cannot read a name, what shadows us. */
  notices: string[];
  /** Nothing had to be done: it was started, or stopped, before. */
  already?: boolean;
}

export interface CallerIdentity {
  accountId: string;
  arn: string;
  userId: string;
}

export interface ProfileView {
  name: string;
  /** Sessions that are written under it when started. */
  sessions: { id: string; name: string; active: boolean }[];
}

export interface RegionView {
  region: string;
  partition: string;
  description: string;
}

/** What is wrong with one field of a form. `field` is the key of the input: `roleArn`, `secretAccessKey`, … */
export interface FieldProblem {
  field: string;
  message: string;
}

/** An integration and what the agent knows of it now. No token in it. */
export interface IntegrationView extends Integration {
  state: "signed-out" | "signing-in" | "signed-in";
  /** When the sign-in ends for good; a refresh token that renews the access token counts. */
  signedInUntil?: Timestamp;
  /** Sessions that its last sync left. */
  sessions: number;
  /** While a sync runs. */
  sync?: SyncProgress;
  /** The last failure to sign in or to sync, until the next success. */
  problem?: { code: string; message: string; at: Timestamp };
}

export interface SyncProgress {
  /** Accounts listed, of how many. `total` is 0 until it is known. */
  done: number;
  total: number;
  /** Seconds left. */
  estimate?: number;
}

/** Fields a person gives for an integration; the agent checks them and fills in the rest. */
export type IntegrationInput = Partial<
  Pick<Integration, "alias" | "startUrl" | "region" | "ssoSession" | "shareTokens">
>;

export interface IntegrationResult {
  integration: IntegrationView;
  notices: string[];
  /** Somebody was signed in before. */
  already?: boolean;
}

export interface SyncResult {
  /** Names of sessions. */
  added: string[];
  updated: string[];
  removed: string[];
  notices: string[];
}

/** An IdP URL and the sessions that sign in there. */
export interface IdpUrlView extends IdpUrl {
  sessions: number;
}

/** A role that a SAML sign-in opens. */
export interface SamlRoleView {
  accountId: string;
  roleArn: string;
  /** Of the SAML provider in IAM. */
  idpArn: string;
  /** Name of the session for it, if there is one. */
  already?: string;
}

export interface SamlSignInResult {
  idpUrl: IdpUrlView;
  roles: SamlRoleView[];
  /** The assertion is encrypted, so that only AWS can read its roles. */
  encrypted?: boolean;
  /** Until then sessions of this identity provider start without another sign-in. */
  until: Timestamp;
}

/** Where the command line is, for the credential_process lines in `~/.aws/config`. */
export interface CommandLineStatus {
  /** `leapp` on the system's default PATH is this installation, so that the bare name can be written. */
  onPath: boolean;
  /** What `credential_process=` would start with now. Absent: no consumer could run us from where we are. */
  command?: string;
  version?: string;
  /** Where `command-line.install` would put it. */
  target: string;
}

/** Something in the person's own `~/.aws` or an old workspace that could become ours. Nothing secret in it. */
export interface ImportCandidate {
  id: string;
  kind: "integration" | SessionType;
  name: string;
  /** For people: account, role, start URL. */
  detail: string;
  /** Where it was found: a file and its section. */
  origin: string;
}

/** `session` parameters are an id, a unique id prefix of 8 or more characters, or a unique name (any case). */
export interface Methods {
  hello: [
    {
      protocol: number;
      version: string;
      client: "cli" | "app";
      /** The client can show prompts that its own calls cause. */
      interactive?: boolean;
      /** The person's files as the client's environment names them; the agent's own when absent. */
      files?: { config: string; credentials: string };
      /** Variables that lead to the person's desktop; absent where no browser can open (SSH, container). */
      desktop?: Record<string, string>;
      /** Names (never values) of AWS_ variables in the client's environment that would win over a profile. */
      variables?: string[];
    },
    { protocol: number; version: string; pid: number; home: string },
  ];
  subscribe: [Record<string, never>, null];
  "agent.status": [Record<string, never>, AgentStatus];
  "agent.stop": [Record<string, never>, null];
  /** A client of a newer version asks the agent to hand over to its successor, or to make way. */
  "agent.replace": [{ version: string }, null];

  "session.list": [Record<string, never>, SessionView[]];
  "session.show": [{ session: string }, SessionView];
  "session.add": [{ session: SessionInput; secrets?: SecretInput }, SessionResult];
  "session.edit": [{ session: string; changes: Partial<SessionInput>; secrets?: SecretInput }, SessionResult];
  "session.delete": [{ session: string; force?: boolean }, { deleted: string[]; notices: string[] }];
  "session.start": [{ session: string; profiles?: string[]; replace?: boolean }, SessionResult];
  "session.stop": [{ session: string }, SessionResult];
  /** Asks AWS who the session is. */
  "session.identity": [{ session: string }, CallerIdentity];
  /** Checks a form without saving it, all fields at once. `replaces`: the session that is being edited. */
  "session.check": [
    { session: SessionInput; secrets?: SecretInput; replaces?: string },
    { problems: FieldProblem[] },
  ];
  /** Asks AWS who a session that is not saved yet would be; keys of `replaces` are used where none are given. */
  "session.test": [{ session: SessionInput; secrets?: SecretInput; replaces?: string }, CallerIdentity];
  /** The lines that a start writes into `~/.aws/config`. */
  "session.config-entry": [{ session: string }, { text: string }];

  /** The credential_process line. */
  "credentials.generate": [{ session: string }, { line: string }];
  /**
   * A console URL holds a sign-in token, so it is a credential that leaves. `open`: the agent opens it in the
   * person's browser and returns no URL.
   */
  "credentials.console-url": [{ session: string; open?: boolean }, { url?: string }];

  "integration.list": [Record<string, never>, IntegrationView[]];
  "integration.add": [{ integration: IntegrationInput }, IntegrationResult];
  "integration.edit": [{ integration: string; changes: IntegrationInput }, IntegrationResult];
  "integration.check": [{ integration: IntegrationInput; replaces?: string }, { problems: FieldProblem[] }];
  /** Deletes its sessions too; `conflict` without `force` when others chain from them. */
  "integration.delete": [{ integration: string; force?: boolean }, { deleted: string[]; notices: string[] }];
  /** Answers when the person has signed in; a success at once when that is so already. */
  "integration.login": [{ integration: string; flow?: "pkce" | "device" }, IntegrationResult];
  "integration.logout": [{ integration: string }, IntegrationResult];
  "integration.sync": [{ integration: string; dryRun?: boolean }, SyncResult];

  "idp-url.list": [Record<string, never>, IdpUrlView[]];
  "idp-url.add": [{ url: string }, IdpUrlView];
  "idp-url.edit": [{ id: string; url: string }, IdpUrlView];
  "idp-url.delete": [{ id: string; force?: boolean }, { deleted: string[]; notices: string[] }];
  /** Signs in once, where nobody is, and lists what that opens. A URL that is new is added. */
  "idp-url.roles": [{ url: string }, SamlSignInResult];
  /** The same; `assertion`: a SAML response, base64, that the person brings instead of signing in here. */
  "idp-url.login": [{ url: string; assertion?: string }, SamlSignInResult];
  /** Forgets the browser profile of its sign-ins. */
  "idp-url.logout": [{ id: string }, null];

  "profile.list": [Record<string, never>, ProfileView[]];
  "profile.create": [{ name: string }, { notices: string[] }];
  "profile.rename": [{ name: string; to: string }, { notices: string[] }];
  "profile.delete": [{ name: string; force?: boolean }, { notices: string[] }];

  /**
   * Named profiles for synced sessions by a template such as `{account}-{role}`. Without `apply` only the plan;
   * with it all are written as started profiles in one edit.
   */
  "profile.generate": [
    {
      template?: string;
      separator?: "-" | "_" | ".";
      lowerCase?: boolean;
      /** Only sessions in whose name, account, role or integration this text is found, any case. */
      filter?: string;
      apply?: boolean;
      replace?: boolean;
    },
    {
      profiles: { session: string; profile: string; clash?: string; unchanged: boolean }[];
      notices: string[];
    },
  ];
  /** Started profiles of ours whose session is gone, and named profiles that no session uses. */
  "profile.prune": [{ dryRun?: boolean }, { removed: string[]; notices: string[] }];

  "settings.list": [Record<string, never>, Settings];
  "settings.set": [{ key: string; value: string }, { settings: Settings; notices: string[] }];
  "settings.preview-method": [{ method: CredentialMethod }, { lines: string[] }];
  "region.list": [Record<string, never>, RegionView[]];
  /** What clients remember of their own look: columns, views. Text of at most 64 KiB each; null forgets. */
  "preferences.list": [Record<string, never>, Record<string, string>];
  "preferences.set": [{ key: string; value: string | null }, null];

  "command-line.status": [Record<string, never>, CommandLineStatus];
  "command-line.install": [Record<string, never>, CommandLineStatus & { notices: string[] }];
  "import.scan": [Record<string, never>, ImportCandidate[]];
  "import.apply": [{ ids: string[] }, { added: string[]; notices: string[] }];

  "vault.status": [Record<string, never>, VaultStatus];
  "vault.unlock": [{ passphrase?: string }, VaultStatus];
  "vault.lock": [Record<string, never>, VaultStatus];
  "vault.change-passphrase": [{ current?: string; passphrase: string }, VaultStatus];
  "vault.use-keychain": [{ current?: string }, VaultStatus];

  "log.list": [{ session?: string; since?: Timestamp; limit?: number }, AuditRecord[]];
  /** `broken` is the sequence number of the first record that does not fit the chain. */
  "log.verify": [
    Record<string, never>,
    /** `sealed`: how many records the vault's key vouches for too. */
    { records: number; sealed: number; broken?: number; reason?: string },
  ];

  "prompt.list": [Record<string, never>, PromptView[]];
  "prompt.answer": [{ id: string; value: string }, null];
  "prompt.refuse": [{ id: string }, null];
}

export type Method = keyof Methods;
export type Params<M extends Method> = Methods[M][0];
export type Result<M extends Method> = Methods[M][1];

export interface Request<M extends Method = Method> {
  id: number;
  method: M;
  params: Params<M>;
}
export type Response = { id: number; result: unknown } | { id: number; error: ErrorShape };

/** What changed, after `subscribe`; the client asks again for what it shows. */
export type Topic =
  | "sessions"
  | "profiles"
  | "settings"
  | "vault"
  /** Integrations and IdP URLs. */
  | "integrations"
  | "activity"
  | "preferences";
export type Event =
  | { event: "changed"; data: Topic[] }
  /** Sent to apps for every prompt, to a terminal for those its own request caused. */
  | { event: "prompt"; data: PromptView }
  | { event: "prompt-closed"; data: { id: string } }
  | { event: "sync-progress"; data: SyncProgress & { integrationId: string } };

export type { AuditRecord, CallerProcess, IdpUrl, Integration, PromptView, Session, SessionView, Settings };
