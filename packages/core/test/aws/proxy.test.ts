import { expect, test } from "bun:test";
import { proxyFor } from "../../src/aws/proxy.ts";

const proxy = { http: "http://proxy:1", https: "proxy:2" };
const goesThrough = (url: string, noProxy: string) =>
  proxyFor(new URL(url), { proxy, noProxy }) !== undefined;

test("each scheme has its proxy, and a bare host is an http one", () => {
  expect(proxyFor(new URL("http://a.test"), { proxy })?.href).toBe("http://proxy:1/");
  expect(proxyFor(new URL("https://a.test"), { proxy })?.href).toBe("http://proxy:2/");
  expect(proxyFor(new URL("https://a.test"), {})).toBeUndefined();
});

test.each([
  ["https://sts.eu-west-1.amazonaws.com", "amazonaws.com"],
  ["https://sts.eu-west-1.amazonaws.com", ".amazonaws.com"],
  ["https://sts.eu-west-1.amazonaws.com", "*.amazonaws.com"],
  ["https://sts.eu-west-1.amazonaws.com", "other.test, STS.eu-west-1.AMAZONAWS.com"],
  ["https://sts.eu-west-1.amazonaws.com", "other.test amazonaws.com:443"],
  ["https://aws.test:8443", "aws.test:8443"],
  ["https://aws.test", "*"],
  ["http://10.1.2.3", "10.1.2.3"],
  ["http://10.1.2.3", "10.0.0.0/8"],
  ["http://10.1.2.3", "0.0.0.0/0"],
  ["http://[fd00::1]:8080", "fd00::1"],
  ["http://[fd00::1]:8080", "[fd00::1]:8080"],
  ["http://localhost:1", ""],
  ["http://a.localhost", ""],
  ["https://127.1.2.3", ""],
  ["https://[::1]", ""],
])("%s goes straight with %p", (url, noProxy) => expect(goesThrough(url, noProxy)).toBe(false));

test.each([
  ["https://sts.eu-west-1.amazonaws.com", ""],
  ["https://sts.eu-west-1.amazonaws.com", "zonaws.com"],
  ["https://sts.eu-west-1.amazonaws.com", "amazonaws.com:8443"],
  ["https://sts.eu-west-1.amazonaws.com", "amazonaws.com.cn"],
  ["http://11.1.2.3", "10.0.0.0/8"],
  ["http://10.1.2.3", "10.1.2.3/33"],
  ["http://10.1.2.3", "10.1.2/24"],
  ["https://127.0.0.1.evil.test", ""],
])("%s goes through the proxy with %p", (url, noProxy) => expect(goesThrough(url, noProxy)).toBe(true));
