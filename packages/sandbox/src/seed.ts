/**
 * A small company for the tour: one IAM user with an MFA device and roles to reach from it, an Identity Center
 * instance, and a SAML identity provider with one role.
 */
import type { Controls } from "./control.ts";
import type { OrganisationView } from "./organisations.ts";
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
  /** Twelve accounts with three roles each. */
  sso: OrganisationView;
  saml: { url: string; user: string; password: string; providerArn: string; roleArn: string };
}

export function seed(controls: Controls, url: string): Seeds {
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
  const sso = controls.seedOrganisation({ accounts: 12, rolesPerAccount: 3 });
  const providerArn = controls.addSamlProvider({ accountId: "111122223333", name: "company" });
  const roleArn = controls.addRole({
    accountId: "111122223333",
    name: "federated",
    trust: { principals: [providerArn] },
  });
  const person = { user: "grace", password: "hopper" };
  controls.addIdpUser({ ...person, roles: [{ roleArn, providerArn }] });
  return {
    user,
    roles: { developer, administrator, audit },
    sso,
    saml: { url: `${url}/idp`, ...person, providerArn, roleArn },
  };
}
