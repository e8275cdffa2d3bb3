/** Another `credential_process`, wrapped: its output gets our cache, our single flight and our audit. */
import { LeappError } from "../errors.ts";
import type { Credentials } from "../model.ts";
import { runCommand } from "./command.ts";
import type { ProcessRequest } from "./request.ts";
import type { ResolveContext } from "./resolve.ts";

export async function resolveProcess(
  request: ProcessRequest,
  context: Pick<ResolveContext, "clock" | "env" | "signal">,
): Promise<Credentials> {
  const { env, signal, clock } = context;
  const issuedAt = clock.now();
  const output = await runCommand(request.command, { name: "the session's command", env, signal });
  return readProcessOutput(output, issuedAt);
}

/**
 * The output of a `credential_process` (AWS SDKs and Tools Reference, "Process credential provider"), read strictly:
 * what we hand on must suit every consumer.
 * @throws LeappError `invalid`; the output itself never shows.
 */
export function readProcessOutput(output: string, now: number): Credentials {
  let value: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(output);
    if (typeof parsed === "object" && parsed !== null) value = parsed as Record<string, unknown>;
  } catch {
    throw wrong("is not one JSON object");
  }
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration, AccountId } = value;
  if (value.Version !== 1) throw wrong("does not have Version 1");
  if (!isWord(AccessKeyId) || !isWord(SecretAccessKey)) throw wrong("has no access keys");
  if (!isWord(SessionToken)) throw wrong("has no SessionToken: leapp hands out temporary credentials only");
  const expiration =
    typeof Expiration === "string" && hasZone.test(Expiration) ? Date.parse(Expiration) : Number.NaN;
  if (Number.isNaN(expiration)) throw wrong("has no Expiration as a date with a time zone");
  if (expiration <= now) throw wrong("has expired already");
  if (AccountId !== undefined && !/^\d{12}$/.test(String(AccountId)))
    throw wrong("has an AccountId that is none");
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    expiration,
    issuedAt: now,
    ...(AccountId === undefined ? {} : { accountId: String(AccountId) }),
  };
}

const hasZone = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/;

/** Printable ASCII without quotes: what every consumer can read back. */
function isWord(value: unknown): value is string {
  return typeof value === "string" && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value);
}

function wrong(what: string): LeappError {
  return new LeappError("invalid", `the output of the session's command ${what}`, { hint: "run it by hand" });
}
