/** The Debian package: installed, started and used by a person, removed. It changes the machine, so only in CI. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { addUser } from "../desktop/window.ts";
import { dist, root, until } from "../support/leapp.ts";
import { createWorld, missing, type World } from "./window.ts";

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const architecture = { x64: "amd64", arm64: "arm64" }[process.arch as "x64"];
const file = join(dist, `leapp_${version}_${architecture}.deb`);

const skipped = ((): boolean => {
  if (process.env.CI === "true" && !missing) {
    if (!existsSync(file)) throw new Error("the test of the package needs: npm run package");
    return false;
  }
  console.warn("SKIPPED: the test of the package, which is for CI: it installs and removes it");
  return true;
})();

function asRoot(...command: string[]): string {
  const done = Bun.spawnSync(process.getuid?.() === 0 ? command : ["sudo", "-n", ...command]);
  if (!done.success) throw new Error(`${command.join(" ")}: ${done.stderr}`);
  return done.stdout.toString();
}

describe.skipIf(skipped)("the Debian package", () => {
  let world: World;
  let listed: string[] = [];
  beforeAll(async () => {
    asRoot("dpkg", "-i", file);
    listed = asRoot("dpkg-query", "-L", "leapp").trim().split("\n");
    world = await createWorld({ dist: "/usr/bin" });
  }, 120_000);
  afterAll(async () => {
    await world?.stop();
    asRoot("dpkg", "--purge", "leapp");
  }, 60_000);

  test("brings the command line, the app, its icon, the man page and the completions", async () => {
    expect(listed).toEqual(
      expect.arrayContaining([
        "/usr/bin/leapp",
        "/usr/lib/leapp/leapp-core",
        "/usr/lib/leapp/leapp-app",
        "/usr/share/applications/leapp-app.desktop",
        "/usr/share/icons/hicolor/scalable/apps/leapp-app.svg",
        "/usr/share/man/man1/leapp.1.gz",
        "/usr/share/bash-completion/completions/leapp",
        "/usr/share/zsh/vendor-completions/_leapp",
        "/usr/share/fish/vendor_completions.d/leapp.fish",
        "/usr/share/doc/leapp/copyright",
      ]),
    );
    for (const path of listed) {
      const { mode, uid, gid } = lstatSync(path);
      expect([path, uid, gid, mode & 0o022 & (lstatSync(path).isSymbolicLink() ? 0 : 0o777)]).toEqual([
        path,
        0,
        0,
        0,
      ]);
    }
    expect(asRoot("dpkg-query", "-W", "-f", "${Depends}", "leapp")).toContain("libwebkit2gtk-4.1-0");
    // dpkg compares what lies there with what was packed.
    expect(asRoot("dpkg", "-V", "leapp")).toBe("");
    expect(await world.leapp(["version"])).toContain(version);
  });

  test("a profile names the command that every program finds", async () => {
    await addUser(world, "ada");
    await world.leapp(["session", "start", "ada"]);
    const config = readFileSync(world.file(".aws/config"), "utf8");
    expect(config).toMatch(/^credential_process *= *leapp session generate /m);
    expect(await world.leapp(["session", "list"])).toContain("ada");
    const { stdout } = await world.run(["sh", "-c", "leapp session generate ada"], {
      env: { PATH: "/usr/bin:/bin" },
    });
    expect(JSON.parse(stdout).Version).toBe(1);
    await world.leapp(["session", "stop", "ada"]);
  });

  test("`leapp desktop` opens the app, which nobody can steer from outside", async () => {
    await world.leapp(["desktop"], {
      env: { ...world.env, TAURI_WEBVIEW_AUTOMATION: "true", WEBKIT_INSPECTOR_SERVER: "127.0.0.1:9777" },
    });
    await until(async () => (await world.visible()).length === 1, "the window");
    await until(
      async () => JSON.parse(await world.leapp(["agent", "status", "--json"])).apps === 1,
      "it has the agent",
    );
    await until(
      async () => (await world.desktop.menu()).join() === "Open Leapp,Lock vault,Quit",
      "it has its icon in the tray",
    );
    const listens = await new Promise((answer) => {
      const socket = createConnection(9777, "127.0.0.1");
      socket.on("connect", () => answer(true)).on("error", () => answer(false));
    });
    expect(listens).toBe(false);
    await world.desktop.choose("Quit");
    await until(async () => (await world.visible()).length === 0, "it has ended");
  }, 60_000);

  test("`leapp desktop --sandbox` opens a furnished window and leaves nothing behind", async () => {
    const tmp = world.file("tmp/x", "");
    const inside = { ...world.env, TMPDIR: join(tmp, "..") };
    const ended = world.run(["leapp", "desktop", "--sandbox"], { env: inside });
    await until(async () => (await world.visible()).length === 1, "the window", 20_000);
    await world.closeWindow();
    expect((await ended).code).toBe(0);
    expect(
      Array.from(new Bun.Glob("leapp-sandbox-*").scanSync({ cwd: inside.TMPDIR, onlyFiles: false })),
    ).toEqual([]);
  }, 60_000);

  test("removed, nothing is left but the person's data", async () => {
    await world.leapp(["agent", "stop"]);
    asRoot("dpkg", "-r", "leapp");
    // Folders of others stay.
    const ours = listed.filter((path) => /leapp/.test(path));
    expect(ours.length).toBeGreaterThan(10);
    expect(ours.filter((path) => existsSync(path))).toEqual([]);
    expect(existsSync(join(world.leappHome, "vault.db"))).toBe(true);
    expect(
      Bun.spawnSync(["dpkg-query", "-W", "-f", "${db:Status-Status}", "leapp"]).stdout.toString(),
    ).not.toBe("config-files");
  });
});
