/**
 * Sharing sign-ins with the AWS CLI and the SDKs through `~/.aws/sso/cache`, in the format of the CLI: one JSON
 * file per sso-session name (or start URL, for profiles without one). It is plain text, hence off by default.
 */
import { createHash } from "node:crypto";
import { ssoScopes, normalStartUrl } from "../aws/sso-oidc.ts";
import type { Integration } from "../model.ts";

/** A sign-in, as the vault keeps it. Times are epoch milliseconds. */
export interface SignIn {
  startUrl: string;
  region: string;
  accessToken: string;
  expiresAt: number;
  refreshToken?: string;
  /** The registration that a refresh needs: tokens are bound to it. */
  client?: { clientId: string; clientSecret: string; expiresAt: number };
}

/** The files of the cache folder; injected, since locking and replacing belong to the platform. */
export interface CacheFiles {
  /** Undefined when there is no such file. */
  read(name: string): Uint8Array | undefined;
  /** Under a lock: reads, edits, replaces atomically (new files 0600); undefined deletes. */
  edit(name: string, edit: (bytes: Uint8Array | undefined) => Uint8Array | undefined): Promise<void>;
}

/** Tokens are a few kilobytes; anything larger is not one. */
const largest = 256 * 1024;

/** `<sha1 of the sso-session name or the start url>.json`. */
export function cacheFileName(integration: Pick<Integration, "ssoSession" | "startUrl">): string {
  const id = integration.ssoSession ?? integration.startUrl;
  return `${createHash("sha1").update(id).digest("hex")}.json`;
}

/** What another tool left for this integration: same name, start URL, region and scopes; else undefined. */
export function readShared(files: CacheFiles, integration: Integration): SignIn | undefined {
  return parse(files.read(cacheFileName(integration)), integration);
}

/**
 * Writes a sign-in, unless the file holds another tool's that lasts longer.
 * @param refused access tokens that the server does not take any more, whatever their files say.
 */
export async function writeShared(
  files: CacheFiles,
  integration: Integration,
  signIn: SignIn,
  refused: ReadonlySet<string>,
): Promise<void> {
  await files.edit(cacheFileName(integration), (bytes) => {
    const theirs = parse(bytes, integration);
    const keep = theirs && theirs.expiresAt > signIn.expiresAt && !refused.has(theirs.accessToken);
    return keep ? bytes : format(integration, signIn);
  });
}

/** Removes the file if it still holds this access token. */
export async function forgetShared(
  files: CacheFiles,
  integration: Integration,
  accessToken: string,
): Promise<void> {
  await files.edit(cacheFileName(integration), (bytes) =>
    parse(bytes, integration)?.accessToken === accessToken ? undefined : bytes,
  );
}

function parse(bytes: Uint8Array | undefined, integration: Integration): SignIn | undefined {
  if (!bytes || bytes.length > largest) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null) return undefined;
  const {
    accessToken,
    expiresAt,
    refreshToken,
    clientId,
    clientSecret,
    registrationExpiresAt,
    startUrl,
    region,
    scopes,
  } = json as Record<string, unknown>;
  const expires = time(expiresAt);
  if (typeof accessToken !== "string" || accessToken === "" || expires === undefined) return undefined;
  if (typeof startUrl === "string" && !sameUrl(startUrl, integration.startUrl)) return undefined;
  if (typeof region === "string" && region !== integration.region) return undefined;
  // IDE plug-ins name their scopes and write others than ours.
  if (Array.isArray(scopes) && !ssoScopes.every((scope) => scopes.includes(scope))) return undefined;

  const signIn: SignIn = {
    startUrl: integration.startUrl,
    region: integration.region,
    accessToken,
    expiresAt: expires,
  };
  const registration = time(registrationExpiresAt);
  if (typeof refreshToken === "string" && typeof clientId === "string" && typeof clientSecret === "string") {
    signIn.refreshToken = refreshToken;
    signIn.client = { clientId, clientSecret, expiresAt: registration ?? expires };
  }
  return signIn;
}

function format(integration: Integration, signIn: SignIn): Uint8Array {
  const { accessToken, expiresAt, refreshToken, client } = signIn;
  const json = {
    startUrl: integration.startUrl,
    region: integration.region,
    accessToken,
    expiresAt: timestamp(expiresAt),
    ...(client && {
      clientId: client.clientId,
      clientSecret: client.clientSecret,
      registrationExpiresAt: timestamp(client.expiresAt),
    }),
    ...(refreshToken && { refreshToken }),
  };
  return new TextEncoder().encode(JSON.stringify(json));
}

/** Without a fraction, which older readers refuse. */
function timestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** Older command lines wrote `2026-01-01T00:00:00UTC`. */
function time(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  const parsed = Date.parse(value.replace(/UTC$/, "Z"));
  return Number.isNaN(parsed) ? undefined : parsed;
}

function sameUrl(a: string, b: string): boolean {
  try {
    return normalStartUrl(a) === normalStartUrl(b);
  } catch {
    return false;
  }
}
