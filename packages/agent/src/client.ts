/** The way in for the command line and the app: one connection to the agent, started when none runs. */
import { existsSync } from "node:fs";
import { LeappError } from "../../core/src/errors.ts";
import type { Paths } from "../../core/src/ports.ts";
import { tryLock } from "./platform/files.ts";
import { ensureHome, resolvePaths } from "./platform/paths.ts";
import { installedAs, spawnDetached } from "./platform/process.ts";
import { connectLines, type Line } from "./platform/socket.ts";
import type { Event, Method, Params, Result } from "./protocol.ts";
import { protocolVersion } from "./protocol.ts";
import { version } from "./version.ts";

export interface AgentClient {
  /** @throws LeappError whatever the agent answers, or `agent-unavailable` when the connection ends. */
  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>>;
  /** Events of this connection. Returns a function that ends the listening. */
  on(listener: (event: Event) => void): () => void;
  /** Runs once when the agent goes away. */
  onClose(run: () => void): void;
  close(): void;
}

export interface ConnectOptions {
  env: Record<string, string | undefined>;
  kind?: "cli" | "app";
  /** This connection can show prompts that its own requests cause. */
  interactive?: boolean;
  /** Start the agent when none runs; default true. */
  start?: boolean;
  /** The caller waits for credentials: an agent started for it gets ready for that while it starts. */
  forCredentials?: boolean;
  /** Milliseconds until it must listen then; 8,000 when absent. */
  startWithin?: number;
}

/** Answers to a client are lists of 10,000 sessions at the most. */
const maxAnswerBytes = 64 * 1024 * 1024;

/** @throws LeappError `agent-unavailable` */
export async function connectAgent(options: ConnectOptions): Promise<AgentClient> {
  const paths = resolvePaths(options.env);
  let client = await reach(paths, options);
  for (let attempt = 1, replaced = false; ; attempt++) {
    let ended = false;
    const end = new Promise<void>((resolve) => {
      client.onClose(() => {
        ended = true;
        resolve();
      });
    });
    try {
      const hello = await greet(client, options);
      if (replaced || !isNewer(version, hello.version)) return client;
      // The old agent hands its credentials to its successor, or stops (docs/spec/agent-protocol.md).
      replaced = true;
      await client.call("agent.replace", { version }).catch(() => {});
      await end;
    } catch (error) {
      // One that was on its way out when we came, since another client had it replaced.
      if (!ended || attempt === 3) throw error;
    }
    client = (await heir(paths)) ?? (await reach(paths, options));
  }
}

const shadowing = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/** What a browser needs to open where this person sits; undefined over SSH and in a container. */
function desktopOf(env: Record<string, string | undefined>): Record<string, string> | undefined {
  const names = [
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "BROWSER",
  ];
  const found = Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
  const native = process.platform === "darwin" || process.platform === "win32";
  const here = native ? !env.SSH_CONNECTION : found.DISPLAY || found.WAYLAND_DISPLAY || found.BROWSER;
  return here ? found : undefined;
}

function greet(client: AgentClient, options: ConnectOptions) {
  const { awsConfig, awsCredentials } = resolvePaths(options.env);
  return client.call("hello", {
    protocol: protocolVersion,
    version,
    client: options.kind ?? "cli",
    interactive: options.interactive ?? false,
    files: { config: awsConfig, credentials: awsCredentials },
    desktop: desktopOf(options.env),
    variables: shadowing.filter((name) => options.env[name]),
  });
}

/** `1.10.0` after `1.9.0`. An agent of a newer version than ours goes on serving us. */
export function isNewer(ours: string, theirs: string): boolean {
  const [a, b] = [ours, theirs].map((text) =>
    text.split(/[.+-]/).map((part) => Number.parseInt(part, 10) || 0),
  );
  for (let i = 0; i < 3; i++) if (a![i] !== b![i]) return (a![i] ?? 0) > (b![i] ?? 0);
  return false;
}

/** The agent that the old one started, once it listens; undefined when none does in time. */
async function heir(paths: Paths): Promise<AgentClient | undefined> {
  for (const until = Date.now() + 2_000; Date.now() < until; ) {
    const client = await open(paths).catch(() => undefined);
    if (client) return client;
    await new Promise((resume) => setTimeout(resume, 10));
  }
  return undefined;
}

async function reach(paths: Paths, options: ConnectOptions): Promise<AgentClient> {
  try {
    return await open(paths);
  } catch (error) {
    if (options.start === false)
      throw new LeappError("agent-unavailable", "the agent is not running", {
        hint: "run: leapp agent start",
        cause: error,
      });
  }
  ensureHome(paths);
  const deadline = Date.now() + (options.startWithin ?? 8_000);
  let failed = false;
  let spawned = 0;
  let wait = 3;
  let release: (() => void) | undefined;
  for (;;) {
    // Of any number of callers one starts it; the agent's own lock is the final word.
    release ??= tryLock(`${paths.home}/start.lock`);
    if (release && Date.now() - spawned > 2_000) {
      spawned = Date.now();
      startAgent(options, paths, (code) => {
        failed ||= code !== 0;
      });
    }
    await new Promise((resume) => setTimeout(resume, wait));
    // Of many callers only the one that started it looks often, so that the agent gets the processor.
    if (!release || Date.now() - spawned > 200) wait = Math.min(50, wait * 1.5);
    try {
      const client = await open(paths);
      release?.();
      return client;
    } catch (error) {
      if (failed || Date.now() > deadline)
        throw new LeappError("agent-unavailable", "the agent does not start", {
          hint: "run: leapp agent log",
          cause: error,
        });
    }
  }
}

function startAgent(
  { env, forCredentials }: ConnectOptions,
  paths: Paths,
  ended: (code: number | null) => void,
): void {
  // It lives in another folder, where a relative path would mean another file.
  const absolute = {
    LEAPP_HOME: paths.home,
    AWS_CONFIG_FILE: paths.awsConfig,
    AWS_SHARED_CREDENTIALS_FILE: paths.awsCredentials,
  };
  const given = Object.fromEntries(Object.entries(absolute).filter(([name]) => env[name]));
  const args = ["agent", "run", ...(forCredentials ? ["--for-credentials"] : [])];
  spawnDetached(installedAs().core, args, { ...sessionBus(env), ...env, ...given }, "", { ended });
}

/** A tool with a scrubbed environment starts an agent that must find the person's keychain all the same. */
function sessionBus(env: Record<string, string | undefined>): Record<string, string> {
  const folder = `/run/user/${process.geteuid?.()}`;
  if (process.platform !== "linux" || env.DBUS_SESSION_BUS_ADDRESS || !existsSync(`${folder}/bus`)) return {};
  return { XDG_RUNTIME_DIR: folder, DBUS_SESSION_BUS_ADDRESS: `unix:path=${folder}/bus` };
}

async function open(paths: Paths): Promise<AgentClient> {
  const pending = new Map<number, { resolve(value: unknown): void; reject(error: LeappError): void }>();
  const listeners = new Set<(event: Event) => void>();
  const closers: (() => void)[] = [];
  let closed = false;
  let next = 1;
  const line: Line = await connectLines(paths.socket, maxAnswerBytes, {
    line(text) {
      const message = JSON.parse(text);
      if ("event" in message) {
        for (const listener of listeners) listener(message);
        return;
      }
      const waiting = pending.get(message.id);
      pending.delete(message.id);
      if (message.error) waiting?.reject(LeappError.from(message.error));
      else waiting?.resolve(message.result);
    },
    close() {
      closed = true;
      const gone = new LeappError("agent-unavailable", "the agent ended the connection", {
        hint: "run the command again",
      });
      for (const waiting of pending.values()) waiting.reject(gone);
      pending.clear();
      for (const run of closers) run();
    },
  });
  return {
    call(method, params) {
      return new Promise((resolve, reject) => {
        if (closed) {
          reject(new LeappError("agent-unavailable", "the agent ended the connection"));
          return;
        }
        const id = next++;
        pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
        line.send(`${JSON.stringify({ id, method, params })}\n`);
      });
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onClose(run) {
      if (closed) run();
      else closers.push(run);
    },
    close: () => line.end(),
  };
}
