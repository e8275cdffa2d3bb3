import type { Credentials } from "../model.ts";
import { type ChainedRequest, rootOf } from "./request.ts";
import type { ResolveContext } from "./resolve.ts";

/** `AssumeRole` with the credentials of the source, which come through the agent's cache. */
export async function resolveChained(
  request: ChainedRequest,
  context: Pick<ResolveContext, "sts" | "credentials" | "signal">,
): Promise<Credentials> {
  const { type: _, source, region, ...input } = request;
  const keys = await context.credentials(source);
  const root = rootOf(source);
  // The keys of a look-alike are known to nobody else.
  const endpoint = root.type === "localstack" ? root.endpointUrl : undefined;
  return context.sts.assumeRole(input, { keys, region, endpoint, signal: context.signal });
}
