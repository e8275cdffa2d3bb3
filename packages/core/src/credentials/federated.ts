import { parseArn } from "../aws/arn.ts";
import type { Sts } from "../aws/sts.ts";
import { LeappError } from "../errors.ts";
import type { HeldAssertion } from "../identity/saml.ts";
import { awsLimit, type SamlAssertion, type SamlRole } from "../identity/saml-assertion.ts";
import type { Credentials } from "../model.ts";
import type { Clock } from "../ports.ts";
import type { FederatedRequest } from "./request.ts";

export interface FederatedContext {
  /**
   * An assertion of that identity provider, after a sign-in where none is at hand.
   * @throws LeappError `sign-in-needed` when nobody can be asked.
   */
  assertion(request: FederatedRequest): Promise<HeldAssertion>;
  /** AWS did not take it. */
  drop(idpUrlId: string, assertion: HeldAssertion): void;
  /** Milliseconds that AWS's clock is ahead of ours, as far as known. */
  skew(): number | undefined;
}

/** Seconds: what every role allows, and the least that AWS gives. */
const everyRoleAllows = 3600;
const least = 900;

/** AssumeRoleWithSAML, with the assertion at hand or after a sign-in. */
export async function resolveFederated(
  request: FederatedRequest,
  {
    sts,
    clock,
    saml,
    signal,
  }: { sts: Sts; clock: Pick<Clock, "now">; saml: FederatedContext; signal?: AbortSignal },
): Promise<Credentials> {
  const awsNow = () => clock.now() + (saml.skew() ?? 0);
  const askedAt = clock.now();
  for (;;) {
    const assertion = await saml.assertion(request);
    const { roleArn, idpArn, region } = request;
    const assume = (durationSeconds: number) =>
      sts.assumeRoleWithSaml(
        { roleArn, idpArn, assertion: assertion.response, durationSeconds },
        { region, signal },
      );
    const duration = allowed(request.durationSeconds, assertion, awsNow());
    try {
      return await assume(duration).catch((error) => {
        // AWS does not say what the role's own maximum is, but an hour is within every one's.
        if (duration <= everyRoleAllows || !isDuration(error)) throw error;
        return assume(everyRoleAllows);
      });
    } catch (thrown) {
      const error = LeappError.of(thrown);
      if (!isRefusal(error)) throw error;
      const older = assertion.receivedAt < askedAt;
      if (!isAboutRole(error)) saml.drop(request.idpUrlId, assertion);
      // One that others used before has had its time: worth one sign-in, not a failure.
      if (older && isExpiry(error)) continue;
      throw explainRefusal(error, request, assertion, awsNow());
    }
  }
}

/** Seconds: no longer than the assertion allows, no shorter than AWS does. */
function allowed(
  asked: number,
  { sessionDuration, sessionNotOnOrAfter }: SamlAssertion,
  now: number,
): number {
  const left = sessionNotOnOrAfter ? Math.floor((sessionNotOnOrAfter - now) / 1000) : asked;
  return Math.max(least, Math.min(asked, sessionDuration ?? asked, left));
}

const isDuration = ({ code, message }: LeappError) => code === "invalid" && /DurationSeconds/.test(message);
const isExpiry = ({ code, message }: LeappError) => code === "keys-rejected" && /expired/.test(message);
const isRefusal = (error: LeappError) => error.code === "access-denied" || isExpiry(error);
/** Told apart from a fault of the assertion, which may well do for another role. */
const isAboutRole = ({ message }: LeappError) => message.startsWith("AWS does not let you assume");

/** AWS's refusal of an assertion in plain words; `now` by AWS's clock. */
export function explainRefusal(
  error: LeappError,
  request: FederatedRequest,
  assertion: HeldAssertion,
  now: number,
): LeappError {
  const is = (code: LeappError["code"], message: string, hint: string) =>
    new LeappError(code, message, { hint, cause: error });
  if (isAboutRole(error)) {
    if (assertion.encrypted) return error;
    const refusal = roleRefusal(request, assertion.roles);
    return refusal ? is("access-denied", ...refusal) : error;
  }

  const { issuedAt = assertion.receivedAt, notBefore, notOnOrAfter, audiences, issuer } = assertion;
  const age = now - issuedAt;
  if (isExpiry(error)) {
    // It came fresh from the identity provider, so that its age is the difference of two clocks.
    const fresh = !assertion.pasted && now - assertion.receivedAt < awsLimit / 2;
    if (fresh && age > 60_000) return is("clock-skew", clockWords(age), clockHint);
    const end = Math.min(notOnOrAfter ?? Number.POSITIVE_INFINITY, issuedAt + awsLimit);
    const ago = now > end ? ` ${inWords(now - end)} ago` : "";
    return is("sign-in-needed", `the SAML assertion expired${ago}`, "sign in again");
  }
  const early = notBefore !== undefined && notBefore > now ? notBefore - now : 0;
  if (early > 0) return is("clock-skew", clockWords(-Math.max(early, -age)), clockHint);

  const { idpArn } = request;
  const provider = `${idpArn.split("/").at(-1)} of account ${parseArn(idpArn)?.accountId}`;
  const shortened = (text: string) => `"${text.replace(/\p{C}+/gu, " ").slice(0, 100)}"`;
  if (/audience/i.test(error.message)) {
    return is(
      "access-denied",
      `the assertion is meant for ${audiences.map(shortened).join(", ") || "nobody"}, not for AWS`,
      "have whoever runs the identity provider set its audience to urn:amazon:webservices",
    );
  }
  if (/provider doesn't exist/i.test(error.message)) {
    const hint = "run: leapp session edit SESSION --idp-arn ARN";
    return is("access-denied", `AWS knows no SAML provider ${provider}`, hint);
  }
  if (/issuer/i.test(error.message)) {
    return is(
      "access-denied",
      `the assertion comes from ${shortened(issuer)}, which is not the SAML provider ${provider}`,
      "check that the session's IdP URL and its provider's ARN belong together",
    );
  }
  if (/signature/i.test(error.message)) {
    return is(
      "access-denied",
      `AWS does not accept the signature as that of the SAML provider ${provider}`,
      "have the identity provider's metadata uploaded to IAM anew",
    );
  }
  return error;
}

/** Message and hint where the sign-in does not open this role through this provider. */
function roleRefusal({ roleArn, idpArn }: FederatedRequest, roles: SamlRole[]): [string, string] | undefined {
  const same = roles.filter((one) => one.roleArn === roleArn);
  if (same.some((one) => one.idpArn === idpArn)) return undefined;
  if (same[0]) {
    const hint = `run: leapp session edit SESSION --idp-arn ${same[0].idpArn}`;
    return [`your sign-in opens ${roleArn} through ${same[0].idpArn}, not through ${idpArn}`, hint];
  }
  const shown = roles.slice(0, 4).map((one) => one.roleArn);
  const more = roles.length > shown.length ? ` and ${roles.length - shown.length} more` : "";
  const opened = shown.length > 0 ? `only ${shown.join(", ")}${more}` : "no role at all";
  return [`your sign-in does not open ${roleArn}, ${opened}`, "run: leapp idp-url roles URL"];
}

const clockHint = "have the identity provider's clock set, or this machine's where it runs here";

/** `age`: milliseconds between the identity provider's time and AWS's. */
const clockWords = (age: number) =>
  `the identity provider's clock is ${inWords(Math.abs(age))} ${age > 0 ? "behind" : "ahead of"} AWS's`;

function inWords(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
