/** The sandbox's own time: the machine's, moved by tests. Everything that expires here expires by it. */
export class SandboxClock {
  readonly #base: () => number;
  #offset = 0;

  /** @param base epoch milliseconds */
  constructor(base: () => number = Date.now) {
    this.#base = base;
  }

  /** Epoch milliseconds. */
  now(): number {
    return this.#base() + this.#offset;
  }

  /** Moves the clock by milliseconds, backwards too. */
  advance(ms: number): void {
    this.#offset += ms;
  }

  reset(): void {
    this.#offset = 0;
  }
}
