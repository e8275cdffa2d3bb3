/** The web console, entered with a role's credentials (IAM User Guide, "Enable custom identity broker access"). */
import { LeappError } from "../errors.ts";
import type { Credentials, Region } from "../model.ts";

/** First letters of a region, and the domain under which its partition's sign-in and console live. */
const domains: [string, string][] = [
  ["cn-", "amazonaws.cn"],
  ["us-gov-", "amazonaws-us-gov.com"],
  ["eusc-", "amazonaws-eusc.eu"],
  ["us-iso-", "c2shome.ic.gov"],
  ["us-isob-", "sc2shome.sgov.gov"],
  ["us-isof-", "csphome.hci.ic.gov"],
  ["eu-isoe-", "csphome.adc-e.uk"],
  ["", "aws.amazon.com"],
];

function domainOf(region: Region): string {
  return domains.find(([start]) => region.startsWith(start))?.[1] ?? "";
}

/**
 * Where sign-in tokens are had and redeemed. The European Sovereign Cloud has regional hosts only.
 * @param base instead of AWS's host, for a look-alike.
 */
export function federationEndpoint(region: Region, base?: string): string {
  if (base) return `${base.replace(/\/+$/, "")}/federation`;
  const domain = domainOf(region);
  return `https://${region.startsWith("eusc-") ? `${region}.` : ""}signin.${domain}/federation`;
}

/** The console's first page in a region, or one below it such as `s3/home`. */
export function consoleDestination(region: Region, path = "console/home"): string {
  const url = new URL(`https://${region}.console.${domainOf(region)}/`);
  const [pathname = "", query = ""] = path.replace(/^\/+/, "").split("?", 2);
  url.pathname = pathname;
  url.search = query;
  if (!url.searchParams.has("region")) url.searchParams.set("region", region);
  return url.href;
}

/**
 * The request for a sign-in token, a form to POST: in a GET the keys would stand in logs on the way.
 * Works with a role's credentials only; AWS refuses those of GetSessionToken.
 * @param durationSeconds of the console session, 900 to 43,200; AWS refuses it for a role assumed from a role.
 */
export function signinTokenForm(credentials: Credentials, durationSeconds?: number): string {
  const form = new URLSearchParams({
    Action: "getSigninToken",
    Session: JSON.stringify({
      sessionId: credentials.accessKeyId,
      sessionKey: credentials.secretAccessKey,
      sessionToken: credentials.sessionToken,
    }),
  });
  if (durationSeconds !== undefined) form.set("SessionDuration", String(durationSeconds));
  return form.toString();
}

/** The token in the answer's body. @throws LeappError `access-denied` */
export function readSigninToken(body: string): string {
  let token: unknown;
  try {
    token = (JSON.parse(body) as { SigninToken?: unknown }).SigninToken;
  } catch {
    token = undefined;
  }
  if (typeof token === "string" && token !== "") return token;
  throw new LeappError("access-denied", "AWS gave no sign-in token for the web console", {
    hint: "only a role's credentials can open it, not an IAM user's session token",
  });
}

/** The URL that signs a browser in, for fifteen minutes and once. It is as good as the credentials: not for logs. */
export function consoleUrl(endpoint: string, signinToken: string, destination: string): string {
  const query = new URLSearchParams({
    Action: "login",
    Issuer: "leapp",
    Destination: destination,
    SigninToken: signinToken,
  });
  return `${endpoint}?${query}`;
}
