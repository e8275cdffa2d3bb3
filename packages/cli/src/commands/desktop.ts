import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { installedAs, spawnDetached } from "../../../agent/src/platform/process.ts";
import { type Command, command } from "../command.ts";

type Env = Record<string, string | undefined>;

/** The native app, which lies beside leapp-core where it is installed; undefined where it cannot run. */
function nativeApp(env: Env): string | undefined {
  const program = join(dirname(installedAs().core), "leapp-app");
  if (!existsSync(program) || !hasDisplay(env)) return undefined;
  // It fails at once where the system's web view is not installed.
  const works = spawnSync(program, ["--version"], { env: env as NodeJS.ProcessEnv }).status === 0;
  return works ? program : undefined;
}

/** Whether there is a display, and something to show a window of its own. */
async function canOpen(env: Env, browser: boolean): Promise<boolean> {
  if (!browser && nativeApp(env)) return true;
  if (!hasDisplay(env)) return false;
  const { findAppBrowser } = await import("../../../desktop/host/browsers.ts");
  return findAppBrowser(env) !== undefined;
}

const hasDisplay = (env: Env): boolean =>
  process.platform === "linux" ? Boolean(env.DISPLAY || env.WAYLAND_DISPLAY) : !env.SSH_CONNECTION;

interface Opening {
  browser: boolean;
  /** Until the window is closed; a browser's window is served from here and is always waited for. */
  wait: boolean;
  say(line: string): void;
}

async function open(env: Env, { browser, wait, say }: Opening): Promise<"native" | "browser"> {
  const native = browser ? undefined : nativeApp(env);
  if (native && !wait) {
    await spawnDetached(native, [], env);
    return "native";
  }
  if (native) {
    await unlessAsked(() => {
      const child = spawn(native, ["--close-quits"], { env: env as NodeJS.ProcessEnv, stdio: "ignore" });
      const closed = new Promise<void>((ended) =>
        child.once("close", () => ended()).once("error", () => ended()),
      );
      return { close: () => child.kill(), closed };
    });
    return "native";
  }
  const { openApp } = await import("../../../desktop/host/main.ts");
  const trySandbox = () => spawnDetached(installedAs().core, ["desktop", "--sandbox", "--browser"], env);
  await unlessAsked(() => openApp({ env, say, trySandbox }));
  return "browser";
}

interface Window {
  close(): unknown;
  closed: Promise<unknown>;
}

/** Ctrl-C, or the end of the person's login, closes the window as a click would; what follows still runs. */
async function unlessAsked(openWindow: () => Window | Promise<Window>): Promise<void> {
  const asked = Promise.withResolvers<void>();
  const ask = () => asked.resolve();
  // Before it opens: whoever reads that it is there may be quick.
  process.on("SIGINT", ask).on("SIGTERM", ask);
  const window = await openWindow();
  void asked.promise.then(() => window.close());
  await window.closed;
  process.off("SIGINT", ask).off("SIGTERM", ask);
}

const desktop = command({
  name: "desktop",
  summary: "open the app",
  details:
    "Opens the native window where it is installed, else the same pages in a window of an installed browser, which this command then serves until the window is closed. The app is never needed: the agent and the started profiles live on without it.",
  flags: {
    sandbox: { help: "on a make-believe AWS, in a workspace that goes with the window" },
    browser: { help: "in a browser's window, even where the native one is installed" },
    wait: { help: "return when the window is closed, which then ends the app" },
    /** For `npm start`, which goes on without a window. */
    ifPossible: { help: "do nothing where no window can be opened", hidden: true },
  },
  examples: [["leapp desktop --sandbox", "look around without an AWS account"]],
  async run(context, { flags }) {
    const opening = {
      browser: flags.browser === true,
      wait: flags.wait === true,
      say: (line: string) => context.printError(`${line}\n`),
    };
    if (flags.ifPossible && !(await canOpen(context.env, opening.browser)))
      return { json: { window: "none" }, text: "" };
    if (!flags.sandbox) return { json: { window: await open(context.env, opening) }, text: "" };
    const { inSandbox } = await import("../sandbox.ts");
    const window = await inSandbox(context.env, (env) => open(env, { ...opening, wait: true }));
    return { json: { window }, text: "" };
  },
});

export const desktopCommands: Command[] = [desktop];
