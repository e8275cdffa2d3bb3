/**
 * AWS SSO-OIDC: client registration, authorization code with PKCE, device code, refresh. Sources: the service's
 * API reference, RFC 6749, 7636, 8252 and 8628.
 */
import { createHash, randomBytes } from "node:crypto";
import type { Grant, Grants } from "./grants.ts";
import type { Organisation, Organisations } from "./organisations.ts";
import { form, layout, messagePage, problem, signInPage } from "./pages.ts";
import {
  Refusal,
  type Route,
  type WireReply,
  type WireRequest,
  escapeMarkup,
  formOf,
  json,
  jsonOf,
  redirect,
  sameText,
} from "./wire.ts";

export interface OidcContext {
  organisations: Organisations;
  grants: Grants;
  now(): number;
  url(): string;
}

interface Client {
  clientId: string;
  clientName: string;
  secret: string;
  /** Epoch milliseconds. */
  expiresAt: number;
  scopes: string[];
  grantTypes: string[];
  redirectUris: string[];
  issuerUrl?: string;
}

/** A sign-in in the browser that is under way. */
interface SignIn {
  client: Client;
  organisation: Organisation;
  scopes: string[];
  /** Who gave the right password. */
  user?: string;
  code?: { redirectUri: string; state?: string; challenge: string };
  device?: Device;
}

interface Code {
  grant: Grant;
  redirectUri: string;
  challenge: string;
  expiresAt: number;
  used: boolean;
}

interface Device {
  userCode: string;
  expiresAt: number;
  /** Milliseconds. */
  interval: number;
  polledAt: number;
  state: "pending" | "denied" | "used";
  grant?: Grant;
  client: Client;
  organisation: Organisation;
}

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code";
const knownScopes = /^(sso:account:access|openid|aws|sso-directory:\w+|codewhisperer:\w+|codecatalyst:\w+)$/;
const ninetyDays = 90 * 24 * 3_600_000;
const tenMinutes = 600_000;

export function ssoOidc(context: OidcContext): (request: WireRequest) => Route | undefined {
  const { organisations, grants, now } = context;
  const clients = new Map<string, Client>();
  const signIns = new Map<string, SignIn>();
  const codes = new Map<string, Code>();
  const devices = new Map<string, Device>();

  function register(request: WireRequest): WireReply {
    const input = jsonOf(request);
    const clientName = text(input, "clientName");
    if (text(input, "clientType") !== "public") {
      throw new Refusal("InvalidClientMetadataException", "clientType must be public");
    }
    const scopes = list(input, "scopes");
    for (const scope of scopes) {
      if (!knownScopes.test(scope)) throw new Refusal("InvalidScopeException", "Invalid scope requested");
    }
    const grantTypes = list(input, "grantTypes");
    for (const type of grantTypes) {
      if (!["authorization_code", "refresh_token", deviceGrant].includes(type)) {
        throw new Refusal("UnsupportedGrantTypeException", "Unsupported grant type");
      }
    }
    const byCode = grantTypes.includes("authorization_code");
    if (byCode && grantTypes.includes(deviceGrant)) {
      throw new Refusal("InvalidRequestException", "authorization_code and device_code exclude each other");
    }
    const redirectUris = list(input, "redirectUris");
    if (byCode && redirectUris.length === 0)
      throw new Refusal("InvalidRequestException", "redirectUris is missing");
    for (const uri of redirectUris) {
      if (!/^http:\/\/127\.0\.0\.1(:\d+)?(\/|$)/.test(uri)) {
        throw new Refusal("InvalidRedirectUriException", "A redirect URI must be on http://127.0.0.1");
      }
    }
    const issuerUrl = byCode ? text(input, "issuerUrl") : undefined;
    if (issuerUrl !== undefined && !organisations.find(issuerUrl)) {
      throw new Refusal("InvalidRequestException", "Invalid issuer URL");
    }
    const client: Client = {
      clientId: randomBytes(16).toString("base64url"),
      clientName,
      secret: randomBytes(256).toString("base64url"),
      expiresAt: now() + ninetyDays,
      scopes,
      grantTypes: grantTypes.length > 0 ? grantTypes : [deviceGrant, "refresh_token"],
      redirectUris,
      issuerUrl,
    };
    clients.set(client.clientId, client);
    return json({
      clientId: client.clientId,
      clientSecret: client.secret,
      clientIdIssuedAt: Math.floor(now() / 1000),
      clientSecretExpiresAt: Math.floor(client.expiresAt / 1000),
    });
  }

  function clientOf(input: Record<string, unknown>): Client {
    const client = clients.get(text(input, "clientId"));
    if (!client || !sameText(client.secret, text(input, "clientSecret")) || client.expiresAt <= now()) {
      throw new Refusal("InvalidClientException", "Invalid client", 401);
    }
    return client;
  }

  function mustHave(client: Client, grantType: string): void {
    if (!client.grantTypes.includes(grantType)) {
      throw new Refusal("UnauthorizedClientException", "The client may not use this grant type");
    }
  }

  function authorize({ query }: WireRequest): WireReply {
    // Until client and redirect URI are known to belong together, nothing is sent anywhere.
    const client = clients.get(query.get("client_id") ?? "");
    const organisation = organisations.find(client?.issuerUrl ?? "");
    const redirectUri = query.get("redirect_uri") ?? "";
    if (!client || !organisation || client.expiresAt <= now()) {
      throw new Refusal(
        "InvalidClientException",
        "This application is not known here, or its registration expired.",
        401,
      );
    }
    if (!client.redirectUris.some((registered) => isSameRedirect(registered, redirectUri))) {
      throw new Refusal("InvalidRedirectUriException", "The address to return to is not the registered one.");
    }
    const state = query.get("state") ?? undefined;
    const back = (error: string) => redirect(withQuery(redirectUri, { error, state }));
    if (query.get("response_type") !== "code") return back("unsupported_response_type");
    if (!client.grantTypes.includes("authorization_code")) return back("unauthorized_client");
    const challenge = query.get("code_challenge") ?? "";
    if (query.get("code_challenge_method") !== "S256" || !/^[\w-]{43}$/.test(challenge))
      return back("invalid_request");
    const asked = query.get("scopes") ?? query.get("scope");
    const scopes = asked === null ? client.scopes : asked.split(/[ ,]/).filter(Boolean);
    if (scopes.some((scope) => !client.scopes.includes(scope))) return back("invalid_scope");
    return askForPassword({ client, organisation, scopes, code: { redirectUri, state, challenge } });
  }

  function startDevice(request: WireRequest): WireReply {
    const input = jsonOf(request);
    const client = clientOf(input);
    mustHave(client, deviceGrant);
    const organisation = organisations.find(text(input, "startUrl"));
    if (!organisation) throw new Refusal("InvalidRequestException", "Invalid start url provided");
    const letters = "BCDFGHJKLMNPQRSTVWXZ";
    const pick = () => Array.from(randomBytes(4), (byte) => letters[byte % letters.length]).join("");
    const userCode = `${pick()}-${pick()}`;
    const deviceCode = randomBytes(64).toString("base64url");
    devices.set(deviceCode, {
      userCode,
      expiresAt: now() + tenMinutes,
      interval: 1_000,
      polledAt: Number.NEGATIVE_INFINITY,
      state: "pending",
      client,
      organisation,
    });
    const verificationUri = `${context.url()}/device`;
    return json({
      deviceCode,
      userCode,
      verificationUri,
      verificationUriComplete: `${verificationUri}?user_code=${userCode}`,
      expiresIn: tenMinutes / 1000,
      interval: 1,
    });
  }

  function device({ query }: WireRequest): WireReply {
    const userCode = query.get("user_code")?.toUpperCase();
    const found = [...devices.values()].find((candidate) => candidate.userCode === userCode);
    if (!found || found.expiresAt <= now() || found.state !== "pending" || found.grant) {
      const note = problem(userCode ? "That code is unknown or has expired." : undefined);
      const field = '<label>Code<input name="user_code" autofocus></label><button>Continue</button>';
      return layout("Enter the code", `${note}<form action="/device">${field}</form>`);
    }
    const { client, organisation } = found;
    return askForPassword({ client, organisation, scopes: client.scopes, device: found });
  }

  function askForPassword(signIn: SignIn): WireReply {
    const id = randomBytes(16).toString("hex");
    signIns.set(id, signIn);
    return signInPage("/sign-in", { id }, false, signIn.organisation);
  }

  function signInOf(fields: URLSearchParams): [string, SignIn] {
    const id = fields.get("id") ?? "";
    const signIn = signIns.get(id);
    if (!signIn)
      throw new Refusal("InvalidRequestException", "This sign-in is over. Start again from the application.");
    return [id, signIn];
  }

  function checkPassword(request: WireRequest): WireReply {
    const fields = formOf(request);
    const [id, signIn] = signInOf(fields);
    const { user, password } = signIn.organisation;
    const right =
      sameText(fields.get("username") ?? "", user) && sameText(fields.get("password") ?? "", password);
    if (!right) return signInPage("/sign-in", { id }, true, signIn.organisation);
    signIn.user = user;
    const name = escapeMarkup(signIn.client.clientName);
    const compare = signIn.device
      ? `<p>Approve only if you started this yourself and your terminal shows <code>${signIn.device.userCode}</code>.</p>`
      : "";
    const buttons =
      '<button name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button>';
    return layout(
      "Allow access?",
      `<p><b>${name}</b> asks to use your accounts.</p>${compare}${form("/consent", { id }, buttons)}`,
    );
  }

  function consent(request: WireRequest): WireReply {
    const fields = formOf(request);
    const [id, { client, organisation, scopes, user, code, device }] = signInOf(fields);
    if (!user) throw new Refusal("AccessDeniedException", "Sign in first.", 403);
    signIns.delete(id);
    const allowed = fields.get("decision") === "allow";
    const refreshable = scopes.includes("sso:account:access") && client.grantTypes.includes("refresh_token");
    const open = () => grants.open({ organisation, user, clientId: client.clientId, scopes, refreshable });
    if (code) {
      const { redirectUri, state, challenge } = code;
      if (!allowed) return redirect(withQuery(redirectUri, { error: "access_denied", state }));
      const value = randomBytes(48).toString("base64url");
      codes.set(value, { grant: open(), redirectUri, challenge, expiresAt: now() + tenMinutes, used: false });
      return redirect(withQuery(redirectUri, { code: value, state }));
    }
    if (allowed) device!.grant = open();
    else device!.state = "denied";
    return allowed
      ? messagePage("Request approved", "You can close this page and return to the application.")
      : messagePage("Request denied", "Nothing was allowed. You can close this page.");
  }

  function token(request: WireRequest): WireReply {
    const input = jsonOf(request);
    const client = clientOf(input);
    const grantType = text(input, "grantType");
    const redeem = { authorization_code: byCode, refresh_token: byRefresh, [deviceGrant]: byDevice }[
      grantType
    ];
    if (!redeem) throw new Refusal("UnsupportedGrantTypeException", "Unsupported grant type");
    mustHave(client, grantType);
    const grant = redeem(client, input);
    return json({ tokenType: "Bearer", ...grants.tokens(grant) }, 200, { "cache-control": "no-store" });
  }

  const invalidGrant = (why: string) => new Refusal("InvalidGrantException", why);

  function byCode(client: Client, input: Record<string, unknown>): Grant {
    const code = codes.get(text(input, "code"));
    if (code?.grant.clientId !== client.clientId) throw invalidGrant("Invalid authorization code");
    // A second use means that someone else saw it: RFC 6749 4.1.2.
    if (code.used) code.grant.revoked = true;
    const challenge = createHash("sha256").update(text(input, "codeVerifier")).digest("base64url");
    const good =
      !code.used &&
      code.expiresAt > now() &&
      code.redirectUri === text(input, "redirectUri") &&
      sameText(code.challenge, challenge);
    code.used = true;
    if (!good) throw invalidGrant("Invalid authorization code");
    return code.grant;
  }

  function byRefresh(client: Client, input: Record<string, unknown>): Grant {
    const grant = grants.redeem(text(input, "refreshToken"), client.clientId);
    if (!grant) throw invalidGrant("Invalid refresh token provided");
    return grant;
  }

  function byDevice(client: Client, input: Record<string, unknown>): Grant {
    const device = devices.get(text(input, "deviceCode"));
    if (device?.client !== client) throw invalidGrant("Invalid device code provided");
    if (device.state === "used") {
      device.grant!.revoked = true;
      throw invalidGrant("Invalid device code provided");
    }
    if (device.expiresAt <= now()) throw new Refusal("ExpiredTokenException", "Device code is expired");
    // A little less than the interval, for the jitter of the road.
    const tooSoon = now() - device.polledAt < device.interval - 50;
    device.polledAt = now();
    if (tooSoon) {
      device.interval += 5_000;
      throw new Refusal("SlowDownException", "The client polls faster than the interval allows");
    }
    if (device.state === "denied")
      throw new Refusal("AccessDeniedException", "The person denied the request");
    if (!device.grant) throw new Refusal("AuthorizationPendingException", "The request is not yet approved");
    device.state = "used";
    return device.grant;
  }

  const operations: Record<
    string,
    [action: string, answer: (request: WireRequest) => WireReply, refuse: Route["refuse"]]
  > = {
    "POST /client/register": ["RegisterClient", register, oidcError],
    "POST /device_authorization": ["StartDeviceAuthorization", startDevice, oidcError],
    "POST /token": ["CreateToken", token, oidcError],
    "GET /authorize": ["Authorize", authorize, pageError],
    "GET /device": ["VerifyDevice", device, pageError],
    "POST /sign-in": ["SignIn", checkPassword, pageError],
    "POST /consent": ["Consent", consent, pageError],
  };
  return (request) => {
    const found = operations[`${request.method} ${request.path}`];
    if (!found) return undefined;
    const [action, answer, refuse] = found;
    return { action, answer: () => answer(request), refuse };
  };
}

/** `InvalidGrantException` is `invalid_grant` in the body, as in OAuth. */
function oidcError(error: Refusal): WireReply {
  const oauth = error.code
    .replace(/Exception$/, "")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
  const body = { error: oauth, error_description: error.message };
  return json(body, error.status, { "x-amzn-errortype": error.code, ...error.headers });
}

export const pageError = (error: Refusal): WireReply =>
  messagePage("That did not work", error.message, error.status);

function text(input: Record<string, unknown>, name: string): string {
  const value = input[name];
  if (typeof value === "string" && value !== "") return value;
  throw new Refusal("InvalidRequestException", `Missing required parameter: ${name}`);
}

function list(input: Record<string, unknown>, name: string): string[] {
  const value = input[name] ?? [];
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw new Refusal("InvalidRequestException", `${name} is not a list of strings`);
}

/** RFC 8252 7.3: the port of a loopback redirect is free, unless it was registered. */
function isSameRedirect(registered: string, used: string): boolean {
  if (!/^http:\/\/127\.0\.0\.1(:\d+)?(\/|$)/.test(used)) return false;
  const [a, b] = [new URL(registered), new URL(used)];
  return a.pathname === b.pathname && a.search === b.search && (a.port === "" || a.port === b.port);
}

function withQuery(uri: string, fields: Record<string, string | undefined>): string {
  const url = new URL(uri);
  for (const [name, value] of Object.entries(fields))
    if (value !== undefined) url.searchParams.set(name, value);
  return url.href;
}
