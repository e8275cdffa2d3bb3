import type { Credentials } from "../model.ts";
import { askForCode, readKeys } from "./iam-user.ts";
import { type ChainedRequest, chainingLimit, rootOf } from "./request.ts";
import type { ResolveContext } from "./resolve.ts";

/**
 * `AssumeRole` with the credentials of the source, which come through the agent's cache. A role that shall last
 * longer than AWS allows with temporary credentials is assumed with the IAM user's own keys.
 */
export async function resolveChained(
  request: ChainedRequest,
  context: Pick<ResolveContext, "sts" | "credentials" | "secrets" | "ask" | "signal">,
): Promise<Credentials> {
  const { type: _, source, region, ...input } = request;
  const { sts, signal } = context;
  if (source.type === "iam-user" && input.durationSeconds > chainingLimit) {
    const keys = await readKeys(source.sessionId, context);
    const target = { keys, region, signal };
    if (!source.mfaDevice) return sts.assumeRole(input, target);
    return askForCode(source.sessionId, source.mfaDevice, context, (mfa) =>
      sts.assumeRole({ ...input, mfa }, target),
    );
  }
  const keys = await context.credentials(source);
  const root = rootOf(source);
  // The keys of a look-alike are known to nobody else.
  const endpoint = root.type === "localstack" ? root.endpointUrl : undefined;
  return sts.assumeRole(input, { keys, region, endpoint, signal });
}
