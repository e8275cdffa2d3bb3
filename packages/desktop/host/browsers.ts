/** Browsers that can open a window without bars, and how. */
import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";

const names = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "microsoft-edge",
  "microsoft-edge-stable",
  "brave-browser",
  "brave",
];

const macApps = ["Google Chrome", "Chromium", "Microsoft Edge", "Brave Browser"];
const windowsPrograms = [
  "Google\\Chrome\\Application\\chrome.exe",
  "Microsoft\\Edge\\Application\\msedge.exe",
  "BraveSoftware\\Brave-Browser\\Application\\brave.exe",
];

type Env = Record<string, string | undefined>;

/** The program, or undefined where none of that family is installed. `LEAPP_BROWSER` names one. */
export function findAppBrowser(env: Env, platform: NodeJS.Platform = process.platform): string | undefined {
  if (env.LEAPP_BROWSER) return env.LEAPP_BROWSER;
  if (platform === "darwin")
    return macApps.map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`).find(existsSync);
  if (platform === "win32")
    return [env.ProgramFiles, env["ProgramFiles(x86)"], env.LOCALAPPDATA]
      .flatMap((folder) => (folder ? windowsPrograms.map((program) => join(folder, program)) : []))
      .find(existsSync);
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder.startsWith("/"));
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Opens the app-mode window. Its profile is a folder of its own, so that no extension of the person's browser
 * runs in it and nothing of it stays in their history. Resolves when the browser ends.
 */
export function openAppWindow(browser: string, address: string, home: string, env: Env): Promise<void> {
  const profile = join(home, "window");
  mkdirSync(profile, { recursive: true, mode: 0o700 });
  const child = spawn(
    browser,
    [
      `--app=${address}`,
      `--user-data-dir=${profile}`,
      "--window-size=1280,800",
      "--class=leapp",
      "--no-first-run",
      "--no-default-browser-check",
      "--disable-extensions",
      "--disable-sync",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-features=Translate",
      // Its own sandbox cannot be set up by root, and it then refuses to start at all.
      ...(process.getuid?.() === 0 ? ["--no-sandbox", "--test-type"] : []),
    ],
    { env: env as NodeJS.ProcessEnv, stdio: "ignore" },
  );
  return new Promise((ended) => {
    child.once("error", () => ended());
    child.once("exit", () => ended());
  });
}

/** Opens a page in the person's own browser. False where there is nothing to open it with. */
export function openInBrowser(
  url: string,
  env: Env,
  platform: NodeJS.Platform = process.platform,
): Promise<boolean> {
  const [command, ...args] =
    platform === "darwin"
      ? ["open", url]
      : platform === "win32"
        ? ["rundll32", "url.dll,FileProtocolHandler", url]
        : ["xdg-open", url];
  return new Promise((done) => {
    const child = spawn(command!, args, { env: env as NodeJS.ProcessEnv, stdio: "ignore", detached: true });
    child.once("error", () => done(false));
    child.once("exit", (code) => done(code === 0));
    child.unref();
  });
}
