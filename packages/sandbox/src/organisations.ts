/** IAM Identity Center as the sandbox has it: who may sign in where, and which roles wait in which accounts. */
import { randomBytes } from "node:crypto";
import { type Role, type World } from "./world.ts";

export interface OrganisationOptions {
  /** How many accounts to make up, with `rolesPerAccount` permission sets each; none by default. */
  accounts?: number;
  rolesPerAccount?: number;
  /** Start URL, and issuer; `URL-OF-THE-SANDBOX/start` by default. */
  startUrl?: string;
  region?: string;
  user?: string;
  password?: string;
  /** How long a sign-in lasts, refreshed or not; 8 hours by default. */
  sessionHours?: number;
  /** Lifetime of role credentials; 3600 seconds by default. */
  roleSeconds?: number;
}

export interface OrganisationView {
  startUrl: string;
  region: string;
  user: string;
  password: string;
}

export interface Assignment {
  accountId: string;
  accountName?: string;
  email?: string;
  /** Names of permission sets. */
  roles: string[];
}

export interface Account {
  accountId: string;
  accountName: string;
  emailAddress: string;
  roles: Set<string>;
}

export interface Organisation extends OrganisationView {
  accounts: Map<string, Account>;
  sessionHours: number;
  roleSeconds: number;
  /** Hash at the end of the role names, one for the whole instance here. */
  suffix: string;
}

const teams = ["payments", "search", "data platform", "identity", "web", "mobile", "billing", "research"];
const stages = ["production", "staging", "development", "sandbox"];
const permissionSets = ["AdministratorAccess", "ReadOnlyAccess", "Developer", "Billing", "Support"];

export class Organisations {
  readonly #all = new Map<string, Organisation>();

  /** Makes an instance, or replaces the one with that start URL. */
  seed(options: OrganisationOptions, defaultStartUrl: string): OrganisationView {
    const organisation: Organisation = {
      startUrl: options.startUrl ?? defaultStartUrl,
      region: options.region ?? "eu-west-1",
      user: options.user ?? "ada",
      password: options.password ?? "lovelace",
      accounts: new Map(),
      sessionHours: options.sessionHours ?? 8,
      roleSeconds: options.roleSeconds ?? 3_600,
      suffix: randomBytes(8).toString("hex"),
    };
    this.#all.set(organisation.startUrl, organisation);
    for (let i = 0; i < (options.accounts ?? 0); i++) {
      const roles = Array.from(
        { length: options.rolesPerAccount ?? 1 },
        (_, r) => permissionSets[r] ?? `PermissionSet${r + 1}`,
      );
      const round = Math.floor(i / (teams.length * stages.length));
      const name = `${teams[i % teams.length]} ${stages[Math.floor(i / teams.length) % stages.length]}`;
      const accountName = round ? `${name} ${round + 1}` : name;
      this.assign(organisation.startUrl, { accountId: String(200_000_000_000 + i), accountName, roles });
    }
    const { startUrl, region, user, password } = organisation;
    return { startUrl, region, user, password };
  }

  find(startUrl: string): Organisation | undefined {
    return this.#all.get(startUrl);
  }

  assign(startUrl: string, { accountId, accountName, email, roles }: Assignment): void {
    const { accounts } = this.#get(startUrl);
    const old = accounts.get(accountId);
    accounts.set(accountId, {
      accountId,
      accountName: accountName ?? old?.accountName ?? `account ${accountId}`,
      emailAddress: email ?? old?.emailAddress ?? `${accountId}@example.com`,
      roles: new Set([...(old?.roles ?? []), ...roles]),
    });
  }

  unassign(startUrl: string, accountId: string, roleName?: string): void {
    const { accounts } = this.#get(startUrl);
    if (roleName === undefined) accounts.delete(accountId);
    else accounts.get(accountId)?.roles.delete(roleName);
  }

  renameAccount(startUrl: string, accountId: string, accountName: string): void {
    const account = this.#get(startUrl).accounts.get(accountId);
    if (!account) throw new Error(`no account ${accountId}`);
    account.accountName = accountName;
  }

  #get(startUrl: string): Organisation {
    const found = this.#all.get(startUrl);
    if (!found) throw new Error(`no organisation at ${startUrl}`);
    return found;
  }
}

/** The IAM role that stands for a permission set in an account, made when first needed as Identity Center does. */
export function reservedRole(
  world: World,
  organisation: Organisation,
  accountId: string,
  roleName: string,
): Role {
  const { region, suffix } = organisation;
  const path = `/aws-reserved/sso.amazonaws.com/${region === "us-east-1" ? "" : `${region}/`}`;
  const name = `AWSReservedSSO_${roleName}_${suffix}`;
  const arn = `arn:aws:iam::${accountId}:role${path}${name}`;
  if (!world.role(arn)) {
    world.addRole({ accountId, name, path, trust: { principals: [] }, maxSessionDuration: 43_200 });
  }
  return world.role(arn)!;
}
