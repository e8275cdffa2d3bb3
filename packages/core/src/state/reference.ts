/** How people name things: by id, by name in any case, by the beginning of the id. */
import { LeappError } from "../errors.ts";

/** Two names with the same key are the same name: case and composed accents do not count. */
export function nameKey(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

/** Shortest beginning of an id that is looked up. */
export const shortestPrefix = 8;

export function notFound(what: string, reference: string, names: readonly string[]): LeappError {
  const near = nearest(reference, names);
  return new LeappError("not-found", `there is no ${what} ${quoted(reference)}`, {
    hint: near.length > 0 ? `did you mean ${near.join(", ")}?` : undefined,
  });
}

export function ambiguous(what: string, reference: string, candidates: readonly string[]): LeappError {
  const shown = candidates.slice(0, 5).join(", ") + (candidates.length > 5 ? ", ..." : "");
  return new LeappError("conflict", `${quoted(reference)} stands for several ${what}s: ${shown}`, {
    hint: "give the whole name or more of the id",
  });
}

/** Somebody may have piped a file into it. */
function quoted(reference: string): string {
  return JSON.stringify(reference.length > 100 ? `${reference.slice(0, 100)}...` : reference);
}

/** Up to three names that a person may have meant: those with the word in them, and those a few typos away. */
export function nearest(reference: string, names: readonly string[]): string[] {
  const wanted = nameKey(reference);
  if (wanted === "" || wanted.length > 200) return [];
  const allowed = Math.max(1, Math.floor(wanted.length / 3));
  const scored: { name: string; score: number }[] = [];
  for (const name of names) {
    const key = nameKey(name);
    const score = key.includes(wanted) ? 0 : distance(wanted, key, allowed);
    if (score <= allowed) scored.push({ name, score });
  }
  return scored
    .sort((a, b) => a.score - b.score || a.name.length - b.name.length)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** Levenshtein distance, or any number above `limit` as soon as it is sure to exceed it. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next[j] = Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + same);
      least = Math.min(least, next[j] as number);
    }
    if (least > limit) return limit + 1;
    row = next;
  }
  return row[b.length] as number;
}
