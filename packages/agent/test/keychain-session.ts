/**
 * Run by keychain.test.ts under `dbus-run-session`, with a home of its own: a real GNOME Keyring, its vault, and what
 * happens when it is locked, opened again, or hangs. Prints what it saw as one line of JSON.
 */
import { join } from "node:path";
import { LeappError } from "../../core/src/errors.ts";
import { openVault } from "../../core/src/vault/vault.ts";
import { detectKeychain } from "../src/platform/keychain.ts";
import { systemClock } from "../src/platform/clock.ts";

const seen: Record<string, unknown> = {};
const home = process.env.HOME as string;

function tool(command: string[], input = ""): string {
  return Bun.spawnSync(command, { stdin: Buffer.from(input), stderr: "ignore" })
    .stdout.toString()
    .trim();
}

async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return (await promise) ?? "absent";
  } catch (error) {
    return error instanceof LeappError ? `${error.code}: ${error.line}` : String(error);
  }
}

/** Waits for the login keyring to be as it should. `secret-tool lock` locks it and then crashes. */
async function untilLocked(locked: boolean): Promise<void> {
  const login = "/org/freedesktop/secrets/collection/login";
  const ask = "org.freedesktop.DBus.Properties.Get";
  for (;;) {
    const answer = tool([
      ...["dbus-send", "--session", "--print-reply=literal", "--dest=org.freedesktop.secrets", login, ask],
      ...["string:org.freedesktop.Secret.Collection", "string:Locked"],
    ]);
    if (answer.endsWith(`boolean ${locked}`)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function unlockKeyring(...more: string[]): void {
  tool(["gnome-keyring-daemon", "--unlock", "--components=secrets", "--daemonize", ...more], "testpass");
}

unlockKeyring();
await untilLocked(false);
const store = await detectKeychain();
seen.label = store?.label;
if (!store) throw new Error("no keychain was detected");
seen.absent = await outcome(store.get("nothing"));
await store.set("round trip", "pässwörd ✓");
seen.roundTrip = await store.get("round trip");
await store.set("round trip", "changed");
seen.changed = await store.get("round trip");
seen.otherReader = tool(["secret-tool", "lookup", "service", "leapp", "username", "round trip"]);
await store.delete("round trip");
await store.delete("round trip");
seen.deleted = await outcome(store.get("round trip"));

const options = { file: join(home, "vault.db"), store: () => detectKeychain(), clock: systemClock };
const vault = openVault(options);
await vault.create();
vault.set("one", "1");
vault.close();

tool(["secret-tool", "lock", "--collection=login"]);
await untilLocked(true);
const lockedStore = await detectKeychain();
seen.lockedIsThere = lockedStore !== undefined;
seen.lockedVault = await outcome(openVault(options).unlock());
seen.lockedSet = await outcome(lockedStore?.set("x", "y") ?? Promise.resolve());

unlockKeyring("--replace");
await untilLocked(false);
const again = openVault(options);
await again.unlock();
seen.again = again.get("one");
again.close();

// A keyring that hangs.
const owner = tool([
  ...["dbus-send", "--session", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/"],
  ...["org.freedesktop.DBus.GetConnectionUnixProcessID", "string:org.freedesktop.secrets"],
]);
const pid = Number(owner.split(" ").at(-1));
process.kill(pid, "SIGSTOP");
let turns = 0;
const counting = setInterval(() => turns++, 5);
const from = performance.now();
seen.hanging = (await detectKeychain({ detect: 300 })) ?? "absent";
seen.hangingTime = performance.now() - from;
seen.hangingTurns = turns;
// Also one that answered a moment ago.
seen.hangingGet = await outcome(store.get("x"));
clearInterval(counting);
process.kill(pid, "SIGCONT");
process.kill(pid, "SIGTERM");
console.log(JSON.stringify(seen));
process.exit();
