/**
 * Credentials in memory, keyed by the whole resolved request. One flight per key however many callers; renewal
 * ahead of expiry; a failure is shared for a few seconds; a credential that is still valid goes on being served
 * when AWS cannot be reached.
 */
import type { CredentialRequest } from "../../core/src/credentials/request.ts";
import { LeappError } from "../../core/src/errors.ts";
import type { Credentials } from "../../core/src/model.ts";
import type { Clock } from "../../core/src/ports.ts";
import { Audience } from "./prompts.ts";

const minute = 60_000;
/** Consumers such as boto and .NET run us again on every use below 15 minutes (consumers.md R6). */
const leastLife = 16 * minute;
const renewalLife = 20 * minute;
/** Below this a credential is not worth handing out: the request signed with it may arrive too late. */
const uselessLife = 5_000;
/** 75 callers of a failing session make one request and one line each. */
const failureShared = 5_000;
/** An active session that nobody used for so long is no longer renewed ahead. */
const unusedFor = 12 * 60 * minute;
const renewalsAtOnce = 8;
/** How long a caller waits for better credentials while those at hand are still valid. */
const betterWithin = 3_000;

const life = (credentials: Credentials) => Math.max(0, credentials.expiration - credentials.issuedAt);
/** When renewal in the background begins. Short lives are not renewed all the time. */
export const renewAt = (credentials: Credentials) =>
  credentials.expiration - Math.min(renewalLife, (life(credentials) * 2) / 3);
/** From when on a caller waits for new ones, if they can be had. */
export const waitAt = (credentials: Credentials) =>
  credentials.expiration - Math.min(leastLife, life(credentials) / 2);

const needsHuman = new Set(["mfa-needed", "sign-in-needed", "vault-locked"]);

interface Entry {
  readonly key: string;
  readonly request: CredentialRequest;
  credentials?: Credentials;
  flight?: { promise: Promise<Credentials>; audience: Audience };
  failure?: { error: LeappError; until: number };
  problem?: { error: LeappError; at: number };
  usedAt: number;
  attempts: number;
  cancelRenewal?: () => void;
}

export interface Asking {
  /** Who may be asked when a person is needed. */
  audience: Audience;
  /** A person asked for this just now: an earlier failure is not an answer. */
  explicit?: boolean;
  /** Milliseconds the caller waits at most; undefined: as long as the flight takes. */
  patience?: () => number | undefined;
  /** Milliseconds of remaining life below which new ones are fetched first. */
  minimumLife?: number;
}

export interface CacheOptions {
  clock: Clock;
  /** `minimumLife`: milliseconds that a token kept elsewhere must have left to be good enough. */
  resolve(
    request: CredentialRequest,
    audience: Audience,
    minimumLife: number | undefined,
  ): Promise<Credentials>;
  /** Whether somebody could be asked on behalf of this audience. */
  reachable(audience: Audience): boolean;
  /** Whether an active session stands behind this key: `always` where its keys lie in a file. */
  wanted(key: string): "always" | "while-used" | "no";
  /** New credentials, or a new problem, for this key. */
  changed(key: string, credentials?: Credentials): void;
}

export interface Cache {
  /** Answers from memory in the same tick where it can. */
  get(key: string, request: CredentialRequest, asking: Asking): Credentials | Promise<Credentials>;
  /** What is held, without fetching. */
  held(key: string): {
    credentials?: Credentials;
    problem?: { error: LeappError; at: number };
    waiting: boolean;
  };
  /** Renews ahead from now on, where `wanted` says so. */
  watch(key: string): void;
  /** A person has just done what was missing: earlier failures for want of one are no answer any more. */
  forgive(): void;
  forget(which: (request: CredentialRequest) => boolean): void;
  clear(): void;
  size(): number;
  /** For the hand-over to a newer agent; only over an inherited pipe. */
  export(): { key: string; request: CredentialRequest; credentials: Credentials }[];
  import(entries: { key: string; request: CredentialRequest; credentials: Credentials }[]): void;
}

export function createCache(options: CacheOptions): Cache {
  const { clock } = options;
  const entries = new Map<string, Entry>();
  const renewals: Entry[] = [];
  let renewing = 0;
  let sweptAt = 0;

  function entryOf(key: string, request: CredentialRequest): Entry {
    let entry = entries.get(key);
    if (!entry) {
      sweep();
      entry = { key, request, usedAt: clock.now(), attempts: 0 };
      entries.set(key, entry);
    }
    return entry;
  }

  function sweep(): void {
    const now = clock.now();
    if (now - sweptAt < minute) return;
    sweptAt = now;
    for (const entry of entries.values()) {
      const dead = !entry.credentials || entry.credentials.expiration < now;
      if (dead && !entry.flight && now - entry.usedAt > 10 * minute && options.wanted(entry.key) === "no")
        drop(entry);
    }
  }

  function drop(entry: Entry): void {
    entry.cancelRenewal?.();
    entries.delete(entry.key);
  }

  function store(entry: Entry, credentials: Credentials): void {
    entry.credentials = credentials;
    entry.failure = undefined;
    entry.problem = undefined;
    entry.attempts = 0;
    // Forgotten while it was under way: the callers get it, but nothing keeps it.
    if (entries.get(entry.key) !== entry) return;
    schedule(entry, renewAt(credentials));
    options.changed(entry.key, credentials);
  }

  function fly(entry: Entry, audience: Audience, minimumLife?: number): Promise<Credentials> {
    const flightAudience = new Audience();
    flightAudience.include(audience);
    const promise = options.resolve(entry.request, flightAudience, minimumLife).then(
      (credentials) => {
        entry.flight = undefined;
        store(entry, credentials);
        return credentials;
      },
      (thrown) => {
        entry.flight = undefined;
        const error = LeappError.of(thrown);
        const now = clock.now();
        entry.failure = { error, until: now + failureShared };
        entry.problem = { error, at: now };
        if (entries.get(entry.key) === entry) options.changed(entry.key);
        throw error;
      },
    );
    // Callers may all have given up by the time it fails.
    promise.catch(() => {});
    entry.flight = { promise, audience: flightAudience };
    return promise;
  }

  function schedule(entry: Entry, at: number): void {
    entry.cancelRenewal?.();
    entry.cancelRenewal = clock.at(at, () => renewIfWanted(entry));
  }

  function renewIfWanted(entry: Entry): void {
    const wanted = options.wanted(entry.key);
    if (wanted === "always" || (wanted === "while-used" && clock.now() - entry.usedAt <= unusedFor))
      renew(entry);
  }

  function renew(entry: Entry): void {
    if (entries.get(entry.key) !== entry || entry.flight || renewals.includes(entry)) return;
    renewals.push(entry);
    nextRenewal();
  }

  function nextRenewal(): void {
    if (renewing >= renewalsAtOnce) return;
    const entry = renewals.shift();
    if (!entry) return;
    renewing++;
    (entry.flight?.promise ?? quietly(entry))
      .catch((error: LeappError) => {
        // A person is needed: the next call that has one asks. Anything else is tried again, ever more seldom.
        if (needsHuman.has(error.code)) return;
        entry.attempts++;
        schedule(entry, clock.now() + Math.min(10 * minute, 15_000 * 2 ** (entry.attempts - 1)));
      })
      .finally(() => {
        renewing--;
        nextRenewal();
      });
  }

  /** Better ones than those held, if nobody has to be asked for them. */
  const quietly = (entry: Entry) =>
    fly(
      entry,
      new Audience({ background: true }),
      entry.credentials && entry.credentials.expiration - renewAt(entry.credentials),
    );

  /** The flight's outcome, or after the caller's patience the credential that is still valid, or an error. */
  async function wait(entry: Entry, flight: Promise<Credentials>, asking: Asking): Promise<Credentials> {
    const begun = clock.now();
    let cancel = () => {};
    const impatience = new Promise<never>((_, reject) => {
      const check = (patience: number | undefined) => {
        if (patience === undefined) return;
        cancel = clock.at(begun + patience, () => {
          // A prompt that came up meanwhile is worth waiting for.
          const now = asking.patience?.();
          if (now === undefined || now > patience) check(now);
          else
            reject(
              new LeappError("timed-out", "no credentials within the time this call may take", {
                hint: "run: leapp agent status",
              }),
            );
        });
      };
      check(asking.patience?.());
    });
    try {
      return await Promise.race([flight, impatience]);
    } catch (error) {
      const held = stillValid(entry);
      if (held && !asking.explicit) return held;
      throw error;
    } finally {
      cancel();
    }
  }

  const stillValid = (entry: Entry) =>
    entry.credentials && entry.credentials.expiration - clock.now() > uselessLife
      ? entry.credentials
      : undefined;

  return {
    get(key, request, asking) {
      const entry = entryOf(key, request);
      const now = clock.now();
      entry.usedAt = now;
      const held = stillValid(entry);
      if (
        held &&
        now < waitAt(held) &&
        held.expiration - now >= Math.min(asking.minimumLife ?? 0, life(held) / 2)
      ) {
        if (now >= renewAt(held) && !entry.flight && !entry.failure) renew(entry);
        return held;
      }
      if (held && !asking.explicit) {
        // Good for a while yet: worth a moment's wait for better ones, not a question and not a second failure.
        if (entry.problem && now - entry.problem.at < minute) return held;
        return wait(entry, entry.flight?.promise ?? quietly(entry), {
          ...asking,
          patience: () => betterWithin,
        });
      }
      if (entry.flight) {
        const { promise, audience } = entry.flight;
        const background = audience.background;
        audience.include(asking.audience);
        const joined = promise.catch((error: LeappError) => {
          // A renewal that may ask nobody failed for want of a person, and here is one.
          if (background && needsHuman.has(error.code) && options.reachable(asking.audience))
            return entry.flight?.promise ?? fly(entry, asking.audience);
          throw error;
        });
        return wait(entry, joined, asking);
      }
      const failure = entry.failure;
      if (failure && now < failure.until && !asking.explicit) {
        const canAskNow = needsHuman.has(failure.error.code) && options.reachable(asking.audience);
        if (!canAskNow) throw failure.error;
      }
      return wait(entry, fly(entry, asking.audience, asking.minimumLife), asking);
    },
    held(key) {
      const entry = entries.get(key);
      return { credentials: entry && stillValid(entry), problem: entry?.problem, waiting: !!entry?.flight };
    },
    watch(key) {
      const entry = entries.get(key);
      if (entry?.credentials) schedule(entry, renewAt(entry.credentials));
    },
    forgive() {
      for (const entry of entries.values()) {
        if (entry.failure && needsHuman.has(entry.failure.error.code)) entry.failure = undefined;
        if (entry.problem && needsHuman.has(entry.problem.error.code)) entry.problem = undefined;
      }
    },
    forget(which) {
      for (const entry of [...entries.values()]) if (which(entry.request)) drop(entry);
    },
    clear() {
      for (const entry of [...entries.values()]) drop(entry);
    },
    size: () => [...entries.values()].filter((entry) => entry.credentials).length,
    export: () =>
      [...entries.values()].flatMap(({ key, request }) => {
        const credentials = stillValid(entries.get(key)!);
        return credentials ? [{ key, request, credentials }] : [];
      }),
    import(given) {
      for (const { key, request, credentials } of given) store(entryOf(key, request), credentials);
    },
  };
}
