/** Which browser of Chromium's family is installed, and what it is started with. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { LeappError } from "../../../core/src/errors.ts";

type Environment = Record<string, string | undefined>;

const linuxNames = [
  ...["google-chrome-stable", "google-chrome", "chromium", "chromium-browser"],
  ...["microsoft-edge-stable", "microsoft-edge", "brave-browser", "brave"],
];
const macNames = ["Google Chrome", "Microsoft Edge", "Brave Browser", "Chromium"];
const windowsPaths = [
  "Google\\Chrome\\Application\\chrome.exe",
  "Microsoft\\Edge\\Application\\msedge.exe",
  "BraveSoftware\\Brave-Browser\\Application\\brave.exe",
  "Chromium\\Application\\chrome.exe",
];

/**
 * The first that is there; LEAPP_BROWSER, a path, overrides.
 * @throws LeappError `sign-in-needed` where there is none, `file` where LEAPP_BROWSER cannot be run.
 */
export function findBrowser(env: Environment, platform: NodeJS.Platform = process.platform): string {
  const given = env.LEAPP_BROWSER;
  if (given) {
    if (isAbsolute(given) && isProgram(given)) return given;
    throw new LeappError("file", `LEAPP_BROWSER names no program: ${given}`, {
      hint: "give the absolute path of a Chromium, Chrome, Edge or Brave",
    });
  }
  const found = candidates(env, platform).find(isProgram);
  if (found) return found;
  throw new LeappError("sign-in-needed", "no Chromium, Chrome, Edge or Brave is installed to sign in with", {
    hint: "install one, set LEAPP_BROWSER, or run: leapp idp-url login URL --assertion-stdin",
  });
}

function candidates(env: Environment, platform: NodeJS.Platform): string[] {
  if (platform === "darwin") {
    const folders = ["/Applications", ...(env.HOME ? [join(env.HOME, "Applications")] : [])];
    return macNames.flatMap((name) =>
      folders.map((folder) => join(folder, `${name}.app`, "Contents", "MacOS", name)),
    );
  }
  if (platform === "win32") {
    const roots = [env.ProgramFiles, env["ProgramFiles(x86)"], env.LOCALAPPDATA].filter(Boolean);
    return windowsPaths.flatMap((path) => roots.map((folder) => `${folder}\\${path}`));
  }
  const path = `${env.PATH ?? ""}${delimiter}/usr/local/bin${delimiter}/usr/bin${delimiter}/bin`;
  const folders = [...new Set(path.split(delimiter).filter(isAbsolute))];
  const usual = ["/opt/google/chrome/chrome", "/opt/microsoft/msedge/msedge", "/opt/brave.com/brave/brave"];
  return [...linuxNames.flatMap((name) => folders.map((folder) => join(folder, name))), ...usual];
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Nothing is asked, synchronised, measured or fetched besides the pages. */
const quiet = [
  ...["--no-first-run", "--no-default-browser-check", "--hide-crash-restore-bubble", "--disable-sync"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-default-apps"],
  ...["--disable-domain-reliability", "--disable-client-side-phishing-detection", "--metrics-recording-only"],
  ...["--disable-extensions", "--disable-breakpad", "--disable-background-mode", "--disable-popup-blocking"],
  ...["--allow-browser-signin=false", "--disable-component-extensions-with-background-pages"],
  ...["--disable-search-engine-choice-screen", "--no-service-autorun", "--disable-field-trial-config"],
  // A page may hold the assertion for a moment: pages are not kept on the disk.
  "--disk-cache-size=1",
  `--disable-features=${["Translate", "MediaRouter", "OptimizationHints", "GlobalMediaControls", "LensOverlay", "PasswordLeakDetection"].join(",")}`,
  // Cookies are behind the folder's mode, not behind a keyring's dialog that nobody might see.
  "--password-store=basic",
];

export function browserArguments(profile: string, options: { window: boolean; proxy: string }): string[] {
  return [
    ...quiet,
    `--user-data-dir=${profile}`,
    "--remote-debugging-pipe",
    ...(options.window ? ["--new-window", "--window-size=560,760"] : ["--headless=new"]),
    // Chromium has no sandbox for root.
    ...(process.geteuid?.() === 0 ? ["--no-sandbox"] : []),
    ...(options.proxy ? [`--proxy-server=${options.proxy}`] : []),
    "about:blank",
  ];
}

/**
 * First contents of `Default/Preferences`: no offer to keep passwords, addresses or an account, nothing sent to judge
 * them, and no connection before a page asks for it.
 */
export const firstPreferences = JSON.stringify({
  credentials_enable_service: false,
  profile: { password_manager_leak_detection: false },
  autofill: { profile_enabled: false, credit_card_enabled: false },
  signin: { allowed: false, allowed_on_next_startup: false },
  search: { suggest_enabled: false },
  net: { network_prediction_options: 2 },
});
