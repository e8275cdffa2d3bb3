import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkRegion, partitionOf, partitions, regions } from "../../src/aws/regions.ts";
import { thrown } from "../thrown.ts";

const file = fileURLToPath(new URL("../../src/aws/partitions.json", import.meta.url));

test("partitions.json is what the SDK knows (UPDATE_REGIONS=1 writes it anew)", async () => {
  const sdk = dirname(fileURLToPath(import.meta.resolve("@aws-sdk/core/package.json")));
  const { partitionsInfo } = await import(
    join(sdk, "dist-es/submodules/client/util-endpoints/lib/aws/partitions.js")
  );
  type SdkPartition = {
    id: string;
    outputs: { dnsSuffix: string };
    regions: Record<string, { description: string }>;
  };
  const expected = (partitionsInfo.partitions as SdkPartition[]).map(({ id, outputs, regions }) => ({
    id,
    dnsSuffix: outputs.dnsSuffix,
    // "aws-global" and the like are no places a session can be in.
    regions: Object.fromEntries(
      Object.entries(regions)
        .filter(([region]) => !region.endsWith("-global"))
        .map(([region, { description }]) => [region, description]),
    ),
  }));
  if (process.env.UPDATE_REGIONS) writeFileSync(file, `${JSON.stringify(expected, null, 2)}\n`);
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(expected);
});

test("every partition is there, each with regions", () => {
  const ids = partitions.map(({ id }) => id);
  for (const id of [
    "aws",
    "aws-cn",
    "aws-us-gov",
    "aws-eusc",
    "aws-iso",
    "aws-iso-b",
    "aws-iso-e",
    "aws-iso-f",
  ]) {
    expect(ids).toContain(id);
  }
  expect(regions().length).toBeGreaterThan(35);
  expect(regions().find(({ region }) => region === "ca-west-1")).toEqual({
    region: "ca-west-1",
    partition: "aws",
    description: "Canada West (Calgary)",
  });
});

test("a region is in its partition", () => {
  expect(partitionOf("cn-north-1")).toMatchObject({ id: "aws-cn", dnsSuffix: "amazonaws.com.cn" });
  expect(partitionOf("us-gov-west-1").id).toBe("aws-us-gov");
  expect(partitionOf("eusc-de-east-1").dnsSuffix).toBe("amazonaws.eu");
  expect(checkRegion("eu-west-1")).toBe("eu-west-1");
});

test.each([
  ["eu-wset-1", "eu-west-1"],
  ["EU-West-1", "eu-west-1"],
  ["euwest1", "eu-west-1"],
  ["us-est-1", "us-east-1"],
  ["us-gov-west1", "us-gov-west-1"],
  [" ap-southeast-2 ", "ap-southeast-2"],
])("%p is refused, naming %p", (wrong, meant) => {
  const error = thrown(() => checkRegion(wrong));
  expect(error.code).toBe("invalid");
  expect(error.hint).toBe(`did you mean ${meant}?`);
});

test.each(["", "constructor", "__proto__", "aws-global", "x".repeat(100_000), "a\nb\u001b[31m"])(
  "a hostile region is refused on one line",
  (wrong) => {
    const { line } = thrown(() => checkRegion(wrong));
    expect(line).toMatch(/^[\x20-\x7e]{20,200}$/);
  },
);
