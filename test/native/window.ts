/** The app's own window for tests: the real one, on a display, window manager, D-Bus, agent and sandbox of its own. */
import { existsSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { OrganisationView } from "../../packages/sandbox/src/organisations.ts";
import { completeSignIn } from "../../packages/sandbox/src/sign-in.ts";
import { createSandboxedLeapp, dist, root, until } from "../support/leapp.ts";

const built = join(dist, "automation");

/** Why these tests are left out, or undefined. In CI what is missing is a failure. */
export const missing = ((): string | undefined => {
  const needed = {
    [join(built, "leapp-app")]: "node scripts/build-app.mjs --automation",
    [join(dist, "leapp-app")]: "node scripts/build-app.mjs",
    "/usr/bin/WebKitWebDriver": "webkit2gtk-driver",
    "/usr/bin/Xvfb": "xvfb",
    "/usr/bin/openbox": "openbox",
    "/usr/bin/xdotool": "xdotool",
    "/usr/bin/xprop": "x11-utils",
    "/usr/bin/dbus-daemon": "dbus-daemon",
    "/usr/lib/python3/dist-packages/gi": "python3-gi",
  };
  const absent = Object.entries(needed).flatMap(([path, from]) => (existsSync(path) ? [] : [from]));
  if (absent.length === 0) return undefined;
  if (process.env.CI === "true") throw new Error(`the tests of the native window need: ${absent.join(", ")}`);
  console.warn(`SKIPPED: tests of the native window, which need: ${absent.join(", ")}`);
  return absent[0];
})();

type Child = ReturnType<typeof Bun.spawn>;
type Sandboxed = Awaited<ReturnType<typeof createSandboxedLeapp>>;

export interface World extends Sandboxed {
  /** Starts the app and steers its window. */
  open(args?: string[]): Promise<Window>;
  /** Starts the app as a person would, with nothing that steers it. Resolves to its exit code. */
  start(args?: string[]): Promise<number>;
  desktop: Desktop;
  /** Titles of the windows that can be seen. */
  visible(): Promise<string[]>;
  /** Out of sight, but where the window manager lists it. */
  isMinimized(): Promise<boolean>;
  /** What the window manager does for the button in the title bar. */
  closeWindow(): Promise<void>;
  /** Pages that were opened in the person's browser. */
  opened(): Promise<string[]>;
}

export interface Desktop {
  menu(): Promise<string[]>;
  choose(label: string): Promise<boolean>;
  notifications(): Promise<{ id: number; title: string; text: string }[]>;
  openNotification(id: number): Promise<void>;
  tray(there: boolean): Promise<void>;
}

/** `dist`: the folder of another `leapp` than the built one, which the app then only has by `leapp desktop`. */
export async function createWorld(options: { dist?: string } = {}): Promise<World> {
  const leapp = await createSandboxedLeapp({ dist: options.dist ?? built });
  const children: Child[] = [];
  const run = (command: string[], env: Record<string, string>, more: object = {}) => {
    const child = Bun.spawn(command, { env, stdin: "ignore", stdout: "ignore", stderr: "ignore", ...more });
    children.push(child);
    return child;
  };

  const xvfb = run(
    ["Xvfb", "-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp"],
    leapp.env,
    {
      stdout: "pipe",
    },
  );
  const dbus = run(["dbus-daemon", "--session", "--nofork", "--nosyslog", "--print-address=1"], leapp.env, {
    stdout: "pipe",
  });
  const env: Record<string, string> = {
    ...leapp.env,
    DISPLAY: `:${await firstLine(xvfb)}`,
    DBUS_SESSION_BUS_ADDRESS: await firstLine(dbus),
    XDG_RUNTIME_DIR: join(leapp.folder, "run"),
    // No bridge to a screen reader, which would only start two more programs.
    NO_AT_BRIDGE: "1",
    GTK_A11Y: "none",
    // A machine without a graphics card renders on its processor, and not by way of a driver.
    WEBKIT_DISABLE_COMPOSITING_MODE: "1",
    LIBGL_ALWAYS_SOFTWARE: "1",
  };
  mkdirSync(env.XDG_RUNTIME_DIR!, { mode: 0o700 });
  // The person's browser writes down what it is asked to open.
  const pages = leapp.file("opened", "");
  const bin = leapp.file("bin/xdg-open", `#!/bin/sh\necho "$1" >> '${pages}'\n`);
  Bun.spawnSync(["chmod", "+x", bin]);
  env.PATH = `${join(bin, "..")}:${env.PATH}`;

  run(["openbox"], env);
  const desktop = connectDesktop(
    run(["/usr/bin/python3", join(root, "test/native/desktop.py")], env, {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    }),
  );
  await desktop.tray(true);
  const x = async (...args: string[]) => (await leapp.run(["xdotool", ...args], { env })).stdout.trim();
  const windows = async (...which: string[]) =>
    (await x("search", ...which, "--name", "^Leapp$")).split("\n").filter(Boolean);
  const program = join(built, "leapp-app");
  let session: Window | undefined;

  return {
    ...leapp,
    env,
    desktop,
    async open(args = []) {
      const port = await freePort();
      run(["WebKitWebDriver", `--port=${port}`, "--host=127.0.0.1"], {
        ...env,
        TAURI_WEBVIEW_AUTOMATION: "true",
      });
      const driver = `http://127.0.0.1:${port}`;
      await until(
        async () => (await fetch(`${driver}/status`).catch(() => undefined))?.ok === true,
        "the driver",
      );
      session = await openWindow(driver, program, args);
      return session;
    },
    start: (args = []) => run([program, ...args], env).exited,
    visible: async () => Promise.all((await windows("--onlyvisible")).map((id) => x("getwindowname", id))),
    async isMinimized() {
      for (const id of await windows())
        if ((await leapp.run(["xprop", "-id", id, "WM_STATE"], { env })).stdout.includes("Iconic"))
          return true;
      return false;
    },
    async closeWindow() {
      const find = async () => (await windows("--onlyvisible"))[0];
      // The window manager drops the keys while it is still busy with giving the focus to a new window.
      for (let id = await find(); id; id = await find()) {
        await x("windowactivate", "--sync", id);
        await x("key", "alt+F4");
        await until(async () => (await find()) === undefined, "it is closed", 1000).catch(() => {});
      }
    },
    opened: async () => (await Bun.file(pages).text()).split("\n").filter(Boolean),
    async stop() {
      await session?.close();
      for (const child of children.reverse()) {
        child.kill();
        await child.exited;
      }
      await leapp.stop();
    },
  };
}

/** Adds a company as a new person would, and signs in to it in their browser. */
export async function addCompany(
  world: World,
  window: Window,
  name: string,
  organisation: OrganisationView,
): Promise<void> {
  await window.find('//button[contains(., "Add a company sign-in")]').click();
  await window.field("Name").type(name);
  await window.field("Start URL").type(organisation.startUrl);
  await window.field("Region of the portal").type(organisation.region);
  await window.button("Add and sign in").click();
  await until(async () => (await world.opened()).length === 1, "the browser is opened");
  await completeSignIn((await world.opened())[0]!, organisation, "allow");
}

async function firstLine(child: Child): Promise<string> {
  const reader = (child.stdout as ReadableStream<Uint8Array>).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error("a program of the test's desktop does not start");
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  return text.split("\n")[0]!;
}

function connectDesktop(child: Child): Desktop {
  const lines = (async function* () {
    let text = "";
    for await (const chunk of child.stdout as ReadableStream<Uint8Array>) {
      text += new TextDecoder().decode(chunk);
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
        yield text.slice(0, end);
        text = text.slice(end + 1);
      }
    }
  })();
  let last: Promise<unknown> = Promise.resolve();
  const ask = (command: object): Promise<never> => {
    const answer = last.then(async () => {
      const input = child.stdin as import("bun").FileSink;
      input.write(`${JSON.stringify(command)}\n`);
      await input.flush();
      const line = await lines.next();
      if (line.done) throw new Error("the test's desktop has ended");
      const { value, error } = JSON.parse(line.value);
      if (error) throw new Error(`the test's desktop: ${error}`);
      return value;
    });
    last = answer.catch(() => {});
    return answer as Promise<never>;
  };
  return {
    menu: () => ask({ menu: null }),
    choose: (label) => ask({ choose: label }),
    notifications: () => ask({ notifications: null }),
    openNotification: (id) => ask({ open: id }),
    tray: (there) => ask({ tray: there }),
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** One element, found anew for each use: the page may have drawn it again. */
export interface Found {
  wait(): Promise<void>;
  gone(): Promise<void>;
  click(): Promise<void>;
  doubleClick(): Promise<void>;
  type(text: string): Promise<void>;
  text(): Promise<string>;
}

/** https://www.w3.org/TR/webdriver2/, as far as these tests need it. */
export interface Window {
  /** By XPath. */
  find(path: string): Found;
  button(name: string): Found;
  /** The field under that label. */
  field(label: string): Found;
  text(text: string): Found;
  /** The body of an async function with `arguments`; its result must be JSON. */
  evaluate<T>(body: string, ...args: unknown[]): Promise<T>;
  /** Keys go to what has the focus. */
  keys(text: string): Promise<void>;
  /** The page as a PNG in test-results/. */
  screenshot(name: string): Promise<void>;
  close(): Promise<void>;
}

const elementKey = "element-6066-11e4-a52e-4f735466cecf";

async function openWindow(driver: string, binary: string, args: string[]): Promise<Window> {
  const call = async (method: string, path: string, body?: object): Promise<any> => {
    const answer = await fetch(`${driver}${path}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {}),
    });
    const { value } = (await answer.json()) as { value: any };
    if (!answer.ok) throw new Error(`${value.error}: ${value.message}`);
    return value;
  };
  const { sessionId } = await call("POST", "/session", {
    capabilities: { alwaysMatch: { "webkitgtk:browserOptions": { binary, args } } },
  });
  const base = `/session/${sessionId}`;
  const quote = (text: string) => (text.includes('"') ? `'${text}'` : `"${text}"`);

  const find = (path: string): Found => {
    const all = async (): Promise<string[]> =>
      (await call("POST", `${base}/elements`, { using: "xpath", value: path })).map(
        (one: Record<string, string>) => one[elementKey]!,
      );
    /** Tries again while the page is being drawn. */
    const act = async <T>(work: (element: string) => Promise<T>): Promise<T> => {
      let result: { value: T } | undefined;
      let failure: unknown;
      await until(async () => {
        try {
          const [element] = await all();
          if (element) result = { value: await work(element) };
        } catch (error) {
          failure = error;
        }
        return result !== undefined;
      }, `there is ${path}`).catch((error) => {
        throw failure ? new Error(`${error.message}: ${(failure as Error).message}`) : error;
      });
      return result!.value;
    };
    const click = (element: string) => call("POST", `${base}/element/${element}/click`, {});
    return {
      wait: () => act(async () => {}),
      gone: () => until(async () => (await all()).length === 0, `${path} is gone`),
      click: () => act(click),
      doubleClick: () =>
        act(async (element) => {
          const pointer = [
            { type: "pointerMove", duration: 0, x: 0, y: 0, origin: { [elementKey]: element } },
            ...[1, 2].flatMap(() => [
              { type: "pointerDown", button: 0 },
              { type: "pointerUp", button: 0 },
            ]),
          ];
          await call("POST", `${base}/actions`, {
            actions: [{ type: "pointer", id: "mouse", actions: pointer }],
          });
        }),
      type: (text) => act((element) => call("POST", `${base}/element/${element}/value`, { text })),
      text: () => act((element) => call("GET", `${base}/element/${element}/text`)),
    };
  };

  return {
    find,
    button: (name) => find(`//button[normalize-space(.)=${quote(name)} or @aria-label=${quote(name)}]`),
    field: (label) =>
      find(
        `//*[@id=//label[starts-with(normalize-space(.), ${quote(label)})]/@for or @aria-label=${quote(label)}]`,
      ),
    text: (text) => find(`//*[text()[contains(., ${quote(text)})]]`),
    evaluate: (body, ...args) =>
      call("POST", `${base}/execute/async`, {
        script: `const done = arguments[arguments.length - 1]; (async (...arguments_) => { ${body} })(...arguments).then((value) => done({ value }), (error) => done({ error: String(error) }));`,
        args,
      }).then(({ value, error }) => {
        if (error) throw new Error(error);
        return value;
      }),
    async keys(text) {
      const actions = [...text].flatMap((value) => [
        { type: "keyDown", value },
        { type: "keyUp", value },
      ]);
      await call("POST", `${base}/actions`, { actions: [{ type: "key", id: "keyboard", actions }] });
    },
    async screenshot(name) {
      const folder = join(root, "test-results/native");
      mkdirSync(folder, { recursive: true });
      await Bun.write(
        join(folder, `${name}.png`),
        Buffer.from(await call("GET", `${base}/screenshot`), "base64"),
      );
    },
    close: () => call("DELETE", base).catch(() => {}),
  };
}
