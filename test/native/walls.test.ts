/** What a page that was taken over would try, from inside the real window. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { windowMethods } from "../../packages/desktop/contract.ts";
import { awsDomains } from "../../packages/desktop/host/shell.ts";
import { addUser } from "../desktop/window.ts";
import { root, until } from "../support/leapp.ts";
import { createWorld, missing, type Window, type World } from "./window.ts";

test("both shells allow the same calls and the same pages", () => {
  const allowed = JSON.parse(readFileSync(join(root, "packages/desktop/shell/allowed.json"), "utf8"));
  expect(allowed.methods).toEqual([...windowMethods]);
  expect(allowed.domains).toEqual([...awsDomains]);
});

test("the app has the version of the command line", () => {
  const version = (text: string) => /^version = "(.*)"$/m.exec(text)?.[1];
  const cargo = version(readFileSync(join(root, "packages/desktop/shell/Cargo.toml"), "utf8"));
  expect(cargo).toBe(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version);
});

describe.skipIf(missing !== undefined)("walls around the page", () => {
  let world: World;
  let window: Window;
  let outside: Server;
  const visitors: string[] = [];
  let elsewhere: string;
  beforeAll(async () => {
    outside = createServer((request, response) => {
      visitors.push(request.url ?? "");
      response.setHeader("access-control-allow-origin", "*").end("<p>hostile</p>");
    });
    await new Promise<void>((listening) => outside.listen(0, "127.0.0.1", listening));
    elsewhere = `http://127.0.0.1:${(outside.address() as AddressInfo).port}`;
    world = await createWorld();
    await addUser(world, "ada");
    window = await world.open();
    await window.text("ada").wait();
  }, 60_000);
  afterAll(async () => {
    await world.stop();
    outside.close();
  });

  const rpc = (method: string, params: unknown = {}) =>
    window.evaluate<{ result?: unknown; error?: { code: string } }>(
      'return window.__TAURI_INTERNALS__.invoke("rpc", arguments_[0]);',
      { method, params },
    );

  test("a page gets no credential and cannot touch the agent", async () => {
    const calls: [string, unknown][] = [
      ["credentials.generate", { session: "ada" }],
      ["credentials.console-url", { session: "ada" }],
      ["credentials.console-url", { session: "ada", open: "true" }],
      ["agent.stop", {}],
      ["agent.replace", { version: "9.0.0" }],
      ["hello", { protocol: 1, client: "cli" }],
      ["shell.run", { command: "id" }],
      ["session.list", []],
    ];
    for (const [method, params] of calls) {
      const { result, error } = await rpc(method, params);
      expect(result).toBeUndefined();
      expect(error!.code).toBe("refused");
    }
    expect((await rpc("session.list")).result).toHaveLength(1);
  });

  test("nothing of the shell but one call and one event can be reached", async () => {
    const commands = [
      ["plugin:window|close", {}],
      ["plugin:webview|create_webview_window", { options: { label: "x", url: elsewhere } }],
      ["plugin:event|emit", { event: "agent", payload: {} }],
      ["plugin:app|version", {}],
      ["plugin:path|resolve_directory", { directory: 1 }],
      ["plugin:menu|new", {}],
      ["plugin:resources|close", { rid: 0 }],
      ["plugin:tray|new", {}],
    ] as const;
    for (const [command, args] of commands) {
      const attempt = window.evaluate(
        "return window.__TAURI_INTERNALS__.invoke(arguments_[0], arguments_[1]);",
        command,
        args,
      );
      expect(attempt, command).rejects.toThrow(/not allowed|not found/);
      await attempt.catch(() => {});
    }
    expect(await window.evaluate("return typeof window.__TAURI__;")).toBe("undefined");
  });

  test("only pages of AWS and of open questions are opened", async () => {
    for (const url of [
      elsewhere,
      "file:///etc/passwd",
      "https://aws.amazon.com.evil.example/",
      "javascript:0",
      "--help",
    ])
      expect((await rpc("shell.open", { url })).error?.code).toBe("refused");
    const url = "https://eu-west-1.console.aws.amazon.com/";
    expect(await rpc("shell.open", { url })).toEqual({ result: null });
    expect(await world.opened()).toEqual([url]);
  });

  test("no request, script, frame or style from elsewhere", async () => {
    const outcome = await window.evaluate<Record<string, string>>(
      `
      const [elsewhere] = arguments_;
      const outcome = {};
      const violations = [];
      document.addEventListener("securitypolicyviolation", (event) => violations.push(event.effectiveDirective));
      outcome.fetch = await fetch(elsewhere + "/fetch").then(() => "through", () => "stopped");
      outcome.socket = await new Promise((done) => {
        try {
          const socket = new WebSocket(elsewhere.replace("http", "ws"));
          socket.onopen = () => done("through");
          socket.onerror = () => done("stopped");
        } catch { done("stopped"); }
      });
      const element = (name, attributes) => Object.assign(document.createElement(name), attributes);
      const added = (one) => new Promise((done) => {
        one.onload = () => done("through");
        one.onerror = () => done("stopped");
        setTimeout(() => done("stopped"), 1000);
        document.body.append(one);
      });
      outcome.script = await added(element("script", { src: elsewhere + "/script" }));
      outcome.image = await added(element("img", { src: elsewhere + "/image" }));
      outcome.style = await added(element("link", { rel: "stylesheet", href: elsewhere + "/style" }));
      await added(element("iframe", { src: elsewhere + "/frame" }));
      outcome.frame = await new Promise((done) => {
        window.addEventListener("message", () => done("through"));
        const inside = "<script>parent.postMessage(1, '*')</scr" + "ipt>";
        added(element("iframe", { srcdoc: inside })).then(() => done("stopped"));
      });
      window.inline = "stopped";
      document.body.append(element("script", { textContent: "window.inline = 'through'" }));
      outcome.inline = window.inline;
      try { outcome.eval = (0, eval)("'through'"); } catch { outcome.eval = "stopped"; }
      outcome.violations = [...new Set(violations)].sort().join(" ");
      return outcome;
      `,
      elsewhere,
    );
    expect(outcome).toEqual({
      fetch: "stopped",
      socket: "stopped",
      script: "stopped",
      image: "stopped",
      style: "stopped",
      frame: "stopped",
      inline: "stopped",
      eval: "stopped",
      violations: expect.stringMatching(/connect-src.*img-src.*script-src.*style-src/),
    });
    expect(visitors).toEqual([]);
  });

  test("the window stays where it is, and opens no other", async () => {
    await window.evaluate(
      `
      const [elsewhere] = arguments_;
      window.open(elsewhere + "/window");
      for (const target of ["_self", "_blank", "_top"]) {
        const link = Object.assign(document.createElement("a"), { href: elsewhere + "/link", target });
        document.body.append(link);
        link.click();
      }
      location.href = elsewhere + "/location";
      location.href = "data:text/html,x";
      `,
      elsewhere,
    );
    // What would lead away has been refused by the time a call goes to and fro.
    expect((await rpc("session.list")).result).toHaveLength(1);
    expect(await window.evaluate("return location.href;")).toBe("tauri://localhost");
    await until(async () => (await world.visible()).length === 1, "there is one window");
    expect(visitors).toEqual([]);
  });
});
