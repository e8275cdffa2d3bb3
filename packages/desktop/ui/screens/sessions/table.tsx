/** The table: one grid that has the focus, its rows drawn only where they are seen. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import {
  type KeyboardEvent,
  type RefObject,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { useActions } from "../../data/actions.ts";
import type { Look } from "../../data/preferences.ts";
import { columnOf, type ColumnId, fitting, type Row } from "../../data/sessions.ts";
import { useUi } from "../../data/ui.ts";
import { GroupRow, SessionRow } from "./row.tsx";

const keyOf = (row: Row): string =>
  row.kind === "group" ? `group ${row.key}`.replaceAll(" ", "-") : row.session.id;

/** Pixels. */
const pinTrack = 30;
const actionTrack = 44;
/** The head stays on top, over the rows. */
const headHeight = 30;

function useWidth(element: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(10_000);
  useLayoutEffect(() => {
    const node = element.current!;
    const observer = new ResizeObserver(() => setWidth(node.clientWidth));
    setWidth(node.clientWidth);
    observer.observe(node);
    return () => observer.disconnect();
  }, [element]);
  return width;
}

interface Props {
  rows: readonly Row[];
  look: Look;
  onLook(changes: Partial<Look>): void;
  closed: ReadonlySet<string>;
  onToggleGroup(key: string): void;
  selected: ReadonlySet<string>;
  onSelect(ids: ReadonlySet<string>): void;
  /** Key of the row that the keyboard is on. */
  cursor: string | undefined;
  onCursor(key: string): void;
  onMenu(at: { x: number; y: number }): void;
}

export function SessionTable(props: Props) {
  const { rows, look, onLook, closed, onToggleGroup, selected, onSelect, cursor, onCursor, onMenu } = props;
  const { open } = useUi();
  const actions = useActions();
  const scroller = useRef<HTMLDivElement>(null);
  const anchor = useRef(0);
  const width = useWidth(scroller);
  // The list changes only when a column comes or goes, so that rows are not drawn anew while resizing.
  const wanted = look.columns.filter((id) => id !== look.group);
  const shownIds = fitting(wanted, width - pinTrack - actionTrack)
    .map((one) => one.id)
    .join(" ");
  const shownColumns = useMemo(() => shownIds.split(" ") as ColumnId[], [shownIds]);
  const tracks = useMemo(() => {
    const middle = shownColumns.map(columnOf).map((one) => `minmax(${one.least}px, ${one.share}fr)`);
    return `${pinTrack}px ${middle.join(" ")} ${actionTrack}px`;
  }, [shownColumns]);
  const rowHeight = look.compact ? 28 : 38;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    scrollMargin: headHeight,
    scrollPaddingStart: headHeight,
    getItemKey: (index) => keyOf(rows[index]!),
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: measured anew when the height changes
  useEffect(() => {
    virtual.measure();
  }, [rowHeight]);

  const at = useMemo(() => {
    const found = cursor === undefined ? -1 : rows.findIndex((row) => keyOf(row) === cursor);
    return found < 0 ? 0 : found;
  }, [rows, cursor]);

  const idsBetween = (from: number, to: number): ReadonlySet<string> => {
    const span = rows.slice(Math.min(from, to), Math.max(from, to) + 1);
    return new Set(span.flatMap((row) => (row.kind === "session" ? [row.session.id] : [])));
  };
  const select = (index: number, how: "one" | "toggle" | "span") => {
    const row = rows[index];
    if (!row) return;
    onCursor(keyOf(row));
    if (how === "span") {
      onSelect(idsBetween(anchor.current, index));
      return;
    }
    anchor.current = index;
    if (row.kind === "group") return;
    const next = new Set(how === "toggle" ? selected : []);
    if (!(how === "toggle" && next.delete(row.session.id))) next.add(row.session.id);
    onSelect(next);
  };
  const move = (index: number, extend: boolean) => {
    const next = Math.min(rows.length - 1, Math.max(0, index));
    virtual.scrollToIndex(next, { align: "auto" });
    if (rows[next]?.kind === "group" && !extend) onCursor(keyOf(rows[next]));
    else select(next, extend ? "span" : "one");
  };
  const openMenuAt = (index: number) => {
    const row = rows[index];
    if (row?.kind !== "session") return;
    if (!selected.has(row.session.id)) select(index, "one");
    const box = document.getElementById(`row-${keyOf(row)}`)?.getBoundingClientRect();
    if (box) onMenu({ x: box.left + 60, y: box.bottom - 6 });
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const row = rows[at];
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / rowHeight) - 2);
    const command = event.ctrlKey || event.metaKey;
    const chosen = rows.flatMap((one) =>
      one.kind === "session" && selected.has(one.session.id) ? [one.session] : [],
    );
    const session = row?.kind === "session" ? row.session : undefined;
    const targets = chosen.length > 0 ? chosen : session ? [session] : [];
    switch (event.key) {
      case "ArrowDown":
        move(cursor === undefined ? 0 : at + 1, event.shiftKey);
        break;
      case "ArrowUp":
        move(at - 1, event.shiftKey);
        break;
      case "PageDown":
        move(at + page, event.shiftKey);
        break;
      case "PageUp":
        move(at - page, event.shiftKey);
        break;
      case "Home":
        move(0, event.shiftKey);
        break;
      case "End":
        move(rows.length - 1, event.shiftKey);
        break;
      case "ArrowLeft":
      case "ArrowRight":
        if (row?.kind !== "group" || closed.has(row.key) !== (event.key === "ArrowRight")) return;
        onToggleGroup(row.key);
        break;
      case "Enter":
        if (row?.kind === "group") onToggleGroup(row.key);
        else if (targets.length === 1) void actions.toggle(targets[0]!);
        else void actions.start(targets);
        break;
      case " ":
        if (row?.kind === "group") onToggleGroup(row.key);
        else select(at, "toggle");
        break;
      case "Delete":
        if (targets.length > 0) open({ kind: "delete-sessions", ids: targets.map((one) => one.id) });
        break;
      case "ContextMenu":
        openMenuAt(at);
        break;
      case "F10":
        if (!event.shiftKey) return;
        openMenuAt(at);
        break;
      case "Escape":
        if (selected.size === 0) return;
        onSelect(new Set());
        break;
      case "a":
        if (!command) return;
        onSelect(idsBetween(0, rows.length - 1));
        break;
      case "e":
        if (command || !session) return;
        open({ kind: "edit-session", id: session.id });
        break;
      case "p":
        if (command || targets.length === 0) return;
        void actions.change(targets, { pinned: !targets[0]!.pinned });
        break;
      default:
        return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  // Rows are memoised; they get functions that never change and find the newest ones through here.
  const latest = useRef({ select, openMenuAt, onToggleGroup, toggle: actions.toggle, selected, onMenu });
  latest.current = { select, openMenuAt, onToggleGroup, toggle: actions.toggle, selected, onMenu };
  const onRowClick = useCallback((index: number, how: "one" | "toggle" | "span") => {
    latest.current.select(index, how);
  }, []);
  const onRowMenu = useCallback((index: number, id: string, point: { x: number; y: number }) => {
    if (!latest.current.selected.has(id)) latest.current.select(index, "one");
    latest.current.onMenu(point);
  }, []);
  const onToggle = useCallback((session: Parameters<typeof actions.toggle>[0]) => {
    void latest.current.toggle(session);
  }, []);
  const onGroup = useCallback((key: string) => latest.current.onToggleGroup(key), []);

  const current = cursor !== undefined && rows[at] ? keyOf(rows[at]) : undefined;
  return (
    <div
      ref={scroller}
      className={look.compact ? "table compact" : "table"}
      role={look.group === "none" ? "grid" : "treegrid"}
      tabIndex={0}
      aria-label="Sessions"
      aria-multiselectable
      aria-rowcount={rows.length + 1}
      aria-colcount={shownColumns.length + 2}
      aria-activedescendant={current && `row-${current}`}
      style={{ ["--tracks" as string]: tracks }}
      onKeyDown={onKeyDown}
    >
      <div className="table-head" role="row" aria-rowindex={1}>
        <div role="columnheader">
          <span className="hidden-text">Pinned</span>
        </div>
        {shownColumns.map((id) => (
          <HeadCell key={id} id={id} sort={look.sort} onSort={(sort) => onLook({ sort })} />
        ))}
        <div role="columnheader">
          <span className="hidden-text">Start or stop</span>
        </div>
      </div>
      <div className="table-body" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, key, start }) => {
          const row = rows[index]!;
          return row.kind === "group" ? (
            <GroupRow
              key={key}
              index={index}
              group={row}
              open={!closed.has(row.key)}
              current={key === current}
              span={shownColumns.length + 2}
              top={start - headHeight}
              onToggle={onGroup}
            />
          ) : (
            <SessionRow
              key={key}
              index={index}
              session={row.session}
              columns={shownColumns}
              selected={selected.has(row.session.id)}
              current={key === current}
              top={start - headHeight}
              onClick={onRowClick}
              onMenu={onRowMenu}
              onToggle={onToggle}
            />
          );
        })}
      </div>
    </div>
  );
}

function HeadCell({
  id,
  sort,
  onSort,
}: {
  id: ColumnId;
  sort: Look["sort"];
  onSort(sort: Look["sort"]): void;
}) {
  const sorted = sort.column === id;
  const Arrow = sort.descending ? ArrowDown : ArrowUp;
  return (
    <div role="columnheader" aria-sort={sorted ? (sort.descending ? "descending" : "ascending") : "none"}>
      <button
        type="button"
        onClick={() => onSort({ column: id, descending: sorted && !sort.descending })}
        onKeyDown={(event) => event.stopPropagation()}
      >
        {columnOf(id).title}
        {sorted && <Arrow className="icon small-icon" aria-hidden />}
      </button>
    </div>
  );
}
