/**
 * What a SAML response says, read without trusting it: AWS alone checks the signature. Sources: SAML 2.0 core; IAM
 * User Guide, "Configure SAML assertions for the authentication response".
 */
import { parseArn } from "../aws/arn.ts";
import { LeappError } from "../errors.ts";
import { type Element, elementsNamed, parseXml } from "./saml-xml.ts";

/** Bytes of Base64; AWS itself takes 100,000. */
const maxSize = 256 * 1024;
/** Milliseconds after which AWS refuses an assertion, whatever it says itself. */
export const awsLimit = 5 * 60_000;

export interface SamlRole {
  roleArn: string;
  /** Of the SAML provider in IAM. */
  idpArn: string;
}

/** Times are epoch milliseconds, by the identity provider's clock. */
export interface SamlAssertion {
  /** The SAML response, base64. A secret for the few minutes of its life. */
  response: string;
  /** In the identity provider's order. Empty also where the assertion is encrypted. */
  roles: SamlRole[];
  encrypted: boolean;
  issuer: string;
  audiences: string[];
  roleSessionName?: string;
  /** Seconds. */
  sessionDuration?: number;
  issuedAt?: number;
  notBefore?: number;
  notOnOrAfter?: number;
  /** End of the session at the identity provider; AWS ends the role's session with it. */
  sessionNotOnOrAfter?: number;
}

const attributePrefix = "https://aws.amazon.com/SAML/Attributes/";

/**
 * Reads a SAML response in Base64, blanks and line ends allowed.
 * @throws LeappError `invalid` for what is none, `access-denied` where the identity provider says that it failed.
 */
export function parseAssertion(base64: string): SamlAssertion {
  if (base64.length > maxSize) throw invalid("it is larger than 256 KB");
  const response = base64.replace(/\s+/g, "");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(response)) throw invalid("it is not Base64");
  let root: Element;
  try {
    root = parseXml(Buffer.from(response, "base64").toString("utf8"));
  } catch (error) {
    throw invalid((error as Error).message);
  }
  if (root.name !== "Response") throw invalid("its root is not a SAML response");
  const status = first(root, "StatusCode")?.attributes.Value ?? "";
  if (!status.endsWith(":Success")) throw failed(root, status);

  const assertion = root.children.find(({ name }) => name === "Assertion");
  const encrypted = !assertion && root.children.some(({ name }) => name === "EncryptedAssertion");
  if (!assertion && !encrypted) throw invalid("there is no assertion in it");
  const source = assertion ?? root;

  const bounds = ["Conditions", "SubjectConfirmationData"].flatMap((name) => all(source, name));
  const times = (name: string) => bounds.flatMap(({ attributes }) => time(attributes[name]) ?? []);
  const duration = Number(attributeValues(source, "SessionDuration")[0]);
  const [roleSessionName] = attributeValues(source, "RoleSessionName");
  const sessionEnds = all(source, "AuthnStatement").map(({ attributes }) =>
    time(attributes.SessionNotOnOrAfter),
  );
  return defined({
    response,
    roles: attributeValues(source, "Role").flatMap(rolePair),
    encrypted,
    issuer: first(source, "Issuer")?.text.trim() ?? "",
    audiences: all(source, "Audience").map(({ text }) => text.trim()),
    roleSessionName,
    sessionDuration: duration > 0 ? duration : undefined,
    issuedAt: time(source.attributes.IssueInstant),
    notBefore: latest(times("NotBefore")),
    notOnOrAfter: earliest(times("NotOnOrAfter")),
    sessionNotOnOrAfter: earliest(sessionEnds.flatMap((end) => end ?? [])),
  });
}

/** `role,provider` or `provider,role`, blanks around them; anything else is left out. */
function rolePair(text: string): SamlRole[] {
  const arns = text.split(",").map((arn) => arn.trim());
  const of = (kind: string) => arns.find((arn) => parseArn(arn)?.resource.startsWith(kind));
  const roleArn = of("role/");
  const idpArn = of("saml-provider/");
  return arns.length === 2 && roleArn && idpArn ? [{ roleArn, idpArn }] : [];
}

function attributeValues(assertion: Element, name: string): string[] {
  return all(assertion, "Attribute")
    .filter(({ attributes }) => attributes.Name === attributePrefix + name)
    .flatMap((element) => all(element, "AttributeValue").map(({ text }) => text.trim()))
    .filter(Boolean);
}

const all = (element: Element, name: string): Element[] => [...elementsNamed(element, name)];
const first = (element: Element, name: string): Element | undefined =>
  elementsNamed(element, name).next().value;

/** xs:dateTime in UTC, fractions of any length; undefined for what is none. */
function time(text: string | undefined): number | undefined {
  const read = Date.parse((text ?? "").trim().replace(/(\.\d{3})\d+/, "$1"));
  return Number.isFinite(read) ? read : undefined;
}

const earliest = (times: number[]) => (times.length > 0 ? Math.min(...times) : undefined);
const latest = (times: number[]) => (times.length > 0 ? Math.max(...times) : undefined);

function defined<T extends object>(value: { [Key in keyof T]: T[Key] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;
}

const invalid = (why: string) =>
  new LeappError("invalid", `this is not a SAML response: ${why}`, {
    hint: "give the value of the form field SAMLResponse, as the browser posts it to AWS",
  });

function failed(root: Element, status: string): LeappError {
  const said = first(root, "StatusMessage")
    ?.text.replace(/[\s\p{C}]+/gu, " ")
    .trim()
    .slice(0, 160);
  const inner = [...elementsNamed(root, "StatusCode")].at(-1)?.attributes.Value ?? status;
  const why = said || inner.split(":").at(-1)?.slice(0, 80) || "no reason given";
  return new LeappError("access-denied", `the identity provider did not sign you in: ${why}`, {
    hint: "ask whoever runs it",
  });
}
