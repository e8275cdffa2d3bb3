/** SSO-OIDC: how a program signs a person in at IAM Identity Center (API Reference "IAM Identity Center OIDC"). */
import { LeappError } from "../errors.ts";
import type { Region } from "../model.ts";
import type { Clock } from "../ports.ts";
import type { Wire } from "./http.ts";
import { callSso, SsoError } from "./sso-call.ts";

/** What a sign-in may do afterwards: list accounts and get role credentials, with a refresh token. */
export const ssoScopes = ["sso:account:access"];
/** Registered without a port and used with one (RFC 8252 7.3). */
export const callbackPath = "/oauth/callback";
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code";

export interface SsoClient {
  clientId: string;
  clientSecret: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

export interface SsoTokens {
  accessToken: string;
  /** Epoch milliseconds. */
  expiresAt: number;
  refreshToken?: string;
}

export interface DeviceAuthorization {
  deviceCode: string;
  userCode: string;
  verificationUri: string;
  /** With the user code in it. */
  verificationUriComplete?: string;
  /** Epoch milliseconds. */
  expiresAt: number;
  /** Milliseconds between polls. */
  interval: number;
}

export type Grant =
  | { type: "code"; code: string; codeVerifier: string; redirectUri: string }
  | { type: "device"; deviceCode: string }
  | { type: "refresh"; refreshToken: string };

interface Options {
  region: Region;
  signal?: AbortSignal;
}

/** A registration for one flow only: AWS refuses one that mixes the code and device grants. */
export async function registerClient(
  wire: Wire,
  clock: Clock,
  flow: "pkce" | "device",
  startUrl: string,
  options: Options,
): Promise<SsoClient> {
  const common = { clientName: "leapp", clientType: "public", scopes: ssoScopes };
  const body =
    flow === "device"
      ? common
      : {
          ...common,
          grantTypes: ["authorization_code", "refresh_token"],
          redirectUris: [`http://127.0.0.1${callbackPath}`],
          issuerUrl: startUrl,
        };
  const reply = await oidc(wire, "/client/register", body, options);
  const expires = number(reply, "clientSecretExpiresAt");
  return {
    clientId: text(reply, "clientId"),
    clientSecret: text(reply, "clientSecret"),
    // Zero stands for "never" (RFC 7591 3.2.1); a day is enough then.
    expiresAt: expires === 0 ? clock.now() + 86_400_000 : expires * 1000,
  };
}

/** The page to open in the person's browser (RFC 7636, with AWS's spelling `scopes`). */
export function authorizeUrl(
  wire: Wire,
  region: Region,
  request: { clientId: string; redirectUri: string; state: string; codeChallenge: string },
): string {
  const url = new URL(`${wire.endpoint("ssoOidc", region)}/authorize`);
  url.search = new URLSearchParams({
    response_type: "code",
    client_id: request.clientId,
    redirect_uri: request.redirectUri,
    state: request.state,
    code_challenge_method: "S256",
    scopes: ssoScopes.join(" "),
    code_challenge: request.codeChallenge,
  }).toString();
  return url.href;
}

export async function startDeviceAuthorization(
  wire: Wire,
  clock: Clock,
  client: SsoClient,
  startUrl: string,
  options: Options,
): Promise<DeviceAuthorization> {
  const { clientId, clientSecret } = client;
  const reply = await oidc(wire, "/device_authorization", { clientId, clientSecret, startUrl }, options);
  const complete = reply.verificationUriComplete;
  return {
    deviceCode: text(reply, "deviceCode"),
    userCode: text(reply, "userCode"),
    verificationUri: text(reply, "verificationUri"),
    ...(typeof complete === "string" ? { verificationUriComplete: complete } : {}),
    expiresAt: clock.now() + number(reply, "expiresIn") * 1000,
    // Absent means five seconds (RFC 8628 3.2).
    interval: (typeof reply.interval === "number" && reply.interval > 0 ? reply.interval : 5) * 1000,
  };
}

/**
 * @throws SsoError: `pending` and `slow-down` while a device sign-in is open, `invalid-grant`,
 * `invalid-client`, `expired`, `denied`.
 */
export async function createToken(
  wire: Wire,
  clock: Clock,
  client: SsoClient,
  grant: Grant,
  options: Options,
): Promise<SsoTokens> {
  const { clientId, clientSecret } = client;
  const asked = clock.now();
  const reply = await oidc(wire, "/token", { clientId, clientSecret, ...grantBody(grant) }, options);
  const refreshToken = reply.refreshToken;
  return {
    accessToken: text(reply, "accessToken"),
    expiresAt: asked + number(reply, "expiresIn") * 1000,
    ...(typeof refreshToken === "string" && refreshToken ? { refreshToken } : {}),
  };
}

function grantBody(grant: Grant): Record<string, string> {
  switch (grant.type) {
    case "code":
      return {
        grantType: "authorization_code",
        code: grant.code,
        codeVerifier: grant.codeVerifier,
        redirectUri: grant.redirectUri,
      };
    case "device":
      return { grantType: deviceGrant, deviceCode: grant.deviceCode };
    case "refresh":
      return { grantType: "refresh_token", refreshToken: grant.refreshToken };
  }
}

function oidc(
  wire: Wire,
  path: string,
  body: unknown,
  { region, signal }: Options,
): Promise<Record<string, unknown>> {
  return callSso(wire, { service: "ssoOidc", region, method: "POST", path, body, signal });
}

function text(reply: Record<string, unknown>, name: string): string {
  const value = reply[name];
  if (typeof value === "string" && value !== "") return value;
  throw new SsoError("aws-unavailable", `iam identity center's answer lacks ${name}`, "unwell");
}

function number(reply: Record<string, unknown>, name: string): number {
  const value = reply[name];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new SsoError("aws-unavailable", `iam identity center's answer lacks ${name}`, "unwell");
}

/**
 * A start URL (or issuer URL) in the one spelling we keep and compare: no fragment, query or final slash,
 * as people paste `https://example.awsapps.com/start#/`.
 * @throws LeappError `invalid`.
 */
export function normalStartUrl(given: string): string {
  const example = "such as https://example.awsapps.com/start";
  let url: URL;
  try {
    url = new URL(given.trim());
  } catch {
    throw new LeappError("invalid", "the start url is not a url", { hint: `give a url ${example}` });
  }
  const local = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && local)) {
    throw new LeappError("invalid", "the start url must begin with https://", {
      hint: `give a url ${example}`,
    });
  }
  if (url.username || url.password) {
    throw new LeappError("invalid", "the start url must not hold a user name or password");
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}
