/**
 * Every screen in both themes: no violation that axe finds, nothing wider than the window, and a picture of it.
 * With UPDATE_SCREENSHOTS=1 the pictures of the documentation are made anew.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { root, until } from "../support/leapp.ts";
import { withPalette } from "./png.ts";
import { gallery, type Scene, themes, workspaces } from "./screens.ts";
import { createWorld, launch, missing } from "./window.ts";

// Bun ends a hook after 5 s otherwise, and kills the browser with it.
setDefaultTimeout(90_000);

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const looks = join(root, "test-results/screenshots");
const updating = process.env.UPDATE_SCREENSHOTS === "1";
const folder = updating ? join(root, "docs/screenshots") : looks;

interface Found {
  id: string;
  nodes: { html: string; failureSummary: string }[];
}

async function violations(page: Page): Promise<string[]> {
  // Put in by the debugger, which the content policy does not concern.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const found = await page.evaluate(
    async () =>
      (await (window as unknown as { axe: { run(): Promise<{ violations: Found[] }> } }).axe.run())
        .violations,
  );
  return found.flatMap(({ id, nodes }) =>
    nodes.map((one) => `${id}: ${one.html.slice(0, 160)} ${one.failureSummary}`),
  );
}

/** Nothing of the frame is cut off or has to be scrolled sideways. */
const overflow = (page: Page) =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });

/** A change of theme or size is seen a frame later, and what follows from it one more. */
const painted = (page: Page) =>
  page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

async function picture(page: Page, into: string, name: string): Promise<void> {
  mkdirSync(into, { recursive: true });
  const shot = await page.screenshot();
  // Only what is kept is worth the time.
  await Bun.write(join(into, `${name}.png`), updating ? withPalette(shot) : shot);
}

describe.skipIf(missing !== undefined)("screens", () => {
  let browser: Browser;
  beforeAll(async () => {
    if (updating) await Bun.write(join(root, "docs/screens.md"), gallery());
    browser = await launch();
  });
  afterAll(() => browser.close());

  for (const { name, furnish, screens } of workspaces)
    test(name, async () => {
      const world = await createWorld(browser, { installed: true });
      try {
        const page = await world.window();
        const scene: Scene = { world, page };
        await furnish(scene);
        const faults: Record<string, string[]> = {};
        for (const screen of screens) {
          const other = await screen.open(scene);
          const shown = (other as Page | undefined)?.screenshot ? (other as Page) : page;
          // What flew in or was pointed at is gone from the picture.
          await page.mouse.move(0, 0);
          const passing = page.locator(".toast:not(.error)");
          await until(async () => {
            if ((await passing.count()) === 0) return true;
            // One that goes by itself meanwhile is as good.
            await passing
              .getByLabel("Close message")
              .first()
              .click({ timeout: 1_000 })
              .catch(() => {});
            return false;
          }, "the messages are gone");
          for (const theme of themes) {
            await shown.emulateMedia({ colorScheme: theme });
            await painted(shown);
            await picture(shown, folder, `${screen.name}-${theme}`);
            const found = await violations(shown);
            if (found.length > 0) faults[`${screen.name}-${theme}`] = found;
          }
          await shown.emulateMedia({ colorScheme: "light" });
          await (screen.close?.(scene) ?? page.keyboard.press("Escape"));
        }
        expect(faults).toEqual({});
        for (const width of [900, 1280, 2560]) {
          await page.setViewportSize({ width, height: 800 });
          await painted(page);
          await picture(page, looks, `${name} at ${width}`);
          expect(await overflow(page)).toBe(0);
        }
      } finally {
        await world.stop();
      }
      // Over the limit of the whole run: 30 screens and more, looked through by axe twice each.
    }, 300_000);
});
