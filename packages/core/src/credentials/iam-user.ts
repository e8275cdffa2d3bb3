/** IAM user: long-term keys from the vault, exchanged for a session token. */
import { parseMfaDevice } from "../aws/arn.ts";
import type { Keys, Mfa } from "../aws/sts.ts";
import { LeappError } from "../errors.ts";
import type { Credentials } from "../model.ts";
import { type IamUserRequest, requestKey } from "./request.ts";
import type { ResolveContext } from "./resolve.ts";

/** Vault record of the long-term keys: JSON `{accessKeyId, secretAccessKey}`. */
export const keysRecord = (sessionId: string) => `iam-user/${sessionId}/keys`;
/** Vault record of the MFA-backed session tokens: a restart must not cost a second code. */
export const sessionTokenRecord = (sessionId: string) => `iam-user/${sessionId}/session-token`;

type Context = Pick<ResolveContext, "sts" | "clock" | "secrets" | "ask" | "signal" | "minimumLife">;

/** Session tokens by request key, each only good with the long-term key that it came from. */
type StoredTokens = Record<string, { longTermKeyId: string; credentials: Credentials }>;

export async function resolveIamUser(request: IamUserRequest, context: Context): Promise<Credentials> {
  const keys = await readKeys(request.sessionId, context);
  if (!request.mfaDevice) return getSessionToken(request, keys, undefined, context);
  parseMfaDevice(request.mfaDevice);

  const now = context.clock.now();
  const key = requestKey(request);
  const stored = await readTokens(request.sessionId, keys, now, context);
  const held = stored[key]?.credentials;
  if (held && held.expiration - now >= (context.minimumLife ?? 60_000)) return held;

  const credentials = await askForCode(request.sessionId, request.mfaDevice, context, (mfa) =>
    getSessionToken(request, keys, mfa, context),
  );
  // What cannot be kept (a full disk) is still good now, and the code is spent.
  await keepToken(request.sessionId, key, keys, credentials, context).catch(() => {});
  return credentials;
}

/** Asks for less where AWS refuses the duration: the account's root user gets an hour at most. */
async function getSessionToken(
  request: IamUserRequest,
  keys: Keys,
  mfa: Mfa | undefined,
  { sts, signal }: Context,
): Promise<Credentials> {
  const asked = request.durationSeconds;
  const get = (durationSeconds: number) =>
    sts.getSessionToken({ durationSeconds, mfa }, { keys, region: request.region, signal });
  try {
    return await get(asked);
  } catch (error) {
    if (!(error instanceof LeappError) || error.code !== "invalid" || !/duration/i.test(error.message))
      throw error;
    const most = Number(/less than or equal to (\d+)/.exec(error.message)?.[1] ?? 3600);
    if (most >= asked) throw error;
    return get(most);
  }
}

/**
 * Asks the person for a code and uses it; asks again for one that AWS rejects. Three codes at most: the third
 * wrong one is more likely a wrong device than a slip.
 */
export async function askForCode<T>(
  sessionId: string,
  device: string,
  { ask }: Pick<ResolveContext, "ask">,
  use: (mfa: Mfa) => Promise<T>,
): Promise<T> {
  let message = `MFA code of ${device}`;
  for (let attempt = 1; ; attempt++) {
    const code = (await ask({ kind: "mfa", sessionId, message })).replace(/\s/g, "");
    try {
      if (!/^\d{6}$/.test(code)) {
        throw new LeappError("mfa-rejected", "an MFA code has six digits", { hint: "try again" });
      }
      return await use({ device, code });
    } catch (error) {
      if (!(error instanceof LeappError) || error.code !== "mfa-rejected" || attempt === 3) throw error;
      message = `${error.message} (${error.hint}); MFA code of ${device}`;
    }
  }
}

/** @throws LeappError `not-found` where none are stored, `vault-unavailable` for a record that is not ours. */
export async function readKeys(
  sessionId: string,
  { secrets }: Pick<ResolveContext, "secrets">,
): Promise<Keys> {
  const record = await secrets.get(keysRecord(sessionId));
  const hint = "run: leapp session edit SESSION --access-key-id ID --secret-access-key-stdin";
  if (record === undefined)
    throw new LeappError("not-found", "the vault holds no access keys for this session", { hint });
  const { accessKeyId, secretAccessKey } = parse<Partial<Keys>>(record);
  if (typeof accessKeyId === "string" && typeof secretAccessKey === "string")
    return { accessKeyId, secretAccessKey };
  throw new LeappError("vault-unavailable", "the access keys of this session cannot be read", { hint });
}

async function readTokens(
  sessionId: string,
  keys: Keys,
  now: number,
  { secrets }: Context,
): Promise<StoredTokens> {
  const stored = parse<StoredTokens>((await secrets.get(sessionTokenRecord(sessionId))) ?? "{}");
  return Object.fromEntries(
    Object.entries(stored).filter(
      ([, token]) => token?.longTermKeyId === keys.accessKeyId && token.credentials?.expiration > now,
    ),
  );
}

async function keepToken(
  sessionId: string,
  key: string,
  keys: Keys,
  credentials: Credentials,
  context: Context,
): Promise<void> {
  // Read again: another request of the same user may have stored its own while the person was typing.
  const others = await readTokens(sessionId, keys, context.clock.now(), context);
  const tokens: StoredTokens = { ...others, [key]: { longTermKeyId: keys.accessKeyId, credentials } };
  await context.secrets.set(sessionTokenRecord(sessionId), JSON.stringify(tokens));
}

/** A record that is not JSON counts as empty; the error of JSON.parse would quote it. */
function parse<T extends object>(text: string): T {
  try {
    const value: unknown = JSON.parse(text);
    return (typeof value === "object" && value !== null ? value : {}) as T;
  } catch {
    return {} as T;
  }
}
