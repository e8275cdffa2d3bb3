/** Line-based sockets over Bun's native ones: node:net costs 7 ms more at start (docs/decisions/0001). */
import type { Socket } from "bun";
import { chmodSync } from "node:fs";
import { peerOf } from "./process.ts";

/** One connection, as lines. */
export interface Line {
  /** Queues text; what the kernel does not take at once is sent when it drains. */
  send(text: string): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Process id of the other end, where the system tells. */
  readonly pid: number | undefined;
}

export interface LineHandler {
  line(text: string): void;
  close(): void;
}

interface State {
  handler: LineHandler | undefined;
  received: string;
  outgoing: Uint8Array[];
  ending: boolean;
  decoder: TextDecoder;
}

const encoder = new TextEncoder();
const freshState = (handler?: LineHandler): State => ({
  handler,
  received: "",
  outgoing: [],
  ending: false,
  decoder: new TextDecoder(),
});

function flush(socket: Socket<State>): void {
  const state = socket.data;
  for (let next = state.outgoing[0]; next; next = state.outgoing[0]) {
    const sent = Math.max(0, socket.write(next));
    if (sent < next.length) {
      state.outgoing[0] = next.subarray(sent);
      return;
    }
    state.outgoing.shift();
  }
  if (state.ending) socket.end();
}

function lineOf(socket: Socket<State>, pid: number | undefined): Line {
  return {
    pid,
    send(text) {
      if (socket.data.ending) return;
      socket.data.outgoing.push(encoder.encode(text));
      if (socket.data.outgoing.length === 1) flush(socket);
    },
    end() {
      socket.data.ending = true;
      flush(socket);
    },
  };
}

function receive(socket: Socket<State>, bytes: Uint8Array, maxLine: number): void {
  const state = socket.data;
  const chunk = state.decoder.decode(bytes, { stream: true });
  let text = state.received + chunk;
  // Only then looked into: joining the pieces of a line of megabytes again for each of them would take long.
  if (chunk.includes("\n")) {
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      state.handler?.line(line);
    }
  }
  state.received = text;
  if (text.length > maxLine) socket.terminate();
}

/**
 * Listens on a unix socket, mode 0600. A peer of another user is cut off before a byte
 * is read; where the system cannot tell, the folder's mode is the guard.
 */
export function listenLines(
  path: string,
  maxLine: number,
  accept: (line: Line) => LineHandler,
): { stop(): void } {
  const uid = process.getuid?.();
  const listener = Bun.listen<State>({
    unix: path,
    socket: {
      open(socket) {
        socket.data = freshState();
        const peer = peerOf((socket as unknown as { fd: number }).fd);
        if (peer && uid !== undefined && peer.uid !== uid) {
          socket.terminate();
          return;
        }
        socket.data.handler = accept(lineOf(socket, peer?.pid));
      },
      data: (socket, bytes) => receive(socket, bytes, maxLine),
      drain: flush,
      close: (socket) => socket.data.handler?.close(),
      error: (socket) => {
        socket.terminate();
      },
    },
  });
  // A socket is made with mode 0777 less the umask.
  if (process.platform !== "win32") chmodSync(path, 0o600);
  return { stop: () => listener.stop(false) };
}

/** Connects. Rejects when nobody listens; the error's `code` is ENOENT or ECONNREFUSED then. */
export async function connectLines(path: string, maxLine: number, handler: LineHandler): Promise<Line> {
  const socket = await Bun.connect<State>({
    unix: path,
    data: freshState(handler),
    socket: {
      data: (opened, bytes) => receive(opened, bytes, maxLine),
      drain: flush,
      close: () => handler.close(),
      error: (opened) => {
        opened.terminate();
      },
      connectError() {},
    },
  });
  return lineOf(socket, undefined);
}
