/** Who took which credential when, live, from the audit record. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { History, SearchX } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import type { AuditRecord } from "../../../../core/src/model.ts";
import { AgentError } from "../../bridge/bridge.ts";
import { Button } from "../../components/button.tsx";
import { Badge, Empty, Notice, sentence, Spinner } from "../../components/signs.tsx";
import { useTilde } from "../../data/home.ts";
import { useBridge, useResource } from "../../data/store.ts";
import { ago, clockTime, until, useNow } from "../../data/time.ts";
import { useUi } from "../../data/ui.ts";
import { DayChart } from "./day-chart.tsx";
import { methodNames, nameOf, parentsOf, programName } from "./programs.ts";

/** Records shown; older ones are in `leapp log`. */
const most = 5_000;
const dayLong = 86_400_000;

function useRecords(): { records: readonly AuditRecord[] | undefined; error: AgentError | undefined } {
  const bridge = useBridge();
  const [records, setRecords] = useState<readonly AuditRecord[]>();
  const [error, setError] = useState<AgentError>();
  useEffect(() => {
    let wanted = true;
    let newest: AuditRecord | undefined;
    let all: readonly AuditRecord[] = [];
    const read = async () => {
      try {
        const list = await bridge.call(
          "log.list",
          newest ? { since: newest.at, limit: most } : { limit: most },
        );
        if (!wanted) return;
        const known = newest?.sequence ?? 0;
        const fresh = list.filter((one) => one.sequence > known).sort((a, b) => b.sequence - a.sequence);
        all = [...fresh, ...all].slice(0, most);
        newest = all[0];
        setRecords(all);
        setError(undefined);
      } catch (caught) {
        if (wanted) setError(AgentError.of(caught));
      }
    };
    void read();
    const end = bridge.on((event) => {
      if (event.event === "changed" && event.data.includes("activity")) void read();
      if (event.event === "connection" && event.data === "open") void read();
    });
    return () => {
      wanted = false;
      end();
    };
  }, [bridge]);
  return { records, error };
}

/** Same words in the search field as for sessions: each has to be found somewhere. */
function matching(records: readonly AuditRecord[], search: string): readonly AuditRecord[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return records;
  return records.filter((one) => {
    const text = [
      one.sessionName,
      one.identity,
      one.accountId,
      one.cwd,
      methodNames[one.method],
      ...one.callers.map((caller) => caller.executable),
    ]
      .join("\n")
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

export function ActivityScreen({ search, about }: { search: string; about: string | undefined }) {
  const { go } = useUi();
  const { records, error } = useRecords();
  const now = useNow();
  const [hour, setHour] = useState<number>();
  const session = useResource("sessions").value?.find((one) => one.name === about);
  const mine = useMemo(
    () => (records && about ? records.filter((one) => one.sessionName === about) : records),
    [records, about],
  );
  const found = useMemo(() => mine && matching(mine, search), [mine, search]);
  const shown = useMemo(
    () =>
      hour === undefined
        ? found
        : found?.filter((one) => Date.parse(one.at) >= hour && Date.parse(one.at) < hour + 3_600_000),
    [found, hour],
  );
  const lastDay = useMemo(
    () => found?.filter((one) => now - Date.parse(one.at) < dayLong) ?? [],
    [found, now],
  );

  return (
    <div className="activity">
      <div className="activity-head">
        <div>
          <h1>Activity</h1>
          <p className="muted">
            {about ? (
              <>
                Only <strong>{about}</strong>
                {session ? ` (${session.role ?? session.region})` : ""}.
              </>
            ) : (
              "Each credential that left: who took it, for which session, when. Never the credential."
            )}
          </p>
        </div>
        {about && <Button onClick={() => go({ screen: "activity" })}>Show all</Button>}
        {hour !== undefined && (
          <Button onClick={() => setHour(undefined)}>
            {clockTime(new Date(hour).toISOString())} to {clockTime(new Date(hour + 3_600_000).toISOString())}
            : show all hours
          </Button>
        )}
      </div>
      {error && <Notice tone="red">{sentence(error.message)}</Notice>}
      {!records && !error && <Spinner label="Reading the records" />}
      {records?.length === 0 && (
        <Empty icon={History} title="Nothing was handed out yet">
          <p>Start a session and run any AWS tool with its profile; it will be seen here.</p>
        </Empty>
      )}
      {records && records.length > 0 && (
        <>
          <DayChart records={lastDay} now={now} chosen={hour} onChoose={setHour} />
          {shown?.length === 0 ? (
            <Empty icon={SearchX} title="No record matches" />
          ) : (
            <Records records={shown ?? []} now={now} />
          )}
        </>
      )}
    </div>
  );
}

const rowHeight = 44;

function Records({ records, now }: { records: readonly AuditRecord[]; now: number }) {
  const { go } = useUi();
  const tilde = useTilde();
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: records.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 10,
  });
  return (
    <div
      className="records"
      ref={scroller}
      role="table"
      aria-label="Uses"
      aria-rowcount={records.length + 1}
      tabIndex={0}
    >
      <div className="record record-head" role="row" aria-rowindex={1}>
        {["When", "Program", "Session", "How", "Folder"].map((title) => (
          <div role="columnheader" key={title}>
            {title}
          </div>
        ))}
      </div>
      <div role="rowgroup" className="table-body" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const one = records[index]!;
          const parents = parentsOf(one.callers).map(nameOf);
          return (
            <div
              key={one.sequence}
              className="record"
              role="row"
              aria-rowindex={index + 2}
              style={{ transform: `translateY(${start}px)` }}
            >
              <div role="cell" className="two-lines number" title={one.at}>
                <span>{clockTime(one.at, true)}</span>
                <span className="muted cut">{ago(one.at, now).split(",")[0]}</span>
              </div>
              <div role="cell" className="two-lines">
                <span className="cut strong" title={one.callers[0]?.executable}>
                  {programName(one)}
                </span>
                {parents.length > 0 && (
                  <span
                    className="muted cut"
                    title={one.callers.map((caller) => caller.executable).join(" ← ")}
                  >
                    from {parents.join(" ← ")}
                  </span>
                )}
              </div>
              <div role="cell" className="two-lines">
                <button
                  type="button"
                  className="link cut"
                  onClick={() => go({ screen: "activity", search: one.sessionName })}
                >
                  {one.sessionName}
                </button>
                {one.identity !== one.sessionName && (
                  <span className="muted cut number" title={one.identity}>
                    {one.identity ?? one.accountId}
                  </span>
                )}
              </div>
              <div role="cell" className="two-lines">
                <span>
                  <Badge tone={one.method === "credential-file" ? "amber" : undefined}>
                    {methodNames[one.method]}
                  </Badge>
                </span>
                {one.expiresAt && <span className="muted cut number">valid {until(one.expiresAt, now)}</span>}
              </div>
              <div role="cell" className="cut muted mono" title={one.cwd}>
                {tilde(one.cwd ?? "")}
              </div>
            </div>
          );
        })}
      </div>
    </div>
  );
}
