/**
 * Checks AWS Signature Version 4 on a request, in the header or in the query string, and says whose it is.
 * Source: "AWS Signature Version 4 for API requests", IAM User Guide; the words are STS's.
 */
import { createHmac } from "node:crypto";
import { type WireRequest, Refusal, basicIso, sameText, sha256 } from "./wire.ts";
import type { Identity, World } from "./world.ts";

/** Largest accepted distance between the request's date and ours. */
const maxSkew = 15 * 60_000;

interface Claim {
  accessKeyId: string;
  /** date/region/service/aws4_request */
  scope: string[];
  signedHeaders: string[];
  signature: string;
  /** `20261122T200000Z` */
  date: string;
  /** Seconds that a presigned URL is good for. */
  expires?: number;
  sessionToken?: string;
}

export interface VerifyOptions {
  world: World;
  now: number;
  service: string;
  /** When set, signatures for any other region are refused. */
  region?: string;
}

/** @throws Refusal in STS's words */
export function verifySignature(request: WireRequest, options: VerifyOptions): Identity {
  const claim = claimOf(request);
  checkHeaders(request, claim);
  checkScope(claim, options);

  const known = options.world.lookUp(claim.accessKeyId);
  const invalid = new Refusal(
    "InvalidClientTokenId",
    "The security token included in the request is invalid.",
    403,
  );
  if (!known) throw invalid;
  const session = known.identity.session;
  if (!sameText(claim.sessionToken ?? "", session?.sessionToken ?? "")) throw invalid;

  checkDate(claim, options.now);
  const expected = signatureOf(request, claim, known.secretAccessKey);
  if (!sameText(expected, claim.signature)) {
    throw new Refusal(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret " +
        "Access Key and signing method. Consult the service documentation for details.",
      403,
    );
  }
  if (session && session.expiresAt <= options.now) {
    throw new Refusal("ExpiredToken", "The security token included in the request is expired", 403);
  }
  return known.identity;
}

function claimOf(request: WireRequest): Claim {
  const header = request.headers.authorization;
  const { query } = request;
  if (!header && query.get("X-Amz-Algorithm") !== "AWS4-HMAC-SHA256") {
    throw new Refusal("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
  }
  const missing = (name: string) =>
    new Refusal("IncompleteSignature", `Authorization header requires '${name}' parameter.`, 400);
  let fields: Record<string, string | null | undefined>;
  if (header) {
    const [algorithm, ...rest] = header.split(" ");
    if (algorithm !== "AWS4-HMAC-SHA256") {
      throw new Refusal("IncompleteSignature", "Unsupported signature algorithm.", 400);
    }
    fields = Object.fromEntries(
      rest
        .join(" ")
        .split(",")
        .map((part) => {
          const at = part.indexOf("=");
          return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
        }),
    );
    fields.date = request.headers["x-amz-date"];
    fields.sessionToken = request.headers["x-amz-security-token"];
  } else {
    fields = {
      Credential: query.get("X-Amz-Credential"),
      SignedHeaders: query.get("X-Amz-SignedHeaders"),
      Signature: query.get("X-Amz-Signature"),
      date: query.get("X-Amz-Date"),
      sessionToken: query.get("X-Amz-Security-Token"),
      expires: query.get("X-Amz-Expires"),
    };
  }
  for (const name of ["Credential", "Signature", "SignedHeaders"]) if (!fields[name]) throw missing(name);
  if (!/^\d{8}T\d{6}Z$/.test(fields.date ?? "")) {
    throw new Refusal(
      "IncompleteSignature",
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
      400,
    );
  }
  const [accessKeyId = "", ...scope] = fields.Credential!.split("/");
  return {
    accessKeyId,
    scope,
    signedHeaders: fields.SignedHeaders!.split(";"),
    signature: fields.Signature!,
    date: fields.date!,
    ...(header ? {} : { expires: Number(fields.expires) }),
    ...(fields.sessionToken ? { sessionToken: fields.sessionToken } : {}),
  };
}

/** What a proxy could change must be signed: `host` and every `x-amz-*` that is there. */
function checkHeaders(request: WireRequest, claim: Claim): void {
  const needed = ["host", ...Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"))];
  for (const name of needed) {
    if (!claim.signedHeaders.includes(name)) {
      throw new Refusal(
        "SignatureDoesNotMatch",
        `'${name}' must be a 'SignedHeader' in the AWS Authorization.`,
        403,
      );
    }
  }
}

function checkScope(claim: Claim, options: VerifyOptions): void {
  const [date, region, service, end] = claim.scope;
  const refuse = (message: string) => new Refusal("SignatureDoesNotMatch", message, 403);
  if (claim.scope.length !== 4) {
    throw new Refusal(
      "IncompleteSignature",
      "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
      400,
    );
  }
  if (end !== "aws4_request")
    throw refuse("Credential should be scoped with a valid terminator: 'aws4_request'.");
  if (service !== options.service) {
    throw refuse(`Credential should be scoped to correct service: '${options.service}'. `);
  }
  if (options.region ? region !== options.region : !/^[a-z]{2,4}(-[a-z]+)+-\d$/.test(region!)) {
    throw refuse("Credential should be scoped to a valid region. ");
  }
  if (date !== claim.date.slice(0, 8)) {
    throw refuse(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ` +
        `'${date}' != '${claim.date.slice(0, 8)}', from '${claim.date}'.`,
    );
  }
}

function checkDate(claim: Claim, now: number): void {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(claim.date)!.map(Number);
  const at = Date.UTC(y!, mo! - 1, d!, h!, mi!, s!);
  const validity = claim.expires === undefined ? maxSkew : claim.expires * 1000;
  const refuse = (message: string) => new Refusal("SignatureDoesNotMatch", message, 403);
  if (!(at + validity >= now)) {
    throw refuse(
      `Signature expired: ${claim.date} is now earlier than ${basicIso(now - maxSkew)} ` +
        `(${basicIso(now)} - ${maxSkew / 60_000} min.)`,
    );
  }
  if (at - maxSkew > now) {
    throw refuse(
      `Signature not yet current: ${claim.date} is still later than ${basicIso(now + maxSkew)} ` +
        `(${basicIso(now)} + ${maxSkew / 60_000} min.)`,
    );
  }
}

function signatureOf(request: WireRequest, claim: Claim, secret: string): string {
  const headers = claim.signedHeaders
    .map((name) => `${name}:${(request.headers[name] ?? "").trim().replace(/ +/g, " ")}\n`)
    .join("");
  const canonical = [
    request.method,
    request.path,
    canonicalQuery(request.rawQuery),
    headers,
    claim.signedHeaders.join(";"),
    sha256(request.body),
  ].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", claim.date, claim.scope.join("/"), sha256(canonical)].join("\n");
  const hmac = (key: string | Buffer, data: string) => createHmac("sha256", key).update(data).digest();
  const key = claim.scope.reduce<string | Buffer>((k, part) => hmac(k, part), `AWS4${secret}`);
  return hmac(key, toSign).toString("hex");
}

const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function canonicalQuery(rawQuery: string): string {
  if (!rawQuery) return "";
  return rawQuery
    .split("&")
    .map((pair) => {
      const at = pair.indexOf("=");
      const [name, value] = at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
      return [encode(decodeURIComponent(name)), encode(decodeURIComponent(value))] as const;
    })
    .filter(([name]) => name !== "X-Amz-Signature")
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}
