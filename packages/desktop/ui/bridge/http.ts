/** The bridge of an app-mode window: packages/desktop/host on the same origin, told apart by a cookie. */
import type { WindowEvent } from "../../contract.ts";
import { AgentError, type Bridge } from "./bridge.ts";

/** Exchanges the one-time token of the address for the cookie, and takes it out of the address. */
async function enter(): Promise<void> {
  const ticket = location.hash.slice(1);
  if (!ticket) return;
  history.replaceState(null, "", "/");
  const answer = await fetch("/enter", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ticket }),
  });
  if (!answer.ok)
    throw new AgentError({
      code: "refused",
      message: "this link was used already",
      hint: "run: leapp desktop",
    });
}

/** @throws AgentError when the address holds no valid token and there is no cookie either. */
export async function httpBridge(): Promise<Bridge> {
  await enter();
  const listeners = new Set<(event: WindowEvent) => void>();
  const tell = (event: WindowEvent) => {
    for (const listener of listeners) listener(event);
  };

  const post = async (method: string, params: unknown): Promise<unknown> => {
    let answer: Response;
    try {
      answer = await fetch("/rpc", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ method, params }),
      });
    } catch {
      throw new AgentError({
        code: "agent-unavailable",
        message: "the program behind this window has ended",
        hint: "run: leapp desktop",
      });
    }
    if (answer.status === 401)
      throw new AgentError({
        code: "refused",
        message: "this window is not signed in to leapp any more",
        hint: "run: leapp desktop",
      });
    const body = await answer.json();
    if (body.error) throw new AgentError(body.error);
    return body.result;
  };

  // The first call proves the cookie; an EventSource alone would only retry in silence.
  await post("shell.info", {});
  const events = new EventSource("/events");
  events.onmessage = (message) => tell(JSON.parse(message.data));
  events.onerror = () => tell({ event: "connection", data: "lost" });

  return {
    call: (method, params) => post(method, params) as never,
    shell: (method, params) => post(method, params) as never,
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
