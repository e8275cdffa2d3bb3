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
  // As a command on a terminal, which is told where to sign in.
  const agent = await connectAgent({ env: workspace.leapp.env, interactive: true });
  try {
    agent.on((event) => {
      if (event.event === "prompt" && event.data.url) void completeSignIn(event.data.url, person);
    });
    const { startUrl, region } = person;
    await agent.call("integration.add", { integration: { alias: "company", startUrl, region } });
    await agent.call("integration.login", { integration: "company", flow: "device" });
    const { pid } = await agent.call("agent.status", {});

    let most = memory(pid);
    const reading = setInterval(() => {
      most = Math.max(most, memory(pid));
    }, 100);
    const begun = performance.now();
    const { added } = await agent
      .call("integration.sync", { integration: "company" })
      .finally(() => clearInterval(reading));
    const seconds = (performance.now() - begun) / 1000;
    if (added.length !== accounts * rolesPerAccount) throw new Error(`${added.length} sessions were made`);

    const requests = accounts + accounts / perPage;
    const limit = requests / perSecond;
    const throttled = (await aws.controls.requests()).filter(({ status }) => status === 429).length;
    const role = ["session", "generate", added[0]!];
    const { id } = await agent.call("session.show", { session: added[0]! });
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
        value: most,
        unit: "MB",
        goal: 120,
        detail: "the most of ten readings a second",
      },
      ratio("`generate` right after it / minimal C client", times.ours!, times.client!, 1.3),
    ];
  } finally {
    agent.close();
    await workspace.stop();
  }
}

/** Megabytes; Linux only. */
function memory(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (Number(kibibytes) * 1024) / 1e6;
}
