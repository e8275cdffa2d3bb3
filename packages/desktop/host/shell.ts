/** What the shell of an app-mode window does itself. */
import { spawn } from "node:child_process";
import { LeappError } from "../../core/src/errors.ts";
import type { AgentClient } from "../../agent/src/client.ts";
import type { Params, Result } from "../../agent/src/protocol.ts";
import type { ShellInfo, ShellMethod, ShellMethods } from "../contract.ts";
import { openInBrowser } from "./browsers.ts";

type Env = Record<string, string | undefined>;

export interface ShellOptions {
  env: Env;
  version: string;
  call: AgentClient["call"];
  /** Opens a window on the sandbox, where there is one. */
  trySandbox?: () => Promise<void>;
  /** Replaces the person's browser in tests. */
  openPage?: (url: string) => Promise<boolean>;
}

/** Domains of AWS's own pages, console and sign-in, in every partition. */
export const awsDomains = [
  "amazonaws.com",
  "amazonaws.com.cn",
  "aws.amazon.com",
  "awsapps.com",
  "awsapps.cn",
  "amazonaws.cn",
  "amazonaws-us-gov.com",
  "aws.dev",
  "app.aws",
  "amazonaws.eu",
];

/** https and AWS's, or the sign-in page of an open question: loopback there too, where a sandbox listens. */
export function mayOpen(url: string, asked: readonly string[]): boolean {
  if (asked.includes(url)) return /^https:|^http:\/\/(127\.0\.0\.1|localhost)[:/]/.test(url);
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return false;
  }
  const { protocol, hostname } = parsed;
  return protocol === "https:" && awsDomains.some((one) => hostname === one || hostname.endsWith(`.${one}`));
}

export function createShell(options: ShellOptions) {
  const { env, call } = options;
  const openPage = options.openPage ?? ((url: string) => openInBrowser(url, env));
  const info = (): ShellInfo => ({
    kind: "browser",
    version: options.version,
    platform: process.platform,
    sandbox: options.trySandbox !== undefined,
  });
  const methods: { [M in ShellMethod]: (params: ShellMethods[M][0]) => Promise<ShellMethods[M][1]> } = {
    "shell.info": async () => info(),
    "shell.set": async () => info(),
    async "shell.open"({ url }) {
      const prompts: Result<"prompt.list"> = await call("prompt.list", {});
      const asked = prompts.flatMap((one) => (one.url ? [one.url] : []));
      if (typeof url !== "string" || !mayOpen(url, asked))
        throw new LeappError("refused", "that page is not one of AWS's or of an open question");
      if (!(await openPage(url)))
        throw new LeappError("not-found", "no browser could be opened", {
          hint: "copy the address and open it yourself",
        });
      return null;
    },
    async "shell.copy-console-url"({ session }) {
      const parameters: Params<"credentials.console-url"> = { session };
      const { url } = await call("credentials.console-url", parameters);
      if (!url || !(await toClipboard(url, env)))
        throw new LeappError("not-found", "no program that fills the clipboard was found", {
          hint: clipboardHint(),
        });
      return null;
    },
    async "shell.try-sandbox"() {
      if (!options.trySandbox) throw new LeappError("not-found", "there is no sandbox in this installation");
      await options.trySandbox();
      return null;
    },
  };
  return {
    has: (method: string): method is ShellMethod => Object.hasOwn(methods, method),
    run: (method: ShellMethod, params: unknown): Promise<unknown> => methods[method](params as never),
  };
}

const clipboards: Partial<Record<NodeJS.Platform, readonly (readonly string[])[]>> = {
  darwin: [["pbcopy"]],
  win32: [["clip"]],
  linux: [["wl-copy"], ["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]],
};
const clipboardHint = () =>
  process.platform === "linux"
    ? "install wl-clipboard or xclip, or use: Open web console"
    : "use: Open web console";

/** Text goes in by stdin: an argument could be read by others. Wayland's program first where it is Wayland. */
async function toClipboard(text: string, env: Env): Promise<boolean> {
  const list = clipboards[process.platform] ?? [];
  for (const [command, ...args] of list) {
    if (command === "wl-copy" && !env.WAYLAND_DISPLAY) continue;
    const done = await new Promise<boolean>((settle) => {
      const child = spawn(command!, args, {
        env: env as NodeJS.ProcessEnv,
        stdio: ["pipe", "ignore", "ignore"],
      });
      child.once("error", () => settle(false));
      child.once("exit", (code) => settle(code === 0));
      child.stdin.on("error", () => {});
      child.stdin.end(text);
    });
    if (done) return true;
  }
  return false;
}
