/** One person's first day in the window, from an empty home to an unchanged config file, a picture at each step. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { until } from "../support/leapp.ts";
import { createWorld, launch, missing } from "./window.ts";

setDefaultTimeout(90_000);

const lacking = missing ?? (Bun.which("aws") ? undefined : "no aws command");
if (lacking && process.env.CI === "true") throw new Error(`the film strip needs what is missing: ${lacking}`);
if (lacking) console.warn(`SKIPPED: the film strip, ${lacking}`);

describe.skipIf(lacking !== undefined)("the film strip", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  test("added by hand, code answered, started, used by aws, method switched, stopped, file as it was", async () => {
    const world = await createWorld(browser);
    const page = await world.window();
    // CI keeps what lies there; elsewhere the pictures go with the folder.
    const reel = process.env.LEAPP_FILM ?? mkdtempSync(join(tmpdir(), "leapp-film-"));
    mkdirSync(reel, { recursive: true });
    const frames: string[] = [];
    const shoot = async (name: string) => {
      const path = join(reel, `${frames.length + 1}-${name}.png`);
      await page.screenshot({ path });
      frames.push(path);
    };
    try {
      const user = world.sandbox.addUser({ accountId: "111122223333", name: "ada", mfa: true });
      const before = "# mine\n[profile other]\nregion = eu-north-1";
      const config = world.file(".aws/config", before);
      const row = page.getByRole("row").filter({ hasText: "ada" }).first();
      const identity = async () => {
        const { stdout, stderr } = await world.run(
          ["aws", "sts", "get-caller-identity", "--profile", "work"],
          {
            env: { PATH: `${world.env.PATH}:${process.env.PATH}`, AWS_EC2_METADATA_DISABLED: "true" },
          },
        );
        expect(stderr).toBe("");
        return JSON.parse(stdout).Arn as string;
      };
      await page.getByRole("button", { name: /Add an IAM user/ }).waitFor();
      await shoot("first-run");

      await page.getByRole("button", { name: /Add an IAM user/ }).click();
      const form = page.getByRole("dialog", { name: "Add" });
      await form.getByLabel("Name", { exact: true }).fill("ada");
      await form.getByLabel("Access key ID").fill(user.accessKeyId);
      await form.getByLabel("Secret access key").fill(user.secretAccessKey);
      await form.getByLabel("MFA device").fill(user.mfaSerial!);
      await form.getByLabel("Named profiles").fill("work");
      await shoot("added-by-hand");
      await form.getByRole("button", { name: "Add session" }).click();
      await row.waitFor();

      await row.dblclick();
      const question = page.getByRole("alertdialog", { name: /MFA code/ });
      await question.waitFor();
      await shoot("code-asked");
      await question.getByLabel("Six digits").fill(world.sandbox.totpCode(user.mfaSerial!));
      await row.getByText(/\d+ h/).waitFor();
      await shoot("started");
      expect(await identity()).toBe(user.arn);

      const credentials = world.file(".aws/credentials");
      const method = async (name: string) => {
        await page.getByRole("radio", { name: new RegExp(name) }).click();
        const panel = page.getByRole("dialog", { name });
        await panel.waitFor();
        await shoot(name);
        await panel.getByRole("button", { name: "I acknowledge it" }).click();
        await page.waitForSelector("dialog", { state: "detached" });
      };
      await page.getByRole("button", { name: "Settings", exact: true }).click();
      await method("credential-file-method");
      await until(() => existsSync(credentials), "the keys are in the file");
      expect(await identity()).toBe(user.arn);
      await method("credential-process-method");
      await until(() => !existsSync(credentials), "the keys are out of the file");
      expect(await identity()).toBe(user.arn);

      await page.getByRole("button", { name: /All sessions/ }).click();
      await row.dblclick();
      await row.getByText("Stopped").waitFor();
      await shoot("stopped");
      expect(readFileSync(config, "utf8")).toBe(before);
      // One code for the whole day.
      expect(world.sandbox.calls("GetSessionToken")).toBe(1);
      for (const frame of frames) expect(statSync(frame).size).toBeGreaterThan(10_000);
    } finally {
      await world.stop();
    }
  });
});
