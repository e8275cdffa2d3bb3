/** The sandbox's strings: the same functions in this process and, over HTTP behind a token, for others. */
import type { Fault, RequestRecord } from "./faults.ts";
import type { Assignment, OrganisationOptions, OrganisationView } from "./organisations.ts";
import type { AssertionOptions, IdpUser } from "./saml-idp.ts";
import type { OidcProviderOptions, WebIdentityTokenOptions } from "./web-identity.ts";
import { type WireReply, type WireRequest, json, jsonOf, sameText } from "./wire.ts";
import type { RoleOptions, SessionView, UserKeys, UserOptions } from "./world.ts";

export const controlPath = "/_sandbox";
const tokenHeader = "x-sandbox-control";

export interface Controls {
  addUser(user: UserOptions): UserKeys;
  /** @returns the role's ARN */
  addRole(role: RoleOptions): string;
  deleteRole(arn: string): void;
  deactivateKey(accessKeyId: string): void;
  activateKey(accessKeyId: string): void;
  deleteKey(accessKeyId: string): void;
  /** The code that the MFA device shows now. A code counts once; one step (30 s) of drift is accepted. */
  totpCode(serial: string): string;
  /** Explicit deny in the policy of a user or role, such as `sts:AssumeRole`; `allow` takes it back. */
  deny(arn: string, action: string): void;
  allow(arn: string, action: string): void;
  /** All temporary credentials handed out, oldest first, without secrets. */
  sessions(): SessionView[];

  /** An Identity Center instance with one person, and as many accounts as asked for. */
  seedOrganisation(options?: OrganisationOptions): OrganisationView;
  /** Adds permission sets to an account, and the account where it is new. */
  assign(startUrl: string, assignment: Assignment): void;
  /** Takes one permission set away, or the whole account. */
  unassign(startUrl: string, accountId: string, roleName?: string): void;
  renameAccount(startUrl: string, accountId: string, name: string): void;
  /** Ends every sign-in of an instance on the server: its access and refresh tokens are dead. */
  revokeSignIns(startUrl: string): void;
  /** Requests a second that the portal takes; 20 at first, as AWS. */
  setPortalRate(perSecond: number): void;

  /**
   * A SAML provider in IAM; returns its ARN, a principal for a role's trust. `certificate` (PEM) and `issuer` are
   * those of the sandbox's own identity provider (`URL/idp`) unless given; with another's certificate, give its
   * issuer too.
   */
  addSamlProvider(provider: {
    accountId: string;
    name: string;
    certificate?: string;
    issuer?: string;
  }): string;
  /** Somebody who can sign in at `URL/idp`. */
  addIdpUser(user: IdpUser): void;
  /** A SAML response of the sandbox's identity provider, base64, with whatever is to be wrong about it. */
  samlResponse(assertion: AssertionOptions): string;
  /** Where the identity provider posts to; `https://signin.aws.amazon.com/saml` at first. */
  setSamlSignInUrl(url: string): void;
  /** An OpenID Connect provider in IAM; returns its ARN. */
  addOidcProvider(provider: OidcProviderOptions): string;
  /** A token that such a provider would give, signed by the sandbox. */
  webIdentityToken(token: WebIdentityTokenOptions): string;

  fail(fault: Fault): void;
  /** Requests of that operation (of all, when none is named), refused and failed ones too. */
  calls(action?: string): number;
  /** Oldest first. */
  requests(): RequestRecord[];
  /** Epoch milliseconds of the sandbox's clock. */
  now(): number;
  advance(ms: number): void;
  /** Forgets faults and counters, puts the clock right, cuts hanging requests. Keeps users, roles, sessions. */
  reset(): void;
}

export type RemoteControls = {
  [Name in keyof Controls]: (
    ...args: Parameters<Controls[Name]>
  ) => Promise<Awaited<ReturnType<Controls[Name]>>>;
};

/** `POST /_sandbox/NAME` with `{"args":[…]}`, answered by `{"result":…}` or `{"error":…}`. */
export function answerControl(request: WireRequest, controls: Controls, token: string): WireReply {
  if (!sameText(request.headers[tokenHeader] ?? "", token))
    return json({ error: "wrong control token" }, 403);
  const name = request.path.slice(controlPath.length + 1);
  if (request.method !== "POST" || !Object.hasOwn(controls, name))
    return json({ error: "no such control" }, 404);
  try {
    const { args = [] } = jsonOf(request) as { args?: unknown[] };
    const run = controls[name as keyof Controls] as (...args: unknown[]) => unknown;
    return json({ result: run(...args) ?? null });
  } catch (error) {
    return json({ error: (error as Error).message }, 400);
  }
}

/** The controls of a sandbox in another process. */
export function connectSandbox(url: string, controlToken: string): RemoteControls {
  const run = async (name: string, args: unknown[]): Promise<unknown> => {
    const response = await fetch(`${url}${controlPath}/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json", [tokenHeader]: controlToken },
      body: JSON.stringify({ args }),
    });
    const { result, error } = (await response.json()) as { result?: unknown; error?: string };
    if (!response.ok) throw new Error(error);
    return result;
  };
  return new Proxy({} as RemoteControls, {
    // A promise is recognised by its `then`: this object must not look like one.
    get: (_target, name) => (name === "then" ? undefined : (...args: unknown[]) => run(String(name), args)),
  });
}
