import type { Engine } from "../engine.ts";
import type { Handlers } from "../handlers.ts";

export function logHandlers(engine: Engine): Pick<Handlers, "log.list" | "log.verify"> {
  return {
    "log.list": ({ session, since, limit }) =>
      engine.audit.list({ session: session && engine.session(session).id, since, limit }),
    "log.verify": () => engine.audit.verify(),
  };
}
