/** The agent is killed (-9) in the middle of a refresh. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folderSecrets } from "./refresh-child.ts";
import { startWorld, until, type World } from "./world.ts";

const minute = 60_000;
let world: World;
let folder: string;
let offset: number;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "leapp-kill-"));
  offset = 0;
  world = await startWorld();
  await anew();
});
afterEach(async () => {
  await world.stop();
  rmSync(folder, { recursive: true });
});

/** A fresh sign-in, kept in the folder. */
async function anew(): Promise<void> {
  world.restart({ secrets: folderSecrets(folder) });
  await world.signIn();
}

function advance(milliseconds: number): void {
  offset += milliseconds;
  world.advance(milliseconds);
}

const record = () => JSON.parse(readFileSync(join(folder, encodeURIComponent("sso/i1/tokens")), "utf8"));

/** Runs the child and kills it once `moment` has come; `printed` is what it said so far. */
async function kill(moment: (printed: () => string) => Promise<void>): Promise<void> {
  const script = join(import.meta.dir, "refresh-child.ts");
  const child = spawn(
    process.execPath,
    [script, folder, world.sandbox.url, JSON.stringify(world.integration), String(offset)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  const closed = new Promise((resolve) => child.on("close", resolve));
  await until(() => output.includes("asking"));
  await moment(() => output);
  child.kill("SIGKILL");
  await closed;
}

test("after the new pair is in the vault: the next agent goes on with it", async () => {
  const before = record();
  advance(50 * minute);
  await kill(() => until(() => record().accessToken !== before.accessToken));
  const after = record();
  expect(after.refreshToken).not.toBe(before.refreshToken);
  world.restart({ secrets: folderSecrets(folder) });
  expect(await world.sso.accessToken(world.integration)).toBe(after.accessToken);
  advance(50 * minute);
  await world.sso.accessToken(world.integration);
  expect(world.sandbox.requests().filter(({ status }) => status === 400)).toEqual([]);
});

test("while the answer is under way: the old pair is whole, and the next agent refreshes", async () => {
  const before = record();
  advance(50 * minute);
  world.sandbox.fail({ action: "CreateToken", kind: "hang" });
  const calls = world.sandbox.calls("CreateToken");
  await kill(() => until(() => world.sandbox.calls("CreateToken") > calls));
  expect(record()).toEqual(before);
  world.restart({ secrets: folderSecrets(folder) });
  expect(await world.sso.accessToken(world.integration)).not.toBe(before.accessToken);
});

test("at 20 moments: the vault holds the old pair or the new one, whole, and the next agent goes on", async () => {
  let whole = 0;
  for (let round = 0; round <= 20; round += 1) {
    const before = record();
    advance(50 * minute);
    const begin = performance.now();
    const passed = () => performance.now() - begin;
    // The first round lasts as long as a whole refresh; the others end within that time.
    await kill((printed) =>
      until(() => (round === 0 ? printed().includes("have") : passed() >= (whole * round) / 20)),
    );
    if (round === 0) whole = passed();
    const kept = record();
    const rotated = kept.refreshToken !== before.refreshToken;
    expect(kept.accessToken !== before.accessToken).toBe(rotated);
    if (round === 0) expect(rotated).toBe(true);
    world.restart({ secrets: folderSecrets(folder) });
    const outcome = await world.sso.accessToken(world.integration);
    if (rotated) expect(outcome).toBe(kept.accessToken);
    // Killed between the server's deed and our write, the person has to sign in once more; and whatever is renewed,
    // a sign-in ends after a working day.
    await anew();
  }
});
