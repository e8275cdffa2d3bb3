import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkProfileName, credentialProcessCommand, shadows } from "../../src/aws-config/names.ts";
import { LeappError } from "../../src/errors.ts";

function code(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof LeappError ? error.code : String(error);
  }
}

describe("profile names", () => {
  test("that everybody reads pass without a word", () => {
    for (const name of ["dev", "default", "a.b_c-d", "team/dev@eu", "50%", "x".repeat(64)])
      expect(checkProfileName(name)).toEqual([]);
  });

  test("that some cannot read pass with a line that says who", () => {
    expect(checkProfileName("my profile").join()).toMatch(/^only boto and the aws cli can read/);
    expect(checkProfileName("größe").join()).toMatch(/javascript, rust, java .* not ASCII/);
    expect(checkProfileName("a(b)").join()).toMatch(/javascript.*has \(.*php/);
    expect(checkProfileName("a+b").join()).toMatch(/older java/);
    expect(checkProfileName("x".repeat(65)).join()).toMatch(/over 64/);
  });

  test("that can never work are refused", () => {
    for (const name of [
      "",
      " ",
      "a ",
      "\ta",
      "a\nb",
      "a\rb",
      "a]b",
      "a\0b",
      "a\u2028b",
      "a\ud800",
      "ü".repeat(128),
      "__proto__",
    ]) {
      expect([name, code(() => checkProfileName(name))]).toEqual([name, "invalid"]);
    }
    expect(code(() => checkProfileName("ü".repeat(127)))).toBeUndefined();
  });
});

describe("shadows", () => {
  const bytes = (text: string) => Buffer.from(text);
  const none = bytes("[dev]\nregion = eu-west-1\n[other]\naws_access_key_id = x\n");

  test("nobody, where nothing stands in the way", () => {
    expect(shadows(undefined, undefined, "dev", {})).toEqual([]);
    expect(shadows(none, none, "dev", { AWS_ACCESS_KEY_ID: "", AWS_PROFILE: "dev" })).toEqual([]);
  });

  test("static keys of the same name in the credentials file", () => {
    const [line, ...more] = shadows(
      undefined,
      bytes("[dev]\naws_access_key_id = x\naws_secret_access_key = y\n"),
      "dev",
      {},
    );
    expect(line).toMatch(
      /^profile dev in the aws credentials file holds static keys: boto, .*terraform.* not leapp$/,
    );
    expect(line).not.toMatch(/rust|java,|\.net/);
    expect(more).toEqual([]);
    expect(shadows(undefined, bytes("[dev]\nrole_arn = x\n"), "dev", {}).join()).toContain("holds role_arn");
  });

  test("spellings that only some read", () => {
    expect(shadows(undefined, bytes("[profile dev]\naws_access_key_id = x\n"), "dev", {}).join()).toContain(
      "go v1 and ruby",
    );
    expect(shadows(bytes("[dev]\naws_access_key_id = x\n"), undefined, "dev", {}).join()).toContain(
      "go v1 and ruby",
    );
    expect(shadows(bytes("[default]\naws_access_key_id = x\n"), undefined, "default", {})).toEqual([]);
  });

  test("keys in the environment, which javascript ignores", () => {
    const [line] = shadows(undefined, undefined, "dev", { AWS_ACCESS_KEY_ID: "x" });
    expect(line).toMatch(/^AWS_ACCESS_KEY_ID is set: boto, the aws cli, go, /);
    expect(line).not.toContain("javascript");
  });
});

describe("the command", () => {
  const value = (path: string, platform = "linux") =>
    credentialProcessCommand(path, "0a1b-2", platform).value;

  test("is the one form that every consumer runs", () => {
    expect(value("leapp")).toBe("leapp session generate 0a1b-2");
    expect(value("/usr/local/bin/leapp")).toBe("/usr/local/bin/leapp session generate 0a1b-2");
    expect(value("/Users/A B/bin/leapp", "darwin")).toBe("'/Users/A B/bin/leapp' session generate 0a1b-2");
    expect(value("C:\\ProgramData\\leapp\\leapp.exe", "win32")).toBe(
      "C:\\ProgramData\\leapp\\leapp.exe session generate 0a1b-2",
    );
    expect(value("C:\\PROGRA~1\\leapp.exe", "win32")).toBe("C:\\PROGRA~1\\leapp.exe session generate 0a1b-2");
  });

  test("with a blank in its path runs in a shell and after shlex", () => {
    const folder = mkdtempSync(join(tmpdir(), "leapp blank "));
    try {
      symlinkSync("/bin/echo", join(folder, "leapp"));
      const command = value(join(folder, "leapp"));
      const shlex = "import shlex, subprocess, sys; subprocess.run(shlex.split(sys.argv[1]))";
      for (const run of [
        ["sh", "-c", command],
        ["python3", "-c", shlex, command],
      ]) {
        expect(spawnSync(run[0]!, run.slice(1), { encoding: "utf8" }).stdout).toBe(
          "session generate 0a1b-2\n",
        );
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("is refused where no form works, with a word on what would", () => {
    const bad = [
      "bin/leapp",
      "./leapp",
      "/opt/a'b/leapp",
      "/opt/$x/leapp",
      "/opt/ü/leapp",
      "/opt/a#b/leapp",
      "/opt/a\tb/leapp",
      "~/leapp",
      "/o/a%b/leapp",
      "/o/a;b",
    ];
    for (const path of bad) expect([path, code(() => value(path))]).toEqual([path, "invalid"]);
    for (const path of ["C:\\Program Files\\leapp.exe", "leapp.exe", "C:/leapp.exe", "C:\\a&b\\leapp.exe"]) {
      expect([path, code(() => value(path, "win32"))]).toEqual([path, "invalid"]);
    }
    for (const id of ["", "a b", "a;b", "$(x)"])
      expect(code(() => credentialProcessCommand("leapp", id, "linux"))).toBe("invalid");
  });
});
