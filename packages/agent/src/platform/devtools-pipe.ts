/**
 * The Chrome DevTools Protocol over two inherited pipes (`--remote-debugging-pipe`): JSON texts, each ended by NUL,
 * to the browser's file descriptor 3 and from its 4. No other process can reach it, as one could reach a port.
 */
import type { Readable, Writable } from "node:stream";

export type Json = Record<string, any>;

export interface DevTools {
  /** @param session of a target that was attached to; absent: the browser itself. */
  send(method: string, params?: Json, session?: string): Promise<Json>;
  onEvent(listener: (method: string, params: Json, session: string | undefined) => void): void;
}

/** An answer larger than this is not the protocol's. */
const maxMessage = 64 * 1024 * 1024;

export function devTools(toBrowser: Writable, fromBrowser: Readable): DevTools {
  const waiting = new Map<number, { resolve(result: Json): void; reject(error: Error): void }>();
  const listeners = new Set<Parameters<DevTools["onEvent"]>[0]>();
  let parts: Buffer[] = [];
  let size = 0;
  let last = 0;
  let closed = false;

  function message(text: string): void {
    const { id, result, error, method, params, sessionId } = JSON.parse(text) as Json;
    if (id === undefined) {
      for (const listener of listeners) listener(method, params, sessionId);
      return;
    }
    const caller = waiting.get(id);
    waiting.delete(id);
    // The protocol's own sentence; it quotes method names at most.
    if (error) caller?.reject(new Error(`browser: ${error.message}`));
    else caller?.resolve(result);
  }

  function end(): void {
    closed = true;
    for (const { reject } of waiting.values()) reject(new Error("the browser is gone"));
    waiting.clear();
  }

  fromBrowser.on("data", (chunk: Buffer) => {
    let from = 0;
    for (let at = chunk.indexOf(0); at >= 0; at = chunk.indexOf(0, from)) {
      parts.push(chunk.subarray(from, at));
      message(Buffer.concat(parts).toString("utf8"));
      parts = [];
      size = 0;
      from = at + 1;
    }
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > maxMessage) fromBrowser.destroy();
  });
  for (const stream of [fromBrowser, toBrowser]) stream.on("close", end).on("error", end);

  return {
    send(method, params = {}, sessionId) {
      if (closed) return Promise.reject(new Error("the browser is gone"));
      const id = ++last;
      toBrowser.write(`${JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) })}\0`);
      return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
    },
    onEvent: (listener) => listeners.add(listener),
  };
}
