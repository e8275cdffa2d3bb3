import { expect, test } from "bun:test";
import { createPace, pause } from "../../src/identity/pace.ts";
import { manualClock } from "./doubles.ts";

/** Lets what waits for a promise run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("turns are evenly spaced, whatever the crowd", async () => {
  const clock = manualClock();
  const pace = createPace(clock, 19.6);
  const start = clock.now();
  const at: number[] = [];
  for (let i = 0; i < 100; i += 1) void pace.turn().then(() => at.push(clock.now() - start));
  for (let i = 0; i < 600; i += 1) {
    clock.advance(10);
    await settle();
  }
  expect(at.length).toBe(100);
  expect(at.at(-1)).toBeLessThanOrEqual(5100);
  // Never 21 within a second, also with timers that are up to 10 ms late.
  for (let i = 22; i < 100; i += 1) expect(at[i]! - at[i - 20]!).toBeGreaterThanOrEqual(1000);
});

test("after a long silence there is no burst", async () => {
  const clock = manualClock();
  const pace = createPace(clock, 20);
  await pace.turn();
  clock.advance(60_000);
  let out = 0;
  for (let i = 0; i < 30; i += 1) void pace.turn().then(() => (out += 1));
  await settle();
  expect(out).toBeLessThanOrEqual(2);
});

test("a person's request goes before a sync's", async () => {
  const clock = manualClock();
  const pace = createPace(clock, 20);
  const order: string[] = [];
  for (const name of ["a", "b", "c", "d"]) void pace.turn().then(() => order.push(name));
  void pace.turn({ urgent: true }).then(() => order.push("person"));
  for (let i = 0; i < 10; i += 1) {
    clock.advance(50);
    await settle();
  }
  expect(order.indexOf("person")).toBeLessThanOrEqual(2);
  expect(order.length).toBe(5);
});

test("a throttle stops everything for as long as asked, slows down, and recovers", async () => {
  const clock = manualClock();
  const pace = createPace(clock, 20);
  await pace.turn();
  pace.throttled(3000);
  expect(pace.rate).toBe(16);
  pace.throttled(3000);
  expect(pace.rate).toBe(16);
  let went = false;
  void pace.turn().then(() => (went = true));
  clock.advance(2900);
  await settle();
  expect(went).toBe(false);
  clock.advance(200);
  await settle();
  expect(went).toBe(true);
  for (let i = 0; i < 100; i += 1) pace.answered();
  expect(pace.rate).toBe(20);
});

test("who aborts leaves the queue, and pause rejects with the reason", async () => {
  const clock = manualClock();
  const pace = createPace(clock, 20);
  const stop = new AbortController();
  await pace.turn();
  await pace.turn();
  const gone = pace.turn({ signal: stop.signal });
  let next = false;
  void pace.turn().then(() => (next = true));
  const paused = pause(clock, 1000, stop.signal);
  stop.abort(new Error("enough"));
  await expect(gone).rejects.toThrow("enough");
  await expect(paused).rejects.toThrow("enough");
  clock.advance(50);
  await settle();
  expect(next).toBe(true);
  expect(clock.waiting()).toBe(0);
});

test("a clock that is put back does not stop everything", async () => {
  let offset = 0;
  const manual = manualClock();
  const clock = {
    now: () => manual.now() + offset,
    at: (at: number, run: () => void) => manual.at(at - offset, run),
  };
  const pace = createPace(clock, 20);
  let out = 0;
  for (let i = 0; i < 5; i += 1) void pace.turn().then(() => (out += 1));
  await settle();
  offset = -3 * 3_600_000;
  void pace.turn().then(() => (out += 1));
  for (let i = 0; i < 10; i += 1) {
    manual.advance(50);
    await settle();
  }
  expect(out).toBe(6);
});
