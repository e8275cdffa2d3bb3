/** One handler per verb of the protocol, gathered from the nouns. */
import { z } from "zod/mini";
import { LeappError } from "../../core/src/errors.ts";
import type { Engine } from "./engine.ts";
import { commandLineHandlers } from "./handlers/command-line.ts";
import { idpUrlHandlers } from "./handlers/idp-urls.ts";
import { importHandlers } from "./handlers/import.ts";
import { integrationHandlers } from "./handlers/integrations.ts";
import { logHandlers } from "./handlers/log.ts";
import { profileHandlers } from "./handlers/profiles.ts";
import { sessionHandlers } from "./handlers/sessions.ts";
import { settingHandlers } from "./handlers/settings.ts";
import { vaultHandlers } from "./handlers/vault.ts";
import type { Method, Params, Result } from "./protocol.ts";
import type { Call } from "./server.ts";

export type Handlers = {
  [M in Method]: (params: Params<M>, call: Call) => Result<M> | Promise<Result<M>>;
};

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const input = z.record(z.string(), z.union([scalar, z.array(z.string()), z.record(z.string(), z.string())]));
const secrets = z.optional(
  z.object({ accessKeyId: z.optional(z.string()), secretAccessKey: z.optional(z.string()) }),
);

/** What parameters must look like; verbs that are not named take what comes as text and flags. */
const shapes: Record<string, z.ZodMiniType> = {
  "session.add": z.object({ session: input, secrets }),
  "session.check": z.object({ session: input, secrets, replaces: z.optional(z.string()) }),
  "session.test": z.object({ session: input, secrets, replaces: z.optional(z.string()) }),
  "session.edit": z.object({ session: z.string(), changes: input, secrets }),
  "session.start": z.object({
    session: z.string(),
    profiles: z.optional(z.array(z.string())),
    replace: z.optional(z.boolean()),
  }),
};
const anything = z.record(z.string(), z.union([scalar, z.array(z.string()), z.record(z.string(), z.any())]));

export function createHandle(
  engine: Engine,
  more: Partial<Handlers>,
): (method: Method, params: unknown, call: Call) => unknown {
  const adding = { ...sessionHandlers(engine), ...integrationHandlers(engine) };
  const handlers: Partial<Handlers> = {
    ...adding,
    ...importHandlers(engine, adding),
    ...profileHandlers(engine),
    ...settingHandlers(engine),
    ...vaultHandlers(engine),
    ...logHandlers(engine),
    ...idpUrlHandlers(engine),
    ...commandLineHandlers(engine),
    ...more,
  };
  return (method, params, call) => {
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
    if (!handler) throw new LeappError("usage", `the agent has no verb "${method}"`);
    const shape = shapes[method] ?? anything;
    const read = shape.safeParse(params);
    if (!read.success) {
      const where = read.error.issues[0]?.path.join(".") ?? "";
      throw new LeappError("usage", `${method}: parameter ${where || "list"} is not of the right kind`);
    }
    return (handler as (params: unknown, call: Call) => unknown)(params, call);
  };
}
