/** `leapp desktop` as it is installed: the compiled program, its embedded pages, a browser it starts itself. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSandboxedLeapp, runningIn, until } from "../support/leapp.ts";
import { chromiumPath, missing } from "./window.ts";

// Bun ends a hook after 5 s otherwise, and kills the browser with it.
setDefaultTimeout(90_000);

describe.skipIf(missing !== undefined)("leapp desktop", () => {
  let world: Awaited<ReturnType<typeof createSandboxedLeapp>>;
  beforeAll(async () => {
    world = await createSandboxedLeapp();
  });
  afterAll(() => world.stop());

  test("opens an app-mode window on the loopback address, and ends with it", async () => {
    // The same browser and arguments, only without a screen.
    const browser = join(world.folder, "browser");
    writeFileSync(browser, `#!/bin/sh\nexec ${chromiumPath} --headless=new --disable-gpu "$@"\n`, {
      mode: 0o755,
    });
    const child = Bun.spawn([world.program, "desktop", "--browser"], {
      cwd: world.folder,
      env: { ...world.env, LEAPP_BROWSER: browser },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const apps = async () => JSON.parse(await world.leapp(["agent", "status", "--json"])).apps as number;
    await until(async () => (await apps()) === 1, "the window asks the agent", 30_000);
    const profile = join(world.leappHome, "window");
    await until(() => runningIn(profile).length > 0, "the browser runs", 30_000);
    expect(statSync(profile).mode & 0o777).toBe(0o700);
    const connected = async () => {
      const all = await new Response(Bun.spawn(["ss", "-Htnp"], { stdout: "pipe" }).stdout).text();
      return all.split("\n").some((one) => one.startsWith("ESTAB") && one.includes(`pid=${child.pid},`));
    };
    await until(connected, "the page is there", 30_000);
    const sockets = await new Response(Bun.spawn(["ss", "-Htlnp"], { stdout: "pipe" }).stdout).text();
    for (const line of sockets.split("\n").filter((one) => one.includes(`pid=${child.pid},`)))
      expect(line).toContain("127.0.0.1:");

    // The window is closed.
    for (const pid of runningIn(profile)) if (pid !== child.pid) process.kill(pid);
    const closed = performance.now();
    expect(await child.exited).toBe(0);
    expect(performance.now() - closed).toBeLessThan(20_000);
    expect(await apps()).toBe(0);
  });

  test("says where the window is when no browser can be opened", async () => {
    const child = Bun.spawn([world.program, "desktop", "--browser"], {
      cwd: world.folder,
      env: { ...world.env, PATH: join(world.program, "..") },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    const { value } = await child.stderr.getReader().read();
    expect(new TextDecoder().decode(value)).toMatch(
      /open this address .*http:\/\/127\.0\.0\.1:\d+\/#[\w-]{43}/,
    );
    child.kill("SIGINT");
    expect(await child.exited).toBe(0);
  });
});
