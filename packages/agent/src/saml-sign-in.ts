/** Who is asked before a SAML sign-in, and how many: one sign-in for each identity provider, whoever waits for it. */
import type { FederatedRequest } from "../../core/src/credentials/request.ts";
import { LeappError } from "../../core/src/errors.ts";
import type { HeldAssertion, Saml } from "../../core/src/identity/saml.ts";
import type { IdpUrl } from "../../core/src/model.ts";
import type { Clock } from "../../core/src/ports.ts";
import type { State } from "../../core/src/state/state.ts";
import { Audience, type Prompts } from "./prompts.ts";
import type { VaultAccess } from "./vault-access.ts";

/** Milliseconds a tool waits for a sign-in that nobody sees, before a person is asked or it is told whom to ask. */
const patience = 2_500;
const limit = 10 * 60_000;

export interface SamlSignIn {
  /** @throws LeappError `sign-in-needed` at once where nobody can be asked. */
  assertion(idpUrl: IdpUrl, audience: Audience): Promise<HeldAssertion>;
  /** The same for a session's request. */
  assertionFor(request: FederatedRequest, audience: Audience): Promise<HeldAssertion>;
}

interface Options {
  saml: Saml;
  prompts: Prompts;
  vault: VaultAccess;
  clock: Clock;
  state: State;
  /** Somebody signed in: what failed for want of that may go better now. */
  signedIn(): void;
}

export function createSamlSignIn({ saml, prompts, vault, clock, state, signedIn }: Options): SamlSignIn {
  const flights = new Map<string, { audience: Audience; promise: Promise<HeldAssertion> }>();

  async function obtain(idpUrl: IdpUrl, audience: Audience, nobody: LeappError): Promise<HeldAssertion> {
    // Nothing of it is in the vault; but whoever locked it wants nothing handed out.
    if (vault.status().state !== "absent") await vault.open(audience);
    const held = saml.held(idpUrl);
    if (held) return held;
    const flight = flights.get(idpUrl.id);
    if (flight) {
      flight.audience.include(audience);
      return flight.promise;
    }
    // Somebody at a terminal wants it now; for a tool only what is remembered is tried.
    const here = audience.channels().size > 0;
    const quiet = saml.quietly(idpUrl, here);
    quiet.catch(() => {});
    const found = await (here ? quiet : Promise.race([quiet, after(patience)]));
    if (found) return found;
    if (!prompts.reachable(audience)) throw nobody;

    const running = flights.get(idpUrl.id);
    if (running) {
      running.audience.include(audience);
      return running.promise;
    }
    const everybody = new Audience();
    everybody.include(audience);
    const promise = withPerson(idpUrl, everybody, nobody, quiet).finally(() => flights.delete(idpUrl.id));
    flights.set(idpUrl.id, { audience: everybody, promise });
    return promise;
  }

  async function withPerson(
    idpUrl: IdpUrl,
    audience: Audience,
    nobody: LeappError,
    quiet: Promise<HeldAssertion | undefined>,
  ): Promise<HeldAssertion> {
    const { host } = new URL(idpUrl.url);
    // A tool caused this, not a person: no window opens before somebody clicked in the app, or came to a terminal.
    if (audience.channels().size === 0) {
      const over = new AbortController();
      const enough = () => over.abort();
      audience.onJoin(enough);
      quiet.then((found) => found && enough(), enough);
      const request = { kind: "saml-sign-in", message: `sign in at ${host}` } as const;
      await prompts.ask(request, audience, nobody, over.signal);
    }
    const stop = new AbortController();
    const message = `sign in at ${host}, in the window that opens`;
    // Shown before the last attempt without a window too: whoever waits has to see that somebody is at it.
    const shown = prompts.show({ kind: "saml-sign-in", message }, audience, clock.now() + limit, (refused) =>
      stop.abort(refused),
    );
    try {
      const held =
        (await quiet) ?? (await saml.quietly(idpUrl, true)) ?? (await saml.inWindow(idpUrl, stop.signal));
      signedIn();
      return held;
    } finally {
      shown.close();
    }
  }

  const after = (milliseconds: number) =>
    new Promise<undefined>((resolve) => clock.at(clock.now() + milliseconds, () => resolve(undefined)));

  const needed = ({ url }: IdpUrl, hint: string) =>
    new LeappError("sign-in-needed", `a sign-in at ${new URL(url).host} is needed`, { hint: `run: ${hint}` });

  return {
    assertion: (idpUrl, audience) =>
      obtain(idpUrl, audience, needed(idpUrl, `leapp idp-url login ${idpUrl.url}`)),
    async assertionFor({ idpUrlId, roleArn, idpArn }, audience) {
      const idpUrl = state.idpUrls.get(idpUrlId);
      if (!idpUrl) {
        throw new LeappError("not-found", "the identity provider URL of this session is gone", {
          hint: "run: leapp session edit SESSION --idp-url URL",
        });
      }
      const session = state.sessions
        .ofIdpUrl(idpUrlId)
        .find((one) => one.type === "iam-role-federated" && one.roleArn === roleArn && one.idpArn === idpArn);
      const name = session && (/^[\w.@-]+$/.test(session.name) ? session.name : `"${session.name}"`);
      return obtain(
        idpUrl,
        audience,
        needed(idpUrl, name ? `leapp session start ${name}` : `leapp idp-url login ${idpUrl.url}`),
      );
    },
  };
}
