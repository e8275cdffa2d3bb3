/** When a person is needed: one question however many wait, and none where nobody could answer. */
import { expect, test } from "bun:test";
import { until } from "../support/leapp.ts";
import { codes, type Machine, newMachine, onTerminal, theOne } from "./support.ts";

const timeout = 60_000;
const question = /MFA code of [^\n]*: $/;

/** Waits until so many callers wait for the one question that is open. */
async function waiting(machine: Machine, count: number): Promise<void> {
  const client = await machine.client();
  try {
    await until(
      async () => {
        const open = await client.call("prompt.list", {});
        if (open.length > 1) throw new Error(`${open.length} questions are open`);
        return (open[0]?.waiting ?? 0) === count;
      },
      `${count} callers wait for one question`,
      3_000,
    );
  } finally {
    client.close();
  }
}

test(
  "one question, however many callers wait; its answer serves them all",
  async () => {
    await using machine = await newMachine();
    const { id, mfaSerial } = await machine.addUser("dev", { mfa: true });
    const role = await machine.addRole("audit", "dev");
    await using terminal = onTerminal(machine, ["session", "start", "dev"]);
    await terminal.shows(question);
    const callers = machine.generateAtOnce(20, id);
    await waiting(machine, 21);
    // Callers of a role that is chained from it wait for the same question.
    const chained = machine.generateAtOnce(5, role);
    await waiting(machine, 26);
    terminal.type(machine.sandbox.totpCode(mfaSerial!));
    expect(await terminal.exited).toBe(0);
    const results = await callers;
    expect(codes(results)).toEqual({ 0: 20 });
    theOne(results.map(({ stdout }) => stdout));
    expect(codes(await chained)).toEqual({ 0: 5 });
    expect(machine.sandbox.calls("GetSessionToken")).toBe(1);
    expect(machine.sandbox.calls("AssumeRole")).toBe(1);
    expect(terminal.screen().match(/MFA code of/g)).toHaveLength(1);
  },
  timeout,
);

test(
  "a wrong code asks again, three make an end; those who wait learn of it at once",
  async () => {
    await using machine = await newMachine();
    const { id, mfaSerial } = await machine.addUser("dev", { mfa: true });
    {
      await using terminal = onTerminal(machine, ["session", "start", "dev"]);
      await terminal.shows(question);
      const callers = machine.generateAtOnce(5, id);
      await waiting(machine, 6);
      for (const code of ["000000", "12345"]) {
        terminal.type(code);
        await terminal.shows(question);
      }
      terminal.type("000000");
      expect(await terminal.exited).toBe(25);
      expect(codes(await callers)).toEqual({ 25: 5 });
      // "12345" cannot be a code, and AWS was not asked.
      expect(machine.sandbox.calls("GetSessionToken")).toBe(2);
    }
    await using terminal = onTerminal(machine, ["session", "start", "dev"]);
    await terminal.shows(question);
    terminal.type("999999");
    await terminal.shows(question);
    terminal.type(machine.sandbox.totpCode(mfaSerial!));
    expect(await terminal.exited).toBe(0);
  },
  timeout,
);

for (const [how, leave, code] of [
  ["refuses", (terminal) => terminal.type("^C"), 12],
  ["closes the window", (terminal) => terminal.close(), undefined],
] as [string, (terminal: ReturnType<typeof onTerminal>) => void, number | undefined][]) {
  test(
    `whoever is asked ${how}: those who wait fail at once, and nothing is left behind`,
    async () => {
      await using machine = await newMachine();
      const { id } = await machine.addUser("dev", { mfa: true });
      await using terminal = onTerminal(machine, ["session", "start", "dev"]);
      await terminal.shows(question);
      const callers = machine.generateAtOnce(10, id);
      await waiting(machine, 11);
      const begun = Date.now();
      leave(terminal);
      const ended = await terminal.exited;
      if (code !== undefined) expect(ended).toBe(code);
      expect(codes(await callers)).toEqual({ 12: 10 });
      expect(Date.now() - begun).toBeLessThan(3_000);
      expect(machine.sandbox.calls()).toBe(0);
      const client = await machine.client();
      expect(await client.call("prompt.list", {})).toEqual([]);
      expect((await client.call("session.list", {}))[0]?.status).toBe("inactive");
      client.close();
    },
    timeout,
  );
}

test(
  "with nobody to ask, generate fails at once with exit code 10 and the remedy",
  async () => {
    await using machine = await newMachine();
    const { id } = await machine.addUser("dev two", { mfa: true });
    const role = await machine.addRole("audit", "dev two");
    for (const session of [id, role]) {
      const begun = Date.now();
      const result = await machine.generate(session);
      expect(Date.now() - begun).toBeLessThan(3_000);
      expect(result.code).toBe(10);
      expect(result.stdout).toBe("");
      expect(result.stderr).toMatch(/^leapp: [^\n]*run: leapp session start "dev two"\n$/);
    }
    expect(codes(await machine.generateAtOnce(30, id, role))).toEqual({ 10: 30 });
    expect(machine.sandbox.calls()).toBe(0);
  },
  timeout,
);

test(
  "an answered question is not asked again: not after a stop of the agent, not after its violent death",
  async () => {
    await using machine = await newMachine();
    const { id, mfaSerial } = await machine.addUser("dev", { mfa: true });
    await using terminal = onTerminal(machine, ["session", "start", "dev"]);
    await terminal.shows(question);
    terminal.type(machine.sandbox.totpCode(mfaSerial!));
    expect(await terminal.exited).toBe(0);
    const { stdout } = await machine.generate(id);

    await machine.leapp(["agent", "stop"]);
    expect((await machine.generate(id)).stdout === stdout).toBe(true);
    process.kill(await machine.agentPid(), "SIGKILL");
    expect((await machine.generate(id)).stdout === stdout).toBe(true);
    expect(machine.sandbox.calls("GetSessionToken")).toBe(1);

    // Another duration is another token: here somebody has to be asked.
    await machine.leapp(["session", "edit", "dev", "--duration", "2h"]);
    expect((await machine.generate(id)).code).toBe(10);
    // And back: the one in the vault is good again.
    await machine.leapp(["session", "edit", "dev", "--duration", "12h"]);
    expect((await machine.generate(id)).stdout === stdout).toBe(true);
  },
  timeout,
);

test(
  "the agent is killed while it asks: the terminal and the callers end with a word, and a second try works",
  async () => {
    await using machine = await newMachine();
    const { id, mfaSerial } = await machine.addUser("dev", { mfa: true });
    {
      await using terminal = onTerminal(machine, ["session", "start", "dev"]);
      await terminal.shows(question);
      const callers = machine.generateAtOnce(5, id);
      await waiting(machine, 6);
      process.kill(await machine.agentPid(), "SIGKILL");
      expect(await terminal.exited).toBe(30);
      // The launcher tries again with a new agent, which can ask nobody.
      expect(codes(await callers)).toEqual({ 10: 5 });
    }
    await using terminal = onTerminal(machine, ["session", "start", "dev"]);
    await terminal.shows(question);
    terminal.type(machine.sandbox.totpCode(mfaSerial!));
    expect(await terminal.exited).toBe(0);
    expect((await machine.generate(id)).code).toBe(0);
  },
  timeout,
);
