/**
 * The app's window in Chromium on the real host and agent: from the first request to a table that can be used,
 * with 10 and with 10,000 sessions, and what a keystroke in the search field costs at 10,000.
 */
import { type Browser, type CDPSession, type Page } from "playwright-core";
import { addCompany, addUser, createWorld, launch, missing, type World } from "../test/desktop/window.ts";
import type { Result } from "./measure.ts";

const openings = 7;
const typed = [
  "b",
  "bi",
  "bil",
  "bill",
  "billi",
  "billing",
  "billing ",
  "billing r",
  "billing re",
  "billing rea",
];
/** Milliseconds of one frame at 60 Hz. */
const frame = 1000 / 60;

const median = (list: number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]!;

export async function run(): Promise<Result[]> {
  if (missing) return [];
  const browser = await launch();
  const small = await createWorld(browser);
  const large = await createWorld(browser);
  try {
    // Stays open: a program without a window ends.
    await small.window();
    for (let i = 0; i < 10; i++) await addUser(small, `user-${i}`);
    await fill(large, await large.window());
    const [few, many]: [number[], number[]] = [[], []];
    for (let i = 0; i < openings; i++) {
      few.push(await timeToTable(small, browser));
      many.push(await timeToTable(large, browser));
    }
    const { scripting, frames } = await typing(await large.window());
    const [a, b] = [median(few), median(many)];
    return [
      {
        name: "window: a usable table with 10,000 sessions against one with 10",
        value: b / a,
        unit: "times",
        detail: `median of ${openings}: ${b.toFixed(0)} ms against ${a.toFixed(0)} ms`,
      },
      {
        name: "window: scripting per keystroke in the search at 10,000 rows, against one frame",
        value: median(scripting) / frame,
        unit: "times",
        goal: 1,
        detail: `median ${median(scripting).toFixed(1)} ms of ${scripting.length} keystrokes, most ${Math.max(...scripting).toFixed(1)} ms; shown after ${median(frames).toFixed(0)} ms`,
      },
    ];
  } finally {
    await small.stop();
    await large.stop();
    await browser.close();
  }
}

/** Milliseconds from the first request to rows on the screen. */
async function timeToTable(world: World, browser: Browser): Promise<number> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const begun = performance.now();
  await page.goto(world.address(), { waitUntil: "commit" });
  await page.locator(".row").first().waitFor();
  const time = performance.now() - begun;
  await context.close();
  return time;
}

async function typing(page: Page): Promise<{ scripting: number[]; frames: number[] }> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const field = page.getByLabel("Search sessions");
  const scripting: number[] = [];
  const frames: number[] = [];
  for (let round = 0; round < 5; round++) {
    await field.fill("");
    for (const text of typed) {
      const before = await scriptTime(session);
      const begun = performance.now();
      await field.press(text.at(-1) === " " ? "Space" : text.at(-1)!);
      await page.evaluate(
        () => new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown))),
      );
      frames.push(performance.now() - begun);
      scripting.push((await scriptTime(session)) - before);
    }
  }
  return { scripting, frames };
}

/** Milliseconds of JavaScript since the page began. */
async function scriptTime(session: CDPSession): Promise<number> {
  const { metrics } = await session.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "ScriptDuration")!.value * 1000;
}

async function fill(world: World, page: Page): Promise<void> {
  world.sandbox.setPortalRate(1_000_000);
  await addCompany(world, page, world.sandbox.seedOrganisation({ accounts: 2000, rolesPerAccount: 5 }));
  await page.getByText("10,000 sessions").waitFor({ timeout: 600_000 });
}

if (import.meta.main) console.table(await run());
