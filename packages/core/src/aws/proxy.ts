/** Whether a request goes through a proxy, and which. */
import { LeappError } from "../errors.ts";

export interface ProxyOptions {
  /** Proxy URL by the scheme of the request; may hold `user:password`. */
  proxy?: { http?: string; https?: string };
  /** Asked for when the proxy's URL names a user without a password. */
  proxyPassword?: () => Promise<string | undefined>;
  /** Hosts without a proxy, separated by commas or blanks, as in the NO_PROXY variable. */
  noProxy?: string;
}

/**
 * The proxy for a URL, or undefined. This machine itself is always reached without one, as in Go: a proxy
 * elsewhere could not reach our loopback.
 * @throws LeappError `invalid` for a proxy URL that cannot be used.
 */
export function proxyFor(url: URL, options: ProxyOptions): URL | undefined {
  const given = url.protocol === "https:" ? options.proxy?.https : options.proxy?.http;
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  if (!given || isLoopback(host) || isExempt(host, port, options.noProxy ?? "")) return undefined;
  const proxy = URL.parse(/^[a-z0-9]+:\/\//i.test(given) ? given : `http://${given}`);
  if (!proxy || !/^https?:$/.test(proxy.protocol) || !proxy.hostname) {
    // Not shown: it may hold a password.
    throw new LeappError("invalid", "the proxy is not an http or https URL", {
      hint: "run: leapp settings set proxy http://HOST:PORT (or mend HTTPS_PROXY)",
    });
  }
  return proxy;
}

function isLoopback(host: string): boolean {
  return (
    host === "localhost" || host.endsWith(".localhost") || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host)
  );
}

/** curl's rules: `*`, a host, a domain with or without a leading dot (both with sub-domains), `:port`, IPv4 CIDR. */
function isExempt(host: string, port: string, list: string): boolean {
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean)
    .some((entry) => {
      if (entry === "*") return true;
      const network = /^([\d.]+)\/(\d{1,2})$/.exec(entry);
      if (network) return inNetwork(host, network[1]!, Number(network[2]));
      const [, name = entry, onlyPort] = /^([^:]+|\[.*\]):(\d+)$/.exec(entry) ?? [];
      if (onlyPort && onlyPort !== port) return false;
      const domain = name.replace(/^\*?\.|^\[|\]$/g, "");
      return host === domain || host.endsWith(`.${domain}`);
    });
}

function inNetwork(host: string, network: string, bits: number): boolean {
  const [a, b] = [ipv4(host), ipv4(network)];
  if (a === undefined || b === undefined || bits > 32) return false;
  const size = 2 ** (32 - bits);
  return Math.floor(a / size) === Math.floor(b / size);
}

function ipv4(text: string): number | undefined {
  const parts = text.split(".").map(Number);
  const good = parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part < 256);
  return good ? parts.reduce((sum, part) => sum * 256 + part, 0) : undefined;
}
