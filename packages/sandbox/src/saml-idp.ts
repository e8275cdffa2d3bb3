/** A SAML identity provider with a login form, as a company would have it; its key is made at start. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { SignedXml } from "xml-crypto";
import { form, layout, signInPage } from "./pages.ts";
import { attributePrefix, saml2 } from "./saml.ts";
import { pageError } from "./sso-oidc.ts";
import { type Route, type WireReply, type WireRequest, escapeMarkup, formOf, sameText } from "./wire.ts";

export interface IdpUser {
  user: string;
  password: string;
  /** What may be assumed, each with the ARN of the provider in the role's account. */
  roles: { roleArn: string; providerArn: string }[];
  /** `user@example.com` by default. */
  sessionName?: string;
}

/** How an assertion departs from the right one. */
export interface AssertionOptions {
  user: string;
  audience?: string;
  recipient?: string;
  issuer?: string;
  /** Seconds from now until it counts; past by default. */
  validFrom?: number;
  /** Seconds from now until it expires; 300 by default. */
  validFor?: number;
  /** Seconds from now at which the session at the identity provider ends; absent by default. */
  sessionEnds?: number;
  /** `provider,role` instead of `role,provider`. */
  swapPairs?: boolean;
  /** Absent when empty. */
  sessionName?: string;
  tags?: Record<string, string>;
  sourceIdentity?: string;
  status?: string;
  /** What is signed; `response` by default. */
  sign?: "response" | "assertion" | "both" | "none" | "other-key";
}

const rsaSha256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
const makeKey = () =>
  generateKeyPairSync("rsa", {
    modulusLength: 2_048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });

export class SamlIdp {
  readonly #users = new Map<string, IdpUser>();
  /** Cookies of people who signed in before. */
  readonly #remembered = new Map<string, string>();
  readonly #now: () => number;
  readonly #url: () => string;
  #key: ReturnType<typeof makeKey> | undefined;
  /** Where the browser is told to post the response. */
  signInUrl = "https://signin.aws.amazon.com/saml";

  constructor(now: () => number, url: () => string) {
    this.#now = now;
    this.#url = url;
  }

  get issuer(): string {
    return `${this.#url()}/idp`;
  }

  /** PEM */
  get publicKey(): string {
    return this.#keys.publicKey;
  }

  get #keys(): ReturnType<typeof makeKey> {
    this.#key ??= makeKey();
    return this.#key;
  }

  addUser(user: IdpUser): void {
    this.#users.set(user.user, user);
  }

  /** A SAML response as the browser would carry it: base64. */
  respond(options: AssertionOptions): string {
    const user = this.#users.get(options.user);
    if (!user) throw new Error(`no user ${options.user} at the identity provider`);
    const sign = options.sign ?? "response";
    const key = sign === "other-key" ? makeKey().privateKey : this.#keys.privateKey;
    let text = responseXml(user, options, this.#now(), this.issuer, this.signInUrl);
    if (sign === "assertion" || sign === "both") text = signed(text, "Assertion", key);
    if (sign === "response" || sign === "both" || sign === "other-key") text = signed(text, "Response", key);
    return Buffer.from(text).toString("base64");
  }

  route(request: WireRequest): Route | undefined {
    if (request.path === "/idp/key.pem") {
      const pem = { status: 200, headers: { "content-type": "text/plain" }, body: this.publicKey };
      return { action: "SamlKey", answer: () => pem, refuse: pageError };
    }
    if (request.path !== "/idp") return undefined;
    if (request.method === "POST") {
      return { action: "SamlSignIn", answer: () => this.#checkPassword(request), refuse: pageError };
    }
    return { action: "SamlStart", answer: () => this.#start(request), refuse: pageError };
  }

  #start(request: WireRequest): WireReply {
    const relayState = request.query.get("RelayState") ?? "";
    const cookie = /(?:^|; )sandbox-idp=(\w+)/.exec(request.headers.cookie ?? "")?.[1];
    const user = cookie && this.#remembered.get(cookie);
    return user ? this.#post(user, relayState) : signInPage("/idp", { RelayState: relayState });
  }

  #checkPassword(request: WireRequest): WireReply {
    const fields = formOf(request);
    const relayState = fields.get("RelayState") ?? "";
    const user = this.#users.get(fields.get("username") ?? "");
    if (!user || !sameText(fields.get("password") ?? "", user.password)) {
      return signInPage("/idp", { RelayState: relayState }, true);
    }
    const cookie = randomBytes(16).toString("hex");
    this.#remembered.set(cookie, user.user);
    const reply = this.#post(user.user, relayState);
    const attributes = "Path=/idp; Max-Age=28800; HttpOnly; SameSite=Lax";
    return { ...reply, headers: { ...reply.headers, "set-cookie": `sandbox-idp=${cookie}; ${attributes}` } };
  }

  /** The page that carries the response to AWS by itself; the response is not the first field, as often in life. */
  #post(user: string, RelayState: string): WireReply {
    const fields = { RelayState, SAMLResponse: this.respond({ user }) };
    const content = form(this.signInUrl, fields, "<noscript><button>Continue</button></noscript>");
    return layout("Signed in", content, 200, ' onload="document.forms[0].submit()"');
  }
}

function responseXml(
  user: IdpUser,
  options: AssertionOptions,
  now: number,
  self: string,
  signInUrl: string,
): string {
  const at = (seconds: number) => new Date(now + seconds * 1000).toISOString();
  const id = () => `_${randomBytes(16).toString("hex")}`;
  const e = escapeMarkup;
  const attribute = (name: string, values: string[]) =>
    `<saml:Attribute Name="${attributePrefix}${e(name)}">` +
    `${values.map((value) => `<saml:AttributeValue>${e(value)}</saml:AttributeValue>`).join("")}</saml:Attribute>`;
  const pairs = user.roles.map(({ roleArn, providerArn }) =>
    options.swapPairs ? `${providerArn},${roleArn}` : `${roleArn},${providerArn}`,
  );
  const name = options.sessionName ?? user.sessionName ?? `${user.user}@example.com`;
  const attributes = [
    attribute("Role", pairs),
    name ? attribute("RoleSessionName", [name]) : "",
    attribute("SessionDuration", ["28800"]),
    ...Object.entries(options.tags ?? {}).map(([key, value]) => attribute(`PrincipalTag:${key}`, [value])),
    options.sourceIdentity ? attribute("SourceIdentity", [options.sourceIdentity]) : "",
  ].join("");
  const issuer = `<saml:Issuer>${e(options.issuer ?? self)}</saml:Issuer>`;
  const recipient = e(options.recipient ?? signInUrl);
  const end = at(options.validFor ?? 300);
  const sessionEnd =
    options.sessionEnds === undefined ? "" : ` SessionNotOnOrAfter="${at(options.sessionEnds)}"`;
  return (
    `<samlp:Response xmlns:samlp="${saml2.protocol}" xmlns:saml="${saml2.assertion}" ID="${id()}" Version="2.0"` +
    ` IssueInstant="${at(0)}" Destination="${recipient}">${issuer}` +
    `<samlp:Status><samlp:StatusCode Value="${options.status ?? saml2.success}"/></samlp:Status>` +
    `<saml:Assertion ID="${id()}" Version="2.0" IssueInstant="${at(0)}">${issuer}` +
    '<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">' +
    `${e(user.user)}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">` +
    `<saml:SubjectConfirmationData NotOnOrAfter="${end}" Recipient="${recipient}"/></saml:SubjectConfirmation>` +
    `</saml:Subject><saml:Conditions NotBefore="${at(options.validFrom ?? -30)}" NotOnOrAfter="${end}">` +
    `<saml:AudienceRestriction><saml:Audience>${e(options.audience ?? "urn:amazon:webservices")}</saml:Audience>` +
    `</saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="${at(0)}"${sessionEnd}>` +
    "<saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password" +
    "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>" +
    `<saml:AttributeStatement>${attributes}</saml:AttributeStatement></saml:Assertion></samlp:Response>`
  );
}

/** An enveloped signature over the element of that name, put after its issuer as the schema asks. */
function signed(text: string, element: string, privateKey: string): string {
  const signature = new SignedXml({
    privateKey,
    signatureAlgorithm: rsaSha256,
    canonicalizationAlgorithm: exclusive,
  });
  const xpath = `//*[local-name(.)='${element}']`;
  signature.addReference({
    xpath,
    transforms: ["http://www.w3.org/2000/09/xmldsig#enveloped-signature", exclusive],
    digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha256",
  });
  signature.computeSignature(text, {
    prefix: "ds",
    location: { reference: `${xpath}/*[local-name(.)='Issuer']`, action: "after" },
  });
  return signature.getSignedXml();
}
