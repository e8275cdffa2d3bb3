/**
 * What a failed AWS call means, in plain words. Nothing of the request gets in here, and AWS's own sentence only
 * with the codes that say so: that of a signature error may quote the signed headers, session token included.
 */
import { type ErrorCode, LeappError } from "../errors.ts";
import type { WireReply } from "./http.ts";

/** AWS's code for an SDK error; undefined for everything else, such as an answer that is no AWS error. */
export function awsCode(error: unknown): string | undefined {
  // The SDK marks what it read from an error document so.
  if (!(error instanceof Error) || !("$fault" in error)) return undefined;
  const { Code: code = error.name } = error as { Code?: unknown };
  return typeof code === "string" && /^(?!Unknown)[A-Z][\w.]{3,63}$/.test(code) ? code : undefined;
}

/** AWS's own sentence on one line, cut, without anything that could be a key or a token. */
export function awsMessage(error: unknown): string {
  const flat = String((error as { message?: unknown }).message ?? "").replace(/[\s\p{C}]+/gu, " ");
  const clean = flat
    .replace(/eyJ[\w.=-]{16,}/g, "...")
    .replace(/(?<![\w/+=:.-])[A-Za-z0-9/+=]{32,}/g, "...")
    .trim()
    .replace(/(?<!\.)\.$/, "");
  return clean.length > 240 ? `${clean.slice(0, 237)}...` : clean;
}

const throttled = /Throttl|TooManyRequests|SlowDown|RequestLimitExceeded/;
const unwell =
  /^(InternalFailure|InternalServer|ServiceUnavailable|ServiceFailure|RequestTimeout|IDPCommunication)/;

/** Throttles, server faults and connections cut half-way may go better the next time. */
export function mayTryAgain(error: unknown, reply: WireReply | undefined): boolean {
  const code = awsCode(error) ?? "";
  if (throttled.test(code) || unwell.test(code)) return true;
  if (reply) return reply.status >= 500 || reply.status === 429;
  return /^(ECONNRESET|EPIPE|TimeoutError)$/.test(
    networkCode((error as { cause?: unknown } | undefined)?.cause),
  );
}

export interface Failed {
  /** The operation, such as `AssumeRole`. */
  action: string;
  host: string;
  reply: WireReply | undefined;
  /** Milliseconds that the server's clock is ahead of ours. */
  skew: number | undefined;
}

/** Every failure as a LeappError; the cause keeps AWS's code, HTTP status and request id, nothing more. */
export function explain(error: unknown, { action, host, reply, skew }: Failed): LeappError {
  if (error instanceof LeappError || !reply) return LeappError.of(error);
  const { status } = reply;
  const code = awsCode(error);
  const request = reply.headers.get("x-amzn-requestid") ?? "?";
  const cause = new Error(
    `${action} at ${host}: ${code ?? "no AWS code"}, HTTP ${status}, request ${request}`,
  );
  const is = (kind: ErrorCode, message: string, hint: string) =>
    new LeappError(kind, message, { hint, cause });

  if (code && isSkew(error, code, skew)) {
    return clockSkew(skew, cause);
  }
  if (status === 429 || (code && throttled.test(code))) {
    return is("aws-unavailable", `AWS throttles ${action} (${code ?? "HTTP 429"})`, "try again in a minute");
  }
  if (status >= 500 || (code && unwell.test(code))) {
    return is("aws-unavailable", `${host} is unwell (${code ?? `HTTP ${status}`})`, "try again in a minute");
  }
  if (!code) {
    const what = status < 300 ? "something that is not AWS's" : `HTTP ${status} and no AWS error`;
    return is("network", `${host} answered with ${what}`, "check for a proxy or sign-in page in between");
  }
  const row = meanings.find(({ codes }) => codes.test(code));
  if (!row)
    return is(
      "access-denied",
      `AWS refused ${action} (${code}): ${awsMessage(error)}`,
      "see AWS's own words",
    );
  return is(row.kind, `${row.message} (${code})${row.quote ? `: ${awsMessage(error)}` : ""}`, row.hint);
}

interface Meaning {
  codes: RegExp;
  kind: ErrorCode;
  message: string;
  hint: string;
  /** AWS's own sentence helps and cannot hold anything secret. */
  quote?: boolean;
}

/** What AWS's codes mean whatever the operation. */
const meanings: Meaning[] = [
  {
    codes: /^(InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId|AuthFailure)/,
    kind: "keys-rejected",
    message: "AWS does not know these access keys",
    hint: "they are inactive, deleted, mistyped or of another partition; run: leapp session edit",
  },
  {
    codes: /^(SignatureDoesNotMatch|InvalidSignature|IncompleteSignature|MissingAuthenticationToken)/,
    kind: "keys-rejected",
    message: "AWS does not accept the secret access key",
    hint: "run: leapp session edit SESSION --secret-access-key-stdin",
  },
  {
    codes: /^ExpiredToken/,
    kind: "keys-rejected",
    message: "AWS says that the credentials used have expired",
    hint: "run the command again",
  },
  {
    codes: /^RegionDisabled/,
    kind: "invalid",
    message: "AWS STS is not active in this session's region",
    hint: "activate it in the account's settings or run: leapp session change-region",
  },
  {
    codes: /^(MalformedPolicyDocument|PackedPolicyTooLarge)/,
    kind: "invalid",
    message: "AWS does not take the session's policy or tags",
    hint: "run: leapp session edit",
    quote: true,
  },
  {
    codes: /^(Validation|InvalidParameter|MissingParameter|InvalidInput|InvalidRequest)/,
    kind: "invalid",
    message: "AWS does not take a value of this session",
    hint: "run: leapp session edit",
    quote: true,
  },
  {
    codes: /^(AccessDenied|Unauthorized|NotAuthorized|Forbidden|OptInRequired)/,
    kind: "access-denied",
    message: "AWS denied access",
    hint: "ask whoever manages the account's policies",
    quote: true,
  },
];

function isSkew(error: unknown, code: string, skew: number | undefined): boolean {
  if (/^(RequestExpired|RequestTimeTooSkewed|RequestInTheFuture)/.test(code)) return true;
  // AWS has one code for a wrong secret and for a wrong date, and tells them apart in its sentence only.
  if (!/^(SignatureDoesNotMatch|InvalidSignature)/.test(code)) return false;
  return /signature expired|not yet current/i.test(String((error as Error).message)) || isLarge(skew);
}

/** AWS takes a signature up to five minutes off. */
const isLarge = (skew: number | undefined) => skew !== undefined && Math.abs(skew) > 300_000;

/** `skew`: milliseconds that AWS's clock is ahead of ours, where that is known. */
export const clockSkew = (skew: number | undefined, cause?: Error): LeappError =>
  new LeappError("clock-skew", `this machine's clock is ${skewInWords(skew)}`, {
    hint: "set the clock and try again",
    cause,
  });

function skewInWords(skew: number | undefined): string {
  if (skew === undefined || Math.abs(skew) < 60_000) return "too far from AWS's";
  const minutes = Math.round(Math.abs(skew) / 60_000);
  const hours = Math.round(minutes / 60);
  const amount =
    minutes < 120 ? `${minutes} min` : hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
  return `${amount} ${skew > 0 ? "behind" : "ahead of"} AWS's`;
}

/** `ECONNREFUSED`, `TimeoutError`, …: what fetch says went wrong, without its sentence, which may quote the URL. */
export function networkCode(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === "string" ? code : String(name ?? "unknown");
}

interface Unreached {
  host: string;
  proxy: string | undefined;
  /** As in Failed, from an earlier answer. */
  skew: number | undefined;
  error: unknown;
}

/** No answer at all, in plain words. */
export function networkFailure(code: string, { host, proxy, skew, error }: Unreached): LeappError {
  const through = proxy ? ` through the proxy ${proxy}` : "";
  const look = proxy ? `check the proxy ${proxy}` : "check the network, VPN and proxy";
  const cause = Object.assign(new Error(`${host}${through}: ${code}`), { code });
  const is = (message: string, hint = look, kind: ErrorCode = "network") =>
    new LeappError(kind, message, { hint, cause });

  if (code === "TimeoutError") return is(`${host} did not answer in time${through}`);
  if (code === "AbortError") return is("the request was cancelled", "run the command again", "refused");
  if (/^(ENOTFOUND|EAI_|DNS)/.test(code))
    return is(`cannot find ${proxy ? `the proxy ${proxy}` : host} (${code})`);
  if (code === "ERR_PROXY_TUNNEL") {
    const { status } = error as { status?: number };
    if (status === 407) {
      const hint = "run: leapp settings set proxy http://USER:PASSWORD@HOST:PORT";
      return is(`the proxy ${proxy} wants a user name and password`, hint);
    }
    return is(`the proxy ${proxy} does not let us reach ${host} (HTTP ${status})`);
  }
  if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/.test(code)) {
    const hint = isLarge(skew)
      ? `this machine's clock is ${skewInWords(skew)}`
      : "check this machine's clock";
    return is(`the TLS certificate of ${host} is out of date (${code})`, hint);
  }
  if (/CERT|SIGNATURE|ISSUER|ERR_TLS|EPROTO|SSL/.test(code)) {
    const hint = "where a company proxy opens TLS, run: leapp settings set ca-bundle FILE";
    return is(`cannot trust the TLS certificate of ${host}${through} (${code})`, hint);
  }
  return is(`cannot reach ${host}${through} (${code})`);
}
