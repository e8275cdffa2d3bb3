import { checkProfileName } from "../../../core/src/aws-config/names.ts";
import { LeappError } from "../../../core/src/errors.ts";
import type { Session } from "../../../core/src/model.ts";
import type { Engine } from "../engine.ts";
import type { Handlers } from "../handlers.ts";
import type { Call } from "../server.ts";

type Verbs = Pick<Handlers, "profile.list" | "profile.create" | "profile.rename" | "profile.delete">;

export function profileHandlers(engine: Engine): Verbs {
  const { state } = engine;

  function known(name: string): string {
    if (state.profiles.has(name)) return name;
    throw new LeappError("not-found", `there is no named profile "${name}"`, {
      hint: "run: leapp profile list",
    });
  }

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
      known(name);
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
      known(name);
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
  };
}
