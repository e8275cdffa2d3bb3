/** A sync of 2,000 accounts with 5 roles each, against what the portal's 20 requests a second alone allow. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { listenForCallback } from "../packages/agent/src/platform/callback.ts";
import { systemClock } from "../packages/agent/src/platform/clock.ts";
import { createWire } from "../packages/core/src/aws/http.ts";
import { createSso } from "../packages/core/src/identity/sso.ts";
import { diffSync } from "../packages/core/src/identity/sso-diff.ts";
import type { Integration } from "../packages/core/src/model.ts";
import { memorySecrets } from "../packages/core/test/identity/doubles.ts";
import { connectSandbox } from "../packages/sandbox/src/control.ts";
import { completeSignIn } from "../packages/sandbox/src/sign-in.ts";

const accounts = 2000;
const rolesPerAccount = 5;
const perSecond = 20;

export async function run(): Promise<{ name: string; ratio: number; detail: string }[]> {
  // In a process of its own, so that memory and time here are the engine's.
  const process_ = spawn(process.execPath, [`${import.meta.dir}/../packages/sandbox/src/main.ts`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const [line] = await once(createInterface(process_.stdout), "line");
    const { url, controlToken } = JSON.parse(line) as { url: string; controlToken: string };
    return await measure(url, controlToken);
  } finally {
    process_.stdin.end();
    await once(process_, "close");
  }
}

async function measure(url: string, controlToken: string) {
  const sandbox = connectSandbox(url, controlToken);
  const person = await sandbox.seedOrganisation({ accounts, rolesPerAccount });
  const integration: Integration = {
    id: "bench",
    type: "sso",
    alias: "bench",
    startUrl: person.startUrl,
    region: person.region,
  };
  const sso = createSso({
    wire: createWire({ endpoints: { all: url }, clock: systemClock }),
    secrets: memorySecrets(),
    clock: systemClock,
    browser: {
      async open(address) {
        void completeSignIn(address, person);
        return true;
      },
    },
    listen: listenForCallback,
  });
  await sso.signIn(integration, { show() {} });

  let peak = 0;
  const begin = performance.now();
  const found = await sso.listRoles(integration, {
    progress() {
      peak = Math.max(peak, process.memoryUsage.rss());
    },
  });
  const seconds = (performance.now() - begin) / 1000;
  if (found.length !== accounts * rolesPerAccount) throw new Error(`${found.length} roles were found`);

  const beforeDiff = performance.now();
  const defaults = { region: "eu-west-1", newId: () => crypto.randomUUID(), now: new Date().toISOString() };
  const { add } = diffSync([], found, integration, defaults);
  const again = diffSync(add, found, integration, defaults);
  const diffed = performance.now() - beforeDiff;
  if (add.length !== found.length || again.update.length > 0) throw new Error("the difference is wrong");

  const requests = accounts + accounts / 100;
  const limit = requests / perSecond;
  const throttled = (await sandbox.requests()).filter(({ status }) => status === 429).length;
  const memory = `${Math.round(peak / 2 ** 20)} MB resident at most`;
  return [
    {
      name: "sync of 2,000 accounts with 5 roles each, against the rate limit alone",
      ratio: seconds / limit,
      detail: `${seconds.toFixed(1)} s for ${requests} requests, ${throttled} throttled, ${memory}, differences in ${diffed.toFixed(0)} ms`,
    },
  ];
}

if (import.meta.main) console.log(await run());
