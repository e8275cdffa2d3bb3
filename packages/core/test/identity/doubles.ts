/** The clock and the secret store of these tests. */
import type { Clock, Secrets } from "../../src/ports.ts";

export interface ManualClock extends Clock {
  /** Moves on, running what falls due on the way at its own time. */
  advance(milliseconds: number): void;
  /** Times that something waits for. */
  waiting(): number;
}

export function manualClock(start = Date.parse("2026-11-22T20:00:00Z")): ManualClock {
  let now = start;
  const timers = new Set<{ at: number; run: () => void }>();
  return {
    now: () => now,
    at(at, run) {
      const timer = { at, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        const next = [...timers].sort((a, b) => a.at - b.at)[0];
        if (!next || next.at > end) break;
        timers.delete(next);
        now = Math.max(now, next.at);
        next.run();
      }
      now = end;
    },
    waiting: () => timers.size,
  };
}

export interface MemorySecrets extends Secrets {
  readonly records: Map<string, string>;
  readonly sets: string[];
  /** The next `set` calls fail while true. */
  broken: boolean;
}

export function memorySecrets(records = new Map<string, string>()): MemorySecrets {
  const sets: string[] = [];
  return {
    records,
    sets,
    broken: false,
    async get(name) {
      return records.get(name);
    },
    async set(name, value) {
      if (this.broken) throw new Error("the vault cannot be written");
      sets.push(name);
      records.set(name, value);
    },
    async delete(name) {
      records.delete(name);
    },
  };
}

export interface FollowingClock extends Clock {
  /** The other clock jumped: looks at every timer anew, as a machine that wakes up does. */
  moved(): void;
  waiting(): number;
}

/** A clock that goes by another one, such as the sandbox's, with real timers in between. */
export function followingClock(now: () => number): FollowingClock {
  const timers = new Set<() => void>();
  return {
    now,
    at(at, run) {
      let handle: ReturnType<typeof setTimeout>;
      const arm = () => {
        clearTimeout(handle);
        handle = setTimeout(
          () => {
            if (now() < at) return arm();
            timers.delete(arm);
            run();
          },
          Math.max(0, at - now()),
        );
      };
      arm();
      timers.add(arm);
      return () => {
        timers.delete(arm);
        clearTimeout(handle);
      };
    },
    moved() {
      for (const arm of [...timers]) arm();
    },
    waiting: () => timers.size,
  };
}
