/** Things that go wrong on demand. */
import type { Call, WireReply } from "./wire.ts";
import { Refusal } from "./wire.ts";

export const faultKinds = [
  /** Nothing is done, the answer is an error. `429` carries `Retry-After`; `throttle` is STS's own 400. */
  "500",
  "503",
  "429",
  "throttle",
  "access-denied",
  /** The answer comes `ms` late (1,000 by default). */
  "slow",
  /** The connection is cut before anything is done. */
  "cut",
  /** All is done, then the connection is cut: the answer is lost. */
  "cut-after",
  /** No answer until the sandbox is reset or closed. */
  "hang",
  /** The reply's `Date` is `ms` off (one hour ahead by default). */
  "wrong-date",
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  /** Operation such as `AssumeRole` or `CreateToken`; `*` is any. */
  action: string;
  kind: FaultKind;
  /** How often; once by default. */
  times?: number;
  /** Milliseconds, for `slow` and `wrong-date`; for `429` what `Retry-After` says (1 s by default). */
  ms?: number;
}

/** What the transport does besides or instead of answering. */
export interface Mishap {
  delay?: number;
  dateOffset?: number;
  cut?: "before" | "after";
  hang?: boolean;
}

export class Faults {
  #pending: { fault: Fault; left: number }[] = [];

  add(fault: Fault): void {
    if (!faultKinds.includes(fault.kind)) throw new Error(`no fault of the kind ${fault.kind}`);
    this.#pending.push({ fault, left: fault.times ?? 1 });
  }

  /** Takes the next fault that waits for this operation. */
  take(action: string): Fault | undefined {
    const found = this.#pending.find(({ fault }) => fault.action === "*" || fault.action === action);
    if (!found) return undefined;
    found.left -= 1;
    if (found.left <= 0) this.#pending = this.#pending.filter((entry) => entry !== found);
    return found.fault;
  }

  clear(): void {
    this.#pending = [];
  }
}

/** @throws Refusal for the kinds that are an answer of AWS */
export function mishapOf(fault: Fault): Mishap {
  switch (fault.kind) {
    case "500":
      throw new Refusal(
        "InternalFailure",
        "The request processing has failed because of an unknown error, exception or failure.",
        500,
      );
    case "503":
      throw new Refusal("ServiceUnavailable", "Service is unavailable.", 503);
    case "429":
      throw new Refusal("TooManyRequestsException", "HTTP 429 Unknown Code", 429, {
        "retry-after": String(Math.ceil((fault.ms ?? 1_000) / 1_000)),
      });
    case "throttle":
      throw new Refusal("Throttling", "Rate exceeded", 400);
    case "access-denied":
      throw new Refusal("AccessDenied", "Access denied by the sandbox on demand.", 403);
    case "slow":
      return { delay: fault.ms ?? 1_000 };
    case "wrong-date":
      return { dateOffset: fault.ms ?? 3_600_000 };
    case "cut":
      return { cut: "before" };
    case "cut-after":
      return { cut: "after" };
    case "hang":
      return { hang: true };
  }
}

/** One request as tests see it. */
export interface RequestRecord {
  action: string;
  /** Epoch milliseconds of the sandbox's clock. */
  at: number;
  /** ARN of the caller, where it was proven. */
  identity?: string;
  /** HTTP status; absent when no answer was sent. */
  status?: number;
  /** AWS's error code. */
  error?: string;
}

/** Counts and remembers requests. */
export class Journal {
  readonly #counts = new Map<string, number>();
  readonly #records: RequestRecord[] = [];

  open(call: Call, at: number): RequestRecord {
    this.#counts.set(call.action, (this.#counts.get(call.action) ?? 0) + 1);
    const record = { action: call.action, at };
    this.#records.push(record);
    // Long jobs are watched by counters; the newest requests are enough to look at.
    if (this.#records.length > 20_000) this.#records.splice(0, 10_000);
    return record;
  }

  close(record: RequestRecord, call: Call, reply?: WireReply, error?: string): void {
    if (call.identity) record.identity = call.identity;
    if (reply) record.status = reply.status;
    if (error) record.error = error;
  }

  /** All requests of that operation, refused ones too; of every operation when none is named. */
  count(action?: string): number {
    if (action !== undefined) return this.#counts.get(action) ?? 0;
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  get records(): readonly RequestRecord[] {
    return this.#records;
  }

  clear(): void {
    this.#counts.clear();
    this.#records.length = 0;
  }
}
