import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { type Sandbox, startSandbox } from "../../../sandbox/src/server.ts";
import { createWire } from "../../src/aws/http.ts";
import { regions } from "../../src/aws/regions.ts";
import { createSts } from "../../src/aws/sts.ts";
import {
  consoleDestination,
  consoleUrl,
  federationEndpoint,
  readSigninToken,
  signinTokenForm,
} from "../../src/delivery/console-url.ts";
import { containerCredentials, containerError } from "../../src/delivery/container.ts";
import { credentialProcessLine } from "../../src/delivery/credential-process.ts";
import { credentialsFileKeys } from "../../src/delivery/credentials-file.ts";
import { environmentFormats, environmentText, environmentVariables } from "../../src/delivery/environment.ts";
import type { Credentials } from "../../src/model.ts";
import { thrown } from "../thrown.ts";

const credentials: Credentials = {
  accessKeyId: `ASIA${"T".repeat(16)}`,
  secretAccessKey: "wJalr+secret/key=",
  sessionToken: "FwoGZXIvYXdzEJr//+==",
  issuedAt: Date.parse("2026-11-22T18:43:38.123Z"),
  expiration: Date.parse("2026-11-22T19:43:38.999Z"),
  accountId: "012345678901",
};

describe("credential_process", () => {
  test("is one line of ASCII in the documented order", () => {
    expect(credentialProcessLine(credentials)).toBe(
      `{"Version":1,"AccessKeyId":"ASIA${"T".repeat(16)}","SecretAccessKey":"wJalr+secret/key=",` +
        '"SessionToken":"FwoGZXIvYXdzEJr//+==","Expiration":"2026-11-22T19:43:38Z","AccountId":"012345678901"}',
    );
  });

  test("leaves out an account that is not known", () => {
    const { accountId, ...rest } = credentials;
    expect(Object.keys(JSON.parse(credentialProcessLine(rest)))).toEqual([
      "Version",
      "AccessKeyId",
      "SecretAccessKey",
      "SessionToken",
      "Expiration",
    ]);
  });

  test("fits into 4 KiB with its newline, or is refused", () => {
    const withToken = (length: number) =>
      credentialProcessLine({ ...credentials, sessionToken: "x".repeat(length) });
    const room = 4095 - 1 - (withToken(1).length - 1);
    expect(`${withToken(room)}\n`.length).toBe(4095);
    const error = thrown(() => withToken(room + 1));
    expect(error.code).toBe("invalid");
    expect(error.message).not.toContain("xxx");
  });

  test.each(['a"b', "a\\b", "a\nb", "ä", "", "a\u0000"])("refuses a token such as %p", (sessionToken) => {
    expect(thrown(() => credentialProcessLine({ ...credentials, sessionToken })).code).toBe("internal");
  });
});

describe("environment", () => {
  test("names what the tools read", () => {
    expect(environmentVariables(credentials, "eu-west-1")).toEqual([
      ["AWS_ACCESS_KEY_ID", credentials.accessKeyId],
      ["AWS_SECRET_ACCESS_KEY", credentials.secretAccessKey],
      ["AWS_SESSION_TOKEN", credentials.sessionToken],
      ["AWS_CREDENTIAL_EXPIRATION", "2026-11-22T19:43:38Z"],
      ["AWS_ACCOUNT_ID", "012345678901"],
      ["AWS_REGION", "eu-west-1"],
      ["AWS_DEFAULT_REGION", "eu-west-1"],
    ]);
    expect(environmentVariables({ ...credentials, accountId: undefined }).map(([name]) => name)).toEqual([
      "AWS_ACCESS_KEY_ID",
      "AWS_SECRET_ACCESS_KEY",
      "AWS_SESSION_TOKEN",
      "AWS_CREDENTIAL_EXPIRATION",
    ]);
  });

  const nasty: [string, string][] = [
    ["PLAIN", "a b"],
    ["NASTY", `it's $HOME \`id\` \\ "q" !x %y ; & | * ~ 'end'`],
  ];
  test("in each format", () => {
    const text = Object.fromEntries(
      environmentFormats.map((format) => [format, environmentText([["A", "it's \\"]], format)]),
    );
    expect(text).toEqual({
      sh: "export A='it'\\''s \\'\n",
      fish: "set -gx A 'it\\'s \\\\'\n",
      powershell: "$env:A = 'it''s \\'\n",
      env: "A=it's \\\n",
    });
  });

  test.each(["sh", "bash", "dash"])("comes out of %s as it went in", (shell) => {
    if (spawnSync(shell, ["-c", "true"]).error) {
      if (process.env.CI === "true" && shell !== "dash") throw new Error(`${shell} is missing`);
      console.warn(`skipped: ${shell} is not installed`);
      return;
    }
    const script = `${environmentText(nasty, "sh")}printf '%s\\n%s' "$PLAIN" "$NASTY"`;
    const { stdout } = spawnSync(shell, ["-c", script], { encoding: "utf8" });
    expect(stdout.split("\n")).toEqual(nasty.map(([, value]) => value));
  });
});

test("container endpoint", () => {
  const body = JSON.parse(containerCredentials(credentials, "arn:aws:iam::012345678901:role/x"));
  expect(body).toEqual({
    AccessKeyId: credentials.accessKeyId,
    SecretAccessKey: credentials.secretAccessKey,
    Token: credentials.sessionToken,
    Expiration: "2026-11-22T19:43:38Z",
    AccountId: "012345678901",
    RoleArn: "arn:aws:iam::012345678901:role/x",
  });
  expect(containerCredentials({ ...credentials, accountId: undefined })).not.toMatch(
    /null|AccountId|RoleArn/,
  );
  expect(JSON.parse(containerError("NotFound", "no such session"))).toEqual({
    code: "NotFound",
    message: "no such session",
  });
});

test("credentials file", () => {
  expect(credentialsFileKeys(credentials)).toEqual([
    ["aws_access_key_id", credentials.accessKeyId],
    ["aws_secret_access_key", credentials.secretAccessKey],
    ["aws_session_token", credentials.sessionToken],
  ]);
});

describe("console", () => {
  let sandbox: Sandbox | undefined;
  afterAll(() => sandbox?.stop());

  test.each([
    ["eu-west-1", "signin.aws.amazon.com", "eu-west-1.console.aws.amazon.com"],
    ["us-east-1", "signin.aws.amazon.com", "us-east-1.console.aws.amazon.com"],
    ["cn-north-1", "signin.amazonaws.cn", "cn-north-1.console.amazonaws.cn"],
    ["us-gov-east-1", "signin.amazonaws-us-gov.com", "us-gov-east-1.console.amazonaws-us-gov.com"],
    ["eusc-de-east-1", "eusc-de-east-1.signin.amazonaws-eusc.eu", "eusc-de-east-1.console.amazonaws-eusc.eu"],
    ["us-iso-west-1", "signin.c2shome.ic.gov", "us-iso-west-1.console.c2shome.ic.gov"],
    ["us-isob-east-1", "signin.sc2shome.sgov.gov", "us-isob-east-1.console.sc2shome.sgov.gov"],
    ["us-isof-east-1", "signin.csphome.hci.ic.gov", "us-isof-east-1.console.csphome.hci.ic.gov"],
    ["eu-isoe-west-1", "signin.csphome.adc-e.uk", "eu-isoe-west-1.console.csphome.adc-e.uk"],
  ])("%s", (region, signin, console) => {
    expect(federationEndpoint(region)).toBe(`https://${signin}/federation`);
    expect(consoleDestination(region)).toBe(`https://${console}/console/home?region=${region}`);
  });

  test("every region but those of the partition aws has a domain of its own", () => {
    for (const { region, partition } of regions()) {
      expect(federationEndpoint(region).includes("aws.amazon.com")).toBe(partition === "aws");
    }
  });

  test("a page below", () => {
    expect(consoleDestination("eu-west-1", "/s3/buckets?prefix=a b")).toBe(
      "https://eu-west-1.console.aws.amazon.com/s3/buckets?prefix=a+b&region=eu-west-1",
    );
    expect(consoleDestination("eu-west-1", "ec2?region=us-east-1")).toEndWith("/ec2?region=us-east-1");
    // A path cannot lead to another host.
    expect(consoleDestination("eu-west-1", "//evil.test/x")).toStartWith(
      "https://eu-west-1.console.aws.amazon.com/",
    );
    expect(consoleDestination("eu-west-1", "@evil.test")).toStartWith(
      "https://eu-west-1.console.aws.amazon.com/",
    );
  });

  test("the sandbox lets a role in, and an IAM user's session token not", async () => {
    sandbox = await startSandbox();
    const { now } = sandbox;
    const user = sandbox.addUser({ accountId: "111122223333", name: "ada" });
    const roleArn = sandbox.addRole({
      accountId: "111122223333",
      name: "r",
      trust: { principals: [user.arn] },
    });
    const sts = createSts(createWire({ clock: { now }, endpoints: { all: sandbox.url } }));
    const target = { region: "eu-west-1", keys: user };
    const role = await sts.assumeRole({ roleArn, roleSessionName: "me", durationSeconds: 900 }, target);
    const endpoint = federationEndpoint("eu-west-1", sandbox.url);
    const ask = async (keys: Credentials) => {
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      return (await fetch(endpoint, { method: "POST", headers, body: signinTokenForm(keys, 3600) })).text();
    };
    const url = consoleUrl(endpoint, readSigninToken(await ask(role)), consoleDestination("eu-west-1"));
    expect(url).not.toContain(role.secretAccessKey);
    const entered = await fetch(url, { redirect: "manual" });
    expect(entered.status).toBeLessThan(400);
    const token = await ask(await sts.getSessionToken({ durationSeconds: 900 }, target));
    expect(thrown(() => readSigninToken(token)).code).toBe("access-denied");
  });
});
