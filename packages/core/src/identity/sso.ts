/** IAM Identity Center: sign in once, list what the sign-in opens, get credentials for it. */
import { getRoleCredentials, listAccountRoles, listAccounts, logout } from "../aws/sso.ts";
import { SsoError } from "../aws/sso-call.ts";
import { registerClient, type SsoClient, type SsoTokens } from "../aws/sso-oidc.ts";
import { LeappError } from "../errors.ts";
import type { Credentials, Integration } from "../model.ts";
import type { Browser } from "../ports.ts";
import { createPace, type Pace, pause } from "./pace.ts";
import { type FoundRole, listEverything, type Listed, type ListOptions } from "./sso-roles.ts";
import { type Listen, type SignInPrompt, signInWithBrowser, signInWithDeviceCode } from "./sso-sign-in.ts";
import { createTokens, signInNeeded, type SsoStatus, type TokenPorts } from "./sso-tokens.ts";

const signInLimit = 10 * 60_000;
/** A registration has to outlive the sign-in by far: refreshes need it. */
const leastRegistration = 12 * 3_600_000;
/** A little under the portal's 20 a second: two clocks and a network lie between. */
const usualPortalRate = 19.6;
/** An interrupted listing is worth going on with for this long. */
const resumeWindow = 15 * 60_000;

export interface SsoPorts extends TokenPorts {
  browser: Browser;
  listen: Listen;
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
   * Ends the session on the server and forgets the tokens. `problem` says why the server may not know; the tokens
   * are forgotten here in any case.
   * @throws LeappError `file` when the shared cache still has them.
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

/** A sign-in under way, and who waits for it. */
interface Flight {
  promise: Promise<SsoStatus>;
  stop: AbortController;
  shows: Set<(prompt: SignInPrompt) => void>;
  prompt?: SignInPrompt;
  callers: number;
}

const clientRecord = (id: string, flow: "pkce" | "device") => `sso/${id}/client/${flow}`;

export function createSso(ports: SsoPorts): Sso {
  const { wire, secrets, clock, browser, listen, portalRate = usualPortalRate } = ports;
  const tokens = createTokens(ports);
  const flights = new Map<string, Flight>();
  const paces = new Map<string, Pace>();
  const listings = new Map<string, { listed: Listed; startUrl: string; at: number }>();

  // ---- signing in

  /** The vault's registration of that kind, or a new one. */
  async function registration(
    { id, startUrl, region }: Integration,
    flow: "pkce" | "device",
    signal: AbortSignal,
  ): Promise<{ client: SsoClient; fresh: boolean }> {
    const name = clientRecord(id, flow);
    const record = await secrets.get(name);
    if (record !== undefined) {
      const kept = JSON.parse(record) as SsoClient & { startUrl: string; region: string };
      const lasts = kept.expiresAt - clock.now() > leastRegistration;
      if (kept.startUrl === startUrl && kept.region === region && lasts)
        return { client: kept, fresh: false };
    }
    const client = await registerClient(wire, clock, flow, startUrl, { region, signal });
    await secrets.set(name, JSON.stringify({ ...client, startUrl, region }));
    return { client, fresh: true };
  }

  async function runSignIn(
    integration: Integration,
    flow: SignInOptions["flow"],
    flight: Omit<Flight, "promise">,
  ): Promise<SsoStatus> {
    const { signal } = flight.stop;
    const deadline = clock.now() + signInLimit;
    const message = `the sign-in to ${integration.alias} was not finished in 10 minutes`;
    const tooLate = new LeappError("timed-out", message);
    const cancelLimit = clock.at(deadline, () => flight.stop.abort(tooLate));
    const show = (prompt: SignInPrompt) => {
      flight.prompt = prompt;
      for (const each of flight.shows) each(prompt);
    };
    const context = { wire, clock, integration, deadline, signal, show };

    /** With the registration for that flow, and once more with a new one where the server forgot it. */
    async function attempt(
      kind: "pkce" | "device",
      run: (client: SsoClient) => Promise<SsoTokens | undefined>,
    ): Promise<SsoStatus | undefined> {
      for (;;) {
        const { client, fresh } = await registration(integration, kind, signal);
        try {
          const found = await run(client);
          return found && (await tokens.keep(integration, found, client));
        } catch (error) {
          const unknown = error instanceof SsoError && error.reason === "invalid-client";
          // The browser shows an unknown registration to the person only; to us it looks like a time-out.
          if (unknown || error === tooLate) await secrets.delete(clientRecord(integration.id, kind));
          if (!unknown || fresh) throw error;
        }
      }
    }

    try {
      const needBrowser = flow === undefined;
      const inBrowser = (client: SsoClient) =>
        signInWithBrowser(context, client, { browser, listen, needBrowser });
      const status = flow === "device" ? undefined : await attempt("pkce", inBrowser);
      if (status) return status;
      return (await attempt("device", (client) => signInWithDeviceCode(context, client))) as SsoStatus;
    } catch (error) {
      // What the interrupted request says matters less than why it was interrupted.
      throw signal.aborted ? signal.reason : error;
    } finally {
      cancelLimit();
    }
  }

  /** Ends a sign-in; whoever asks now begins a new one. */
  function stopSignIn(id: string, flight: Flight): void {
    if (flights.get(id) === flight) flights.delete(id);
    flight.stop.abort(cancelled());
  }

  async function signIn(integration: Integration, { flow, show, signal }: SignInOptions): Promise<SsoStatus> {
    if (signal?.aborted) throw signal.reason instanceof LeappError ? signal.reason : cancelled();
    const { id } = integration;
    // A locked vault is said before the person is sent to the browser.
    await tokens.status(integration);
    const flight = flights.get(id) ?? begin();
    flight.shows.add(show);
    if (flight.prompt) show(flight.prompt);
    flight.callers += 1;

    function begin(): Flight {
      const made = { stop: new AbortController(), shows: new Set<SignInOptions["show"]>(), callers: 0 };
      const promise = runSignIn(integration, flow, made).finally(() => {
        if (flights.get(id) === begun) flights.delete(id);
      });
      const begun: Flight = Object.assign(made, { promise });
      flights.set(id, begun);
      return begun;
    }

    return new Promise((resolve, reject) => {
      const leave = () => {
        flight.shows.delete(show);
        flight.callers -= 1;
        if (flight.callers === 0) stopSignIn(id, flight);
        reject(signal?.reason instanceof LeappError ? signal.reason : cancelled());
      };
      if (signal?.aborted) leave();
      signal?.addEventListener("abort", leave, { once: true });
      flight.promise.then(resolve, reject).finally(() => signal?.removeEventListener("abort", leave));
    });
  }

  // ---- the portal

  function paceOf(id: string): Pace {
    const pace = paces.get(id) ?? createPace(clock, portalRate);
    paces.set(id, pace);
    return pace;
  }

  /**
   * One request to the portal: paced, with a fresh token once after a 401, again after a throttle or a cut,
   * until `patience` milliseconds went by without an answer.
   */
  async function ask<T>(
    integration: Integration,
    call: (accessToken: string) => Promise<T>,
    options: { urgent: boolean; patience: number; signal?: AbortSignal },
  ): Promise<T> {
    const { urgent, patience, signal } = options;
    const pace = paceOf(integration.id);
    const giveUpAt = clock.now() + patience;
    let refusals = 0;
    for (let attempt = 0; ; attempt += 1) {
      // Before the turn, so that a missing sign-in is said at once; after it, since the token may have died.
      await tokens.accessToken(integration);
      await pace.turn({ urgent, signal });
      const accessToken = await tokens.accessToken(integration);
      try {
        const answer = await call(accessToken);
        pace.answered();
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        const failure = LeappError.of(error);
        const { reason, retryAfter } = failure instanceof SsoError ? failure : {};
        if (reason === "token-dead") {
          await tokens.revoked(integration, accessToken);
          refusals += 1;
          if (refusals === 2) throw signInNeeded(integration);
        } else if (reason === "throttled") {
          pace.throttled(retryAfter);
          if (clock.now() + (retryAfter ?? 0) >= giveUpAt) throw failure;
        } else if (reason === "unwell" || failure.code === "network") {
          const backOff = retryAfter ?? Math.min(200 * 2 ** attempt, 5000);
          // Somebody waits for credentials; a listing of minutes is worth some more seconds.
          if (attempt >= (urgent ? 2 : 4) || clock.now() + backOff >= giveUpAt) throw failure;
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
    const { id, region, startUrl } = integration;
    const before = listings.get(id);
    const fits = resume && before?.startUrl === startUrl && clock.now() - before.at < resumeWindow;
    const listing = fits ? before : { listed: new Map() as Listed, startUrl, at: clock.now() };
    listings.set(id, listing);
    const patience = 60_000;
    const portal = {
      rate: () => paceOf(id).rate,
      // Pages of accounts go first, so that the whole is known early.
      accounts: (next: string | undefined, signal: AbortSignal) =>
        ask(integration, (accessToken) => listAccounts(wire, { region, accessToken, signal }, next), {
          urgent: true,
          patience,
          signal,
        }),
      roles: (accountId: string, next: string | undefined, signal: AbortSignal) =>
        ask(
          integration,
          (accessToken) => listAccountRoles(wire, { region, accessToken, signal }, accountId, next),
          { urgent: false, patience, signal },
        ),
    };
    const found = await listEverything(portal, listing.listed, options);
    if (listings.get(id) === listing) listings.delete(id);
    return found;
  }

  return {
    signIn,
    cancelSignIn(id) {
      const flight = flights.get(id);
      if (flight) stopSignIn(id, flight);
      return flight !== undefined;
    },
    status: tokens.status,
    accessToken: tokens.accessToken,
    revoked: tokens.revoked,
    async signOut(integration) {
      const { id, region } = integration;
      listings.delete(id);
      let problem: LeappError | undefined;
      await tokens.drop(integration, async (accessToken) => {
        try {
          await logout(wire, { region, accessToken });
        } catch (error) {
          const dead = error instanceof SsoError && error.reason === "token-dead";
          if (!dead) problem = LeappError.of(error);
        }
      });
      return problem ? { problem } : {};
    },
    async forget(id) {
      const flight = flights.get(id);
      if (flight) stopSignIn(id, flight);
      listings.delete(id);
      paces.delete(id);
      await tokens.forget(id);
      for (const flow of ["pkce", "device"] as const) await secrets.delete(clientRecord(id, flow));
    },
    listRoles,
    roleCredentials(integration, { accountId, roleName }, signal) {
      const { region } = integration;
      return ask(
        integration,
        (accessToken) =>
          getRoleCredentials(wire, clock, { region, accessToken, signal }, accountId, roleName),
        { urgent: true, patience: 10_000, signal },
      );
    },
    lock: tokens.lock,
  };
}

function cancelled(): LeappError {
  return new LeappError("refused", "the sign-in was cancelled");
}
