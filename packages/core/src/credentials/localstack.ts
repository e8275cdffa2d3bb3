import type { Credentials } from "../model.ts";
import type { ResolveContext } from "./resolve.ts";

const halfDay = 12 * 60 * 60 * 1000;

/** The look-alike's fixed test keys. They never end, but consumers want a date (consumers.md R5). */
export function resolveLocalstack({ clock }: Pick<ResolveContext, "clock">): Credentials {
  const issuedAt = clock.now();
  return {
    accessKeyId: "test",
    secretAccessKey: "test",
    sessionToken: "test",
    issuedAt,
    expiration: issuedAt + halfDay,
    accountId: "000000000000",
  };
}
