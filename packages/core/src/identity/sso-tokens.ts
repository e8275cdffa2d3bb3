/** The tokens of sign-ins: in the vault, in memory, where wanted in the AWS CLI's cache; refreshed when due. */
import type { Wire } from "../aws/http.ts";
import { SsoError } from "../aws/sso-call.ts";
import { createToken, type SsoClient, type SsoTokens } from "../aws/sso-oidc.ts";
import { LeappError } from "../errors.ts";
import type { Integration } from "../model.ts";
import type { Clock, Secrets } from "../ports.ts";
import { pause } from "./pace.ts";
import {
  type CacheFiles,
  cacheFileName,
  forgetShared,
  readShared,
  type SignIn,
  writeShared,
} from "./sso-cache.ts";

/** A refresh is tried from this long before the access token's end, as the AWS CLI does. */
const refreshWindow = 15 * 60_000;
/** Between attempts while the access token still serves. */
const refreshSpacing = 60_000;
/** A caller whose token still serves waits no longer than this for the next one. */
const refreshPatience = 2_000;
/** A token that is refused so soon after it was refreshed will not get better by another refresh. */
const uselessWithin = 60_000;

export interface SsoStatus {
  signedIn: boolean;
  /** Epoch milliseconds at which the access token ends. */
  expiresAt?: number;
  /** A refresh token will renew it. */
  renews: boolean;
}

export interface TokenPorts {
  wire: Wire;
  secrets: Secrets;
  clock: Clock;
  /** `~/.aws/sso/cache`, for integrations that share their tokens. */
  sharedCache?: CacheFiles;
}

export interface Tokens {
  accessToken(integration: Integration): Promise<string>;
  revoked(integration: Integration, accessToken: string): Promise<void>;
  status(integration: Integration): Promise<SsoStatus>;
  /** The outcome of a sign-in. @throws where the vault cannot keep it. */
  keep(integration: Integration, tokens: SsoTokens, client: SsoClient): Promise<SsoStatus>;
  /**
   * Forgets the tokens. `end` is called with the last access token, when memory and the shared cache have none any
   * more and the vault still has; it must not throw.
   */
  drop(integration: Integration, end: (accessToken: string) => Promise<void>): Promise<void>;
  /** Forgets an integration that is deleted. */
  forget(integrationId: string): Promise<void>;
  /** Drops what is in memory. */
  lock(): void;
}

/** What the vault keeps of a sign-in. */
interface Kept extends SignIn {
  /** The server refused the access token: only a refresh helps. */
  dead?: boolean;
  /**
   * Epoch milliseconds at which it came from refreshing a dead one: if it is refused as well, and soon, the refresh
   * token is of no use.
   */
  revivedAt?: number;
}

/** One integration, as long as the agent lives. */
interface State {
  loading?: Promise<void>;
  kept?: Kept;
  refreshing?: Promise<void>;
  /** No refresh before this, while the token serves. */
  retryAt: number;
  /** Vault writes, one after the other. */
  writing: Promise<void>;
  /** The vault could not take the latest tokens. */
  unsaved: boolean;
  /** Access tokens that the server refused, lest the shared cache bring them back. */
  refused: Set<string>;
}

const recordName = (id: string) => `sso/${id}/tokens`;

export function createTokens({ wire, secrets, clock, sharedCache }: TokenPorts): Tokens {
  const states = new Map<string, State>();

  function stateOf(id: string): State {
    let state = states.get(id);
    if (!state) {
      state = { retryAt: 0, writing: Promise.resolve(), unsaved: false, refused: new Set() };
      states.set(id, state);
    }
    return state;
  }

  /** The state with the vault's record in it, read once. */
  async function load(integration: Integration): Promise<State> {
    const state = stateOf(integration.id);
    state.loading ??= (async () => {
      const record = await secrets.get(recordName(integration.id));
      if (record !== undefined) state.kept ??= JSON.parse(record) as Kept;
    })();
    try {
      await state.loading;
    } catch (error) {
      state.loading = undefined;
      throw error;
    }
    // Another start URL or region is another instance, whose tokens these are not.
    const { kept } = state;
    if (kept && (kept.startUrl !== integration.startUrl || kept.region !== integration.region)) {
      state.kept = undefined;
    }
    return state;
  }

  /**
   * Writes what memory holds. One record holds access and refresh token and the vault replaces it in one step,
   * so that an agent killed here leaves either the old pair or the new one.
   */
  function save(id: string, state: State): Promise<void> {
    const write = state.writing.then(async () => {
      state.unsaved = true;
      if (state.kept) await secrets.set(recordName(id), JSON.stringify(state.kept));
      else await secrets.delete(recordName(id));
      state.unsaved = false;
    });
    state.writing = write.catch(() => {});
    return write;
  }

  /**
   * Where the vault cannot be written now, memory has the only copy of a rotated token: it is used, and written at
   * the next call.
   */
  const trySave = (id: string, state: State) => save(id, state).catch(() => {});

  const serves = (kept: Kept | undefined): kept is Kept =>
    kept !== undefined && !kept.dead && kept.expiresAt > clock.now();
  const canRefresh = ({ refreshToken, client }: Kept) =>
    refreshToken !== undefined && client !== undefined && client.expiresAt > clock.now();
  const isDue = ({ kept }: State) => !serves(kept) || kept.expiresAt - clock.now() <= refreshWindow;

  const sharedBy = (integration: Integration) => (integration.shareTokens ? sharedCache : undefined);

  /** Takes over what another tool left in the shared cache, when it is newer. True if it did. */
  async function adopt(integration: Integration, state: State): Promise<boolean> {
    const cache = sharedBy(integration);
    const theirs = cache && readShared(cache, integration);
    const { kept, refused } = state;
    if (!theirs || theirs.accessToken === kept?.accessToken || refused.has(theirs.accessToken)) return false;
    if (kept && theirs.expiresAt <= kept.expiresAt && !kept.dead) return false;
    state.kept = theirs;
    await trySave(integration.id, state);
    return true;
  }

  async function publish(integration: Integration, { kept, refused }: State): Promise<void> {
    const cache = sharedBy(integration);
    // The vault has the tokens; a cache that cannot be written must not fail the caller.
    if (cache && kept) await writeShared(cache, integration, kept, refused).catch(() => {});
  }

  /** One refresh, unless another agent with the same shared sign-in was faster. */
  async function refresh(integration: Integration, state: State): Promise<void> {
    const cache = sharedBy(integration);
    if (!cache) return spend(integration, state);
    await cache.exclusively(cacheFileName(integration), async () => {
      await adopt(integration, state);
      if (isDue(state)) await spend(integration, state);
    });
  }

  /** Spends the refresh token. The outcome is in the state. */
  async function spend(integration: Integration, state: State): Promise<void> {
    const { kept } = state;
    if (!kept?.refreshToken || !kept.client) return;
    // A sign-in or a sign-out may come in between; a 401 of the old access token makes no difference.
    const isCurrent = () => state.kept?.accessToken === kept.accessToken;
    let tokens: SsoTokens;
    try {
      const grant = { type: "refresh", refreshToken: kept.refreshToken } as const;
      tokens = await createToken(wire, clock, kept.client, grant, { region: kept.region });
    } catch (error) {
      if (!isCurrent()) return;
      if (!isFinal(error)) {
        state.retryAt = clock.now() + refreshSpacing;
        if (serves(state.kept)) return;
        throw error;
      }
      // Another tool may have spent our refresh token and left its successor.
      if (await adopt(integration, state)) return;
      const { refreshToken: _, ...rest } = state.kept ?? kept;
      state.kept = serves(rest) ? rest : undefined;
      await trySave(integration.id, state);
      return;
    }
    if (!isCurrent()) return;
    state.kept = { ...kept, ...tokens, dead: undefined, revivedAt: kept.dead ? clock.now() : undefined };
    state.retryAt = 0;
    await trySave(integration.id, state);
    await publish(integration, state);
  }

  /** Waits for `work`, but not longer than `refreshPatience`. */
  async function waitABit(work: Promise<void>): Promise<void> {
    const enough = new AbortController();
    await Promise.race([work, pause(clock, refreshPatience, enough.signal).catch(() => {})]);
    enough.abort();
  }

  function statusOf({ kept }: State): SsoStatus {
    const renews = kept !== undefined && canRefresh(kept);
    return {
      signedIn: serves(kept) || renews,
      renews,
      ...(serves(kept) ? { expiresAt: kept.expiresAt } : {}),
    };
  }

  return {
    async accessToken(integration) {
      const state = await load(integration);
      if (state.unsaved) await trySave(integration.id, state);
      if (isDue(state) && !state.refreshing) await adopt(integration, state);
      if (isDue(state)) {
        const { kept } = state;
        if (kept && canRefresh(kept) && (!serves(kept) || clock.now() >= state.retryAt)) {
          state.refreshing ??= refresh(integration, state).finally(() => {
            state.refreshing = undefined;
          });
        }
        if (state.refreshing) await (serves(kept) ? waitABit(state.refreshing) : state.refreshing);
      }
      if (serves(state.kept)) return state.kept.accessToken;
      throw signInNeeded(integration);
    },

    async revoked(integration, token) {
      const state = await load(integration);
      state.refused.add(token);
      const { kept } = state;
      if (kept?.accessToken !== token || kept.dead) return;
      const useless = clock.now() - (kept.revivedAt ?? Number.NEGATIVE_INFINITY) < uselessWithin;
      state.kept = useless ? undefined : { ...kept, dead: true };
      await trySave(integration.id, state);
    },

    async status(integration) {
      const state = await load(integration);
      if (!serves(state.kept)) await adopt(integration, state);
      return statusOf(state);
    },

    async keep(integration, tokens, { clientId, clientSecret, expiresAt }) {
      const state = await load(integration);
      const { startUrl, region } = integration;
      state.kept = { startUrl, region, ...tokens, client: { clientId, clientSecret, expiresAt } };
      state.retryAt = 0;
      await save(integration.id, state);
      await publish(integration, state);
      return statusOf(state);
    },

    async drop(integration, end) {
      const state = await load(integration);
      // A refresh that is out would bring tokens back after they were forgotten.
      await state.refreshing?.catch(() => {});
      const { kept } = state;
      if (!kept) return;
      state.kept = undefined;
      const cache = sharedBy(integration);
      try {
        if (cache) await forgetShared(cache, integration, kept.accessToken);
      } finally {
        await end(kept.accessToken);
        await save(integration.id, state);
      }
    },

    async forget(id) {
      const state = stateOf(id);
      await state.refreshing?.catch(() => {});
      state.kept = undefined;
      await save(id, state);
      states.delete(id);
    },

    lock() {
      for (const state of states.values()) {
        state.loading = undefined;
        if (!state.unsaved) state.kept = undefined;
      }
    },
  };
}

/** Whether the refresh token will never work again. */
function isFinal(error: unknown): boolean {
  return (
    error instanceof SsoError &&
    ["invalid-grant", "invalid-client", "expired", "denied"].includes(error.reason)
  );
}

export function signInNeeded({ alias }: Integration): LeappError {
  const word = /^[\w.@%+=:,/-]+$/.test(alias) ? alias : `'${alias.replaceAll("'", "'\\''")}'`;
  return new LeappError("sign-in-needed", `a sign-in to ${alias} is needed`, {
    hint: `run: leapp integration login ${word}`,
  });
}
