/** The form with which an identity provider's page hands its SAML response to AWS. */

/** Under which each partition signs people in, with and without a region in front; as in console-url.ts. */
const domains = [
  "aws.amazon.com",
  "amazonaws.cn",
  "amazonaws-us-gov.com",
  "amazonaws-eusc.eu",
  "c2shome.ic.gov",
  "sc2shome.sgov.gov",
  "csphome.adc-e.uk",
  "csphome.hci.ic.gov",
];
const host = new RegExp(
  `^([a-z]{2,5}(-[a-z]+)+-\\d+\\.)?signin\\.(${domains.join("|").replaceAll(".", "\\.")})$`,
);

/** For a browser's `Fetch.enable`; wider than `isAwsSignIn`, which decides. */
export const signInPatterns: readonly string[] = domains.map((domain) => `https://*signin.${domain}/saml*`);

/** Whether a URL is where AWS takes SAML responses: `/saml` and `/saml/acs/ID` on any sign-in host. */
export function isAwsSignIn(url: string): boolean {
  const parsed = URL.parse(url);
  return (
    parsed?.protocol === "https:" &&
    parsed.port === "" &&
    host.test(parsed.hostname) &&
    /^\/saml(\/|$)/.test(parsed.pathname)
  );
}

/** The SAML response, base64, out of a posted form, wherever it stands in it; undefined where there is none. */
export function samlResponseOf(form: string): string | undefined {
  return new URLSearchParams(form).get("SAMLResponse")?.replace(/\s+/g, "") || undefined;
}
