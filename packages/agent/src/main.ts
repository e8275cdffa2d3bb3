/** The agent process: one per user and LEAPP_HOME, started on demand, alone in opening the vault. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { editFile } from "../../core/src/aws-config/file.ts";
import { LeappError } from "../../core/src/errors.ts";
import type { CacheFiles } from "../../core/src/identity/sso-cache.ts";
import type { Browser, Clock, Paths, SecretStore } from "../../core/src/ports.ts";
import { openState } from "../../core/src/state/state.ts";
import { openVault } from "../../core/src/vault/vault.ts";
import { openAudit } from "./audit.ts";
import { createEngine, type Engine } from "./engine.ts";
import { createHandle, type Handlers } from "./handlers.ts";
import { openLog } from "./log.ts";
import { systemBrowser } from "./platform/browser.ts";
import { systemClock } from "./platform/clock.ts";
import { fileOps, tryLock } from "./platform/files.ts";
import { detectKeychain } from "./platform/keychain.ts";
import { ensureHome, resolvePaths } from "./platform/paths.ts";
import { hardenProcess, installedAs, resolvesToUs } from "./platform/process.ts";
import { createPrompts } from "./prompts.ts";
import { protocolVersion } from "./protocol.ts";
import { serve } from "./server.ts";
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
  /** Ends the process; a test's agent lives in the test's own. */
  exit: () => void;
}

export interface Agent {
  engine: Engine;
  stop(): void;
}

/** Opens everything and listens. The caller holds the home folder's lock. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { paths, env, clock } = options;
  const log = openLog(paths.logFile, clock);
  const state = openState(paths.stateFile, clock);
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
    onLock: () => engine.cache.clear(),
  });
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
    user: env.USER || env.LOGNAME || env.USERNAME || "user",
    command: options.command,
    browser: options.browser ?? systemBrowser(() => desktop),
    sharedCache: sharedCacheAt(join(dirname(paths.awsConfig), "sso", "cache")),
  });
  const startedAt = new Date(clock.now()).toISOString();

  const agentHandlers: Partial<Handlers> = {
    hello: (_, call) => {
      desktop = call.desktop ?? desktop;
      return { protocol: protocolVersion, version, pid: process.pid, home: paths.home };
    },
    "agent.status": () => {
      const rows = engine.started.list();
      const problems = engine
        .views()
        .flatMap(({ name, problem }) => (problem ? [{ session: name, ...problem }] : []));
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
        problems,
      };
    },
    "agent.stop": () => {
      // After the answer has been sent.
      setImmediate(stop);
      return null;
    },
    "agent.replace": () => {
      setImmediate(stop);
      return null;
    },
  };
  const handle = createHandle(engine, agentHandlers);

  rmSync(paths.socket, { force: true });
  const server = serve(paths.socket, {
    handle,
    generate: engine.generate,
    prompts,
    onEvent: engine.onEvent,
    note: log.note,
  });
  log.note("info", `agent ${version} listens, pid ${process.pid}`);

  let stopped = false;
  function stop(): void {
    if (stopped) return;
    stopped = true;
    server.stop();
    rmSync(paths.socket, { force: true });
    vault.close();
    state.close();
    log.note("info", "agent stopped");
    options.exit();
  }

  // Nobody waits for these: what was half done is put right, and keys that lie in files go on being renewed.
  void engine.resume().catch((thrown) => log.note("error", `resume: ${LeappError.of(thrown).message}`));
  return { engine, stop };
}

/** `leapp-core agent run` */
export async function runAgent(): Promise<void> {
  hardenProcess();
  const env = process.env as Record<string, string | undefined>;
  const paths = resolvePaths(env);
  ensureHome(paths);
  // Whoever loses the race for the lock is not needed.
  const lock = tryLock(`${paths.home}/agent.lock`);
  if (!lock) process.exit(0);
  const agent = await startAgent({
    paths,
    env,
    clock: systemClock,
    keychain: detectKeychain,
    command: () => {
      const { launcher, core } = installedAs();
      return resolvesToUs("leapp") ? "leapp" : (launcher ?? core);
    },
    exit: () => process.exit(0),
  });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, agent.stop);
  process.on("uncaughtException", (error) =>
    agent.engine.log.note("error", `uncaught: ${error.stack ?? error}`),
  );
  process.on("unhandledRejection", (error) =>
    agent.engine.log.note("error", `unhandled: ${(error as Error)?.stack ?? error}`),
  );
}

/** The AWS CLI's cache of SSO tokens, edited under the same lock and as atomically as the config file. */
function sharedCacheAt(folder: string): CacheFiles {
  return {
    read(name) {
      try {
        return readFileSync(join(folder, name));
      } catch {
        return undefined;
      }
    },
    async edit(name, edit) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      await editFile(join(folder, name), edit, fileOps);
    },
  };
}
