import { LeappError } from "../../core/src/errors.ts";
import { type Flags, type FlagValues, unknown } from "./command.ts";
import { alignRows, clean, paint, type Surface } from "./print.ts";

export interface Column<Row> {
  /** Short name for `--columns`, `--filter`, `--sort`, and key in JSON and YAML. */
  key: string;
  /** Heading; accepted wherever the key is, so that the old product's column names keep working. */
  title: string;
  get(row: Row): string;
  /** Sorts by this instead of the text. */
  order?(row: Row): number;
  /** Only with `--extended` or `--columns`. */
  extended?: boolean;
  /** A filter must match the whole value: with "active" one does not mean "inactive". */
  closed?: boolean;
}

/** The list flags of the old product; here filters combine and ignore case. */
export const tableFlags = {
  extended: { short: "x", help: "show every column" },
  columns: { value: "NAMES", help: "show only these columns, comma between" },
  filter: {
    value: "COLUMN=TEXT",
    repeat: true,
    help: "only rows whose column holds the text, in any case; several combine; -COLUMN=TEXT excludes",
  },
  sort: { value: "COLUMNS", help: "sort by these columns, comma between; -COLUMN for descending" },
  noHeader: { help: "print no heading" },
  noTruncate: { help: "cut nothing, even if lines become longer than the terminal" },
  csv: { help: "same as --output csv" },
  output: {
    value: "FORMAT",
    complete: ["csv", "json", "yaml"],
    help: "csv, json or yaml, of the shown columns",
  },
} as const satisfies Flags;

type TableFlagValues = FlagValues<typeof tableFlags>;

/**
 * Rows as the flags want them, without a final newline.
 * @throws LeappError `usage` for a column or format that does not exist.
 */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  flags: TableFlagValues,
  surface: Surface,
): string {
  const find = (name: string): Column<Row> => {
    const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
    const found = columns.find((c) => [c.key, c.title].some((known) => plain(known) === plain(name)));
    if (found) return found;
    const keys = columns.map((column) => column.key);
    throw unknown("usage", "column", name, keys, `columns are ${keys.join(", ")}`);
  };
  const shown = flags.columns
    ? flags.columns.split(",").map((name) => find(name.trim()))
    : columns.filter((column) => flags.extended || !column.extended);
  let kept = [...rows];
  for (const filter of flags.filter) {
    const [, minus, name, text] = /^(-?)([^=]+)=(.*)$/s.exec(filter) ?? [];
    if (name === undefined || text === undefined) {
      throw new LeappError("usage", `--filter "${filter}" is not COLUMN=TEXT`, {
        hint: "for example status=active",
      });
    }
    const column = find(name);
    kept = kept.filter((row) => matches(column, column.get(row), text) === (minus === ""));
  }
  const keys = (flags.sort ?? "").split(",").filter(Boolean);
  const orders = keys.map((key) => ({
    column: find(key.replace(/^-/, "")),
    sign: key.startsWith("-") ? -1 : 1,
  }));
  kept.sort((a, b) => {
    for (const { column, sign } of orders) {
      const difference = column.order
        ? column.order(a) - column.order(b)
        : column.get(a).localeCompare(column.get(b), "en", { numeric: true, sensitivity: "base" });
      if (difference !== 0) return difference * sign;
    }
    return 0;
  });
  const cells = kept.map((row) => shown.map((column) => column.get(row)));
  const heading = flags.noHeader ? [] : [shown.map((column) => column.title)];
  const format = flags.output ?? (flags.csv ? "csv" : undefined);
  switch (format) {
    case undefined:
      return plainTable(heading, cells, surface, !flags.noTruncate);
    case "csv":
      return [...heading, ...cells].map((row) => row.map(csvCell).join(",")).join("\n");
    case "json":
      return JSON.stringify(objects(shown, cells), null, 2);
    case "yaml":
      return yaml(objects(shown, cells));
    default:
      throw new LeappError("usage", `no output format "${format}"`, { hint: "use csv, json or yaml" });
  }
}

function matches<Row>(column: Column<Row>, value: string, text: string): boolean {
  const low = value.toLowerCase();
  if (column.closed) return low === text.toLowerCase();
  if (low.includes(text.toLowerCase())) return true;
  try {
    // The old product took the text as a regular expression.
    return new RegExp(text, "i").test(value);
  } catch {
    return false;
  }
}

function plainTable(heading: string[][], cells: string[][], surface: Surface, truncate: boolean): string {
  const lines = alignRows([...heading, ...cells.map((row) => row.map(clean))], surface, truncate);
  return lines.map((line, i) => (i < heading.length ? paint(surface, "bold", line) : line)).join("\n");
}

function objects<Row>(columns: readonly Column<Row>[], cells: string[][]): Record<string, string>[] {
  return cells.map((row) => Object.fromEntries(row.map((cell, i) => [columns[i]!.key, cell])));
}

/** RFC 4180 quoting. */
function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Every JSON string is a YAML string. */
function yaml(rows: Record<string, string>[]): string {
  if (rows.length === 0) return "[]";
  return rows
    .map((row) =>
      Object.entries(row)
        .map(([key, value], i) => `${i === 0 ? "-" : " "} ${key}: ${JSON.stringify(value)}`)
        .join("\n"),
    )
    .join("\n");
}
