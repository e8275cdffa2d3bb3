import { LeappError, type ErrorCode } from "../errors.ts";
import type { Region } from "../model.ts";
import type { Wire, WireReply } from "./http.ts";

/** The service's own reason, where the caller acts on it. */
export type SsoReason =
  /** OIDC: the person has not answered yet. */
  | "pending"
  /** OIDC: polled too fast. */
  | "slow-down"
  /** OIDC: the device code or the code's time is over. */
  | "expired"
  /** OIDC: the code or refresh token is unknown, used or revoked. */
  | "invalid-grant"
  /** OIDC: the client registration is unknown or over. */
  | "invalid-client"
  /** The person said no. */
  | "denied"
  /** Portal: the access token is dead. */
  | "token-dead"
  /** Portal: the person has no such account or role. */
  | "forbidden"
  | "throttled"
  | "unwell"
  | "other";

const inAMinute = "try again in a minute";
const signInAgain = "run: leapp integration login";

/** What helps, for the person. */
const hints: Partial<Record<SsoReason, string>> = {
  expired: "run the command again",
  "invalid-grant": signInAgain,
  "invalid-client": signInAgain,
  "token-dead": signInAgain,
  forbidden: "ask whoever assigns accounts and roles",
  throttled: inAMinute,
  unwell: inAMinute,
  other: "is its start url or region wrong? run: leapp integration edit",
};

/** IAM Identity Center said no. */
export class SsoError extends LeappError {
  readonly reason: SsoReason;
  /** Milliseconds the server asks to wait, from Retry-After. */
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, reason: SsoReason, retryAfter?: number) {
    super(code, message, { hint: hints[reason] });
    this.reason = reason;
    this.retryAfter = retryAfter;
  }
}

interface SsoCall {
  service: "sso" | "ssoOidc";
  region: Region;
  method: "GET" | "POST";
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  /** SSO access token, sent in the header the portal wants. */
  accessToken?: string;
  signal?: AbortSignal;
}

/**
 * One unsigned JSON call, tried once. Plain requests instead of the SDK's two SSO clients: seven operations
 * without a signature, whose retries would work against our pacing and spend a refresh token twice.
 * @throws SsoError for AWS's refusals, LeappError `network` where something else or nobody answered.
 */
export async function callSso(wire: Wire, call: SsoCall): Promise<Record<string, unknown>> {
  const { service, method, signal } = call;
  const url = new URL(wire.endpoint(service, call.region) + call.path);
  url.search = new URLSearchParams(call.query).toString();
  const headers: Record<string, string> = { accept: "application/json" };
  if (call.body !== undefined) headers["content-type"] = "application/json";
  if (call.accessToken) headers["x-amz-sso_bearer_token"] = call.accessToken;
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  const reply = await wire.fetch(url.href, { method, headers, body, signal });

  const good = reply.status >= 200 && reply.status < 300;
  if (good && reply.body.trim() === "") return {};
  const json = parse(reply.body);
  if (json && good) return json;
  const fromAws =
    json || reply.headers.has("x-amzn-errortype") || reply.status === 429 || reply.status >= 500;
  if (fromAws) throw refusal(service, reply, json ?? {});
  throw new LeappError("network", `${url.host} answered with something that is not AWS's`, {
    hint: "is a proxy or sign-in page in between?",
  });
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** AWS's exception name without its suffix, or OAuth's `error`, in one spelling: `invalidgrant`. */
function errorName(headers: Headers, json: Record<string, unknown>): string {
  const header = headers.get("x-amzn-errortype")?.split(":")[0];
  const name = header || json.__type || json.error;
  return String(name ?? "")
    .replace(/^.*#/, "")
    .replace(/Exception$/, "")
    .replace(/[_\s]/g, "")
    .toLowerCase();
}

const oidcRefusals: Record<string, [ErrorCode, SsoReason, string]> = {
  authorizationpending: ["sign-in-needed", "pending", "the sign-in is not finished yet"],
  slowdown: ["aws-unavailable", "slow-down", "iam identity center asks for slower polling"],
  expiredtoken: ["timed-out", "expired", "the sign-in was not finished in time"],
  invalidgrant: [
    "sign-in-needed",
    "invalid-grant",
    "iam identity center does not accept the sign-in any more",
  ],
  invalidclient: [
    "sign-in-needed",
    "invalid-client",
    "iam identity center does not know this registration of leapp",
  ],
  unauthorizedclient: [
    "sign-in-needed",
    "invalid-client",
    "iam identity center does not know this registration of leapp",
  ],
  accessdenied: ["refused", "denied", "the sign-in was refused"],
  invalidrequestregion: ["invalid", "other", "this start url belongs to another region"],
};

function refusal(
  service: SsoCall["service"],
  { status, headers }: WireReply,
  json: Record<string, unknown>,
): SsoError {
  const name = errorName(headers, json);
  if (status === 429 || name === "toomanyrequests") {
    return new SsoError(
      "aws-unavailable",
      "iam identity center throttles this sign-in (too many requests)",
      "throttled",
      retryAfter(headers),
    );
  }
  if (status >= 500) {
    const message = `iam identity center is unwell (http ${status})`;
    return new SsoError("aws-unavailable", message, "unwell", retryAfter(headers));
  }
  const known = service === "ssoOidc" ? oidcRefusals[name] : undefined;
  if (known) return new SsoError(known[0], known[2], known[1]);
  const said = words(json.error_description ?? json.message ?? json.Message);
  if (service === "sso" && (status === 401 || name === "unauthorized")) {
    return new SsoError(
      "sign-in-needed",
      "iam identity center does not accept the access token",
      "token-dead",
    );
  }
  if (service === "sso" && (status === 403 || name === "forbidden" || name === "resourcenotfound")) {
    return new SsoError("access-denied", `iam identity center said no${said && `: ${said}`}`, "forbidden");
  }
  const code: ErrorCode = status === 400 ? "invalid" : status === 403 ? "access-denied" : "aws-unavailable";
  const label = said || name || `http ${status}`;
  return new SsoError(code, `iam identity center refused the request: ${label}`, "other");
}

/** AWS's sentence in our form: one line, no full stop, bounded. It holds no secret of the request. */
function words(value: unknown): string {
  if (typeof value !== "string") return "";
  const line = value.replace(/[\u0000-\u001f\u007f]+/g, " ").trim();
  return line.replace(/\.$/, "").slice(0, 200);
}

/** Retry-After in milliseconds; seconds or a date (RFC 9110 10.2.3), at most two minutes. */
function retryAfter(headers: Headers): number | undefined {
  const value = headers.get("retry-after");
  if (!value) return undefined;
  const seconds = Number(value);
  const date = headers.get("date");
  const wait = Number.isFinite(seconds)
    ? seconds * 1000
    : Date.parse(value) - (date ? Date.parse(date) : Number.NaN);
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), 120_000) : undefined;
}
