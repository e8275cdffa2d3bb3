/** The sessions: toolbar, table, what is selected. */
import { Network, SearchX } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useState } from "react";
import type { SessionView } from "../../../../core/src/model.ts";
import { Button } from "../../components/button.tsx";
import { Empty, Spinner } from "../../components/signs.tsx";
import type { Look } from "../../data/preferences.ts";
import { arrange, order } from "../../data/sessions.ts";
import { useResource } from "../../data/store.ts";
import { FirstRun } from "../first-run/first-run.tsx";
import type { Narrowing } from "../frame.tsx";
import { Details } from "./details.tsx";
import { SelectionBar } from "./selection-bar.tsx";
import { SessionMenu } from "./session-menu.tsx";
import { SessionTable } from "./table.tsx";
import { Toolbar } from "./toolbar.tsx";

const none: readonly SessionView[] = [];

export function SessionsScreen({
  narrowing,
  onNarrow,
  look,
  onLook,
}: {
  narrowing: Narrowing;
  onNarrow(next: Narrowing): void;
  look: Look;
  onLook(changes: Partial<Look>): void;
}) {
  const { value } = useResource("sessions");
  const sessions = value ?? none;
  const syncing = useResource("integrations").value?.find((one) => one.sync);
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<string>();
  const [menu, setMenu] = useState<{ x: number; y: number }>();

  // The field shows each letter at once; the table may follow one frame later.
  const search = useDeferredValue(narrowing.search);
  const ordered = useMemo(() => order(sessions, look.sort), [sessions, look.sort]);
  const rows = useMemo(
    () => arrange(ordered, { search, filters: narrowing.filters, group: look.group }, closed),
    [ordered, search, narrowing.filters, look.group, closed],
  );
  const chosen = useMemo(() => sessions.filter((one) => selected.has(one.id)), [sessions, selected]);

  // What is not shown cannot be meant.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only when what is shown changes
  useEffect(() => {
    setSelected((now) => {
      if (now.size === 0) return now;
      const shown = new Set(rows.map((row) => (row.kind === "session" ? row.session.id : "")));
      const kept = [...now].filter((id) => shown.has(id));
      return kept.length === now.size ? now : new Set(kept);
    });
  }, [rows]);

  if (!value)
    return (
      <div className="empty">
        <Spinner label="Reading sessions" />
      </div>
    );
  if (value.length === 0)
    return syncing ? (
      <Empty icon={Network} heading="h1" title={`Listing the accounts of ${syncing.alias}`}>
        <p>Each role of yours becomes a session here.</p>
      </Empty>
    ) : (
      <FirstRun />
    );

  const toggleGroup = (key: string) =>
    setClosed((now) => {
      const next = new Set(now);
      if (!next.delete(key)) next.add(key);
      return next;
    });

  return (
    <>
      <h1 className="hidden-text">Sessions</h1>
      <Toolbar
        sessions={sessions}
        shown={rows.reduce((sum, row) => sum + (row.kind === "session" ? 1 : 0), 0)}
        narrowing={narrowing}
        onNarrow={onNarrow}
        look={look}
        onLook={onLook}
      />
      <div className="table-and-details">
        <div className="table-side">
          {rows.length === 0 ? (
            <Empty icon={SearchX} title="No session matches">
              <p>Every word of the search and every filter has to fit.</p>
              <Button onClick={() => onNarrow({ search: "", filters: {} })}>Show all sessions</Button>
            </Empty>
          ) : (
            <SessionTable
              rows={rows}
              look={look}
              onLook={onLook}
              closed={closed}
              onToggleGroup={toggleGroup}
              selected={selected}
              onSelect={setSelected}
              cursor={cursor}
              onCursor={setCursor}
              onMenu={setMenu}
            />
          )}
          {chosen.length > 1 && <SelectionBar sessions={chosen} onClear={() => setSelected(new Set())} />}
        </div>
        {look.details && chosen.length === 1 && (
          <Details session={chosen[0]!} onClose={() => onLook({ details: false })} />
        )}
      </div>
      {menu && chosen.length > 0 && (
        <SessionMenu at={menu} sessions={chosen} onClose={() => setMenu(undefined)} />
      )}
    </>
  );
}
