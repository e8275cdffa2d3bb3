import { randomUUID } from "node:crypto";
import { parseArn } from "../../../core/src/aws/arn.ts";
import { LeappError } from "../../../core/src/errors.ts";
import type { HeldAssertion } from "../../../core/src/identity/saml.ts";
import type { IdpUrl } from "../../../core/src/model.ts";
import type { Engine } from "../engine.ts";
import type { Handlers } from "../handlers.ts";
import { Audience } from "../prompts.ts";
import type { SamlSignInResult } from "../protocol.ts";

type Verbs = Pick<
  Handlers,
  | "idp-url.list"
  | "idp-url.add"
  | "idp-url.edit"
  | "idp-url.delete"
  | "idp-url.roles"
  | "idp-url.login"
  | "idp-url.logout"
>;

export function idpUrlHandlers(engine: Engine): Verbs {
  const { state } = engine;

  const view = (idpUrl: IdpUrl) => ({ ...idpUrl, sessions: state.sessions.ofIdpUrl(idpUrl.id).length });

  function find(reference: string): IdpUrl {
    const found = state.idpUrls.list().find(({ id, url }) => id === reference || url === reference);
    if (found) return found;
    throw new LeappError("not-found", `there is no identity provider URL "${reference}"`, {
      hint: "run: leapp idp-url list",
    });
  }

  function put(id: string, given: string): IdpUrl {
    const url = given.trim();
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    const loopback = parsed && ["127.0.0.1", "localhost"].includes(parsed.hostname);
    if (!parsed || !(parsed.protocol === "https:" || (parsed.protocol === "http:" && loopback)))
      throw new LeappError("invalid", `"${url}" is not the address of an identity provider`, {
        hint: "give the https:// address that starts the sign-in to AWS",
      });
    state.idpUrls.put({ id, url });
    engine.changed("integrations", "sessions");
    return { id, url };
  }

  /** Known by URL or id, else added. */
  function findOrAdd(reference: string): IdpUrl {
    try {
      return find(reference.trim());
    } catch {
      return put(randomUUID(), reference);
    }
  }

  function result(idpUrl: IdpUrl, { roles, encrypted, goodUntil }: HeldAssertion): SamlSignInResult {
    const sessions = state.sessions
      .ofIdpUrl(idpUrl.id)
      .filter((session) => session.type === "iam-role-federated");
    return {
      idpUrl: view(idpUrl),
      roles: roles.map(({ roleArn, idpArn }) => {
        const known = sessions.find((session) => session.roleArn === roleArn && session.idpArn === idpArn);
        const accountId = parseArn(roleArn)?.accountId ?? "";
        return { accountId, roleArn, idpArn, ...(known ? { already: known.name } : {}) };
      }),
      ...(encrypted ? { encrypted } : {}),
      until: new Date(goodUntil).toISOString(),
    };
  }

  /** While the assertion is good, started sessions that need it get new credentials; nobody waits for them. */
  function renewStarted(idpUrl: IdpUrl): void {
    engine.cache.forgive();
    for (const session of state.sessions.ofIdpUrl(idpUrl.id)) {
      if (engine.started.ofSession(session.id).length === 0) continue;
      const audience = new Audience({ background: true });
      void Promise.resolve(engine.credentials(session, { audience, explicit: true })).catch(() => {});
    }
  }

  return {
    async "idp-url.roles"({ url }, call) {
      const idpUrl = findOrAdd(url);
      return result(idpUrl, await engine.samlSignIn.assertion(idpUrl, call.audience));
    },
    async "idp-url.login"({ url, assertion }, call) {
      const idpUrl = findOrAdd(url);
      const held = assertion
        ? engine.saml.accept(idpUrl, assertion)
        : await engine.samlSignIn.assertion(idpUrl, call.audience);
      renewStarted(idpUrl);
      return result(idpUrl, held);
    },
    async "idp-url.logout"({ id }) {
      await engine.saml.forget(find(id).id);
      return null;
    },
    "idp-url.list": () => state.idpUrls.list().map(view),
    "idp-url.add": ({ url }) => view(put(randomUUID(), url)),
    async "idp-url.edit"({ id, url }) {
      const before = find(id);
      const after = put(before.id, url);
      // Another provider's sign-in is of no use, and its cookies are none of this one's.
      if (new URL(before.url).host !== new URL(after.url).host) await engine.saml.forget(before.id);
      return view(after);
    },
    async "idp-url.delete"({ id, force }, call) {
      const found = find(id);
      const sessions = state.sessions.ofIdpUrl(found.id);
      const own = new Set(sessions.map((session) => session.id));
      const chained = sessions
        .flatMap((session) => state.sessions.children(session.id))
        .filter((session) => !own.has(session.id));
      const gone = [...sessions, ...chained];
      if (gone.length > 0 && !force)
        throw new LeappError(
          "conflict",
          `sessions sign in there: ${gone.map(({ name }) => name).join(", ")}`,
          { hint: "use --force to delete them too" },
        );
      const profiles = gone.flatMap((session) =>
        engine.started.ofSession(session.id).map(({ profile }) => profile),
      );
      const notices = profiles.length ? await engine.stopProfiles(profiles, call.audience) : [];
      state.transaction(() => {
        for (const session of gone.reverse()) state.sessions.delete(session.id);
        state.idpUrls.delete(found.id);
      });
      await engine.saml.forget(found.id);
      engine.changed("integrations", "sessions", "profiles");
      return { deleted: gone.map(({ name }) => name), notices };
    },
  };
}
