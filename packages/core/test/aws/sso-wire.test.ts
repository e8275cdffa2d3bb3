import { expect, test } from "bun:test";
import { SSOClient } from "@aws-sdk/client-sso";
import { SSOOIDCClient } from "@aws-sdk/client-sso-oidc";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createWire } from "../../src/aws/http.ts";
import { regions } from "../../src/aws/regions.ts";
import { getRoleCredentials, listAccounts } from "../../src/aws/sso.ts";
import type { SsoError } from "../../src/aws/sso-call.ts";
import { createToken, normalStartUrl } from "../../src/aws/sso-oidc.ts";

const clock = { now: () => Date.parse("2026-11-22T20:00:00Z"), at: () => () => {} };

test("hosts are those of the SDK, in every region of every partition", () => {
  const wire = createWire({ clock });
  const credentials = { accessKeyId: "none", secretAccessKey: "none" };
  const clients = [
    ["sso", new SSOClient({ region: "us-east-1", credentials })],
    ["ssoOidc", new SSOOIDCClient({ region: "us-east-1", credentials })],
  ] as const;
  expect(regions().length).toBeGreaterThan(30);
  for (const { region } of regions()) {
    for (const [service, { config }] of clients) {
      const { url } = config.endpointProvider({ Region: region, UseDualStack: false, UseFIPS: false });
      expect(wire.endpoint(service, region)).toBe(url.origin);
    }
  }
});

/** A server that gives one answer; what it was asked is in the result. */
async function against<T>(
  answer: (response: ServerResponse) => void,
  ask: (wire: ReturnType<typeof createWire>) => Promise<T>,
): Promise<{ outcome: T | SsoError; asked: { url: string; headers: Record<string, unknown> } }> {
  const asked = { url: "", headers: {} };
  const server = createServer((request, response) => {
    Object.assign(asked, { url: request.url, headers: request.headers });
    request.resume().on("end", () => answer(response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const all = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`;
  const outcome = await ask(createWire({ clock, endpoints: { all } })).catch((error) => error);
  server.closeAllConnections();
  server.close();
  return { outcome, asked };
}

const options = { region: "eu-west-1", accessToken: "t" };
const send =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));

test("the token goes in its header, never in the address", async () => {
  const { asked } = await against(send(200, { accountList: [] }), (wire) =>
    listAccounts(wire, options, "a+b/="),
  );
  expect(asked.url).toBe("/base/assignment/accounts?max_result=100&next_token=a%2Bb%2F%3D");
  expect(asked.headers["x-amz-sso_bearer_token"]).toBe("t");
});

const portalAnswers: [
  string,
  (response: ServerResponse) => void,
  string,
  string,
  string | undefined,
  number?,
][] = [
  ["401", send(401, { message: "x" }), "sign-in-needed", "does not accept the access token", "token-dead"],
  ["403", send(403, { message: "No access." }), "access-denied", "said no: No access", "forbidden"],
  [
    "429 with seconds",
    send(429, "", { "retry-after": "3" }),
    "aws-unavailable",
    "throttles",
    "throttled",
    3000,
  ],
  [
    "429 with a date",
    send(429, {}, { date: "Sun, 22 Nov 2026 20:00:00 GMT", "retry-after": "Sun, 22 Nov 2026 20:00:07 GMT" }),
    "aws-unavailable",
    "throttles",
    "throttled",
    7000,
  ],
  [
    "429 with a week",
    send(429, {}, { "retry-after": "604800" }),
    "aws-unavailable",
    "throttles",
    "throttled",
    120_000,
  ],
  [
    "429 with nonsense",
    send(429, {}, { "retry-after": "soon" }),
    "aws-unavailable",
    "throttles",
    "throttled",
  ],
  ["503 in HTML", send(503, "<html>"), "aws-unavailable", "unwell (http 503)", "unwell"],
  ["a captive portal", send(200, "<html>log in</html>"), "network", "something that is not AWS's", undefined],
  ["a proxy's 403", send(403, "<html>blocked</html>"), "network", "something that is not AWS's", undefined],
  [
    "a redirect",
    send(302, "", { location: "http://127.0.0.1:1/" }),
    "network",
    "something that is not AWS's",
    undefined,
  ],
  ["no list", send(200, {}), "aws-unavailable", "lacks accountList", "unwell"],
  [
    "an exception by name",
    send(400, { __type: "x#TooManyRequestsException" }),
    "aws-unavailable",
    "throttles",
    "throttled",
  ],
  [
    "an unknown one",
    send(400, { message: "Bad\nthing." }),
    "invalid",
    "refused the request: Bad thing",
    "other",
  ],
];
for (const [name, answer, code, words, reason, retryAfter] of portalAnswers) {
  test(`the portal answers with ${name}`, async () => {
    const { outcome } = await against(answer, (wire) => listAccounts(wire, options));
    const error = outcome as SsoError;
    expect([error.code, error.reason, error.retryAfter]).toEqual([
      code as never,
      reason as never,
      retryAfter,
    ]);
    expect(error.message).toContain(words);
    expect(error.message).not.toMatch(/[\n.]$|\n/);
  });
}

const oidcAnswers: [string, Record<string, string>, string][] = [
  ["authorization_pending", {}, "pending"],
  ["slow_down", {}, "slow-down"],
  ["expired_token", {}, "expired"],
  ["access_denied", {}, "denied"],
  ["invalid_client", {}, "invalid-client"],
  ["unauthorized_client", {}, "invalid-client"],
  ["invalid_grant", {}, "invalid-grant"],
  [
    "invalid_request",
    { "x-amzn-errortype": "InvalidGrantException:http://internal.amazon.com/" },
    "invalid-grant",
  ],
  ["invalid_request", {}, "other"],
];
for (const [error, headers, reason] of oidcAnswers) {
  test(`SSO-OIDC answers with ${error} ${Object.values(headers)}`, async () => {
    const client = { clientId: "c", clientSecret: "s", expiresAt: 0 };
    const { outcome } = await against(send(400, { error, error_description: "." }, headers), (wire) =>
      createToken(wire, clock, client, { type: "refresh", refreshToken: "r" }, options),
    );
    expect((outcome as SsoError).reason).toBe(reason as never);
  });
}

test("credentials without a part are refused", async () => {
  const { outcome } = await against(
    send(200, { roleCredentials: { accessKeyId: "a", expiration: 1 } }),
    (wire) => getRoleCredentials(wire, clock, options, "111122223333", "Admin"),
  );
  expect((outcome as SsoError).message).toBe("iam identity center's answer lacks the credentials");
});

test("start urls as people paste them", () => {
  for (const given of [
    "https://acme.awsapps.com/start",
    " https://ACME.awsapps.com/start/ ",
    "https://acme.awsapps.com/start#/",
    "https://acme.awsapps.com/start/#/?tab=accounts",
    "https://acme.awsapps.com/start?x=1",
  ]) {
    expect(normalStartUrl(given)).toBe("https://acme.awsapps.com/start");
  }
  expect(normalStartUrl("https://identitycenter.amazonaws.com/ssoins-1234")).toBe(
    "https://identitycenter.amazonaws.com/ssoins-1234",
  );
  expect(normalStartUrl("http://127.0.0.1:8080/start")).toBe("http://127.0.0.1:8080/start");
  for (const wrong of [
    "",
    "acme",
    "http://acme.awsapps.com/start",
    "file:///etc",
    "https://me:pw@acme.example/",
  ]) {
    expect(() => normalStartUrl(wrong), wrong).toThrow();
  }
});
