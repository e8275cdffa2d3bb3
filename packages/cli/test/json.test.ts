/** docs/spec/cli-json.md as data: the schema of each command, and its completeness. */
import { expect, test } from "bun:test";
import { commands } from "../src/commands/index.ts";
import { readSchemas } from "./schemas.ts";

const schemas = readSchemas();

test("every command has a schema, and every schema a command", () => {
  const shown = commands.filter((command) => !command.hidden).map((command) => command.name);
  expect([...schemas.keys()].sort()).toEqual(shown.sort());
});

test("schemas are strict", () => {
  expect(() => schemas.get("version")!.parse({ version: "1.0.0", protocol: 1 })).not.toThrow();
  expect(() => schemas.get("version")!.parse({ version: "1.0.0", protocol: 1, more: 1 })).toThrow();
  expect(() => schemas.get("vault status")!.parse({ state: "open", label: "", file: "" })).toThrow();
  expect(() => schemas.get("session list")!.parse([{ id: "x" }])).toThrow();
});
