/** Generator of ugly `~/.aws` files from a seed; the same seed gives the same files. */
import { parseAwsFile, type AwsFileKind } from "../../src/aws-config/parse.ts";
import type { ProfileEntry } from "../../src/aws-config/edit.ts";

/** Uniform numbers in [0, 1): mulberry32. */
export function random(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n: number) => Math.floor(next() * n);
  const chance = (p: number) => next() < p;
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  return { next, below, chance, pick };
}
export type Random = ReturnType<typeof random>;

/** Printed by each test that uses it; FUZZ_SEED repeats a run, FUZZ_RUNS makes it longer. */
export const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
export const runs = Number(process.env.FUZZ_RUNS ?? 10_000);

export const profiles = ["dev", "default", "my profile", "prod.admin", "größe", "a'b"];

const configHeaders = [
  "[default]",
  "[profile default]",
  "[profile dev]",
  "[profile   dev]",
  '[profile "dev"]',
  "[profile dev] # mine",
  "[ profile dev ]",
  "[profile dev",
  "[dev]",
  '[profile "my profile"]',
  "[profile 'my profile']",
  "[profile my profile]",
  "[profile prod.admin]",
  "[profile other]",
  "[profile größe]",
  '[profile "a\'b"]',
  "[profile\tother-2]",
  "[profiles dev]",
  "[sso-session corp]",
  "[services local]",
  "[plugins]",
  "[preview]",
  "[DEFAULT]",
  "[]",
  "[profile]",
];
const credentialsHeaders = [
  "[default]",
  "[dev]",
  "[ dev ]",
  "[my profile]",
  "[profile dev]",
  "[other]",
  "[größe]",
];
const bodies = [
  "output = json",
  "output=json",
  "cli_pager =",
  "cli_pager=",
  "region = us-west-2",
  "region=eu-west-1",
  "Region = us-west-2",
  "region: us-west-2",
  "region\t=\tus-west-2   ",
  "region = us-west-2 # close to home",
  "# a comment",
  "; another = comment",
  "  # an indented comment",
  "",
  "",
  "   ",
  "s3 =",
  "  max_concurrent_requests = 20",
  "    addressing_style = path",
  "\tmax_queue_size = 1000",
  "cli_follow_urlparam = false",
  "duration_seconds = 0900",
  "a line without a delimiter",
  "role_session_name = +0049",
  "name = Zoë Größe",
  "= no name",
  "endpoint_url = http://localhost:4566",
  "services = local",
  "cli_timestamp_format = %Y",
];
const credentialBodies = [
  "role_arn = arn:aws:iam::012345678901:role/x",
  "source_profile = other",
  "sso_account_id = 012345678901",
  "sso_session = corp",
  "credential_process = /opt/other --profile x",
  "credential_process=leapp session generate 00000000-old",
  "aws_access_key_id = not-a-real-one",
  "aws_secret_access_key = not/a/real+one",
  "login_session = arn",
];

/** Raw bytes of one file: mostly plausible, with every ugliness that `consumers.md` and the old product met. */
export function uglyFile(rng: Random, kind: AwsFileKind): Uint8Array {
  const lines: string[] = [];
  const eol = rng.pick(["\n", "\n", "\n", "\r\n", "\r\n", "mixed"]);
  const nasty = rng.chance(0.15);
  const junk = rng.chance(0.2);
  const used = new Set<string>();
  const end = () =>
    eol !== "mixed" ? eol : nasty ? rng.pick(["\n", "\r\n", "\r"]) : rng.pick(["\n", "\r\n"]);
  const body = () => {
    let line = rng.chance(0.12) ? rng.pick(credentialBodies) : rng.pick(bodies);
    if (!junk && (line.startsWith("a line") || line.startsWith("= no"))) line = "output = text";
    if (!junk) {
      const key = /^(\w+)\s*[=:]/.exec(line)?.[1]?.toLowerCase();
      if (key && used.has(key)) return "# said already";
      if (key) used.add(key);
      if (/^\s+\w/.test(line) && !/^s3/.test(lines.at(-2) ?? "") && rng.chance(0.6)) return "";
    }
    if (rng.chance(0.05)) line = `  ${line}`;
    return line;
  };
  const preamble = rng.chance(0.7) ? 0 : rng.below(3);
  for (let i = 0; i < preamble; i++) lines.push(junk ? body() : rng.pick(["# top", "", "; top"]), end());
  for (let i = rng.below(7); i > 0; i--) {
    used.clear();
    let header = rng.pick(kind === "config" ? configHeaders : credentialsHeaders);
    // Two [DEFAULT] are one to Python; nobody has them, and the parser does not know.
    if (lines.includes(header) && (!junk || header === "[DEFAULT]"))
      header = `[profile n${i}-${rng.below(1000)}]`;
    lines.push(rng.chance(0.03) && header !== "[DEFAULT]" ? `  ${header}` : header, end());
    for (let j = rng.below(6); j > 0; j--) lines.push(body(), end());
  }
  if (rng.chance(0.35)) lines.pop();
  let bytes = Buffer.from(lines.join(""), "utf8");
  if (nasty && rng.chance(0.3)) bytes = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
  if (nasty && rng.chance(0.3) && bytes.length) {
    const at = rng.below(bytes.length);
    bytes = Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from([rng.pick([0, 0x80, 0xff, 0xa0, 0x1c, 0x0b])]),
      bytes.subarray(at),
    ]);
  }
  return bytes;
}

export function entryFor(kind: AwsFileKind, profile: string, session: string): ProfileEntry {
  return kind === "config"
    ? {
        profile,
        keys: [
          ["credential_process", `leapp session generate ${session}`],
          ["region", "eu-west-1"],
        ],
      }
    : {
        profile,
        keys: [
          ["aws_access_key_id", `id-${session}`],
          ["aws_secret_access_key", `secret/${session}+x`],
          ["aws_session_token", `token==${session}`],
        ],
      };
}

/** Header and keys of every section that does not stand for one of `names`. */
export function othersOf(bytes: Uint8Array, kind: AwsFileKind, names: readonly string[]) {
  return parseAwsFile(bytes, kind)
    .sections.filter((section) => !section.names.some((name) => names.includes(name)))
    .map(({ header, keys }) => ({ header, keys: keys.map(({ name, value }) => [name, value]) }));
}

export const text = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString("latin1");
