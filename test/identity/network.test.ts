/** Sign-ins in a company's network: a proxy that wants a password, TLS opened by the company's own authority. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import http from "node:http";
import { authority, httpsServer, proxyServer, type Running } from "../../packages/core/test/aws/servers.ts";
import { onTerminal } from "../engine/support.ts";
import { type Company, newCompany } from "./support.ts";

const timeout = 60_000;
const host = "aws.company.example";
const hasOpenssl = Bun.which("openssl") !== null;
if (!hasOpenssl) {
  if (process.env.CI === "true") throw new Error("this test needs openssl");
  console.warn("SKIPPED: sign-ins through TLS of a company's own authority, for want of openssl");
}

/** The sandbox behind TLS, as `host`. */
async function tlsFront(certificate: { key: string; cert: string }, target: () => string): Promise<Running> {
  return httpsServer(certificate, async (request, answer) => {
    const onward = http.request(new URL(request.url!, target()), {
      method: request.method!,
      headers: request.headers,
    });
    onward.on("error", () => answer.destroy());
    request.pipe(onward);
    const [reply] = (await once(onward, "response")) as [http.IncomingMessage];
    answer.writeHead(reply.statusCode!, reply.headers);
    reply.pipe(answer);
  });
}

/** The person's own browser knows its way through the network. */
const seen = (company: Company, url: string) => url.replace(`https://${host}`, company.sandbox.url);

test.if(hasOpenssl)(
  "through a proxy with a password and TLS of a company's authority: each lack is named, with its remedy",
  async () => {
    let sandbox = "";
    const ca = authority();
    const front = await tlsFront(ca.certificate(host), () => sandbox);
    const account = "ada:s3cret:word";
    const proxy = await proxyServer(() => front.port, account);
    try {
      await using company = await newCompany(
        {},
        { env: { AWS_ENDPOINT_URL: `https://${host}` } },
        (machine) => {
          sandbox = machine.sandbox.url;
        },
      );
      const failing = async () => {
        await using terminal = onTerminal(company, ["integration", "login", "work"]);
        expect(await terminal.exited).toBe(23);
        return /leapp: ([^\n]+)\n$/.exec(terminal.screen())![1]!;
      };
      const set = (key: string, value: string) => company.leapp(["settings", "set", key, value]);

      await set("proxy", `http://127.0.0.1:${proxy.port}`);
      expect(await failing()).toBe(
        `the proxy 127.0.0.1:${proxy.port} wants a user name and password; run: leapp settings set proxy http://USER:PASSWORD@HOST:PORT`,
      );
      const [user, ...password] = account.split(":");
      const secret = encodeURIComponent(password.join(":"));
      await set("proxy", `http://${user}:${secret}@127.0.0.1:${proxy.port}`);
      expect(await failing()).toMatch(
        /^cannot trust the TLS certificate of aws\.company\.example.*; where a company proxy opens TLS, run: leapp settings set ca-bundle FILE$/,
      );
      await set("ca-bundle", ca.caFile);

      // Now all of it works, and all of it goes that way.
      await using terminal = onTerminal(company, ["integration", "login", "work"]);
      await company.answerPages(seen(company, await company.nextTab()));
      expect(await terminal.exited).toBe(0);
      await company.leapp(["integration", "sync", "work"]);
      const [session] = await company.sessions();
      expect((await company.generate(session!.id)).code).toBe(0);
      await company.leapp(["integration", "logout", "work"]);
      expect(new Set(proxy.seen.map(({ line }) => line))).toEqual(new Set([`CONNECT ${host}:443`]));
      const good = proxy.seen.filter(({ authorization }) => authorization === `Basic ${btoa(account)}`);
      expect(good.length).toBeGreaterThan(0);
      expect(company.sandbox.calls("RegisterClient")).toBe(1);
      expect(company.log()).not.toContain("s3cret");
    } finally {
      await Promise.all([proxy.close(), front.close()]);
      ca.remove();
    }
  },
  timeout,
);
