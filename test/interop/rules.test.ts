/**
 * The ten rules that every consumer of `credential_process` taken together asks for, each on the built program.
 * What is behind a rule, and which software needs it, is said at its test.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { exitCodes } from "../../packages/core/src/errors.ts";
import { runningIn, until } from "../support/leapp.ts";
import { contentOf, createPlace, type Scene, sandboxScene } from "./scene.ts";

const minute = 60_000;
const inCi = process.env.CI === "true";
const strace = Bun.which("strace");
const faketime = ["x86_64", "aarch64"]
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`)
  .find((file) => existsSync(file));
let scene: Scene;
/** A role reached from a user: the usual case. */
let role: string;
beforeAll(async () => {
  scene = await sandboxScene();
  role = await scene.add("role");
});
afterAll(() => scene.stop());

const generate = (id: string, options: Parameters<Scene["leapp"]["run"]>[1] = {}) =>
  scene.leapp.run([scene.leapp.program, "session", "generate", id], options);
const shell = (script: string, id: string, stdin?: string) =>
  scene.leapp.run(["/bin/sh", "-c", script, "sh", scene.leapp.program, "session", "generate", id], { stdin });
const coreAlone = (id: string) =>
  scene.leapp.run([`${scene.leapp.program}-core`, "session", "generate", id], {});

describe("R1 stdout is one JSON object in one write", () => {
  // A schema error makes Go print the whole output, with the secret key; Kotlin spoils what comes in pieces.
  for (const who of ["launcher", "core"]) {
    test(`by the ${who}: ASCII, at most 4 KiB, Version the integer 1, nothing unknown`, async () => {
      const { code, stdout } = await (who === "core" ? coreAlone(role) : generate(role));
      expect(code).toBe(0);
      expect(stdout).toMatch(/^\{[\x20-\x7e]+\}\n$/);
      expect(Buffer.byteLength(stdout)).toBeLessThanOrEqual(4_096);
      const keys = [...stdout.matchAll(/"([A-Z][A-Za-z]+)":/g)].map((match) => match[1]!);
      const wanted = ["Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "AccountId"];
      expect(keys).toEqual(wanted);
      expect(stdout).toStartWith('{"Version":1,');
      expect(JSON.parse(stdout).AccountId).toBe("111122223333");
    });

    test.if(strace !== null || inCi)(`one write by the ${who}`, async () => {
      const program = who === "core" ? `${scene.leapp.program}-core` : scene.leapp.program;
      const trace = join(scene.leapp.folder, `trace-${who}`);
      const command = [
        strace!,
        "-f",
        "-qq",
        "-e",
        "trace=write,writev",
        "-e",
        "write=none",
        "-s",
        "0",
        "-o",
        trace,
      ];
      const { code, stdout } = await scene.leapp.run([...command, program, "session", "generate", role]);
      expect(code).toBe(0);
      const writes = contentOf(trace)!.match(/writev?\(1, .* = \d+$/gm)!;
      expect(writes).toHaveLength(1);
      expect(writes[0]).toEndWith(`= ${stdout.length}`);
    });
  }
});

describe("R2 stderr is empty on success and one line on failure", () => {
  // Old C++ and Swift read stderr and stdout as one.
  const noise = {
    NODE_OPTIONS: "--trace-warnings --no-such-option",
    NODE_DEBUG: "net",
    BUN_DEBUG: "1",
    LD_DEBUG: "",
  };

  test("not one byte, whatever the caller's environment asks for", async () => {
    for (const env of [{}, noise, { TERM: undefined, LANG: "tr_TR.UTF-8" }])
      expect(await generate(role, { env })).toMatchObject({ code: 0, stderr: "" });
    expect(await coreAlone(role)).toMatchObject({ code: 0, stderr: "" });
  });

  test("not even when the call has to start the agent", async () => {
    await scene.leapp.leapp(["agent", "stop"]);
    expect(await generate(role, { env: noise })).toMatchObject({ code: 0, stderr: "" });
  });

  test("at most 500 bytes, however long the names in it", async () => {
    const id = await scene.addUser("n".repeat(60), { mfa: true });
    for (const ran of [await generate(id), await coreAlone(id), await generate(`x${"y".repeat(1_000)}`)]) {
      expect(ran.code).not.toBe(0);
      expect(ran.stdout).toBe("");
      expect(ran.stderr).toMatch(/^leapp: [^\n]+\n$/);
      expect(Buffer.byteLength(ran.stderr)).toBeLessThanOrEqual(500);
    }
  });
});

describe("R3 stdin is never read", () => {
  // JavaScript hands over a pipe that never closes.
  test("what lies in it stays there", async () => {
    const { code, stdout } = await shell('"$@" >/dev/null && cat', role, "still here\n");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "still here\n" });
  });

  test("a pipe that never ends, and a closed one", async () => {
    const endless = Bun.spawn([scene.leapp.program, "session", "generate", role], {
      env: scene.leapp.env,
      stdin: "pipe",
      stdout: "pipe",
    });
    expect(await endless.exited).toBe(0);
    const closed = await shell('exec "$@" <&- 2>&-', role);
    expect(JSON.parse(closed.stdout).Version).toBe(1);
  });
});

describe("R4 fast, or an end within 4 s", () => {
  async function timed(id: string): Promise<{ code: number; ms: number }> {
    const start = performance.now();
    const { code } = await generate(id);
    return { code, ms: performance.now() - start };
  }

  test("a warm answer within a second", async () => {
    await generate(role);
    const { code, ms } = await timed(role);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(1_000);
  });

  test("a network that swallows everything", async () => {
    const id = await scene.addUser("swallowed");
    scene.sandbox.fail({ action: "*", kind: "hang", times: 1_000 });
    const { code, ms } = await timed(id);
    scene.sandbox.reset();
    // The agent tries again by itself; the next test counts requests.
    const waits = async () => JSON.parse(await scene.leapp.leapp(["session", "show", id, "--json"])).waiting;
    await until(async () => !(await waits()), "nobody waits for AWS any more");
    expect(code).toBe(exitCodes["timed-out"]);
    expect(ms).toBeLessThan(4_000);
  });

  test("one failure of 75 callers is one request", async () => {
    const id = await scene.addUser("crowd");
    const before = scene.sandbox.calls("GetSessionToken");
    scene.sandbox.fail({ action: "GetSessionToken", kind: "access-denied", times: 1_000 });
    const all = await Promise.all(Array.from({ length: 75 }, () => generate(id)));
    const requests = scene.sandbox.calls("GetSessionToken") - before;
    scene.sandbox.reset();
    expect(new Set(all.map(({ code, stderr }) => `${code} ${stderr}`)).size).toBe(1);
    expect(all[0]!.code).toBe(exitCodes["access-denied"]);
    expect(requests).toBe(1);
  });
});

describe("R5 SessionToken and Expiration are always there", () => {
  // Kotlin requires the one; without the other most never refresh, and C++ runs us for every request. Swift reads
  // no fraction, C++ no offset.
  const bare = JSON.stringify({ Version: 1, AccessKeyId: "x", SecretAccessKey: "y" });
  const types: Record<string, () => Promise<string>> = {
    "iam-user": () => scene.addUser("plain"),
    "iam-role-chained": async () => role,
    localstack: () => scene.add("local", ["--type", "localstack", "--endpoint-url", scene.sandbox.url]),
    "process without them": () => scene.add("bare", ["--type", "process", "--command", `echo '${bare}'`]),
  };
  for (const [type, add] of Object.entries(types)) {
    test(type, async () => {
      const { code, stdout } = await generate(await add());
      // Where the source has none, a clear failure is the other way to keep the rule.
      if (code !== 0) return expect(stdout).toBe("");
      const { SessionToken, Expiration } = JSON.parse(stdout);
      expect(SessionToken).toBeString();
      expect(SessionToken).not.toBe("");
      expect(Expiration).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(Date.parse(Expiration)).toBeGreaterThan(Date.now() + 16 * minute);
    });
  }
});

describe("R6 at least 16 minutes of life", () => {
  // boto and .NET run us again at every use below 15.
  const left = (stdout: string) => Date.parse(JSON.parse(stdout).Expiration) - Date.now();

  test("20 minutes and more of an ordinary role", async () => {
    expect(left((await generate(role)).stdout)).toBeGreaterThan(20 * minute);
  });

  test.if(faketime !== undefined || inCi)("what has less is renewed before it is handed out", async () => {
    const id = await scene.add("ageing");
    const { leapp, sandbox } = scene;
    await leapp.leapp(["agent", "stop"]);
    // An agent whose clock, and AWS's with it, can be put forward.
    const time = leapp.file("faketime", "+0\n");
    const fake = { LD_PRELOAD: faketime!, FAKETIME_TIMESTAMP_FILE: time, FAKETIME_NO_CACHE: "1" };
    const env = { ...leapp.env, ...fake, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
    Bun.spawn([`${leapp.program}-core`, "agent", "run"], { env, stdio: ["ignore", "ignore", "ignore"] });
    await until(() => existsSync(join(leapp.leappHome, "agent.sock")), "the agent listens");
    const first = left((await generate(id)).stdout);
    leapp.file("faketime", "+46m\n");
    sandbox.advance(46 * minute);
    const later = left((await generate(id)).stdout);
    await leapp.leapp(["agent", "stop"]);
    sandbox.reset();
    expect(first - 46 * minute).toBeLessThan(16 * minute);
    expect(later - 46 * minute).toBeGreaterThan(16 * minute);
  });

  test("a duration under 30 minutes is warned of", async () => {
    const flags = ["--type", "iam-role-chained", "--parent", "user", "--role-arn", scene.roles.interop];
    const add = (name: string, duration: string) =>
      scene.leapp.run([
        scene.leapp.program,
        "session",
        "add",
        "--name",
        name,
        ...flags,
        "--duration",
        duration,
      ]);
    expect((await add("short", "20m")).stderr).toMatch(/1200 s is short: boto3/);
    expect((await add("long", "30m")).stderr).toBe("");
  });
});

describe("R7 exit 0 with valid JSON only, else nothing on stdout and a code of its own", () => {
  // PHP ignores the exit code; Terraform's user sees nothing else. 126 and 127 are the shell's.
  test("every cause has its own code", () => {
    const codes = Object.values(exitCodes) as number[];
    expect(new Set(codes).size).toBe(codes.length);
    expect(codes.filter((code) => code < 1 || code > 125)).toEqual([]);
  });

  test("as documented by the program itself", async () => {
    const help = await scene.leapp.leapp(["help", "exit-codes"]);
    for (const code of Object.values(exitCodes)) expect(help).toMatch(new RegExp(`^\\s*${code}\\s`, "m"));
  });

  test("and is what a failing call ends with", async () => {
    const forbidden = scene.sandbox.addRole({
      accountId: "111122223333",
      name: "forbidden",
      trust: { principals: [] },
    });
    const causes: [string, number][] = [
      ["no-such-session", exitCodes["not-found"]],
      [await scene.addUser("codeless", { mfa: true }), exitCodes["mfa-needed"]],
      [await scene.add("forbidden", ["--role-arn", forbidden]), exitCodes["access-denied"]],
      ["--no-such-flag", exitCodes.usage],
    ];
    for (const [id, wanted] of causes) {
      const { code, stdout } = await generate(id);
      expect([id, code, stdout]).toEqual([id, wanted, ""]);
    }
  });
});

describe("the profile", () => {
  let section: string;
  let place: ReturnType<typeof createPlace>;
  beforeAll(async () => {
    place = createPlace(scene.leapp, "profile");
    const id = await scene.add("profile", ["--profile", "profile"]);
    await scene.leapp.leapp(["session", "start", id], { env: { HOME: place.home } });
    section = contentOf(place.config)!;
  });

  test("R8 the value of credential_process is an absolute path and bare words", () => {
    // Every consumer takes quotes, #, ;, ~, $ and backslashes in its own way.
    const value = /^credential_process=(.*)$/m.exec(section)![1]!;
    expect(value).toMatch(/^\/[A-Za-z0-9_./:=@+-]+( [A-Za-z0-9_./:=@+-]+)+$/);
  });

  test("R9 the section holds credential_process and region, and nothing else", () => {
    // Beside other credentials the order of preference differs; .NET wants exactly these.
    expect(section).toMatch(
      /^\[profile profile\]\ncredential_process=\S+ session generate \S+\nregion=\S+\n$/,
    );
    expect(contentOf(place.credentials)).toBeUndefined();
  });
});

describe("R10 we do not resolve credentials through the caller's profile", () => {
  // All consumers hand their environment to us: a profile that leads back here would never end.
  const foreign = {
    AWS_PROFILE: "back",
    AWS_DEFAULT_PROFILE: "back",
    AWS_ACCESS_KEY_ID: "not-to-be-used",
    AWS_SECRET_ACCESS_KEY: "not-to-be-used",
    AWS_SESSION_TOKEN: "not-to-be-used",
  };

  for (const agent of ["running", "started by this call"]) {
    test(`the agent is ${agent}`, async () => {
      const line = `credential_process = ${scene.leapp.program} session generate ${role}`;
      const name = `back-${agent.length}`;
      const place = createPlace(scene.leapp, name, `[profile back]\n${line}\n`);
      if (agent !== "running") await scene.leapp.leapp(["agent", "stop"]);
      const { code, stdout, stderr } = await generate(role, { env: { ...foreign, HOME: place.home } });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(JSON.parse(stdout).AccessKeyId).toStartWith("ASIA");
      expect(runningIn(role)).toEqual([]);
      const refused = scene.sandbox.requests().filter(({ error }) => /Token|Signature/.test(error ?? ""));
      expect(refused).toEqual([]);
    });
  }

  test("a wrapped command is not given them either", async () => {
    const seen = join(scene.leapp.folder, "seen");
    const command = `/bin/sh -c 'env >${seen}; exit 3'`;
    const id = await scene.add("wrapped", ["--type", "process", "--command", command]);
    await scene.leapp.leapp(["agent", "stop"]);
    await generate(id, { env: foreign });
    expect(contentOf(seen)).toContain("LEAPP_HOME=");
    expect(contentOf(seen)).not.toMatch(/^(AWS_(DEFAULT_)?PROFILE|AWS_ACCESS_KEY_ID|AWS_SE|LEAPP_VAULT)/m);
  });
});
