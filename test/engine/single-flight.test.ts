/** However many ask at the same time: one request to AWS, one agent; the built program, real processes. */
import { expect, test } from "bun:test";
import { codes, newMachine, theOne } from "./support.ts";

const timeout = 60_000;

test(
  "200 callers of a cold session cause one STS call, and none fails",
  async () => {
    await using machine = await newMachine();
    const { id } = await machine.addUser("dev");
    machine.sandbox.fail({ action: "GetSessionToken", kind: "slow", ms: 500 });
    const results = await machine.generateAtOnce(200, id);
    expect(codes(results)).toEqual({ 0: 200 });
    expect(theOne(results.map(({ stderr }) => stderr))).toBe("");
    expect(JSON.parse(theOne(results.map(({ stdout }) => stdout))).Version).toBe(1);
    expect(machine.sandbox.calls("GetSessionToken")).toBe(1);
  },
  timeout,
);

test(
  "75 callers of a failing session make one request and one line each; the next success ends it",
  async () => {
    await using machine = await newMachine();
    const { id, arn } = await machine.addUser("dev");
    machine.sandbox.fail({ action: "GetSessionToken", kind: "access-denied", times: 1_000 });
    // One comes first; the others share what became of it.
    expect((await machine.generate(id)).code).toBe(20);
    const results = await machine.generateAtOnce(75, id);
    expect(codes(results)).toEqual({ 20: 75 });
    expect(theOne(results.map(({ stdout }) => stdout))).toBe("");
    expect(theOne(results.map(({ stderr }) => stderr))).toMatch(/^leapp: [^\n]{1,480}\n$/);
    expect(machine.sandbox.calls("GetSessionToken")).toBe(1);

    // A person who tries now is not told the failure of before.
    machine.sandbox.reset();
    expect(await machine.leapp(["session", "identity", "dev"])).toContain(arn);
    expect((await machine.generate(id)).code).toBe(0);
    expect(machine.sandbox.calls("GetSessionToken")).toBe(1);
  },
  timeout,
);

test(
  "an edit takes effect at once: after a success, after a failure, for those chained from it",
  async () => {
    await using machine = await newMachine();
    const { sandbox } = machine;
    const { id } = await machine.addUser("dev");
    const role = await machine.addRole("audit", "dev");
    const nameOf = () => sandbox.sessions().at(-1)!.arn.split("/").at(-1);

    const before = await machine.generate(role);
    expect(before.code).toBe(0);
    await machine.leapp(["session", "edit", "audit", "--role-session-name", "second"]);
    const after = await machine.generate(role);
    expect(after.stdout === before.stdout).toBe(false);
    expect(nameOf()).toBe("second");
    expect(sandbox.calls("GetSessionToken")).toBe(1);

    // The parent's edit is an edit of the chain.
    await machine.leapp(["session", "edit", "dev", "--duration", "2h"]);
    expect((await machine.generate(role)).stdout === after.stdout).toBe(false);
    expect(sandbox.calls("GetSessionToken")).toBe(2);
    expect(sandbox.calls("AssumeRole")).toBe(3);

    // A shared failure is that of the request before the edit.
    const other = sandbox.addRole({ accountId: "444455556666", name: "other", trust: { principals: ["*"] } });
    const shut = sandbox.addRole({ accountId: "444455556666", name: "shut", trust: { principals: [] } });
    await machine.leapp(["session", "edit", "audit", "--role-arn", shut]);
    expect((await machine.generate(role)).code).toBe(20);
    await machine.leapp(["session", "edit", "audit", "--role-arn", other]);
    expect((await machine.generate(role)).code).toBe(0);

    // New keys of the same user: the request looks the same, and its credentials are still not used again.
    const keys = sandbox.addUser({ accountId: "111122223333", name: "grace" });
    await machine.leapp(
      ["session", "edit", "dev", "--access-key-id", keys.accessKeyId, "--secret-access-key-stdin"],
      { stdin: keys.secretAccessKey },
    );
    expect(await machine.leapp(["session", "identity", "dev"])).toContain(keys.arn);
    // One call for the new keys, none for a second caller.
    const count = sandbox.calls("GetSessionToken");
    expect((await machine.generate(id)).code).toBe(0);
    expect(sandbox.calls("GetSessionToken")).toBe(count);
  },
  timeout,
);

test(
  "callers of several roles fetch their common parent once",
  async () => {
    await using machine = await newMachine();
    await machine.addUser("dev");
    const roles: string[] = [];
    for (const name of ["one", "two", "three"]) roles.push(await machine.addRole(name, "dev"));
    const deeper = await machine.addRole("deeper", "one");
    machine.sandbox.fail({ action: "GetSessionToken", kind: "slow", ms: 300 });
    const results = await machine.generateAtOnce(60, ...roles, deeper);
    expect(codes(results)).toEqual({ 0: 60 });
    expect(machine.sandbox.calls("GetSessionToken")).toBe(1);
    expect(machine.sandbox.calls("AssumeRole")).toBe(4);
    for (let i = 0; i < 4; i++) theOne(results.filter((_, nth) => nth % 4 === i).map(({ stdout }) => stdout));
    expect(new Set(results.map(({ stdout }) => stdout)).size).toBe(4);
  },
  timeout,
);

test(
  "50 callers with no agent running start one agent, and all are served",
  async () => {
    await using machine = await newMachine();
    const { id } = await machine.addUser("dev");
    await machine.leapp(["agent", "stop"]);
    const startsBefore = machine.log().match(/ listens, /g)!.length;
    const results = await machine.generateAtOnce(50, id);
    expect(codes(results)).toEqual({ 0: 50 });
    theOne(results.map(({ stdout }) => stdout));
    expect(machine.log().match(/ listens, /g)!.length - startsBefore).toBe(1);
    expect(machine.sandbox.calls("GetSessionToken")).toBe(1);

    // The same for one that was killed, and left its socket and its locks behind.
    process.kill(await machine.agentPid(), "SIGKILL");
    expect(codes(await machine.generateAtOnce(50, id))).toEqual({ 0: 50 });
    expect(machine.log().match(/ listens, /g)!.length - startsBefore).toBe(2);
  },
  timeout,
);
