import { type ErrorCode, exitCodes } from "../../core/src/errors.ts";

/** For help and the man page; the type makes a code without a word here a compile error. */
const meanings: Record<ErrorCode, string> = {
  internal: "a defect of leapp itself; run again with --debug and report it",
  usage: "the command line is wrong: unknown command, flag, or a missing argument",
  "not-found": "no session, profile, integration or record of that name",
  conflict: "it exists already, is in use, or needs --force or --replace",
  invalid: "a value that can never work: region, ARN, duration, profile name",
  "mfa-needed": "an MFA code is needed and nobody can be asked from here",
  "sign-in-needed": "a sign-in is needed and nobody can be asked from here",
  refused: "the person refused or cancelled",
  "timed-out": "the person did not answer in time",
  "vault-locked": "the vault is locked and nobody can be asked from here",
  "vault-unavailable": "the vault cannot be opened: keychain gone, wrong passphrase, damaged record",
  "access-denied": "AWS said no: policy, trust policy, external id or assignment",
  "keys-rejected": "AWS does not accept the access keys: inactive, deleted or mistyped",
  "aws-unavailable": "AWS throttles or is unwell, after retries",
  network: "AWS could not be reached: DNS, TLS, proxy or a cut connection",
  "clock-skew": "this machine's clock is too far from AWS's",
  "mfa-rejected": "the MFA code was wrong or already used",
  "agent-unavailable": "the agent cannot be started or does not answer",
  file: "a file that is not leapp's cannot be read or written, or would be damaged",
};

export interface ExitCode {
  exit: number;
  code: string;
  meaning: string;
}

/** Every exit code in rising order, success first. */
export const exitCodeTable: readonly ExitCode[] = [
  { exit: 0, code: "ok", meaning: "it worked, or there was nothing to do" },
  ...(Object.keys(exitCodes) as ErrorCode[]).map((code) => ({
    exit: exitCodes[code],
    code,
    meaning: meanings[code],
  })),
].sort((a, b) => a.exit - b.exit);
