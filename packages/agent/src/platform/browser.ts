/** The person's own browser. */
import type { Browser } from "../../../core/src/ports.ts";

/**
 * @param desktop variables that lead to the person's desktop, as the last command that had one named them: the
 * agent may have been started where there is none. Undefined: no browser can open.
 */
export function systemBrowser(desktop: () => Record<string, string> | undefined): Browser {
  return {
    async open(url) {
      const variables = desktop();
      const { protocol, hostname } = new URL(url);
      const loopback = ["127.0.0.1", "localhost", "[::1]"].includes(hostname);
      if (!variables || !(protocol === "https:" || (protocol === "http:" && loopback))) return false;
      const command = variables.BROWSER
        ? [variables.BROWSER, url]
        : process.platform === "darwin"
          ? ["open", url]
          : process.platform === "win32"
            ? ["rundll32", "url.dll,FileProtocolHandler", url]
            : ["xdg-open", url];
      try {
        const child = Bun.spawn(command, {
          cwd: "/",
          env: { ...process.env, ...variables },
          stdio: ["ignore", "ignore", "ignore"],
          detached: true,
        });
        child.unref();
        // xdg-open says at once when there is nothing to open with; a browser may go on running.
        const quick = await Promise.race([child.exited, Bun.sleep(1_500).then(() => 0)]);
        return quick === 0;
      } catch {
        return false;
      }
    },
  };
}
