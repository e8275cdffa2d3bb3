/** What AWS accepts in a session's fields (STS API reference); each check throws LeappError `invalid`. */
import { LeappError } from "../errors.ts";
import type { Region } from "../model.ts";
import { parseArn, parsePolicyArn } from "./arn.ts";
import { partitionOf, shorten } from "./regions.ts";

/** Below this many seconds botocore and .NET ask again for every single call (consumers.md R6). */
export const shortDuration = 1800;

/** Shortest and longest lifetime in seconds that AWS grants. */
export const durationLimits = {
  "session-token": [900, 129_600],
  role: [900, 43_200],
} as const;

/** @param seconds asked of GetSessionToken (`session-token`) or of an AssumeRole call (`role`). */
export function checkDuration(kind: keyof typeof durationLimits, seconds: number): void {
  const [least, most] = durationLimits[kind];
  if (Number.isInteger(seconds) && seconds >= least && seconds <= most) return;
  fail(`${seconds} is not a duration that AWS grants`, `give whole seconds from ${least} to ${most}`);
}

/** A role session name, in which `{user}` and `{session}` may stand. */
export function checkRoleSessionName(template: string): void {
  if (/^(?=..)([\w+=,.@-]|\{user\}|\{session\}){1,64}$/.test(template)) return;
  fail(
    `"${shorten(template)}" is not a role session name`,
    "use 2 to 64 letters, digits and +=,.@-_ ; {user} and {session} are filled in",
  );
}

export function checkExternalId(value: string): void {
  if (/^[\w+=,.@:/-]{2,1224}$/.test(value)) return;
  fail(`"${shorten(value)}" is not an external id`, "use 2 to 1224 letters, digits and +=,.@:/-_");
}

export function checkSourceIdentity(value: string): void {
  if (/^(?!aws:)[\w+=,.@-]{2,64}$/.test(value)) return;
  fail(`"${shorten(value)}" is not a source identity`, "use 2 to 64 letters, digits and +=,.@-_");
}

/** Session tags and which of them go on to roles assumed from this one. */
export function checkTags(tags: Record<string, string>, transitiveTagKeys: readonly string[] = []): void {
  const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
  const keys = Object.keys(tags);
  if (keys.length > 50) fail(`${keys.length} session tags are too many`, "AWS takes at most 50");
  if (new Set(keys.map((key) => key.toLowerCase())).size < keys.length) {
    fail("two session tags differ in upper and lower case only", "AWS takes them for the same");
  }
  for (const [key, value] of Object.entries(tags)) {
    const good = key !== "" && key.length <= 128 && allowed.test(key) && !/^aws:/i.test(key);
    if (!good)
      fail(`"${shorten(key)}" is not the key of a session tag`, "use 1 to 128 letters, digits and _.:/=+-@");
    if (value.length > 256 || !allowed.test(value)) {
      fail(`the value of session tag "${key}" is not allowed`, "use up to 256 letters, digits and _.:/=+-@");
    }
  }
  for (const key of transitiveTagKeys) {
    if (!Object.hasOwn(tags, key)) {
      fail(`transitive tag "${shorten(key)}" is not among the session tags`, "add it as a tag first");
    }
  }
}

/** Session policy (JSON text) and managed policies that narrow a role. AWS counts them together. */
export function checkPolicies(policy: string | undefined, policyArns: readonly string[] = []): void {
  if (policyArns.length > 10) fail(`${policyArns.length} policy ARNs are too many`, "AWS takes at most 10");
  for (const arn of policyArns) parsePolicyArn(arn);
  if (policy === undefined) return;
  let parsed: unknown;
  try {
    parsed = JSON.parse(policy);
  } catch {
    fail("the session policy is not JSON", "give the text of an IAM policy document");
  }
  if (typeof parsed !== "object" || parsed === null || !("Statement" in parsed)) {
    fail("the session policy has no Statement", "give the text of an IAM policy document");
  }
  if (!/^[\t\n\r\x20-\xff]*$/.test(policy)) {
    fail("the session policy has characters that AWS does not take", "use Latin letters only");
  }
  const size = policy.length + policyArns.reduce((sum, arn) => sum + arn.length, 0);
  if (size > 2048) {
    fail(`the session policies have ${size} characters`, "AWS takes at most 2048, policy ARNs included");
  }
}

/** An ARN of another partition than the region's can never work with it. */
export function checkSamePartition(arn: string, region: Region): void {
  const partition = partitionOf(region).id;
  const other = parseArn(arn)?.partition;
  if (other !== undefined && other !== partition) {
    fail(`${shorten(arn)} is in partition ${other}, but ${region} is in ${partition}`, "change the region");
  }
}

function fail(message: string, hint: string): never {
  throw new LeappError("invalid", message, { hint });
}
