/** `leapp desktop` where there is no native shell: the window in an installed browser. */
import { version } from "../../agent/src/version.ts";
import { readAssets } from "./assets.ts";
import { findAppBrowser, openAppWindow, openInBrowser } from "./browsers.ts";
import { type Link, linkToAgent } from "./link.ts";
import { serveWindow } from "./server.ts";
import { createShell, type ShellOptions } from "./shell.ts";

/** The program ends this long after its last page was closed: a reload takes less. */
const linger = 5_000;
/** Nobody opened the window within this time. */
const firstPage = 60_000;

export interface AppOptions {
  env: Record<string, string | undefined>;
  /** Tells the person something, one line. */
  say(line: string): void;
  /** How the window is opened; default: a browser in app mode, else the person's own. */
  open?: (address: string, home: string) => Promise<"opened" | "nothing to open it with">;
  trySandbox?: ShellOptions["trySandbox"];
  openPage?: ShellOptions["openPage"];
}

export interface App {
  /** `http://127.0.0.1:PORT` */
  origin: string;
  /** A fresh address with a ticket in it. */
  address(): string;
  /** Resolves when the window is gone. */
  closed: Promise<void>;
  close(): void;
}

/** @throws LeappError `agent-unavailable` */
export async function openApp(options: AppOptions): Promise<App> {
  const { env, say } = options;
  const [assets, link] = await Promise.all([readAssets(), linkToAgent(env)]);
  const shell = createShell({ ...options, version, call: link.call });
  const { promise: closed, resolve: end } = Promise.withResolvers<void>();
  let pages = 0;
  let timer = setTimeout(end, firstPage);
  const endSoon = () => {
    clearTimeout(timer);
    if (pages === 0) timer = setTimeout(end, linger);
  };
  const server = await serveWindow({
    assets,
    gateway: {
      call: (method, params) =>
        shell.has(method) ? shell.run(method, params) : link.call(method as "session.list", params as never),
      on: link.on,
    },
    onPages(count) {
      pages = count;
      endSoon();
    },
    onTheft() {
      say("the address of the window was used twice; the window is closed");
      end();
    },
    now: Date.now,
  });
  const app: App = { origin: server.origin, address: server.address, closed, close: end };
  void closed.then(() => {
    clearTimeout(timer);
    server.close();
    link.close();
  });
  const opened = await (options.open ?? openWindow)(server.address(), await homeOf(link));
  if (opened !== "opened") say(`open this address in a browser within a minute: ${server.address()}`);
  return app;

  async function openWindow(address: string, home: string) {
    const browser = findAppBrowser(env);
    if (browser) {
      // It may have handed over to one that was running already, whose page comes within that time.
      void openAppWindow(browser, address, home, env).then(endSoon);
      return "opened" as const;
    }
    return (await openInBrowser(address, env)) ? ("opened" as const) : ("nothing to open it with" as const);
  }
}

const homeOf = async (link: Link): Promise<string> => (await link.call("agent.status", {})).home;
