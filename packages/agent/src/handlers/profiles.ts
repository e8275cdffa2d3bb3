import { checkProfileName } from "../../../core/src/aws-config/names.ts";
import { LeappError } from "../../../core/src/errors.ts";
import { defaultProfileTemplate, profileNames } from "../../../core/src/identity/profile-names.ts";
import type { Session } from "../../../core/src/model.ts";
import type { Engine } from "../engine.ts";
import type { Handlers } from "../handlers.ts";
import type { Call } from "../server.ts";

type Verbs = Pick<
  Handlers,
  | "profile.list"
  | "profile.create"
  | "profile.rename"
  | "profile.delete"
  | "profile.generate"
  | "profile.prune"
>;

export function profileHandlers(engine: Engine): Verbs {
  const { state } = engine;

  function existing(name: string): string {
    if (state.profiles.has(name)) return name;
    throw new LeappError("not-found", `there is no named profile "${name}"`, {
      hint: "run: leapp profile list",
    });
  }

  let read: { text: string; names: Record<string, string> } = { text: "{}", names: {} };
  /** Session ids by the profile names that a template gave. */
  function generatedProfiles(): Record<string, string> {
    const text = state.preferences.list()[generatedNames] ?? "{}";
    if (read.text !== text) read = { text, names: JSON.parse(text) };
    return read.names;
  }
  const generated = (profile: string, sessionId: string) => generatedProfiles()[profile] === sessionId;

  const usersOf = (name: string) => state.profiles.sessions(name).map(({ id }) => state.sessions.get(id)!);

  /** Gives sessions other profiles; those that are started move along in the files. */
  async function reassign(sessions: Session[], change: (profiles: string[]) => string[], call: Call) {
    const notices: string[] = [];
    for (const session of sessions) {
      const next = { ...session, profiles: change(session.profiles) };
      const active = engine.started.ofSession(session.id).map(({ profile }) => profile);
      state.sessions.put(next);
      engine.changed("sessions", "profiles");
      if (active.length > 0) notices.push(...(await engine.startOne(next, change(active), false, call)));
    }
    return notices;
  }

  return {
    "profile.list": () => {
      const users = new Map<string, { id: string; name: string; active: boolean }[]>();
      for (const session of state.sessions.list())
        for (const profile of session.profiles) {
          const active = engine.started.ofProfile(profile)?.sessionId === session.id;
          const list = users.get(profile);
          const one = { id: session.id, name: session.name, active };
          if (list) list.push(one);
          else users.set(profile, [one]);
        }
      return state.profiles.list().map((name) => ({ name, sessions: users.get(name) ?? [] }));
    },
    "profile.create": ({ name }) => {
      const notices = checkProfileName(name);
      state.profiles.create(name);
      engine.changed("profiles");
      return { notices };
    },
    async "profile.rename"({ name, to }, call) {
      existing(name);
      if (name === "default") throw new LeappError("invalid", "the default profile cannot be renamed");
      const notices = checkProfileName(to);
      state.profiles.create(to);
      notices.push(
        ...(await reassign(usersOf(name), (all) => all.map((one) => (one === name ? to : one)), call)),
      );
      state.profiles.delete(name);
      engine.changed("profiles");
      return { notices };
    },
    async "profile.delete"({ name, force }, call) {
      existing(name);
      if (name === "default") throw new LeappError("invalid", "the default profile cannot be deleted");
      const users = usersOf(name);
      if (users.length > 0 && !force) {
        const names = users.map((session) => session.name).join(", ");
        throw new LeappError("conflict", `named profile "${name}" is used by: ${names}`, {
          hint: "use --force to give these sessions the default profile",
        });
      }
      const without = (all: string[]) => {
        const rest = all.filter((one) => one !== name);
        return rest.length > 0 ? rest : ["default"];
      };
      const row = engine.started.ofProfile(name);
      const notices = row ? await engine.stopProfiles([name], call.audience) : [];
      notices.push(...(await reassign(users, without, call)));
      state.profiles.delete(name);
      engine.changed("profiles");
      return { notices };
    },
    async "profile.generate"({ template, separator, lowerCase, filter, apply, replace }, call) {
      const aliases = new Map(state.integrations.list().map(({ id, alias }) => [id, alias]));
      const items = state.sessions.list().flatMap((session) =>
        session.type === "sso-role"
          ? [
              {
                session,
                account: session.accountName,
                accountId: session.accountId,
                role: session.roleName,
                alias: aliases.get(session.integrationId) ?? "",
                ...(session.accountEmail ? { email: session.accountEmail } : {}),
              },
            ]
          : [],
      );
      const wanted = filter?.toLowerCase();
      const chosen = items.filter(
        ({ session, account, accountId, role, alias }) =>
          !wanted ||
          [session.name, account, accountId, role, alias].some((text) => text.toLowerCase().includes(wanted)),
      );
      const ids = new Set(chosen.map(({ session }) => session.id));
      const taken = state.sessions.list().flatMap(({ id, profiles }) => (ids.has(id) ? [] : profiles));
      // A name the person gave stays; the default profile is what a sync gives.
      const given = (session: Session) =>
        session.profiles.some((name) => name !== "default" && !generated(name, session.id));
      const named = profileNames(
        template ?? defaultProfileTemplate,
        chosen.filter(({ session }) => !given(session)),
        {
          separator,
          lowerCase,
          taken: [
            ...taken,
            ...chosen.filter(({ session }) => given(session)).flatMap(({ session }) => session.profiles),
          ],
        },
      );
      const profiles = named.map(({ item, profile, clash }) => ({
        session: item.session.name,
        profile,
        ...(clash ? { clash } : {}),
        unchanged: item.session.profiles.length === 1 && item.session.profiles[0] === profile,
      }));
      if (!apply) return { profiles, notices: [] };
      if (engine.settings()["credential-method"] !== "credential-process-method")
        throw new LeappError("conflict", "profiles are generated for the credential-process-method only", {
          hint: "run: leapp settings set credential-method credential-process-method",
        });
      const next = [
        ...named.map(({ item, profile }) => ({ ...item.session, profiles: [profile] })),
        ...chosen.flatMap(({ session }) => (given(session) ? [session] : [])),
      ];
      const stop = next.flatMap(({ id, profiles }) =>
        engine.started.ofSession(id).flatMap(({ profile }) => (profiles.includes(profile) ? [] : [profile])),
      );
      const notices = await engine.startAll(
        next.map((session) => ({ session, profiles: session.profiles })),
        { files: engine.files(call), replace, stop },
        call.audience,
      );
      state.sessions.putAll(next);
      const remembered = Object.fromEntries(named.map(({ item, profile }) => [profile, item.session.id]));
      state.preferences.set(generatedNames, JSON.stringify({ ...generatedProfiles(), ...remembered }));
      engine.changed("sessions", "profiles");
      return { profiles, notices };
    },
    async "profile.prune"({ dryRun }, call) {
      const orphans = engine.started.list().filter(({ sessionId, profile }) => {
        const session = state.sessions.get(sessionId);
        return !session || (generated(profile, sessionId) && !session.profiles.includes(profile));
      });
      const unused = state.profiles
        .list()
        .filter(
          (name) =>
            name !== "default" &&
            state.profiles.sessions(name).length === 0 &&
            engine.started.ofProfile(name)?.phase !== "started",
        );
      const removed = [...new Set([...orphans.map(({ profile }) => profile), ...unused])].sort();
      if (dryRun || removed.length === 0) return { removed, notices: [] };
      const notices = orphans.length
        ? await engine.stopProfiles(
            orphans.map(({ profile }) => profile),
            call.audience,
          )
        : [];
      for (const name of removed) {
        if (name !== "default" && state.profiles.sessions(name).length === 0) state.profiles.delete(name);
      }
      engine.changed("profiles");
      return { removed, notices };
    },
  };
}

/** Preference that remembers which names a template gave, so that those a person gave are left alone. */
const generatedNames = "profiles.generated";
