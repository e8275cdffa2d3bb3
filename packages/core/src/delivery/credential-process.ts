import { LeappError } from "../errors.ts";
import type { Credentials } from "../model.ts";

/** Bytes, the line's end included: what fits into one write to a pipe, and into every consumer's buffer. */
const mostBytes = 4095;

/**
 * The output of a `credential_process`: one line of JSON without its newline, ASCII, no nulls (AWS SDKs and Tools
 * Reference, "Process credential provider"; consumers.md R1 and R5).
 * @throws LeappError `invalid` where the token is too long for consumers.
 */
export function credentialProcessLine(credentials: Credentials): string {
  const line = JSON.stringify({
    Version: 1,
    AccessKeyId: plain(credentials.accessKeyId),
    SecretAccessKey: plain(credentials.secretAccessKey),
    SessionToken: plain(credentials.sessionToken),
    Expiration: expirationText(credentials.expiration),
    AccountId: credentials.accountId,
  });
  if (line.length + 1 > mostBytes) {
    throw new LeappError(
      "invalid",
      `these credentials take ${line.length} bytes, and tools read at most ${mostBytes}`,
      {
        hint: "use fewer session tags or a shorter session policy",
      },
    );
  }
  return line;
}

/** `2026-11-22T20:00:00Z`: no fraction, no offset, which some consumers cannot read. */
export function expirationText(expiration: number): string {
  return new Date(expiration).toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** Printable ASCII without quotes and backslashes: JSON needs no escape then, which some Windows tools cannot read. */
export function plain(value: string): string {
  if (/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/.test(value)) return value;
  throw new LeappError("internal", "these credentials hold characters that AWS does not use");
}
