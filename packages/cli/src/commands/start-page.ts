import { LeappError } from "../../../core/src/errors.ts";
import type { SessionView } from "../../../core/src/model.ts";
import type { Context } from "../context.ts";
import { overview } from "../help.ts";
import { clean, expiry, paint } from "../print.ts";
import { commands } from "./index.ts";

/** `leapp` alone: where a person stands and what to do next. With `--help`: all commands. */
export async function start(context: Context, args: readonly string[]): Promise<string> {
  if (args.includes("--help") || args.includes("-h")) return overview(commands, context.stdout);
  const sessions = await known(context);
  const steps = sessions.length === 0 ? firstSteps : nextSteps(sessions, context);
  return [...steps(context), "", "All commands: leapp help"].join("\n");
}

/** Trouble with the agent must not keep a newcomer from the first page. */
async function known(context: Context): Promise<SessionView[]> {
  try {
    const client = await context.client();
    return await client.call("session.list", {});
  } catch (error) {
    context.printError(`leapp: ${LeappError.of(error).line}\n`);
    return [];
  }
}

const firstSteps = (context: Context) => [
  paint(context.stdout, "bold", "Leapp gives every AWS tool on this machine fresh, temporary credentials."),
  "",
  "You have no session yet. A session is an IAM user, or a role reached from one.",
  "",
  "  leapp session add       add one; it asks for what it needs",
  "  leapp session start     write its profile to ~/.aws/config",
  "  aws sts get-caller-identity --profile NAME",
];

const nextSteps =
  (sessions: SessionView[], { now }: Context) =>
  (context: Context) => {
    const active = sessions.filter((session) => session.status === "active");
    const lines = active.slice(0, 10).map((session) => {
      const life = session.expiresAt ? `, ${expiry(Date.parse(session.expiresAt), now())}` : "";
      return `  ${clean(session.name)} under ${session.profiles.map(clean).join(", ")}${life}`;
    });
    if (active.length > 10) lines.push(`  and ${active.length - 10} more`);
    return [
      paint(
        context.stdout,
        "bold",
        `${sessions.length} ${sessions.length === 1 ? "session" : "sessions"}, ${active.length} active`,
      ),
      ...lines,
      "",
      "  leapp session list      all of them",
      "  leapp session start     start one",
      "  leapp log               who took which credential",
    ];
  };
