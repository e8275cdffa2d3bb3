/**
 * Everything that can go wrong, as a closed set. The code is the API: it decides the exit code of the
 * command line, the button the app shows and whether a caller may try again.
 */

/**
 * Exit codes, one per cause, because many consumers of `credential_process` show only the number.
 * 126 and 127 stay free: shells use them for "not executable" and "not found".
 */
export const exitCodes = {
  /** A defect of ours. */
  internal: 1,
  /** The command line itself is wrong: unknown command, flag or missing argument. */
  usage: 2,
  /** No session, profile, integration or record of that name. */
  "not-found": 3,
  /** It exists already, is in use, or needs `--force` / `--replace`. */
  conflict: 4,
  /** A value that can never work: region, ARN, duration, profile name. */
  invalid: 5,
  /** An MFA code is needed and nobody can be asked from here. */
  "mfa-needed": 10,
  /** A sign-in (SSO, SAML) is needed and nobody can be asked from here. */
  "sign-in-needed": 11,
  /** The person refused or cancelled. */
  refused: 12,
  /** The person did not answer before the caller's deadline. */
  "timed-out": 13,
  /** The vault is locked and nobody can be asked from here. */
  "vault-locked": 14,
  /** The vault cannot be opened: keychain gone, wrong passphrase, damaged record. */
  "vault-unavailable": 15,
  /** AWS said no: policy, trust policy, external id, assignment. */
  "access-denied": 20,
  /** AWS does not know the keys, or the signature is wrong: inactive, deleted or mistyped. */
  "keys-rejected": 21,
  /** AWS throttles or is unwell, after retries. */
  "aws-unavailable": 22,
  /** AWS could not be reached: DNS, TLS, proxy, cut connection. */
  network: 23,
  /** This machine's clock is too far from AWS's. */
  "clock-skew": 24,
  /** The MFA code was wrong or already used. */
  "mfa-rejected": 25,
  /** The agent cannot be started or does not answer. */
  "agent-unavailable": 30,
  /** A file that is not ours cannot be read or written, or would be damaged. */
  file: 31,
} as const;

export type ErrorCode = keyof typeof exitCodes;

/** What crosses the socket. */
export interface ErrorShape {
  code: ErrorCode;
  message: string;
  hint?: string;
}

/**
 * `message` says what failed in one lower-case line without a full stop; `hint` says what to run next.
 * Neither ever holds a secret. The cause is kept for `--debug` and never crosses the socket.
 */
export class LeappError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /**
   * One line of at most 500 bytes of UTF-8, as `credential_process` consumers show it (consumers.md R2). A field,
   * because JavaScriptCore gives every error a `line` of its own (a number), which would hide a getter.
   */
  readonly line: string;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "LeappError";
    this.code = code;
    this.hint = options.hint;
    this.line = oneLine(options.hint ? `${message}; ${options.hint}` : message);
  }

  get exitCode(): number {
    return exitCodes[this.code];
  }

  toJSON(): ErrorShape {
    return { code: this.code, message: this.message, ...(this.hint ? { hint: this.hint } : {}) };
  }

  static from(shape: ErrorShape): LeappError {
    return new LeappError(shape.code, shape.message, { hint: shape.hint });
  }

  /** Any thrown value as a LeappError; what is not ours is `internal` and keeps its cause. */
  static of(error: unknown): LeappError {
    if (error instanceof LeappError) return error;
    return new LeappError("internal", "something went wrong inside leapp", {
      hint: "run the command again with --debug",
      cause: error,
    });
  }
}

/** What is left of 500 bytes behind the `leapp: ` that every line begins with, and its newline. */
const lineBytes = 500 - "leapp: \n".length;

/** Control characters become blanks; cut on a character boundary. */
function oneLine(text: string): string {
  const flat = text.replace(/[\u0000-\u001f\u007f]+/g, " ");
  const bytes = new TextEncoder().encode(flat);
  if (bytes.length <= lineBytes) return flat;
  return `${new TextDecoder().decode(bytes.subarray(0, lineBytes - 6)).replace(/\ufffd+$/, "")}...`;
}
