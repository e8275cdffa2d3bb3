/** Small servers on loopback that misbehave as networks do. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Running {
  port: number;
  url: string;
  close(): Promise<void>;
}

async function listen(server: net.Server, scheme = "http"): Promise<Running> {
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket: net.Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

export const httpServer = (answer: http.RequestListener) => listen(http.createServer(answer));
export const rawServer = (answer: (socket: net.Socket) => void) => listen(net.createServer(answer));
export const httpsServer = (certificate: { key: string; cert: string }, answer: http.RequestListener) =>
  listen(https.createServer(certificate, answer), "https");

export interface Proxy extends Running {
  /** `CONNECT host:port` or `POST url`, with what was given as Proxy-Authorization. */
  seen: { line: string; authorization: string | undefined }[];
}

/** A forward proxy that sends everything to one port, whatever host is asked for; 407 without the right password. */
export async function proxyServer(target: () => number, account?: string): Promise<Proxy> {
  const seen: Proxy["seen"] = [];
  const expected = account && `Basic ${Buffer.from(account).toString("base64")}`;
  const allowed = (request: http.IncomingMessage) => {
    const authorization = request.headers["proxy-authorization"];
    seen.push({ line: `${request.method} ${request.url}`, authorization });
    return !expected || authorization === expected;
  };
  const server = http.createServer((request, answer) => {
    if (!allowed(request)) return void answer.writeHead(407, { "proxy-authenticate": "Basic" }).end();
    const { pathname, search, host } = new URL(request.url ?? "");
    const options = { host: "127.0.0.1", port: target(), path: pathname + search, method: request.method };
    const onward = http.request({ ...options, headers: { ...request.headers, host } }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    request.pipe(onward);
  });
  server.on("connect", (request, socket) => {
    if (!allowed(request)) {
      socket.end(
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
      );
      return;
    }
    const onward = net.connect(target(), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy()).on("close", () => onward.destroy());
  });
  return { ...(await listen(server)), seen };
}

export interface Authority {
  caFile: string;
  /** A certificate for a host, signed by this authority. */
  certificate(host: string): { key: string; cert: string };
  remove(): void;
}

/** A certificate authority of the test's own, by openssl. */
export function authority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), "leapp-ca-"));
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const ca = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=leapp test authority", "-days", "2"];
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", ...ca);
  return {
    caFile: at("ca.pem"),
    certificate(host) {
      writeFileSync(at("extensions"), `subjectAltName=${/^[\d.]+$/.test(host) ? "IP" : "DNS"}:${host}`);
      const subject = ["-keyout", "host.key", "-out", "host.csr", "-subj", "/CN=host"];
      openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", ...subject);
      const signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
      openssl("x509", "-req", "-in", "host.csr", ...signing, "-extfile", "extensions", "-out", "host.pem");
      return { key: readFileSync(at("host.key"), "utf8"), cert: readFileSync(at("host.pem"), "utf8") };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
