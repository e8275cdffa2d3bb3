/** Memory of the app's own window, with its web processes, against that of a window with an empty web view. */
import { existsSync, readFileSync } from "node:fs";
import { addUser } from "../test/desktop/window.ts";
import { addCompany, createWorld, missing, type World } from "../test/native/window.ts";
import { runningIn, until } from "../test/support/leapp.ts";
import type { Bench, Result } from "./measure.ts";

export async function run({ webview }: Bench): Promise<Result[]> {
  if (missing || !existsSync(webview)) {
    console.warn("left out, memory of the window: it needs `npm run test:native` and libwebkit2gtk-4.1-dev");
    return [];
  }
  const [empty, few, many] = [
    await ofEmpty(webview),
    await ofWindow(fewSessions),
    await ofWindow(manySessions),
  ];
  const row = (name: string, value: number): Result => ({
    name: `window: memory ${name}, against an empty web view`,
    value: value / empty,
    unit: "times",
    detail: `${value.toFixed(0)} MB against ${empty.toFixed(0)} MB, shared pages by their share`,
  });
  return [row("with 10 sessions", few), row("with 10,000 sessions", many)];
}

async function ofEmpty(webview: string): Promise<number> {
  const world = await createWorld();
  try {
    const ended = world.run([webview], { env: world.env });
    await until(() => processes(world, /^WebKitWebProces/).length > 0, "there is a web view");
    const memory = await settled(world);
    for (const pid of processes(world, /^webview/)) process.kill(pid);
    await ended;
    return memory;
  } finally {
    await world.stop();
  }
}

async function ofWindow(fill: (world: World) => Promise<string>): Promise<number> {
  const world = await createWorld();
  try {
    const shown = await fill(world);
    const window = await world.open();
    await window.text(shown).wait();
    return await settled(world);
  } finally {
    await world.stop();
  }
}

async function fewSessions(world: World): Promise<string> {
  for (let i = 0; i < 10; i++) await addUser(world, `user-${i}`);
  return "10 sessions";
}

async function manySessions(world: World): Promise<string> {
  world.sandbox.setPortalRate(1_000_000);
  const organisation = world.sandbox.seedOrganisation({ accounts: 2000, rolesPerAccount: 5 });
  const window = await world.open();
  await addCompany(world, window, "company", organisation);
  await until(
    async () =>
      JSON.parse(await world.leapp(["integration", "show", "company", "--json"])).sessions === 10_000,
    "all is listed",
    120_000,
  );
  await window.close();
  await until(() => processes(world).length === 0, "the window is closed");
  return "10,000 sessions";
}

/** Of the app, or of the empty view. */
function processes(world: World, name = /^(leapp-app|webview|WebKit(Web|Network)Pro.*)\n/): number[] {
  return runningIn(world.leappHome).filter((pid) => {
    const file = `/proc/${pid}/comm`;
    return existsSync(file) && name.test(readFileSync(file, "utf8"));
  });
}

/** Megabytes once they stay the same for a second, within a hundredth. */
async function settled(world: World): Promise<number> {
  const now = () =>
    processes(world)
      .map((pid) => /^Pss: +(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))!)
      .reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0) / 1000;
  for (let before = 0; ; ) {
    const after = now();
    if (Math.abs(after - before) < after / 100) return after;
    before = after;
    await Bun.sleep(1000);
  }
}
