import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Listen } from "../../../core/src/identity/sso-sign-in.ts";

/** Nothing is loaded, framed or kept, and the address with the code in it goes nowhere. */
const headers = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  connection: "close",
};

/** The server of one sign-in: 127.0.0.1 only, a port of the system's choice. */
export const listenForCallback: Listen = async (answer) => {
  const server = createServer(
    { maxHeaderSize: 16 * 1024, requestTimeout: 10_000 },
    async (request, response) => {
      const url = URL.parse(request.url ?? "/", "http://127.0.0.1");
      try {
        const { status, html } = await answer({
          method: request.method ?? "",
          host: request.headers.host ?? "",
          path: url?.pathname ?? "/",
          query: url?.searchParams ?? new URLSearchParams(),
        });
        response.writeHead(status, headers).end(html);
      } catch {
        response.writeHead(500, headers).end();
      }
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      // An answer under way still goes out, since a browser waits for it.
      server.close();
      server.closeIdleConnections();
    },
  };
};
