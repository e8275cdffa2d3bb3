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
  /** Runs `work` while no other Leapp process runs any for that file. */
  exclusively<T>(name: string, work: () => Promise<T>): Promise<T>;
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
  const there = read(files.read(cacheFileName(integration)), integration);
  return there === "foreign" ? undefined : there;
}

/**
 * Writes a sign-in, unless the file holds another tool's that lasts longer or is for something else.
 * @param refused access tokens that the server does not take any more, whatever their files say.
 */
export async function writeShared(
  files: CacheFiles,
  integration: Integration,
  signIn: SignIn,
  refused: ReadonlySet<string>,
): Promise<void> {
  await files.edit(cacheFileName(integration), (bytes) => {
    const there = read(bytes, integration);
    if (there === "foreign") return bytes;
    const newer = there && there.expiresAt > signIn.expiresAt && !refused.has(there.accessToken);
    return newer ? bytes : format(integration, signIn);
  });
}

/** Removes the file if it still holds this access token. */
export async function forgetShared(
  files: CacheFiles,
  integration: Integration,
  accessToken: string,
): Promise<void> {
  await files.edit(cacheFileName(integration), (bytes) => {
    const there = read(bytes, integration);
    return there && there !== "foreign" && there.accessToken === accessToken ? undefined : bytes;
  });
}

/** Undefined: no sign-in at all. `foreign`: one of another instance, or with other scopes. */
function read(bytes: Uint8Array | undefined, integration: Integration): SignIn | "foreign" | undefined {
  const { accessToken, expiresAt, ...json } = parse(bytes);
  const expires = time(expiresAt);
  if (typeof accessToken !== "string" || accessToken === "" || expires === undefined) return undefined;
  const { startUrl, region } = integration;
  const { scopes } = json;
  if (typeof json.startUrl === "string" && !sameUrl(json.startUrl, startUrl)) return "foreign";
  if (typeof json.region === "string" && json.region !== region) return "foreign";
  // IDE plug-ins name their scopes and write others than ours.
  if (Array.isArray(scopes) && !ssoScopes.every((scope) => scopes.includes(scope))) return "foreign";

  const signIn: SignIn = { startUrl, region, accessToken, expiresAt: expires };
  const { refreshToken, clientId, clientSecret } = json;
  if (typeof refreshToken === "string" && typeof clientId === "string" && typeof clientSecret === "string") {
    signIn.refreshToken = refreshToken;
    signIn.client = { clientId, clientSecret, expiresAt: time(json.registrationExpiresAt) ?? expires };
  }
  return signIn;
}

/** Members of the JSON object; none where it is something else. */
function parse(bytes: Uint8Array | undefined): Record<string, unknown> {
  if (!bytes || bytes.length > largest) return {};
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
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
