/** 200 callers at once: warm against the minimal client, and cold, where they must share one call to AWS. */
import { type Bench, interleave, quantile, type Result, ratio } from "./measure.ts";
import { createWorkspace } from "./workspace.ts";

const callers = 200;

export async function run({ spawner, aws, client, rounds }: Bench): Promise<Result[]> {
  const workspace = await createWorkspace(aws);
  const { user, socket } = workspace;
  try {
    await workspace.leapp.leapp(["session", "generate", user]);
    const common = { expected: '"SessionToken"', width: callers };
    const ours = { ...workspace.launcher("session", "generate", user), ...common };
    const times = await interleave(
      spawner,
      { ours, client: { command: [client, socket, user], ...common } },
      Math.ceil(rounds / 5),
    );

    const cold: number[] = [];
    let most = 0;
    for (let round = 0; round < Math.ceil(rounds / 30); round++) {
      await workspace.stopAgent();
      await workspace.leapp.leapp(["agent", "start"]);
      const before = await aws.controls.calls();
      const [measured] = await spawner.measure([ours]);
      if (measured!.failures > 0) throw new Error(`cold: ${measured!.failures} of ${callers} failed`);
      most = Math.max(most, (await aws.controls.calls()) - before);
      cold.push(measured!.milliseconds);
    }
    return [
      ratio(`${callers} callers at once / as many minimal C clients`, times.ours!, times.client!, 2),
      {
        name: `${callers} callers at once, nothing cached, vault locked: calls to AWS`,
        value: most,
        unit: "calls",
        goal: 1,
        detail: `all of them served within ${quantile(cold).toFixed(0)} ms, median of ${cold.length}`,
      },
    ];
  } finally {
    await workspace.stop();
  }
}
