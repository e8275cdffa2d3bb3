/**
 * `AssumeRoleWithSAML`: what AWS checks of a SAML response before it hands out a role. Sources: IAM User Guide,
 * "Configure SAML assertions" and "Troubleshoot SAML federation"; SAML 2.0 core; XML signature.
 */
import { DOMParser } from "@xmldom/xmldom";
import { SignedXml } from "xml-crypto";
import {
  checkRoleDuration,
  durationOf,
  notAuthorizedTo,
  sessionDetails,
  textOf,
  type UnsignedOperation,
} from "./sts.ts";
import { Refusal, sha256 } from "./wire.ts";
import type { World } from "./world.ts";

export interface SamlProvider {
  arn: string;
  /** PEM, a certificate or a public key. */
  certificate: string;
  /** Assertions of any other issuer are refused. */
  issuer: string;
}

export const saml2 = {
  protocol: "urn:oasis:names:tc:SAML:2.0:protocol",
  assertion: "urn:oasis:names:tc:SAML:2.0:assertion",
  success: "urn:oasis:names:tc:SAML:2.0:status:Success",
  signature: "http://www.w3.org/2000/09/xmldsig#",
};
export const attributePrefix = "https://aws.amazon.com/SAML/Attributes/";

/** Where AWS takes SAML responses, in every partition, with and without a region. */
const recipients =
  /^https:\/\/([a-z]{2}(-[a-z]+)+-\d\.)?signin\.(aws\.amazon\.com|amazonaws-us-gov\.com|amazonaws\.cn|amazonaws-eusc\.eu)\/saml(\/acs\/\w+)?$/;
const isAudience = (text: string) => /^urn:amazon:webservices(:[\w-]+)?$/.test(text) || recipients.test(text);

interface SamlContext {
  world: World;
  providers: Map<string, SamlProvider>;
  now(): number;
}

export function assumeRoleWithSaml({ world, providers, now }: SamlContext): UnsignedOperation {
  return (form, role) => {
    const principalArn = textOf(form, "PrincipalArn", { min: 20, max: 2_048, required: true })!;
    const encoded = textOf(form, "SAMLAssertion", { min: 4, max: 100_000, required: true })!;
    const duration = durationOf(form, 3_600, 43_200);
    const asked = sessionDetails(form);

    const provider = providers.get(principalArn);
    if (!provider) throw invalid("Specified provider doesn't exist");
    const assertion = verified(decode(encoded), provider);

    if (textIn(assertion, "Issuer") !== provider.issuer) {
      throw invalid("Issuer not present in specified provider");
    }
    if (!all(assertion, "Audience").map(textOfElement).some(isAudience))
      throw invalid("Response does not contain the required audience.");
    checkTimes(assertion, now());
    const recipient = all(assertion, "SubjectConfirmationData")[0]?.getAttribute("Recipient") ?? "";
    if (!recipients.test(recipient)) throw invalid("Invalid SAML recipient.");

    const name = attribute(assertion, "RoleSessionName")[0];
    if (name === undefined) throw invalid("RoleSessionName is required in AuthnResponse");
    if (!/^[\w+=,.@-]{2,64}$/.test(name))
      throw invalid("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}");
    const roleArn = form.get("RoleArn")!;
    const pairs = attribute(assertion, "Role").map((pair) => pair.split(",").map((arn) => arn.trim()));
    const offered = pairs.some((pair) => pair.includes(roleArn) && pair.includes(principalArn));
    if (!offered || !role?.trust.principals.includes(principalArn))
      throw notAuthorizedTo("sts:AssumeRoleWithSAML");
    checkRoleDuration(role, duration);

    const tags: Record<string, string> = {};
    for (const element of all(assertion, "Attribute")) {
      const key = element.getAttribute("Name")?.split(`${attributePrefix}PrincipalTag:`)[1];
      if (key) tags[key] = textIn(element, "AttributeValue");
    }
    const transitiveTagKeys = attribute(assertion, "TransitiveTagKeys");
    const sourceIdentity = attribute(assertion, "SourceIdentity")[0];
    // The session ends with the one at the identity provider, should that be sooner.
    const providerEnd = all(assertion, "AuthnStatement")[0]?.getAttribute("SessionNotOnOrAfter");
    const left = providerEnd ? Math.floor((Date.parse(providerEnd) - now()) / 1000) : duration;
    const session = world.openRoleSession(role, name, {
      ...asked,
      durationSeconds: Math.min(duration, left),
      ...(Object.keys(tags).length ? { tags } : {}),
      ...(transitiveTagKeys.length ? { transitiveTagKeys } : {}),
      ...(sourceIdentity ? { sourceIdentity } : {}),
    });
    const issuer = textIn(assertion, "Issuer");
    const account = principalArn.split(":")[4]!;
    return {
      session,
      result: {
        Audience: recipient,
        Issuer: issuer,
        Subject: textIn(assertion, "NameID"),
        SubjectType: all(assertion, "NameID")[0]?.getAttribute("Format")?.split(":").at(-1) ?? "unspecified",
        NameQualifier: Buffer.from(sha256(issuer + account + provider.arn.split("/")[1]), "hex").toString(
          "base64",
        ),
        SourceIdentity: sourceIdentity,
      },
    };
  };
}

const invalid = (message: string) => new Refusal("InvalidIdentityToken", message);

function decode(encoded: string): string {
  const flat = encoded.replace(/\s/g, "");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(flat)) throw invalid("Invalid base64 SAMLResponse");
  return Buffer.from(flat, "base64").toString("utf8");
}

function parse(text: string): Element {
  let broken = /<!DOCTYPE/i.test(text);
  const note = () => {
    broken = true;
  };
  const errorHandler = { warning: note, error: note, fatalError: note };
  const document = new DOMParser({ errorHandler }).parseFromString(text, "text/xml");
  if (broken || !document?.documentElement) throw invalid("Invalid SAML response: not well-formed XML");
  return document.documentElement;
}

/**
 * The assertion, as far as a signature covers it: what is read later is what was signed, so that nothing can be
 * wrapped around or beside it.
 */
function verified(text: string, provider: SamlProvider): Element {
  const response = parse(text);
  if (response.localName !== "Response" || response.namespaceURI !== saml2.protocol)
    throw invalid("Not a SAML response");
  const status = all(response, "StatusCode", saml2.protocol)[0]?.getAttribute("Value");
  if (status !== saml2.success) {
    throw new Refusal("IDPRejectedClaim", "The identity provider did not authenticate the person", 403);
  }
  const assertions = children(response, "Assertion");
  const signed = [response, ...assertions].flatMap((element) => {
    const signature = children(element, "Signature", saml2.signature)[0];
    return signature ? [signedPart(text, element, signature, provider)] : [];
  });
  const trusted = signed
    .flatMap((element) => (element.localName === "Response" ? children(element, "Assertion") : [element]))
    .filter((element) => element.localName === "Assertion" && element.namespaceURI === saml2.assertion);
  if (assertions.length !== 1 || !trusted[0]) throw invalid("Response signature invalid");
  return trusted[0];
}

function signedPart(text: string, element: Element, signature: Element, provider: SamlProvider): Element {
  const check = new SignedXml({ publicCert: provider.certificate, getCertFromKeyInfo: () => null });
  let parts: string[] = [];
  try {
    check.loadSignature(signature as unknown as Node);
    if (check.checkSignature(text)) parts = check.getSignedReferences();
  } catch {
    // An unusable signature is a wrong one.
  }
  const part = parts.length === 1 ? parse(parts[0]!) : undefined;
  if (part?.getAttribute("ID") !== element.getAttribute("ID")) throw invalid("Response signature invalid");
  return part;
}

/** Conditions, subject confirmation, and the five minutes that AWS allows after the assertion was issued. */
function checkTimes(assertion: Element, now: number): void {
  const bounds = [...all(assertion, "Conditions"), ...all(assertion, "SubjectConfirmationData")];
  const times = (name: string) =>
    bounds
      .map((element) => element.getAttribute(name))
      .filter(Boolean)
      .map((text) => Date.parse(text!));
  const ends = [...times("NotOnOrAfter"), Date.parse(assertion.getAttribute("IssueInstant") ?? "") + 300_000];
  if (!ends.every((end) => now < end)) {
    throw new Refusal("ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance");
  }
  if (times("NotBefore").some((start) => now < start)) throw invalid("The assertion is not yet valid");
}

function all(element: Element, name: string, namespace: string = saml2.assertion): Element[] {
  return Array.from(element.getElementsByTagNameNS(namespace, name));
}

function children(element: Element, name: string, namespace: string = saml2.assertion): Element[] {
  return all(element, name, namespace).filter((child) => child.parentNode === element);
}

const textOfElement = (element: Element) => (element.textContent ?? "").trim();

const textIn = (element: Element, name: string) => {
  const found = all(element, name)[0];
  return found ? textOfElement(found) : "";
};

const attribute = (assertion: Element, name: string): string[] =>
  all(assertion, "Attribute")
    .filter((element) => element.getAttribute("Name") === attributePrefix + name)
    .flatMap((element) => all(element, "AttributeValue").map(textOfElement));
