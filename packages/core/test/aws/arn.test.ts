import { expect, test } from "bun:test";
import {
  parseArn,
  parseMfaDevice,
  parsePolicyArn,
  parseRoleArn,
  parseSamlProviderArn,
} from "../../src/aws/arn.ts";
import { thrown } from "../thrown.ts";

test.each([
  ["arn:aws:iam::123456789012:role/dev", "aws", "/", "dev"],
  ["arn:aws-cn:iam::123456789012:role/team/ci/dev", "aws-cn", "/team/ci/", "dev"],
  ["arn:aws-us-gov:iam::000000000001:role/a+=,.@-_b", "aws-us-gov", "/", "a+=,.@-_b"],
  [
    "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef",
    "aws",
    "/aws-reserved/sso.amazonaws.com/eu-west-1/",
    "AWSReservedSSO_Admin_0123456789abcdef",
  ],
])("%p is a role", (text, partition, path, name) => {
  expect(parseRoleArn(text)).toMatchObject({ partition, path, name, accountId: text.split(":")[4] });
});

test.each([
  "",
  "dev",
  "arn:aws:iam::123456789012:user/dev",
  "arn:aws:iam::12345678901:role/dev",
  "arn:aws:iam::aws:role/dev",
  "arn:aws:iam:eu-west-1:123456789012:role/dev",
  "arn:aws-mars:iam::123456789012:role/dev",
  "arn:aws:iam::123456789012:role/",
  "arn:aws:iam::123456789012:role",
  "arn:aws:iam::123456789012:role//dev",
  "arn:aws:iam::123456789012:role/de v",
  "arn:aws:iam::123456789012:role/dev\n",
  ` arn:aws:iam::123456789012:role/${"x".repeat(65)}`,
  `arn:aws:iam::123456789012:role/${"x/".repeat(400)}dev`,
])("%p is no role", (text) => {
  const error = thrown(() => parseRoleArn(text));
  expect(error.code).toBe("invalid");
  expect(error.line).toContain("arn:aws:iam::123456789012:role/NAME");
  expect(error.line).toMatch(/^[\x20-\x7e]+$/);
});

test("the ARN of an assumed role leads to the role's", () => {
  const error = thrown(() => parseRoleArn("arn:aws-cn:sts::123456789012:assumed-role/dev/me"));
  expect(error.hint).toContain("arn:aws-cn:iam::123456789012:role/dev");
});

test("MFA devices", () => {
  expect(parseMfaDevice("arn:aws:iam::123456789012:mfa/me")).toEqual({ accountId: "123456789012" });
  expect(parseMfaDevice("arn:aws:iam::123456789012:mfa/team/me")).toEqual({ accountId: "123456789012" });
  expect(parseMfaDevice("GAHT12345678")).toEqual({ accountId: undefined });
  for (const wrong of [
    "short",
    "arn:aws:iam::123456789012:user/me",
    "arn:aws:iam::123456789012:mfa/",
    "a b c d e f",
  ]) {
    expect(thrown(() => parseMfaDevice(wrong)).code).toBe("invalid");
  }
  expect(thrown(() => parseMfaDevice("arn:aws:iam::123456789012:u2f/user/me/key-ABC")).line).toContain(
    "security key",
  );
});

test("policies of AWS and of an account, SAML providers", () => {
  expect(parsePolicyArn("arn:aws:iam::aws:policy/ReadOnlyAccess").name).toBe("ReadOnlyAccess");
  expect(parsePolicyArn("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess").path).toBe("/job-function/");
  expect(parsePolicyArn("arn:aws:iam::123456789012:policy/mine").accountId).toBe("123456789012");
  expect(thrown(() => parsePolicyArn("ReadOnlyAccess")).code).toBe("invalid");
  expect(parseSamlProviderArn("arn:aws:iam::123456789012:saml-provider/okta").name).toBe("okta");
  expect(thrown(() => parseSamlProviderArn("arn:aws:iam::aws:saml-provider/okta")).code).toBe("invalid");
});

test("any ARN", () => {
  expect(parseArn("arn:aws:sts::123456789012:assumed-role/a/b:c")).toEqual({
    partition: "aws",
    service: "sts",
    region: "",
    accountId: "123456789012",
    resource: "assumed-role/a/b:c",
  });
  expect(parseArn("arn:aws:s3:::bucket")?.accountId).toBe("");
  expect(parseArn("arn:aws:s3")).toBeUndefined();
});
