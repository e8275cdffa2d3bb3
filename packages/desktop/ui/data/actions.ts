/** What a person does to sessions and integrations, with the remedy offered when it fails. */
import { useMemo } from "react";
import type { SessionView } from "../../../core/src/model.ts";
import { AgentError } from "../bridge/bridge.ts";
import { hintOf, sentence } from "../components/signs.tsx";
import { type Connections, useConnections } from "./store.ts";
import { type Ui, useUi } from "./ui.ts";

export interface Remedy {
  label: string;
  run(): void;
}

/** The button that mends it, where there is one. */
export function remedyFor(
  failure: { code: string; hint?: string },
  about: { session?: SessionView; integrationId?: string; retry?: () => void },
  { ui, actions }: { ui: Ui; actions: Pick<Actions, "signIn" | "start"> },
): Remedy | undefined {
  const { session, retry } = about;
  const integrationId =
    about.integrationId ?? (session?.type === "sso-role" ? session.integrationId : undefined);
  switch (failure.code) {
    case "sign-in-needed":
      if (integrationId) return { label: "Sign in", run: () => void actions.signIn(integrationId) };
      break;
    case "vault-locked":
      return { label: "Unlock", run: () => ui.open({ kind: "unlock" }) };
    case "keys-rejected":
      if (session?.type === "iam-user")
        return { label: "Replace keys", run: () => ui.open({ kind: "edit-session", id: session.id }) };
      break;
    case "conflict":
      if (session && failure.hint?.includes("--replace"))
        return { label: "Replace", run: () => void actions.start([session], true) };
      break;
    case "network":
      return {
        label: "Network settings",
        run: () => ui.go({ screen: "settings", section: "advanced" }),
      };
    case "invalid":
    case "access-denied":
      if (session)
        return { label: "Edit session", run: () => ui.open({ kind: "edit-session", id: session.id }) };
  }
  return retry && { label: "Try again", run: retry };
}

export interface Actions {
  start(sessions: readonly SessionView[], replace?: boolean): Promise<void>;
  stop(sessions: readonly SessionView[]): Promise<void>;
  /** Starts what is stopped, stops what is started. */
  toggle(session: SessionView): Promise<void>;
  change(sessions: readonly SessionView[], changes: Record<string, unknown>): Promise<void>;
  openConsole(session: SessionView): Promise<void>;
  copyConsoleUrl(session: SessionView): Promise<void>;
  copyConfigEntry(session: SessionView): Promise<void>;
  copy(text: string, what: string): Promise<void>;
  signIn(integrationId: string): Promise<void>;
  signOut(integrationId: string): Promise<void>;
  sync(integrationId: string): Promise<void>;
}

/** Integrations that a click in this window is signing in to: the click is the answer to "may I open a page?". */
export const signingIn = new Set<string>();

/** At once; more would only queue up in the agent. */
const together = 4;

async function each<T>(list: readonly T[], run: (one: T) => Promise<void>): Promise<void> {
  const rest = [...list];
  const worker = async () => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) await run(one);
  };
  await Promise.all(Array.from({ length: Math.min(together, list.length) }, worker));
}

function createActions({ bridge, store }: Connections, ui: Ui): Actions {
  const fail = (
    title: string,
    error: unknown,
    about: { session?: SessionView; integrationId?: string; retry?: () => void },
  ) => {
    const failure = AgentError.of(error);
    if (failure.code === "refused") return;
    ui.say({
      tone: "error",
      title,
      detail: [failure.message, hintOf(failure)]
        .filter((text) => text !== undefined)
        .map(sentence)
        .join(". "),
      action: remedyFor(failure, about, { ui, actions }),
    });
  };
  const pending = (sessions: readonly SessionView[]) => {
    const ids = new Set(sessions.map((one) => one.id));
    store.assume("sessions", (all) =>
      all.map((one) => (ids.has(one.id) ? { ...one, status: "pending" } : one)),
    );
  };
  const tell = (notices: readonly string[]) => {
    for (const notice of notices) ui.say({ tone: "info", title: sentence(notice) });
  };

  const actions: Actions = {
    async start(sessions, replace) {
      const list = sessions.filter((one) => one.status === "inactive" || replace);
      pending(list);
      await each(list, async (session) => {
        try {
          tell((await bridge.call("session.start", { session: session.id, replace })).notices);
        } catch (error) {
          const retry = () => void actions.start([session], replace);
          fail(`${session.name} did not start`, error, { session, retry });
        }
      });
      await store.refresh("sessions");
    },
    async stop(sessions) {
      await each(
        sessions.filter((one) => one.status !== "inactive"),
        async (session) => {
          try {
            tell((await bridge.call("session.stop", { session: session.id })).notices);
          } catch (error) {
            fail(`${session.name} did not stop`, error, {
              session,
              retry: () => void actions.stop([session]),
            });
          }
        },
      );
      await store.refresh("sessions");
    },
    toggle: (session) => (session.status === "inactive" ? actions.start([session]) : actions.stop([session])),
    async change(sessions, changes) {
      await each(sessions, async (session) => {
        try {
          tell(
            (await bridge.call("session.edit", { session: session.id, changes: changes as never })).notices,
          );
        } catch (error) {
          fail(`${session.name} was not changed`, error, { session });
        }
      });
      await store.refresh("sessions");
    },
    async openConsole(session) {
      try {
        await bridge.call("credentials.console-url", { session: session.id, open: true });
        ui.say({ tone: "success", title: `Console of ${session.name} opened in your browser` });
      } catch (error) {
        const retry = () => void actions.openConsole(session);
        fail(`The console of ${session.name} did not open`, error, { session, retry });
      }
    },
    async copyConsoleUrl(session) {
      try {
        await bridge.shell("shell.copy-console-url", { session: session.id });
        ui.say({ tone: "success", title: "Console URL copied. Anyone who has it is signed in as you" });
      } catch (error) {
        fail("The console URL was not copied", error, { session });
      }
    },
    async copyConfigEntry(session) {
      try {
        const { text } = await bridge.call("session.config-entry", { session: session.id });
        await actions.copy(text, "Config entry");
      } catch (error) {
        fail("The config entry was not copied", error, { session });
      }
    },
    async copy(text, what) {
      try {
        await navigator.clipboard.writeText(text);
        ui.say({ tone: "success", title: `${what} copied` });
      } catch {
        ui.say({
          tone: "error",
          title: "Nothing was copied",
          detail: "This window may not use the clipboard.",
        });
      }
    },
    async signIn(integrationId) {
      const alias = aliasOf(store, integrationId);
      signingIn.add(integrationId);
      try {
        tell((await bridge.call("integration.login", { integration: integrationId })).notices);
        ui.say({ tone: "success", title: `Signed in to ${alias}` });
        const fresh = store.read("integrations").value?.find((one) => one.id === integrationId);
        if (fresh && !fresh.lastSyncAt) await actions.sync(integrationId);
      } catch (error) {
        const retry = () => void actions.signIn(integrationId);
        fail(`Not signed in to ${alias}`, error, { integrationId, retry });
      } finally {
        signingIn.delete(integrationId);
      }
      await store.refresh("integrations");
    },
    async signOut(integrationId) {
      try {
        tell((await bridge.call("integration.logout", { integration: integrationId })).notices);
      } catch (error) {
        fail(`Not signed out of ${aliasOf(store, integrationId)}`, error, { integrationId });
      }
      await store.refresh("integrations");
    },
    async sync(integrationId) {
      const alias = aliasOf(store, integrationId);
      store.assume("integrations", (all) =>
        all.map((one) => (one.id === integrationId ? { ...one, sync: { done: 0, total: 0 } } : one)),
      );
      signingIn.add(integrationId);
      try {
        const done = await bridge.call("integration.sync", { integration: integrationId });
        const parts = (["added", "updated", "removed"] as const)
          .filter((key) => done[key].length > 0)
          .map((key) => `${done[key].length} ${key}`);
        ui.say({ tone: "success", title: `${alias}: ${parts.join(", ") || "nothing new"}` });
        tell(done.notices);
      } catch (error) {
        const retry = () => void actions.sync(integrationId);
        fail(`${alias} was not synced`, error, { integrationId, retry });
      } finally {
        signingIn.delete(integrationId);
      }
      await store.refresh("integrations", "sessions");
    },
  };
  return actions;
}

const aliasOf = (store: Connections["store"], id: string): string =>
  store.read("integrations").value?.find((one) => one.id === id)?.alias ?? "the integration";

export function useActions(): Actions {
  const connections = useConnections();
  const ui = useUi();
  return useMemo(() => createActions(connections, ui), [connections, ui]);
}
