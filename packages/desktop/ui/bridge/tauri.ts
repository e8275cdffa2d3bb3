/** The bridge of the native window: one command and one event of the shell, no network. */
import type { WindowEvent } from "../../contract.ts";
import { AgentError, type Bridge } from "./bridge.ts";

interface Internals {
  invoke(command: string, parameters: unknown): Promise<unknown>;
  transformCallback(run: (message: { payload: WindowEvent }) => void): number;
}

declare global {
  interface Window {
    __TAURI_INTERNALS__?: Internals;
  }
}

/** @throws AgentError from each call, with the agent's own words. */
export async function tauriBridge(internals: Internals): Promise<Bridge> {
  const listeners = new Set<(event: WindowEvent) => void>();
  const handler = internals.transformCallback(({ payload }) => {
    for (const listener of listeners) listener(payload);
  });
  await internals.invoke("plugin:event|listen", { event: "agent", target: { kind: "Any" }, handler });

  const rpc = async (method: string, params: unknown): Promise<unknown> => {
    const answer = (await internals.invoke("rpc", { method, params })) as {
      result?: unknown;
      error?: ConstructorParameters<typeof AgentError>[0];
    };
    if (answer.error) throw new AgentError(answer.error);
    return answer.result;
  };
  return {
    call: (method, params) => rpc(method, params) as never,
    shell: (method, params) => rpc(method, params) as never,
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
