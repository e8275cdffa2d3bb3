/**
 * Every screen in both themes: no violation that axe finds, nothing wider than the window, and a picture of it.
 * With UPDATE_SCREENSHOTS=1 the pictures of the documentation are made anew.
 */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { completeSignIn } from "../../packages/sandbox/src/sign-in.ts";
import { until } from "../support/leapp.ts";
import { addUser, createWorld, launch, missing, screenshot, type World } from "./window.ts";

// Bun ends a hook after 5 s otherwise, and kills the browser with it.
setDefaultTimeout(90_000);

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Found {
  id: string;
  nodes: { html: string; failureSummary: string }[];
}

async function violations(page: Page): Promise<string[]> {
  // Put in by the debugger, which the content policy does not concern.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const found = await page.evaluate(
    async () =>
      (await (window as unknown as { axe: { run(): Promise<{ violations: Found[] }> } }).axe.run())
        .violations,
  );
  return found.flatMap(({ id, nodes }) =>
    nodes.map((one) => `${id}: ${one.html.slice(0, 160)} ${one.failureSummary}`),
  );
}

/** Nothing of the frame is cut off or has to be scrolled sideways. */
const overflow = (page: Page) =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });

describe.skipIf(missing !== undefined)("screens", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  for (const theme of ["light", "dark"] as const) {
    test(`${theme}: an empty workspace`, async () => {
      const world = await createWorld(browser);
      try {
        world.file(
          ".aws/config",
          "[sso-session company]\nsso_start_url = https://company.awsapps.com/start\nsso_region = eu-west-1\nsso_registration_scopes = sso:account:access\n",
        );
        const page = await world.window({ dark: theme === "dark" });
        const look = (name: string) => looked(page, `${name}-${theme}`);
        await page.getByText(/that could be sessions here/).waitFor();
        await look("first-run");
        await page.getByRole("button", { name: "Have a look" }).click();
        await page.getByRole("checkbox").first().waitFor();
        await look("import");
        await page.keyboard.press("Escape");
        await page.getByRole("button", { name: "Add", exact: true }).click();
        for (const kind of [
          "IAM user",
          "Chained role",
          "SAML role",
          "Web identity",
          "Process",
          "LocalStack",
        ]) {
          await page.getByRole("radio", { name: new RegExp(`^${kind}`) }).check();
          await page.getByRole("button", { name: "Add session" }).waitFor();
          await clean(page, kind);
        }
        await page.getByRole("radio", { name: /^Company sign-in/ }).check();
        await look("add");
      } finally {
        await world.stop();
      }
    });

    test(`${theme}: a full workspace`, async () => {
      const world = await createWorld(browser);
      try {
        const page = await world.window({ dark: theme === "dark" });
        const look = (name: string) => looked(page, `${name}-${theme}`);
        await furnish(world, page);

        await rowNamed(page, "deploy").click();
        await look("sessions");
        await rowNamed(page, "deploy").click({ button: "right" });
        await page.getByRole("menu").waitFor();
        await look("menu");
        await page.keyboard.press("Escape");
        await rowNamed(page, "broken").click();
        await look("problem");

        await page.getByRole("button", { name: "Hide details" }).first().click();
        await page.getByRole("button", { name: "Group" }).click();
        await page.getByRole("menuitemcheckbox", { name: "Account" }).click();
        await page.getByRole("button", { name: "Compact rows" }).click();
        await page.locator(".row").nth(6).click();
        await page.keyboard.press("Shift+ArrowDown");
        await page.keyboard.press("Shift+ArrowDown");
        await page.getByText("selected").waitFor();
        await look("groups");
        await page.keyboard.press("Escape");

        await page.keyboard.press("Control+k");
        await page.keyboard.type("billing");
        await look("palette");
        await page.keyboard.press("Escape");
        await page.keyboard.press("?");
        await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
        await clean(page, "shortcuts");
        await page.keyboard.press("Escape");

        await page.getByRole("button", { name: "Activity" }).click();
        await page.getByRole("table", { name: "Uses" }).waitFor();
        await look("activity");

        await page.getByRole("button", { name: "Settings" }).click();
        await page.getByText("AWS Credential Generation").waitFor();
        await look("settings");
        for (const section of ["Named profiles", "Identity providers", "Security", "Advanced", "About"]) {
          await page
            .getByRole("navigation", { name: "Settings" })
            .getByRole("button", { name: section })
            .click();
          await page.locator(".settings-section").first().waitFor();
          await clean(page, section);
        }
        await page.getByRole("button", { name: "General" }).click();
        await page.getByRole("radio", { name: /credential-file-method/ }).click();
        await page.getByText(/What changes now/).waitFor();
        await page.locator(".changes").waitFor();
        await look("method");
        await page.keyboard.press("Escape");

        const waiting = world.run([
          programNamed(world, "terraform"),
          "-c",
          "leapp session generate ada; exit $?",
        ]);
        await page.getByLabel("Six digits").waitFor();
        await page.keyboard.type("482");
        await look("mfa");
        await page.getByRole("button", { name: "Refuse" }).click();
        await waiting;
        await page.getByRole("alertdialog").waitFor({ state: "detached" });

        for (const width of [900, 1280, 2560]) {
          await page.setViewportSize({ width, height: 800 });
          expect(await overflow(page)).toBe(0);
        }
      } finally {
        await world.stop();
      }
    });
  }
});

/** Other rows may name it too: as their source, or in their profile. */
const rowNamed = (page: Page, name: string) =>
  page.locator(".row", { has: page.locator(".cell.name", { hasText: new RegExp(`^${name}$`) }) });

/** What axe found on the screens of the test that runs. */
const faults: Record<string, string[]> = {};
afterEach(() => {
  const found = { ...faults };
  for (const name of Object.keys(faults)) delete faults[name];
  expect(found).toEqual({});
});

async function clean(page: Page, what: string): Promise<void> {
  const found = await violations(page);
  if (found.length > 0) faults[what] = found;
}

async function looked(page: Page, name: string): Promise<void> {
  // What flew in or was pointed at is gone from the picture.
  await page.mouse.move(0, 0);
  await until(async () => (await page.locator(".toast").count()) === 0, "the messages are gone", 15_000);
  await screenshot(page, name);
  await clean(page, name);
}

/** A shell under the name of a tool: what is seen is the file that runs. */
function programNamed(world: World, name: string): string {
  const path = join(world.folder, name);
  if (!existsSync(path)) copyFileSync(realpathSync("/bin/sh"), path);
  return path;
}

/** A company with accounts, a person with keys and MFA, roles that work and one that does not. */
async function furnish(world: World, page: Page): Promise<void> {
  const organisation = world.sandbox.seedOrganisation({ accounts: 14, rolesPerAccount: 3 });
  await page.getByRole("button", { name: "Add integration" }).click();
  const form = page.getByRole("dialog", { name: "Add a company sign-in" });
  await form.getByLabel("Name", { exact: true }).fill("company");
  await form.getByLabel("Start URL").fill(organisation.startUrl);
  await form.getByLabel("Region of the portal").fill(organisation.region);
  await form.getByRole("button", { name: "Add and sign in" }).click();
  await page.getByRole("button", { name: "Open sign-in page" }).click();
  await until(() => world.opened.length > 0, "the page is opened");
  await page.getByText("has to show this code").waitFor();
  await completeSignIn(world.opened.at(-1)!, organisation, "allow");
  await page.getByText("42 sessions").waitFor();

  const user = await addUser(world, "operations");
  await addUser(world, "ada", { mfa: true });
  const role = (name: string, principals: string[]) =>
    world.sandbox.addRole({ accountId: "444455556666", name, trust: { principals } });
  const chained = (name: string, arn: string, profile: string) =>
    world.leapp([
      ...["session", "add", "--type", "iam-role-chained", "--name", name, "--parent", "operations"],
      ...["--role-arn", arn, "--region", "eu-central-1", "--profile", profile],
    ]);
  await chained("deploy", role("deploy", [user.arn]), "deploy");
  await chained("broken", role("forgotten", ["444455556666"]), "broken");
  await world.leapp(["session", "start", "operations"]);
  await world.leapp(["session", "start", "deploy"]);
  await world.run(["sh", "-c", "leapp session generate broken; true"]);
  for (const [program, name] of [
    ["aws", "operations"],
    ["terraform", "deploy"],
    ["terraform", "deploy"],
  ])
    await world.run([programNamed(world, program!), "-c", `leapp session generate ${name}; true`]);
  const rows = JSON.parse(await world.leapp(["session", "list", "--json"])) as { name: string }[];
  const started = rows
    .filter(({ name }) => /billing production\/|data platform staging\/Dev/.test(name))
    .slice(0, 3);
  for (const [index, { name }] of started.entries())
    await world.leapp(["session", "change-profile", name, "--profile", `work-${index + 1}`]);
  for (const { name } of started) await world.leapp(["session", "start", name]);
  await page.getByText("46 sessions").waitFor();
  const mark = async (name: string, item: string) => {
    await rowNamed(page, name).click({ button: "right" });
    await page.getByRole("menuitem", { name: item }).click();
  };
  await mark("deploy", "Pin");
  await mark("deploy", "Mark as production");
  await mark("operations", "Pin");
  await page.getByRole("grid").press("Home");
  await page.locator(".row .pin svg").nth(1).waitFor();
}
