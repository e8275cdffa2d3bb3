/** Who exists in the sandbox: users, keys, roles, and the temporary credentials it handed out. */
import { randomBytes } from "node:crypto";
import { MfaDevice, base32, totp, totpStep } from "./totp.ts";

export interface UserOptions {
  accountId: string;
  name: string;
  /** `/` by default. */
  path?: string;
  /** `true`: a virtual device (its serial is an ARN). `"hardware"`: a serial number such as `GAHT12345678`. */
  mfa?: boolean | "hardware";
  /** `aws` by default. */
  partition?: string;
}

/** What a person would be given. */
export interface UserKeys {
  accessKeyId: string;
  secretAccessKey: string;
  arn: string;
  accountId: string;
  name: string;
  mfaSerial?: string;
  /** base32 */
  totpSecret?: string;
}

export interface Trust {
  /** ARN of a user, role, assumed role or identity provider; an account id or its `:root` ARN; or `*`. */
  principals: string[];
  externalId?: string;
  /** `Bool aws:MultiFactorAuthPresent true`. */
  mfa?: boolean;
  /** `sub` of the token that `AssumeRoleWithWebIdentity` must show. */
  subject?: string;
  /** `false`: the trust policy does not allow `sts:TagSession`. */
  tagSession?: boolean;
  /** `false`: the trust policy does not allow `sts:SetSourceIdentity`. */
  setSourceIdentity?: boolean;
}

export interface RoleOptions {
  accountId: string;
  name: string;
  path?: string;
  trust: Trust;
  /** Seconds, 3600 to 43200; 3600 by default, as in AWS. */
  maxSessionDuration?: number;
  partition?: string;
}

export interface User {
  arn: string;
  accountId: string;
  name: string;
  userId: string;
  mfa?: MfaDevice;
}

export interface Role {
  arn: string;
  accountId: string;
  name: string;
  roleId: string;
  trust: Trust;
  maxSessionDuration: number;
  partition: string;
}

/** Whoever signed a request. */
export interface Identity {
  arn: string;
  userId: string;
  accountId: string;
  user?: User;
  role?: Role;
  /** Absent with long-term keys. */
  session?: StsSession;
}

export interface SessionDetails {
  durationSeconds: number;
  /** MFA counts for this session (only sessions of `GetSessionToken` carry it, as in AWS). */
  mfa?: boolean;
  /** Assumed with temporary credentials. */
  chained?: boolean;
  tags?: Record<string, string>;
  transitiveTagKeys?: string[];
  sourceIdentity?: string;
  policy?: string;
  policyArns?: string[];
}

/** Temporary credentials and what was asked for them. */
export interface StsSession extends SessionDetails {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  arn: string;
  userId: string;
  accountId: string;
  user?: User;
  role?: Role;
  /** Epoch milliseconds. */
  issuedAt: number;
  expiresAt: number;
}

/** An StsSession without its secrets. */
export type SessionView = SessionDetails & {
  accessKeyId: string;
  arn: string;
  issuedAt: number;
  expiresAt: number;
};

interface Key {
  secretAccessKey: string;
  user: User;
  active: boolean;
}

/** An id of AWS's form: a prefix and random base32 up to `length` characters. */
export const uniqueId = (prefix: string, length: number): string =>
  (prefix + base32(randomBytes(length))).slice(0, length);

const secretKey = () => randomBytes(30).toString("base64");

export class World {
  readonly #now: () => number;
  readonly #keys = new Map<string, Key>();
  readonly #devices = new Map<string, MfaDevice>();
  readonly #roles = new Map<string, Role>();
  readonly #sessions = new Map<string, StsSession>();
  readonly #denied = new Set<string>();

  constructor(now: () => number) {
    this.#now = now;
  }

  addUser(options: UserOptions): UserKeys {
    const { accountId, name } = options;
    checkAccount(accountId);
    const prefix = `arn:${options.partition ?? "aws"}:iam::${accountId}`;
    const user: User = {
      arn: `${prefix}:user${options.path ?? "/"}${name}`,
      accountId,
      name,
      userId: uniqueId("AIDA", 21),
    };
    if (options.mfa) {
      const serial = options.mfa === "hardware" ? uniqueId("GAHT", 12) : `${prefix}:mfa/${name}`;
      user.mfa = new MfaDevice(serial, base32(randomBytes(20)));
      this.#devices.set(serial, user.mfa);
    }
    const accessKeyId = uniqueId("AKIA", 20);
    const secretAccessKey = secretKey();
    this.#keys.set(accessKeyId, { secretAccessKey, user, active: true });
    const keys = { accessKeyId, secretAccessKey, arn: user.arn, accountId, name };
    return user.mfa ? { ...keys, mfaSerial: user.mfa.serial, totpSecret: user.mfa.secret } : keys;
  }

  deactivateKey(accessKeyId: string): void {
    this.#key(accessKeyId).active = false;
  }

  activateKey(accessKeyId: string): void {
    this.#key(accessKeyId).active = true;
  }

  deleteKey(accessKeyId: string): void {
    this.#key(accessKeyId);
    this.#keys.delete(accessKeyId);
  }

  /** @returns the new role's ARN. */
  addRole(options: RoleOptions): string {
    const { accountId, name, trust } = options;
    checkAccount(accountId);
    const partition = options.partition ?? "aws";
    const role: Role = {
      arn: `arn:${partition}:iam::${accountId}:role${options.path ?? "/"}${name}`,
      accountId,
      name,
      roleId: uniqueId("AROA", 21),
      trust,
      maxSessionDuration: options.maxSessionDuration ?? 3_600,
      partition,
    };
    this.#roles.set(role.arn, role);
    return role.arn;
  }

  deleteRole(arn: string): void {
    if (!this.#roles.delete(arn)) throw new Error(`no role ${arn}`);
  }

  role(arn: string): Role | undefined {
    return this.#roles.get(arn);
  }

  /** The code that the device shows now. */
  totpCode(serial: string): string {
    const device = this.#devices.get(serial);
    if (!device) throw new Error(`no MFA device ${serial}`);
    return totp(device.secret, totpStep(this.#now()));
  }

  /** An explicit deny for a user or role, such as `deny(arn, "sts:AssumeRole")`. */
  deny(arn: string, action: string): void {
    this.#denied.add(`${arn} ${action.toLowerCase()}`);
  }

  allow(arn: string, action: string): void {
    this.#denied.delete(`${arn} ${action.toLowerCase()}`);
  }

  isDenied(identity: Identity, action: string): boolean {
    return [identity.user?.arn, identity.role?.arn].some(
      (arn) => arn !== undefined && this.#denied.has(`${arn} ${action.toLowerCase()}`),
    );
  }

  /** The secret that a request with this key must be signed with, and who that is. */
  lookUp(accessKeyId: string): { secretAccessKey: string; identity: Identity } | undefined {
    const session = this.#sessions.get(accessKeyId);
    if (session) {
      const { arn, userId, accountId, user, role, secretAccessKey } = session;
      return { secretAccessKey, identity: { arn, userId, accountId, user, role, session } };
    }
    const key = this.#keys.get(accessKeyId);
    if (!key?.active) return undefined;
    const { arn, userId, accountId } = key.user;
    return {
      secretAccessKey: key.secretAccessKey,
      identity: { arn, userId, accountId, user: key.user },
    };
  }

  openUserSession(user: User, details: SessionDetails): StsSession {
    const { arn, userId, accountId } = user;
    return this.#open({ arn, userId, accountId, user }, details);
  }

  openRoleSession(role: Role, name: string, details: SessionDetails): StsSession {
    const arn = `arn:${role.partition}:sts::${role.accountId}:assumed-role/${role.name}/${name}`;
    return this.#open({ arn, userId: `${role.roleId}:${name}`, accountId: role.accountId, role }, details);
  }

  /** Everything handed out, oldest first, without secrets. */
  sessions(): SessionView[] {
    return [...this.#sessions.values()].map(({ secretAccessKey, sessionToken, user, role, ...view }) => view);
  }

  #open(who: Omit<Identity, "session">, details: SessionDetails): StsSession {
    const issuedAt = Math.floor(this.#now() / 1000) * 1000;
    const session: StsSession = {
      ...details,
      ...who,
      accessKeyId: uniqueId("ASIA", 20),
      secretAccessKey: secretKey(),
      // As long as AWS's: 880 characters, more with a policy in it; it means nothing outside this table.
      sessionToken: randomBytes(660 + (details.policy?.length ?? 0)).toString("base64"),
      issuedAt,
      expiresAt: issuedAt + details.durationSeconds * 1000,
    };
    this.#sessions.set(session.accessKeyId, session);
    return session;
  }

  #key(accessKeyId: string): Key {
    const key = this.#keys.get(accessKeyId);
    if (!key) throw new Error("no such access key");
    return key;
  }
}

function checkAccount(accountId: string): void {
  if (!/^\d{12}$/.test(accountId)) throw new Error(`not an account id: ${accountId}`);
}
