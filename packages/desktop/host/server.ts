/**
 * The window's server: loopback only, for one person and one window. Five guards, each enough for most
 * attacks: the peer is this user (Linux), Host and Origin are ours, a cookie that only the holder of a one-time
 * ticket gets, an allow-list of methods, and no method that returns a credential.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { LeappError } from "../../core/src/errors.ts";
import { isAllowed, type WindowEvent } from "../contract.ts";
import type { Asset } from "./assets.ts";
import { ownerOfConnection } from "./peer.ts";

export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const headers = {
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=(), clipboard-read=()",
  "cache-control": "no-store",
};

const cookieName = "leapp";
/** A ticket is good for one exchange within this time. */
const ticketLife = 60_000;
const maxBody = 1024 * 1024;
/** A comment line at this pace lets a dead page be noticed. */
const heartbeat = 15_000;

export interface Gateway {
  /** @throws LeappError whatever the agent or the shell answers. */
  call(method: string, params: unknown): Promise<unknown>;
  on(listener: (event: WindowEvent) => void): () => void;
}

export interface WindowServer {
  /** `http://127.0.0.1:PORT` */
  origin: string;
  /** The address of a new window; its ticket works once. */
  address(): string;
  close(): void;
}

interface Options {
  assets: ReadonlyMap<string, Asset>;
  gateway: Gateway;
  /** How many pages are open now; called on each change. */
  onPages(count: number): void;
  /** A ticket came twice: somebody else has seen it. Every cookie is void by then. */
  onTheft(): void;
  now(): number;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Resolves when it listens. */
export async function serveWindow({
  assets,
  gateway,
  onPages,
  onTheft,
  now,
}: Options): Promise<WindowServer> {
  /** Digest of a ticket in hex, with the end of its life; a used one stays, so that a second use is noticed. */
  const tickets = new Map<string, { until: number; used: boolean }>();
  const cookies: Buffer[] = [];
  const pages = new Set<ServerResponse>();
  let host = "";

  const isSignedIn = (request: IncomingMessage): boolean => {
    const value = /(?:^|;\s*)leapp=([A-Za-z0-9_-]+)/.exec(request.headers.cookie ?? "")?.[1];
    if (!value) return false;
    const given = digest(value);
    return cookies.some((known) => timingSafeEqual(known, given));
  };

  const enter = (body: unknown, response: ServerResponse) => {
    const given = (body as { ticket?: unknown })?.ticket;
    const ticket = typeof given === "string" ? tickets.get(digest(given).toString("hex")) : undefined;
    if (ticket?.used) {
      cookies.length = 0;
      for (const page of pages) page.end();
      onTheft();
    }
    if (!ticket || ticket.used || now() > ticket.until) return plain(response, 401, "this link is not valid");
    ticket.used = true;
    const cookie = randomBytes(32).toString("base64url");
    cookies.push(digest(cookie));
    response.setHeader("set-cookie", `${cookieName}=${cookie}; HttpOnly; SameSite=Strict; Path=/`);
    response.writeHead(204).end();
  };

  const rpc = async (body: unknown, response: ServerResponse) => {
    const { method, params } = (body ?? {}) as { method?: unknown; params?: unknown };
    const allowed = typeof method === "string" && (method.startsWith("shell.") || isAllowed(method, params));
    if (!allowed) return json(response, 403, { error: { code: "refused", message: "not for a window" } });
    try {
      json(response, 200, { result: (await gateway.call(method as string, params)) ?? null });
    } catch (error) {
      json(response, 200, { error: LeappError.of(error).toJSON() });
    }
  };

  const stream = (response: ServerResponse) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (event: WindowEvent) => response.write(`data: ${JSON.stringify(event)}\n\n`);
    const end = gateway.on(send);
    const beat = setInterval(() => response.write(":\n\n"), heartbeat);
    pages.add(response);
    onPages(pages.size);
    send({ event: "connection", data: "open" });
    response.on("close", () => {
      end();
      clearInterval(beat);
      pages.delete(response);
      onPages(pages.size);
    });
  };

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const path = request.url ?? "";
    const origin = request.headers.origin;
    const site = request.headers["sec-fetch-site"];
    // A page under another name that resolves to 127.0.0.1 sends its own name here.
    if (request.headers.host !== host) return plain(response, 421, "wrong host");
    if (origin !== undefined && origin !== `http://${host}`) return plain(response, 403, "wrong origin");
    if (site !== undefined && site !== "same-origin" && site !== "none")
      return plain(response, 403, "wrong origin");
    if (request.method === "GET") {
      const asset = assets.get(path);
      if (asset) return void response.writeHead(200, { "content-type": asset.type }).end(asset.body);
      if (path !== "/events") return plain(response, 404, "nothing here");
      return isSignedIn(request) ? stream(response) : plain(response, 401, "no cookie");
    }
    if (request.method !== "POST") return plain(response, 405, "GET or POST");
    // Browsers always send it with a POST; what sends none is not our page.
    if (origin === undefined) return plain(response, 403, "no origin");
    if (request.headers["content-type"] !== "application/json") return plain(response, 415, "JSON only");
    if (path !== "/enter" && path !== "/rpc") return plain(response, 404, "nothing here");
    if (path === "/rpc" && !isSignedIn(request)) return plain(response, 401, "no cookie");
    const body = await readJson(request);
    if (body === undefined) return plain(response, 400, "not JSON");
    return path === "/enter" ? enter(body, response) : rpc(body, response);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => {
      if (response.headersSent) response.end();
      else plain(response, 500, "something went wrong inside leapp");
    });
  });
  server.on("connection", (socket: Socket) => {
    const owner = ownerOfConnection(socket);
    if (owner !== undefined && owner !== process.getuid?.()) socket.destroy();
  });
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen(0, "127.0.0.1", listening);
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  host = `127.0.0.1:${bound.port}`;

  return {
    origin: `http://${host}`,
    address() {
      const ticket = randomBytes(32).toString("base64url");
      tickets.set(digest(ticket).toString("hex"), { until: now() + ticketLife, used: false });
      // In the fragment, which no browser sends anywhere and no history of ours keeps.
      return `http://${host}/#${ticket}`;
    },
    close() {
      for (const page of pages) page.end();
      server.close();
      server.closeAllConnections();
    },
  };
}

function plain(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" })
    .end(`${text}\n`);
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** Undefined for what is too long or no JSON. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > maxBody) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return undefined;
  }
}
