import { randomUUID } from "node:crypto";
import { LeappError } from "../../../core/src/errors.ts";
import type { IdpUrl } from "../../../core/src/model.ts";
import type { Engine } from "../engine.ts";
import type { Handlers } from "../handlers.ts";

type Verbs = Pick<Handlers, "idp-url.list" | "idp-url.add" | "idp-url.edit" | "idp-url.delete">;

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

  return {
    "idp-url.list": () => state.idpUrls.list().map(view),
    "idp-url.add": ({ url }) => view(put(randomUUID(), url)),
    "idp-url.edit": ({ id, url }) => view(put(find(id).id, url)),
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
      engine.changed("integrations", "sessions", "profiles");
      return { deleted: gone.map(({ name }) => name), notices };
    },
  };
}
