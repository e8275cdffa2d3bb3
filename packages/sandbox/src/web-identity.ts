/** `AssumeRoleWithWebIdentity`: OpenID Connect tokens, checked by signature, issuer, audience, subject and time. */
import { createPublicKey, createSign, createVerify, generateKeyPairSync, randomUUID } from "node:crypto";
import {
  checkRoleDuration,
  durationOf,
  notAuthorizedTo,
  sessionDetails,
  textOf,
  type UnsignedOperation,
} from "./sts.ts";
import { Refusal } from "./wire.ts";
import type { World } from "./world.ts";

export interface OidcProviderOptions {
  accountId: string;
  /** `https://…`; the provider's ARN ends with it, less the scheme. */
  issuer: string;
  /** Audiences; `sts.amazonaws.com` by default. */
  clientIds?: string[];
  /** PEM (RSA: RS256, P-256: ES256); by default the sandbox signs its tokens itself (`webIdentityToken`). */
  publicKey?: string;
}

export interface WebIdentityTokenOptions {
  issuer: string;
  subject: string;
  audience?: string;
  /** Seconds from now; 600 by default. */
  validFor?: number;
}

interface Provider extends OidcProviderOptions {
  arn: string;
}

const invalid = (message: string) => new Refusal("InvalidIdentityToken", message);
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

export class WebIdentities {
  readonly #providers: Provider[] = [];
  readonly #world: World;
  readonly #now: () => number;
  #key: { publicKey: string; privateKey: string } | undefined;

  constructor(world: World, now: () => number) {
    this.#world = world;
    this.#now = now;
  }

  /** @returns the provider's ARN, a principal for a role's trust. */
  addProvider(options: OidcProviderOptions): string {
    const arn = `arn:aws:iam::${options.accountId}:oidc-provider/${options.issuer.replace(/^https:\/\//, "")}`;
    this.#providers.push({ ...options, arn });
    return arn;
  }

  /** A token signed by the sandbox. */
  token({
    issuer,
    subject,
    audience = "sts.amazonaws.com",
    validFor = 600,
  }: WebIdentityTokenOptions): string {
    const iat = Math.floor(this.#now() / 1000);
    const claims = { iss: issuer, sub: subject, aud: audience, iat, exp: iat + validFor, jti: randomUUID() };
    const signed = `${encode({ alg: "ES256", typ: "JWT" })}.${encode(claims)}`;
    const key = { key: this.#keys.privateKey, dsaEncoding: "ieee-p1363" as const };
    return `${signed}.${createSign("sha256").update(signed).sign(key).toString("base64url")}`;
  }

  readonly assumeRole: UnsignedOperation = (form, role) => {
    const name = textOf(form, "RoleSessionName", {
      min: 2,
      max: 64,
      pattern: /^[\w+=,.@-]*$/,
      required: true,
    })!;
    const token = textOf(form, "WebIdentityToken", { min: 4, max: 20_000, required: true })!;
    const duration = durationOf(form, 3_600, 43_200);
    const asked = sessionDetails(form);
    const account = form.get("RoleArn")!.split(":")[4];

    const claims = claimsOf(token);
    const provider = this.#providers.find(
      ({ issuer, accountId }) => issuer === claims.iss && accountId === account,
    );
    if (!provider) throw invalid(`No OpenIDConnect provider found in your account for ${claims.iss}`);
    if (!isSignedBy(token, provider.publicKey ?? this.#keys.publicKey))
      throw invalid("Token signature is invalid");
    const audiences = [claims.aud].flat();
    const audience = audiences.find((aud) =>
      (provider.clientIds ?? ["sts.amazonaws.com"]).includes(String(aud)),
    );
    if (audience === undefined) throw invalid("Incorrect token audience");
    const seconds = Math.floor(this.#now() / 1000);
    if (!(Number(claims.exp) > seconds)) {
      throw new Refusal(
        "ExpiredTokenException",
        `Token expired: current date/time ${seconds} must be before the expiration date/time${claims.exp}`,
      );
    }
    const subject = String(claims.sub);
    const { trust } = role ?? {};
    const trusted = trust?.principals.includes(provider.arn) && (trust.subject ?? subject) === subject;
    if (!role || !trusted) throw notAuthorizedTo("sts:AssumeRoleWithWebIdentity");
    checkRoleDuration(role, duration);
    return {
      session: this.#world.openRoleSession(role, name, { ...asked, durationSeconds: duration }),
      result: { SubjectFromWebIdentityToken: subject, Audience: String(audience), Provider: provider.arn },
    };
  };

  get #keys(): { publicKey: string; privateKey: string } {
    this.#key ??= generateKeyPairSync("ec", {
      namedCurve: "P-256",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    return this.#key;
  }
}

function claimsOf(token: string): Record<string, unknown> {
  try {
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    if (typeof claims === "object" && claims !== null) return claims;
  } catch {
    // Answered below.
  }
  throw invalid(
    "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
  );
}

/** RS256 or ES256 by the kind of the key; what the token says of its algorithm is never asked. */
function isSignedBy(token: string, publicKey: string): boolean {
  const [header = "", claims = "", signature = ""] = token.split(".");
  const key = { key: createPublicKey(publicKey), dsaEncoding: "ieee-p1363" as const };
  return createVerify("sha256")
    .update(`${header}.${claims}`)
    .verify(key, Buffer.from(signature, "base64url"));
}
