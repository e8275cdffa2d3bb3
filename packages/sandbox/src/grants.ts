/** What people consented to: one grant per sign-in, and the access and refresh tokens that came of it. */
import { randomBytes } from "node:crypto";
import type { Organisation } from "./organisations.ts";

export interface Grant {
  organisation: Organisation;
  user: string;
  clientId: string;
  scopes: string[];
  /** Epoch milliseconds, by which the person must sign in again. */
  expiresAt: number;
  refreshable: boolean;
  revoked: boolean;
  /** The one refresh token that is good now. */
  current?: string;
}

export interface Tokens {
  accessToken: string;
  /** Seconds. */
  expiresIn: number;
  refreshToken?: string;
}

const opaque = (prefix: string) => prefix + randomBytes(192).toString("base64url");

export class Grants {
  readonly #now: () => number;
  readonly #access = new Map<string, { grant: Grant; expiresAt: number }>();
  readonly #refresh = new Map<string, Grant>();

  constructor(now: () => number) {
    this.#now = now;
  }

  open(details: Pick<Grant, "organisation" | "user" | "clientId" | "scopes" | "refreshable">): Grant {
    const expiresAt = this.#now() + details.organisation.sessionHours * 3_600_000;
    return { ...details, expiresAt, revoked: false };
  }

  /** Fresh tokens. A refresh token handed out before is spent from now on. */
  tokens(grant: Grant): Tokens {
    const left = Math.floor((grant.expiresAt - this.#now()) / 1000);
    // With scopes an hour and refreshable; the older kind without them lasts as long as the sign-in.
    const expiresIn = grant.scopes.length > 0 ? Math.min(3_600, left) : left;
    const accessToken = opaque("aoa");
    this.#access.set(accessToken, { grant, expiresAt: this.#now() + expiresIn * 1000 });
    if (!grant.refreshable) return { accessToken, expiresIn };
    const refreshToken = opaque("aor");
    this.#refresh.set(refreshToken, grant);
    grant.current = refreshToken;
    return { accessToken, expiresIn, refreshToken };
  }

  /** Whose token that is, if it is good for the portal. */
  ofAccessToken(token: string): Grant | undefined {
    const found = this.#access.get(token);
    if (!found || found.grant.revoked || found.expiresAt <= this.#now()) return undefined;
    const { scopes } = found.grant;
    return scopes.length === 0 || scopes.includes("sso:account:access") ? found.grant : undefined;
  }

  /** Spends a refresh token. One that was spent before ends the whole grant: somebody copied it. */
  redeem(refreshToken: string, clientId: string): Grant | undefined {
    const grant = this.#refresh.get(refreshToken);
    if (!grant || grant.clientId !== clientId) return undefined;
    if (grant.current !== refreshToken) grant.revoked = true;
    return grant.revoked || grant.expiresAt <= this.#now() ? undefined : grant;
  }

  revokeAll(startUrl: string): void {
    for (const { grant } of this.#access.values()) {
      if (grant.organisation.startUrl === startUrl) grant.revoked = true;
    }
  }
}
