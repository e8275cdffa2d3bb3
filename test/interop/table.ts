/** What the runs showed, as the table in docs/compatibility.md. */
import { expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Consumer, type ConsumerId, consumerIds, consumerNames } from "./consumers.ts";

export interface Row {
  number: number;
  title: string;
  /** What stood for AWS. */
  aws: string[];
  /** What Leapp itself did. */
  leapp: string;
  cells: Partial<Record<ConsumerId, string>>;
}

const file = join(import.meta.dirname, "../../docs/compatibility.md");
const begin = "<!-- from here on written by test/interop/consumers.test.ts with UPDATE_DOCS=1 -->\n";

/**
 * Compares the rows with the committed ones, or writes them with UPDATE_DOCS=1. What is not here counts not.
 * @param python the interpreter that has moto
 */
export function settle(rows: Row[], consumers: Consumer[], python: string | undefined): void {
  const head = readFileSync(file, "utf8").split(begin)[0];
  const sorted = rows.toSorted((a, b) => a.number - b.number);
  if (process.env.UPDATE_DOCS === "1") {
    if (consumers.length < consumerIds.length || !python)
      throw new Error("the table is written with every consumer and moto there");
    const moto = spawnSync(python, ["-c", "import moto; print('moto', moto.__version__)"], {
      encoding: "utf8",
    });
    const versions = [...consumers.map((consumer) => consumer.version()), moto.stdout.trim()].join(", ");
    const header = line(["Case", "What", "AWS", "Leapp", ...Object.values(consumerNames)]);
    const rule = `|${" --- |".repeat(4 + consumerIds.length)}`;
    const table = [
      begin,
      `Last written with ${versions}.`,
      "",
      header,
      rule,
      ...sorted.map(cells).map(line),
      "",
    ];
    writeFileSync(file, `${head}${table.join("\n")}`);
    return;
  }
  const present = new Set<string>(consumers.map(({ id }) => id));
  const comparable = (all: string[]) =>
    all
      .map((cell, i) => (i === 2 && !python ? cell.replace(/, moto$/, "") : cell))
      .filter((_, i) => i < 4 || present.has(consumerIds[i - 4]!));
  const committed = readFileSync(file, "utf8")
    .split("\n")
    .filter((text) => /^\| \d/.test(text))
    .map((text) => text.slice(2, -2).split(" | "));
  expect(sorted.map(cells).map(comparable)).toEqual(committed.map(comparable));
}

const cells = ({ number, title, aws, leapp, cells }: Row) => [
  `${number}`,
  title,
  aws.join(", "),
  leapp,
  ...consumerIds.map((id) => cells[id] ?? "–"),
];
const line = (all: string[]) => `| ${all.join(" | ")} |`;
