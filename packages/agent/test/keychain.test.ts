import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { scratchFolder } from "../../core/test/scratch.ts";
import { busPath, secretServiceAnswers } from "../src/platform/secret-service.ts";

const bun = process.execPath;
const tools = ["dbus-run-session", "dbus-send", "gnome-keyring-daemon", "secret-tool"];
const missing = tools.filter((name) => !Bun.which(name));
const possible = process.platform === "linux" && missing.length === 0;
// A machine without a keyring shows these as skipped; the build servers must have one.
const real = possible || process.env.CI === "true" ? test : test.skip;

async function run(command: string[], env: Record<string, string>) {
  const child = Bun.spawn(command, {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdout: "pipe",
    stderr: "pipe",
    timeout: 30_000,
  });
  const [out, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, error };
}

function ownHome(): Record<string, string> {
  const folder = scratchFolder();
  for (const name of ["run", "data"]) mkdirSync(join(folder, name), { mode: 0o700 });
  return { HOME: folder, XDG_RUNTIME_DIR: join(folder, "run"), XDG_DATA_HOME: join(folder, "data") };
}

real(
  "a real GNOME Keyring: kept, locked, opened again, hanging",
  async () => {
    const session = join(import.meta.dir, "keychain-session.ts");
    const { out, error } = await run(["dbus-run-session", "--", bun, session], ownHome());
    const line = out.trim().split("\n").at(-1) ?? "";
    if (!line.startsWith("{")) throw new Error(`the session failed: ${out}${error}`);
    const seen = JSON.parse(line);
    expect(seen).toMatchObject({
      label: expect.stringContaining("Secret Service"),
      absent: "absent",
      roundTrip: "pässwörd ✓",
      changed: "changed",
      otherReader: "changed",
      deleted: "absent",
      lockedIsThere: true,
      lockedVault: expect.stringMatching(/^vault-unavailable: .*locked/),
      lockedSet: expect.stringMatching(/^vault-unavailable: .*locked/),
      again: "1",
      hanging: "absent",
      hangingGet: expect.stringMatching(/^vault-unavailable: /),
    });
    expect(seen.hangingTime).toBeLessThan(2_000);
    // The event loop went on meanwhile: about 60 turns in 300 ms on a quiet machine.
    expect(seen.hangingTurns).toBeGreaterThan(10);
  },
  40_000,
);

real("a session bus without a Secret Service", async () => {
  const env = ownHome();
  const config = join(env.HOME as string, "bus.conf");
  writeFileSync(
    config,
    `<busconfig><type>session</type><listen>unix:dir=${env.XDG_RUNTIME_DIR}</listen>
     <policy context="default"><allow send_destination="*" eavesdrop="true"/>
     <allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`,
  );
  const { out } = await run(["dbus-run-session", `--config-file=${config}`, "--", bun, "-e", detect], env);
  expect(out).toBe("absent\n");
});

const detect = `import { detectKeychain } from "${join(import.meta.dir, "../src/platform/keychain.ts")}";
  console.log((await detectKeychain({ detect: 30_000 })) ? "there" : "absent");`;

describe.skipIf(process.platform !== "linux")("without a bus that answers", () => {
  test("no bus at all: there is no keychain, and no native module is loaded for it", async () => {
    const { out } = await run(
      [
        bun,
        "-e",
        `${detect}
      const { readFileSync } = await import("node:fs");
      console.log(readFileSync("/proc/self/maps", "utf8").includes("keyring"));`,
      ],
      {},
    );
    expect(out).toBe("absent\nfalse\n");
  });

  test("a socket that is not there, and one where nobody listens", async () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, "bus"), "");
    for (const env of [
      { DBUS_SESSION_BUS_ADDRESS: `unix:path=${folder}/absent` },
      { XDG_RUNTIME_DIR: folder },
      { DBUS_SESSION_BUS_ADDRESS: "tcp:host=127.0.0.1,port=1" },
    ]) {
      expect(await secretServiceAnswers(5_000, env)).toBe(false);
    }
  });

  test("a bus that refuses, talks nonsense, hangs or hangs up", async () => {
    const nonsense = Buffer.alloc(64, 0xff);
    const manners: [string, (bytes: Buffer) => string | Buffer | undefined | null][] = [
      ["refuses", () => "REJECTED EXTERNAL\r\n"],
      ["hangs", () => undefined],
      ["hangs up", () => null],
      ["nonsense", () => nonsense],
      ["nonsense after the login", (bytes) => (bytes.includes("AUTH") ? "OK 0123\r\n" : nonsense)],
    ];
    for (const [name, answer] of manners) {
      const path = join(scratchFolder(), "bus");
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.on("data", (bytes: Buffer) => {
          const reply = answer(bytes);
          if (reply === null) socket.end();
          else if (reply !== undefined) socket.write(reply);
        });
      });
      await new Promise<void>((resolve) => server.listen(path, resolve));
      const answers = await secretServiceAnswers(300, { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` });
      expect({ name, answers }).toEqual({ name, answers: false });
      server.close();
    }
  });

  test("the address is read as libdbus does", () => {
    const cases: [Record<string, string>, string | undefined][] = [
      [{}, undefined],
      [{ XDG_RUNTIME_DIR: "/run/user/1000" }, "/run/user/1000/bus"],
      [{ DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/bus,guid=12" }, "/run/bus"],
      [{ DBUS_SESSION_BUS_ADDRESS: "unix:guid=12,path=/a%20b" }, "/a b"],
      [{ DBUS_SESSION_BUS_ADDRESS: "unix:abstract=/tmp/dbus-x,guid=12" }, "\0/tmp/dbus-x"],
      [{ DBUS_SESSION_BUS_ADDRESS: "tcp:host=h,port=1;unix:path=/b" }, "/b"],
      [{ DBUS_SESSION_BUS_ADDRESS: "autolaunch:", XDG_RUNTIME_DIR: "/r" }, undefined],
      [{ DBUS_SESSION_BUS_ADDRESS: "unix:path=%zz" }, undefined],
    ];
    for (const [env, path] of cases) expect(busPath(env)).toBe(path);
  });
});
