/** A small company for the tour: one IAM user with an MFA device, and roles to reach from it. */
import type { Controls } from "./control.ts";
import type { UserKeys } from "./world.ts";

export interface Seeds {
  user: UserKeys;
  roles: {
    /** Assumable by the user. */
    developer: string;
    /** Assumable by the user with MFA. */
    administrator: string;
    /** In another account, assumable from `developer` with the external id `tour`. */
    audit: string;
  };
}

export function seed(controls: Controls): Seeds {
  const user = controls.addUser({ accountId: "111122223333", name: "ada", mfa: true });
  const developer = controls.addRole({
    accountId: "111122223333",
    name: "developer",
    trust: { principals: [user.arn] },
    maxSessionDuration: 43_200,
  });
  const administrator = controls.addRole({
    accountId: "111122223333",
    name: "administrator",
    trust: { principals: [user.arn], mfa: true },
  });
  const audit = controls.addRole({
    accountId: "444455556666",
    name: "audit",
    trust: { principals: [developer], externalId: "tour" },
  });
  return { user, roles: { developer, administrator, audit } };
}
