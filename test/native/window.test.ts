/** What people do in the app's own window, and with its icon in the tray; on the real agent and sandbox. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { addUser } from "../desktop/window.ts";
import { root, until } from "../support/leapp.ts";
import { addCompany, createWorld, missing, type World } from "./window.ts";

describe.skipIf(missing !== undefined)("the native window", () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.stop());

  const config = () =>
    existsSync(world.file(".aws/config")) ? readFileSync(world.file(".aws/config"), "utf8") : "";
  const row = (name: string) => `//*[@role="row"][contains(., "${name}")]`;
  const seen = (count: number) =>
    until(async () => (await world.visible()).length === count, `${count} windows`);
  const menuHas = (text: string) =>
    until(
      async () => (await world.desktop.menu()).some((label) => label.startsWith(text)),
      `the tray has ${text}`,
    );

  test("first run: an IAM user by hand, started, used, stopped", async () => {
    const user = world.sandbox.addUser({ accountId: "111122223333", name: "ada" });
    const before = "# mine\n[profile other]\nregion = eu-north-1\n";
    world.file(".aws/config", before);
    const window = await world.open();
    await window.text("Try the sandbox").wait();
    await window.text("Add a company sign-in").wait();
    await window.find('//button[contains(., "Add an IAM user")]').click();
    await window.field("Name").type("ada");
    await window.field("Access key ID").type(user.accessKeyId);
    await window.field("Secret access key").type(user.secretAccessKey);
    await window.screenshot("add");
    await window.button("Add session").click();
    await window.find(row("ada")).doubleClick();
    await window.find(`${row("ada")}//*[contains(., " h")]`).wait();
    expect(config()).toStartWith(before);
    const { stdout } = await world.run(["sh", "-c", "leapp session generate ada"]);
    expect(JSON.parse(stdout).Version).toBe(1);
    expect(await window.evaluate("return document.documentElement.outerHTML")).not.toContain(
      user.secretAccessKey,
    );
    await window.screenshot("started");
    await window.find(row("ada")).doubleClick();
    await window.find(`${row("ada")}//*[contains(., "Stopped")]`).wait();
    expect(config()).toBe(before);
  }, 60_000);

  test("credential generation: the panel is read first, and only its acknowledgement applies", async () => {
    await addUser(world, "ada");
    await world.leapp(["session", "start", "ada"]);
    const window = await world.open();
    await window.button("Settings").click();
    const method = (name: string) => window.find(`//label[contains(., "${name}")]/input[@type="radio"]`);
    // The panel grows when they are there.
    const changes = window.find('//ul[@aria-label="What changes now"]');
    const chosen = () =>
      window.evaluate<string>('return document.querySelector("label:has(input:checked) code").textContent');
    const credentials = world.file(".aws/credentials");
    await method("credential-file-method").click();
    await window.text("plain text").wait();
    await changes.wait();
    await window.button("I acknowledge it").click();
    await until(() => existsSync(credentials), "the keys are in the file");
    await window.find("//dialog").gone();
    await method("credential-process-method").click();
    await window.text("command line must be installed").wait();
    await changes.wait();
    await window.screenshot("panel");
    await window.button("Cancel").click();
    expect(await chosen()).toBe("credential-file-method");
    expect(readFileSync(credentials, "utf8")).toContain("[ada]");
    await window.find("//dialog").gone();
    await method("credential-process-method").click();
    await changes.wait();
    await window.button("I acknowledge it").click();
    await until(() => !existsSync(credentials), "the keys are out of the file");
    await until(async () => (await chosen()) === "credential-process-method", "it is chosen");
    expect(config()).toContain("credential_process");
  }, 60_000);

  test("an MFA question of another program is answered where one looks", async () => {
    const user = await addUser(world, "ada", { mfa: true });
    const window = await world.open();
    await window.find(row("ada")).wait();
    const call = world.run(["sh", "-c", "leapp session generate ada; exit $?"]);
    await window.text("is waiting").wait();
    await window.screenshot("mfa");
    // It has the focus.
    await window.keys(world.sandbox.totpCode(user.mfaSerial!));
    const { stdout, stderr } = await call;
    expect(stderr).toBe("");
    expect(JSON.parse(stdout).Version).toBe(1);
    await window.find('//*[@role="alertdialog"]').gone();
    expect(await world.desktop.notifications()).toEqual([]);
  }, 60_000);

  test("a company's sign-in: in the person's browser, and its roles are there", async () => {
    const organisation = world.sandbox.seedOrganisation({ accounts: 4, rolesPerAccount: 3 });
    const window = await world.open();
    await addCompany(world, window, "acme", organisation);
    await window.find('//*[@role="row"][12]').wait();
    await window.screenshot("signed-in");
    expect(JSON.parse(await world.leapp(["integration", "show", "acme", "--json"]))).toMatchObject({
      state: "signed-in",
      sessions: 12,
    });
  }, 60_000);

  test("closing hides to the tray, which tells, starts, stops, locks, shows and quits", async () => {
    const user = await addUser(world, "ada", { mfa: true });
    await addUser(world, "bob");
    await world.leapp(["session", "start", "bob"]);
    const window = await world.open();
    await window.find(row("bob")).wait();
    await menuHas("Stop bob · 1");
    expect(await world.desktop.menu()).toEqual([
      expect.stringMatching(/^Stop bob · \d+ h( \d+ min)? left$/),
      "Open Leapp",
      "Lock vault",
      "Quit",
    ]);
    await seen(1);
    await world.closeWindow();
    await seen(0);

    // What waits is told by the system, and a click leads to it.
    const call = world.run(["sh", "-c", "leapp session generate ada; exit $?"]);
    await until(async () => (await world.desktop.notifications()).length === 1, "a notification");
    const [notification] = await world.desktop.notifications();
    expect(notification!.title).toBe("MFA code for ada");
    await menuHas("MFA code for ada");
    await world.desktop.openNotification(notification!.id);
    await seen(1);
    await window.text("is waiting").wait();
    await window.keys(world.sandbox.totpCode(user.mfaSerial!));
    expect((await call).code).toBe(0);
    await until(async () => (await world.desktop.notifications()).length === 0, "it is withdrawn");

    await world.closeWindow();
    await seen(0);
    await world.desktop.choose("Stop bob");
    await until(() => !config().includes("[profile bob]"), "bob is stopped");
    await until(
      async () => !(await world.desktop.menu()).join().includes("bob"),
      "the tray has forgotten bob",
    );
    await world.leapp(["session", "edit", "bob", "--pinned"]);
    await menuHas("Start bob");
    await world.desktop.choose("Start bob");
    await until(() => config().includes("[profile bob]"), "bob is started");
    await world.desktop.choose("Lock vault");
    await until(
      async () => JSON.parse(await world.leapp(["vault", "status", "--json"])).state === "locked",
      "the vault is locked",
    );
    await world.desktop.choose("Open Leapp");
    await seen(1);
    await world.desktop.choose("Quit");
    await seen(0);
    // The agent and the started profile live on.
    expect(config()).toContain("[profile bob]");
    expect(JSON.parse(await world.leapp(["agent", "status", "--json"])).apps).toBe(0);
  }, 90_000);

  test("no tray: closing ends the app; a notification is not shown where that is not wanted", async () => {
    await world.desktop.tray(false);
    const ended = world.start();
    await seen(1);
    await world.closeWindow();
    expect(await ended).toBe(0);

    await world.desktop.tray(true);
    await addUser(world, "ada", { mfa: true });
    await world.leapp(["settings", "set", "notifications", "false"]);
    const hidden = world.start(["--hidden"]);
    await menuHas("Quit");
    const call = world.run(["sh", "-c", "leapp session generate ada; exit $?"]);
    await menuHas("MFA code for ada");
    expect(await world.desktop.notifications()).toEqual([]);
    expect(await world.visible()).toEqual([]);
    // Where the icon goes, the window is among the others: it could not be found again.
    await world.desktop.tray(false);
    await until(() => world.isMinimized(), "it is minimized");
    expect(await world.start()).toBe(0);
    await seen(1);
    await world.closeWindow();
    expect(await hidden).toBe(0);
    expect((await call).code).not.toBe(0);
  }, 60_000);

  test("a started session that cannot be renewed is told while the window is hidden", async () => {
    await addUser(world, "ada");
    await world.leapp(["session", "start", "ada"]);
    const ended = world.start(["--hidden"]);
    await menuHas("Stop ada");
    world.sandbox.fail({ action: "GetSessionToken", kind: "access-denied" });
    await world.leapp(["session", "edit", "ada", "--duration", "1h"]);
    const generate = () => world.run(["sh", "-c", "leapp session generate ada; exit $?"]);
    expect((await generate()).code).toBe(20);
    await until(async () => (await world.desktop.notifications()).length === 1, "a notification");
    expect((await world.desktop.notifications())[0]!.title).toBe("ada cannot be renewed");
    await world.leapp(["session", "stop", "ada"]);
    await until(async () => (await world.desktop.notifications()).length === 0, "it is withdrawn");
    await world.desktop.choose("Quit");
    expect(await ended).toBe(0);
  }, 60_000);

  test("one window: a second start shows the first, and a link shows a view and nothing else", async () => {
    await addUser(world, "ada");
    const window = await world.open(["--hidden"]);
    await menuHas("Quit");
    expect(await world.visible()).toEqual([]);
    expect(await world.start(["leapp://open/activity"])).toBe(0);
    await seen(1);
    await window.find('//h1[contains(., "Activity")]').wait();
    expect(await world.start(["leapp://session/start/ada"])).toBe(0);
    expect(await world.start(["leapp://open/settings?method=credential-file-method"])).toBe(0);
    await window.find('//h1[contains(., "Settings")]').wait();
    expect(JSON.parse(await world.leapp(["session", "show", "ada", "--json"])).status).toBe("inactive");
    expect(await world.visible()).toHaveLength(1);
  }, 60_000);

  test("start at login is a file of the desktop's, made and removed", async () => {
    const window = await world.open();
    const file = world.file(".config/autostart/leapp-app.desktop");
    const set = (params: object) =>
      window.evaluate<{ result: { startAtLogin: boolean; startHidden: boolean } }>(
        'return window.__TAURI_INTERNALS__.invoke("rpc", { method: "shell.set", params: arguments_[0] });',
        params,
      );
    expect((await set({ startAtLogin: true, startHidden: true })).result).toMatchObject({
      startAtLogin: true,
      startHidden: true,
    });
    expect(readFileSync(file, "utf8")).toMatch(/^Exec="\/.*\/leapp-app" --login$/m);
    await window.close();
    await until(async () => (await world.desktop.menu()).length === 0, "it has ended");
    const hidden = world.start(["--login"]);
    await menuHas("Quit");
    expect(await world.visible()).toEqual([]);
    await world.desktop.choose("Quit");
    expect(await hidden).toBe(0);
    const again = await world.open();
    await again.evaluate(
      'return window.__TAURI_INTERNALS__.invoke("rpc", { method: "shell.set", params: { startAtLogin: false } });',
    );
    expect(existsSync(file)).toBe(false);
  }, 60_000);

  test("the agent may go and come under the window", async () => {
    await addUser(world, "ada");
    const window = await world.open();
    await window.find(row("ada")).wait();
    const before = JSON.parse(await world.leapp(["agent", "status", "--json"])).pid;
    await world.leapp(["agent", "stop"]);
    await until(async () => {
      const now = JSON.parse(await world.leapp(["agent", "status", "--json"]));
      return now.running && now.pid !== before && now.apps === 1;
    }, "another agent, with the app attached");
    // Said above the table, which moves down by that.
    await window.text("The vault is locked").wait();
    await window.find(row("ada")).doubleClick();
    await until(() => config().includes("[profile ada]"), "ada is started");
  }, 60_000);

  test("`npm start` ends with the window, and all is gone when that is closed", async () => {
    const tmp = join(world.file("tmp/x", ""), "..");
    const start = (...args: string[]) =>
      world.run(["node", join(root, "scripts/start.mjs"), ...args], {
        env: { ...world.env, TMPDIR: tmp, CI: undefined },
      });
    const tour = start();
    await until(async () => (await world.visible()).length === 1, "the window", 30_000);
    await world.closeWindow();
    const { code, stdout, stderr } = await tour;
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain("the tour ends when the window is closed");
    expect(readdirSync(tmp).filter((name) => name.startsWith("leapp"))).toEqual([]);
    expect((await start("--no-window")).stdout).not.toContain("window");
  }, 90_000);
});
