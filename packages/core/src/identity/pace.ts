import type { Clock } from "../ports.ts";

/**
 * Resolves after `milliseconds` of the given clock.
 * @throws the signal's reason when aborted.
 */
export function pause(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.at(clock.now() + milliseconds, () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    });
    signal?.addEventListener("abort", stop, { once: true });
  });
}

export interface Pace {
  /** Resolves when the next request may go out; a person's own request goes before the rows of a sync. */
  turn(options?: { urgent?: boolean; signal?: AbortSignal }): Promise<void>;
  /** The server throttled: nothing goes out for that long (milliseconds), and less often afterwards. */
  throttled(retryAfter?: number): void;
  /** A request was answered: back towards the full rate. */
  answered(): void;
  /** Requests a second at present. */
  readonly rate: number;
}

/** Evenly spaced turns: a burst would be counted against the server's limit of the same second. */
export function createPace(clock: Clock, fullRate: number): Pace {
  let rate = fullRate;
  let next = 0;
  let seen = 0;
  /** Throttled answers of requests that were out together count once. */
  let slowedAt = Number.NEGATIVE_INFINITY;
  let storms = 0;
  const urgent: Waiter[] = [];
  const ordinary: Waiter[] = [];
  let cancelTimer: (() => void) | undefined;

  /** The time; a clock that was put back takes the plan along, or nothing would go out for hours. */
  function look(): number {
    const now = clock.now();
    if (now < seen) {
      next -= seen - now;
      cancelTimer?.();
      cancelTimer = undefined;
    }
    seen = now;
    return now;
  }

  function run(): void {
    cancelTimer = undefined;
    for (;;) {
      const queue = urgent.length > 0 ? urgent : ordinary;
      if (queue.length === 0) return;
      const now = look();
      if (now < next) {
        cancelTimer = clock.at(next, run);
        return;
      }
      const interval = 1000 / rate;
      // A timer that fires late may make up for one interval and no more.
      next = Math.max(next + interval, now);
      queue.shift()?.go();
    }
  }

  return {
    get rate() {
      return rate;
    },
    turn({ urgent: first = false, signal } = {}) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const queue = first ? urgent : ordinary;
        const stop = () => {
          queue.splice(queue.indexOf(waiter), 1);
          reject(signal?.reason);
        };
        const waiter: Waiter = {
          go() {
            signal?.removeEventListener("abort", stop);
            resolve();
          },
        };
        signal?.addEventListener("abort", stop, { once: true });
        queue.push(waiter);
        look();
        if (!cancelTimer) run();
      });
    },
    throttled(retryAfter) {
      const now = clock.now();
      if (now - slowedAt > 1000) {
        storms += 1;
        slowedAt = now;
        rate = Math.max(rate * 0.8, fullRate / 10);
      }
      const wait = retryAfter ?? Math.min(250 * 2 ** storms, 10_000);
      next = Math.max(next, now + wait);
      cancelTimer?.();
      run();
    },
    answered() {
      storms = 0;
      rate = Math.min(fullRate, rate * 1.01);
    },
  };
}

interface Waiter {
  go(): void;
}
