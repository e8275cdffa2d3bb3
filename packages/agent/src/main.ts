/** The agent process: one per user and LEAPP_HOME, started on demand, alone in opening the vault. */
import { rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { loadSts } from "../../core/src/aws/sts.ts";
import { LeappError } from "../../core/src/errors.ts";
import type { SamlBrowser } from "../../core/src/identity/saml.ts";
import type { Browser, Clock, Paths, SecretStore } from "../../core/src/ports.ts";
import { openState } from "../../core/src/state/state.ts";
import { openVault } from "../../core/src/vault/vault.ts";
import { openAudit } from "./audit.ts";
import type { Engine } from "./engine.ts";
import type { Handlers } from "./handlers.ts";
import { openLog } from "./log.ts";
import { systemBrowser } from "./platform/browser.ts";
import { systemClock } from "./platform/clock.ts";
import { fileOps, inheritedLock, tryLock } from "./platform/files.ts";
import { detectKeychain } from "./platform/keychain.ts";
import { ensureHome, resolvePaths } from "./platform/paths.ts";
import {
  hardenProcess,
  installedAs,
  resolvesToUs,
  spawnDetached,
  stdinText,
  userName,
} from "./platform/process.ts";
import { signInBrowser } from "./platform/sign-in-browser.ts";
import { createPrompts } from "./prompts.ts";
import { protocolVersion } from "./protocol.ts";
import { serve } from "./server.ts";
import { ssoCacheFiles } from "./sso-cache-files.ts";
import { createVaultAccess } from "./vault-access.ts";
import { version } from "./version.ts";

export interface AgentOptions {
  paths: Paths;
  env: Record<string, string | undefined>;
  clock: Clock;
  keychain: () => Promise<SecretStore | undefined>;
  /** What `credential_process` starts with. */
  command: () => string;
  browser?: Browser;
  samlBrowser?: SamlBrowser;
  /** The local user's name, for role session names. */
  user?: string;
  /** Ends the process; a test's agent lives in the test's own. */
  exit: () => void;
  /** Somebody waits for credentials. */
  forCredentials?: boolean;
  /** What an older agent handed over. */
  inherited?: Inherited;
  /** Starts the successor with what this agent holds. False: there is none. */
  succeed?: (inheritance: Inherited) => Promise<boolean>;
}

/** From an agent to its successor, through a pipe that only the two of them hold. */
export interface Inherited {
  /** The vault's master key, base64, where it was unlocked. */
  vaultKey?: string;
  credentials: ReturnType<Engine["cache"]["export"]>;
}

export interface Agent {
  engine: Engine;
  stop(): void;
}

/** Opens everything and listens. The caller holds the home folder's lock. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { paths, env, clock } = options;
  const log = openLog(paths.logFile, clock);
  const prompts = createPrompts(clock, () => state.settings.all()["prompt-timeout"]);
  const vault = openVault({ file: paths.vaultFile, store: options.keychain, clock });
  const access = createVaultAccess({
    vault,
    file: paths.vaultFile,
    clock,
    prompts,
    keychain: options.keychain,
    passphraseFile: env.LEAPP_VAULT_PASSPHRASE_FILE,
    lockAfter: () => state.settings.all()["lock-after"],
    onLock() {
      engine.cache.clear();
      engine.sso().lock();
      engine.saml.lock();
    },
  });
  // Deriving the key takes longest, and goes on beside everything else: the greater part of the agent comes after.
  if (options.forCredentials) await access.begin();
  const { createEngine } = await import("./engine.ts");
  const { createHandle } = await import("./handlers.ts");
  const state = openState(paths.stateFile, clock);
  let desktop: Record<string, string> | undefined;
  const engine = createEngine({
    paths,
    env,
    clock,
    state,
    audit: openAudit(state, clock, vault),
    log,
    prompts,
    vault: access,
    fileOps,
    user: options.user ?? "user",
    command: options.command,
    browser: options.browser ?? systemBrowser(() => desktop),
    samlBrowser:
      options.samlBrowser ??
      signInBrowser({
        folder: join(paths.home, "browser"),
        env,
        desktop: () => desktop,
        proxy: () => state.settings.all().proxy,
      }),
    sharedCache: ssoCacheFiles(join(dirname(paths.awsConfig), "sso", "cache")),
  });
  const startedAt = new Date(clock.now()).toISOString();
  let leaving = false;

  const agentHandlers: Partial<Handlers> = {
    hello: (_, call) => {
      desktop = call.desktop ?? desktop;
      return { protocol: protocolVersion, version, pid: process.pid, home: paths.home };
    },
    "agent.status": () => {
      const rows = engine.started.list();
      return {
        pid: process.pid,
        version,
        protocol: protocolVersion,
        startedAt,
        home: paths.home,
        socket: paths.socket,
        sessions: state.sessions.count(),
        active: new Set(rows.map(({ sessionId }) => sessionId)).size,
        cached: engine.cache.size(),
        apps: prompts.apps(),
        memory: process.memoryUsage.rss(),
        problems: engine.problems(),
      };
    },
    "agent.stop": () => {
      // After the answer has been sent.
      setImmediate(stop);
      return null;
    },
    "agent.replace": () => {
      setImmediate(async () => {
        if (leaving) return;
        const vaultKey =
          vault.status().state === "unlocked" ? vault.exportKey().toString("base64") : undefined;
        const inheritance = { vaultKey, credentials: engine.cache.export() };
        // First of all out of its successor's way.
        leave();
        const succeeded = await options.succeed?.(inheritance).catch(() => false);
        log.note("info", succeeded ? "handed over to a newer agent" : "makes way for a newer agent");
        stop();
      });
      return null;
    },
  };
  const handle = createHandle(engine, agentHandlers);

  if (options.inherited) {
    const { vaultKey, credentials } = options.inherited;
    if (vaultKey) vault.unlockWithKey(Buffer.from(vaultKey, "base64"));
    engine.cache.import(credentials);
  }

  rmSync(paths.socket, { force: true });
  const server = serve(paths.socket, {
    handle,
    generate: engine.generate,
    prompts,
    onEvent: engine.onEvent,
    note: log.note,
  });
  log.note("info", `agent ${version} listens, pid ${process.pid}`);
  if (options.forCredentials) void loadSts();

  let stopped = false;
  function leave(): void {
    leaving = true;
    server.stop();
    rmSync(paths.socket, { force: true });
  }
  function stop(): void {
    if (stopped) return;
    stopped = true;
    if (!leaving) leave();
    vault.close();
    state.close();
    log.note("info", "agent stopped");
    options.exit();
  }

  // Nobody waits for these: what was half done is put right, and keys that lie in files go on being renewed.
  void engine.resume().catch((thrown) => log.note("error", `resume: ${LeappError.of(thrown).message}`));
  return { engine, stop };
}

/**
 * `leapp-core agent run`. `takeOver`: an older agent started us and hands over through stdin. `forCredentials`:
 * whoever started us waits for credentials.
 */
export async function runAgent({ takeOver = false, forCredentials = false } = {}): Promise<void> {
  hardenProcess();
  const env = { ...process.env } as Record<string, string | undefined>;
  // Bun's fetch would follow these behind the back of the settings; ours are given to it call by call.
  for (const name of Object.keys(process.env))
    if (/^(https?|all|no)_proxy$/i.test(name)) delete process.env[name];
  const paths = resolvePaths(env);
  ensureHome(paths);
  const inherited = takeOver ? await receiveInheritance() : undefined;
  const lockFile = `${paths.home}/agent.lock`;
  // Whoever loses the race for the lock is not needed. An heir has it from the old agent, or waits for it.
  const patience = Date.now() + (takeOver ? 5_000 : 0);
  let lock = (takeOver ? inheritedLock(lockFile) : undefined) ?? tryLock(lockFile);
  while (!lock && Date.now() < patience) {
    await new Promise((resume) => setTimeout(resume, 5));
    lock = tryLock(lockFile);
  }
  if (!lock) process.exit(0);
  const { descriptor } = lock;
  const { core } = installedAs();
  const agent = await startAgent({
    paths,
    env,
    clock: systemClock,
    keychain: detectKeychain,
    forCredentials,
    inherited,
    user: userName(),
    command: () => (resolvesToUs("leapp") ? "leapp" : (installedAs().launcher ?? core)),
    exit: () => process.exit(0),
    // Only to the program we were started from, replaced on disk by an upgrade, and only if it is trustworthy.
    async succeed(inheritance) {
      if (!isOurs(core)) return false;
      const args = ["agent", "run", "--take-over"];
      await spawnDetached(core, args, env, JSON.stringify(inheritance), { descriptor });
      return true;
    },
  }).catch((error) => {
    // Nobody sees our stderr; the caller says where the log is.
    openLog(paths.logFile, systemClock).note("error", `cannot start: ${LeappError.of(error).line}`);
    throw error;
  });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, agent.stop);
  process.on("uncaughtException", (error) =>
    agent.engine.log.note("error", `uncaught: ${error.stack ?? error}`),
  );
  process.on("unhandledRejection", (error) =>
    agent.engine.log.note("error", `unhandled: ${(error as Error)?.stack ?? error}`),
  );
}

async function receiveInheritance(): Promise<Inherited | undefined> {
  try {
    return JSON.parse(await stdinText());
  } catch {
    // The old agent died before it had written all: its successor starts with nothing.
    return undefined;
  }
}

/** Whether nobody but this user and the administrator could have written the file. */
function isOurs(file: string): boolean {
  if (!process.geteuid) return true;
  const found = statSync(file, { throwIfNoEntry: false });
  return !!found && [0, process.geteuid()].includes(found.uid) && (found.mode & 0o022) === 0;
}
