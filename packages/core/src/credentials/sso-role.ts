import { SsoError } from "../aws/sso-call.ts";
import { LeappError } from "../errors.ts";
import type { Sso } from "../identity/sso.ts";
import type { Credentials, Integration, Region, SsoRoleSession } from "../model.ts";

/** What decides about the credentials of an `sso-role` session, and nothing else. */
export interface SsoRoleRequest {
  type: "sso-role";
  integrationId: string;
  startUrl: string;
  /** Of IAM Identity Center, not of the session. */
  ssoRegion: Region;
  accountId: string;
  roleName: string;
}

export interface SsoRoleContext {
  sso: Pick<Sso, "roleCredentials">;
  integration(id: string): Integration | undefined;
  /**
   * Asks the person to sign in, once however many wait.
   * @throws LeappError `sign-in-needed` when nobody can be asked.
   */
  signIn(integration: Integration): Promise<unknown>;
  signal?: AbortSignal;
}

export function ssoRoleRequest(session: SsoRoleSession, integration: Integration): SsoRoleRequest {
  return {
    type: "sso-role",
    integrationId: integration.id,
    startUrl: integration.startUrl,
    ssoRegion: integration.region,
    accountId: session.accountId,
    roleName: session.roleName,
  };
}

/** GetRoleCredentials, after a sign-in where one is needed. */
export async function resolveSsoRole(request: SsoRoleRequest, context: SsoRoleContext): Promise<Credentials> {
  const integration = context.integration(request.integrationId);
  if (!integration) {
    throw new LeappError("not-found", "the integration of this session is gone", {
      hint: "run: leapp integration list",
    });
  }
  const get = () => context.sso.roleCredentials(integration, request, context.signal);
  try {
    return await get().catch(async (error) => {
      if (!(error instanceof LeappError) || error.code !== "sign-in-needed") throw error;
      await context.signIn(integration);
      return get();
    });
  } catch (error) {
    if (!(error instanceof SsoError) || error.reason !== "forbidden") throw error;
    const { roleName, accountId } = request;
    throw new LeappError(
      "access-denied",
      `${integration.alias} gives you no role ${roleName} in account ${accountId}`,
      {
        hint: "ask whoever assigns it, or run: leapp integration sync",
        cause: error,
      },
    );
  }
}
