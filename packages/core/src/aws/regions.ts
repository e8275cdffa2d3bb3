import { LeappError } from "../errors.ts";
import type { Region } from "../model.ts";
import data from "./partitions.json" with { type: "json" };

export interface Partition {
  /** `aws`, `aws-cn`, `aws-us-gov`, … */
  id: string;
  /** What an endpoint's host ends in: `amazonaws.com`, `amazonaws.com.cn`, … */
  dnsSuffix: string;
  /** Region to its name for people. */
  regions: Record<Region, string>;
}

/** Every partition of AWS, as the SDK knows them; a test compares `partitions.json` with the SDK's own data. */
// TypeScript gives each partition of the file its own type.
export const partitions = data as unknown as readonly Partition[];

/** All regions of all partitions, sorted by name. */
export function regions(): { region: Region; partition: string; description: string }[] {
  return partitions
    .flatMap(({ id, regions }) =>
      Object.entries(regions).map(([region, description]) => ({ region, partition: id, description })),
    )
    .sort((a, b) => (a.region < b.region ? -1 : 1));
}

/**
 * The region, as it was given.
 * @throws LeappError `invalid`, naming the region that was probably meant.
 */
export function checkRegion(region: string): Region {
  partitionOf(region);
  return region;
}

/** @throws LeappError `invalid` for a region that no partition has. */
export function partitionOf(region: Region): Partition {
  const partition = partitions.find(({ regions }) => Object.hasOwn(regions, region));
  if (partition) return partition;
  const known = regions().map((each) => each.region);
  throw new LeappError("invalid", `"${shorten(region)}" is not an AWS region`, {
    hint: `did you mean ${nearest(region.trim().toLowerCase(), known)}?`,
  });
}

/** The candidate with the fewest edits (insert, delete, replace, swap of neighbours) from `word`. */
function nearest(word: string, candidates: string[]): string {
  let best = candidates[0] ?? "";
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const edits = editDistance(word.slice(0, 64), candidate);
    if (edits < fewest) [best, fewest] = [candidate, edits];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j]!, before[j - 2]! + 1);
      }
    }
    [before, above] = [above, row];
  }
  return above[b.length]!;
}

/** For showing a wrong value in a message: one line of at most 80 characters. */
export function shorten(value: string): string {
  const flat = value.replace(/\p{C}+/gu, " ");
  return flat.length > 80 ? `${flat.slice(0, 77)}...` : flat;
}
