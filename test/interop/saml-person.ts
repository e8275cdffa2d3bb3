/**
 * A person in front of a screen of her own (Xvfb), with Chromium behind a small script through which these tests look
 * at what she sees: the script adds a debugging port, which the product itself never opens. No name but loopback
 * resolves; whatever a browser asks for elsewhere arrives at `strays`.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { runningIn, until } from "../support/leapp.ts";

export const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  existsSync,
);
export const xvfb = Bun.which("Xvfb") ?? undefined;

export interface Person {
  /** For LEAPP_BROWSER. */
  browser: string;
  /** For the environment of whoever opens windows. */
  display: string;
  /** Runs an expression in each page until it gives something true; in a window, not in a browser without one. */
  inPage<T>(profile: string, expression: string): Promise<T>;
  /** Types into the fields, by their names, and submits. */
  fillIn(profile: string, fields: Record<string, string>): Promise<void>;
  /** Closes every window of the profile, as by its button. */
  closeWindow(profile: string): Promise<void>;
  /** Starts of the browser so far: its arguments. */
  starts(): string[][];
  /** Hosts to which a browser made a connection, loopback apart. */
  strays(): string[];
  stop(): Promise<void>;
}

export async function startPerson(folder: string): Promise<Person> {
  const strays: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    // The name stands in the first message of TLS, as it does in plain HTTP.
    socket.once("data", (bytes) => {
      strays.push(/[a-z\d-]+(\.[a-z\d-]+)+/.exec(bytes.toString("latin1"))?.[0] ?? "unknown");
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  const screen = Bun.spawn([xvfb!, "-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  const { value } = await screen.stdout.getReader().read();
  const display = `:${new TextDecoder().decode(value).trim()}`;

  const log = join(folder, "starts");
  const browser = join(folder, "browser");
  writeFileSync(log, "");
  writeFileSync(
    browser,
    `#!/bin/sh
printf '%s\\t' "$@" >> ${log}
printf '\\n' >> ${log}
exec ${chromium} --remote-debugging-port=0 --host-resolver-rules="MAP * 127.0.0.1:${port}, EXCLUDE 127.0.0.1" "$@"
`,
    { mode: 0o755 },
  );

  /** The pages of the visible browser on that profile, as WebSocket addresses. */
  async function pages(profile: string): Promise<string[]> {
    try {
      const [found] = readFileSync(join(profile, "DevToolsActivePort"), "utf8").split("\n");
      const base = `http://127.0.0.1:${found}`;
      const version = (await (await fetch(`${base}/json/version`)).json()) as { "User-Agent": string };
      if (version["User-Agent"].includes("Headless")) return [];
      const list = (await (await fetch(`${base}/json/list`)).json()) as Record<string, string>[];
      return list.filter(({ type }) => type === "page").map((page) => page.webSocketDebuggerUrl!);
    } catch {
      return [];
    }
  }

  async function ask(address: string, method: string, params: object = {}): Promise<any> {
    const socket = new WebSocket(address);
    const answer = Promise.withResolvers<any>();
    socket.onopen = () => socket.send(JSON.stringify({ id: 1, method, params }));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(String(data));
      if (message.id === 1) answer.resolve(message.result);
    };
    socket.onclose = () => answer.resolve(undefined);
    socket.onerror = () => answer.resolve(undefined);
    try {
      return await answer.promise;
    } finally {
      socket.close();
    }
  }

  const person: Person = {
    browser,
    display,
    async inPage<T>(profile: string, expression: string): Promise<T> {
      let found: T | undefined;
      await until(
        async () => {
          for (const page of await pages(profile)) {
            const answer = await ask(page, "Runtime.evaluate", {
              expression,
              returnByValue: true,
              userGesture: true,
            });
            found ||= answer?.result?.value;
          }
          return Boolean(found);
        },
        `a page of the window says: ${expression.slice(0, 60)}`,
        20_000,
      );
      return found!;
    },
    async fillIn(profile, fields) {
      const [first] = Object.keys(fields);
      const steps = Object.entries(fields).map(
        ([name, text]) => `document.querySelector("[name=${name}]").value = ${JSON.stringify(text)};`,
      );
      await person.inPage(
        profile,
        `(() => { const field = document.querySelector("[name=${first}]"); if (!field) return false;
        ${steps.join("")} (field.form.querySelector("[type=submit], button") ?? field.form).click(); return true; })()`,
      );
    },
    async closeWindow(profile) {
      await until(async () => (await pages(profile)).length > 0, "a window is open", 20_000);
      for (const page of await pages(profile)) await ask(page, "Page.close");
    },
    starts: () =>
      readFileSync(log, "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => line.split("\t").filter(Boolean)),
    strays: () => strays,
    async stop() {
      screen.kill();
      await screen.exited;
      server.close();
      rmSync(browser);
    },
  };
  return person;
}

/** Processes of a browser on that profile. */
export const browsersOn = (profile: string): number[] => runningIn(`--user-data-dir=${profile}`);
