/** Cases in which every consumer gets credentials of the session that was started for the case. */
import { chmodSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import type { AwsName, Place, Scene, Way } from "./scene.ts";

export interface GoodCase {
  number: number;
  title: string;
  /** The sandbox alone when absent. */
  aws?: AwsName[];
  /** `~/.aws/config` before the start; no file when absent. */
  config?: string;
  /** Instead of a start: what the person wrote. */
  handwritten?: (program: string, id: string) => string;
  /** The profile it is started under; `case-N` when absent. */
  profile?: string;
  /** AWS_PROFILE; null: not set. The started profile when absent. */
  select?: string | null;
  /** More flags of `session add`. */
  flags?: string[];
  /** `role/session` that answers; `interop/case-N` when absent. */
  answers?: string;
  /** Each is tried; one plain one when absent. */
  ways?: (place: Place, scene: Scene) => Way[];
  /** Uses by one client, and how often it runs us for that. */
  uses?: number;
  runs?: number;
  before?: (scene: Scene, place: Place) => unknown;
  /** With the session started, before the consumers run. */
  started?: (scene: Scene, place: Place, id: string) => unknown;
  after?: (scene: Scene, place: Place) => unknown;
}

const both: AwsName[] = ["sandbox", "moto"];
const lines = (...all: string[]) => all.map((line) => `${line}\n`).join("");
/** Nothing new comes from AWS, but it still says who somebody is. */
const cutOff = (scene: Scene) => {
  for (const action of ["AssumeRole", "GetSessionToken"])
    scene.sandbox.fail({ action, kind: "cut", times: 10_000 });
};
const minute = 60_000;
const otherProfiles = lines(
  "# kept by hand",
  "[sso-session x]",
  "sso_start_url = https://example.awsapps.com/start",
  "sso_region = eu-west-1",
  "",
  "[services y]",
  "s3 =",
  "  endpoint_url = https://s3.example.com",
  "",
  "[profile other]",
  "region = us-east-1",
  "s3 =",
  "  max_concurrent_requests = 20",
  "  addressing_style = path",
);
const limits = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "sts:*", Resource: "*", Sid: "x".repeat(1_700) }],
});
const megabyte = Object.fromEntries(
  Array.from({ length: 9 }, (_, i) => [`FILLER_${i}`, String(i).repeat(115_000)]),
);

export const goodCases: GoodCase[] = [
  { number: 1, title: "the plain entry", aws: both },
  {
    number: 2,
    title: "an argument in double quotes, last",
    handwritten: (program) =>
      lines(
        "[profile case-2]",
        `credential_process = ${program} session generate "Case 2"`,
        "region = eu-west-1",
      ),
    before: (scene) => scene.leapp.leapp(["session", "rename", "case-2", "case 2"]),
    answers: "interop/case-2",
    flags: ["--role-session-name", "case-2"],
  },
  { number: 4, title: "a config with CRLF", config: "[profile other]\r\nregion = us-east-1\r\n" },
  {
    number: 5,
    title: "tabs and trailing blanks",
    config: "[profile other]\t\nregion\t=\tus-east-1  \n\n[profile case-5]  \noutput\t=\tjson \t\n",
  },
  {
    number: 6,
    title: "comment lines above and below",
    config: lines(
      "# above",
      "; above",
      "[profile case-6]",
      "# inside",
      "output = json",
      "# below",
      "; below",
    ),
  },
  { number: 7, title: "other profiles, sso-session, services, nested s3", config: otherProfiles, aws: both },
  { number: 8, title: "a profile named a.b_c-d", profile: "a.b_c-d" },
  {
    number: 9,
    title: "200 profiles, ours last",
    config: Array.from({ length: 200 }, (_, i) => `[profile p${i}]\nregion = us-east-1\n\n`).join(""),
  },
  { number: 10, title: "[default] only", profile: "default", select: null, aws: both },
  {
    number: 11,
    title: "[profile default] only",
    config: lines("[profile default]", "output = json"),
    profile: "default",
    select: null,
  },
  {
    number: 12,
    title: "AWS_PROFILE, and a [default] of another kind",
    config: lines("[default]", "credential_process = /bin/false", "region = us-east-1"),
    aws: both,
  },
  {
    number: 13,
    title: "AWS_CONFIG_FILE elsewhere, AWS_SHARED_CREDENTIALS_FILE missing",
    started: (_, place) => renameSync(place.config, join(place.home, "elsewhere.ini")),
    ways: (place) => [
      {
        env: {
          AWS_CONFIG_FILE: join(place.home, "elsewhere.ini"),
          AWS_SHARED_CREDENTIALS_FILE: join(place.home, "none"),
        },
      },
    ],
    after: (_, place) => renameSync(join(place.home, "elsewhere.ini"), place.config),
  },
  {
    number: 14,
    title: "source_profile of a role leads to ours",
    started(scene, place) {
      const text = lines(
        "[profile front]",
        `role_arn = ${scene.roles.target}`,
        "source_profile = case-14",
        "role_session_name = front",
        "region = eu-west-1",
      );
      // Put there after the start, so that the stop has to find its own lines beside it.
      writeFileSync(place.config, text, { flag: "a" });
    },
    // AWS_ENDPOINT_URL alone does not reach the role's own client in Go v2.
    ways: (_, scene) => [{ env: { AWS_ENDPOINT_URL_STS: scene.leapp.env.AWS_ENDPOINT_URL } }],
    select: "front",
    answers: "target/front",
    aws: both,
  },
  {
    number: 15,
    title: "the current folder is / or deleted",
    ways: () => [
      { through: 'cd / && exec "$@"' },
      {
        through: 'gone=$(mktemp -d) && cd "$gone" && rmdir "$gone" && exec "$@"',
        not: { js: "node needs the folder", java: "java needs the folder" },
      },
    ],
  },
  { number: 16, title: "stdin is /dev/null", ways: () => [{ through: 'exec "$@" </dev/null' }] },
  { number: 17, title: "stdin is closed", ways: () => [{ through: 'exec "$@" <&-' }] },
  { number: 18, title: "stdin is a terminal", ways: () => [{ tty: true }] },
  {
    number: 19,
    title: "PATH is empty",
    ways: () => [
      { env: { PATH: "" }, not: { go: "sh in PATH", java: "sh in PATH" } },
      { env: { PATH: "/bin" } },
    ],
  },
  {
    number: 20,
    title: "LANG=C and LANG=tr_TR",
    ways: () => [
      { env: { LANG: "C" } },
      {
        env: { LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8", JAVA_TOOL_OPTIONS: "-Duser.language=tr" },
      },
    ],
  },
  {
    number: 21,
    title: "HOME is not set",
    ways: (place) => [{ env: { HOME: undefined, AWS_CONFIG_FILE: place.config } }],
  },
  {
    number: 22,
    title: "NODE_OPTIONS of the caller, --inspect=0 --trace-warnings",
    ways: () => [{ env: { NODE_OPTIONS: "--inspect=0 --trace-warnings" } }],
    async started(scene, _, id) {
      const env = { NODE_OPTIONS: "--inspect=0 --trace-warnings --no-such-option" };
      const { code, stderr } = await scene.leapp.run([scene.leapp.program, "session", "generate", id], {
        env,
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    },
  },
  {
    number: 23,
    title: "no agent, AWS_PROFILE is our own profile: no recursion",
    started: (scene) => scene.leapp.leapp(["agent", "stop"]),
    ways: () => [{ env: { AWS_DEFAULT_PROFILE: "case-23" } }],
    // The agent that a consumer started has that consumer's environment.
    after: (scene) => scene.leapp.leapp(["agent", "stop"]),
  },
  {
    number: 24,
    title: "a session token of more than 2.5 KiB",
    flags: ["--policy", limits],
    async started(scene, _, id) {
      const line = await scene.leapp.leapp(["session", "generate", id]);
      expect(JSON.parse(line).SessionToken.length).toBeGreaterThan(2_560);
      expect(line.length).toBeLessThan(4_096);
    },
  },
  { number: 25, title: "an environment of 1 MiB", ways: () => [{ env: megabyte }] },
  { number: 26, title: "5 uses by one client, credentials of an hour", uses: 5, runs: 1, aws: both },
  {
    number: 27,
    title: "5 uses by one client, credentials of 16 minutes",
    flags: ["--duration", "16m"],
    uses: 5,
    runs: 1,
  },
  {
    number: 30,
    title: "umask 077, the config a symbolic link with mode 0600",
    before(_, place) {
      const real = join(place.home, "dotfiles", "aws-config");
      mkdirSync(join(place.home, "dotfiles"));
      writeFileSync(real, "[profile other]\nregion = us-east-1\n");
      chmodSync(real, 0o600);
      symlinkSync(real, place.config);
    },
    started: (_, place) => expect(statSync(place.config).mode & 0o777).toBe(0o600),
    ways: () => [{ through: 'umask 077 && exec "$@"' }],
    after: (_, place) =>
      expect(statSync(join(place.home, "dotfiles", "aws-config")).mode & 0o777).toBe(0o600),
  },
  {
    number: 36,
    title: "network down, an hour of life left",
    started: cutOff,
    after: (scene) => scene.sandbox.reset(),
  },
  {
    number: 37,
    title: "network down, less than 16 minutes left",
    // The sandbox lags behind, so that what it hands out ends in a minute.
    before: (scene) => scene.sandbox.advance(-14 * minute),
    flags: ["--duration", "15m"],
    started: cutOff,
    after(scene) {
      scene.sandbox.reset();
    },
  },
  {
    number: 40,
    title: "the clock is 10 minutes fast",
    before: (scene) => scene.sandbox.advance(-10 * minute),
    after: (scene) => scene.sandbox.reset(),
  },
  {
    number: 40,
    title: "the clock is 10 minutes slow",
    before: (scene) => scene.sandbox.advance(10 * minute),
    after: (scene) => scene.sandbox.reset(),
  },
  {
    number: 44,
    title: "the agent's log cannot be written, as on a full disk",
    async before(scene) {
      const log = join(scene.leapp.leappHome, "agent.log");
      await scene.leapp.leapp(["agent", "stop"]);
      rmSync(log, { force: true });
      symlinkSync("/dev/full", log);
    },
    async after(scene) {
      await scene.leapp.leapp(["agent", "stop"]);
      rmSync(join(scene.leapp.leappHome, "agent.log"));
    },
  },
];
