/** What people do in the window, in a real Chromium, on the real agent and sandbox. */
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { connectAgent } from "../../packages/agent/src/client.ts";
import { completeSignIn } from "../../packages/sandbox/src/sign-in.ts";
import { until } from "../support/leapp.ts";
import { addCompany, addUser, createWorld, launch, missing, type World } from "./window.ts";

// Bun ends a hook after 5 s otherwise, and kills the browser with it.
setDefaultTimeout(90_000);

describe.skipIf(missing !== undefined)("the window", () => {
  let browser: Browser;
  let world: World;
  let page: Page;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    world = await createWorld(browser);
    page = await world.window();
  });
  afterEach(() => world.stop());

  const button = (name: string | RegExp) =>
    page.getByRole("button", { name, exact: typeof name === "string" });
  const dialog = (name: string | RegExp) =>
    page.getByRole(/MFA|Delete/.test(String(name)) ? "alertdialog" : "dialog", { name });
  const row = (name: string) => page.getByRole("row").filter({ hasText: name }).first();
  const gone = (selector: string) => page.waitForSelector(selector, { state: "detached" });
  const config = () =>
    existsSync(world.file(".aws/config")) ? readFileSync(world.file(".aws/config"), "utf8") : "";
  /** The window itself may not read the clipboard. */
  const pasted = async () => {
    const field = page.getByLabel("Search sessions");
    await field.press("Control+v");
    const text = await field.inputValue();
    await field.fill("");
    return text;
  };
  const statusOf = async (name: string) =>
    JSON.parse(await world.leapp(["session", "show", name, "--json"])).status as string;

  test("first run: an IAM user by hand, mistakes mended, tested, started, used, stopped", async () => {
    const user = world.sandbox.addUser({ accountId: "111122223333", name: "ada", mfa: true });
    const before = "# mine\n[profile other]\nregion = eu-north-1\n";
    world.file(".aws/config", before);
    await button(/Add an IAM user/).click();
    const form = dialog("Add");
    await form.getByLabel("Name", { exact: true }).fill("ada");
    await form.getByLabel("Access key ID").fill("nonsense");
    await form.getByLabel("Secret access key").fill("x");
    await form.getByLabel("MFA device").fill("arn:aws:iam::1:mfa");
    await form.getByRole("button", { name: "Add session" }).click();
    await form.getByText("access key id", { exact: false }).last().waitFor();
    const problems = await form.getByRole("alert").allTextContents();
    expect(problems.length).toBeGreaterThanOrEqual(2);
    // Nothing typed is lost.
    expect(await form.getByLabel("Name", { exact: true }).inputValue()).toBe("ada");
    expect(await form.getByLabel("Access key ID").inputValue()).toBe("nonsense");
    await form.getByLabel("Access key ID").fill(user.accessKeyId);
    await form.getByLabel("MFA device").fill(user.mfaSerial!);
    await form.getByLabel("Secret access key").fill("w".repeat(40));

    await form.getByRole("button", { name: "Test credentials" }).click();
    const mfa = dialog(/MFA code/);
    await mfa.getByLabel("Six digits").fill(world.sandbox.totpCode(user.mfaSerial!));
    await form.getByText(/SignatureDoesNotMatch/).waitFor();

    await form.getByLabel("Secret access key").fill(user.secretAccessKey);
    world.sandbox.advance(60_000);
    await form.getByRole("button", { name: "Test credentials" }).click();
    await mfa.getByLabel("Six digits").fill(world.sandbox.totpCode(user.mfaSerial!));
    await form.getByText(user.arn).waitFor();

    await form.getByLabel("Named profiles").fill("work");
    await form.getByRole("button", { name: "Add session" }).click();
    await row("ada").waitFor();
    expect(await page.content()).not.toContain(user.secretAccessKey);

    world.sandbox.advance(60_000);
    await row("ada").dblclick();
    await mfa.getByLabel("Six digits").fill(world.sandbox.totpCode(user.mfaSerial!));
    await row("ada").getByText(/\d+ h/).waitFor();
    expect(config()).toContain("[profile work]");
    expect(config()).toStartWith(before);
    const answer = await world.run(["sh", "-c", "leapp session generate ada"]);
    expect(JSON.parse(answer.stdout).Version).toBe(1);
    await row("ada").dblclick();
    await row("ada").getByText("Stopped").waitFor();
    expect(config()).toBe(before);
  });

  test("an MFA question of another program: told who waits, answered by paste, one for many", async () => {
    const user = await addUser(world, "ada", { mfa: true });
    const calls = Array.from({ length: 5 }, () =>
      world.run(["sh", "-c", "leapp session generate ada; exit $?"]),
    );
    const question = dialog(/MFA code for ada/);
    await question.getByText(/is waiting/).waitFor();
    expect(await page.getByRole("alertdialog").count()).toBe(1);
    await question.getByRole("button", { name: "Later" }).click();
    await button("1 question waits").click();
    await question.waitFor();
    await page.evaluate(
      (code) => navigator.clipboard.writeText(code),
      world.sandbox.totpCode(user.mfaSerial!),
    );
    await question.getByLabel("Six digits").press("Control+v");
    await gone("dialog");
    for (const one of await Promise.all(calls)) {
      expect(one.stderr).toBe("");
      expect(JSON.parse(one.stdout).Version).toBe(1);
    }
    expect(world.sandbox.calls("GetSessionToken")).toBe(1);
  });

  test("an MFA question can be refused, and another attempt is told so", async () => {
    await addUser(world, "ada", { mfa: true });
    const call = world.run(["sh", "-c", "leapp session generate ada; exit $?"]);
    await dialog(/MFA code/)
      .getByRole("button", { name: "Refuse" })
      .click();
    const { code, stdout, stderr } = await call;
    expect(stdout).toBe("");
    expect(code).toBe(12);
    expect(stderr).toContain("refused");
    await gone("dialog");
  });

  test("a company sign-in: added, signed in, synced, started, signed out, deleted", async () => {
    const organisation = world.sandbox.seedOrganisation({ accounts: 4, rolesPerAccount: 3 });
    await button(/Add a company sign-in/).click();
    const form = dialog("Add a company sign-in");
    await form.getByLabel("Name", { exact: true }).fill("company");
    await form.getByLabel("Start URL").fill("ftp://nowhere");
    await form.getByLabel("Region of the portal").fill(organisation.region);
    await form.getByRole("alert").getByText(/https/).waitFor();
    await form.getByLabel("Start URL").fill(organisation.startUrl);
    await form.getByRole("button", { name: "Add and sign in" }).click();
    await button("Open sign-in page").click();
    await until(() => world.opened.length > 0, "the page is opened");
    const code = await page.locator(".user-code output").textContent();
    expect(new URL(world.opened[0]!).search).toContain(code!);
    await completeSignIn(world.opened[0]!, organisation, "allow");
    await page.getByText("12 sessions").waitFor();
    await page.getByText(/Signed in,/).waitFor();

    await row("Developer").dblclick();
    await row("Developer").getByText(/min|h/).waitFor();
    expect(config()).toContain("credential_process");

    await button("More for company").click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByText("Signed out", { exact: true }).waitFor();
    await button("More for company").click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await dialog("Delete company?").getByText("12 sessions").waitFor();
    await dialog("Delete company?").getByRole("button", { name: "Delete" }).click();
    await page.locator(".first-run").waitFor();
    expect(config()).not.toContain("credential_process");
  });

  test("credential generation: the panel is read first, and only its acknowledgement applies", async () => {
    await addUser(world, "ada");
    await row("ada").dblclick();
    await row("ada").getByText(/\d+ h/).waitFor();
    const credentials = world.file(".aws/credentials");
    await button("Settings").click();
    await page.getByText("AWS Credential Generation").waitFor();
    const method = (name: string) => page.getByRole("radio", { name: new RegExp(name) });

    await method("credential-file-method").click();
    const file = dialog("credential-file-method");
    await file.getByText("plain text").waitFor();
    await file.getByText(/\[ada\]/).waitFor();
    await file.getByRole("button", { name: "Cancel" }).click();
    await gone("dialog");
    expect(await method("credential-process-method").isChecked()).toBe(true);
    expect(existsSync(credentials)).toBe(false);

    await method("credential-file-method").click();
    await file.getByRole("button", { name: "I acknowledge it" }).click();
    await gone("dialog");
    await until(() => existsSync(credentials), "the keys are in the file");
    expect(readFileSync(credentials, "utf8")).toContain("[ada]");
    expect(await method("credential-file-method").isChecked()).toBe(true);

    await method("credential-process-method").click();
    const command = dialog("credential-process-method");
    await command.getByText("command line must be installed").waitFor();
    await command.getByText(/The command line is/).waitFor();
    await page.keyboard.press("Escape");
    await gone("dialog");
    expect(await method("credential-file-method").isChecked()).toBe(true);
    await method("credential-process-method").click();
    await command.getByRole("button", { name: "I acknowledge it" }).click();
    await gone("dialog");
    // It was ours alone, so it is gone with the keys.
    await until(() => !existsSync(credentials), "the keys are out of the file");
    expect(config()).toContain("credential_process");
  });

  test("credential generation: how a change ends is told, and no other panel closes with it", async () => {
    await addUser(world, "ada");
    await row("ada").waitFor();
    await button("Settings").click();
    const method = (name: string) => page.getByRole("radio", { name: new RegExp(name) });
    const file = dialog("credential-file-method");
    /** Calls of that name wait until they are let go, or fail. */
    const hold = async (name: string) => {
      const held = Promise.withResolvers<"go" | "fail">();
      const asked = Promise.withResolvers<void>();
      await page.route("**/rpc", async (route) => {
        if (route.request().postDataJSON().method !== name) return route.continue();
        asked.resolve();
        if ((await held.promise) === "go") return route.continue();
        return route.fulfill({ json: { error: { code: "file", message: "the disk is full" } } });
      });
      return { asked: asked.promise, end: held.resolve };
    };

    const change = await hold("settings.set");
    await method("credential-file-method").click();
    await file.getByRole("button", { name: "I acknowledge it" }).click();
    await change.asked;
    await page.keyboard.press("Escape");
    await file.getByRole("button", { name: "Close" }).click();
    expect(await file.getByRole("button", { name: "Cancel" }).isDisabled()).toBe(true);
    change.end("fail");
    await file.getByRole("alert").getByText("The disk is full").waitFor();
    await page.unroute("**/rpc");

    const list = await hold("session.list");
    await file.getByRole("button", { name: "I acknowledge it" }).click();
    await list.asked;
    await gone("dialog");
    await method("credential-process-method").click();
    await dialog("credential-process-method").waitFor();
    const listed = page.waitForResponse((one) => one.request().postDataJSON()?.method === "session.list");
    list.end("go");
    await listed;
    await page.unroute("**/rpc");
    expect(await dialog("credential-process-method").count()).toBe(1);
  });

  test("search, filters, order, groups, columns, pins and views", async () => {
    await fill(world, page, 20, 3);
    const names = async () => page.locator(".row .cell.name").allTextContents();
    const search = page.getByLabel("Search sessions");
    await search.fill("billing readonly");
    await page.getByText(/\d+ of 60/).waitFor();
    for (const name of await names()) expect(name.toLowerCase()).toMatch(/billing.*readonly/);
    const account = await page.locator(".row .cell.account").first().getAttribute("class");
    expect(account).toContain("account");
    await search.fill("nothing like this");
    await page.getByText("No session matches").waitFor();
    await button("Show all sessions").click();
    await page.getByText("60 sessions").waitFor();

    await page.getByRole("columnheader", { name: "Session" }).getByRole("button").click();
    const descending = await names();
    expect(descending).toEqual(descending.toSorted((a, b) => b.localeCompare(a, "en", { numeric: true })));

    await page.locator(".row").first().click();
    await page.keyboard.press("p");
    await page.locator(".row .pin svg").first().waitFor();
    await page.getByRole("toolbar", { name: "Table" }).getByRole("button", { name: "Account" }).click();
    await page.getByRole("menuitemcheckbox").first().click();
    await page.keyboard.press("Escape");
    await page.getByText("3 of 60").waitFor();
    await button("Save view").click();
    await dialog("Save view").getByLabel("Name").fill("mine");
    await dialog("Save view").getByRole("button", { name: "Save" }).click();
    await button("Clear").click();
    await page.getByText("60 sessions").waitFor();

    await button("Group").click();
    await page.getByRole("menuitemcheckbox", { name: "Account" }).click();
    await page.locator(".row.group").first().click();
    expect(await page.getByRole("treegrid").count()).toBe(1);
    expect(await page.locator(".row.group").first().getAttribute("aria-expanded")).toBe("false");

    await button("Choose columns").click();
    await page.getByRole("menuitemcheckbox", { name: "Source" }).click();
    await page.keyboard.press("Escape");
    expect(await page.getByRole("columnheader", { name: "Source" }).count()).toBe(0);
    await button("Compact rows").click();
    await page.locator(".table.compact").waitFor();

    // All of it is remembered by the agent: a new window looks the same.
    await button("mine").waitFor();
    const again = await world.window();
    await again.locator(".table.compact").waitFor();
    await again.getByRole("button", { name: "mine", exact: true }).click();
    await again.getByText("3 of 60").waitFor();
    expect(await again.getByRole("columnheader", { name: "Source" }).count()).toBe(0);
  });

  test("several at once: started, region changed, stopped", async () => {
    for (const name of ["one", "two", "three"]) await addUser(world, name);
    await row("three").waitFor();
    await page.getByRole("grid").focus();
    await page.keyboard.press("Control+a");
    const bar = page.getByRole("toolbar", { name: "Selected sessions" });
    await bar.getByText("3 selected").waitFor();
    await bar.getByRole("button", { name: "Start" }).click();
    await page.locator(".status.green").nth(2).waitFor();
    expect(config().match(/credential_process/g)?.length).toBe(3);
    await bar.getByRole("button", { name: "Region" }).click();
    await dialog("Region of 3 sessions").getByLabel("Region").fill("eu-central-1");
    await page.keyboard.press("Enter");
    await dialog("Region of 3 sessions").getByRole("button", { name: "Change region" }).click();
    await until(() => config().match(/region=eu-central-1/g)?.length === 3, "the region is in the file");
    await bar.getByRole("button", { name: "Stop" }).click();
    await until(() => !config().includes("credential_process"), "all are stopped");
  });

  test("the menu of a session: copy, chain, edit, duplicate, delete with what hangs on it", async () => {
    const user = await addUser(world, "ada");
    const role = world.sandbox.addRole({
      accountId: "444455556666",
      name: "audit",
      trust: { principals: [user.arn], externalId: "x-42" },
    });
    const choose = async (name: string, item: string) => {
      await row(name).click({ button: "right" });
      await page.getByRole("menuitem", { name: item }).click();
    };
    await row("ada").waitFor();
    await choose("ada", "New chained session from here");
    const form = dialog("Chained session from ada");
    expect(await form.getByLabel("From session").inputValue()).toBe("ada");
    await form.getByLabel("Name", { exact: true }).fill("auditor");
    await form.getByLabel("Role ARN").fill(role);
    await form.getByRole("button", { name: "Test credentials" }).click();
    await form
      .getByText(/refused|not authorized|denied/i)
      .first()
      .waitFor();
    await form.getByRole("button", { name: "More options" }).click();
    await form.getByLabel("External ID").fill("x-42");
    await form.getByRole("button", { name: "Test credentials" }).click();
    await form.getByText(/assumed-role\/audit/).waitFor();
    await form.getByRole("button", { name: "Add session" }).click();
    await row("auditor").waitFor();

    await row("auditor").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Copy" }).hover();
    await page.getByRole("menuitem", { name: "Role ARN" }).click();
    await page.getByText("Role ARN copied").waitFor();
    expect(await pasted()).toBe(role);

    await choose("auditor", "Edit");
    await dialog("Edit auditor").getByLabel("Name", { exact: true }).fill("ada");
    await dialog("Edit auditor").getByRole("button", { name: "Save" }).click();
    await dialog("Edit auditor")
      .getByText(/already/)
      .waitFor();
    await dialog("Edit auditor").getByLabel("Name", { exact: true }).fill("inspector");
    await dialog("Edit auditor").getByRole("button", { name: "Save" }).click();
    await row("inspector").waitFor();

    await choose("inspector", "Duplicate");
    await dialog("Duplicate inspector").getByRole("button", { name: "Add session" }).click();
    await row("inspector copy").waitFor();

    await choose("ada", "Delete");
    await dialog("Delete ada?").getByRole("button", { name: "Delete" }).click();
    await dialog("Delete ada?")
      .getByText(/chained from ada/)
      .waitFor();
    await dialog("Delete ada?").getByRole("button", { name: "Delete all of them" }).click();
    await page.locator(".first-run").waitFor();
  });

  test("a failure is shown with its reason, and the remedy is a button", async () => {
    const user = await addUser(world, "ada");
    await row("ada").waitFor();
    world.sandbox.deactivateKey(user.accessKeyId);
    await row("ada").dblclick();
    await page
      .locator(".toast")
      .getByText(/ada did not start/)
      .waitFor();
    await page.locator(".toast").getByRole("button", { name: "Replace keys" }).click();
    await dialog("Edit ada").getByLabel("Secret access key").waitFor();
    await page.keyboard.press("Escape");
    world.sandbox.activateKey(user.accessKeyId);
    await page.getByLabel("Start ada").click();
    await page.locator(".status.green").first().waitFor({ timeout: 20_000 });
  });

  test("activity: live, searchable, one click to the session", async () => {
    await addUser(world, "ada");
    await addUser(world, "bob");
    await button("Activity").click();
    await page.getByText("Nothing was handed out yet").waitFor();
    await world.run(["sh", "-c", "leapp session generate ada; exit $?"]);
    const records = page.getByRole("table", { name: "Uses" });
    await records.getByRole("button", { name: "ada" }).waitFor();
    await world.run(["sh", "-c", "leapp session generate bob; exit $?"]);
    await records.getByRole("button", { name: "bob" }).waitFor();
    expect(await page.getByRole("region", { name: /Last day: 2 uses/ }).count()).toBe(1);
    await page.getByLabel("Search activity").fill("bob");
    await until(async () => (await records.getByRole("button", { name: "ada" }).count()) === 0, "only bob");
    await page.getByLabel("Search activity").fill("");
    await records.getByRole("button", { name: "ada" }).click();
    await page.getByText(/^Only/).waitFor();
    expect(await records.getByRole("button", { name: "bob" }).count()).toBe(0);
  });

  test("nothing is lost when the agent restarts under the window", async () => {
    await addUser(world, "ada");
    await row("ada").waitFor();
    await button("Add").click();
    await page.getByText("IAM user", { exact: true }).last().click();
    await dialog("Add").getByLabel("Name", { exact: true }).fill("half typed");
    await world.leapp(["agent", "stop"]);
    await until(
      async () => (await world.run(["leapp", "agent", "status", "--json"])).code === 0,
      "it is back",
    );
    expect(await dialog("Add").getByLabel("Name", { exact: true }).inputValue()).toBe("half typed");
    await page.keyboard.press("Escape");
    await addUser(world, "bob");
    await row("bob").waitFor();
    await button("Add").click();
    await page.getByText("IAM user", { exact: true }).last().click();
    await page.getByText("This is what you typed before.").waitFor();
    expect(await dialog("Add").getByLabel("Name", { exact: true }).inputValue()).toBe("half typed");
  });

  test("settings: profiles, identity providers, vault, network, diagnostics", async () => {
    await addUser(world, "ada");
    await button("Settings").click();
    await page.getByRole("radio", { name: "Dark" }).click();
    await page.locator(":root[data-theme=dark]").waitFor({ state: "attached" });

    await button("Named profiles").click();
    await page.getByLabel("New profile").fill("extra");
    await page.keyboard.press("Enter");
    await button("Rename extra").click();
    await page.getByLabel("New name of extra").fill("ada");
    await page.keyboard.press("Enter");
    await page
      .getByRole("alert")
      .getByText(/already/)
      .waitFor();
    await page.getByLabel("New name of extra").fill("further");
    await page.keyboard.press("Enter");
    await button("Delete further").click();
    await page.getByText("further").waitFor({ state: "detached" });
    await button("Delete ada").click();
    await button("Delete anyway").waitFor();

    await button("Identity providers").click();
    await page.getByLabel("New sign-in page").fill("nonsense");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await page.getByLabel("New sign-in page").fill("https://login.example.com/app/aws");
    await page.keyboard.press("Enter");
    await page.getByText("0 sessions").waitFor();

    await button("Security").click();
    await page.getByText("Open", { exact: true }).waitFor();
    await button("Verify the records").click();
    await page.getByText(/records fit/).waitFor();
    await button("Use the keychain instead").click();
    await page.getByRole("alert").getByText("Enter the passphrase").waitFor();
    await page.getByLabel("Current passphrase").fill("not this one");
    await button("Use the keychain instead").click();
    await page.getByRole("alert").getByText("does not open the vault").waitFor();

    await button("Advanced").click();
    const proxy = page.getByLabel("Proxy", { exact: true });
    await proxy.fill("nonsense");
    await proxy.press("Enter");
    await page
      .getByRole("alert")
      .getByText(/not an address/)
      .waitFor();
    expect(await proxy.inputValue()).toBe("nonsense");
    await proxy.fill(`http://me:${"geheim"}@127.0.0.1:9`);
    await proxy.press("Enter");
    await until(
      async () => /^http:\/\/me@127\.0\.0\.1:9\/?$/.test(await proxy.inputValue()),
      "it is not shown",
    );

    await button("About").click();
    await page.getByText("react-dom").waitFor();
    await button("Copy diagnostics").click();
    await page.getByText("Diagnostics copied").waitFor();
    const text = await pasted();
    expect(text).toContain("proxy: set");
    expect(text).not.toContain("geheim");
    expect(text).not.toContain("ada");
  });

  test("a profile for each synced session, seen before it is written", async () => {
    await fill(world, page, 3, 2);
    await button("Settings").click();
    await button("Named profiles").click();
    const plan = page.getByRole("list", { name: "Profiles by this template" });
    await plan.getByRole("listitem").nth(5).waitFor();
    await page.getByLabel("Template", { exact: true }).fill("{nonsense}");
    await page
      .getByRole("alert")
      .getByText(/nonsense/)
      .waitFor();
    await page.getByLabel("Template", { exact: true }).fill("aws-{accountId}-{role}");
    await plan
      .getByText(/^aws-\d{12}-/)
      .first()
      .waitFor();
    const first = await plan.locator("code").first().textContent();
    expect(config()).not.toContain("aws-");
    await button("Write 6 profiles").click();
    await until(() => config().match(/credential_process/g)?.length === 6, "all are in the file");
    expect(config()).toContain(`[profile ${first}]`);
  });

  test("every role behind a SAML sign-in is offered once", async () => {
    const url = `${world.sandbox.url}/idp`;
    const accountId = "111122223333";
    const providerArn = world.sandbox.addSamlProvider({ accountId, name: "company" });
    const roleArn = world.sandbox.addRole({
      accountId,
      name: "federated",
      trust: { principals: [providerArn] },
    });
    world.sandbox.addIdpUser({ user: "grace", password: "hopper", roles: [{ roleArn, providerArn }] });
    await button("Settings").click();
    await button("Identity providers").click();
    await page.getByLabel("New sign-in page").fill(url);
    await page.keyboard.press("Enter");
    await button(`Roles behind ${url}`).click();
    await dialog("Roles of this sign-in").getByText("Waiting for the sign-in").waitFor();
    // Whatever the sign-in needs, it is asked here and can be called off here.
    // First it is tried without a window, so the question comes late.
    await button("Cancel sign-in").click({ timeout: 60_000 });
    await dialog("Roles of this sign-in").getByRole("alert").waitFor();
    await page.keyboard.press("Escape");

    // Signed in elsewhere meanwhile: the roles are there at once.
    const client = await connectAgent({ env: world.env });
    await client.call("idp-url.login", { url, assertion: world.sandbox.samlResponse({ user: "grace" }) });
    client.close();
    await button(`Roles behind ${url}`).click();
    await dialog("Roles of this sign-in").getByText(roleArn).waitFor();
    await button("Add 1").click();
    await page.getByText("1 session", { exact: true }).waitFor();
    await button(`Roles behind ${url}`).click();
    expect(await dialog("Roles of this sign-in").getByRole("checkbox").isDisabled()).toBe(true);
    await page.keyboard.press("Escape");
    await button(/All sessions/).click();
    await row("federated").dblclick();
    await row("federated").getByText(/min|h/).waitFor();
    expect(world.sandbox.calls("AssumeRoleWithSAML")).toBe(1);
  });

  test("2,000 rows: only those seen are drawn, and all can be reached and meant", async () => {
    world.sandbox.setPortalRate(1_000_000);
    await fill(world, page, 400, 5);
    await page.getByRole("grid").focus();
    // The row that the keyboard is on is seen whole, below the head and above the end.
    const within = async () => {
      const [row, table] = await Promise.all(
        [".row.current", ".table"].map((one) => page.locator(one).boundingBox()),
      );
      return !!row && !!table && row.y >= table.y + 30 && row.y + row.height <= table.y + table.height;
    };
    for (const key of ["PageDown", "PageDown", "PageUp"]) {
      await page.keyboard.press(key);
      await until(within, `the row is seen after ${key}`);
    }
    await page.keyboard.press("End");
    await page.locator(".row.current").waitFor();
    expect(await page.locator(".row.current").getAttribute("aria-rowindex")).toBe("2001");
    expect(await page.getByRole("grid").getAttribute("aria-rowcount")).toBe("2001");
    expect(await page.locator(".row").count()).toBeLessThan(60);
    await page.keyboard.press("Control+a");
    await page.getByText("2,000 selected").waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("2,000 selected").waitFor({ state: "detached" });
  });

  test("the vault is locked and opened", async () => {
    await addUser(world, "ada");
    await button(/Vault open/).click();
    await page.getByText("The vault is locked.").waitFor();
    await button("Unlock").first().click();
    const unlock = dialog("Unlock the vault");
    await unlock.getByLabel("Passphrase").fill("wrong");
    await unlock.getByRole("button", { name: "Unlock" }).click();
    await unlock.getByRole("alert").waitFor();
    await unlock.getByLabel("Passphrase").fill("correct horse battery");
    await unlock.getByRole("button", { name: "Unlock" }).click();
    await gone("dialog");
    await button(/Vault open/).waitFor();
  });

  test("everything by keyboard", async () => {
    const user = world.sandbox.addUser({ accountId: "111122223333", name: "kay" });
    const keys = async (...list: string[]) => {
      for (const one of list) await page.keyboard.press(one);
    };
    await page.keyboard.press("Control+k");
    await page.keyboard.type("add iam user");
    await keys("Enter");
    await dialog("Add").waitFor();
    await page.keyboard.type("kay");
    await keys("Tab");
    await page.keyboard.type(user.accessKeyId);
    await keys("Tab");
    await page.keyboard.type(user.secretAccessKey);
    await keys("Tab", "Tab", "Tab");
    await page.keyboard.type("kay,");
    await keys("Enter");
    // The first Enter was the field's or the form's; the form is sent once nothing is left to take.
    if (await page.locator("dialog").count()) await keys("Enter");
    await gone("dialog");
    await row("kay").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("kay");
    await keys("ArrowDown", "ArrowDown", "Enter");
    await page.locator(".row .status.green").waitFor();
    await keys("Shift+F10");
    await page.getByRole("menu").waitFor();
    await keys("ArrowDown", "Enter");
    await page.locator(".row .status.muted").waitFor();
    expect(await page.evaluate(() => document.activeElement?.getAttribute("role"))).toBe("grid");
    await keys("e");
    await dialog("Edit kay").waitFor();
    await keys("Escape", "Delete");
    await dialog("Delete kay?").waitFor();
    await keys("Escape", "?");
    await dialog("Keyboard shortcuts").waitFor();
    await keys("Escape", "Control+,");
    await page.getByText("AWS Credential Generation").waitFor();
    await keys("Control+k");
    await page.keyboard.type("start kay");
    await keys("Enter");
    await until(async () => (await statusOf("kay")) === "active", "started from the palette");
  });

  test("no secret reaches the window", async () => {
    const seen: string[] = [];
    page.on("response", async (response) => {
      if (response.url().endsWith("/rpc")) seen.push(await response.text().catch(() => ""));
    });
    const user = world.sandbox.addUser({ accountId: "111122223333", name: "ada" });
    await button(/Add an IAM user/).click();
    await dialog("Add").getByLabel("Name", { exact: true }).fill("ada");
    await dialog("Add").getByLabel("Access key ID").fill(user.accessKeyId);
    await dialog("Add").getByLabel("Secret access key").fill(user.secretAccessKey);
    await button("Add session").click();
    await row("ada").dblclick();
    await row("ada").getByText(/\d+ h/).waitFor();
    const generated = JSON.parse((await world.run(["sh", "-c", "leapp session generate ada"])).stdout);
    await row("ada").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Edit" }).click();
    await dialog("Edit ada").waitFor();
    const all = seen.join("\n") + (await page.content());
    for (const secret of [user.secretAccessKey, generated.SecretAccessKey, generated.SessionToken])
      expect(all.includes(secret)).toBe(false);
    expect(seen.length).toBeGreaterThan(5);
  });
});

/** A synced organisation, without going through the window. */
async function fill(world: World, page: Page, accounts: number, rolesPerAccount: number): Promise<void> {
  await addCompany(world, page, world.sandbox.seedOrganisation({ accounts, rolesPerAccount }));
  const count = (accounts * rolesPerAccount).toLocaleString("en");
  await page.getByText(`${count} sessions`).waitFor({ timeout: 60_000 });
}
