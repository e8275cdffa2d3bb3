import type { AuditRecord } from "../../../../core/src/model.ts";
import { clockTime } from "../../data/time.ts";

const hourLong = 3_600_000;
const hours = 24;
const height = 72;

const uses = (count: number): string => (count === 1 ? "1 use" : `${count.toLocaleString("en")} uses`);

/** Uses per hour over the last day; an hour can be chosen. */
export function DayChart({
  records,
  now,
  chosen,
  onChoose,
}: {
  records: readonly AuditRecord[];
  now: number;
  /** Start of the chosen hour, epoch milliseconds. */
  chosen: number | undefined;
  onChoose(hour: number | undefined): void;
}) {
  const first = Math.floor(now / hourLong) * hourLong - (hours - 1) * hourLong;
  const counts = new Array<number>(hours).fill(0);
  for (const one of records) {
    const slot = Math.floor((Date.parse(one.at) - first) / hourLong);
    if (slot >= 0 && slot < hours) counts[slot]!++;
  }
  const top = Math.max(1, ...counts);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return (
    <section className="day-chart" aria-label={`Last day: ${uses(total)}`}>
      <div className="chart-title">
        <h2>Last day</h2>
        <span className="muted number">
          {uses(total)}, at most {top.toLocaleString("en")} an hour
        </span>
      </div>
      <div className="bars">
        {counts.map((count, slot) => {
          const start = first + slot * hourLong;
          const time = clockTime(new Date(start).toISOString());
          return (
            <button
              key={start}
              type="button"
              className="bar"
              aria-label={`${time}: ${uses(count)}`}
              aria-pressed={chosen === start}
              title={`${time}: ${uses(count)}`}
              disabled={count === 0}
              onClick={() => onChoose(chosen === start ? undefined : start)}
            >
              <span
                className="fill"
                style={{ height: count === 0 ? 2 : Math.max(4, (height * count) / top) }}
              />
              <span className="hour number">{slot % 3 === 2 ? time : ""}</span>
            </button>
          );
        })}
      </div>
    </section>
  );
}
