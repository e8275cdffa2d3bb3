/** The app's window for tests: real Chromium on the real host, agent and sandbox. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import type { OrganisationView } from "../../packages/sandbox/src/organisations.ts";
import { completeSignIn } from "../../packages/sandbox/src/sign-in.ts";
import { createSandboxedLeapp, type Leapp, root, until } from "../support/leapp.ts";

export const chromiumPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  existsSync,
);

/** Why the browser tests are left out, or undefined. In CI a missing browser is a failure. */
export const missing = ((): string | undefined => {
  if (chromiumPath) return undefined;
  if (process.env.CI === "true") throw new Error("the tests of the window need chromium");
  console.warn("SKIPPED: tests of the window, since there is no chromium");
  return "no chromium";
})();

/** Chromium without its own traffic; root cannot set up its sandbox. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath,
    // People see scrollbars, so pictures show them.
    ignoreDefaultArgs: ["--hide-scrollbars"],
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

type Sandboxed = Awaited<ReturnType<typeof createSandboxedLeapp>>;

export interface World extends Sandboxed {
  /** Opens another window of the app. Console errors and broken content policy make `stop` fail. */
  window(options?: { dark?: boolean; width?: number; height?: number }): Promise<Page>;
  origin: string;
  /** A fresh address with a ticket in it. */
  address(): string;
  closed: Promise<void>;
  /** Addresses that were to be opened in the person's browser. */
  readonly opened: string[];
  /** Lines for the person. */
  readonly said: string[];
  /** What the console complained of so far was meant to be. */
  forget(): void;
}

/** Agent, sandbox and host in a throw-away home; `stop` ends all. */
export async function createWorld(
  browser: Browser | undefined,
  options: { installed?: boolean } = {},
): Promise<World> {
  const built = Bun.spawnSync(["node", join(root, "scripts/build-ui.mjs")]);
  if (!built.success) throw new Error(`the window is not built: ${built.stderr}`);
  // Only now are the files there that it embeds.
  const { openApp } = await import("../../packages/desktop/host/main.ts");
  const leapp = await createSandboxedLeapp(options);
  const opened: string[] = [];
  const said: string[] = [];
  const complaints: string[] = [];
  // From the sources the host would start the agent of dist/.
  if (options.installed) await leapp.leapp(["agent", "start"]);
  const app = await openApp({
    env: leapp.env,
    say: (line) => said.push(line),
    open: async () => "opened",
    openPage: async (url) => opened.push(url) > 0,
  });
  return {
    ...leapp,
    origin: app.origin,
    address: app.address,
    closed: app.closed,
    opened,
    said,
    forget: () => complaints.splice(0),
    async window({ dark, width = 1280, height = 800 } = {}) {
      const context = await browser!.newContext({
        viewport: { width, height },
        colorScheme: dark ? "dark" : "light",
        reducedMotion: "reduce",
        permissions: ["clipboard-read", "clipboard-write"],
      });
      const page = await context.newPage();
      page.setDefaultTimeout(10_000);
      page.on("console", (message) => {
        if (message.type() === "error") complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(error.message));
      await page.goto(app.address());
      await page.waitForSelector(".table, .first-run");
      return page;
    },
    async stop() {
      for (const context of browser?.contexts() ?? []) await context.close();
      app.close();
      await app.closed;
      await leapp.stop();
      if (complaints.length > 0) throw new Error(`the window complained: ${complaints.join("\n")}`);
    },
  };
}

/** Adds a company in the window and signs in to it, as its person in the browser. */
export async function addCompany(world: World, page: Page, organisation: OrganisationView): Promise<void> {
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
}

/** An IAM user of the sandbox as a session, added by the command line. */
export async function addUser(
  leapp: Leapp & { sandbox: Sandboxed["sandbox"] },
  name: string,
  options: { mfa?: boolean; profile?: string } = {},
) {
  const user = leapp.sandbox.addUser({ accountId: "111122223333", name, mfa: options.mfa ?? false });
  await leapp.leapp(
    [
      ...["session", "add", "--type", "iam-user", "--name", name, "--region", "eu-west-1"],
      ...["--profile", options.profile ?? name, "--access-key-id", user.accessKeyId],
      "--secret-access-key-stdin",
      ...(user.mfaSerial ? ["--mfa-device", user.mfaSerial] : []),
    ],
    { stdin: user.secretAccessKey },
  );
  return user;
}
