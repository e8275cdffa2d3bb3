import { expect, test } from "bun:test";
import {
  checkDuration,
  checkExternalId,
  checkPolicies,
  checkRoleSessionName,
  checkSamePartition,
  checkSourceIdentity,
  checkTags,
} from "../../src/aws/validate.ts";
import { thrown } from "../thrown.ts";

const policy = JSON.stringify({ Version: "2012-10-17", Statement: [] });

const good: [string, () => void][] = [
  ["900 s of a role", () => checkDuration("role", 900)],
  ["12 h of a role", () => checkDuration("role", 43_200)],
  ["36 h of a session token", () => checkDuration("session-token", 129_600)],
  ["a session name with both words", () => checkRoleSessionName("{user}@{session}")],
  ["a session name that is one word to fill in", () => checkRoleSessionName("{user}")],
  ["a session name of 64", () => checkRoleSessionName("a".repeat(64))],
  ["an external id with a path", () => checkExternalId("a:b/c@d")],
  ["a source identity", () => checkSourceIdentity("ada@example.com")],
  ["tags in any letters", () => checkTags({ Projekt: "Grüße 1+1=2 @/:", Empty: "" }, ["Projekt"])],
  ["50 tags", () => checkTags(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, "v"])))],
  [
    "a policy and ten ARNs",
    () => checkPolicies(policy, Array(10).fill("arn:aws:iam::aws:policy/ReadOnlyAccess")),
  ],
  [
    "a role in the region's partition",
    () => checkSamePartition("arn:aws-cn:iam::123456789012:role/x", "cn-north-1"),
  ],
];
test.each(good)("%s", (_, check) => expect(check).not.toThrow());

const bad: [string, () => void, RegExp][] = [
  ["899 s", () => checkDuration("role", 899), /900 to 43200/],
  ["12 h and a second of a role", () => checkDuration("role", 43_201), /900 to 43200/],
  ["36 h and a second", () => checkDuration("session-token", 129_601), /900 to 129600/],
  ["a fraction", () => checkDuration("role", 900.5), /whole seconds/],
  ["not a number", () => checkDuration("role", Number.NaN), /whole seconds/],
  ["a session name with a blank", () => checkRoleSessionName("a b"), /role session name/],
  ["a session name of one letter", () => checkRoleSessionName("a"), /2 to 64/],
  ["a session name of 65", () => checkRoleSessionName("a".repeat(65)), /2 to 64/],
  ["an unknown word", () => checkRoleSessionName("{host}"), /\{user\} and \{session\}/],
  ["an external id of one letter", () => checkExternalId("a"), /external id/],
  ["an external id with a line end", () => checkExternalId("ab\n"), /external id/],
  ["a source identity like AWS's own", () => checkSourceIdentity("aws:me"), /source identity/],
  [
    "51 tags",
    () => checkTags(Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, ""]))),
    /at most 50/,
  ],
  ["a tag twice in two cases", () => checkTags({ Team: "a", team: "b" }), /upper and lower/],
  ["a tag like AWS's own", () => checkTags({ "AWS:x": "a" }), /key of a session tag/],
  ["an empty tag key", () => checkTags({ "": "a" }), /key of a session tag/],
  ["a tag value of 257", () => checkTags({ a: "x".repeat(257) }), /value of session tag "a"/],
  ["a tag with a comma", () => checkTags({ a: "x,y" }), /value of session tag "a"/],
  ["a transitive key that is no tag", () => checkTags({ a: "b" }, ["c"]), /"c" is not among/],
  ["a policy that is not JSON", () => checkPolicies("{"), /not JSON/],
  ["a policy that is a list", () => checkPolicies("[]"), /no Statement/],
  ["a policy in Greek", () => checkPolicies(JSON.stringify({ Statement: "α" })), /Latin/],
  [
    "a policy of 2049",
    () => checkPolicies(JSON.stringify({ Statement: "x".repeat(2033) })),
    /2049 characters/,
  ],
  ["eleven ARNs", () => checkPolicies(undefined, Array(11).fill("arn:aws:iam::aws:policy/A")), /at most 10/],
  ["a policy ARN that is none", () => checkPolicies(undefined, ["ReadOnlyAccess"]), /not a policy's ARN/],
  [
    "a Chinese role in Ireland",
    () => checkSamePartition("arn:aws-cn:iam::1:role/x", "eu-wset-1"),
    /not an AWS region/,
  ],
  [
    "a Chinese role in a European region",
    () => checkSamePartition("arn:aws-cn:iam::123456789012:role/x", "eu-west-1"),
    /partition aws-cn, but eu-west-1 is in aws/,
  ],
];
test.each(bad)("%s is refused", (_, check, words) => {
  const { code, line } = thrown(check);
  expect(code).toBe("invalid");
  expect(line).toMatch(words);
  expect(line).not.toMatch(/[\r\n]/);
});
