/** What the app's window may ask for, of the agent and of the shell around it. */
import type { Event, Method } from "../agent/src/protocol.ts";

/**
 * Methods of the agent that a window may call. Everything else is refused by the shell: a page that was
 * somehow taken over can start and stop sessions, but never gets a credential into its hands.
 * `credentials.console-url` is there with `open: true` only (see `isAllowed`).
 */
export const windowMethods = [
  "agent.status",
  "session.list",
  "session.show",
  "session.add",
  "session.edit",
  "session.delete",
  "session.start",
  "session.stop",
  "session.identity",
  "session.check",
  "session.test",
  "session.config-entry",
  "credentials.console-url",
  "integration.list",
  "integration.add",
  "integration.edit",
  "integration.check",
  "integration.delete",
  "integration.login",
  "integration.logout",
  "integration.sync",
  "idp-url.list",
  "idp-url.add",
  "idp-url.edit",
  "idp-url.delete",
  "idp-url.roles",
  "idp-url.logout",
  "profile.list",
  "profile.create",
  "profile.rename",
  "profile.delete",
  "profile.generate",
  "settings.list",
  "settings.set",
  "settings.preview-method",
  "region.list",
  "preferences.list",
  "preferences.set",
  "command-line.status",
  "command-line.install",
  "import.scan",
  "import.apply",
  "vault.status",
  "vault.unlock",
  "vault.lock",
  "vault.change-passphrase",
  "vault.use-keychain",
  "log.list",
  "log.verify",
  "prompt.list",
  "prompt.answer",
  "prompt.refuse",
] as const satisfies readonly Method[];

export type WindowMethod = (typeof windowMethods)[number];

/** Whether a window may make this call. Both shells ask this before they pass anything on. */
export function isAllowed(method: string, params: unknown): boolean {
  if (!(windowMethods as readonly string[]).includes(method)) return false;
  if (typeof params !== "object" || params === null || Array.isArray(params)) return false;
  return method !== "credentials.console-url" || (params as { open?: unknown }).open === true;
}

export interface ShellInfo {
  /** `browser`: an app-mode window of an installed browser. `native`: our own window. */
  kind: "browser" | "native";
  version: string;
  platform: string;
  /** Present where this shell can do it. */
  startAtLogin?: boolean;
  startHidden?: boolean;
  /** There is a sandbox to try. */
  sandbox?: boolean;
}

/** What the shell does itself. Parameters and result of each. */
export interface ShellMethods {
  "shell.info": [Record<string, never>, ShellInfo];
  "shell.set": [{ startAtLogin?: boolean; startHidden?: boolean }, ShellInfo];
  /** Opens a page in the person's browser: only AWS's, and those of the configured sign-in hosts. */
  "shell.open": [{ url: string }, null];
  /** Puts the console URL of a session on the clipboard; it never passes through the window. */
  "shell.copy-console-url": [{ session: string }, null];
  /** Opens another window on the embedded sandbox. */
  "shell.try-sandbox": [Record<string, never>, null];
}
export type ShellMethod = keyof ShellMethods;

/**
 * What a window hears: the agent's events, whether the agent can be reached, and which screen a `leapp://` link
 * asked for.
 */
export type WindowEvent =
  | Event
  | { event: "connection"; data: "open" | "lost" }
  | { event: "view"; data: "sessions" | "activity" | "settings" };
