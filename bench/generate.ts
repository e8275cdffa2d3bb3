/** One warm `session generate` after the other, beside what it is compared with, all in the same rounds. */
import { type Bench, interleave, quantile, type Result, ratio } from "./measure.ts";
import { createWorkspace, type Workspace } from "./workspace.ts";

const expected = '"SessionToken"';

export async function run({ spawner, aws, client, node, rounds }: Bench): Promise<Result[]> {
  const few = await createWorkspace(aws);
  // Nobody else calls this one: an agent that is asked more often answers faster, as its memory is in the caches.
  const ten = await createWorkspace(aws, { sessions: 8 });
  const many = await createWorkspace(aws, { sessions: 9_998 });
  try {
    const ask = ({ launcher, role }: Workspace) => ({
      ...launcher("session", "generate", role),
      expected,
    });
    for (const { leapp, role } of [few, ten, many]) await leapp.leapp(["session", "generate", role]);
    // Programs of half a millisecond among themselves: 100 times as long a one would be what the next is measured by.
    const quick = await interleave(
      spawner,
      {
        launcher: ask(few),
        client: { command: [client, few.socket, few.role], expected },
        true: { command: ["/bin/true"] },
        ten: ask(ten),
        many: ask(many),
      },
      rounds * 10,
    );
    const slow = await interleave(
      spawner,
      {
        launcher: { ...ask(few), repeat: 5 },
        node: { command: [node, "-e", "0"] },
        core: { ...few.core("session", "generate", few.role), expected },
      },
      rounds,
    );
    return [
      ratio("`generate` / minimal C client", quick.launcher!, quick.client!, 1.3),
      ratio("`generate` / `/bin/true`", quick.launcher!, quick.true!, 1),
      ratio("`generate` with 10,000 sessions / with 10", quick.many!, quick.ten!, 1.1),
      ratio("`generate` / `node -e 0`", slow.launcher!, slow.node!, 1 / 30),
      ratio("`generate` by leapp-core alone / `node -e 0`", slow.core!, slow.node!, 0.45),
      ...(await listed(many, { spawner, node, rounds })),
    ];
  } finally {
    await few.stop();
    await ten.stop();
    await many.stop();
  }
}

/** Lists and searches of 10,000 sessions, and what they leave of the agent's memory. */
async function listed(
  { leapp, launcher, client }: Workspace,
  { spawner, node, rounds }: Pick<Bench, "spawner" | "node" | "rounds">,
): Promise<Result[]> {
  const times = await interleave(
    spawner,
    {
      list: { ...launcher("session", "list", "--json"), expected: "payments production 1999 Developer" },
      search: {
        ...launcher("session", "list", "--filter", "name=production 1234", "--json"),
        expected: "payments production 1234 Billing",
      },
      node: { command: [node, "-e", "0"] },
    },
    Math.ceil(rounds / 10),
  );
  const agent = await client();
  const memory = async () => (await agent.call("agent.status", {})).memory / 1e6;
  const before = await memory();
  // Until it has tidied up: the median of what a person would see in the minutes after.
  await new Promise((resume) => setTimeout(resume, 1_500));
  const after = await memory();
  agent.close();
  const count = JSON.parse(await leapp.leapp(["session", "list", "--json"])).length as number;
  const list = ratio("`session list --json` of 10,000 sessions / `node -e 0`", times.list!, times.node!);
  const perSession = quantile(times.list!) / count;
  return [
    { ...list, detail: `${list.detail}; ${(perSession * 1000).toFixed(1)} µs a session` },
    ratio("the same, filtered to 5 of them / `node -e 0`", times.search!, times.node!),
    {
      name: "memory of the agent after these lists, resident",
      value: after,
      unit: "MB",
      goal: 90,
      detail: `${before.toFixed(0)} MB at the end of the last list, ${after.toFixed(0)} MB 1.5 s later`,
    },
  ];
}
