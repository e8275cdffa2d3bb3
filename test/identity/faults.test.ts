/**
 * What can go wrong during a sign-in and after it: nothing is lost, the message says what to do, the next command
 * works. The built program against the sandbox.
 */
import { expect, test } from "bun:test";
import type { FaultKind } from "../../packages/sandbox/src/faults.ts";
import { onTerminal } from "../engine/support.ts";
import { until } from "../support/leapp.ts";
import { attachApp, type Company, loginHint, newCompany, newEmployee } from "./support.ts";

const timeout = 60_000;
const hour = 3_600_000;

const state = async (company: Company): Promise<string> =>
  JSON.parse(await company.leapp(["integration", "show", "work", "--json"])).state;

/** A person asks, so that an error of a moment ago is no answer. */
const start = (company: Company, session: string) =>
  company.run([company.program, "session", "start", session]);

for (const [step, kind, code] of [
  ["RegisterClient", "cut", 23],
  ["RegisterClient", "500", 22],
  ["RegisterClient", "429", 22],
  ["CreateToken", "cut", 23],
  ["CreateToken", "cut-after", 23],
  ["CreateToken", "503", 22],
] as [string, FaultKind, number][]) {
  test(
    `a sign-in in the browser whose ${step} meets ${kind}: it says so, and the next one works`,
    async () => {
      await using company = await newCompany();
      company.sandbox.fail({ action: step, kind, times: 100 });
      {
        await using terminal = onTerminal(company, ["integration", "login", "work"]);
        if (step === "CreateToken") {
          const { status, body } = await company.answerPages(await company.nextTab());
          expect(status).toBe(400);
          expect(body).toContain("The sign-in failed");
        }
        expect(await terminal.exited).toBe(code);
        expect(terminal.screen()).toMatch(/leapp: [^\n]+; [^\n]+\n$/);
      }
      expect(await state(company)).toBe("signed-out");
      company.sandbox.reset();
      await company.signIn();
      expect(await state(company)).toBe("signed-in");
    },
    timeout,
  );
}

test(
  "a device code: its polling gets over cuts and faults; one that cannot even begin says so",
  async () => {
    await using company = await newCompany();
    const login = ["integration", "login", "work", "--device-code"];
    company.sandbox.fail({ action: "StartDeviceAuthorization", kind: "cut", times: 100 });
    {
      await using terminal = onTerminal(company, login);
      expect(await terminal.exited).toBe(23);
      expect(terminal.screen()).toMatch(/leapp: [^\n]+; check the network, VPN and proxy\n$/);
    }
    company.sandbox.reset();
    company.sandbox.fail({ action: "CreateToken", kind: "cut" });
    company.sandbox.fail({ action: "CreateToken", kind: "500" });
    await using terminal = onTerminal(company, login);
    await terminal.shows(/never approve a code that you did not ask for/);
    const [, url] = /open (http\S+)/.exec(terminal.screen())!;
    await company.answerPages(url!);
    expect(await terminal.exited).toBe(0);
    expect(company.tabs()).toEqual([]);
    expect(await state(company)).toBe("signed-in");
  },
  timeout,
);

for (const [how, leave, code] of [
  ["Ctrl-C", (terminal) => terminal.type("^C"), 12],
  ["closing the terminal", (terminal) => terminal.close(), undefined],
  [
    "a sign-out in another terminal",
    async (_, company) => void (await company.leapp(["integration", "logout", "work"])),
    12,
  ],
] as [
  string,
  (terminal: ReturnType<typeof onTerminal>, company: Company) => void | Promise<void>,
  number | undefined,
][]) {
  test(
    `the browser is left half-way and ${how} ends it: its answer finds nobody, and the next sign-in works`,
    async () => {
      await using company = await newCompany();
      const { terminal, url } = await company.beginSignIn();
      await using _ = terminal;
      await terminal.shows(/open http/);
      expect(await state(company)).toBe("signing-in");
      await leave(terminal, company);
      const ended = await terminal.exited;
      if (code !== undefined) expect(ended).toBe(code);
      await until(async () => (await state(company)) === "signed-out", "nobody waits any more");
      const client = await company.client();
      expect(await client.call("prompt.list", {})).toEqual([]);
      client.close();
      // Too late: the loopback port is closed, nothing redeems the code.
      await expect(company.answerPages(url)).rejects.toThrow();
      expect(company.sandbox.calls("CreateToken")).toBe(0);
      await company.signIn();
    },
    timeout,
  );
}

test(
  "refused on the page, or in the app: everybody who waits is told at once, and a second try works",
  async () => {
    await using company = await newEmployee();
    const [session, other] = await company.sessions();
    company.sandbox.revokeSignIns(company.organisation.startUrl);
    using app = await attachApp(company, { click: false });
    const callers = company.generateAtOnce(4, session!.id, other!.id);
    await until(() => app.open.size === 1, "the app asks");
    await until(async () => (await app.client.call("prompt.list", {}))[0]?.waiting === 4, "all callers wait");
    await app.client.call("prompt.refuse", { id: [...app.open.keys()][0]! });
    for (const { code, stderr } of await callers) {
      expect(code).toBe(12);
      expect(stderr).toBe("leapp: sign in to work: refused by the person asked\n");
    }
    expect(company.tabs()).toHaveLength(1);

    const { terminal, url } = await company.beginSignIn();
    await using _ = terminal;
    expect((await company.answerPages(url, "deny")).body).toContain("The sign-in failed");
    expect(await terminal.exited).toBe(12);
    expect(terminal.screen()).toContain("the sign-in was refused in the browser");
    await company.signIn();
    expect((await start(company, session!.name)).code).toBe(0);
  },
  timeout,
);

test(
  "the network is cut in a refresh: it says so, the sign-in stays, the next call works without a person",
  async () => {
    await using company = await newEmployee();
    const { sandbox } = company;
    const [session] = await company.sessions();
    // By the server's clock the access token is over: a 401, then a refresh.
    sandbox.advance(2 * hour);
    const before = sandbox.calls("CreateToken");
    sandbox.fail({ action: "CreateToken", kind: "cut" });
    const { code, stderr } = await company.generate(session!.id);
    expect(code).toBe(23);
    expect(stderr).toMatch(/^leapp: cannot reach 127[^\n]+; check the network, VPN and proxy\n$/);
    expect((await start(company, session!.name)).code).toBe(0);
    expect(sandbox.calls("CreateToken") - before).toBe(2);
    expect(company.tabs()).toHaveLength(1);
  },
  timeout,
);

test(
  "the answer to a refresh is lost, so that the server has rotated and we have not: one sign-in, said plainly",
  async () => {
    await using company = await newEmployee();
    const [session] = await company.sessions();
    company.sandbox.advance(2 * hour);
    company.sandbox.fail({ action: "CreateToken", kind: "cut-after" });
    expect((await company.generate(session!.id)).code).toBe(23);
    const { code, stderr } = await start(company, session!.name);
    expect(code).toBe(11);
    expect(stderr).toMatch(loginHint);
    await company.signIn();
    expect((await start(company, session!.name)).code).toBe(0);
  },
  timeout,
);

for (const moment of ["before the server rotates", "when the new token is first used"]) {
  test(
    `the agent is killed in a refresh, ${moment}: nobody has to sign in again`,
    async () => {
      await using company = await newEmployee();
      const { sandbox } = company;
      const [session] = await company.sessions();
      sandbox.advance(2 * hour);
      const before = { refreshes: sandbox.calls("CreateToken"), uses: sandbox.calls("GetRoleCredentials") };
      const early = moment.startsWith("before");
      if (early) sandbox.fail({ action: "CreateToken", kind: "hang" });
      else for (const ms of [1, 5_000]) sandbox.fail({ action: "GetRoleCredentials", kind: "slow", ms });
      const caller = company.generate(session!.id);
      await until(
        () =>
          early
            ? sandbox.calls("CreateToken") === before.refreshes + 1
            : sandbox.calls("GetRoleCredentials") === before.uses + 2,
        "the refresh has come so far",
      );
      process.kill(await company.agentPid(), "SIGKILL");
      // The launcher tries again with a new agent. The pair is in the vault before it is used for the first time.
      expect((await caller).code).toBe(0);
      expect(sandbox.calls("CreateToken") - before.refreshes).toBe(early ? 2 : 1);
      expect(company.tabs()).toHaveLength(1);
      expect(await state(company)).toBe("signed-in");
    },
    timeout,
  );
}

test(
  "a 429 storm: a tool is answered in time, and once it is over all is well",
  async () => {
    await using company = await newEmployee();
    const [session] = await company.sessions();
    company.sandbox.fail({ action: "GetRoleCredentials", kind: "429", times: 1_000, ms: 2_000 });
    const begun = Date.now();
    const { code, stderr } = await company.generate(session!.id);
    expect(Date.now() - begun).toBeLessThan(5_000);
    expect(code).toBe(13);
    expect(stderr).toMatch(/^leapp: [^\n]+; [^\n]+\n$/);
    // Waiting as told, not hammering.
    expect(company.sandbox.calls("GetRoleCredentials")).toBeLessThan(4);
    company.sandbox.reset();
    expect((await start(company, session!.name)).code).toBe(0);
    expect(await state(company)).toBe("signed-in");
  },
  timeout,
);

test(
  "a clock that is three hours behind: sign-in, sync and credentials work all the same, and once it is right too",
  async () => {
    await using company = await newCompany();
    company.sandbox.advance(3 * hour);
    await company.signIn();
    await company.leapp(["integration", "sync", "work"]);
    const [session, other] = await company.sessions();
    expect((await company.generate(session!.id)).code).toBe(0);
    company.sandbox.reset();
    expect((await start(company, other!.name)).code).toBe(0);
    expect(company.tabs()).toHaveLength(1);
  },
  timeout,
);

test(
  "a clock that is three hours ahead: no consumer gets credentials that look expired, but is told about the clock",
  async () => {
    await using company = await newCompany();
    company.sandbox.advance(-3 * hour);
    await company.signIn();
    await company.leapp(["integration", "sync", "work"]);
    const [session] = await company.sessions();
    const { code, stdout, stderr } = await company.generate(session!.id);
    expect({ code, stdout }).toEqual({ code: 24, stdout: "" });
    expect(stderr).toBe("leapp: this machine's clock is 3 h ahead of AWS's; set the clock and try again\n");
    company.sandbox.reset();
    expect((await start(company, session!.name)).code).toBe(0);
    expect(company.tabs()).toHaveLength(1);
  },
  timeout,
);
