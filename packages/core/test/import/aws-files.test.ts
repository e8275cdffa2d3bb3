import { expect, test } from "bun:test";
import { scanAwsFiles } from "../../src/import/aws-files.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const keyId = `AKIA${"X".repeat(12)}1234`;

const config = bytes(`[sso-session company]
sso_start_url = https://d-1234567890.awsapps.com/start
sso_region = eu-west-1

[profile audit]
role_arn = arn:aws:iam::444455556666:role/audit
source_profile = base
external_id = x-42
mfa_serial = arn:aws:iam::111122223333:mfa/ada

[profile orphan]
role_arn = arn:aws:iam::444455556666:role/audit
source_profile = nowhere

[profile round]
role_arn = arn:aws:iam::444455556666:role/a
source_profile = about
[profile about]
role_arn = arn:aws:iam::444455556666:role/b
source_profile = round

[profile ours]
credential_process=leapp session generate 0a1b2c3d-0000-4000-8000-000000000000
[profile theirs]
credential_process = /opt/tool --account 1

[profile legacy]
sso_start_url = https://d-1234567890.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 012345678901

[profile base]
region = eu-central-1
`);
const credentials = bytes(`[base]
aws_access_key_id = ${keyId}
aws_secret_access_key = a secret
[temporary]
aws_access_key_id = ${keyId}
aws_secret_access_key = a secret
aws_session_token = t
`);

test("sign-ins, users, roles and processes are found, sources first; ours, orphans and circles are not", () => {
  const found = scanAwsFiles(config, credentials);
  expect(found.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    "integration company",
    "iam-user base",
    "iam-role-chained audit",
    "process theirs",
  ]);
  expect(found[0]!.fields).toEqual({
    alias: "company",
    startUrl: "https://d-1234567890.awsapps.com/start",
    region: "eu-west-1",
    ssoSession: "company",
  });
  expect(found[1]!.fields).toEqual({ name: "base", profile: "base", region: "eu-central-1" });
  expect(found[2]!.fields).toMatchObject({ parent: "base", externalId: "x-42" });
  expect(found[3]!.fields.command).toBe("/opt/tool --account 1");
});

test("the secret is nowhere but in the keys", () => {
  for (const { keys, ...shown } of scanAwsFiles(config, credentials)) {
    expect(JSON.stringify(shown)).not.toContain("a secret");
    expect(JSON.stringify(shown)).not.toContain(keyId);
  }
});

test("no files, nothing found", () => {
  expect(scanAwsFiles(undefined, undefined)).toEqual([]);
});
