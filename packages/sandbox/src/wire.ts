/** What every service of the sandbox shares: a request, a reply, a refusal, and AWS's ways of writing them. */
import { createHash, randomUUID, timingSafeEqual } from "node:crypto";

export interface WireRequest {
  method: string;
  /** As sent, still encoded. */
  path: string;
  /** Without the question mark, as sent. */
  rawQuery: string;
  query: URLSearchParams;
  /** Names in lower case; repeated headers joined by a comma. */
  headers: Record<string, string>;
  body: Buffer;
}

export interface WireReply {
  status: number;
  headers?: Record<string, string>;
  body: string;
}

/** AWS says no. Each service writes it in its own protocol. */
export class Refusal extends Error {
  readonly code: string;
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(code: string, message: string, status = 400, headers: Record<string, string> = {}) {
    super(message);
    this.name = "Refusal";
    this.code = code;
    this.status = status;
    this.headers = headers;
  }
}

/** One reply in the making: who asked and under which id. */
export interface Call {
  action: string;
  requestId: string;
  /** ARN of the caller, once it is proven. */
  identity?: string;
}

/** How one operation is answered, and how its service words a refusal. */
export interface Route {
  action: string;
  /** @throws Refusal */
  answer(call: Call): WireReply;
  refuse(error: Refusal, call: Call): WireReply;
}

export const newCall = (action: string): Call => ({ action, requestId: randomUUID() });

/** The fields of a form body, or of the query where the body is empty (AWS's query protocol takes both). */
export function formOf(request: WireRequest): URLSearchParams {
  return request.body.length > 0 ? new URLSearchParams(request.body.toString("utf8")) : request.query;
}

export function jsonOf(request: WireRequest): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(request.body.toString("utf8") || "{}");
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Answered below, in the same words.
  }
  throw new Refusal("InvalidRequestException", "the body is not a JSON object");
}

export const json = (value: unknown, status = 200, headers: Record<string, string> = {}): WireReply => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(value),
});

export const page = (html: string, status = 200): WireReply => ({
  status,
  headers: {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
  },
  body: html,
});

export const redirect = (location: string): WireReply => ({ status: 302, headers: { location }, body: "" });

export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** `undefined` is left out, an array becomes `<member>`s, an object nests. */
export type XmlValue = string | number | boolean | undefined | XmlValue[] | { [name: string]: XmlValue };

export function xml(name: string, value: XmlValue, attributes = ""): string {
  if (value === undefined) return "";
  let inner: string;
  if (Array.isArray(value)) inner = value.map((item) => xml("member", item)).join("");
  else if (typeof value === "object") {
    inner = Object.entries(value)
      .map(([key, item]) => xml(key, item))
      .join("");
  } else inner = escapeMarkup(String(value));
  return `<${name}${attributes}>${inner}</${name}>`;
}

export const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");

/** Compares digests, so that neither content nor length shows in the time taken. */
export function sameText(left: string, right: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

/** `2026-11-22T20:00:00Z` of epoch milliseconds. */
export const isoSeconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** `20261122T200000Z` of epoch milliseconds. */
export const basicIso = (ms: number): string => isoSeconds(ms).replace(/[-:]/g, "");
