/** Times as people say them. */
import { useSyncExternalStore } from "react";

/** "43 min", "2 h 5 min", "3 days"; never negative. */
export function duration(milliseconds: number): string {
  const minutes = Math.round(Math.max(0, milliseconds) / 60_000);
  if (minutes < 1) return "under 1 min";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** "just now", "5 min ago", "yesterday, 14:02", "3 Nov, 14:02". */
export function ago(timestamp: string, now: number): string {
  const at = new Date(timestamp);
  const past = now - at.getTime();
  if (past < 60_000) return "just now";
  if (past < 3_600_000) return `${Math.floor(past / 60_000)} min ago`;
  const time = clockTime(timestamp);
  const days = Math.round((startOfDay(now) - startOfDay(at.getTime())) / 86_400_000);
  if (days === 0) return `today, ${time}`;
  if (days === 1) return `yesterday, ${time}`;
  return `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`;
}

/** "14:02", or with seconds "14:02:31". */
export const clockTime = (timestamp: string, seconds = false): string =>
  new Date(timestamp).toLocaleTimeString("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    ...(seconds ? { second: "2-digit" } : {}),
  });

/** "until 18:40" today, "until 3 Nov, 18:40" later. */
export function until(timestamp: string, now: number): string {
  const at = new Date(timestamp);
  if (startOfDay(at.getTime()) === startOfDay(now)) return `until ${clockTime(timestamp)}`;
  return `until ${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${clockTime(timestamp)}`;
}

const startOfDay = (time: number): number => new Date(time).setHours(0, 0, 0, 0);

interface Ticker {
  now: number;
  listeners: Set<() => void>;
  timer: ReturnType<typeof setInterval> | undefined;
  subscribe(listener: () => void): () => void;
  read(): number;
}

/** One ticking clock per step for all components, so that rows change together. */
const tickers = new Map<number, Ticker>();

function tickerOf(step: number): Ticker {
  const known = tickers.get(step);
  if (known) return known;
  const ticker: Ticker = {
    now: Date.now(),
    listeners: new Set(),
    timer: undefined,
    subscribe(listener) {
      ticker.listeners.add(listener);
      ticker.timer ??= setInterval(() => {
        ticker.now = Date.now();
        for (const run of ticker.listeners) run();
      }, step);
      return () => {
        ticker.listeners.delete(listener);
        if (ticker.listeners.size > 0) return;
        clearInterval(ticker.timer);
        ticker.timer = undefined;
      };
    },
    read: () => ticker.now,
  };
  tickers.set(step, ticker);
  return ticker;
}

/** Epoch milliseconds, renewed every `step` milliseconds. */
export function useNow(step = 15_000): number {
  const ticker = tickerOf(step);
  if (!ticker.timer) ticker.now = Date.now();
  return useSyncExternalStore(ticker.subscribe, ticker.read);
}
