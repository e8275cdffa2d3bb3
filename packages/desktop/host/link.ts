/** The one connection of a window to the agent; it comes back by itself when the agent restarts. */
import { type AgentClient, connectAgent } from "../../agent/src/client.ts";
import type { WindowEvent } from "../contract.ts";

/** Milliseconds between attempts, the last one repeated. */
const pauses = [100, 300, 1_000, 2_000];

export interface Link {
  /** Waits for a connection that is being made anew. */
  call: AgentClient["call"];
  on(listener: (event: WindowEvent) => void): () => void;
  close(): void;
}

/** @throws LeappError `agent-unavailable` when the agent cannot be reached at first. */
export async function linkToAgent(env: Record<string, string | undefined>): Promise<Link> {
  const listeners = new Set<(event: WindowEvent) => void>();
  const tell = (event: WindowEvent) => {
    for (const listener of listeners) listener(event);
  };
  let closed = false;
  let current: Promise<AgentClient>;

  const connect = async (): Promise<AgentClient> => {
    const client = await connectAgent({ env, kind: "app", interactive: true });
    client.on(tell);
    client.onClose(() => {
      if (closed) return;
      tell({ event: "connection", data: "lost" });
      current = again();
      current.catch(() => {});
    });
    await client.call("subscribe", {});
    return client;
  };
  const again = async (): Promise<AgentClient> => {
    for (let attempt = 0; ; attempt++) {
      await new Promise((resume) => setTimeout(resume, pauses[Math.min(attempt, pauses.length - 1)]));
      try {
        const client = await connect();
        tell({ event: "connection", data: "open" });
        return client;
      } catch (error) {
        if (closed) throw error;
      }
    }
  };

  current = connect();
  await current;
  return {
    call: async (method, params) => (await current).call(method, params),
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      closed = true;
      current.then(
        (client) => client.close(),
        () => {},
      );
    },
  };
}
