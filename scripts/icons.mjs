// Draws the app's icon, packages/desktop/ui/public/icon.svg, as the PNG files that desktops want. They are kept
// in the repository, so that only a change of the icon needs a browser:
//
//   node scripts/icons.mjs
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { root } from "./run.mjs";

const svg = readFileSync(join(root, "packages/desktop/ui/public/icon.svg"), "utf8");
const folder = join(root, "packages/desktop/shell/icons");
const sizes = { "icon.png": 512, "256.png": 256, "128.png": 128, "48.png": 48, "tray.png": 64 };

const executablePath = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find(existsSync);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage();
mkdirSync(folder, { recursive: true });
for (const [name, size] of Object.entries(sizes)) {
  await page.setViewportSize({ width: size, height: size });
  await page.setContent(
    `<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`,
  );
  writeFileSync(join(folder, name), await page.screenshot({ omitBackground: true }));
}
await browser.close();
console.log(`${Object.keys(sizes).length} icons in ${folder}`);
