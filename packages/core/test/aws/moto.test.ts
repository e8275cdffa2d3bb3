/** STS calls against moto: an STS that nobody here wrote, with its checks of signatures and policies on. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import net, { type AddressInfo } from "node:net";
import { createWire } from "../../src/aws/http.ts";
import { createSts, type Sts } from "../../src/aws/sts.ts";
import { rejection } from "../thrown.ts";

const there = spawnSync("python3", ["-c", "import moto, flask"]).status === 0;
if (!there && process.env.CI === "true") throw new Error("moto is missing: pip install 'moto[server]'");
if (!there) console.warn("skipped: moto is not installed");

const region = "eu-west-1";
let moto: ChildProcess | undefined;
let url = "";
let sts: Sts;
let keys: { accessKeyId: string; secretAccessKey: string };

beforeAll(async () => {
  if (!there) return;
  url = `http://127.0.0.1:${await freePort()}`;
  moto = spawn("python3", ["-m", "moto.server", "-H", "127.0.0.1", "-p", new URL(url).port], {
    stdio: "ignore",
  });
  while (!(await fetch(url).catch(() => undefined))) await new Promise((resolve) => setTimeout(resolve, 50));
  sts = createSts(createWire({ clock: { now: () => Date.now() }, endpoints: { sts: url } }));

  await iam("CreateUser", { UserName: "ada" });
  const policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
  });
  await iam("PutUserPolicy", { UserName: "ada", PolicyName: "all", PolicyDocument: policy });
  const made = await iam("CreateAccessKey", { UserName: "ada" });
  const field = (name: string) => new RegExp(`<${name}>([^<]+)`).exec(made)?.[1] ?? "";
  keys = { accessKeyId: field("AccessKeyId"), secretAccessKey: field("SecretAccessKey") };
  const trust = (principal: string) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { AWS: principal } }],
    });
  await iam("CreateRole", {
    RoleName: "dev",
    AssumeRolePolicyDocument: trust("arn:aws:iam::123456789012:user/ada"),
  });
  await iam("CreateRole", {
    RoleName: "deep",
    AssumeRolePolicyDocument: trust("arn:aws:sts::123456789012:assumed-role/dev/one"),
  });
  await iam("PutRolePolicy", { RoleName: "dev", PolicyName: "all", PolicyDocument: policy });
  await fetch(`${url}/moto-api/reset-auth`, { method: "POST", body: "0" });
}, 60_000);
afterAll(() => {
  moto?.kill();
});

/** Before moto checks anything, an unsigned form will do. */
async function iam(action: string, fields: Record<string, string>): Promise<string> {
  const body = new URLSearchParams({ Action: action, Version: "2010-05-08", ...fields });
  const authorization = `AWS4-HMAC-SHA256 Credential=x/20261122/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x`;
  const reply = await fetch(url, {
    method: "POST",
    body,
    headers: { host: "iam.amazonaws.com", authorization },
  });
  if (!reply.ok) throw new Error(`${action}: ${await reply.text()}`);
  return reply.text();
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

test.if(there)("a user is who she is, and with a wrong secret nobody", async () => {
  expect(await sts.getCallerIdentity({ region, keys })).toMatchObject({
    accountId: "123456789012",
    arn: "arn:aws:iam::123456789012:user/ada",
  });
  const wrong = await rejection(
    sts.getCallerIdentity({ region, keys: { ...keys, secretAccessKey: "x".repeat(40) } }),
  );
  expect(wrong.code).toBe("keys-rejected");
  const unknown = await rejection(
    sts.getCallerIdentity({ region, keys: { ...keys, accessKeyId: `A${"X".repeat(19)}` } }),
  );
  expect(unknown.code).toBe("keys-rejected");
});

test.if(there)("a role from a role", async () => {
  const input = {
    roleArn: "arn:aws:iam::123456789012:role/dev",
    roleSessionName: "one",
    durationSeconds: 900,
  };
  const dev = await sts.assumeRole(input, { region, keys });
  expect(dev.accountId).toBe("123456789012");
  expect(Math.abs(dev.expiration - Date.now() - 900_000)).toBeLessThan(10_000);
  const deep = await sts.assumeRole(
    { ...input, roleArn: "arn:aws:iam::123456789012:role/deep", roleSessionName: "two" },
    { region, keys: dev },
  );
  expect((await sts.getCallerIdentity({ region, keys: deep })).arn).toBe(
    "arn:aws:sts::123456789012:assumed-role/deep/two",
  );
});

test.if(there)("a role that does not trust the user", async () => {
  const error = await rejection(
    sts.assumeRole(
      { roleArn: "arn:aws:iam::123456789012:role/deep", roleSessionName: "me", durationSeconds: 900 },
      { region, keys },
    ),
  );
  expect(error.code).toBe("access-denied");
  expect(error.message).toStartWith("AWS does not let you assume arn:aws:iam::123456789012:role/deep");
});

test.if(there)("a session token", async () => {
  const credentials = await sts.getSessionToken({ durationSeconds: 900 }, { region, keys });
  expect(credentials.sessionToken).not.toBe("");
  expect(credentials.expiration).toBeGreaterThan(Date.now());
});
