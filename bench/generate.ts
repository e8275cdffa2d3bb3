/** One warm `session generate` after the other, beside what it is compared with, all in the same rounds. */
import { type Bench, interleave, quantile, type Result, ratio } from "./measure.ts";
import { createWorkspace, type Workspace } from "./workspace.ts";

const quick = { expected: '"SessionToken"', repeat: 5 };

export async function run({ spawner, aws, client, node, rounds }: Bench): Promise<Result[]> {
  const few = await createWorkspace(aws, { sessions: 8 });
  const many = await createWorkspace(aws, { sessions: 9_998 });
  try {
    const ask = ({ launcher, role }: Workspace) => ({
      ...launcher("session", "generate", role),
      ...quick,
    });
    for (const { leapp, role } of [few, many]) await leapp.leapp(["session", "generate", role]);
    const times = await interleave(
      spawner,
      {
        launcher: ask(few),
        client: { command: [client, few.socket, few.role], ...quick },
        many: ask(many),
        true: { command: ["/bin/true"], repeat: quick.repeat },
        node: { command: [node, "-e", "0"] },
        core: { ...few.core("session", "generate", few.role), expected: quick.expected },
      },
      rounds,
    );
    const of = (name: string) => times[name]!;
    return [
      ratio("`generate` / minimal C client", of("launcher"), of("client"), 1.3),
      ratio("`generate` / `/bin/true`", of("launcher"), of("true"), 1),
      ratio("`generate` / `node -e 0`", of("launcher"), of("node"), 1 / 30),
      ratio("`generate` by leapp-core alone / `node -e 0`", of("core"), of("node"), 0.45),
      ratio("`generate` with 10,000 sessions / with 10", of("many"), of("launcher"), 1.1),
      ...(await listed(many, { spawner, node, rounds })),
    ];
  } finally {
    await few.stop();
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
