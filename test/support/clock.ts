/** A clock that a test moves. */
import type { Clock } from "../../packages/core/src/ports.ts";

/** Time passes only in `advance`, which stops at every moment somebody waits for. */
export class TestClock implements Clock {
  #now = Date.parse("2026-11-22T20:00:00Z");
  #waiting: { at: number; run: () => void }[] = [];

  now = () => this.#now;

  at(at: number, run: () => void): () => void {
    const entry = { at, run };
    this.#waiting.push(entry);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== entry);
    };
  }

  async advance(ms: number, settled: () => Promise<void>): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const next = Math.min(...this.#waiting.map(({ at }) => at));
      if (next > end) break;
      this.#now = Math.max(this.#now, next);
      await this.#ring(settled);
    }
    this.#now = end;
  }

  /** The lid is closed, and opened later: everything that was due meanwhile is due now. */
  sleep(ms: number): void {
    this.#now += ms;
  }

  async wake(settled: () => Promise<void>): Promise<void> {
    await this.#ring(settled);
  }

  async #ring(settled: () => Promise<void>): Promise<void> {
    const due = this.#waiting.filter(({ at }) => at <= this.#now);
    this.#waiting = this.#waiting.filter((entry) => !due.includes(entry));
    for (const { run } of due) run();
    await settled();
  }
}
