/** What the person reads for each of AWS's answers, through the real client and over real HTTP. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type http from "node:http";
import { createWire } from "../../src/aws/http.ts";
import { createSts, type Sts } from "../../src/aws/sts.ts";
import type { ErrorCode, LeappError } from "../../src/errors.ts";
import { rejection } from "../thrown.ts";
import { httpServer, type Running } from "./servers.ts";

let server: Running;
let answer: http.RequestListener;
let requests = 0;
let sts: Sts;
beforeAll(async () => {
  server = await httpServer((request, reply) => {
    requests++;
    answer(request, reply);
  });
  sts = createSts(createWire({ clock: { now: () => Date.now() }, endpoints: { sts: server.url } }));
});
afterAll(() => server.close());

const secret = "wJalr+secret/key".padEnd(40, "x");
const token = "FwoGZXIvYXdzEJr".padEnd(300, "Q/+");
const keys = { accessKeyId: `ASIA${"T".repeat(16)}`, secretAccessKey: secret, sessionToken: token };
const target = { region: "eu-west-1", keys };
const role = "arn:aws:iam::123456789012:role/dev";
const calls = {
  token: () =>
    sts.getSessionToken({ durationSeconds: 43_200, mfa: { device: "GAHT12345678", code: "123456" } }, target),
  role: () => sts.assumeRole({ roleArn: role, roleSessionName: "me", durationSeconds: 7200 }, target),
  who: () => sts.getCallerIdentity(target),
  saml: () =>
    sts.assumeRoleWithSaml({ roleArn: role, idpArn: "arn", assertion: secret }, { region: "eu-west-1" }),
  web: () =>
    sts.assumeRoleWithWebIdentity({ roleArn: role, roleSessionName: "me", token }, { region: "eu-west-1" }),
};

const refusal = (
  code: string,
  message: string,
) => `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r-1</RequestId>
</ErrorResponse>`;

function answering(status: number, body: string, headers: Record<string, string> = {}): void {
  requests = 0;
  answer = (_, reply) => reply.writeHead(status, { "content-type": "text/xml", ...headers }).end(body);
}

/** The call, AWS's status, code and sentence, then our code and line. */
const table: [keyof typeof calls, number, string, string, ErrorCode, string][] = [
  [
    "role",
    403,
    "AccessDenied",
    "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: sts:AssumeRole on resource: " +
      role,
    "access-denied",
    `AWS does not let you assume ${role}: User: arn:aws:iam::123456789012:user/ada is not authorized to perform: ` +
      `sts:AssumeRole on resource: ${role}; ` +
      "check the role's trust policy, its external id and MFA conditions, and your own policies",
  ],
  [
    "role",
    400,
    "ValidationError",
    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    "invalid",
    `AWS does not grant 7200 s for ${role}: The requested DurationSeconds exceeds the MaxSessionDuration set for ` +
      "this role; run: leapp session edit SESSION --duration 3600",
  ],
  [
    "role",
    400,
    "MalformedPolicyDocument",
    "Syntax errors in policy.",
    "invalid",
    "AWS does not take the session's policy or tags (MalformedPolicyDocument): Syntax errors in policy; " +
      "run: leapp session edit",
  ],
  [
    "role",
    403,
    "RegionDisabledException",
    "STS is not activated in this region",
    "invalid",
    "AWS STS is not active in this session's region (RegionDisabledException); " +
      "activate it in the account's settings or run: leapp session change-region",
  ],
  [
    "token",
    403,
    "AccessDenied",
    "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
    "mfa-rejected",
    "AWS did not accept the MFA code; each code works once: wait for the next one",
  ],
  [
    "token",
    403,
    "AccessDenied",
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid",
    "invalid",
    "AWS does not know this MFA device for this user; run: leapp session edit SESSION --mfa-device ARN",
  ],
  [
    "token",
    403,
    "AccessDenied",
    "Cannot call GetSessionToken with session credentials",
    "invalid",
    "these are temporary keys; an IAM user session needs long-term ones; " +
      "run: leapp session edit SESSION --access-key-id ID --secret-access-key-stdin",
  ],
  [
    "token",
    403,
    "InvalidClientTokenId",
    "The security token included in the request is invalid.",
    "keys-rejected",
    "AWS does not know these access keys (InvalidClientTokenId); " +
      "they are inactive, deleted, mistyped or of another partition; run: leapp session edit",
  ],
  [
    "who",
    403,
    "SignatureDoesNotMatch",
    `The Canonical String for this request should have been 'POST x-amz-security-token:${token} ${secret}'`,
    "keys-rejected",
    "AWS does not accept the secret access key (SignatureDoesNotMatch); " +
      "run: leapp session edit SESSION --secret-access-key-stdin",
  ],
  [
    "who",
    403,
    "ExpiredToken",
    "The security token included in the request is expired",
    "keys-rejected",
    "AWS says that the credentials used have expired (ExpiredToken); run the command again",
  ],
  [
    "who",
    403,
    "SomethingNew",
    `Words about ${secret} and ${token} and eyJhbGciOi.eyJzdWIiOiI.c2ln`,
    "access-denied",
    "AWS refused GetCallerIdentity (SomethingNew): Words about ... and ... and ...; see AWS's own words",
  ],
  [
    "saml",
    400,
    "ExpiredTokenException",
    "Token must be redeemed within 5 minutes of issuance",
    "keys-rejected",
    "the SAML assertion has expired (ExpiredTokenException); get a new one and try again",
  ],
  [
    "web",
    400,
    "InvalidIdentityToken",
    "Incorrect token audience",
    "access-denied",
    "AWS does not accept the web identity token (InvalidIdentityToken): Incorrect token audience; " +
      "check the identity provider in IAM, its audience and the role's trust policy",
  ],
];

describe("AWS says no", () => {
  test.each(table)("%s: %p %s", async (call, status, code, sentence, expected, line) => {
    answering(status, refusal(code, sentence));
    const error = await rejection(calls[call]());
    expect(error.code).toBe(expected);
    expect(error.line).toBe(line);
    expect(requests).toBe(1);
    expectNoSecret(error);
  });
});

describe("AWS cannot", () => {
  test.each([
    [400, "Throttling", "Rate exceeded", /^AWS throttles AssumeRole \(Throttling\); try again in a minute$/],
    [
      503,
      "ServiceUnavailable",
      "",
      /^127\.0\.0\.1:\d+ is unwell \(ServiceUnavailable\); try again in a minute$/,
    ],
    [500, "InternalFailure", "", /is unwell \(InternalFailure\)/],
    [400, "IDPCommunicationError", "", /is unwell \(IDPCommunicationError\)/],
  ])("%p %s is tried three times", async (status, code, sentence, line) => {
    answering(status, refusal(code, sentence));
    const error = await rejection(calls.role());
    expect(error.code).toBe("aws-unavailable");
    expect(error.line).toMatch(line);
    expect(requests).toBe(3);
  });

  test("a server without words is one that is unwell", async () => {
    answering(502, "<html>Bad gateway</html>", { "content-type": "text/html" });
    expect((await rejection(calls.role())).message).toMatch(/is unwell \(HTTP 502\)$/);
    answering(429, "");
    expect((await rejection(calls.role())).message).toBe("AWS throttles AssumeRole (HTTP 429)");
  });

  test("the third try may succeed", async () => {
    requests = 0;
    answer = (_, reply) => {
      if (requests < 3) return void reply.destroy();
      reply.writeHead(200, { "content-type": "text/xml" }).end(
        `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
          <Arn>arn:aws:iam::123456789012:user/ada</Arn><UserId>U</UserId><Account>123456789012</Account>
        </GetCallerIdentityResult></GetCallerIdentityResponse>`,
      );
    };
    expect((await calls.who()).arn).toBe("arn:aws:iam::123456789012:user/ada");
    expect(requests).toBe(3);
  });
});

describe("something else answers", () => {
  test.each([
    [200, "<html>Welcome to the hotel's network</html>", "something that is not AWS's"],
    [302, "", "HTTP 302 and no AWS error"],
    [403, "<html><body>Blocked by policy</body></html>", "HTTP 403 and no AWS error"],
    [404, "not found", "HTTP 404 and no AWS error"],
  ])("%p %p", async (status, body, words) => {
    answering(status, body, { "content-type": "text/html", location: "http://127.0.0.1:1/" });
    for (const call of [calls.role, calls.who]) {
      const error = await rejection(call());
      expect(error.code).toBe("network");
      expect(error.line).toBe(
        `127.0.0.1:${server.port} answered with ${words}; check for a proxy or sign-in page in between`,
      );
    }
  });

  test("credentials that cannot be read are not quoted", async () => {
    answering(
      200,
      `<AssumeRoleResponse><AssumeRoleResult><Credentials><SecretAccessKey>${secret}</SecretAccessKey>`,
    );
    expectNoSecret(await rejection(calls.role()));
    answering(
      200,
      `<AssumeRoleResponse><AssumeRoleResult><Credentials><SecretAccessKey>${secret}</SecretAccessKey>
      </Credentials></AssumeRoleResult></AssumeRoleResponse>`,
    );
    const error = await rejection(calls.role());
    expect(error.message).toMatch(/answered with something that is not AWS's$/);
    expectNoSecret(error);
  });
});

describe("a wrong clock", () => {
  const at = (minutes: number) => ({ date: new Date(Date.now() + minutes * 60_000).toUTCString() });
  test.each([
    [
      "SignatureDoesNotMatch",
      "Signature expired: 20261122T193000Z is now earlier than 20261122T200000Z",
      30,
      "30 min behind AWS's",
    ],
    [
      "SignatureDoesNotMatch",
      "Signature not yet current: x is still later than y",
      -11,
      "11 min ahead of AWS's",
    ],
    ["SignatureDoesNotMatch", "The request signature we calculated does not match", 600, "10 h behind AWS's"],
    ["RequestExpired", "Request has expired.", -4320, "3 days ahead of AWS's"],
    ["RequestTimeTooSkewed", "", 0, "too far from AWS's"],
  ])("%s, %s", async (code, sentence, minutes, words) => {
    answering(403, refusal(code, sentence), at(minutes));
    const error = await rejection(calls.who());
    expect(error.code).toBe("clock-skew");
    expect(error.line).toBe(`this machine's clock is ${words}; set the clock and try again`);
    expect(requests).toBe(1);
  });
});

/** In nothing that could be shown or logged, the causes included. */
function expectNoSecret(error: LeappError): void {
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    const text = `${each} ${each.stack} ${Bun.inspect({ ...each })} ${JSON.stringify(each)}`;
    for (const canary of [secret, token, "123456&", "hunter2"]) expect(text).not.toContain(canary);
  }
}
