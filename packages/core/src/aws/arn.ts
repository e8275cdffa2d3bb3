import { LeappError } from "../errors.ts";
import { partitions, shorten } from "./regions.ts";

export interface Arn {
  partition: string;
  service: string;
  /** Empty for services without regions, such as IAM. */
  region: string;
  /** Twelve digits, `aws` for AWS's own policies, or empty. */
  accountId: string;
  /** Everything after the fifth colon: `role/path/name`. */
  resource: string;
}

export interface NamedArn extends Arn {
  /** `/`, or `/team/ci/`. */
  path: string;
  name: string;
}

/** `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, or undefined. The partition must be one that exists. */
export function parseArn(text: string): Arn | undefined {
  const match = /^arn:([^:]+):([^:]+):([^:]*):(\d{12}|aws|):(.+)$/.exec(text);
  if (!match) return undefined;
  const [, partition = "", service = "", region = "", accountId = "", resource = ""] = match;
  if (!partitions.some(({ id }) => id === partition)) return undefined;
  return { partition, service, region, accountId, resource };
}

/** `arn:aws:iam::123456789012:role/path/name`. @throws LeappError `invalid` */
export function parseRoleArn(text: string): NamedArn {
  const example = "arn:aws:iam::123456789012:role/NAME";
  const arn = parseArn(text);
  if (arn?.service === "sts" && arn.resource.startsWith("assumed-role/")) {
    const role = arn.resource.split("/")[1];
    throw new LeappError("invalid", `"${shorten(text)}" is a session of a role, not the role`, {
      hint: `give the role's own ARN, like arn:${arn.partition}:iam::${arn.accountId}:role/${role}`,
    });
  }
  return named(text, arn, "role", /^[\w+=,.@-]{1,64}$/, "a role's ARN", example);
}

/** `arn:aws:iam::123456789012:saml-provider/name`. @throws LeappError `invalid` */
export function parseSamlProviderArn(text: string): NamedArn {
  const example = "arn:aws:iam::123456789012:saml-provider/NAME";
  return named(text, parseArn(text), "saml-provider", /^[\w.-]{1,128}$/, "a SAML provider's ARN", example);
}

/** `arn:aws:iam::aws:policy/name` or one of an account. @throws LeappError `invalid` */
export function parsePolicyArn(text: string): NamedArn {
  const example = "arn:aws:iam::aws:policy/ReadOnlyAccess";
  return named(text, parseArn(text), "policy", /^[\w+=,.@-]{1,128}$/, "a policy's ARN", example);
}

/**
 * A virtual MFA device's ARN, or the serial number of a hardware token.
 * @returns the account that the ARN names; undefined for a serial number.
 * @throws LeappError `invalid`, also for FIDO keys: AWS accepts those in its web console only.
 */
export function parseMfaDevice(text: string): { accountId: string | undefined } {
  if (/^[\w+=,.@-]{9,256}$/.test(text)) return { accountId: undefined };
  const arn = parseArn(text);
  if (arn?.resource.startsWith("u2f/")) {
    throw new LeappError("invalid", "a security key (u2f) cannot be used here: AWS takes only MFA codes", {
      hint: "add an authenticator app to the user as a second MFA device and give its ARN",
    });
  }
  const example = "arn:aws:iam::123456789012:mfa/NAME, or a hardware token's serial number";
  const { accountId } = named(text, arn, "mfa", /^[\w+=,.@-]{1,226}$/, "an MFA device", example);
  return { accountId };
}

function named(
  text: string,
  arn: Arn | undefined,
  kind: string,
  name: RegExp,
  what: string,
  example: string,
): NamedArn {
  const parts = arn?.resource.split("/") ?? [];
  const last = parts.at(-1) ?? "";
  const fits =
    arn?.service === "iam" &&
    arn.region === "" &&
    (/^\d/.test(arn.accountId) || (kind === "policy" && arn.accountId === "aws")) &&
    parts.length >= 2 &&
    parts[0] === kind &&
    parts.slice(1, -1).every((part) => /^[\x21-\x2e\x30-\x7e]+$/.test(part)) &&
    arn.resource.length <= 640 &&
    name.test(last);
  if (!arn || !fits) {
    throw new LeappError("invalid", `"${shorten(text)}" is not ${what}`, {
      hint: `a good one looks like ${example}`,
    });
  }
  const path = parts.slice(1, -1);
  return { ...arn, path: path.length ? `/${path.join("/")}/` : "/", name: last };
}
