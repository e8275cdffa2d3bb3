/** The wire: HTTP to AWS through proxies and company certificates. The only place of the core that sends anything. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { LeappError } from "../errors.ts";
import type { Region, Settings } from "../model.ts";
import type { Clock } from "../ports.ts";
import { networkCode, networkFailure } from "./failure.ts";
import { proxyFor, type ProxyOptions } from "./proxy.ts";
import { partitionOf, shorten } from "./regions.ts";

export type Service = "sts" | "sso" | "ssoOidc";

export interface WireOptions extends ProxyOptions {
  /** Base URLs instead of AWS's; `all` where the service has none of its own. */
  endpoints?: Partial<Record<Service | "all", string>>;
  /** PEM file of certificate authorities trusted beside the built-in ones. */
  caFile?: string;
}

export interface WireRequest {
  method: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
  signal?: AbortSignal | undefined;
  /** Milliseconds from the first byte sent to the last one read; 10,000 when absent. */
  timeout?: number;
  /** Bytes a reply may have; 4 MiB when absent. */
  maxReply?: number;
}

export interface WireReply {
  status: number;
  headers: Headers;
  body: string;
}

export interface Wire {
  readonly clock: Pick<Clock, "now">;
  /**
   * Base URL of a service without a slash at its end: the override, the one of the options, or AWS's own of the
   * region, in every partition.
   * @throws LeappError `invalid` for a region that does not exist or an override that is no http(s) URL.
   */
  endpoint(service: Service, region: Region, override?: string): string;
  /**
   * One request, any status; redirects are not followed.
   * @throws LeappError `network` when there is no answer, `file` or `invalid` for a wrong CA file or proxy setting,
   * or the signal's reason where that is a LeappError. A query or a header never shows in it.
   */
  fetch(url: string, request: WireRequest): Promise<WireReply>;
  /** Milliseconds that AWS's clock was ahead of ours at its last answer; undefined before the first. */
  skew(): number | undefined;
}

const hosts: Record<Service, string> = { sts: "sts", sso: "portal.sso", ssoOidc: "oidc" };

/** A pooled connection unused for longer may have died while the machine slept, and would eat the whole timeout. */
const reuseFor = 30_000;

export function createWire(options: WireOptions & { clock: Pick<Clock, "now"> }): Wire {
  const { clock, endpoints = {}, caFile } = options;
  let authorities: Promise<string[]> | undefined;
  let skew: number | undefined;
  let answeredAt = Number.NEGATIVE_INFINITY;

  /** Read once; a failure is not kept, for the file may be mended while the agent lives. */
  function readAuthorities(file: string): Promise<string[]> {
    authorities ??= loadAuthorities(file).catch((error) => {
      authorities = undefined;
      throw error;
    });
    return authorities;
  }

  return {
    clock,
    skew: () => skew,

    endpoint(service, region, override) {
      const { dnsSuffix } = partitionOf(region);
      const given = override || endpoints[service] || endpoints.all;
      if (!given) return `https://${hosts[service]}.${region}.${dnsSuffix}`;
      if (/^https?:$/.test(URL.parse(given)?.protocol ?? "")) return given.replace(/\/+$/, "");
      throw new LeappError("invalid", `"${shorten(given)}" is not the URL of an endpoint`, {
        hint: "a good one looks like http://127.0.0.1:4566",
      });
    },

    async fetch(address, { method, headers, body, signal, timeout = 10_000, maxReply = 4 * 1024 * 1024 }) {
      const url = new URL(address);
      const proxy = proxyFor(url, options);
      if (proxy?.username && !proxy.password) {
        proxy.password = encodeURIComponent((await options.proxyPassword?.()) ?? "");
      }
      const limit = AbortSignal.timeout(timeout);
      const either = signal ? AbortSignal.any([signal, limit]) : limit;
      const init: BunFetchRequestInit = {
        method,
        headers,
        body,
        redirect: "manual",
        signal: either,
        keepalive: clock.now() - answeredAt < reuseFor,
        // False and not absent: fetch would go by the environment's own proxy variables.
        proxy: (proxy?.href ?? false) as string,
      };
      if (caFile && url.protocol === "https:") init.tls = { ca: await readAuthorities(caFile) };
      try {
        either.throwIfAborted();
        const response = await fetch(url, init);
        const text = await boundedText(response, maxReply);
        answeredAt = clock.now();
        const date = Date.parse(response.headers.get("date") ?? "");
        if (Number.isFinite(date)) skew = date - answeredAt;
        return { status: response.status, headers: response.headers, body: text };
      } catch (error) {
        if (error instanceof LeappError) throw error;
        if (signal?.aborted && signal.reason instanceof LeappError) throw signal.reason;
        const code = either.aborted
          ? ((either.reason as Error | undefined)?.name ?? "AbortError")
          : networkCode(error);
        throw networkFailure(code, { host: url.host, proxy: proxy?.host, skew, error });
      }
    },
  };
}

async function boundedText(response: Response, most: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > most) {
      throw new LeappError("network", `the answer of ${new URL(response.url).host} is too long to be AWS's`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The file's certificates and the built-in ones. @throws LeappError `file` */
async function loadAuthorities(file: string): Promise<string[]> {
  const hint = "run: leapp settings set ca-bundle FILE (or mend AWS_CA_BUNDLE)";
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new LeappError("file", `cannot read the certificate file ${file}`, { hint, cause });
  }
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    if (certificates.length === 0) throw new Error("no certificate in it");
    for (const certificate of certificates) new X509Certificate(certificate);
  } catch (cause) {
    throw new LeappError("file", `${file} is not a PEM file of certificates`, { hint, cause });
  }
  const { rootCertificates } = await import("node:tls");
  return [...rootCertificates, ...certificates];
}

/**
 * Where the settings leave room, the environment counts: AWS_ENDPOINT_URL and its service variants, HTTPS_PROXY,
 * HTTP_PROXY, ALL_PROXY, NO_PROXY (either case) and AWS_CA_BUNDLE. The environment comes in as data.
 */
export function wireOptions(settings: Settings, env: Record<string, string | undefined>): WireOptions {
  const variable = (name: string) => env[name.toLowerCase()] || env[name] || undefined;
  const urls = env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS?.toLowerCase() === "true" ? {} : env;
  return {
    endpoints: {
      all: settings["endpoint-url"] || urls.AWS_ENDPOINT_URL || undefined,
      sts: settings["endpoint-url-sts"] || urls.AWS_ENDPOINT_URL_STS || undefined,
      sso: settings["endpoint-url-sso"] || urls.AWS_ENDPOINT_URL_SSO || undefined,
      ssoOidc: settings["endpoint-url-sso-oidc"] || urls.AWS_ENDPOINT_URL_SSO_OIDC || undefined,
    },
    proxy: {
      http: settings.proxy || variable("HTTP_PROXY") || variable("ALL_PROXY"),
      https: settings.proxy || variable("HTTPS_PROXY") || variable("ALL_PROXY"),
    },
    noProxy: settings["no-proxy"] || variable("NO_PROXY"),
    caFile: settings["ca-bundle"] || env.AWS_CA_BUNDLE || undefined,
  };
}
