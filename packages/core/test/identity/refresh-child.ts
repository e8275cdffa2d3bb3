/**
 * An engine in a process of its own, to be killed. Its vault is a folder in which a `set` replaces a file in one
 * step, as the real vault replaces a record. Arguments: folder, endpoint, integration as JSON, offset of the clock in
 * milliseconds. Prints `asking`, then `have TOKEN-HASH`, and stays.
 */
import { createHash } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createWire } from "../../src/aws/http.ts";
import { createSso } from "../../src/identity/sso.ts";
import type { Integration } from "../../src/model.ts";
import type { Secrets } from "../../src/ports.ts";
import { followingClock } from "./doubles.ts";

export function folderSecrets(folder: string): Secrets {
  const file = (name: string) => join(folder, encodeURIComponent(name));
  return {
    async get(name) {
      try {
        return readFileSync(file(name), "utf8");
      } catch {
        return undefined;
      }
    },
    async set(name, value) {
      writeFileSync(`${file(name)}.new`, value);
      renameSync(`${file(name)}.new`, file(name));
    },
    async delete(name) {
      rmSync(file(name), { force: true });
    },
  };
}

if (import.meta.main) {
  const [folder, endpoint, json, offset] = process.argv.slice(2) as [string, string, string, string];
  const integration = JSON.parse(json) as Integration;
  const clock = followingClock(() => Date.now() + Number(offset));
  const sso = createSso({
    wire: createWire({ endpoints: { all: endpoint }, clock }),
    secrets: folderSecrets(folder),
    clock,
    browser: { open: async () => false },
    listen: () => Promise.reject(new Error("no sign-in here")),
  });
  console.log("asking");
  try {
    const token = await sso.accessToken(integration);
    console.log(`have ${createHash("sha256").update(token).digest("hex")}`);
  } catch (error) {
    console.log(`failed ${(error as { code?: string }).code}`);
  }
  setInterval(() => {}, 1000);
}
