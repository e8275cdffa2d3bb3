/** The SSO portal: what a signed-in person may use (API Reference "IAM Identity Center Portal"). */
import type { Credentials, Region } from "../model.ts";
import type { Clock } from "../ports.ts";
import { clockSkew } from "./failure.ts";
import type { Wire } from "./http.ts";
import { callSso, SsoError } from "./sso-call.ts";

export interface SsoAccount {
  accountId: string;
  accountName: string;
  accountEmail?: string;
}

export interface Page<T> {
  items: T[];
  nextToken?: string;
}

interface Options {
  region: Region;
  accessToken: string;
  signal?: AbortSignal;
}

/** The most a page may hold. */
const pageSize = "100";

/** One page of the accounts the person has a role in. */
export async function listAccounts(
  wire: Wire,
  options: Options,
  nextToken?: string,
): Promise<Page<SsoAccount>> {
  const reply = await portal(wire, "GET", "/assignment/accounts", options, {
    max_result: pageSize,
    ...(nextToken ? { next_token: nextToken } : {}),
  });
  return page(reply, "accountList", (item) => {
    const { accountId, accountName, emailAddress } = item;
    if (typeof accountId !== "string") return undefined;
    return {
      accountId,
      accountName: typeof accountName === "string" && accountName !== "" ? accountName : accountId,
      ...(typeof emailAddress === "string" && emailAddress ? { accountEmail: emailAddress } : {}),
    };
  });
}

/** One page of the role names the person has in an account. */
export async function listAccountRoles(
  wire: Wire,
  options: Options,
  accountId: string,
  nextToken?: string,
): Promise<Page<string>> {
  const reply = await portal(wire, "GET", "/assignment/roles", options, {
    account_id: accountId,
    max_result: pageSize,
    ...(nextToken ? { next_token: nextToken } : {}),
  });
  return page(reply, "roleList", ({ roleName }) => (typeof roleName === "string" ? roleName : undefined));
}

/**
 * @throws SsoError `token-dead` (401) or `forbidden` (403: no such assignment), LeappError `clock-skew` where our
 * clock is so far ahead that no consumer would take them.
 */
export async function getRoleCredentials(
  wire: Wire,
  clock: Clock,
  options: Options,
  accountId: string,
  roleName: string,
): Promise<Credentials> {
  const issuedAt = clock.now();
  const reply = await portal(wire, "GET", "/federation/credentials", options, {
    account_id: accountId,
    role_name: roleName,
  });
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = (reply.roleCredentials ?? {}) as Record<
    string,
    unknown
  >;
  if (
    typeof accessKeyId !== "string" ||
    typeof secretAccessKey !== "string" ||
    typeof sessionToken !== "string" ||
    typeof expiration !== "number"
  ) {
    throw new SsoError("aws-unavailable", "iam identity center's answer lacks the credentials", "unwell");
  }
  if (expiration <= clock.now()) throw clockSkew(wire.skew());
  return { accessKeyId, secretAccessKey, sessionToken, expiration, issuedAt, accountId };
}

/** Ends the person's session on the server: the access token and its refresh token are dead afterwards. */
export async function logout(wire: Wire, options: Options): Promise<void> {
  await portal(wire, "POST", "/logout", options);
}

function portal(
  wire: Wire,
  method: "GET" | "POST",
  path: string,
  { region, accessToken, signal }: Options,
  query?: Record<string, string>,
): Promise<Record<string, unknown>> {
  return callSso(wire, { service: "sso", region, method, path, query, accessToken, signal });
}

function page<T>(
  reply: Record<string, unknown>,
  name: string,
  read: (item: Record<string, unknown>) => T | undefined,
): Page<T> {
  const list = reply[name];
  // A listing without its list must not look like "the person has nothing": a sync would remove everything.
  if (!Array.isArray(list)) {
    throw new SsoError("aws-unavailable", `iam identity center's answer lacks ${name}`, "unwell");
  }
  const items = list
    .map((item) => read((item ?? {}) as Record<string, unknown>))
    .filter((item) => item !== undefined);
  const { nextToken } = reply;
  return { items, ...(typeof nextToken === "string" && nextToken ? { nextToken } : {}) };
}
