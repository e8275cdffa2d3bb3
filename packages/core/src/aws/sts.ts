/** AWS STS: temporary credentials and who they belong to (STS API reference, 2011-06-15). */
import type { AssumeRoleCommandInput, Credentials as StsCredentials, STSClient } from "@aws-sdk/client-sts";
import { LeappError } from "../errors.ts";
import type { Credentials, Region } from "../model.ts";
import { parseArn } from "./arn.ts";
import { callAws, type Handler } from "./call.ts";
import { awsCode, awsMessage } from "./failure.ts";
import type { Wire } from "./http.ts";

export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Where a call goes. */
export interface Target {
  region: Region;
  /** Base URL instead of the wire's: for an AWS look-alike. */
  endpoint?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface SignedTarget extends Target {
  keys: Keys;
}

/** A code of the MFA device of the IAM user whose long-term keys sign. */
export interface Mfa {
  device: string;
  code: string;
}

export interface SessionTokenInput {
  durationSeconds: number;
  mfa?: Mfa | undefined;
}

/** What all AssumeRole calls share. */
interface RoleInput {
  roleArn: string;
  /** 900 to the role's own maximum; AWS takes 3600 when absent. */
  durationSeconds?: number | undefined;
  /** JSON text. */
  policy?: string | undefined;
  policyArns?: readonly string[] | undefined;
}

export interface AssumeRoleInput extends RoleInput {
  roleSessionName: string;
  externalId?: string | undefined;
  tags?: Readonly<Record<string, string>> | undefined;
  transitiveTagKeys?: readonly string[] | undefined;
  sourceIdentity?: string | undefined;
  mfa?: Mfa | undefined;
}

export interface WebIdentityInput extends RoleInput {
  roleSessionName: string;
  /** The OIDC token. */
  token: string;
}

export interface SamlInput extends RoleInput {
  idpArn: string;
  /** The SAML response in Base64, as the browser posted it. */
  assertion: string;
}

export interface CallerIdentity {
  accountId: string;
  arn: string;
  userId: string;
}

/**
 * All methods throw LeappError: `access-denied`, `keys-rejected`, `mfa-rejected`, `invalid`, `clock-skew`,
 * `aws-unavailable`, `network`. Only the keys given are used, never the environment or `~/.aws` (consumers.md R10).
 */
export interface Sts {
  getSessionToken(input: SessionTokenInput, target: SignedTarget): Promise<Credentials>;
  assumeRole(input: AssumeRoleInput, target: SignedTarget): Promise<Credentials>;
  assumeRoleWithSaml(input: SamlInput, target: Target): Promise<Credentials>;
  assumeRoleWithWebIdentity(input: WebIdentityInput, target: Target): Promise<Credentials>;
  getCallerIdentity(target: SignedTarget): Promise<CallerIdentity>;
}

type Sdk = typeof import("@aws-sdk/client-sts");

/** The SDK, which takes 10 ms to load: an agent that will need it soon may do so while it waits for something. */
export const loadSts = (): Promise<Sdk> => import("@aws-sdk/client-sts");

export function createSts(wire: Wire): Sts {
  async function send<T>(
    action: string,
    target: Target & { keys?: Keys },
    run: (client: STSClient, sdk: Sdk) => Promise<T>,
  ): Promise<T> {
    const endpoint = wire.endpoint("sts", target.region, target.endpoint);
    const sdk = await loadSts();
    return callAws(wire, action, target.signal, (handler) =>
      run(clientFor(sdk, handler, endpoint, target), sdk),
    );
  }

  /**
   * A client a call: nothing of one session gets into another's, and it costs less than a millisecond. Every
   * option is set that the SDK would otherwise look up in the environment or in the shared config files.
   */
  function clientFor(
    sdk: Sdk,
    handler: Handler,
    endpoint: string,
    target: Target & { keys?: Keys },
  ): STSClient {
    const { region, keys } = target;
    return new sdk.STSClient({
      region,
      endpoint,
      // Only these three: the SDK would judge an expiry by the machine's clock.
      credentials: keys
        ? {
            accessKeyId: keys.accessKeyId,
            secretAccessKey: keys.secretAccessKey,
            sessionToken: keys.sessionToken,
          }
        : () => Promise.reject(new Error("this call is not signed")),
      requestHandler: handler as never,
      // Signed with our clock; the SDK's silent correction of a wrong one would leave every expiry wrong.
      systemClockOffset: wire.clock.now() - Date.now(),
      maxAttempts: 1,
      retryMode: "standard",
      defaultsMode: "standard",
      useFipsEndpoint: false,
      useDualstackEndpoint: false,
      authSchemePreference: [],
      sigv4aSigningRegionSet: [],
      userAgentAppId: async () => undefined,
      defaultUserAgentProvider: async () => [["leapp", "1"]],
    });
  }

  /**
   * Sends a command that hands out credentials.
   * @param owner an ARN of the account they belong to, where the answer names none.
   */
  async function issue(
    action: string,
    target: Target & { keys?: Keys },
    run: (client: STSClient, sdk: Sdk) => Promise<Issued>,
    owner?: string,
  ): Promise<Credentials> {
    const issuedAt = wire.clock.now();
    return send(action, target, async (client, sdk) => {
      const answer = await run(client, sdk);
      const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = answer.Credentials ?? {};
      if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration) throw incomplete();
      const accountId = parseArn(answer.AssumedRoleUser?.Arn ?? owner ?? "")?.accountId;
      return {
        accessKeyId: AccessKeyId,
        secretAccessKey: SecretAccessKey,
        sessionToken: SessionToken,
        expiration: Expiration.getTime(),
        issuedAt,
        ...(accountId ? { accountId } : {}),
      };
    });
  }

  return {
    getSessionToken({ durationSeconds, mfa }, target) {
      const command = { DurationSeconds: durationSeconds, SerialNumber: mfa?.device, TokenCode: mfa?.code };
      return issue(
        "GetSessionToken",
        target,
        (client, sdk) =>
          client.send(new sdk.GetSessionTokenCommand(command)).catch(rethrow(sessionTokenMeaning)),
        // The device belongs to the user, so its account is the user's.
        mfa?.device,
      );
    },

    assumeRole(input, target) {
      const command: AssumeRoleCommandInput = {
        ...roleInput(input),
        RoleSessionName: input.roleSessionName,
        ExternalId: input.externalId,
        Tags: input.tags && Object.entries(input.tags).map(([Key, Value]) => ({ Key, Value })),
        TransitiveTagKeys: input.transitiveTagKeys && [...input.transitiveTagKeys],
        SourceIdentity: input.sourceIdentity,
        SerialNumber: input.mfa?.device,
        TokenCode: input.mfa?.code,
      };
      return issue("AssumeRole", target, (client, sdk) =>
        client.send(new sdk.AssumeRoleCommand(command)).catch(rethrow(roleMeaning(input))),
      );
    },

    assumeRoleWithSaml(input, target) {
      const command = { ...roleInput(input), PrincipalArn: input.idpArn, SAMLAssertion: input.assertion };
      return issue("AssumeRoleWithSAML", target, (client, sdk) =>
        client
          .send(new sdk.AssumeRoleWithSAMLCommand(command))
          .catch(rethrow(tokenMeaning("assertion", input))),
      );
    },

    assumeRoleWithWebIdentity(input, target) {
      const { roleSessionName: RoleSessionName, token: WebIdentityToken } = input;
      const command = { ...roleInput(input), RoleSessionName, WebIdentityToken };
      return issue("AssumeRoleWithWebIdentity", target, (client, sdk) =>
        client
          .send(new sdk.AssumeRoleWithWebIdentityCommand(command))
          .catch(rethrow(tokenMeaning("token", input))),
      );
    },

    getCallerIdentity(target) {
      return send("GetCallerIdentity", target, async (client, sdk) => {
        const { Account, Arn, UserId } = await client.send(new sdk.GetCallerIdentityCommand({}));
        if (!Account || !Arn || !UserId) throw incomplete();
        return { accountId: Account, arn: Arn, userId: UserId };
      });
    },
  };
}

/** An answer with status 200 that lacks what AWS always gives: it is not AWS's. */
const incomplete = () => new Error("incomplete answer");

interface Issued {
  Credentials?: StsCredentials | undefined;
  AssumedRoleUser?: { Arn?: string | undefined } | undefined;
}

function roleInput(input: RoleInput) {
  return {
    RoleArn: input.roleArn,
    DurationSeconds: input.durationSeconds,
    Policy: input.policy,
    PolicyArns: input.policyArns?.map((arn) => ({ arn })),
  };
}

/** What a code of this operation means; undefined leaves it to the general table. */
type Meaning = (code: string, error: unknown) => LeappError | undefined;

function rethrow(meaning: Meaning): (error: unknown) => never {
  return (error) => {
    const code = awsCode(error);
    throw (code && meaning(code, error)) || error;
  };
}

const mfaMeaning: Meaning = (code, error) => {
  const text = awsMessage(error);
  if (code !== "AccessDenied" || !/MultiFactorAuthentication/i.test(text)) return undefined;
  if (/invalid MFA one time pass code/i.test(text)) {
    return new LeappError("mfa-rejected", "AWS did not accept the MFA code", {
      hint: "each code works once: wait for the next one",
    });
  }
  return new LeappError("invalid", "AWS does not know this MFA device for this user", {
    hint: "run: leapp session edit SESSION --mfa-device ARN",
  });
};

const sessionTokenMeaning: Meaning = (code, error) => {
  if (code === "AccessDenied" && /session credentials/i.test(awsMessage(error))) {
    return new LeappError("invalid", "these are temporary keys; an IAM user session needs long-term ones", {
      hint: "run: leapp session edit SESSION --access-key-id ID --secret-access-key-stdin",
    });
  }
  return mfaMeaning(code, error);
};

function roleMeaning({ roleArn, durationSeconds }: RoleInput): Meaning {
  return (code, error) => {
    const aboutMfa = mfaMeaning(code, error);
    if (aboutMfa) return aboutMfa;
    if (/^AccessDenied/.test(code)) {
      return new LeappError("access-denied", `AWS does not let you assume ${roleArn}: ${awsMessage(error)}`, {
        hint: "check the role's trust policy, its external id and MFA conditions, and your own policies",
      });
    }
    if (/^Validation/.test(code) && /DurationSeconds/.test(awsMessage(error))) {
      return new LeappError(
        "invalid",
        `AWS does not grant ${durationSeconds} s for ${roleArn}: ${awsMessage(error)}`,
        {
          hint: "run: leapp session edit SESSION --duration 3600",
        },
      );
    }
    return undefined;
  };
}

function tokenMeaning(what: "token" | "assertion", input: RoleInput): Meaning {
  const name = what === "token" ? "the web identity token" : "the SAML assertion";
  return (code, error) => {
    if (/^ExpiredToken/.test(code)) {
      return new LeappError("keys-rejected", `${name} has expired (${code})`, {
        hint: "get a new one and try again",
      });
    }
    if (/^(InvalidIdentityToken|IDPRejectedClaim)/.test(code)) {
      return new LeappError("access-denied", `AWS does not accept ${name} (${code}): ${awsMessage(error)}`, {
        hint: "check the identity provider in IAM, its audience and the role's trust policy",
      });
    }
    return roleMeaning(input)(code, error);
  };
}
