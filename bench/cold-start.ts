/** The first `session generate` when no agent runs: it starts one, the vault is opened, AWS is asked. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Bench, type Program, type Result, ratio, shuffled } from "./measure.ts";
import { createWorkspace, type Workspace } from "./workspace.ts";

export async function run({ spawner, aws, node, rounds }: Bench): Promise<Result[]> {
  const keychain = await startKeychain();
  const workspaces: Record<string, Workspace> = { passphrase: await createWorkspace(aws) };
  if (keychain) workspaces.keychain = await createWorkspace(aws, { env: keychain.env });
  const sessions = ["user", "role"] as const;
  const calls = Object.entries(workspaces).flatMap(([kind, workspace]) =>
    sessions.map((session) => ({ kind, workspace, session, times: [] as number[] })),
  );
  const yardstick: { workspace?: Workspace; session?: "user"; times: number[] } = { times: [] };
  try {
    for (let round = 0; round <= Math.ceil(rounds / 6); round++) {
      for (const measured of shuffled([...calls, yardstick])) {
        let program: Program = { command: [node, "-e", "0"] };
        const { workspace, session } = measured;
        if (workspace && session) {
          await workspace.stopAgent();
          const command = workspace.launcher("session", "generate", workspace[session]);
          program = { ...command, expected: '"SessionToken"' };
        }
        const [result] = await spawner.measure([program]);
        if (result!.failures > 0) throw new Error("a first call failed");
        if (round > 0) measured.times.push(result!.milliseconds);
      }
    }
    for (const [name, workspace] of Object.entries(workspaces)) {
      const agent = await workspace.client();
      const { kind } = await agent.call("vault.status", {});
      agent.close();
      if (kind !== name) throw new Error(`the vault is opened by ${kind}, not by ${name}`);
    }
    return calls.map(({ kind, session, times }) =>
      ratio(
        `first call, no agent, vault by ${kind}, ${session === "user" ? "IAM user" : "chained role"} / \`node -e 0\``,
        times,
        yardstick.times,
        5,
      ),
    );
  } finally {
    for (const workspace of Object.values(workspaces)) await workspace.stop();
    await keychain?.stop();
  }
}

/** A GNOME keyring on a bus of its own; undefined where they are not installed. */
async function startKeychain() {
  if (!["dbus-run-session", "gnome-keyring-daemon"].every((name) => Bun.which(name))) {
    console.log("no gnome-keyring here: the first call is measured with a passphrase only");
    return undefined;
  }
  const home = mkdtempSync(join(tmpdir(), "leapp-keyring-"));
  const script = `printf bench | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null
    echo "$DBUS_SESSION_BUS_ADDRESS"; cat`;
  const child = spawn("dbus-run-session", ["--", "sh", "-c", script], {
    env: { HOME: home, XDG_RUNTIME_DIR: home, PATH: process.env.PATH ?? "" },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const gone = new Promise((resume) => child.once("close", resume));
  for await (const address of createInterface({ input: child.stdout })) {
    return {
      env: { DBUS_SESSION_BUS_ADDRESS: address, LEAPP_VAULT_PASSPHRASE_FILE: "" },
      async stop() {
        child.stdin.end();
        await gone;
        rmSync(home, { recursive: true, force: true });
      },
    };
  }
  throw new Error("the keychain does not start");
}
