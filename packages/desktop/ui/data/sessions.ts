/** Sessions as the table shows them: words, search, filters, order, groups. Pure. */
import type { SessionType, SessionView } from "../../../core/src/model.ts";

export const typeNames: Record<SessionType, string> = {
  "iam-user": "IAM user",
  "iam-role-chained": "Chained role",
  "iam-role-federated": "SAML role",
  "sso-role": "Identity Center role",
  "web-identity": "Web identity",
  process: "Process",
  localstack: "LocalStack",
};

/** The role's ARN: written in the session, or put together for an Identity Center role. */
export function roleArnOf(session: SessionView): string | undefined {
  return "roleArn" in session ? session.roleArn : undefined;
}

/** AWS opens its console for roles only. */
export const hasConsole = (session: SessionView): boolean =>
  session.type !== "iam-user" && session.type !== "localstack";

const accountNameOf = (session: SessionView): string =>
  session.type === "sso-role" ? session.accountName : "";

/** Account id, role or user; what a person compares before they start something. */
export const accountOf = (session: SessionView): string => session.accountId ?? "";
export const accountLabel = (session: SessionView): string =>
  accountNameOf(session) || session.accountId || "no account known";

export type ColumnId =
  | "name"
  | "account"
  | "role"
  | "source"
  | "profiles"
  | "region"
  | "type"
  | "started"
  | "status";

export interface Column {
  id: ColumnId;
  title: string;
  /** Least width in pixels, and its share of what is left. */
  least: number;
  share: number;
  /** Text that sorts and groups this column. */
  text(session: SessionView): string;
  /** Always shown. */
  fixed?: boolean;
}

export const columns: readonly Column[] = [
  { id: "name", title: "Session", least: 230, share: 3, text: (one) => one.name, fixed: true },
  { id: "account", title: "Account", least: 130, share: 1.5, text: (one) => accountLabel(one) },
  { id: "role", title: "Role or user", least: 100, share: 1.1, text: (one) => one.role ?? "" },
  { id: "source", title: "Source", least: 90, share: 0.9, text: (one) => one.source ?? "" },
  { id: "type", title: "Type", least: 120, share: 0.8, text: (one) => typeNames[one.type] },
  { id: "profiles", title: "Profiles", least: 120, share: 1.2, text: (one) => one.profiles.join(" ") },
  { id: "region", title: "Region", least: 112, share: 0.5, text: (one) => one.region },
  { id: "started", title: "Started", least: 120, share: 0.6, text: (one) => one.startedAt ?? "" },
  { id: "status", title: "Status", least: 118, share: 0.5, text: (one) => statusOrder(one), fixed: true },
];

/** First to give way in a narrow window. Name and status never do. */
const givesWay: readonly ColumnId[] = ["started", "type", "source", "region", "role", "account", "profiles"];

/** The wanted columns in their order, as many as fit into `width` pixels. */
export function fitting(wanted: readonly ColumnId[], width: number): Column[] {
  let shown = columns.filter((one) => one.fixed || wanted.includes(one.id));
  for (const id of givesWay) {
    if (shown.reduce((sum, one) => sum + one.least, 0) <= width) break;
    shown = shown.filter((one) => one.id !== id);
  }
  return shown;
}

export const columnOf = (id: ColumnId): Column => columns.find((one) => one.id === id)!;

/** Active ones first, those that end soonest first among them. */
function statusOrder(session: SessionView): string {
  if (session.problem) return "0";
  if (session.status === "pending") return "1";
  if (session.status === "active") return `2${session.expiresAt ?? "9"}`;
  return "3";
}

export interface Filters {
  types?: SessionType[];
  regions?: string[];
  accounts?: string[];
  profiles?: string[];
  /** An integration's id, or the name of another source. */
  sources?: string[];
  status?: "active" | "problem";
  pinned?: boolean;
}

export interface View {
  search: string;
  filters: Filters;
  sort: { column: ColumnId; descending: boolean };
  group: "none" | "source" | "account" | "profile" | "type";
}

export const plainView: View = {
  search: "",
  filters: {},
  sort: { column: "name", descending: false },
  group: "none",
};

/** Text of everything about a session that a person may remember, in lower case, made once per session. */
const haystacks = new WeakMap<SessionView, string>();
function haystack(session: SessionView): string {
  let text = haystacks.get(session);
  if (text === undefined) {
    const tags = "tags" in session && session.tags ? Object.entries(session.tags).flat() : [];
    const parts = [
      session.name,
      session.accountId,
      accountNameOf(session),
      session.type === "sso-role" ? session.accountEmail : undefined,
      session.role,
      roleArnOf(session),
      session.source,
      session.region,
      typeNames[session.type],
      session.id,
      ...session.profiles,
      ...tags,
      session.production ? "production" : undefined,
    ];
    text = parts.filter(Boolean).join("\n").toLowerCase();
    haystacks.set(session, text);
  }
  return text;
}

/** Every word must be found somewhere; `profile:`, `region:`, `account:`, `role:`, `is:` narrow a word down. */
export function matcher(search: string): (session: SessionView) => boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const tests = words.map((word): ((session: SessionView) => boolean) => {
    const [, key, rest] = /^(profile|region|account|role|is):(.*)$/.exec(word) ?? [];
    if (key === undefined || rest === undefined) return (one) => haystack(one).includes(word);
    switch (key) {
      case "profile":
        return (one) => one.profiles.some((name) => name.toLowerCase().includes(rest));
      case "region":
        return (one) => one.region.includes(rest);
      case "account":
        return (one) => `${accountOf(one)}\n${accountNameOf(one)}`.toLowerCase().includes(rest);
      case "role":
        return (one) => (one.role ?? "").toLowerCase().includes(rest);
      default:
        return (one) =>
          one.status === rest ||
          (rest === "pinned" && !!one.pinned) ||
          (rest === "production" && !!one.production);
    }
  });
  return (session) => tests.every((test) => test(session));
}

function passes(filters: Filters): (session: SessionView) => boolean {
  const within = (list: string[] | undefined, ...values: string[]) =>
    !list || list.length === 0 || values.some((value) => list.includes(value));
  return (one) =>
    within(filters.types, one.type) &&
    within(filters.regions, one.region) &&
    within(filters.accounts, accountOf(one)) &&
    within(filters.profiles, ...one.profiles) &&
    within(filters.sources, "integrationId" in one ? one.integrationId : "", one.source ?? "") &&
    (!filters.pinned || !!one.pinned) &&
    (!filters.status ||
      (filters.status === "active" ? one.status !== "inactive" : one.problem !== undefined));
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

export type Row =
  | { kind: "group"; key: string; title: string; count: number; active: number }
  | { kind: "session"; session: SessionView };

/** The rows to show of sessions already in `order`: filtered, and under their groups. */
export function arrange(
  ordered: readonly SessionView[],
  view: Pick<View, "search" | "filters" | "group">,
  closed: ReadonlySet<string>,
): Row[] {
  const matches = matcher(view.search);
  const wanted = passes(view.filters);
  const found = ordered.filter((one) => wanted(one) && matches(one));
  if (view.group === "none") return found.map((session) => ({ kind: "session", session }));

  const groups = new Map<string, SessionView[]>();
  for (const session of found)
    for (const key of groupKeys(session, view.group)) {
      const members = groups.get(key);
      if (members) members.push(session);
      else groups.set(key, [session]);
    }
  const rows: Row[] = [];
  for (const key of [...groups.keys()].sort(collator.compare)) {
    const members = groups.get(key)!;
    const active = members.filter((one) => one.status === "active").length;
    rows.push({ kind: "group", key, title: key, count: members.length, active });
    if (!closed.has(key)) for (const session of members) rows.push({ kind: "session", session });
  }
  return rows;
}

function groupKeys(session: SessionView, group: View["group"]): string[] {
  if (group === "profile") return session.profiles;
  if (group === "account") {
    const name = accountNameOf(session);
    return [name && session.accountId ? `${name} (${session.accountId})` : accountLabel(session)];
  }
  return [group === "type" ? typeNames[session.type] : session.source || "Own keys"];
}

/**
 * Pinned ones first, then by the column, then by name. Done once per change of the list: comparing 10,000
 * names as people do takes longer than a frame, filtering them does not.
 */
export function order(sessions: readonly SessionView[], sort: View["sort"]): SessionView[] {
  const { text } = columnOf(sort.column);
  const keyed = sessions.map((session) => ({ session, key: text(session) }));
  const sign = sort.descending ? -1 : 1;
  keyed.sort(
    (a, b) =>
      Number(b.session.pinned ?? false) - Number(a.session.pinned ?? false) ||
      (a.key === b.key ? 0 : sign * collator.compare(a.key, b.key)) ||
      collator.compare(a.session.name, b.session.name),
  );
  return keyed.map((one) => one.session);
}

/** Distinct values for the filter menus, the most used first. */
export function facets(sessions: readonly SessionView[], of: (session: SessionView) => readonly string[]) {
  const counts = new Map<string, number>();
  for (const session of sessions)
    for (const value of of(session)) if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || collator.compare(a[0], b[0]));
}
