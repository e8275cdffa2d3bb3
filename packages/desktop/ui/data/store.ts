/** What the agent told us last, asked for again when it says that it changed. */
import { createContext, useCallback, useContext, useEffect, useSyncExternalStore } from "react";
import type { Result, SyncProgress, Topic } from "../../../agent/src/protocol.ts";
import type { WindowMethod } from "../../contract.ts";
import { AgentError, type Bridge } from "../bridge/bridge.ts";

/** Each list the screens show: how to ask for it, and what makes it stale. */
const sources = {
  sessions: { method: "session.list", topics: ["sessions"] },
  integrations: { method: "integration.list", topics: ["integrations"] },
  idpUrls: { method: "idp-url.list", topics: ["integrations"] },
  profiles: { method: "profile.list", topics: ["profiles", "sessions"] },
  settings: { method: "settings.list", topics: ["settings"] },
  preferences: { method: "preferences.list", topics: ["preferences"] },
  vault: { method: "vault.status", topics: ["vault", "sessions"] },
  regions: { method: "region.list", topics: [] },
  prompts: { method: "prompt.list", topics: [] },
  commandLine: { method: "command-line.status", topics: [] },
  candidates: { method: "import.scan", topics: [] },
  status: { method: "agent.status", topics: ["sessions"] },
} as const satisfies Record<string, { method: WindowMethod; topics: readonly Topic[] }>;

export type Resource = keyof typeof sources;
export type Value<R extends Resource> = Result<(typeof sources)[R]["method"]>;

export interface Snapshot<T> {
  /** The last answer; it stays while a newer one is on its way, and when that one fails. */
  value: T | undefined;
  error: AgentError | undefined;
}

interface Entry {
  snapshot: Snapshot<unknown>;
  listeners: Set<() => void>;
  /** The question that is under way. */
  asking: Promise<void> | undefined;
  /** Changed again while we were asking. */
  stale: boolean;
}

export interface Store {
  read<R extends Resource>(resource: R): Snapshot<Value<R>>;
  subscribe(resource: Resource, listener: () => void): () => void;
  refresh(...resources: Resource[]): Promise<void>;
  /** Shows what is about to be true before the agent confirms it. */
  assume<R extends Resource>(resource: R, change: (value: Value<R>) => Value<R>): void;
  connection: { read(): "open" | "lost"; subscribe(listener: () => void): () => void };
}

export function createStore(bridge: Bridge): Store {
  const entries = new Map<Resource, Entry>();
  const connectionListeners = new Set<() => void>();
  let connection: "open" | "lost" = "open";

  const entryOf = (resource: Resource): Entry => {
    let entry = entries.get(resource);
    if (!entry) {
      entry = {
        snapshot: { value: undefined, error: undefined },
        listeners: new Set(),
        asking: undefined,
        stale: false,
      };
      entries.set(resource, entry);
    }
    return entry;
  };
  const put = (entry: Entry, snapshot: Snapshot<unknown>) => {
    entry.snapshot = snapshot;
    for (const listener of entry.listeners) listener();
  };
  const ask = async (resource: Resource, entry: Entry): Promise<void> => {
    do {
      entry.stale = false;
      try {
        const value = await bridge.call(sources[resource].method, {});
        put(entry, { value, error: undefined });
      } catch (error) {
        put(entry, { value: entry.snapshot.value, error: AgentError.of(error) });
      }
    } while (entry.stale);
    entry.asking = undefined;
  };
  /** Resolves when the list is at least as new as this call. */
  const refresh = (resource: Resource): Promise<void> => {
    const entry = entryOf(resource);
    if (entry.asking) entry.stale = true;
    else entry.asking = ask(resource, entry);
    return entry.asking;
  };
  const refreshShown = (wanted: (resource: Resource) => boolean) => {
    for (const [resource, entry] of entries)
      if (entry.listeners.size > 0 && wanted(resource)) void refresh(resource);
  };

  bridge.on((event) => {
    switch (event.event) {
      case "changed":
        refreshShown((resource) => sources[resource].topics.some((topic) => event.data.includes(topic)));
        break;
      case "prompt":
      case "prompt-closed":
        void refresh("prompts");
        break;
      case "sync-progress":
        assume("integrations", (list) => withProgress(list, event.data));
        break;
      case "connection":
        if (connection === event.data) break;
        connection = event.data;
        for (const listener of connectionListeners) listener();
        if (connection === "open") refreshShown(() => true);
    }
  });

  function assume<R extends Resource>(resource: R, change: (value: Value<R>) => Value<R>): void {
    const entry = entryOf(resource);
    if (entry.snapshot.value === undefined) return;
    put(entry, { value: change(entry.snapshot.value as Value<R>), error: undefined });
  }

  return {
    read: (resource) => entryOf(resource).snapshot as never,
    subscribe(resource, listener) {
      const entry = entryOf(resource);
      if (entry.listeners.size === 0 && !entry.asking) void refresh(resource);
      entry.listeners.add(listener);
      return () => entry.listeners.delete(listener);
    },
    refresh: async (...resources) => {
      await Promise.all(resources.map(refresh));
    },
    assume,
    connection: {
      read: () => connection,
      subscribe(listener) {
        connectionListeners.add(listener);
        return () => connectionListeners.delete(listener);
      },
    },
  };
}

const withProgress = (list: Value<"integrations">, progress: SyncProgress & { integrationId: string }) =>
  list.map((one) =>
    one.id === progress.integrationId
      ? { ...one, sync: progress.total > 0 && progress.done >= progress.total ? undefined : progress }
      : one,
  );

export interface Connections {
  bridge: Bridge;
  store: Store;
}
export const ConnectionsContext = createContext<Connections | undefined>(undefined);

export function useConnections(): Connections {
  const connections = useContext(ConnectionsContext);
  if (!connections) throw new Error("no connection above this component");
  return connections;
}
export const useBridge = (): Bridge => useConnections().bridge;

/** The list, and the last failure to get it. Asked for when the first component shows it. */
export function useResource<R extends Resource>(resource: R): Snapshot<Value<R>> {
  const { store } = useConnections();
  const subscribe = useCallback((run: () => void) => store.subscribe(resource, run), [store, resource]);
  return useSyncExternalStore(subscribe, () => store.read(resource));
}

export function useConnection(): "open" | "lost" {
  const { store } = useConnections();
  return useSyncExternalStore(store.connection.subscribe, store.connection.read);
}

/** Runs on each event of the agent that `run` wants to hear of. */
export function useAgentEvent(run: Parameters<Bridge["on"]>[0]): void {
  const bridge = useBridge();
  useEffect(() => bridge.on(run), [bridge, run]);
}
