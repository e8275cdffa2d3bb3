import type { Integration, Region, SsoRoleSession, Timestamp } from "../model.ts";
import { fillTemplate, firstFree, type NameParts } from "./profile-names.ts";
import type { FoundRole } from "./sso-roles.ts";

/** What a new session gets. */
export interface SyncDefaults {
  region: Region;
  /** Session names; `{account}/{role}` when absent. */
  nameTemplate?: string;
  /** Named profiles of a new session; `default` when absent. */
  profiles?: (role: FoundRole) => string[];
  /** Names of sessions outside this integration. */
  takenNames?: Iterable<string>;
  newId: () => string;
  now: Timestamp;
}

export interface SyncDiff {
  add: SsoRoleSession[];
  /** Whole sessions as they are to be kept; names may move from one to another of them. */
  update: SsoRoleSession[];
  remove: SsoRoleSession[];
}

export const defaultSessionTemplate = "{account}/{role}";

/**
 * What a sync changes. A session stands for (integration, account id, role name), so that a renamed account keeps
 * its sessions with their ids, pins, profiles and regions. Its name follows the account only where it is still
 * the name that the template gave.
 * @param existing the sessions of this integration; others are left alone.
 */
export function diffSync(
  existing: readonly SsoRoleSession[],
  found: readonly FoundRole[],
  integration: Pick<Integration, "id" | "alias">,
  defaults: SyncDefaults,
): SyncDiff {
  const fill = fillTemplate(defaults.nameTemplate ?? defaultSessionTemplate);
  const baseName = (role: FoundRole) => fill(parts(role, integration.alias)) || role.accountId;
  const ours = existing.filter((session) => session.integrationId === integration.id);
  const wanted = new Map(found.map((role) => [key(role), role]));

  const kept = new Map<string, SsoRoleSession>();
  const remove: SsoRoleSession[] = [];
  for (const session of ours) {
    if (wanted.has(key(session)) && !kept.has(key(session))) kept.set(key(session), session);
    else remove.push(session);
  }

  // Names that stay are taken before any name is given: two accounts may swap theirs.
  const used = new Set([...(defaults.takenNames ?? [])].map((name) => name.toLowerCase()));
  const renamed = new Set<SsoRoleSession>();
  for (const [id, session] of kept) {
    const role = wanted.get(id) as FoundRole;
    if (baseName(session) !== baseName(role) && isGiven(session.name, baseName(session), session.accountId)) {
      renamed.add(session);
    } else {
      used.add(session.name.toLowerCase());
    }
  }

  const diff: SyncDiff = { add: [], update: [], remove };
  for (const [id, role] of wanted) {
    const session = kept.get(id);
    if (session) {
      const next: SsoRoleSession = { ...session, accountName: role.accountName };
      if (role.accountEmail) next.accountEmail = role.accountEmail;
      else delete next.accountEmail;
      if (renamed.has(session)) next.name = uniqueName(used, baseName(role), role.accountId);
      if (
        next.name !== session.name ||
        next.accountName !== session.accountName ||
        next.accountEmail !== session.accountEmail
      ) {
        diff.update.push(next);
      }
      continue;
    }
    diff.add.push({
      type: "sso-role",
      id: defaults.newId(),
      name: uniqueName(used, baseName(role), role.accountId),
      region: defaults.region,
      profiles: defaults.profiles?.(role) ?? ["default"],
      createdAt: defaults.now,
      integrationId: integration.id,
      accountId: role.accountId,
      accountName: role.accountName,
      ...(role.accountEmail ? { accountEmail: role.accountEmail } : {}),
      roleName: role.roleName,
    });
  }
  return diff;
}

function key(role: { accountId: string; roleName: string }): string {
  return `${role.accountId}/${role.roleName}`;
}

/** The template's words for a role. */
export function parts(role: FoundRole, alias: string): NameParts {
  return {
    account: role.accountName,
    accountId: role.accountId,
    role: role.roleName,
    alias,
    ...(role.accountEmail ? { email: role.accountEmail } : {}),
  };
}

/** `prod/Admin`, else `prod/Admin (111122223333)`, else `prod/Admin (111122223333) 2`. */
function uniqueName(used: Set<string>, base: string, accountId: string): string {
  const told = `${base} (${accountId})`;
  return firstFree(used, [base, told], (number) => `${told} ${number}`);
}

/** Whether `uniqueName` may have given this name. */
function isGiven(name: string, base: string, accountId: string): boolean {
  const told = `${base} (${accountId})`;
  return (
    name === base ||
    name === told ||
    (name.startsWith(`${told} `) && /^\d+$/.test(name.slice(told.length + 1)))
  );
}
