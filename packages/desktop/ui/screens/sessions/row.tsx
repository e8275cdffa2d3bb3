import {
  Box,
  ChevronDown,
  ChevronRight,
  CircleStop,
  Fingerprint,
  Globe2,
  KeyRound,
  Link2,
  type LucideIcon,
  Network,
  Pin,
  Play,
  ShieldAlert,
  TerminalSquare,
} from "lucide-react";
import { memo, type MouseEvent } from "react";
import type { SessionType, SessionView } from "../../../../core/src/model.ts";
import { Badge, Dot } from "../../components/signs.tsx";
import { accountLabel, accountOf, type ColumnId, type Row, typeNames } from "../../data/sessions.ts";
import { ago, duration, useNow } from "../../data/time.ts";

export const typeIcons: Record<SessionType, LucideIcon> = {
  "iam-user": KeyRound,
  "iam-role-chained": Link2,
  "iam-role-federated": Fingerprint,
  "sso-role": Network,
  "web-identity": Globe2,
  process: TerminalSquare,
  localstack: Box,
};

export const SessionRow = memo(function SessionRow({
  index,
  session,
  columns,
  selected,
  current,
  top,
  onClick,
  onMenu,
  onToggle,
}: {
  index: number;
  session: SessionView;
  columns: readonly ColumnId[];
  selected: boolean;
  current: boolean;
  /** Pixels from the top of the table's body. */
  top: number;
  onClick(index: number, how: "one" | "toggle" | "span"): void;
  onMenu(index: number, id: string, at: { x: number; y: number }): void;
  onToggle(session: SessionView): void;
}) {
  const stopped = session.status === "inactive";
  const verb = stopped ? "Start" : "Stop";
  const onPress = (event: MouseEvent) =>
    onClick(index, event.shiftKey ? "span" : event.ctrlKey || event.metaKey ? "toggle" : "one");
  return (
    <div
      id={`row-${session.id}`}
      className={["row", current && "current", session.production && "production", !stopped && "on"]
        .filter(Boolean)
        .join(" ")}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      style={{ transform: `translateY(${top}px)` }}
      onClick={onPress}
      onDoubleClick={() => onToggle(session)}
      onContextMenu={(event) => {
        event.preventDefault();
        onMenu(index, session.id, { x: event.clientX, y: event.clientY });
      }}
    >
      <div role="gridcell" className="cell pin">
        {session.pinned && <Pin className="icon" aria-label="Pinned" />}
      </div>
      {columns.map((id) => (
        <div key={id} role="gridcell" className={`cell ${id}`}>
          <Cell id={id} session={session} />
        </div>
      ))}
      <div role="gridcell" className="cell action">
        <button
          type="button"
          tabIndex={-1}
          className={stopped ? "run" : "run stop"}
          aria-label={`${verb} ${session.name}`}
          title={verb}
          disabled={session.status === "pending" && !session.waiting}
          onClick={(event) => {
            event.stopPropagation();
            onToggle(session);
          }}
          onDoubleClick={(event) => event.stopPropagation()}
        >
          {stopped ? <Play className="icon" aria-hidden /> : <CircleStop className="icon" aria-hidden />}
        </button>
      </div>
    </div>
  );
});

function Cell({ id, session }: { id: ColumnId; session: SessionView }) {
  switch (id) {
    case "name": {
      const Icon = typeIcons[session.type];
      return (
        <>
          <Icon className="icon" aria-label={typeNames[session.type]} />
          <span className="cut" title={session.name}>
            {session.name}
          </span>
          {session.production && <ShieldAlert className="icon production-sign" aria-label="Production" />}
        </>
      );
    }
    case "account": {
      const number = accountOf(session);
      const label = number ? accountLabel(session) : "";
      return (
        <span className="name-and-number number" title={`${label} ${number === label ? "" : number}`}>
          <span className="cut">{label}</span>
          {number && number !== label && <span className="muted">{number}</span>}
        </span>
      );
    }
    case "role":
      return <span className="cut">{session.role ?? ""}</span>;
    case "source":
      return <span className="cut muted">{session.source ?? ""}</span>;
    case "type":
      return <span className="cut muted">{typeNames[session.type]}</span>;
    case "profiles":
      return (
        <span className="cut" title={session.profiles.join(", ")}>
          {session.profiles.join(", ")}
        </span>
      );
    case "region":
      return <span className="cut number">{session.region}</span>;
    case "started":
      return <Started at={session.startedAt} />;
    default:
      return <Status session={session} />;
  }
}

function Started({ at }: { at: string | undefined }) {
  const now = useNow();
  return <span className="cut muted">{at ? ago(at, now) : ""}</span>;
}

/** How a session stands, in a word or two; the whole story is in the details. */
export function Status({ session }: { session: SessionView }) {
  const now = useNow();
  if (session.waiting)
    return (
      <span className="status amber">
        <Dot tone="amber" /> Waits for you
      </span>
    );
  if (session.status === "pending")
    return (
      <span className="status">
        <span className="spinner" /> Starting
      </span>
    );
  if (session.problem)
    return (
      <span className="status red" title={session.problem.message}>
        <Dot tone="red" /> Problem
      </span>
    );
  if (session.status === "inactive") return <span className="status muted">Stopped</span>;
  const left = session.expiresAt ? Date.parse(session.expiresAt) - now : undefined;
  return (
    <span className="status green number">
      <Dot tone="green" /> {left === undefined ? "Active" : left <= 0 ? "Renewing" : duration(left)}
      <span className="hidden-text">{left !== undefined && left > 0 ? " left, active" : ""}</span>
    </span>
  );
}

export const GroupRow = memo(function GroupRow({
  index,
  group,
  open,
  current,
  span,
  top,
  onToggle,
}: {
  index: number;
  group: Extract<Row, { kind: "group" }>;
  open: boolean;
  current: boolean;
  span: number;
  top: number;
  onToggle(key: string): void;
}) {
  const Arrow = open ? ChevronDown : ChevronRight;
  return (
    <div
      id={`row-group ${group.key}`.replaceAll(" ", "-")}
      className={current ? "row group current" : "row group"}
      role="row"
      aria-rowindex={index + 2}
      aria-expanded={open}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onToggle(group.key)}
    >
      <div role="gridcell" aria-colspan={span}>
        <Arrow className="icon small-icon" aria-hidden />
        <span className="cut">{group.title}</span>
        <span className="muted number">{group.count.toLocaleString("en")}</span>
        {group.active > 0 && <Badge tone="green">{group.active} active</Badge>}
      </div>
    </div>
  );
});
