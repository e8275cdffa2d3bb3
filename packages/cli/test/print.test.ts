import { describe, expect, test } from "bun:test";
import { LeappError } from "../../core/src/errors.ts";
import { alignRows, clean, cut, duration, expiry, paint, textWidth, wrap } from "../src/print.ts";
import { type Column, table } from "../src/table.ts";

const pipe = { isTerminal: false, width: 80, color: false };
const terminal = (width: number) => ({ isTerminal: true, width, color: true });

describe("times", () => {
  test.each([
    [0, "0 s"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [43 * 60_000, "43 min"],
    [3_600_000, "1 h"],
    [11 * 3_600_000 + 59 * 60_000 + 59_000, "11 h 59 min"],
    [47 * 3_600_000, "47 h"],
    [72 * 3_600_000, "3 days"],
    [-5, "0 s"],
  ])("%d ms are %s", (span, words) => expect(duration(span)).toBe(words));

  test("expiry", () => {
    expect(expiry(43 * 60_000 + 1, 0)).toBe("expires in 43 min");
    expect(expiry(0, 5 * 60_000)).toBe("expired 5 min ago");
  });
});

describe("text", () => {
  test("widths and cuts count cells, not characters", () => {
    expect(textWidth("abc")).toBe(3);
    expect(textWidth("日本")).toBe(4);
    expect(textWidth("e\u0301")).toBe(1);
    expect(cut("abcdef", 4)).toBe("abc…");
    expect(cut("日本語", 4)).toBe("日…");
    expect(cut("abc", 3)).toBe("abc");
  });

  test("text from outside cannot drive the terminal", () => {
    expect(clean("a\u001b]0;title\u0007b\r\n\u202ec")).toBe("a ]0;title b c");
  });

  test("colour only where it is wanted", () => {
    expect(paint(pipe, "bold", "x")).toBe("x");
    expect(paint(terminal(80), "bold", "x")).toBe("\u001b[1mx\u001b[22m");
  });

  test("wrap", () => expect(wrap("one two  three", 7)).toEqual(["one two", "three"]));
});

describe("alignment", () => {
  const rows = [
    ["name", "arn"],
    ["a", "arn:aws:iam::123456789012:role/a-long-role-name"],
  ];

  test("a table fits the terminal", () => {
    for (const width of [20, 30, 40, 60, 100]) {
      for (const line of alignRows(rows, terminal(width))) expect(textWidth(line)).toBeLessThanOrEqual(width);
    }
    expect(alignRows(rows, terminal(30))[1]).toBe("a     arn:aws:iam::123456789012…".slice(0, 29) + "…");
  });

  test("elsewhere, or when told, nothing is cut", () => {
    expect(alignRows(rows, pipe)[1]).toEndWith("a-long-role-name");
    expect(alignRows(rows, terminal(20), false)[1]).toEndWith("a-long-role-name");
  });
});

describe("table", () => {
  interface Row {
    name: string;
    status: string;
    n: number;
  }
  const columns: Column<Row>[] = [
    { key: "name", title: "Session Name", get: (row) => row.name },
    { key: "status", title: "Status", get: (row) => row.status, closed: true },
    { key: "n", title: "N", get: (row) => String(row.n), order: (row) => row.n, extended: true },
  ];
  const rows: Row[] = [
    { name: "dev", status: "inactive", n: 10 },
    { name: 'Prod, "eu"', status: "active", n: 9 },
    { name: "dev-2", status: "active", n: 100 },
  ];
  const none = { filter: [] as string[] };
  const lines = (flags: object) => table(columns, rows, { ...none, ...flags } as never, pipe).split("\n");

  test("plain", () => {
    expect(lines({})).toEqual([
      "Session Name  Status",
      "dev           inactive",
      'Prod, "eu"    active',
      "dev-2         active",
    ]);
    expect(lines({ noHeader: true })).toHaveLength(3);
    expect(lines({ extended: true })[0]).toBe("Session Name  Status    N");
  });

  test("filters combine, ignore case, and can exclude", () => {
    expect(lines({ filter: ["status=ACTIVE", "name=DEV"], noHeader: true })).toEqual(["dev-2  active"]);
    expect(lines({ filter: ["Session Name=^prod"], noHeader: true })).toHaveLength(1);
    expect(lines({ filter: ["-status=active"], noHeader: true })).toEqual(["dev  inactive"]);
    expect(lines({ filter: ["name=("], noHeader: true })).toEqual([""]);
  });

  test("sorting", () => {
    const names = (flags: object) => lines({ ...flags, columns: "name", noHeader: true });
    expect(names({ sort: "n" })).toEqual(['Prod, "eu"', "dev", "dev-2"]);
    expect(names({ sort: "-n" })).toEqual(["dev-2", "dev", 'Prod, "eu"']);
    expect(names({ sort: "status,-name" })).toEqual(['Prod, "eu"', "dev-2", "dev"]);
  });

  test("csv, json and yaml hold the shown columns", () => {
    expect(lines({ csv: true })[2]).toBe('"Prod, ""eu""",active');
    expect(JSON.parse(lines({ output: "json", columns: "name,n" }).join("\n"))[1]).toEqual({
      name: 'Prod, "eu"',
      n: "9",
    });
    expect(Bun.YAML.parse(lines({ output: "yaml" }).join("\n"))).toEqual(
      rows.map(({ name, status }) => ({ name, status })),
    );
  });

  test("what does not exist is a usage error with a suggestion", () => {
    const line = (flags: object) => {
      try {
        lines(flags);
      } catch (error) {
        return (error as LeappError).line;
      }
      return undefined;
    };
    expect(line({ columns: "nmae" })).toBe(
      'no column "nmae"; did you mean "name"? columns are name, status, n',
    );
    expect(line({ filter: ["x"] })).toBe('--filter "x" is not COLUMN=TEXT; for example status=active');
    expect(line({ output: "xml" })).toBe('no output format "xml"; use csv, json or yaml');
  });
});
