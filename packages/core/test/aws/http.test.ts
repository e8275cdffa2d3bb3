import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createWire, wireOptions } from "../../src/aws/http.ts";
import { LeappError } from "../../src/errors.ts";
import { defaultSettings } from "../../src/model.ts";
import { rejection, thrown } from "../thrown.ts";
import {
  type Authority,
  authority,
  httpServer,
  httpsServer,
  proxyServer,
  type Running,
  rawServer,
} from "./servers.ts";

const clock = { now: () => Date.now() };
const get = { method: "GET" };
let running: Running[] = [];
afterEach(async () => {
  await Promise.all(running.map((server) => server.close()));
  running = [];
});
async function started<T extends Running>(server: Promise<T>): Promise<T> {
  running.push(await server);
  return server;
}

/** Variables that fetch would go by on its own must change nothing: only what is given as data counts. */
const variables = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];
const before = Object.fromEntries(variables.map((name) => [name, process.env[name]]));
beforeEach(() => {
  for (const name of variables) delete process.env[name];
});
afterAll(() => {
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

describe("a request", () => {
  test("arrives, and its answer comes back whole, whatever the status", async () => {
    const server = await started(
      httpServer((request, answer) => {
        request.on("data", (body) => {
          answer.writeHead(418, {
            "x-seen": `${request.method} ${request.url} ${request.headers["x-a"]} ${body}`,
          });
          answer.end("short and stout");
        });
      }),
    );
    const wire = createWire({ clock });
    const reply = await wire.fetch(`${server.url}/a?b=c%20d`, {
      method: "PUT",
      headers: { "x-a": "1" },
      body: "hey",
    });
    expect(reply.status).toBe(418);
    expect(reply.headers.get("x-seen")).toBe("PUT /a?b=c%20d 1 hey");
    expect(reply.body).toBe("short and stout");
  });

  test("is not redirected", async () => {
    let requests = 0;
    const server = await started(
      httpServer((_, answer) => {
        requests++;
        answer.writeHead(307, { location: "/elsewhere" }).end();
      }),
    );
    expect((await createWire({ clock }).fetch(server.url, get)).status).toBe(307);
    expect(requests).toBe(1);
  });

  test("notices by how much the clock is off", async () => {
    let date = "";
    const server = await started(
      httpServer((_, answer) => {
        answer.sendDate = false;
        answer.setHeader("date", date);
        answer.end();
      }),
    );
    const wire = createWire({ clock: { now: () => Date.parse("2026-11-22T20:00:00Z") } });
    expect(wire.skew()).toBeUndefined();
    date = "Sun, 22 Nov 2026 19:49:00 GMT";
    await wire.fetch(server.url, get);
    expect(wire.skew()).toBe(-11 * 60_000);
    date = "no date";
    await wire.fetch(server.url, get);
    expect(wire.skew()).toBe(-11 * 60_000);
  });

  test("does not use a connection again that lay idle for longer than half a minute", async () => {
    const ports = new Set<number | undefined>();
    const server = await started(
      httpServer((request, answer) => {
        ports.add(request.socket.remotePort);
        answer.end();
      }),
    );
    let now = 1_000_000;
    const wire = createWire({ clock: { now: () => now } });
    for (let i = 0; i < 6; i++) await wire.fetch(server.url, get);
    const used = ports.size;
    expect(used).toBeLessThan(4);
    now += 31_000;
    await wire.fetch(server.url, get);
    expect(ports.size).toBe(used + 1);
  });
});

describe("no answer", () => {
  test("refused", async () => {
    const server = await httpServer(() => {});
    await server.close();
    const error = await rejection(createWire({ clock }).fetch(server.url, get));
    expect(error.line).toBe(
      `cannot reach 127.0.0.1:${server.port} (ECONNREFUSED); check the network, VPN and proxy`,
    );
  });

  test("no such host", async () => {
    const error = await rejection(createWire({ clock }).fetch("https://sts.invalid/?Secret=1", get));
    expect(error.line).toBe("cannot find sts.invalid (ENOTFOUND); check the network, VPN and proxy");
  });

  test.each([
    ["before a byte", (socket: import("node:net").Socket) => socket.destroy()],
    [
      "half-way",
      (socket: import("node:net").Socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc"),
    ],
    ["with something else", (socket: import("node:net").Socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n\r\n")],
  ])("cut %s", async (_, answer) => {
    const server = await started(rawServer((socket) => socket.once("data", () => answer(socket))));
    const error = await rejection(createWire({ clock }).fetch(server.url, { method: "POST", body: "x" }));
    expect(error.code).toBe("network");
    expect(error.message).toContain(`cannot reach 127.0.0.1:${server.port}`);
  });

  test("hanging, before the head and in the body, ends with the timeout", async () => {
    const silent = await started(rawServer(() => {}));
    const endless = await started(
      httpServer((_, answer) => {
        answer.write("a");
      }),
    );
    for (const { url, port } of [silent, endless]) {
      const begun = performance.now();
      const error = await rejection(createWire({ clock }).fetch(url, { ...get, timeout: 150 }));
      expect(error.message).toBe(`127.0.0.1:${port} did not answer in time`);
      expect(error.code).toBe("network");
      expect(performance.now() - begun).toBeLessThan(1500);
    }
  });

  test("a caller's deadline or reason ends it", async () => {
    const silent = await started(rawServer(() => {}));
    const wire = createWire({ clock });
    const late = await rejection(wire.fetch(silent.url, { ...get, signal: AbortSignal.timeout(100) }));
    expect(late.code).toBe("network");
    const controller = new AbortController();
    const stopped = rejection(wire.fetch(silent.url, { ...get, signal: controller.signal }));
    controller.abort(new LeappError("vault-locked", "the vault is locked"));
    expect((await stopped).code).toBe("vault-locked");
    expect((await rejection(wire.fetch(silent.url, { ...get, signal: AbortSignal.abort() }))).code).toBe(
      "refused",
    );
  });

  test("an answer without end is cut off", async () => {
    const server = await started(
      httpServer((_, answer) => {
        const more = () => {
          while (answer.write(Buffer.alloc(65_536)));
          answer.once("drain", more);
        };
        more();
      }),
    );
    const error = await rejection(createWire({ clock }).fetch(server.url, { ...get, maxReply: 100_000 }));
    expect(error.message).toContain("too long");
  });

  test("no failure quotes the request", async () => {
    const tls = await started(httpServer(() => {}));
    const url = `https://127.0.0.1:${tls.port}/p4th?query=s3cret`;
    const error = await rejection(
      createWire({ clock }).fetch(url, { ...get, headers: { authorization: "h3ader" } }),
    );
    for (let each: unknown = error; each instanceof Error; each = each.cause) {
      expect(Bun.inspect({ ...each, text: String(each) })).not.toMatch(/s3cret|h3ader|p4th/);
    }
    expect(error.line).not.toMatch(/s3cret|h3ader|p4th/);
  });
});

describe("a proxy", () => {
  const account = "us@er:p:ä ss";
  const userinfo = `${encodeURIComponent("us@er")}:${encodeURIComponent("p:ä ss")}`;
  const basic = `Basic ${Buffer.from(account).toString("base64")}`;

  test("carries http with its user and password", async () => {
    const server = await started(httpServer((request, answer) => answer.end(`to ${request.headers.host}`)));
    const proxy = await started(proxyServer(() => server.port, account));
    const wire = createWire({ clock, proxy: { http: `http://${userinfo}@127.0.0.1:${proxy.port}` } });
    expect((await wire.fetch("http://aws.test/x", get)).body).toBe("to aws.test");
    expect(proxy.seen).toEqual([{ line: "GET http://aws.test/x", authorization: basic }]);
  });

  test("has its password fetched where the URL names only the user", async () => {
    const server = await started(httpServer((_, answer) => answer.end("ok")));
    const proxy = await started(proxyServer(() => server.port, account));
    const [user] = userinfo.split(":");
    const wire = createWire({
      clock,
      proxy: { http: `http://${user}@127.0.0.1:${proxy.port}` },
      proxyPassword: async () => "p:ä ss",
    });
    expect((await wire.fetch("http://aws.test/x", get)).body).toBe("ok");
    expect(proxy.seen).toEqual([{ line: "GET http://aws.test/x", authorization: basic }]);
  });

  test("carries https by CONNECT, and sees nothing of it", async () => {
    const trust = authority();
    try {
      const server = await started(
        httpsServer(trust.certificate("aws.test"), (_, answer) => answer.end("hello")),
      );
      const proxy = await started(proxyServer(() => server.port, account));
      const wire = createWire({
        clock,
        proxy: { https: `http://${userinfo}@127.0.0.1:${proxy.port}` },
        caFile: trust.caFile,
      });
      expect((await wire.fetch("https://aws.test/x", get)).body).toBe("hello");
      expect(proxy.seen).toEqual([{ line: "CONNECT aws.test:443", authorization: basic }]);
    } finally {
      trust.remove();
    }
  });

  test("that wants a password, or is not there, is named without it", async () => {
    const proxy = await started(proxyServer(() => 1, account));
    const wrong = createWire({ clock, proxy: { https: `http://me:hunter2@127.0.0.1:${proxy.port}` } });
    const refused = await rejection(wrong.fetch("https://aws.test/", get));
    expect(refused.line).toBe(
      `the proxy 127.0.0.1:${proxy.port} wants a user name and password; ` +
        "run: leapp settings set proxy http://USER:PASSWORD@HOST:PORT",
    );
    const unknown = createWire({ clock, proxy: { https: "http://me:hunter2@proxy.invalid:3128" } });
    const missing = await rejection(unknown.fetch("https://aws.test/", get));
    expect(missing.line).toBe(
      "cannot find the proxy proxy.invalid:3128 (ENOTFOUND); check the proxy proxy.invalid:3128",
    );
    const socks = createWire({ clock, proxy: { https: "socks5://me:hunter2@127.0.0.1:1080" } });
    const useless = await rejection(socks.fetch("https://aws.test/", get));
    expect(useless.code).toBe("invalid");
    for (const error of [refused, missing, useless]) expect(Bun.inspect(error)).not.toContain("hunter2");
  });

  test("is left out where NO_PROXY or loopback says so", async () => {
    const server = await started(httpServer((_, answer) => answer.end("direct")));
    const proxy = await started(proxyServer(() => 1));
    const wire = createWire({ clock, proxy: { http: proxy.url, https: proxy.url } });
    expect((await wire.fetch(`http://127.0.0.1:${server.port}/`, get)).body).toBe("direct");
    expect((await wire.fetch(`http://localhost:${server.port}/`, get)).body).toBe("direct");
    expect(proxy.seen).toEqual([]);
  });

  test("of the environment counts only when given as data", async () => {
    const server = await started(httpServer((_, answer) => answer.end("direct")));
    const proxy = await started(proxyServer(() => 1));
    for (const name of ["HTTP_PROXY", "http_proxy"]) process.env[name] = proxy.url;
    expect((await createWire({ clock }).fetch(`http://127.0.0.1:${server.port}/`, get)).body).toBe("direct");
    const elsewhere = await rejection(createWire({ clock }).fetch("http://aws.invalid/", get));
    expect(elsewhere.message).toBe("cannot find aws.invalid (ENOTFOUND)");
    expect(proxy.seen).toEqual([]);
  });
});

describe("certificates", () => {
  let trust: Authority;
  const folder = mkdtempSync(join(tmpdir(), "leapp-http-"));
  beforeAll(() => {
    trust = authority();
  });
  afterAll(() => {
    trust.remove();
    rmSync(folder, { recursive: true });
  });

  test("an unknown authority is refused, and named as what to do about it", async () => {
    const server = await started(httpsServer(trust.certificate("127.0.0.1"), (_, answer) => answer.end()));
    const error = await rejection(createWire({ clock }).fetch(server.url, get));
    expect(error.code).toBe("network");
    expect(error.line).toMatch(
      /cannot trust the TLS certificate of 127\.0\.0\.1:\d+ \(\w+\); .* ca-bundle FILE$/,
    );
  });

  test("a further authority is trusted", async () => {
    const server = await started(
      httpsServer(trust.certificate("127.0.0.1"), (_, answer) => answer.end("hello")),
    );
    const wire = createWire({ clock, caFile: trust.caFile });
    expect((await wire.fetch(server.url, get)).body).toBe("hello");
  });

  test("another host's certificate is refused even so", async () => {
    const server = await started(httpsServer(trust.certificate("other.test"), (_, answer) => answer.end()));
    const error = await rejection(createWire({ clock, caFile: trust.caFile }).fetch(server.url, get));
    expect(error.message).toContain("(ERR_TLS_CERT_ALTNAME_INVALID)");
  });

  test("a file that is missing or holds none is said so, and mended without a new wire", async () => {
    const server = await started(
      httpsServer(trust.certificate("127.0.0.1"), (_, answer) => answer.end("hello")),
    );
    const caFile = join(folder, "late.pem");
    const wire = createWire({ clock, caFile });
    expect((await rejection(wire.fetch(server.url, get))).line).toMatch(
      /^cannot read the certificate file .*late\.pem/,
    );
    const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (const content of ["", "junk", broken]) {
      writeFileSync(caFile, content);
      const error = await rejection(wire.fetch(server.url, get));
      expect(error.code).toBe("file");
      expect(error.message).toBe(`${caFile} is not a PEM file of certificates`);
    }
    writeFileSync(caFile, await Bun.file(trust.caFile).text());
    expect((await wire.fetch(server.url, get)).body).toBe("hello");
  });
});

describe("endpoints", () => {
  test.each([
    ["sts", "eu-west-1", "https://sts.eu-west-1.amazonaws.com"],
    ["sts", "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"],
    ["sts", "us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com"],
    ["sts", "eusc-de-east-1", "https://sts.eusc-de-east-1.amazonaws.eu"],
    ["sts", "us-iso-east-1", "https://sts.us-iso-east-1.c2s.ic.gov"],
    ["sts", "us-isob-east-1", "https://sts.us-isob-east-1.sc2s.sgov.gov"],
    ["sso", "eu-west-1", "https://portal.sso.eu-west-1.amazonaws.com"],
    ["ssoOidc", "cn-north-1", "https://oidc.cn-north-1.amazonaws.com.cn"],
  ] as const)("%s in %s", (service, region, url) => {
    expect(createWire({ clock }).endpoint(service, region)).toBe(url);
  });

  test("an override of the call goes before the service's, and that before the one for all", () => {
    const wire = createWire({ clock, endpoints: { all: "http://all:1/", sts: "http://sts:1" } });
    expect(wire.endpoint("sso", "eu-west-1")).toBe("http://all:1");
    expect(wire.endpoint("sts", "eu-west-1")).toBe("http://sts:1");
    expect(wire.endpoint("sts", "eu-west-1", "http://mine:1")).toBe("http://mine:1");
    expect(thrown(() => wire.endpoint("sts", "eu-wset-1")).code).toBe("invalid");
    expect(
      thrown(() => createWire({ clock, endpoints: { all: "localhost:4566" } }).endpoint("sts", "eu-west-1"))
        .code,
    ).toBe("invalid");
  });

  test("come from the settings, else from the environment", () => {
    const env = {
      AWS_ENDPOINT_URL: "http://env:1",
      AWS_ENDPOINT_URL_STS: "http://env:2",
      https_proxy: "http://lower:1",
      HTTPS_PROXY: "http://upper:1",
      ALL_PROXY: "http://every:1",
      NO_PROXY: "a,b",
      AWS_CA_BUNDLE: "/env.pem",
    };
    expect(wireOptions(defaultSettings, env)).toEqual({
      endpoints: { all: "http://env:1", sts: "http://env:2", sso: undefined, ssoOidc: undefined },
      proxy: { http: "http://every:1", https: "http://lower:1" },
      noProxy: "a,b",
      caFile: "/env.pem",
    });
    const settings = {
      ...defaultSettings,
      proxy: "http://set:1",
      "no-proxy": "c",
      "ca-bundle": "/set.pem",
      "endpoint-url": "http://set:2",
      "endpoint-url-sts": "http://set:3",
    };
    expect(wireOptions(settings, env)).toMatchObject({
      endpoints: { all: "http://set:2", sts: "http://set:3" },
      proxy: { http: "http://set:1", https: "http://set:1" },
      noProxy: "c",
      caFile: "/set.pem",
    });
    const ignored = { ...env, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "True" };
    expect(wireOptions(defaultSettings, ignored).endpoints?.all).toBeUndefined();
    expect(wireOptions(defaultSettings, {})).toMatchObject({ proxy: { http: undefined }, caFile: undefined });
  });
});
