/** A sync of 2,000 accounts with 5 roles each, against what the portal's 20 requests a second alone allow. */
import { readFileSync } from "node:fs";
import { connectAgent } from "../packages/agent/src/client.ts";
import { completeSignIn } from "../packages/sandbox/src/sign-in.ts";
import { type Bench, interleave, type Result, ratio } from "./measure.ts";
import { createWorkspace } from "./workspace.ts";

const accounts = 2000;
const rolesPerAccount = 5;
const perSecond = 20;
const perPage = 100;

export async function run({ spawner, aws, client, rounds }: Bench): Promise<Result[]> {
  const person = await aws.controls.seedOrganisation({ accounts, rolesPerAccount });
  const workspace = await createWorkspace(aws);
  const app = await connectAgent({ env: workspace.leapp.env, kind: "app" });
  try {
    app.on((event) => {
      if (event.event === "prompt" && event.data.url) void completeSignIn(event.data.url, person);
    });
    const { startUrl, region } = person;
    await app.call("integration.add", { integration: { alias: "company", startUrl, region } });
    await app.call("integration.login", { integration: "company", flow: "device" });
    const { pid } = await app.call("agent.status", {});

    const begun = performance.now();
    const { added } = await app.call("integration.sync", { integration: "company" });
    const seconds = (performance.now() - begun) / 1000;
    if (added.length !== accounts * rolesPerAccount) throw new Error(`${added.length} sessions were made`);

    const requests = accounts + accounts / perPage;
    const limit = requests / perSecond;
    const throttled = (await aws.controls.requests()).filter(({ status }) => status === 429).length;
    const role = ["session", "generate", added[0]!];
    const { id } = await app.call("session.show", { session: added[0]! });
    await workspace.leapp.leapp(role);
    const expected = '"SessionToken"';
    const times = await interleave(
      spawner,
      {
        ours: { ...workspace.launcher("session", "generate", id), expected },
        client: { command: [client, workspace.socket, id], expected },
      },
      Math.ceil(rounds / 3),
    );
    return [
      {
        name: `sync of ${accounts} accounts with ${rolesPerAccount} roles each / the rate limit alone`,
        value: seconds / limit,
        unit: "times",
        goal: 1.15,
        detail: `${seconds.toFixed(1)} s for ${requests} requests at ${perSecond} a second, ${throttled} of them throttled`,
      },
      {
        name: "memory of the agent during that sync, resident",
        value: peakMemory(pid),
        unit: "MB",
        goal: 120,
        detail: "its peak since it was started",
      },
      ratio("`generate` right after it / minimal C client", times.ours!, times.client!, 1.3),
    ];
  } finally {
    app.close();
    await workspace.stop();
  }
}

/** Linux only, as the keychain's part. */
function peakMemory(pid: number): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (Number(kibibytes) * 1024) / 1e6;
}
