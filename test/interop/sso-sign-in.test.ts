/** Our sign-in against oidc-provider (not ours) with a real Chromium, by code with PKCE and by device code. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { type Browser as Chromium, chromium, type Page } from "playwright-core";
import { listenForCallback } from "../../packages/agent/src/platform/callback.ts";
import { systemClock } from "../../packages/agent/src/platform/clock.ts";
import { createWire } from "../../packages/core/src/aws/http.ts";
import { LeappError } from "../../packages/core/src/errors.ts";
import { createSso, type Sso } from "../../packages/core/src/identity/sso.ts";
import type { SignInPrompt } from "../../packages/core/src/identity/sso-sign-in.ts";
import type { Integration } from "../../packages/core/src/model.ts";
import { memorySecrets } from "../../packages/core/test/identity/doubles.ts";
import { type OidcShim, startOidcShim } from "./oidc-shim.ts";

const program = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
if (!program) {
  if (process.env.CI === "true") throw new Error("this test needs chromium");
  console.warn("SKIPPED: sign-in with a real browser, since there is no chromium");
}

const integration: Integration = {
  id: "i1",
  type: "sso",
  alias: "acme <dev>",
  startUrl: "https://acme.example/start",
  region: "eu-west-1",
};

describe.if(program !== undefined)("sign-in with a real browser", () => {
  let shim: OidcShim;
  let browser: Chromium;
  let page: Page;

  beforeAll(async () => {
    [shim, browser] = await Promise.all([
      startOidcShim(),
      chromium.launch({
        executablePath: program!,
        args: [
          "--no-sandbox",
          "--disable-quic",
          "--disable-background-networking",
          "--disable-component-update",
        ],
      }),
    ]);
  });
  afterAll(async () => {
    await browser.close();
    await shim.stop();
  });
  afterEach(async () => {
    await page.context().close();
  });

  /** Our engine; its browser is a fresh Chromium page, without any cookie. */
  async function engine(): Promise<{ sso: Sso; secrets: ReturnType<typeof memorySecrets> }> {
    page = await (await browser.newContext()).newPage();
    const secrets = memorySecrets();
    const sso = createSso({
      wire: createWire({ endpoints: { all: shim.url }, clock: systemClock }),
      secrets,
      clock: systemClock,
      browser: {
        async open(url) {
          await page.goto(url);
          return true;
        },
      },
      listen: listenForCallback,
    });
    return { sso, secrets };
  }

  async function logIn(): Promise<void> {
    await page.fill("input[name=login]", "ada");
    await page.fill("input[name=password]", "any");
    await page.click("button[type=submit]");
  }
  const consent = () => page.click("button[type=submit]");

  /** Fulfilled with the prompt, once it is shown. */
  function prompt() {
    const { promise, resolve } = Promise.withResolvers<SignInPrompt>();
    return { shown: promise, show: resolve };
  }

  test("code with PKCE: signed in, the page says so, roles and credentials follow, refresh works", async () => {
    const { sso, secrets } = await engine();
    const { shown, show } = prompt();
    const signedIn = sso.signIn(integration, { show });
    const url = new URL((await shown).url);
    expect(url.searchParams.get("code_challenge_method")).toBe("S256");
    await logIn();
    await consent();
    expect((await signedIn).renews).toBe(true);
    await page.waitForSelector("text=You are signed in");
    expect(await page.textContent("p")).toBe("Leapp has access to acme <dev>. You can close this tab.");

    const roles = await sso.listRoles(integration);
    expect(roles.length).toBe(10);
    expect(roles[9]).toEqual({
      accountId: "111111111114",
      accountName: "account 4",
      accountEmail: "account4@example.com",
      roleName: "ReadOnly",
    });
    const credentials = await sso.roleCredentials(integration, roles[0]!);
    expect(credentials.accountId).toBe("111111111110");
    expect(credentials.expiration).toBeGreaterThan(Date.now());

    // Revoked early: noticed on the 401, and the refresh token brings the next one.
    const record = JSON.parse(secrets.records.get("sso/i1/tokens")!);
    await shim.revoke(record.accessToken);
    await sso.roleCredentials(integration, roles[0]!);
    const rotated = JSON.parse(secrets.records.get("sso/i1/tokens")!);
    expect(rotated.accessToken).not.toBe(record.accessToken);
    expect(rotated.refreshToken).not.toBe(record.refreshToken);

    expect(await sso.signOut(integration)).toEqual({});
    expect(secrets.records.has("sso/i1/tokens")).toBe(false);
    expect((await sso.status(integration)).signedIn).toBe(false);
  });

  test("refused in the browser", async () => {
    const { sso } = await engine();
    const { shown, show } = prompt();
    const signedIn = sso.signIn(integration, { flow: "pkce", show });
    signedIn.catch(() => {});
    await shown;
    await page.click("text=Cancel");
    const error = await signedIn.catch((failure) => failure);
    expect(error).toBeInstanceOf(LeappError);
    expect(error.code).toBe("refused");
    await page.waitForSelector("text=The sign-in failed");
  });

  test("device code: the page shows the code we show, approval ends the polling", async () => {
    const { sso } = await engine();
    const { shown, show } = prompt();
    const signedIn = sso.signIn(integration, { flow: "device", show });
    const { url, userCode, warning } = await shown;
    expect(warning).toContain("only if you asked for it yourself");
    await page.goto(url);
    expect((await page.textContent("body"))?.replace(/\s/g, "")).toContain(userCode!);
    await page.click("button[type=submit]");
    await logIn();
    await consent();
    expect((await signedIn).signedIn).toBe(true);
    expect(shim.grants.filter((grant) => grant.endsWith("device_code")).length).toBeGreaterThan(0);
    expect((await sso.listRoles(integration)).length).toBe(10);
  });
});
