/**
 * The heart of the agent: sessions, their credentials from cache or AWS, and what becomes of them in `~/.aws`.
 * The verbs of the protocol (handlers/) are thin readers and writers around it.
 */
import { createSts, type Sts } from "../../core/src/aws/sts.ts";
import { createWire, type Wire, wireOptions } from "../../core/src/aws/http.ts";
import { credentialProcessCommand } from "../../core/src/aws-config/names.ts";
import type { FileOps } from "../../core/src/aws-config/file.ts";
import {
  type CredentialRequest,
  type RequestContext,
  requestKey,
  requestOf,
} from "../../core/src/credentials/request.ts";
import { type ResolveContext, resolve } from "../../core/src/credentials/resolve.ts";
import { keysRecord } from "../../core/src/credentials/iam-user.ts";
import { credentialProcessLine } from "../../core/src/delivery/credential-process.ts";
import { credentialsFileKeys } from "../../core/src/delivery/credentials-file.ts";
import { LeappError } from "../../core/src/errors.ts";
import { createSso, type Sso } from "../../core/src/identity/sso.ts";
import type { CacheFiles } from "../../core/src/identity/sso-cache.ts";
import { createSaml, type Saml, type SamlBrowser } from "../../core/src/identity/saml.ts";
import type {
  AuditRecord,
  Credentials,
  Integration,
  Session,
  SessionView,
  Settings,
} from "../../core/src/model.ts";
import type { Browser, Clock, Paths } from "../../core/src/ports.ts";
import type { State } from "../../core/src/state/state.ts";
import type { Audit } from "./audit.ts";
import { type Asking, type Cache, createCache } from "./cache.ts";
import type { Log } from "./log.ts";
import { listenForCallback } from "./platform/callback.ts";
import { Audience, type Prompts } from "./prompts.ts";
import type { AgentStatus, Event, Topic } from "./protocol.ts";
import { createSamlSignIn, type SamlSignIn } from "./saml-sign-in.ts";
import type { Call } from "./server.ts";
import { type AwsFiles, createStarted, parks, type Start, type Started } from "./started.ts";
import type { VaultAccess } from "./vault-access.ts";
import { identityOf, viewOf } from "./views.ts";

export interface EngineOptions {
  paths: Paths;
  env: Record<string, string | undefined>;
  clock: Clock;
  state: State;
  audit: Audit;
  log: Log;
  prompts: Prompts;
  vault: VaultAccess;
  fileOps: FileOps;
  /** The local user's name, for role session names. */
  user: string;
  /** What `credential_process` starts with: `leapp`, or a path. */
  command: () => string;
  browser: Browser;
  /** The browser that SAML sign-ins go through. */
  samlBrowser: SamlBrowser;
  /** `~/.aws/sso/cache`, for integrations that share their tokens. */
  sharedCache: CacheFiles;
}

/** Vault record of the password in the setting `proxy`, which is kept without it. */
export const proxyPasswordRecord = "settings/proxy-password";
/** A tool's call answers or fails within 4 s when no person is to be waited for (consumers.md R4). */
const toolPatience = 3_600;
/** A person who starts a session may wait for a slow AWS. */
const personPatience = 30_000;
/** `session start` leaves at least so much, where AWS grants it: half an hour of quiet. */
const startLife = 30 * 60_000;

export interface Engine extends EngineOptions {
  cache: Cache;
  started: Started;
  requestContext(unsaved?: Session): RequestContext;
  settings(): Settings;
  /** By id, unique prefix of an id, or name. @throws LeappError `not-found`, `conflict` */
  session(reference: string): Session;
  view(session: Session): SessionView;
  views(): SessionView[];
  /** Sessions that could not be renewed lately. */
  problems(): AgentStatus["problems"];
  /** The credentials of a session. */
  credentials(session: Session, asking: Asking): Credentials | Promise<Credentials>;
  generate(reference: string, call: Call): string | Promise<string>;
  /** Writes down that a credential left. Never fails: a full disk must not stop the work. */
  record(
    record: Pick<AuditRecord, "method"> & { session: Session; credentials: Credentials; call?: Call },
  ): void;
  /** Credentials of a session that is not saved, past the cache; `keys`: an IAM user's own, where new ones are tried. */
  tryOut(
    session: Session,
    keys: { accessKeyId: string; secretAccessKey: string } | undefined,
    audience: Audience,
  ): Promise<Credentials>;
  sts(): Sts;
  wire(): Wire;
  sso(): Sso;
  saml: Saml;
  samlSignIn: SamlSignIn;
  /** Has the person sign in, whom `audience` may ask; one sign-in however many ask for it. */
  signIn(integration: Integration, audience: Audience, flow?: "pkce" | "device"): Promise<void>;
  /** Starts sessions under profiles, all or none; warms nothing. */
  startAll(
    starts: { session: Session; profiles: string[]; credentials?: Credentials }[],
    options: { files: AwsFiles; replace?: boolean; stop?: string[]; method?: Settings["credential-method"] },
    audience: Audience,
  ): Promise<string[]>;
  startOne(session: Session, profiles: string[], replace: boolean, call: Call): Promise<string[]>;
  stopProfiles(profiles: string[], audience: Audience): Promise<string[]>;
  /** Lines of a started profile's section in the config file. */
  configKeys(session: Session, method: Settings["credential-method"]): [string, string][];
  /** After sessions, settings or integrations changed: what was resolved from them is resolved anew. */
  changed(...topics: Topic[]): void;
  /** Forgets the credentials that come from this session's own secrets. */
  forget(sessionId: string): void;
  onEvent(listener: (event: Event) => void): void;
  emit(event: Event): void;
  files(call: Call): AwsFiles;
  /** After the start of the agent: finishes what a killed one left, renews keys that lie in files. */
  resume(): Promise<void>;
  /** Sessions being started now. */
  pending: Set<string>;
}

export function createEngine(options: EngineOptions): Engine {
  const { clock, state, prompts, vault, paths } = options;
  const started = createStarted(state, options.fileOps, clock.now);
  const saml = createSaml({ clock, browser: options.samlBrowser });
  const signedIn = () => {
    cache.forgive();
    announce("integrations", "sessions");
  };
  const samlSignIn = createSamlSignIn({ saml, prompts, vault, clock, state, signedIn });
  const listeners = new Set<(event: Event) => void>();
  const pending = new Set<string>();
  /** Sign-ins under way, by integration, and everybody who waits for them. */
  const signIns = new Map<string, { audience: Audience; promise: Promise<void> }>();
  const lines = new WeakMap<Credentials, string>();
  /** Resolved requests by session id, until something changes that they were resolved from. */
  const resolved = new Map<string, { key: string; request: CredentialRequest }>();
  const sessionsOfKey = new Map<string, Set<string>>();
  /** Sessions whose credentials were asked for; only these can be in the cache. */
  const asked = new Set<string>();
  let announced: Set<Topic> | undefined;
  let wire: Wire | undefined;
  let sts: Sts | undefined;
  let sso: Sso | undefined;

  function contextOf(audience: Audience, minimumLife?: number): ResolveContext {
    return {
      sts: engine.sts(),
      clock,
      env: options.env,
      minimumLife,
      secrets: vault.secrets(audience),
      sso: {
        sso: engine.sso(),
        integration: (id) => state.integrations.get(id),
        signIn: (integration) => engine.signIn(integration, audience),
      },
      saml: {
        assertion: (request) => samlSignIn.assertionFor(request, audience),
        drop: saml.drop,
        skew: () => engine.wire().skew(),
      },
      credentials: async (source) =>
        cache.get(requestKey(source), source, { audience, patience: () => undefined }),
      ask({ sessionId, message }) {
        const name = state.sessions.get(sessionId)?.name ?? "(new)";
        return prompts.ask(
          { kind: "mfa", sessionId, sessionName: name, message },
          audience,
          new LeappError("mfa-needed", `session ${name} needs an MFA code`, {
            hint: `run: leapp session start ${quoted(name)}`,
          }),
        );
      },
    };
  }

  const cache = createCache({
    clock,
    reachable: (audience) => prompts.reachable(audience),
    resolve: (request, audience, minimumLife) => resolve(request, contextOf(audience, minimumLife)),
    wanted(key) {
      let wanted: "always" | "while-used" | "no" = "no";
      for (const id of sessionsOfKey.get(key) ?? []) {
        for (const { method } of started.ofSession(id)) {
          if (method === "credential-file-method") return "always";
          wanted = "while-used";
        }
      }
      return wanted;
    },
    changed(key, credentials) {
      for (const id of sessionsOfKey.get(key) ?? []) {
        const session = state.sessions.get(id);
        if (!session) continue;
        const inFile = started.ofSession(id).some(({ method }) => method === "credential-file-method");
        if (credentials && inFile) void rotate(session, credentials);
        const { problem } = cache.held(key);
        if (problem)
          options.log.note("error", `${session.name}: ${problem.error.code}: ${problem.error.message}`);
      }
      announce("sessions");
    },
  });

  async function rotate(session: Session, credentials: Credentials): Promise<void> {
    try {
      await started.rotate(session.id, credentialsFileKeys(credentials));
      engine.record({ method: "credential-file", session, credentials });
    } catch (thrown) {
      const error = LeappError.of(thrown);
      options.log.note("error", `${session.name}: new keys could not be written: ${error.message}`);
    }
  }

  /** `unsaved` stands for the stored session of the same id. */
  const requestContext = (unsaved?: Session): RequestContext => ({
    find: (id) => (id === unsaved?.id ? unsaved : state.sessions.get(id)),
    integration: (id) => state.integrations.get(id),
    settings: engine.settings(),
    user: options.user,
  });

  function keyOf(session: Session): { key: string; request: CredentialRequest } {
    let known = resolved.get(session.id);
    if (!known) {
      const request = requestOf(session, requestContext());
      known = { key: requestKey(request), request };
      resolved.set(session.id, known);
      const sharing = sessionsOfKey.get(known.key) ?? new Set();
      sessionsOfKey.set(known.key, sharing.add(session.id));
    }
    asked.add(session.id);
    return known;
  }

  /** One event for all that changed in this tick. */
  function announce(...topics: Topic[]): void {
    if (!announced) {
      announced = new Set();
      queueMicrotask(() => {
        const data = [...announced!];
        announced = undefined;
        engine.emit({ event: "changed", data });
      });
    }
    for (const topic of topics) announced.add(topic);
  }

  /** The one sign-in of an integration that is under way. */
  async function signInOnce(
    integration: Integration,
    audience: Audience,
    nobody: LeappError,
    flow: "pkce" | "device" | undefined,
  ): Promise<void> {
    const { alias, id } = integration;
    const common = { kind: "sso-sign-in", integrationId: id, message: `sign in to ${alias}` } as const;
    await vault.open(audience);
    // A tool caused this, not a person: no tab opens before somebody clicked in the app, or came to a terminal.
    if (audience.channels().size === 0) {
      const over = new AbortController();
      audience.onJoin(() => over.abort());
      await prompts.ask(common, audience, nobody, over.signal);
    }
    const stop = new AbortController();
    let shown: { close(): void } | undefined;
    try {
      await engine.sso().signIn(integration, {
        flow,
        signal: stop.signal,
        show({ url, userCode, expiresAt }) {
          shown?.close();
          const request = { ...common, url, ...(userCode ? { userCode } : {}) };
          shown = prompts.show(request, audience, expiresAt, (refused) => stop.abort(refused));
        },
      });
    } finally {
      shown?.close();
    }
    signedIn();
  }

  /** What a session's credentials come from: its id, and its name for people. */
  function sourceOf(session: Session): { id: string; name(): string | undefined } | undefined {
    switch (session.type) {
      case "iam-role-chained":
        return { id: session.parentId, name: () => state.sessions.get(session.parentId)?.name };
      case "sso-role":
        return {
          id: session.integrationId,
          name: () => state.integrations.get(session.integrationId)?.alias,
        };
      case "iam-role-federated":
        return {
          id: session.idpUrlId,
          name: () => URL.parse(state.idpUrls.get(session.idpUrlId)?.url ?? "")?.host,
        };
      default:
        return undefined;
    }
  }

  function view(session: Session, startedAt: string | undefined, sourceName: string | undefined) {
    let held: ReturnType<Cache["held"]> = { waiting: false };
    if (asked.has(session.id)) {
      try {
        held = cache.held(keyOf(session).key);
      } catch {
        // Its source is gone; `generate` says so.
      }
    }
    return viewOf(session, { startedAt, pending: pending.has(session.id), held, sourceName });
  }

  function deliver(session: Session, credentials: Credentials, call: Call): string {
    let line = lines.get(credentials);
    if (line === undefined) {
      line = credentialProcessLine(credentials);
      lines.set(credentials, line);
    }
    engine.record({ method: "credential-process", session, credentials, call });
    return line;
  }

  const engine: Engine = {
    ...options,
    cache,
    started,
    saml,
    samlSignIn,
    pending,
    requestContext,
    settings: () => state.settings.all(),
    session: (reference) => state.sessions.find(reference),
    view: (session) => view(session, started.ofSession(session.id)[0]?.startedAt, sourceOf(session)?.name()),
    // Only what was asked for can have failed: no need to look at 10,000 others.
    problems: () =>
      [...asked].flatMap((id) => {
        const session = state.sessions.get(id);
        const problem = session && engine.view(session).problem;
        return problem ? [{ session: session.name, ...problem }] : [];
      }),
    views() {
      const startedAt = new Map(
        started
          .list()
          .filter(({ phase }) => phase === "started")
          .map((row) => [row.sessionId, row.startedAt]),
      );
      // A few sources have thousands of sessions.
      const names = new Map<string, string | undefined>();
      return state.sessions.list().map((session) => {
        const source = sourceOf(session);
        if (source && !names.has(source.id)) names.set(source.id, source.name());
        return view(session, startedAt.get(session.id), source && names.get(source.id));
      });
    },
    credentials(session, asking) {
      const { key, request } = keyOf(session);
      return cache.get(key, request, asking);
    },
    generate(reference, call) {
      const session = engine.session(reference);
      const patience = () => {
        if (call.interactive) return undefined;
        // An app shows the question: the caller waits for the person, but never longer than Go's 60 s.
        const asking = prompts.apps() > 0 && prompts.list().length > 0;
        // The question came up a little after the call; its own end says more than ours.
        return (asking ? engine.settings()["prompt-timeout"] * 1000 : 0) + toolPatience;
      };
      const credentials = engine.credentials(session, { audience: call.audience, patience });
      return credentials instanceof Promise
        ? credentials.then((later) => deliver(session, later, call))
        : deliver(session, credentials, call);
    },
    record({ method, session, credentials, call }) {
      const who = call?.who() ?? { callers: [] };
      try {
        options.audit.append({
          at: new Date(clock.now()).toISOString(),
          sessionId: session.id,
          sessionName: session.name,
          method,
          identity: identityOf(session),
          ...(credentials.accountId ? { accountId: credentials.accountId } : {}),
          expiresAt: new Date(credentials.expiration).toISOString(),
          ...who,
        });
        announce("activity");
      } catch (error) {
        options.log.note("error", `the audit record could not be written: ${(error as Error).message}`);
      }
    },
    wire() {
      let password: Promise<string | undefined> | undefined;
      wire ??= createWire({
        ...wireOptions(engine.settings(), options.env),
        // Nobody is asked for a passphrase in the middle of a call; without the password the proxy says no.
        proxyPassword: () =>
          (password ??= vault
            .secrets(new Audience({ background: true }))
            .get(proxyPasswordRecord)
            .catch(() => {
              password = undefined;
              return undefined;
            })),
        clock,
      });
      return wire;
    },
    sts() {
      sts ??= createSts(engine.wire());
      return sts;
    },
    async tryOut(session, keys, audience) {
      const request = requestOf(session, requestContext(session));
      const context = contextOf(audience);
      const { secrets } = context;
      const own = keysRecord(session.id);
      return resolve(request, {
        ...context,
        // What is tried out leaves nothing behind.
        secrets: {
          get: async (name) => (keys && name === own ? JSON.stringify(keys) : secrets.get(name)),
          set: async () => {},
          delete: async () => {},
        },
      });
    },
    sso() {
      sso ??= createSso({
        wire: engine.wire(),
        // Tokens are renewed without anybody at hand: nobody is asked for a passphrase.
        secrets: vault.secrets(new Audience({ background: true })),
        clock,
        browser: options.browser,
        listen: listenForCallback,
        sharedCache: options.sharedCache,
      });
      return sso;
    },
    async signIn(integration, audience, flow) {
      const { alias, id } = integration;
      const nobody = new LeappError("sign-in-needed", `a sign-in to ${alias} is needed`, {
        hint: `run: leapp integration login ${quoted(alias)}`,
      });
      if (!prompts.reachable(audience)) throw nobody;
      let flight = signIns.get(id);
      if (flight) flight.audience.include(audience);
      else {
        const everybody = new Audience();
        everybody.include(audience);
        const promise = signInOnce(integration, everybody, nobody, flow).finally(() => signIns.delete(id));
        flight = { audience: everybody, promise };
        signIns.set(id, flight);
      }
      await flight.promise;
    },
    configKeys(session, method) {
      const { value } = credentialProcessCommand(options.command(), session.id, process.platform);
      return [
        ...(method === "credential-process-method"
          ? ([["credential_process", value]] as [string, string][])
          : []),
        ["region", session.region],
        ...(session.type === "localstack"
          ? ([["endpoint_url", session.endpointUrl]] as [string, string][])
          : []),
      ];
    },
    async startAll(
      starts,
      { files, replace, stop, method = engine.settings()["credential-method"] },
      audience,
    ) {
      const change: Start[] = starts.flatMap(({ session, profiles, credentials }) =>
        profiles.map((profile) => ({
          profile,
          sessionId: session.id,
          method,
          files,
          entries: {
            config: engine.configKeys(session, method),
            ...(method === "credential-file-method"
              ? credentials && { credentials: credentialsFileKeys(credentials) }
              : (replace || parks(started.ofProfile(profile), "credentials")) && { credentials: [] }),
          },
        })),
      );
      const notices = await started.change({ start: change, stop, replace }, () => vault.open(audience));
      for (const { session, credentials } of starts) {
        if (method === "credential-file-method" && credentials)
          engine.record({ method: "credential-file", session, credentials });
        const known = resolved.get(session.id);
        if (known) cache.watch(known.key);
      }
      announce("sessions", "profiles");
      return notices;
    },
    async startOne(session, profiles, replace, call) {
      pending.add(session.id);
      announce("sessions");
      try {
        // The code or the sign-in is asked for now, not inside a tool's call later on.
        const credentials = await engine.credentials(session, {
          audience: call.audience,
          explicit: true,
          minimumLife: startLife,
          patience: () => (prompts.list().length > 0 ? undefined : personPatience),
        });
        const before = started.ofSession(session.id).filter(({ profile }) => !profiles.includes(profile));
        return await engine.startAll(
          [{ session, profiles, credentials }],
          { files: engine.files(call), replace, stop: before.map(({ profile }) => profile) },
          call.audience,
        );
      } finally {
        pending.delete(session.id);
        announce("sessions");
      }
    },
    async stopProfiles(profiles, audience) {
      const notices = await started.change({ stop: profiles }, () => vault.open(audience));
      announce("sessions", "profiles");
      return notices;
    },
    changed(...topics) {
      resolved.clear();
      sessionsOfKey.clear();
      if (topics.includes("settings")) {
        wire = undefined;
        sts = undefined;
        sso = undefined;
      }
      // The keys of started sessions, so that they go on being renewed ahead.
      for (const { sessionId } of started.list()) {
        const session = asked.has(sessionId) && state.sessions.get(sessionId);
        if (!session) continue;
        try {
          cache.watch(keyOf(session).key);
        } catch {
          // Its source is gone; `generate` says so.
        }
      }
      announce(...topics);
    },
    forget(sessionId) {
      cache.forget((request) => JSON.stringify(request).includes(sessionId));
    },
    onEvent: (listener) => listeners.add(listener),
    emit(event) {
      for (const listener of listeners) listener(event);
    },
    async resume() {
      const nobody = new Audience({ background: true });
      await started.recover(() => vault.open(nobody));
      const inFiles = new Set<Session>();
      for (const { sessionId, method, phase } of started.list()) {
        const session = state.sessions.get(sessionId);
        const inFile = method === "credential-file-method" && phase === "started";
        if (!session || (!inFile && cache.size() === 0)) continue;
        try {
          // What was inherited from an older agent goes on being renewed.
          cache.watch(keyOf(session).key);
          if (inFile) inFiles.add(session);
        } catch {
          // Its source is gone; `generate` says so.
        }
      }
      // Once all are known, since one's credentials may come along with another's. Success writes the keys.
      for (const session of inFiles)
        await Promise.resolve(engine.credentials(session, { audience: nobody })).catch(() => {});
    },
    files: (call) => call.files ?? { config: paths.awsConfig, credentials: paths.awsCredentials },
  };
  return engine;
}

const quoted = (name: string) => (/^[\w.@-]+$/.test(name) ? name : `"${name}"`);
