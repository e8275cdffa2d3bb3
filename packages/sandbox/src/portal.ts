/** AWS's access portal: which accounts and roles a signed-in person has, and credentials for them. */
import { createHmac, randomBytes } from "node:crypto";
import type { Grant, Grants } from "./grants.ts";
import { reservedRole } from "./organisations.ts";
import { type Call, Refusal, type Route, type WireReply, type WireRequest, json, sameText } from "./wire.ts";
import type { World } from "./world.ts";

export interface PortalContext {
  grants: Grants;
  world: World;
  now(): number;
  /** Requests a second. */
  rate(): number;
}

export function portal(context: PortalContext): (request: WireRequest) => Route | undefined {
  const { grants, world, now } = context;
  const pageKey = randomBytes(32);
  let allowance = Number.POSITIVE_INFINITY;
  let filledAt = now();

  /** A bucket of one second's worth. */
  function throttle(): void {
    const rate = context.rate();
    allowance = Math.min(rate, allowance + (Math.max(0, now() - filledAt) / 1000) * rate);
    filledAt = now();
    if (allowance < 1) throw new Refusal("TooManyRequestsException", "HTTP 429 Unknown Code", 429);
    allowance -= 1;
  }

  function listAccounts(grant: Grant, query: URLSearchParams): WireReply {
    const accounts = [...grant.organisation.accounts.values()];
    const { items, nextToken } = paged(accounts, query, "accounts");
    const accountList = items.map(({ roles, ...account }) => account);
    return json({ accountList, nextToken });
  }

  function listRoles(grant: Grant, query: URLSearchParams): WireReply {
    const accountId = need(query, "account_id");
    const account = grant.organisation.accounts.get(accountId);
    if (!account) throw forbidden();
    const { items, nextToken } = paged([...account.roles], query, accountId);
    return json({ roleList: items.map((roleName) => ({ roleName, accountId })), nextToken });
  }

  function roleCredentials(grant: Grant, query: URLSearchParams): WireReply {
    const [accountId, roleName] = [need(query, "account_id"), need(query, "role_name")];
    const { organisation, user } = grant;
    if (!organisation.accounts.get(accountId)?.roles.has(roleName)) throw forbidden();
    const role = reservedRole(world, organisation, accountId, roleName);
    const session = world.openRoleSession(role, user, { durationSeconds: organisation.roleSeconds });
    const { accessKeyId, secretAccessKey, sessionToken, expiresAt } = session;
    return json({ roleCredentials: { accessKeyId, secretAccessKey, sessionToken, expiration: expiresAt } });
  }

  function logout(grant: Grant): WireReply {
    grant.revoked = true;
    return json({});
  }

  /** `max_result` 1 to 100 (20 by default); `next_token` only as handed out, for the same listing. */
  function paged<T>(all: T[], query: URLSearchParams, listing: string): { items: T[]; nextToken?: string } {
    const size = Number(query.get("max_result") ?? 20);
    if (!Number.isInteger(size) || size < 1 || size > 100) throw invalid("max_result");
    const sign = (offset: string) =>
      createHmac("sha256", pageKey).update(`${listing} ${offset}`).digest("base64url");
    const token = query.get("next_token");
    let start = 0;
    if (token !== null) {
      const [offset = "", mac = ""] = token.split(".");
      if (!sameText(mac, sign(offset))) throw invalid("next_token");
      start = Number(offset);
    }
    const end = start + size;
    const more = end < all.length;
    return { items: all.slice(start, end), ...(more ? { nextToken: `${end}.${sign(String(end))}` } : {}) };
  }

  const operations: Record<string, [string, (grant: Grant, query: URLSearchParams) => WireReply]> = {
    "GET /assignment/accounts": ["ListAccounts", listAccounts],
    "GET /assignment/roles": ["ListAccountRoles", listRoles],
    "GET /federation/credentials": ["GetRoleCredentials", roleCredentials],
    "POST /logout": ["Logout", logout],
  };
  return (request) => {
    const found = operations[`${request.method} ${request.path}`];
    if (!found) return undefined;
    const [action, run] = found;
    const answer = (call: Call) => {
      throttle();
      const grant = grants.ofAccessToken(request.headers["x-amz-sso_bearer_token"] ?? "");
      if (!grant) throw new Refusal("UnauthorizedException", "Session token not found or invalid", 401);
      call.identity = `${grant.organisation.startUrl} ${grant.user}`;
      return run(grant, request.query);
    };
    return { action, answer, refuse: portalError };
  };
}

const forbidden = () => new Refusal("ForbiddenException", "No access", 403);
const invalid = (name: string) => new Refusal("InvalidRequestException", `${name} is not valid`);

function need(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (!value) throw invalid(name);
  return value;
}

function portalError(error: Refusal): WireReply {
  const body = { message: error.message, __type: `com.amazonaws.switchboard.portal#${error.code}` };
  return json(body, error.status, { "x-amzn-errortype": error.code, ...error.headers });
}
