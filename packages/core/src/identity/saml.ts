/** SAML sign-ins: one assertion per identity provider URL, in memory for its few minutes, for all its roles. */
import { LeappError } from "../errors.ts";
import type { IdpUrl } from "../model.ts";
import type { Clock } from "../ports.ts";
import { awsLimit, parseAssertion, type SamlAssertion } from "./saml-assertion.ts";

/** A browser that goes through an identity provider's pages and stops in front of AWS. */
export interface SamlBrowser {
  /** Somebody signed in there, and it was not forgotten since: the next sign-in may need nobody. */
  remembers(idpUrlId: string): boolean;
  /**
   * @param options.window false: the person sees nothing.
   * @returns the SAML response, base64; undefined where there is no window and the page waits for a person.
   * @throws LeappError `refused` (window closed), `timed-out` (10 minutes), `network`, `sign-in-needed` (no browser
   * or no display), or the signal's reason.
   */
  signIn(idpUrl: IdpUrl, options: { window: boolean; signal: AbortSignal }): Promise<string | undefined>;
  /** Forgets the sign-in remembered there. */
  forget(idpUrlId: string): Promise<void>;
}

export interface HeldAssertion extends SamlAssertion {
  /** Epoch milliseconds by our clock at which we got it, and until which AWS should take it. */
  receivedAt: number;
  goodUntil: number;
  /** The person brought it, who knows how long ago it was made. */
  pasted: boolean;
}

export interface Saml {
  /** The assertion at hand, where there is one that AWS should still take. */
  held(idpUrl: IdpUrl): HeldAssertion | undefined;
  /** Keeps one that the person brings. @throws LeappError `invalid`, also for an expired one, `access-denied` */
  accept(idpUrl: IdpUrl, base64: string): HeldAssertion;
  /**
   * A sign-in without a window, one at a time and shared; undefined where a person is needed.
   * @param asked a person wants it now: tried also where no sign-in is remembered.
   */
  quietly(idpUrl: IdpUrl, asked: boolean): Promise<HeldAssertion | undefined>;
  /** A sign-in in a window, until the signal. @throws as `SamlBrowser.signIn` */
  inWindow(idpUrl: IdpUrl, signal: AbortSignal): Promise<HeldAssertion>;
  /** AWS did not take it: nobody gets it again. */
  drop(idpUrlId: string, assertion: HeldAssertion): void;
  /** The assertion, sign-ins under way and what the browser remembers. */
  forget(idpUrlId: string): Promise<void>;
  /** Drops what is held in memory, when the vault locks. */
  lock(): void;
}

/** Milliseconds for a sign-in that nobody sees. Slower ones go on in a window. */
const quietLimit = 20_000;
/** Where a person was needed, nobody starts a browser for nothing again so soon. */
const quietPause = 5 * 60_000;
/** Not handed out in its last seconds: the request has to reach AWS. */
const margin = 15_000;

export function createSaml({ clock, browser }: { clock: Clock; browser: SamlBrowser }): Saml {
  const assertions = new Map<string, { url: string; assertion: HeldAssertion }>();
  const quiet = new Map<string, { promise: Promise<HeldAssertion | undefined>; stop: AbortController }>();
  const windows = new Map<string, Set<AbortController>>();
  const neededPerson = new Map<string, number>();

  function keep({ id, url }: IdpUrl, base64: string, pasted: boolean): HeldAssertion {
    const assertion = parseAssertion(base64);
    const { issuedAt, notOnOrAfter } = assertion;
    const receivedAt = clock.now();
    // By its length, not by its end: the identity provider's clock may be another than ours.
    const life = issuedAt && notOnOrAfter ? Math.min(notOnOrAfter - issuedAt, awsLimit) : awsLimit;
    const goodUntil = receivedAt + life - Math.min(margin, life / 2);
    const held = { ...assertion, receivedAt, goodUntil, pasted };
    const kept = { url, assertion: held };
    assertions.set(id, kept);
    clock.at(held.goodUntil, () => assertions.get(id) === kept && assertions.delete(id));
    neededPerson.delete(id);
    return held;
  }

  async function attempt(idpUrl: IdpUrl, stop: AbortController): Promise<HeldAssertion | undefined> {
    const { id } = idpUrl;
    const cancel = clock.at(clock.now() + quietLimit, () => stop.abort(tooSlow));
    try {
      const response = await browser.signIn(idpUrl, { window: false, signal: stop.signal });
      if (response !== undefined) return keep(idpUrl, response, false);
    } catch (error) {
      if (stop.signal.reason !== tooSlow) throw error;
    } finally {
      cancel();
      quiet.delete(id);
    }
    neededPerson.set(id, clock.now());
    return undefined;
  }

  return {
    held({ id, url }) {
      const kept = assertions.get(id);
      return kept?.url === url && clock.now() < kept.assertion.goodUntil ? kept.assertion : undefined;
    },
    accept(idpUrl, base64) {
      const { notOnOrAfter } = parseAssertion(base64);
      const late = clock.now() - (notOnOrAfter ?? clock.now());
      if (late > 0) {
        const minutes = Math.ceil(late / 60_000);
        throw new LeappError("invalid", `this assertion expired ${minutes} min ago by this machine's clock`, {
          hint: "an assertion lives for a few minutes: sign in again and paste the new one",
        });
      }
      return keep(idpUrl, base64, true);
    },
    async quietly(idpUrl, asked) {
      const running = quiet.get(idpUrl.id);
      if (running) return running.promise;
      const last = neededPerson.get(idpUrl.id);
      if (last !== undefined && Math.abs(clock.now() - last) < quietPause) return undefined;
      if (!asked && !browser.remembers(idpUrl.id)) return undefined;
      const stop = new AbortController();
      const promise = attempt(idpUrl, stop);
      quiet.set(idpUrl.id, { promise, stop });
      return promise;
    },
    async inWindow(idpUrl, signal) {
      const stop = new AbortController();
      const open = windows.get(idpUrl.id) ?? new Set();
      windows.set(idpUrl.id, open.add(stop));
      try {
        const either = AbortSignal.any([signal, stop.signal]);
        const response = await browser.signIn(idpUrl, { window: true, signal: either });
        if (response !== undefined) return keep(idpUrl, response, false);
        throw new LeappError("sign-in-needed", "the sign-in ended without an answer for AWS");
      } finally {
        open.delete(stop);
      }
    },
    drop(id, assertion) {
      if (assertions.get(id)?.assertion === assertion) assertions.delete(id);
    },
    async forget(id) {
      assertions.delete(id);
      neededPerson.delete(id);
      const forgotten = new LeappError("refused", "the sign-in was cancelled, since it was to be forgotten");
      quiet.get(id)?.stop.abort(forgotten);
      for (const stop of windows.get(id) ?? []) stop.abort(forgotten);
      await browser.forget(id);
    },
    lock: () => assertions.clear(),
  };
}

const tooSlow = new LeappError("timed-out", "the sign-in without a window took too long");
