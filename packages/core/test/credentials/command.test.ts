import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand, splitCommand } from "../../src/credentials/command.ts";
import { readProcessOutput } from "../../src/credentials/process.ts";
import { LeappError } from "../../src/errors.ts";
import { rejection, thrown } from "../thrown.ts";

describe("words of a command line", () => {
  test.each<[string, string[]]>([
    ["", []],
    ["  a\tb \n c ", ["a", "b", "c"]],
    [`a 'b c' "d e"f`, ["a", "b c", "d ef"]],
    [`a '' ""`, ["a", "", ""]],
    [`'/p q/x' --name="v w"`, ["/p q/x", "--name=v w"]],
    [`a\\ b c\\'d "e\\"f\\\\g\\h" 'i\\j'`, ["a b", "c'd", 'e"f\\g\\h', "i\\j"]],
    ["a $HOME ~ * ; b | c", ["a", "$HOME", "~", "*", ";", "b", "|", "c"]],
    ["a\\", ["a\\"]],
  ])("%p", (line, words) => expect(splitCommand(line, false)).toEqual(words));

  test.each<[string, string[]]>([
    ['"C:\\Program Files\\x.exe" --a C:\\b', ["C:\\Program Files\\x.exe", "--a", "C:\\b"]],
    ['x "say \\"hi\\"" it\'s', ["x", 'say "hi"', "it's"]],
  ])("on Windows: %p", (line, words) => expect(splitCommand(line, true)).toEqual(words));

  test.each(["a 'b", 'a "b', `a 'b"`])("%p has an open quote", (line) => {
    expect(thrown(() => splitCommand(line, false)).code).toBe("invalid");
  });
});

describe("running a command", () => {
  const folder = mkdtempSync(join(tmpdir(), "leapp-command-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const env = { PATH: process.env.PATH };
  const run = (line: string, more: object = {}) => runCommand(line, { name: "the command", env, ...more });

  test("gives what it wrote, without a shell and with nothing to read", async () => {
    expect(await run(`printf '%s|' "$HOME" 'a b' $PATH`)).toBe("$HOME|a b|$PATH|");
    expect(await run("cat")).toBe("");
  });

  test("keeps AWS's and our own variables from it", async () => {
    const given = {
      ...env,
      KEPT: "1",
      AWS_CA_BUNDLE: "/ca.pem",
      HTTPS_PROXY: "http://p:1",
      AWS_PROFILE: "p",
      AWS_DEFAULT_PROFILE: "p",
      AWS_ACCESS_KEY_ID: "k",
      AWS_SECRET_ACCESS_KEY: "s",
      AWS_SESSION_TOKEN: "t",
      AWS_CONTAINER_CREDENTIALS_FULL_URI: "u",
      LEAPP_VAULT_PASSPHRASE_FILE: "f",
    };
    const names = (await run("env", { env: given })).split("\n").map((line) => line.split("=")[0]);
    expect(names.filter(Boolean).sort()).toEqual(["AWS_CA_BUNDLE", "HTTPS_PROXY", "KEPT", "PATH"]);
  });

  test("that fails is named with its status and its last line, nothing that looks like a key in it", async () => {
    const error = await rejection(
      run(`sh -c 'echo out; echo first >&2; echo "no: $0" >&2; exit 3' ${"k".repeat(40)}`),
    );
    expect(error.code).toBe("access-denied");
    expect(error.message).toBe("the command failed (exit 3): no: ...");
    expect((await rejection(run("sh -c 'kill -9 $$'"))).message).toBe("the command failed (SIGKILL)");
    expect((await rejection(run("false"))).message).toBe("the command failed (exit 1)");
  });

  test("that is not there", async () => {
    const error = await rejection(run("/no/such/program --x"));
    expect(error.line).toBe(
      "cannot run the command: /no/such/program (ENOENT); give the program's whole path; there is no shell and no ~",
    );
    expect((await rejection(run("  "))).message).toBe("the command is empty");
  });

  test("that writes without end is stopped", async () => {
    expect((await rejection(run("yes"))).message).toBe("the command writes more than 64 KiB");
  });

  test("that takes too long ends with all it started, even what holds its output open", async () => {
    const pid = join(folder, "pid");
    writeFileSync(pid, "");
    const begun = performance.now();
    const error = await rejection(run(`sh -c 'sleep 60 & echo $! > ${pid}; wait'`, { timeout: 400 }));
    expect(error.code).toBe("timed-out");
    expect(performance.now() - begun).toBeLessThan(5_000);
    const child = Number(readFileSync(pid, "utf8"));
    expect(child).toBeGreaterThan(0);
    while (isRunning(child)) await new Promise((resolve) => setImmediate(resolve));
  });

  test("ends with the caller's reason", async () => {
    const controller = new AbortController();
    const stopped = rejection(run("sleep 60", { signal: controller.signal }));
    controller.abort(new LeappError("vault-locked", "locked"));
    expect((await stopped).code).toBe("vault-locked");
    expect((await rejection(run("sleep 60", { signal: AbortSignal.abort() }))).code).toBe("refused");
  });
});

/** A zombie that nobody has waited for yet has ended. */
function isRunning(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  if (existsSync("/proc")) return existsSync(stat) && !/\) Z /.test(readFileSync(stat, "utf8"));
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("the output of a credential_process", () => {
  const now = Date.parse("2026-11-22T20:00:00Z");
  const good = {
    Version: 1,
    AccessKeyId: "ASIAX",
    SecretAccessKey: "s3cr3t/+",
    SessionToken: "t0ken==",
    Expiration: "2026-11-22T21:00:00Z",
  };
  test("becomes credentials", () => {
    expect(
      readProcessOutput(`${JSON.stringify({ ...good, AccountId: "111122223333", More: 1 })}\n`, now),
    ).toEqual({
      accessKeyId: "ASIAX",
      secretAccessKey: "s3cr3t/+",
      sessionToken: "t0ken==",
      expiration: Date.parse("2026-11-22T21:00:00Z"),
      issuedAt: now,
      accountId: "111122223333",
    });
    for (const Expiration of [
      "2026-11-22T21:00:00.123Z",
      "2026-11-22T22:00:00+01:00",
      "2026-11-22T16:00:00-0500",
    ]) {
      const { expiration } = readProcessOutput(JSON.stringify({ ...good, Expiration }), now);
      expect(Math.floor(expiration / 1000)).toBe(Date.parse("2026-11-22T21:00:00Z") / 1000);
    }
  });

  test.each<[string, object | string, string]>([
    ["nothing", "", "is not one JSON object"],
    ["two objects", '{"Version":1}{"Version":1}', "is not one JSON object"],
    ["a list", "[]", "does not have Version 1"],
    ["null", "null", "does not have Version 1"],
    ["a version as text", { Version: "1" }, "does not have Version 1"],
    ["no key", { AccessKeyId: undefined }, "has no access keys"],
    ["an empty secret", { SecretAccessKey: "" }, "has no access keys"],
    ["a secret with a line end", { SecretAccessKey: "s3cr3t\n" }, "has no access keys"],
    ["long-term keys", { SessionToken: undefined }, "has no SessionToken"],
    ["a null token", { SessionToken: null }, "has no SessionToken"],
    ["no expiry", { Expiration: undefined }, "has no Expiration"],
    ["an expiry without a zone", { Expiration: "2026-11-22T21:00:00" }, "has no Expiration"],
    ["an expiry as a number", { Expiration: 1795381200 }, "has no Expiration"],
    ["an impossible expiry", { Expiration: "2026-13-22T21:00:00Z" }, "has no Expiration"],
    ["what has expired", { Expiration: "2026-11-22T20:00:00Z" }, "has expired already"],
    ["a wrong account", { AccountId: 42 }, "has an AccountId that is none"],
  ])("with %s is refused", (_, change, words) => {
    const output = typeof change === "string" ? change : JSON.stringify({ ...good, ...change });
    const error = thrown(() => readProcessOutput(output, now));
    expect(error.code).toBe("invalid");
    expect(error.message).toStartWith(`the output of the session's command ${words}`);
    expect(Bun.inspect(error)).not.toContain("s3cr3t");
  });
});
