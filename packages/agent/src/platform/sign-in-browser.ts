/**
 * A SAML sign-in in an installed browser that we drive through pipes. Its profile is ours alone, one for each
 * identity provider URL, so that what the provider remembers of the person makes the next sign-in silent. The POST
 * to AWS never leaves the machine.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { LeappError } from "../../../core/src/errors.ts";
import { callbackPage } from "../../../core/src/identity/callback-page.ts";
import type { SamlBrowser } from "../../../core/src/identity/saml.ts";
import { isAwsSignIn, samlResponseOf, signInPatterns } from "../../../core/src/identity/saml-post.ts";
import { browserArguments, findBrowser, firstPreferences } from "./browsers.ts";
import { type DevTools, devTools, type Json } from "./devtools-pipe.ts";

export interface SignInBrowserOptions {
  /** `LEAPP_HOME/browser`. */
  folder: string;
  env: Record<string, string | undefined>;
  /** Variables that lead to the person's desktop; undefined where no window can open. */
  desktop: () => Record<string, string> | undefined;
  /** `http://proxy:3128`, or empty for the environment's. */
  proxy: () => string;
}

const limit = 10 * 60_000;
/** Milliseconds without which no page is taken to wait for a person. */
const calm = { form: 600, network: 2_000, page: 6_000 };
/** Seconds for which a cookie is kept that was to last as long as the browser runs: ours runs for seconds. */
const rememberedFor = 12 * 3600;
/** In a profile in which somebody signed in. */
const marker = "leapp-signed-in";
/** Shown at the end, in place of AWS's console. */
const lastPage = `data:text/html;charset=utf-8,${encodeURIComponent(
  callbackPage("You are signed in", "You can close this window."),
)}`;

export function signInBrowser(options: SignInBrowserOptions): SamlBrowser {
  const { folder } = options;
  /** One browser at a time in a profile. */
  const last = new Map<string, Promise<unknown>>();
  const profileOf = (id: string) => join(folder, id.replace(/[^\w-]/g, "_"));

  function inTurn<T>(id: string, run: () => Promise<T>): Promise<T> {
    const turn = (last.get(id) ?? Promise.resolve()).then(run, run);
    last.set(id, turn);
    turn
      .catch(() => {})
      .then(() => {
        if (last.get(id) === turn) last.delete(id);
      });
    return turn;
  }

  return {
    remembers: (id) => existsSync(join(profileOf(id), marker)),
    signIn: (idpUrl, { window, signal }) =>
      inTurn(idpUrl.id, async () => {
        signal.throwIfAborted();
        const program = findBrowser(options.env);
        const env = environment(options, window);
        const profile = profileOf(idpUrl.id);
        await prepareProfile(folder, profile);
        const proxy = withoutPassword(options.proxy());
        const child = spawn(program, browserArguments(profile, { window, proxy }), {
          cwd: "/",
          env,
          stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
          windowsHide: !window,
        });
        const response = await run(child, basename(program), idpUrl.url, window, signal);
        if (response !== undefined) writeFileSync(join(profile, marker), "");
        return response;
      }),
    forget: (id) =>
      inTurn(id, async () => rmSync(profileOf(id), { recursive: true, force: true, maxRetries: 5 })),
  };
}

/** The person's environment without anything of AWS's or ours. */
function environment({ env, desktop }: SignInBrowserOptions, window: boolean): Record<string, string> {
  const screen = desktop();
  const needsScreen = process.platform === "linux" && !screen?.DISPLAY && !screen?.WAYLAND_DISPLAY;
  if (window && (!screen || needsScreen)) {
    throw new LeappError("sign-in-needed", "no window can open here to sign in", {
      hint: "sign in elsewhere and run: leapp idp-url login URL --assertion-stdin",
    });
  }
  const { BROWSER: _, ...rest } = screen ?? {};
  const own = Object.entries(env).filter(
    ([name, value]) => value !== undefined && !/^(AWS|LEAPP)_/.test(name),
  );
  return { ...(Object.fromEntries(own) as Record<string, string>), ...rest };
}

/** Of the proxy's address what may stand on a command line; the browser asks for the rest in its window. */
function withoutPassword(proxy: string): string {
  const url = proxy ? URL.parse(proxy) : null;
  return url ? `${url.protocol}//${url.host}` : "";
}

async function prepareProfile(folder: string, profile: string): Promise<void> {
  const preferences = join(profile, "Default", "Preferences");
  try {
    for (const each of [folder, profile, dirname(preferences)]) {
      mkdirSync(each, { recursive: true, mode: 0o700 });
      if (process.platform !== "win32") chmodSync(each, 0o700);
    }
    if (!existsSync(preferences)) writeFileSync(preferences, firstPreferences, { mode: 0o600 });
  } catch (cause) {
    throw new LeappError("file", `the folder ${profile} cannot be made`, {
      hint: "look at LEAPP_HOME",
      cause,
    });
  }
  // The browser of an agent that was killed is about to end, since nobody holds its pipes any more.
  for (let waited = 0; waited < 5_000 && holderOf(profile); waited += 50) await pause(50);
  for (const name of ["SingletonLock", "SingletonSocket", "SingletonCookie"])
    rmSync(join(profile, name), { force: true });
}

/** The browser that runs on this profile, by its lock: a link to `HOST-PID`. */
function holderOf(profile: string): number | undefined {
  try {
    const pid = Number(readlinkSync(join(profile, "SingletonLock")).split("-").at(-1));
    process.kill(pid, 0);
    if (process.platform !== "linux") return pid;
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(profile) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** One browser from its start to its end. */
async function run(
  child: ChildProcess,
  name: string,
  url: string,
  window: boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  const outcome = Promise.withResolvers<string | undefined>();
  let opened = false;
  const exited = new Promise<void>((resolve) => {
    child.once("exit", (code) => {
      outcome.reject(opened ? closedByPerson() : notStarted(name, code));
      resolve();
    });
    child.once("error", (cause) => {
      outcome.reject(notStarted(name, null, cause));
      resolve();
    });
  });
  const interrupt = () => outcome.reject(signal.reason);
  signal.addEventListener("abort", interrupt, { once: true });
  const tooLate = setTimeout(() => outcome.reject(late()), limit);

  const [, , , toBrowser, fromBrowser] = child.stdio;
  const tools = devTools(toBrowser as Writable, fromBrowser as Readable);
  const pages = watchPages(tools, window, outcome);
  try {
    const start = open(tools, pages, url).then(() => {
      opened = true;
    });
    // What fails here fails because the browser ended, and its end says more.
    start.catch(async (error) => {
      await Promise.race([exited, pause(2_000)]);
      outcome.reject(error);
    });
    return await outcome.promise;
  } finally {
    pages.stop();
    signal.removeEventListener("abort", interrupt);
    clearTimeout(tooLate);
    await Promise.race([keepCookies(tools).catch(() => {}), exited, pause(2_000)]);
    tools.send("Browser.close").catch(() => {});
    await Promise.race([exited, pause(5_000).then(() => child.kill("SIGKILL"))]);
    // Whatever is left of it, should it have been started by a script, ends with its pipes.
    for (const stream of [toBrowser, fromBrowser]) stream?.destroy();
    await exited;
  }
}

const closedByPerson = () => new LeappError("refused", "the sign-in window was closed");
const noAssertion = () =>
  new LeappError("access-denied", "the identity provider sent AWS a form without a SAML response", {
    hint: "check that the IdP URL is that of the AWS application",
  });
const late = () => new LeappError("timed-out", "the sign-in was not finished in 10 minutes");
const notStarted = (name: string, code: number | null, cause?: unknown) =>
  new LeappError("sign-in-needed", `${name} ended before it showed a page${code ? ` (exit ${code})` : ""}`, {
    hint: "try another with LEAPP_BROWSER, or run: leapp idp-url login URL --assertion-stdin",
    cause,
  });

/** Of the browser its pages, of a page its frames in other processes; each waits until we listen. */
const everyTarget = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true };

async function open(tools: DevTools, pages: Pages, url: string): Promise<void> {
  const { userAgent } = await tools.send("Browser.getVersion");
  // With and without a window it is one browser to the provider, which may remember it by its name.
  pages.begin(userAgent.replace("HeadlessChrome", "Chrome"));
  await tools.send("Target.setAutoAttach", everyTarget);
  const session = await pages.first;
  const { errorText } = await tools.send("Page.navigate", { url }, session);
  pages.navigated(errorText, new URL(url).host);
}

interface Pages {
  /** The first page's session. */
  first: Promise<string>;
  begin(userAgent: string): void;
  /** The first page is loaded, or could not be. */
  navigated(failure: string | undefined, host: string): void;
  stop(): void;
}

/** Every page, pop-up and frame: stops what is posted to AWS, and notices when a person is needed. */
function watchPages(
  tools: DevTools,
  window: boolean,
  outcome: PromiseWithResolvers<string | undefined>,
): Pages {
  const first = Promise.withResolvers<string>();
  const pages = new Set<string>();
  const frames = new Set<string>();
  const loading = new Set<string>();
  let userAgent = "";
  let response: string | undefined;
  let changedAt = Date.now();
  let activeAt = Date.now();
  let formAt: number | undefined;
  let navigated = false;
  let looking = false;
  /** A page may be gone before it is asked. */
  const send = (method: string, params: Json, session: string) =>
    tools.send(method, params, session).catch(() => ({}) as Json);

  function adopt(session: string, type: string): void {
    // Commands of one session are carried out in this order, so that nothing is requested before we listen.
    if (type === "page" || type === "iframe") {
      if (type === "page") pages.add(session);
      frames.add(session);
      send("Fetch.enable", { patterns: signInPatterns.map((urlPattern) => ({ urlPattern })) }, session);
      send("Network.enable", { maxPostDataSize: 1024 * 1024 }, session);
      send("Emulation.setUserAgentOverride", { userAgent }, session);
      send("Target.setAutoAttach", everyTarget, session);
      if (!window) send("Page.enable", {}, session);
    }
    send("Runtime.runIfWaitingForDebugger", {}, session);
    if (type === "page") first.resolve(session);
  }

  async function paused({ requestId, networkId, request }: Json, session: string): Promise<void> {
    if (!isAwsSignIn(request.url) || request.method !== "POST")
      return void (await send("Fetch.continueRequest", { requestId }, session));
    const found = samlResponseOf(await postedTo(request, networkId, session));
    if (found === undefined) return outcome.reject(noAssertion());
    response ??= found;
    // No content: the page with the assertion stays, and the POST becomes no page that the browser would keep.
    await send("Fetch.fulfillRequest", { requestId, responseCode: 204 }, session);
    await send("Page.navigate", { url: lastPage }, session);
    outcome.resolve(response);
  }

  /** A long form does not come with the request. */
  async function postedTo(request: Json, networkId: string, session: string): Promise<string> {
    const entries = (request.postDataEntries ?? []) as { bytes?: string }[];
    if (entries.length > 0 && entries.every(({ bytes }) => bytes !== undefined))
      return Buffer.concat(entries.map(({ bytes }) => Buffer.from(bytes!, "base64"))).toString("utf8");
    if (request.postData !== undefined) return request.postData;
    return (await send("Network.getRequestPostData", { requestId: networkId }, session)).postData ?? "";
  }

  const events: Record<string, (params: Json, session: string) => void> = {
    "Target.attachedToTarget": ({ sessionId, targetInfo }) => adopt(sessionId, targetInfo.type),
    "Target.detachedFromTarget": ({ sessionId }) => {
      frames.delete(sessionId);
      for (const key of loading) if (key.startsWith(sessionId)) loading.delete(key);
      if (pages.delete(sessionId) && pages.size === 0) {
        if (response === undefined) outcome.reject(closedByPerson());
        else outcome.resolve(response);
      }
    },
    "Fetch.requestPaused": (params, session) => void paused(params, session),
    // A question of the page stops it until somebody answers.
    "Page.javascriptDialogOpening": () => outcome.resolve(undefined),
    "Page.frameStartedLoading": ({ frameId }, session) => {
      loading.add(`${session} ${frameId}`);
      changedAt = Date.now();
    },
    "Page.frameStoppedLoading": ({ frameId }, session) => {
      loading.delete(`${session} ${frameId}`);
      changedAt = Date.now();
    },
    "Page.frameDetached": ({ frameId }, session) => void loading.delete(`${session} ${frameId}`),
    "Page.frameScheduledNavigation": ({ delay }) => {
      changedAt = Date.now() + Math.min(delay, 10) * 1000;
    },
  };
  tools.onEvent((method, params, session) => {
    if (/^(Network|Page)\./.test(method)) activeAt = Date.now();
    events[method]?.(params, session ?? "");
  });

  /** Whether a page shows something to fill in. */
  async function showsForm(): Promise<boolean> {
    const answers = [...frames].map((session) =>
      send("Runtime.evaluate", { expression: visibleInput, returnByValue: true, timeout: 200 }, session),
    );
    return (await Promise.all(answers)).some(({ result }) => result?.value === true);
  }

  async function look(): Promise<void> {
    const busy = !navigated || response !== undefined || loading.size > 0 || changedAt > Date.now();
    if (busy || looking) {
      formAt = undefined;
      return;
    }
    looking = true;
    const form = await showsForm();
    looking = false;
    const now = Date.now();
    formAt = form ? (formAt ?? now) : undefined;
    const still =
      now - Math.max(activeAt, changedAt) >= calm.network ||
      now - changedAt >= calm.page ||
      (formAt !== undefined && now - Math.max(formAt, changedAt) >= calm.form);
    if (still && loading.size === 0 && response === undefined) outcome.resolve(undefined);
  }
  const looks = window ? undefined : setInterval(() => void look(), 200);

  return {
    first: first.promise,
    begin(name) {
      userAgent = name;
    },
    navigated(failure, host) {
      navigated = true;
      changedAt = Date.now();
      // A window shows by itself what is wrong. An aborted load is one that another took the place of.
      if (window || !failure || failure === "net::ERR_ABORTED") return;
      // Whoever has to choose a certificate or to give a password has to see it.
      if (/CLIENT_AUTH|PROXY_AUTH|INVALID_AUTH/.test(failure)) return outcome.resolve(undefined);
      outcome.reject(
        new LeappError("network", `cannot reach the identity provider at ${host} (${failure.slice(5)})`, {
          hint: "check the network, VPN and proxy, and the IdP URL",
        }),
      );
    },
    stop: () => clearInterval(looks),
  };
}

const visibleInput = `[...document.querySelectorAll("input, select, textarea")].some((each) =>
  !["hidden", "submit", "button", "image", "reset"].includes(each.type) && each.offsetWidth > 4 &&
  each.checkVisibility({ opacityProperty: true, visibilityProperty: true }))`;

/** Cookies that end with the browser are kept for a working day, as by a browser that stays open. */
async function keepCookies(tools: DevTools): Promise<void> {
  const { cookies } = await tools.send("Storage.getCookies");
  const expires = Math.floor(Date.now() / 1000) + rememberedFor;
  const kept = (cookies as Json[])
    .filter(({ session }) => session)
    .map(({ size: _, session: __, domain, ...cookie }) => ({
      ...cookie,
      expires,
      // Without a dot it is for that one host, and only a URL says so.
      ...(domain.startsWith(".")
        ? { domain }
        : { url: `${cookie.secure ? "https" : "http"}://${domain}${cookie.path}` }),
    }));
  // One by one: a cookie that the browser does not take must not cost the others.
  await Promise.all(
    kept.map((cookie) => tools.send("Storage.setCookies", { cookies: [cookie] }).catch(() => {})),
  );
}

const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
