import { resolvePaths } from "../../../agent/src/platform/paths.ts";
import { LeappError } from "../../../core/src/errors.ts";
import type { AgentStatus } from "../../../agent/src/protocol.ts";
import type { AgentClient } from "../../../agent/src/client.ts";
import { type Command, command } from "../command.ts";
import type { Context } from "../context.ts";
import { alignRows, duration } from "../print.ts";

/** The agent that runs, or undefined; none is started. */
async function running(context: Context): Promise<AgentClient | undefined> {
  try {
    return await context.client({ start: false });
  } catch (error) {
    if (error instanceof LeappError && error.code === "agent-unavailable") return undefined;
    throw error;
  }
}

function describe(status: AgentStatus, now: number, surface: Context["stdout"]): string {
  const rows = [
    ["agent", `running, process ${status.pid}, version ${status.version}`],
    ["for", duration(now - Date.parse(status.startedAt))],
    ["home", status.home],
    ["socket", status.socket],
    ["sessions", `${status.sessions}, ${status.active} active, ${status.cached} with credentials in memory`],
    ["apps", String(status.apps)],
    ["memory", `${Math.round(status.memory / 1024 / 1024)} MiB`],
    ...status.problems.map((problem) => [
      "problem",
      `${problem.session ? `${problem.session}: ` : ""}${problem.message} (${problem.code}, ${duration(now - Date.parse(problem.at))} ago)`,
    ]),
  ];
  return alignRows(rows, surface, false).join("\n");
}

const status = command({
  name: "agent status",
  summary: "show whether the agent runs and how it is",
  async run(context) {
    const client = await running(context);
    if (!client) return { json: { running: false }, text: "agent not running; whatever needs it starts it" };
    const found = await client.call("agent.status", {});
    return { json: { running: true, ...found }, text: describe(found, context.now(), context.stdout) };
  },
});

const start = command({
  name: "agent start",
  summary: "start the agent; whatever needs it does so by itself",
  async run(context) {
    const before = await running(context);
    const client = before ?? (await context.client());
    const found = await client.call("agent.status", {});
    const text = `agent ${before ? "already running" : "started"}, process ${found.pid}`;
    return { json: { running: true, already: before !== undefined, ...found }, text };
  },
});

const stop = command({
  name: "agent stop",
  summary: "end the agent; profiles stay, and the next use starts it again",
  async run(context) {
    const client = await running(context);
    if (!client) return { json: { running: false, already: true }, text: "agent already stopped" };
    const gone = new Promise<void>((resolve) => client.onClose(resolve));
    await client.call("agent.stop", {});
    await gone;
    return { json: { running: false, already: false }, text: "agent stopped" };
  },
});

const log = command({
  name: "agent log",
  summary: "show the end of the agent's log",
  flags: { lines: { value: "N", short: "n", help: "how many lines; default 50" } },
  async run(context, { flags }) {
    const wanted = Number(flags.lines ?? 50);
    if (!Number.isInteger(wanted) || wanted < 1)
      throw new LeappError("usage", "--lines needs a whole number from 1");
    const { logFile } = resolvePaths(context.env);
    const lines = readEnd(context, logFile, wanted);
    return { json: { file: logFile, lines }, text: lines.join("\n") };
  },
});

/** No log yet is an empty one. */
function readEnd(context: Context, file: string, lines: number): string[] {
  try {
    return context.readFile(file).trimEnd().split("\n").slice(-lines);
  } catch (error) {
    if (((error as LeappError).cause as { code?: string } | undefined)?.code === "ENOENT") return [];
    throw error;
  }
}

export const agentCommands: Command[] = [status, start, stop, log];
