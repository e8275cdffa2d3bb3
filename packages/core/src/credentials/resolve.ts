import type { Sts } from "../aws/sts.ts";
import type { Credentials } from "../model.ts";
import type { Clock, Secrets } from "../ports.ts";
import { resolveChained } from "./chained.ts";
import { type FederatedContext, resolveFederated } from "./federated.ts";
import { resolveIamUser } from "./iam-user.ts";
import { resolveLocalstack } from "./localstack.ts";
import { resolveProcess } from "./process.ts";
import type { CredentialRequest } from "./request.ts";
import { resolveSsoRole, type SsoRoleContext } from "./sso-role.ts";
import { resolveWebIdentity } from "./web-identity.ts";

export interface ResolveContext {
  sts: Sts;
  clock: Pick<Clock, "now">;
  secrets: Secrets;
  /** IAM Identity Center, with who can be asked to sign in. */
  sso: SsoRoleContext;
  /** SAML sign-ins, with who can be asked to sign in. */
  saml: FederatedContext;
  /** Credentials of a source request, through the agent's cache and its single flight. */
  credentials(request: CredentialRequest): Promise<Credentials>;
  /** One prompt to the person. @throws LeappError `mfa-needed` when nobody can be asked. */
  ask(prompt: { kind: "mfa"; sessionId: string; message: string }): Promise<string>;
  /** For the commands of `process` and `web-identity` sessions; AWS's own variables are taken out. */
  env: Record<string, string | undefined>;
  signal?: AbortSignal;
  /** Milliseconds of life a stored session token must have left to be used again; 60,000 when absent. */
  minimumLife?: number;
}

/**
 * New credentials for a request: one call to AWS, or none. Caching and sharing are the caller's.
 * @throws LeappError, the code of which says what is missing.
 */
export async function resolve(request: CredentialRequest, context: ResolveContext): Promise<Credentials> {
  switch (request.type) {
    case "iam-user":
      return resolveIamUser(request, context);
    case "iam-role-chained":
      return resolveChained(request, context);
    case "sso-role":
      return resolveSsoRole(request, { ...context.sso, signal: context.signal });
    case "web-identity":
      return resolveWebIdentity(request, context);
    case "process":
      return resolveProcess(request, context);
    case "localstack":
      return resolveLocalstack(context);
    case "iam-role-federated":
      return resolveFederated(request, context);
  }
}
