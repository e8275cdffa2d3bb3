/** What the measurements share: the spawner of bench/spawn.c, ratios of neighbours in time, and rows of the table. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Aws } from "./workspace.ts";

/** A row of bench/RESULTS.md. */
export interface Result {
  name: string;
  value: number;
  unit: "times" | "MB" | "ms" | "calls";
  /** The value may be this much. Absent: told for its own sake. */
  goal?: number;
  /** Absolute values and circumstances. */
  detail: string;
}

/** What every part gets. */
export interface Bench {
  spawner: Spawner;
  aws: Aws;
  /** Path of the minimal client, bench/client.c. */
  client: string;
  /** Path of bench/webview.c's program, which is there where it can be built. */
  webview: string;
  /** Path of Node.js. */
  node: string;
  /** Of the quickest measurements; slower ones take a part of it. */
  rounds: number;
}

/** A program to be measured. */
export interface Program {
  /** Absolute path, then arguments. */
  command: string[];
  /** All of its environment. */
  env?: Record<string, string>;
  /** Text in its output; empty: it must print nothing. */
  expected?: string;
  /** Copies at once. */
  width?: number;
  /** Runs in a round, the median of which is the round's time: for those that take next to none. */
  repeat?: number;
}

export interface Measured {
  milliseconds: number;
  /** Copies that failed, or printed something else. */
  failures: number;
}

export interface Spawner {
  /** One after the other, in that order. */
  measure(programs: Program[]): Promise<Measured[]>;
  stop(): void;
}

export function startSpawner(path: string, cwd: string): Spawner {
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(path, [], {
    cwd,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async measure(programs) {
      const plan = programs.map(({ command, env = {}, expected = "", width = 1 }) => {
        const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
        return [width, expected, ...variables, ...command].join("\t");
      });
      child.stdin.write(`${plan.join("\n")}\n\n`);
      const results: Measured[] = [];
      while (results.length < programs.length) {
        const { value, done } = await answers.next();
        if (done) throw new Error("the spawner ended");
        const [nanoseconds, failures] = value.split(" ").map(Number) as [number, number];
        results.push({ milliseconds: nanoseconds / 1e6, failures });
      }
      return results;
    },
    stop: () => child.stdin.end(),
  };
}

/** Milliseconds by name, one a round. */
export type Times = Record<string, number[]>;

/**
 * Every program in each round, in an order that is drawn anew for each, so that what disturbs the machine disturbs
 * all alike. One round before is not counted. @throws Error when a single run failed.
 */
export async function interleave(
  spawner: Spawner,
  programs: Record<string, Program>,
  rounds: number,
): Promise<Times> {
  const names = Object.entries(programs).flatMap(([name, { repeat = 1 }]) =>
    Array<string>(repeat).fill(name),
  );
  const order = Array.from({ length: rounds + 1 }, () => shuffled(names));
  const results = await spawner.measure(order.flat().map((name) => programs[name]!));
  const times: Times = Object.fromEntries(names.map((name) => [name, []]));
  for (const [round, drawn] of order.entries()) {
    const measured: Times = Object.fromEntries(names.map((name) => [name, []]));
    for (const [index, name] of drawn.entries()) {
      const { milliseconds, failures } = results[round * names.length + index]!;
      if (failures > 0) throw new Error(`${name}: ${failures} of ${programs[name]!.width ?? 1} failed`);
      measured[name]!.push(milliseconds);
    }
    if (round > 0) for (const name of Object.keys(times)) times[name]!.push(quantile(measured[name]!));
  }
  return times;
}

/** Fisher and Yates. */
export function shuffled<T>(items: readonly T[]): T[] {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}

export function quantile(values: readonly number[], share = 0.5): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [below, above] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return below + (above - below) * (at - Math.floor(at));
}

/** The median of the ratios of each round's pair, with the middle half of them and both medians as its detail. */
export function ratio(name: string, ours: number[], theirs: number[], goal?: number): Result {
  const pairs = ours.map((milliseconds, round) => milliseconds / theirs[round]!);
  const [low, high] = [quantile(pairs, 0.25), quantile(pairs, 0.75)].map(digits);
  const detail = `${digits(quantile(ours))} to ${digits(quantile(theirs))} ms; half of the rounds ${low} to ${high}`;
  return { name, value: quantile(pairs), unit: "times", goal, detail };
}

/** Three digits that count. */
export const digits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toPrecision(value >= 1 ? 3 : 2);
