import { LeappError } from "../../../core/src/errors.ts";
import type { SessionView } from "../../../core/src/model.ts";
import { unknown } from "../command.ts";
import type { Context } from "../context.ts";

/** Ways to say which session, new and old. */
export const sessionArgs = {
  session: { help: "the session's id, the beginning of it, or its name", complete: "session" },
} as const;
export const sessionFlags = {
  sessionId: { value: "SESSION", help: "the same as the argument", complete: "session", hidden: true },
  sessionRole: { value: "ROLE", help: "the session with this role name or ARN", hidden: true },
} as const;

interface Given {
  args: { session?: string | undefined };
  flags: { sessionId?: string | undefined; sessionRole?: string | undefined };
}

/** Above this many a list is narrowed by a word before one is chosen. */
const longList = 30;

/**
 * The session a command line names; on a terminal the person may choose.
 * @param offer which sessions make sense to choose from.
 * @throws LeappError `usage` when none is named, `not-found`
 */
export async function pickSession(
  context: Context,
  { args, flags }: Given,
  offer: (session: SessionView) => boolean = () => true,
): Promise<SessionView> {
  const name = args.session ?? flags.sessionId;
  if (args.session !== undefined && flags.sessionId !== undefined && args.session !== flags.sessionId) {
    throw new LeappError("usage", `--session-id names another session than "${args.session}"`);
  }
  const client = await context.client();
  if (name !== undefined && flags.sessionRole === undefined) {
    try {
      return await client.call("session.show", { session: name });
    } catch (error) {
      if (!(error instanceof LeappError) || error.code !== "not-found") throw error;
    }
  }
  const all = await client.call("session.list", {});
  const named = (session: SessionView) =>
    name === undefined || session.id === name || session.name.toLowerCase().includes(name.toLowerCase());
  if (flags.sessionRole !== undefined) {
    const role = flags.sessionRole.toLowerCase();
    const having = all.filter(
      (session) =>
        named(session) && [session.role, roleArnOf(session)].some((held) => held?.toLowerCase() === role),
    );
    if (having.length === 1) return having[0]!;
    throw new LeappError("not-found", `${having.length} sessions have the role ${flags.sessionRole}`, {
      hint: having.length === 0 ? "run: leapp session list --extended" : "name the session",
    });
  }
  const terminal = context.terminal();
  const options = all.filter((session) => named(session) && (name !== undefined || offer(session)));
  if (terminal && options.length > 0) return choose(terminal, options);
  if (name === undefined) {
    if (terminal) {
      throw new LeappError(
        "not-found",
        all.length === 0 ? "there are no sessions yet" : "there is none to choose",
        {
          hint: all.length === 0 ? "run: leapp session add" : "run: leapp session list",
        },
      );
    }
    throw new LeappError("usage", "which session? give its name or id", { hint: "run: leapp session list" });
  }
  throw unknown(
    "not-found",
    "session",
    name,
    all.map((session) => session.name),
    "run: leapp session list",
  );
}

async function choose(
  terminal: NonNullable<ReturnType<Context["terminal"]>>,
  options: SessionView[],
): Promise<SessionView> {
  let left = options;
  while (left.length > longList) {
    const part = await terminal.ask({ message: `${left.length} sessions; part of the name or account` });
    const fits = options.filter((session) =>
      [session.name, session.accountId, session.role].some((text) =>
        text?.toLowerCase().includes(part.toLowerCase()),
      ),
    );
    if (fits.length > 0) left = fits;
    if (part === "") break;
  }
  const name = await terminal.choose(
    "session",
    left.map((session) => session.name),
  );
  return left.find((session) => session.name === name)!;
}

export function roleArnOf(session: SessionView): string | undefined {
  return "roleArn" in session ? session.roleArn : undefined;
}
