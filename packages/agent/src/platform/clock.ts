import type { Clock } from "../../../core/src/ports.ts";

/** A timer counts awake time only; looking at the wall clock this often notices a machine that slept. */
const slice = 15_000;

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: Date.now,
  at(at, run) {
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      const left = at - Date.now();
      timer = setTimeout(left <= 0 ? run : wait, Math.max(0, Math.min(left, slice)));
      timer.unref();
    };
    wait();
    return () => clearTimeout(timer);
  },
};
