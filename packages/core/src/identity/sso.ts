/** IAM Identity Center: sign in once, keep the tokens fresh, list what they open. */
import type { Wire } from "../aws/http.ts";
import { getRoleCredentials, listAccountRoles, listAccounts, logout } from "../aws/sso.ts";
import { SsoError } from "../aws/sso-call.ts";
import { createToken, registerClient, type SsoClient, type SsoTokens } from "../aws/sso-oidc.ts";
import { LeappError } from "../errors.ts";
import type { Credentials, Integration } from "../model.ts";
import type { Browser, Clock, Secrets } from "../ports.ts";
import { createPace, type Pace, pause } from "./pace.ts";
import { type CacheFiles, forgetShared, readShared, type SignIn, writeShared } from "./sso-cache.ts";
import { type FoundRole, listEverything, type Listed, type ListOptions } from "./sso-roles.ts";
import { type Listen, type SignInPrompt, signInWithBrowser, signInWithDeviceCode } from "./sso-sign-in.ts";

/** A refresh is tried from this long before the access token's end, as the AWS CLI does. */
const refreshWindow = 15 * 60_000;
/** Between attempts while the access token still serves. */
const refreshSpacing = 60_000;
/** A caller whose token still serves waits no longer than this for the next one. */
const refreshPatience = 2_000;
const signInLimit = 10 * 60_000;
/** A little under the portal's 20 a second: two clocks and a network lie between. */
const usualPortalRate = 19.6;
/** An interrupted listing is worth going on with for this long. */
const resumeWindow = 15 * 60_000;

export interface SsoPorts {
  wire: Wire;
  secrets: Secrets;
  clock: Clock;
  browser: Browser;
  listen: Listen;
  /** `~/.aws/sso/cache`, for integrations that share their tokens. */
  sharedCache?: CacheFiles;
  /** Requests a second to the portal of one instance; 19.6 when absent. */
  portalRate?: number;
}

export interface SignInOptions {
  /** Absent: the browser, or a device code where no browser opens. */
  flow?: "pkce" | "device";
  /** Called once, when the person is to go on; with other callers of one sign-in for each of them. */
  show: (prompt: SignInPrompt) => void;
  signal?: AbortSignal;
}

export interface SsoStatus {
  signedIn: boolean;
  /** Epoch milliseconds at which the access token ends. */
  expiresAt?: number;
  /** A refresh token will renew it. */
  renews: boolean;
}

export interface Sso {
  /**
   * One sign-in an integration at a time: a second caller joins the first. It ends when the last caller aborts.
   * @throws LeappError `refused`, `timed-out` (10 minutes), `network`, `aws-unavailable`.
   */
  signIn(integration: Integration, options: SignInOptions): Promise<SsoStatus>;
  /** Ends a sign-in that is under way, whoever began it. False where there is none. */
  cancelSignIn(integrationId: string): boolean;
  /** What is known without asking the server. */
  status(integration: Integration): Promise<SsoStatus>;
  /**
   * A token that should work; refreshed when due, once for all callers.
   * @throws LeappError `sign-in-needed`.
   */
  accessToken(integration: Integration): Promise<string>;
  /** The server refused this access token; nothing happens if it is no longer the current one. */
  revoked(integration: Integration, accessToken: string): Promise<void>;
  /**
   * Ends the session on the server and forgets the tokens. `problem` says why the server may not know, or the
   * shared cache still has them; the vault has forgotten them in any case.
   */
  signOut(integration: Integration): Promise<{ problem?: LeappError }>;
  /** For a deleted integration: tokens, registrations, everything, without asking the server. */
  forget(integrationId: string): Promise<void>;
  /**
   * Every account and role, within the portal's limits. After an interruption the next listing goes on where
   * this one stopped, unless `resume` is false.
   */
  listRoles(integration: Integration, options?: ListOptions & { resume?: boolean }): Promise<FoundRole[]>;
  /** @throws LeappError `access-denied`, `sign-in-needed`, `aws-unavailable`, `network`. */
  roleCredentials(
    integration: Integration,
    role: { accountId: string; roleName: string },
    signal?: AbortSignal,
  ): Promise<Credentials>;
  /** Drops what is held in memory, when the vault locks. */
  lock(): void;
}

/** What the vault keeps of a sign-in. */
interface Kept extends SignIn {
  /** The server refused the access token: only a refresh helps. */
  dead?: boolean;
  /** It came from refreshing a dead one: if it is refused as well, the refresh token is of no use. */
  revived?: boolean;
}

interface Flight {
  promise: Promise<SsoStatus>;
  stop: AbortController;
  shows: Set<(prompt: SignInPrompt) => void>;
  prompt?: SignInPrompt;
  callers: number;
}

/** One integration, as long as the agent lives. */
interface State {
  loading?: Promise<void>;
  kept?: Kept;
  refreshing?: Promise<void>;
  /** No refresh before this, while the token serves. */
  retryAt: number;
  signIn?: Flight;
  /** Vault writes, one after the other. */
  writing: Promise<void>;
  /** The vault could not take the latest tokens. */
  unsaved: boolean;
  /** Access tokens that the server refused, lest the shared cache bring them back. */
  refused: Set<string>;
  pace: Pace;
  listing?: { listed: Listed; startUrl: string; at: number };
}

const tokensRecord = (id: string) => `sso/${id}/tokens`;
const clientRecord = (id: string, flow: "pkce" | "device") => `sso/${id}/client/${flow}`;

export function createSso(ports: SsoPorts): Sso {
  const { wire, secrets, clock, browser, listen, sharedCache, portalRate = usualPortalRate } = ports;
  const states = new Map<string, State>();

  function stateOf(id: string): State {
    let state = states.get(id);
    if (!state) {
      state = {
        retryAt: 0,
        writing: Promise.resolve(),
        unsaved: false,
        refused: new Set(),
        pace: createPace(clock, portalRate),
      };
      states.set(id, state);
    }
    return state;
  }

  /** The state with the vault's record in it, read once. */
  async function load(integration: Integration): Promise<State> {
    const state = stateOf(integration.id);
    state.loading ??= (async () => {
      const record = await secrets.get(tokensRecord(integration.id));
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
      if (state.kept) await secrets.set(tokensRecord(id), JSON.stringify(state.kept));
      else await secrets.delete(tokensRecord(id));
      state.unsaved = false;
    });
    state.writing = write.catch(() => {});
    return write;
  }

  const serves = (kept: Kept | undefined): kept is Kept =>
    kept !== undefined && !kept.dead && kept.expiresAt > clock.now();
  const canRefresh = ({ refreshToken, client }: Kept) =>
    refreshToken !== undefined && client !== undefined && client.expiresAt > clock.now();

  /** Takes over what another tool left in the shared cache, when it is newer. True if it did. */
  async function adopt(integration: Integration, state: State): Promise<boolean> {
    if (!integration.shareTokens || !sharedCache) return false;
    const theirs = readShared(sharedCache, integration);
    const { kept } = state;
    if (!theirs || theirs.accessToken === kept?.accessToken || state.refused.has(theirs.accessToken))
      return false;
    if (kept && theirs.expiresAt <= kept.expiresAt && !kept.dead) return false;
    state.kept = theirs;
    await save(integration.id, state).catch(() => {});
    return true;
  }

  async function publish(integration: Integration, state: State): Promise<void> {
    if (!integration.shareTokens || !sharedCache || !state.kept) return;
    // The vault has the tokens; a cache that cannot be written must not fail the caller.
    await writeShared(sharedCache, integration, state.kept, state.refused).catch(() => {});
  }

  function signInNeeded(integration: Integration): LeappError {
    return new LeappError("sign-in-needed", `a sign-in to ${integration.alias} is needed`, {
      hint: `run: leapp integration login ${shellWord(integration.alias)}`,
    });
  }

  /** Spends the refresh token once. The outcome is in the state. */
  async function refresh(integration: Integration, state: State): Promise<void> {
    const { kept } = state;
    if (!kept?.refreshToken || !kept.client) return;
    // A sign-in or a sign-out may come in between; a 401 of the old access token makes no difference.
    const isCurrent = () => state.kept?.accessToken === kept.accessToken;
    let tokens: SsoTokens;
    try {
      const grant = { type: "refresh", refreshToken: kept.refreshToken } as const;
      tokens = await createToken(wire, clock, kept.client, grant, { region: kept.region });
    } catch (error) {
      const over =
        error instanceof SsoError &&
        ["invalid-grant", "invalid-client", "expired", "denied"].includes(error.reason);
      if (!isCurrent()) return;
      if (!over) {
        state.retryAt = clock.now() + refreshSpacing;
        if (serves(kept)) return;
        throw error;
      }
      // Another tool may have spent our refresh token and left its successor.
      if (await adopt(integration, state)) return;
      const { refreshToken: _, ...rest } = state.kept ?? kept;
      state.kept = serves(rest) ? rest : undefined;
      await save(integration.id, state).catch(() => {});
      return;
    }
    if (!isCurrent()) return;
    state.kept = { ...kept, ...tokens, dead: undefined, revived: kept.dead };
    state.retryAt = 0;
    // Where the vault cannot be written now, memory has the only copy of the rotated token: it is used, and
    // written at the next call.
    await save(integration.id, state).catch(() => {});
    await publish(integration, state);
  }

  async function accessToken(integration: Integration): Promise<string> {
    const state = await load(integration);
    if (state.unsaved) await save(integration.id, state).catch(() => {});
    const due = () => !state.kept || state.kept.dead || state.kept.expiresAt - clock.now() <= refreshWindow;
    if (due() && !state.refreshing) await adopt(integration, state);
    if (due()) {
      const { kept } = state;
      if (kept && canRefresh(kept) && (!serves(kept) || clock.now() >= state.retryAt)) {
        state.refreshing ??= refresh(integration, state).finally(() => {
          state.refreshing = undefined;
        });
      }
      if (state.refreshing)
        await (serves(kept) ? atMost(refreshPatience, state.refreshing) : state.refreshing);
    }
    if (!serves(state.kept)) throw signInNeeded(integration);
    return state.kept.accessToken;
  }

  /** Waits for `work`, but not longer than that. */
  async function atMost(milliseconds: number, work: Promise<void>): Promise<void> {
    const enough = new AbortController();
    await Promise.race([work, pause(clock, milliseconds, enough.signal).catch(() => {})]);
    enough.abort();
  }

  async function revoked(integration: Integration, token: string): Promise<void> {
    const state = await load(integration);
    state.refused.add(token);
    const { kept } = state;
    if (kept?.accessToken !== token || kept.dead) return;
    state.kept = kept.revived ? undefined : { ...kept, dead: true };
    await save(integration.id, state).catch(() => {});
  }

  function statusOf({ kept }: State): SsoStatus {
    const renews = kept !== undefined && canRefresh(kept);
    return {
      signedIn: serves(kept) || renews,
      renews,
      ...(serves(kept) ? { expiresAt: kept.expiresAt } : {}),
    };
  }

  async function client(
    { id, startUrl, region }: Integration,
    flow: "pkce" | "device",
    signal: AbortSignal,
  ): Promise<{ client: SsoClient; fresh: boolean }> {
    const name = clientRecord(id, flow);
    const record = await secrets.get(name);
    if (record !== undefined) {
      const kept = JSON.parse(record) as SsoClient & { startUrl: string; region: string };
      // It has to outlive the sign-in, and refreshes need it after that.
      if (
        kept.startUrl === startUrl &&
        kept.region === region &&
        kept.expiresAt - clock.now() > 86_400_000 / 2
      ) {
        return { client: kept, fresh: false };
      }
    }
    const made = await registerClient(wire, clock, flow, startUrl, { region, signal });
    await secrets.set(name, JSON.stringify({ ...made, startUrl, region }));
    return { client: made, fresh: true };
  }

  async function runSignIn(
    integration: Integration,
    flow: SignInOptions["flow"],
    flight: Omit<Flight, "promise">,
  ): Promise<SsoStatus> {
    const { signal } = flight.stop;
    // A locked vault is said before the person is sent to the browser.
    const state = await load(integration);
    const deadline = clock.now() + signInLimit;
    const tooLate = new LeappError(
      "timed-out",
      `the sign-in to ${integration.alias} was not finished in 10 minutes`,
    );
    const cancelLimit = clock.at(deadline, () => flight.stop.abort(tooLate));
    const context = {
      wire,
      clock,
      integration,
      deadline,
      signal,
      show(prompt: SignInPrompt) {
        flight.prompt = prompt;
        for (const show of flight.shows) show(prompt);
      },
    };
    async function withClient<T>(kind: "pkce" | "device", run: (client: SsoClient) => Promise<T>) {
      for (;;) {
        const { client: registration, fresh } = await client(integration, kind, signal);
        try {
          return { tokens: await run(registration), registration };
        } catch (error) {
          const unknown = error instanceof SsoError && error.reason === "invalid-client";
          // The browser shows an unknown registration to the person only, so that we see a time-out.
          if (unknown || error === tooLate) await secrets.delete(clientRecord(integration.id, kind));
          if (!unknown || fresh) throw error;
        }
      }
    }
    try {
      let result =
        flow === "device"
          ? undefined
          : await withClient("pkce", (registration) =>
              signInWithBrowser(context, registration, { browser, listen, needBrowser: flow === undefined }),
            );
      if (!result?.tokens) {
        result = await withClient("device", (registration) => signInWithDeviceCode(context, registration));
      }
      const { clientId, clientSecret, expiresAt } = result.registration;
      state.kept = {
        startUrl: integration.startUrl,
        region: integration.region,
        ...(result.tokens as SsoTokens),
        client: { clientId, clientSecret, expiresAt },
      };
      state.retryAt = 0;
      await save(integration.id, state);
      await publish(integration, state);
      return statusOf(state);
    } catch (error) {
      // What the interrupted request says matters less than why it was interrupted.
      throw signal.aborted ? signal.reason : error;
    } finally {
      cancelLimit();
    }
  }

  async function signIn(integration: Integration, { flow, show, signal }: SignInOptions): Promise<SsoStatus> {
    if (signal?.aborted) throw cancelled();
    const state = stateOf(integration.id);
    let flight = state.signIn;
    if (!flight) {
      const made = { stop: new AbortController(), shows: new Set([show]), callers: 0 };
      const promise = runSignIn(integration, flow, made).finally(() => {
        if (state.signIn === flight) state.signIn = undefined;
      });
      state.signIn = flight = Object.assign(made, { promise });
    } else {
      flight.shows.add(show);
      if (flight.prompt) show(flight.prompt);
    }
    flight.callers += 1;
    return leaveOnAbort(flight, show, signal);
  }

  /** The flight's outcome; a caller that aborts leaves, the last one ends it. */
  function leaveOnAbort(
    flight: Flight,
    show: SignInOptions["show"],
    signal?: AbortSignal,
  ): Promise<SsoStatus> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        flight.shows.delete(show);
        flight.callers -= 1;
        if (flight.callers === 0) flight.stop.abort(cancelled());
        reject(cancelled());
      };
      signal?.addEventListener("abort", leave, { once: true });
      flight.promise.then(resolve, reject).finally(() => signal?.removeEventListener("abort", leave));
    });
  }

  /**
   * One request to the portal: paced, with a fresh token once after a 401, again after a throttle or a cut,
   * until `patience` milliseconds went by without an answer.
   */
  async function ask<T>(
    integration: Integration,
    call: (token: string, signal?: AbortSignal) => Promise<T>,
    options: { urgent: boolean; patience: number; signal?: AbortSignal },
  ): Promise<T> {
    const { urgent, patience, signal } = options;
    const { pace } = stateOf(integration.id);
    const giveUpAt = clock.now() + patience;
    let secondToken = false;
    for (let attempt = 0; ; attempt += 1) {
      // Before the turn, so that a missing sign-in is said at once; after it, since the token may have died.
      await accessToken(integration);
      await pace.turn({ urgent, signal });
      const token = await accessToken(integration);
      try {
        const answer = await call(token, signal);
        pace.answered();
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        const failure = LeappError.of(error);
        const reason = failure instanceof SsoError ? failure.reason : undefined;
        const wait = failure instanceof SsoError ? failure.retryAfter : undefined;
        if (reason === "token-dead" && !secondToken) {
          secondToken = true;
          await revoked(integration, token);
        } else if (reason === "token-dead") {
          await revoked(integration, token);
          throw signInNeeded(integration);
        } else if (reason === "throttled") {
          pace.throttled(wait);
          if (clock.now() + (wait ?? 0) >= giveUpAt) throw failure;
        } else if (reason === "unwell" || failure.code === "network") {
          const backOff = wait ?? Math.min(200 * 2 ** attempt, 5000);
          if (attempt >= 4 || clock.now() + backOff >= giveUpAt) throw failure;
          await pause(clock, backOff, signal);
        } else {
          throw failure;
        }
      }
    }
  }

  async function listRoles(
    integration: Integration,
    { resume = true, ...options }: ListOptions & { resume?: boolean } = {},
  ): Promise<FoundRole[]> {
    const state = stateOf(integration.id);
    const { region, startUrl } = integration;
    const before = state.listing;
    const fits = resume && before?.startUrl === startUrl && clock.now() - before.at < resumeWindow;
    const listing = fits ? before : { listed: new Map() as Listed, startUrl, at: clock.now() };
    state.listing = listing;
    const portal = {
      rate: () => state.pace.rate,
      // Pages of accounts go first, so that the whole is known early.
      accounts: (next: string | undefined, signal: AbortSignal) =>
        ask(integration, (token) => listAccounts(wire, { region, accessToken: token, signal }, next), {
          urgent: true,
          patience: 60_000,
          signal,
        }),
      roles: (accountId: string, next: string | undefined, signal: AbortSignal) =>
        ask(
          integration,
          (token) => listAccountRoles(wire, { region, accessToken: token, signal }, accountId, next),
          { urgent: false, patience: 60_000, signal },
        ),
    };
    const found = await listEverything(portal, listing.listed, options);
    if (state.listing === listing) state.listing = undefined;
    return found;
  }

  return {
    signIn,
    cancelSignIn(id) {
      const flight = states.get(id)?.signIn;
      flight?.stop.abort(cancelled());
      return flight !== undefined;
    },
    async status(integration) {
      const state = await load(integration);
      if (!serves(state.kept)) await adopt(integration, state);
      return statusOf(state);
    },
    accessToken,
    revoked,
    async signOut(integration) {
      const state = await load(integration);
      // A refresh that is out would bring tokens back after they were forgotten.
      await state.refreshing?.catch(() => {});
      const { kept } = state;
      if (!kept) return {};
      // From here on nothing begins with these tokens any more.
      state.kept = undefined;
      state.listing = undefined;
      let problem: LeappError | undefined;
      try {
        if (integration.shareTokens && sharedCache) {
          await forgetShared(sharedCache, integration, kept.accessToken);
        }
      } catch (error) {
        problem = LeappError.of(error);
      }
      try {
        await logout(wire, { region: kept.region, accessToken: kept.accessToken });
      } catch (error) {
        const dead = error instanceof SsoError && error.reason === "token-dead";
        if (!dead) problem ??= LeappError.of(error);
      }
      await save(integration.id, state);
      return problem ? { problem } : {};
    },
    async forget(id) {
      const state = stateOf(id);
      state.signIn?.stop.abort(cancelled());
      await state.refreshing?.catch(() => {});
      state.kept = undefined;
      await save(id, state);
      for (const flow of ["pkce", "device"] as const) await secrets.delete(clientRecord(id, flow));
      states.delete(id);
    },
    listRoles,
    roleCredentials: (integration, { accountId, roleName }, signal) =>
      ask(
        integration,
        (accessToken) =>
          getRoleCredentials(
            wire,
            clock,
            { region: integration.region, accessToken, signal },
            accountId,
            roleName,
          ),
        { urgent: true, patience: 10_000, signal },
      ),
    lock() {
      for (const state of states.values()) {
        state.loading = undefined;
        if (!state.unsaved) state.kept = undefined;
      }
    },
  };
}

function cancelled(): LeappError {
  return new LeappError("refused", "the sign-in was cancelled");
}

/** An alias as a shell takes it. */
function shellWord(text: string): string {
  return /^[\w.@%+=:,/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
