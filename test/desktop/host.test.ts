/** The guards of the window's server, asked without a browser and by a hostile page in one. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createServer } from "node:http";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { ownerIn } from "../../packages/desktop/host/peer.ts";
import { contentSecurityPolicy } from "../../packages/desktop/host/server.ts";
import { mayOpen } from "../../packages/desktop/host/shell.ts";
import { isAllowed } from "../../packages/desktop/contract.ts";
import { until } from "../support/leapp.ts";
import { addUser, createWorld, launch, missing, type World } from "./window.ts";

// Bun ends a hook after 5 s otherwise, and kills the browser with it.
setDefaultTimeout(90_000);

let world: World;
beforeAll(async () => {
  world = await createWorld(undefined);
});
afterAll(() => world.stop());

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** As any program could ask: every header is given by hand. */
function ask(
  path: string,
  {
    method = "GET",
    headers = {},
    body,
  }: { method?: string; headers?: Record<string, string>; body?: unknown } = {},
  origin = world.origin,
): Promise<Answer> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const json = { "content-type": "application/json" };
const ticketOf = (address: string) => new URL(address).hash.slice(1);
const enter = (ticket: string, origin = world.origin) =>
  ask("/enter", { method: "POST", headers: { ...json, origin }, body: { ticket } }, origin);
const cookieOf = (answer: Answer) => String(answer.headers["set-cookie"]).split(";")[0]!;
const rpc = (method: string, params: unknown, headers: Record<string, string>) =>
  ask("/rpc", {
    method: "POST",
    headers: { ...json, origin: world.origin, ...headers },
    body: { method, params },
  });

describe("the door", () => {
  let cookie: string;
  beforeAll(async () => {
    cookie = cookieOf(await enter(ticketOf(world.address())));
  });

  test("listens on the loopback address only", () => {
    expect(new URL(world.origin).hostname).toBe("127.0.0.1");
  });

  test("a ticket gives a cookie that scripts and other sites cannot have", async () => {
    const answer = await enter(ticketOf(world.address()));
    expect(answer.status).toBe(204);
    expect(String(answer.headers["set-cookie"])).toMatch(
      /^leapp=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/,
    );
  });

  test("a wrong ticket gives nothing", async () => {
    for (const ticket of ["", "x".repeat(43), undefined, 7])
      expect((await enter(ticket as string)).status).toBe(401);
  });

  test("no cookie, no answer", async () => {
    expect((await rpc("session.list", {}, {})).status).toBe(401);
    expect((await rpc("session.list", {}, { cookie: "leapp=" })).status).toBe(401);
    expect((await rpc("session.list", {}, { cookie: `leapp=${"A".repeat(43)}` })).status).toBe(401);
    expect((await ask("/events")).status).toBe(401);
    expect((await rpc("session.list", {}, { cookie })).status).toBe(200);
  });

  test("another Host is refused: a name that was made to resolve to this machine", async () => {
    const port = new URL(world.origin).port;
    for (const host of [`leapp.example:${port}`, `localhost:${port}`, "127.0.0.1", "127.0.0.1:1"]) {
      expect((await ask("/", { headers: { host } })).status).toBe(421);
      expect((await rpc("session.list", {}, { cookie, host })).status).toBe(421);
    }
  });

  test("another Origin, a foreign site, a form and a POST without Origin are refused", async () => {
    for (const origin of ["https://evil.example", "null", world.origin.replace("http:", "https:")])
      expect((await rpc("session.list", {}, { cookie, origin })).status).toBe(403);
    for (const site of ["cross-site", "same-site"])
      expect((await rpc("session.list", {}, { cookie, "sec-fetch-site": site })).status).toBe(403);
    const form = { cookie, "content-type": "application/x-www-form-urlencoded" };
    expect((await rpc("session.list", {}, form)).status).toBe(415);
    const bare = await ask("/rpc", { method: "POST", headers: { ...json, cookie }, body: {} });
    expect(bare.status).toBe(403);
  });

  test("a window never gets a credential", async () => {
    await addUser(world, "guarded");
    for (const [method, params] of [
      ["credentials.generate", { session: "guarded" }],
      ["credentials.console-url", { session: "guarded" }],
      ["credentials.console-url", { session: "guarded", open: "true" }],
      ["agent.stop", {}],
      ["agent.replace", {}],
      ["hello", {}],
      ["session.list", []],
      ["shell.__proto__", {}],
      ["constructor", {}],
    ] as const) {
      const answer = await rpc(method, params, { cookie });
      const text = answer.body;
      expect(text.includes("SecretAccessKey")).toBe(false);
      expect(answer.status === 403 || JSON.parse(text).error !== undefined).toBe(true);
    }
    expect(isAllowed("credentials.console-url", { session: "x", open: true })).toBe(true);
  });

  test("everything is served with the content policy, and nothing else is served", async () => {
    for (const path of [
      "/",
      "/app.js",
      "/app.css",
      "/icon.svg",
      "/nothing",
      "/../package.json",
      "/%2e%2e/x",
    ]) {
      const answer = await ask(path);
      expect(answer.headers["content-security-policy"]).toBe(contentSecurityPolicy);
      expect(answer.headers["x-content-type-options"]).toBe("nosniff");
      expect(answer.status).toBe(["/", "/app.js", "/app.css", "/icon.svg"].includes(path) ? 200 : 404);
    }
    expect((await ask("/rpc", { method: "PUT" })).status).toBe(405);
  });

  test("too long or broken bodies are refused", async () => {
    const headers = { ...json, origin: world.origin, cookie };
    const long = await ask("/rpc", { method: "POST", headers, body: "x".repeat(1024 * 1024 + 1) }).catch(
      () => undefined,
    );
    expect(long?.status ?? 400).toBe(400);
    const broken = await rpc("session.show", { session: { deep: [1] } }, { cookie });
    expect(JSON.parse(broken.body).error.code).toBeDefined();
  });

  test("agent errors come in the agent's own words", async () => {
    const answer = await rpc("session.show", { session: "nobody-here" }, { cookie });
    expect(JSON.parse(answer.body).error).toMatchObject({ code: "not-found" });
  });
});

test("a ticket used twice closes the window and every cookie is void", async () => {
  const other = await createWorld(undefined);
  try {
    const ticket = ticketOf(other.address());
    const first = await enter(ticket, other.origin);
    expect(first.status).toBe(204);
    expect((await enter(ticket, other.origin)).status).toBe(401);
    await other.closed;
    expect(other.said.join()).toContain("used twice");
    await expect(ask("/", {}, other.origin)).rejects.toThrow();
  } finally {
    await other.stop();
  }
});

test("pages that may be opened in the person's browser", () => {
  const asked = ["http://127.0.0.1:4000/device?user_code=A", "https://login.example.com/x"];
  for (const url of [
    "https://eu-west-1.signin.aws.amazon.com/x",
    "https://company.awsapps.com/start",
    "https://console.amazonaws-us-gov.com/",
    ...asked,
  ])
    expect(mayOpen(url, asked)).toBe(true);
  for (const url of [
    "http://company.awsapps.com/start",
    "https://awsapps.com.evil.example/",
    "https://evil.example/?awsapps.com",
    "https://notawsapps.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://login.example.com/y",
    "--version",
    "",
  ])
    expect(mayOpen(url, asked)).toBe(false);
  expect(mayOpen("javascript:alert(1)", ["javascript:alert(1)"])).toBe(false);
});

test("the owner of a loopback connection, from a table as Linux writes it", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 20 4 30 10 -1",
    "   1: 0100007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 2 1 0 20 4 30 10 -1",
  ].join("\n");
  expect(ownerIn(table, 0xc001, 0x1f90)).toBe(1001);
  expect(ownerIn(table, 0x1f90, 0xc001)).toBe(1000);
  expect(ownerIn(table, 1, 2)).toBeUndefined();
});

const asRoot = process.platform === "linux" && process.getuid?.() === 0;
test.skipIf(!asRoot)("another user of the machine is cut off", async () => {
  const theirs = Bun.spawn(
    ["setpriv", "--reuid=65534", "--clear-groups", "curl", "-s", "-m", "5", world.origin],
    {
      stdout: "pipe",
      stderr: "ignore",
    },
  );
  const text = await new Response(theirs.stdout).text();
  expect(await theirs.exited).not.toBe(0);
  expect(text).toBe("");
  expect((await ask("/")).status).toBe(200);
});

describe.skipIf(missing !== undefined)("a hostile page in the same browser", () => {
  let browser: Browser;
  let shown: World;
  beforeAll(async () => {
    browser = await launch();
    shown = await createWorld(browser);
  });
  afterAll(async () => {
    await shown.stop();
    await browser.close();
  });

  test("reads nothing, starts nothing, frames nothing", async () => {
    const window = await shown.window();
    await addUser(shown, "victim");
    const { origin } = new URL(shown.origin);
    const page = `<!doctype html><title>evil</title><iframe src="${origin}/"></iframe>
      <form id="f" action="${origin}/rpc" method="post" enctype="text/plain" target="t">
      <input name='{"method":"session.start","params":{"session":"victim","x":"' value='"}}'></form><iframe name="t"></iframe>`;
    const evil = createServer((_, response) => response.setHeader("content-type", "text/html").end(page));
    await new Promise<void>((listening) => evil.listen(0, "127.0.0.1", listening));
    try {
      const tab = await window.context().newPage();
      // Same address, other port: the same site for cookies, so that only Origin and Host tell.
      await tab.goto(`http://127.0.0.1:${(evil.address() as AddressInfo).port}/`);
      const outcome = await tab.evaluate(async (target) => {
        const attempt = async (init: RequestInit) => {
          try {
            const answer = await fetch(`${target}/rpc`, { credentials: "include", ...init });
            return `${answer.type} ${answer.status} ${await answer.text()}`;
          } catch (error) {
            return `failed ${(error as Error).name}`;
          }
        };
        const body = JSON.stringify({ method: "session.start", params: { session: "victim" } });
        const results = [
          await attempt({ method: "POST", headers: { "content-type": "application/json" }, body }),
          await attempt({ method: "POST", mode: "no-cors", body }),
          await attempt({ method: "GET", mode: "no-cors" }),
        ];
        document.querySelector("form")!.submit();
        const events = new EventSource(`${target}/events`, { withCredentials: true });
        const heard = await new Promise((done) => {
          events.onmessage = () => done("heard");
          events.onerror = () => done("nothing");
        });
        events.close();
        const frame = document.querySelector("iframe")!.contentDocument;
        return { results, heard, frame: frame?.body?.innerText ?? null };
      }, origin);
      expect(outcome.results).toEqual(Array(3).fill("failed TypeError"));
      expect(outcome.heard).toBe("nothing");
      expect(outcome.frame ?? "").not.toContain("Leapp");
      await until(
        async () => (await shown.leapp(["session", "list", "--json"])).includes("victim"),
        "listed",
      );
      expect(JSON.parse(await shown.leapp(["session", "show", "victim", "--json"])).status).toBe("inactive");
      await tab.close();
    } finally {
      evil.close();
    }
  });

  test("a script that got into the page could not run or reach out", async () => {
    const window = await shown.window();
    const blocked = await window.evaluate(async () => {
      const violations: string[] = [];
      document.addEventListener("securitypolicyviolation", (event) =>
        violations.push(event.effectiveDirective),
      );
      const script = document.createElement("script");
      script.textContent = "window.owned = true";
      document.body.append(script);
      const image = document.createElement("img");
      image.src = "https://evil.example/pixel";
      document.body.append(image);
      const frame = document.createElement("iframe");
      frame.src = "https://evil.example/";
      document.body.append(frame);
      const style = document.createElement("style");
      style.textContent = "body { display: none }";
      document.body.append(style);
      const reached = await fetch("http://127.0.0.1:9/").then(
        () => true,
        () => false,
      );
      setTimeout("window.owned = true");
      for (const end = Date.now() + 5_000; violations.length < 6 && Date.now() < end; )
        await new Promise((resume) => setTimeout(resume, 20));
      for (const one of [script, image, frame, style]) one.remove();
      return { owned: "owned" in window, reached, violations };
    });
    expect(blocked).toMatchObject({ owned: false, reached: false });
    for (const directive of [
      "script-src",
      "script-src-elem",
      "img-src",
      "frame-src",
      "style-src-elem",
      "connect-src",
    ])
      expect(blocked.violations).toContain(directive);
    shown.forget();
  });
});

test("the program ends with its last page", async () => {
  if (missing) return;
  const browser = await launch();
  const other = await createWorld(browser);
  try {
    const window = await other.window();
    await window.reload();
    await window.waitForSelector(".first-run");
    await window.context().close();
    const before = Date.now();
    await other.closed;
    expect(Date.now() - before).toBeLessThan(9_000);
  } finally {
    await other.stop();
    await browser.close();
  }
});
