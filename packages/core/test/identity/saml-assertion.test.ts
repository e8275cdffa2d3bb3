import { describe, expect, test } from "bun:test";
import { parseAssertion } from "../../src/identity/saml-assertion.ts";
import { isAwsSignIn, samlResponseOf, signInPatterns } from "../../src/identity/saml-post.ts";
import { parseXml } from "../../src/identity/saml-xml.ts";
import { thrown } from "../thrown.ts";

const role = (name: string, partition = "aws") => `arn:${partition}:iam::111122223333:role/${name}`;
const provider = (partition = "aws") => `arn:${partition}:iam::111122223333:saml-provider/company`;
const base64 = (text: string) => Buffer.from(text).toString("base64");
const failure = (run: () => unknown) => thrown(run) as { code: string; message: string };

interface Shape {
  /** Prefixes of protocol and assertion namespace, `""` for the default one. */
  prefixes?: [string, string];
  roles?: string[];
  more?: string;
  conditions?: string;
}

function response({
  prefixes = ["samlp", "saml"],
  roles = [],
  more = "",
  conditions = "",
}: Shape = {}): string {
  const [p, a] = prefixes.map((prefix) => (prefix ? `${prefix}:` : ""));
  const [np, na] = prefixes.map((prefix) => (prefix ? `xmlns:${prefix}` : "xmlns"));
  const values = roles.map((each) => `<${a}AttributeValue xsi:type="xs:string">${each}</${a}AttributeValue>`);
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- made by hand -->
<${p}Response ${np}="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1" IssueInstant='2026-11-22T20:00:00Z'>
  <${p}Status><${p}StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></${p}Status>
  <${a}Assertion ${na}="urn:oasis:names:tc:SAML:2.0:assertion" IssueInstant="2026-11-22T20:00:00.1234567Z">
    <${a}Issuer>https://idp.example.com/a&amp;b</${a}Issuer>
    <${a}Subject><${a}SubjectConfirmation><${a}SubjectConfirmationData NotOnOrAfter="2026-11-22T20:04:00Z"/>
    </${a}SubjectConfirmation></${a}Subject>
    <${a}Conditions NotBefore="2026-11-22T19:59:30Z" NotOnOrAfter="2026-11-22T20:05:00Z">${conditions}
      <${a}AudienceRestriction><${a}Audience> urn:amazon:webservices </${a}Audience></${a}AudienceRestriction>
    </${a}Conditions>
    <${a}AuthnStatement SessionNotOnOrAfter="2026-11-23T04:00:00Z"/>
    <${a}AttributeStatement>
      <${a}Attribute Name="https://aws.amazon.com/SAML/Attributes/Role">${values.join("\n")}</${a}Attribute>
      ${more}
    </${a}AttributeStatement>
  </${a}Assertion>
</${p}Response>`;
}

describe("parseAssertion", () => {
  test("reads what AWS reads", () => {
    const attribute = (name: string, value: string) =>
      `<saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/${name}"><saml:AttributeValue>${value}</saml:AttributeValue></saml:Attribute>`;
    const given = base64(
      response({
        roles: [`${role("dev")},${provider()}`, ` ${provider()} ,\n ${role("team/ops")} `],
        more: attribute("RoleSessionName", "ada@example.com") + attribute("SessionDuration", " 28800 "),
      }),
    );
    expect(parseAssertion(given)).toEqual({
      response: given,
      roles: [
        { roleArn: role("dev"), idpArn: provider() },
        { roleArn: role("team/ops"), idpArn: provider() },
      ],
      encrypted: false,
      issuer: "https://idp.example.com/a&b",
      audiences: ["urn:amazon:webservices"],
      roleSessionName: "ada@example.com",
      sessionDuration: 28_800,
      issuedAt: Date.parse("2026-11-22T20:00:00.123Z"),
      notBefore: Date.parse("2026-11-22T19:59:30Z"),
      notOnOrAfter: Date.parse("2026-11-22T20:04:00Z"),
      sessionNotOnOrAfter: Date.parse("2026-11-23T04:00:00Z"),
    });
  });

  test.each([
    ["other prefixes", { prefixes: ["saml2p", "saml2"] as [string, string] }],
    ["default namespaces", { prefixes: ["", ""] as [string, string] }],
  ])("%s", (_, shape) => {
    const roles = [`${role("dev", "aws-cn")},${provider("aws-cn")}`];
    expect(parseAssertion(base64(response({ ...shape, roles }))).roles).toEqual([
      { roleArn: role("dev", "aws-cn"), idpArn: provider("aws-cn") },
    ]);
  });

  test("line breaks in the Base64, CDATA, character references", () => {
    const odd = `<![CDATA[${role("dev")},]]>&#97;rn:aws:iam::111122223333:saml-provider/&#x63;ompany`;
    const given = base64(response({ roles: [odd] })).replace(/.{76}/g, "$&\r\n");
    expect(parseAssertion(given).roles).toEqual([{ roleArn: role("dev"), idpArn: provider() }]);
  });

  test("what is no pair of role and provider is left out", () => {
    const roles = [
      role("alone"),
      `${role("a")},${role("b")}`,
      "nonsense,more",
      `${provider()},${provider()}`,
      "",
    ];
    const both = [...roles, `${role("dev")},${provider()}`, `${role("a")},${provider()},${role("b")}`];
    expect(parseAssertion(base64(response({ roles: both }))).roles).toEqual([
      { roleArn: role("dev"), idpArn: provider() },
    ]);
  });

  test("an encrypted assertion is kept, with what can be known of it", () => {
    const encrypted = response().replace(
      /<saml:Assertion[^]*<\/saml:Assertion>/,
      '<saml:EncryptedAssertion xmlns:saml="x"><xenc:EncryptedData xmlns:xenc="y"/></saml:EncryptedAssertion>',
    );
    expect(parseAssertion(base64(encrypted))).toMatchObject({
      encrypted: true,
      roles: [],
      issuedAt: Date.parse("2026-11-22T20:00:00Z"),
    });
  });

  test("the identity provider's refusal is told", () => {
    const refused = response().replace(
      /<samlp:Status>.*?<\/samlp:Status>/,
      '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/></samlp:StatusCode></samlp:Status>',
    );
    const error = failure(() => parseAssertion(base64(refused)));
    expect(error).toMatchObject({ code: "access-denied" });
    expect(error.message).toBe("the identity provider did not sign you in: AuthnFailed");
    const said = refused.replace(
      "</samlp:Status>",
      "<samlp:StatusMessage>No\nlicence</samlp:StatusMessage></samlp:Status>",
    );
    expect(failure(() => parseAssertion(base64(said))).message).toEndWith("sign you in: No licence");
  });

  test.each([
    ["nothing", ""],
    ["no Base64", "<Response/>"],
    ["no XML", base64("hello")],
    ["a request", base64("<AuthnRequest/>")],
    ["an assertion alone", base64("<Assertion/>")],
    ["too large", "A".repeat(256 * 1024 + 1)],
    ["cut off", base64(response().slice(0, 700))],
    ["two roots", base64(`${response()}<Response/>`.replace(/<\?xml.*?\?>/, ""))],
  ])("%s is refused as invalid", (_, given) => {
    const error = failure(() => parseAssertion(given));
    expect(error.code).toBe("invalid");
    expect(error.message).toStartWith("this is not a SAML response: ");
  });
});

describe("hostile XML", () => {
  const xml = (text: string) => () => parseXml(text);

  test.each([
    ["entities of its own", '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]><r>&b;</r>'],
    ["an external entity", '<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>'],
    ["a parameter entity", '<!DOCTYPE r [<!ENTITY % x SYSTEM "http://127.0.0.1/">%x;]><r/>'],
    ["an entity that nobody declared", "<r>&b;</r>"],
    ["a bare ampersand", "<r>a & b</r>"],
    ["a character beyond Unicode", "<r>&#x110000;</r>"],
    ["tags that cross", "<r><a><b></a></b></r>"],
    ["an attribute twice", '<r a="1" a="2"/>'],
    ["attributes run together", '<r a="1"b="2"/>'],
    ["an attribute without quotes", "<r a=1/>"],
    ["text after the root", "<r/>more"],
    ["an unclosed comment", "<r><!-- </r>"],
    ["a deep nest", "<a>".repeat(101) + "</a>".repeat(101)],
    ["too many elements", `<r>${"<a/>".repeat(20_001)}</r>`],
  ])("%s", (_, text) => {
    expect(xml(text)).toThrow();
  });

  test("names of Object's own are names like any other", () => {
    const { children } = parseXml('<r><constructor __proto__="x">a</constructor><__proto__/></r>');
    expect(children.map(({ name }) => name)).toEqual(["constructor", "__proto__"]);
    expect(children[0]!.attributes.__proto__ as unknown).toBe("x");
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test("a comment inside of a value does not cut it", () => {
    expect(parseXml("<r>ab<!-- x -->cd</r>").text).toBe("abcd");
  });

  test("256 KB of the worst take no time", () => {
    const worst = ["<", "<a ", '<a b="', "&", "<!--", "<a b='1' ", "]]>", "<a>"].map((piece) =>
      piece.repeat(Math.floor((256 * 1024) / piece.length)),
    );
    const begun = performance.now();
    for (const text of worst) expect(xml(text)).toThrow();
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test("10,000 damaged responses: an answer or an error of ours, never anything else", () => {
    let seed = 20261122;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return seed % below;
    };
    const whole = response({ roles: [`${role("dev")},${provider()}`] });
    for (let n = 0; n < 10_000; n++) {
      const at = random(whole.length);
      const insert = ["<", ">", "&", '"', "]]>", "<!--", "</saml:Assertion>", "\u0000", "", "<x/>"][
        random(10)
      ]!;
      const damaged = whole.slice(0, at) + insert + whole.slice(at + random(40));
      try {
        parseAssertion(base64(damaged));
      } catch (error) {
        expect(["invalid", "access-denied"]).toContain((error as { code: string }).code);
      }
    }
  });
});

describe("the POST to AWS", () => {
  const endpoints = [
    "https://signin.aws.amazon.com/saml",
    "https://eu-west-1.signin.aws.amazon.com/saml",
    "https://us-east-1.signin.aws.amazon.com/saml/acs/SAMLSPXXXXXXXXXX",
    "https://signin.amazonaws.cn/saml",
    "https://cn-northwest-1.signin.amazonaws.cn/saml",
    "https://signin.amazonaws-us-gov.com/saml",
    "https://us-gov-west-1.signin.amazonaws-us-gov.com/saml?x=1",
    "https://eusc-de-east-1.signin.amazonaws-eusc.eu/saml",
    "https://us-iso-east-1.signin.c2shome.ic.gov/saml",
    "https://signin.sc2shome.sgov.gov/saml",
    "https://signin.csphome.hci.ic.gov/saml",
    "https://eu-isoe-west-1.signin.csphome.adc-e.uk/saml",
  ];
  test.each(endpoints)("%s is AWS's", (url) => {
    expect(isAwsSignIn(url)).toBe(true);
    const asPattern = (text: string) => new RegExp(`^${text.split("*").map(RegExp.escape).join(".*")}$`);
    expect(signInPatterns.some((pattern) => asPattern(pattern).test(url))).toBe(true);
  });

  test.each([
    "http://signin.aws.amazon.com/saml",
    "https://signin.aws.amazon.com:8443/saml",
    "https://signin.aws.amazon.com/samlx",
    "https://signin.aws.amazon.com/console/saml",
    "https://evil-signin.aws.amazon.com/saml",
    "https://signin.aws.amazon.com.example.com/saml",
    "https://example.com/signin.aws.amazon.com/saml",
    "https://a.b.signin.aws.amazon.com/saml",
    "https://signin.aws.amazon.com@example.com/saml",
    "data:text/html,signin.aws.amazon.com/saml",
    "",
  ])("%p is not", (url) => {
    expect(isAwsSignIn(url)).toBe(false);
  });

  test("the response, wherever it stands in the form", () => {
    const value = "PHNhbWw+Pz8/Pg==";
    const encoded = encodeURIComponent(value);
    for (const form of [
      `SAMLResponse=${encoded}`,
      `RelayState=https%3A%2F%2Fx%2F%3FSAMLResponse%3Dno&SAMLResponse=${encoded}`,
      `SAMLResponse=${encodeURIComponent("PHNhbWw+\r\nPz8/Pg==\r\n")}&RelayState=`,
      `a=1&b=2&SAMLResponse=${encoded}&c=3`,
    ]) {
      expect(samlResponseOf(form)).toBe(value);
    }
    expect(samlResponseOf("RelayState=x")).toBeUndefined();
    expect(samlResponseOf("SAMLResponse=")).toBeUndefined();
  });
});
