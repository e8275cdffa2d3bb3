import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock, SecretStore } from "../src/ports.ts";

/** A new folder, gone after the tests of the file that asked for it. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "leapp-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Stands still until a test moves it. */
export class StoppedClock implements Clock {
  time: number;

  constructor(time = Date.parse("2026-11-22T20:00:00Z")) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  at(): () => void {
    throw new Error("nothing here waits");
  }
}

/** A keychain in memory, which can be locked. */
export class MemoryStore implements SecretStore {
  readonly label = "Memory Keychain";
  readonly items = new Map<string, string>();
  /** Thrown by every call while set. */
  failure: Error | undefined;
  /** Accepts writes and forgets them. */
  forgetful = false;

  async get(name: string): Promise<string | undefined> {
    if (this.failure) throw this.failure;
    return this.items.get(name);
  }

  async set(name: string, value: string): Promise<void> {
    if (this.failure) throw this.failure;
    if (!this.forgetful) this.items.set(name, value);
  }

  async delete(name: string): Promise<void> {
    if (this.failure) throw this.failure;
    this.items.delete(name);
  }
}
