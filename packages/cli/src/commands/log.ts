import { LeappError } from "../../../core/src/errors.ts";
import type { AuditRecord } from "../../../core/src/model.ts";
import { type Command, command } from "../command.ts";
import { localTime } from "../print.ts";
import { type Column, table, tableFlags } from "../table.ts";

const name = (path: string | undefined) => path?.split(/[/\\]/).at(-1);

const columns: Column<AuditRecord>[] = [
  { key: "sequence", title: "No", get: (r) => String(r.sequence), order: (r) => r.sequence, extended: true },
  { key: "at", title: "Time", get: (r) => localTime(Date.parse(r.at)) },
  { key: "session", title: "Session", get: (r) => r.sessionName },
  { key: "method", title: "Method", get: (r) => r.method },
  { key: "identity", title: "Identity", get: (r) => r.identity ?? "" },
  {
    key: "caller",
    title: "Caller",
    get: (r) => r.callers.map((caller) => name(caller.executable) ?? String(caller.pid)).join(" < "),
  },
  { key: "folder", title: "Folder", get: (r) => r.cwd ?? "" },
  {
    key: "expires",
    title: "Expires",
    get: (r) => (r.expiresAt ? localTime(Date.parse(r.expiresAt)) : ""),
    extended: true,
  },
  { key: "hash", title: "Hash", get: (r) => r.hash, extended: true },
];

const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `2h` or `7d` ago, or a date. @returns ISO 8601 in UTC. @throws LeappError `invalid` */
export function parseSince(text: string, now: number): string {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/i.exec(text) ?? [];
  const at = amount
    ? now - Number(amount) * units[unit!.toLowerCase() as keyof typeof units]
    : Date.parse(text);
  if (Number.isNaN(at)) {
    throw new LeappError("invalid", `"${text}" is not a time`, {
      hint: "a good one is 2h, 7d or 2026-01-31",
    });
  }
  return new Date(at).toISOString();
}

const log = command({
  name: "log",
  summary: "show which credential left the agent when, and who asked for it",
  flags: {
    session: { value: "SESSION", complete: "session", help: "only this session" },
    since: { value: "TIME", help: "only from then on: 2h, 7d, or a date" },
    limit: { value: "N", short: "n", help: "at most this many, the newest; default 50" },
    ...tableFlags,
  },
  examples: [["leapp log --session dev --since 2h", "what happened to one session lately"]],
  async run(context, { flags }) {
    const limit = Number(flags.limit ?? 50);
    if (!Number.isInteger(limit) || limit < 1)
      throw new LeappError("usage", "--limit needs a whole number from 1");
    const since = flags.since === undefined ? undefined : parseSince(flags.since, context.now());
    const client = await context.client();
    const records = await client.call("log.list", {
      limit,
      ...(flags.session === undefined ? {} : { session: flags.session }),
      ...(since === undefined ? {} : { since }),
    });
    return { json: records, text: table(columns, records, flags, context.stdout) };
  },
});

const verify = command({
  name: "log verify",
  summary: "check that no record was changed or taken out",
  async run(context) {
    const client = await context.client();
    const found = await client.call("log.verify", {});
    if (found.broken === undefined) return { json: found, text: `log intact, ${found.records} records` };
    const reason = found.reason ? `: ${found.reason}` : "";
    return { json: found, text: `log broken at record ${found.broken}${reason}`, exitCode: 4 };
  },
});

export const logCommands: Command[] = [log, verify];
