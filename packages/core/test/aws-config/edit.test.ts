/** The editor on files as people have them, byte for byte. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Parked, startProfiles, stopProfiles, type Undo } from "../../src/aws-config/edit.ts";
import { type AwsFileKind, joinAwsFile, parseAwsFile } from "../../src/aws-config/parse.ts";
import { LeappError } from "../../src/errors.ts";
import { entryFor } from "./ugly.ts";

const folder = join(import.meta.dirname, "../../../../test/fixtures/aws-config");
const fixture = (name: string) => readFileSync(join(folder, name));
const bytes = (text: string) => Buffer.from(text);
const show = (content: Uint8Array | undefined) => content && Buffer.from(content).toString("latin1");

function start(
  content: Uint8Array | undefined,
  names: string[],
  more: { session?: string; replace?: boolean; active?: Undo[]; kind?: AwsFileKind } = {},
) {
  const { session = "s1", kind = "config", ...options } = more;
  return startProfiles(
    content,
    kind,
    names.map((name) => entryFor(kind, name, session)),
    options,
  );
}

function failure(run: () => unknown): LeappError {
  try {
    run();
  } catch (error) {
    if (error instanceof LeappError) return error;
    throw error;
  }
  throw new Error("it should have failed");
}

const ours = "credential_process=leapp session generate s1\nregion=eu-west-1\n";

describe("every fixture", () => {
  const names = readdirSync(folder).filter((name) => !name.startsWith("."));
  /** What cannot be started, and why; all else starts, with `replace`, and comes back byte for byte. */
  const refused: Record<string, Record<string, RegExp>> = {
    "both-defaults-reversed.config": { default: /profile default more than once, in lines 1 and 4/ },
    "duplicate-section.config": { dev: /profile dev more than once, in lines 1 and 4/ },
    "duplicate-key.config": { dev: /boto and the aws cli cannot read profile dev .*key region twice/ },
    "junk-inside.config": { dev: /cannot read profile dev .*neither a section, a key nor a comment/ },
    "comment-after-header.config": { dev: /is read in different ways/ },
    "unquoted-name.config": { "my profile": /is read in different ways/ },
    "bare-return.config": { dev: /carriage return without a line feed/ },
    "indented-region.config": { dev: /aws tools disagree on profile dev .*an indented key/ },
    "nested-header.config": { dev: /header of profile dev in line 3 .* is indented/ },
    "utf16.config": { dev: /is UTF-16/, default: /is UTF-16/, "my profile": /is UTF-16/ },
    "nul.config": { dev: /has NUL bytes/, default: /has NUL bytes/, "my profile": /has NUL bytes/ },
  };
  const adopted = ["old-leapp.config"];

  test("is there", () => {
    expect(names.length).toBeGreaterThan(35);
    expect(names).toEqual(expect.arrayContaining([...Object.keys(refused), ...adopted]));
  });

  for (const name of names) {
    const kind = name.endsWith(".credentials") ? "credentials" : "config";
    test(name, () => {
      const original = fixture(name);
      expect(show(joinAwsFile(parseAwsFile(original, kind)))).toBe(show(original)!);
      for (const profile of ["dev", "default", "my profile"]) {
        const why = refused[name]?.[profile];
        if (why) {
          const error = failure(() => start(original, [profile], { replace: true, kind }));
          expect([error.code, error.message]).toEqual(["file", expect.stringMatching(why)]);
          expect(error.hint).toBeString();
          continue;
        }
        const started = start(original, [profile], { replace: true, kind });
        for (const [key, value] of entryFor(kind, profile, "s1").keys) {
          expect(show(started.bytes)).toContain(`${key}=${value}`);
        }
        const stopped = stopProfiles(started.bytes, kind, started.undo, started.parked);
        if (!adopted.includes(name)) expect(show(stopped.bytes)).toBe(show(original)!);
        expect(show(stopped.bytes)).not.toContain("s1");
      }
    });
  }
});

describe("start", () => {
  test("writes exactly the section of the specification", () => {
    expect(show(start(undefined, ["dev"]).bytes)).toBe(`[profile dev]\n${ours}`);
    expect(show(start(undefined, ["default"]).bytes)).toBe(`[default]\n${ours}`);
    expect(show(start(undefined, ["my profile"]).bytes)).toBe(`[profile "my profile"]\n${ours}`);
    expect(show(start(undefined, ['a"b\\c'], {}).bytes)).toBe(`[profile "a\\"b\\\\c"]\n${ours}`);
    expect(show(start(undefined, ["my profile"], { kind: "credentials" }).bytes)).toStartWith(
      "[my profile]\n",
    );
  });

  test("appends after one blank line, in the file's own line ends", () => {
    expect(show(start(bytes("[default]\noutput=json"), ["dev"]).bytes)).toBe(
      `[default]\noutput=json\n\n[profile dev]\n${ours}`,
    );
    expect(show(start(bytes("[default]\noutput=json\n\n"), ["dev"]).bytes)).toBe(
      `[default]\noutput=json\n\n[profile dev]\n${ours}`,
    );
    expect(show(start(bytes("# x\r\n"), ["dev"]).bytes)).toBe(
      `# x\r\n\r\n[profile dev]\n${ours}`.replaceAll(/\r?\n/g, "\r\n"),
    );
  });

  test("adds to a harmless section and replaces its region in place", () => {
    const { bytes: after } = start(bytes("[profile dev]\n# mine\noutput = json\nregion = us-east-1\n"), [
      "dev",
    ]);
    expect(show(after)).toBe(
      "[profile dev]\ncredential_process=leapp session generate s1\n# mine\noutput = json\nregion=eu-west-1\n",
    );
  });

  test("edits [profile default] where it exists, and says that go v1 reads the other", () => {
    expect(show(start(fixture("profile-default.config"), ["default"]).bytes)).toBe(
      `[profile default]\n${ours}output = json\n`,
    );
    const both = start(fixture("both-defaults.config"), ["default"]);
    expect(show(both.bytes)).toContain(`[profile default]\n${ours}output`);
    expect(both.notices.join()).toContain("go v1");
  });

  test("keeps indented lines from continuing ours", () => {
    expect(show(start(bytes("[profile dev]\n  output = json\n[profile z]\n"), ["dev"]).bytes)).toBe(
      `[profile dev]\n  output = json\n${ours}[profile z]\n`,
    );
    const deep = start(fixture("indented-headers.config"), ["dev"]);
    expect(show(deep.bytes)).toContain(
      "  [profile dev]\n  credential_process=leapp session generate s1\n  region=eu-west-1\n  output",
    );
    expect(deep.notices.join()).toContain("indented");
  });

  test("says which tools cannot read the file as it was", () => {
    expect(start(fixture("bom.config"), ["dev"]).notices).toEqual([
      expect.stringContaining("byte order mark"),
    ]);
    expect(start(fixture("duplicate-elsewhere.config"), ["dev"]).notices).toEqual([
      "boto and the aws cli cannot read the aws config file: it has the section [profile other] twice (line 4)",
    ]);
    expect(start(fixture("latin1.config"), ["dev"]).notices.join()).toContain("it is not UTF-8");
    expect(start(fixture("strict-services.config"), ["dev"]).notices.join()).toContain(".net");
    expect(start(fixture("wide-header.config"), ["dev"]).notices.join()).toContain("javascript cannot read");
    expect(start(fixture("typical.config"), ["dev"]).notices).toEqual([]);
  });

  test("does not touch other credentials without replace", () => {
    const cases: [string, string, RegExp, AwsFileKind?][] = [
      ["typical.config", "corp-dev", /holds an sso sign-in \(sso_\*\)$/],
      ["typical.config", "cross", /holds role_arn and source_profile$/],
      ["foreign-process.config", "dev", /holds another credential_process$/],
      ["login-session.config", "dev", /holds login_session$/],
      ["static.credentials", "dev", /in the aws credentials file holds static keys$/, "credentials"],
    ];
    for (const [file, profile, why, kind = "config"] of cases) {
      const error = failure(() => start(fixture(file), [profile], { kind }));
      expect([error.code, error.message]).toEqual(["conflict", expect.stringMatching(why)]);
      expect(error.hint).toBe("use --replace to park it until stop");
    }
  });

  test("parks them with replace, and what the person adds meanwhile stays beside them", () => {
    const original = fixture("foreign-process.config");
    const { bytes: after, undo, parked } = start(original, ["dev"], { replace: true });
    expect(show(after)).toBe(`[profile dev]\n${ours}\n# last\n[profile last]\nregion = us-east-2\n`);
    expect(parked).toHaveLength(1);
    expect(JSON.stringify(undo)).not.toContain("vault");
    const edited = bytes(show(after)!.replace(ours, `${ours}output = json\nregion_set = a\n`));
    expect(show(stopProfiles(edited, "config", undo, parked).bytes)).toBe(
      show(original)!.replace("region = us-east-1\n", "region = us-east-1\noutput = json\nregion_set = a\n"),
    );
    // The same key on both sides would make botocore refuse the file: the newer one wins.
    const clash = bytes(show(after)!.replace("region=eu-west-1", "region=ap-south-1"));
    expect(show(stopProfiles(clash, "config", undo, parked).bytes)).toBe(
      show(original)!.replace("region = us-east-1\n", "").replace("dev\n\n", "dev\nregion=ap-south-1\n\n"),
    );
  });

  test("a parked section is not lost when its stand-in was deleted or rewritten", () => {
    const original = bytes("[profile a]\nrole_arn = x\n[profile b]\n");
    const { undo, parked } = start(original, ["a"], { replace: true });
    expect(show(stopProfiles(bytes("[profile b]\n"), "config", undo, parked).bytes)).toBe(
      "[profile b]\n[profile a]\nrole_arn = x\n",
    );
    expect(show(stopProfiles(undefined, "config", undo, parked).bytes)).toBe("[profile a]\nrole_arn = x\n");
    const rewritten = stopProfiles(bytes("[profile a]\nrole_arn = y\n"), "config", undo, parked);
    expect(show(rewritten.bytes)).toBe("[profile a]\nrole_arn = y\n");
    expect(rewritten.kept).toEqual(parked);
    expect(rewritten.notices).toHaveLength(1);
  });

  test("without keys only parks, where there is something to park", () => {
    const original = fixture("static.credentials");
    const parkOnly = (profile: string, content: Uint8Array | undefined, active: Undo[] = []) =>
      startProfiles(content, "credentials", [{ profile, keys: [] }], { replace: true, active });
    for (const [profile, content] of [
      ["ops", original],
      ["new", original],
      ["new", undefined],
    ] as const) {
      expect(parkOnly(profile, content)).toEqual({ bytes: content, undo: [], parked: [], notices: [] });
    }
    const { bytes: after, undo, parked } = parkOnly("dev", original);
    expect(show(after)).toBe(show(original)!.replace(/(?<=\[dev\]\n)(.+\n)+/, ""));
    expect(show(parkOnly("dev", after, undo).bytes)).toBe(show(after)!);
    expect(show(stopProfiles(after, "credentials", undo, parked).bytes)).toBe(show(original)!);
    // From the one method to the other and back, the parked section is remembered.
    const keys = start(after, ["dev"], { kind: "credentials", active: undo });
    const back = parkOnly("dev", keys.bytes, keys.undo);
    expect(show(back.bytes)).toBe(show(after)!);
    expect(show(stopProfiles(keys.bytes, "credentials", keys.undo, parked).bytes)).toBe(show(original)!);
    expect(show(stopProfiles(back.bytes, "credentials", back.undo, parked).bytes)).toBe(show(original)!);
  });

  test("is not slowed down by a mountain of comments", () => {
    const original = bytes(`[profile dev]\n${"# why\n\n".repeat(300_000)}  output = json\n`);
    const { bytes: after, undo } = start(original, ["dev"]);
    expect(show(after)).toEndWith(`  output = json\n${ours}`);
    expect(stopProfiles(after, "config", undo).bytes!.length).toBe(original.length);
  });

  test("refuses names and values that would write other lines", () => {
    for (const name of ["", "a]", "a\n[default]", " a"])
      expect(failure(() => start(undefined, [name])).code).toBe("invalid");
    for (const value of ["a\nrole_arn=x", "", " a", "a\0"]) {
      expect(
        failure(() => startProfiles(undefined, "config", [{ profile: "dev", keys: [["region", value]] }]))
          .code,
      ).toBe("invalid");
    }
  });
});

describe("start again", () => {
  test("replaces only what differs, and the undo still leads to the original", () => {
    const original = bytes("[profile dev]\noutput = json\nregion = us-east-1\n");
    const first = start(original, ["dev"]);
    const second = start(first.bytes, ["dev"], { session: "s2", active: first.undo });
    expect(show(second.bytes)).toBe(show(first.bytes)!.replace("s1", "s2"));
    expect(show(stopProfiles(second.bytes, "config", second.undo).bytes)).toBe(show(original)!);
    // The second edit may have been killed before it reached the disk.
    expect(show(stopProfiles(first.bytes, "config", second.undo).bytes)).toBe(show(original)!);
  });

  test("drops a key that is no longer wanted", () => {
    const local = startProfiles(undefined, "config", [
      {
        profile: "dev",
        keys: [
          ["credential_process", "leapp session generate s1"],
          ["region", "eu-west-1"],
          ["endpoint_url", "http://localhost:4566"],
        ],
      },
    ]);
    const plain = start(local.bytes, ["dev"], { active: local.undo });
    expect(show(plain.bytes)).toBe(`[profile dev]\n${ours}`);
    expect(stopProfiles(plain.bytes, "config", plain.undo).bytes).toBeUndefined();
  });

  test("rotates temporary keys in place, without a secret in the undo", () => {
    const original = fixture("static.credentials");
    const first = start(original, ["ops"], { kind: "credentials" });
    const second = start(first.bytes, ["ops"], { kind: "credentials", session: "s2", active: first.undo });
    expect(show(second.bytes)).toBe(show(first.bytes)!.replaceAll("s1", "s2"));
    expect(JSON.stringify([first.undo, second.undo])).not.toMatch(/secret\/|token==|id-s/);
    expect(show(stopProfiles(second.bytes, "credentials", second.undo).bytes)).toBe(show(original)!);
  });

  test("takes over a line of ours that nobody recorded, and of the old product", () => {
    const started = start(fixture("old-leapp.config"), ["dev"]);
    expect(show(started.bytes)).toContain("[profile dev]\ncredential_process=leapp session generate s1\n");
    expect(show(stopProfiles(started.bytes, "config", started.undo).bytes)).toBe(
      show(fixture("old-leapp.config"))!.slice(
        0,
        show(fixture("old-leapp.config"))!.indexOf("[profile dev]"),
      ),
    );
    const windows = bytes(
      "[profile dev]\ncredential_process = C:\\leapp\\leapp.exe session generate x\noutput=json\n",
    );
    const again = start(windows, ["dev"]);
    expect(show(stopProfiles(again.bytes, "config", again.undo).bytes)).toBe("[profile dev]\noutput=json\n");
  });

  test("an undo that never reached the file does no harm", () => {
    const original = fixture("typical.config");
    const { undo, parked } = start(original, ["dev", "default", "corp-dev"], { replace: true });
    const stopped = stopProfiles(original, "config", undo, parked);
    expect(show(stopped.bytes)).toBe(show(original)!);
    expect([stopped.kept, stopped.notices]).toEqual([[], []]);
    const retried = start(original, ["dev", "default", "corp-dev"], { replace: true, active: undo });
    expect(show(stopProfiles(retried.bytes, "config", retried.undo, retried.parked).bytes)).toBe(
      show(original)!,
    );
  });
});

describe("stop", () => {
  test("keeps what the person added or changed, and then the header", () => {
    const { bytes: after, undo } = start(bytes("[default]\noutput=json\n"), ["dev"]);
    const stop = (from: string, to: string) =>
      show(stopProfiles(bytes(show(after)!.replace(from, to)), "config", undo).bytes);
    expect(stop("region=eu-west-1\n", "region=eu-west-1\noutput=text\n")).toBe(
      "[default]\noutput=json\n\n[profile dev]\noutput=text\n",
    );
    expect(stop("region=eu-west-1\n", "region=eu-west-1\n# why\n")).toBe(
      "[default]\noutput=json\n\n[profile dev]\n# why\n",
    );
    expect(stop("region=eu-west-1", "region=us-east-1")).toBe(
      "[default]\noutput=json\n\n[profile dev]\nregion=us-east-1\n",
    );
    expect(stop("credential_process=leapp session generate s1", "credential_process=/opt/x")).toBe(
      "[default]\noutput=json\n\n[profile dev]\ncredential_process=/opt/x\n",
    );
    // A comment that leads to the next section is not ours, and no reason to keep our header.
    expect(stop("region=eu-west-1\n", "region=eu-west-1\n\n# next\n[profile z]\noutput=text\n")).toBe(
      "[default]\noutput=json\n\n# next\n[profile z]\noutput=text\n",
    );
  });

  test("removes the file only if it made it and nothing else is in it", () => {
    const { bytes: after, undo } = start(undefined, ["dev"]);
    expect(stopProfiles(after, "config", undo).bytes).toBeUndefined();
    expect(show(stopProfiles(bytes(`# mine\n\n${show(after)}`), "config", undo).bytes)).toBe("# mine\n\n");
    const empty = start(bytes(""), ["dev"]);
    expect(show(stopProfiles(empty.bytes, "config", empty.undo).bytes)).toBe("");
  });

  test("of one of several leaves the others, whoever was first", () => {
    const first = start(undefined, ["a"]);
    const second = start(first.bytes, ["b"], { active: first.undo });
    const onlyB = stopProfiles(second.bytes, "config", first.undo);
    expect(show(onlyB.bytes)).toContain(`[profile b]\n${ours}`);
    expect(show(onlyB.bytes)).not.toContain("[profile a]");
    expect(stopProfiles(onlyB.bytes, "config", second.undo).bytes).toBeUndefined();
  });
});

test("10,000 profiles in a file of 10 MB are edited in linear time", () => {
  const section = (i: number) =>
    `[profile p${i}]\nregion = eu-west-1\nrole_arn = arn:aws:iam::012345678901:role/r\nsource_profile = default\n# ${"x".repeat(900)}\n\n`;
  const original = bytes(Array.from({ length: 10_000 }, (_, i) => section(i)).join(""));
  expect(original.length).toBeGreaterThan(9_900_000);
  const names = Array.from({ length: 10_000 }, (_, i) => `new-${i}`);
  const time = <T>(run: () => T): [number, T] => {
    const from = performance.now();
    const result = run();
    return [performance.now() - from, result];
  };
  time(() => parseAwsFile(original, "config"));
  const [parsing] = time(() => parseAwsFile(original, "config"));
  const [starting, started] = time(() => start(original, names));
  const [, fewer] = time(() => start(original, names.slice(0, 1_000)));
  const [restarting] = time(() => start(started.bytes, names, { active: started.undo, session: "s2" }));
  const [stopping, stopped] = time(() => stopProfiles(started.bytes, "config", started.undo));
  expect(show(stopped.bytes) === show(original)).toBe(true);
  expect(fewer.undo).toHaveLength(1_000);
  console.log(
    `10 MB: parse ${parsing.toFixed()} ms; 10,000 profiles: start ${starting.toFixed()}, again ${restarting.toFixed()}, stop ${stopping.toFixed()} ms`,
  );
  for (const one of [parsing, starting, restarting, stopping]) expect(one).toBeLessThan(10_000);
});
