/** The agent's log: one line per event, rotated by size. It gets codes and names, never what AWS answered. */
import { appendFileSync, renameSync, statSync } from "node:fs";
import type { Clock } from "../../core/src/ports.ts";

const maxBytes = 1024 * 1024;
const kept = 3;

export interface Log {
  note(level: "info" | "error", text: string): void;
}

/** A log that cannot be written (full disk) never keeps the agent from answering. */
export function openLog(file: string, clock: Clock): Log {
  let size = sizeOf(file);
  return {
    note(level, text) {
      const line = `${new Date(clock.now()).toISOString()} ${level} ${text.replace(/\s*\n\s*/g, " | ")}\n`;
      try {
        if (size > maxBytes) {
          for (let i = kept - 1; i > 0; i--)
            if (sizeOf(`${file}.${i}`)) renameSync(`${file}.${i}`, `${file}.${i + 1}`);
          renameSync(file, `${file}.1`);
          size = 0;
        }
        appendFileSync(file, line, { mode: 0o600 });
        size += line.length;
      } catch {}
    },
  };
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
