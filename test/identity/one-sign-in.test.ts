/** One sign-in however many need it, and none where nobody could be asked; the built program, real processes. */
import { expect, test } from "bun:test";
import { codes, onTerminal, theOne } from "../engine/support.ts";
import { until } from "../support/leapp.ts";
import { attachApp, loginHint, newCompany, newEmployee } from "./support.ts";

const timeout = 60_000;

test(
  "75 callers with an expired token and an app: one sign-in, one tab, 75 answers",
  async () => {
    await using company = await newEmployee();
    const { sandbox } = company;
    await company.leapp(["integration", "logout", "work"]);
    const long = { accounts: 2, rolesPerAccount: 2 };
    sandbox.seedOrganisation({ ...long, sessionHours: 1.5 / 3_600 });
    await company.signIn();
    const expired = Date.now() + 1_500;
    sandbox.seedOrganisation(long);
    const [session] = await company.sessions();
    using app = await attachApp(company);
    await until(() => Date.now() > expired, "the token has expired");
    sandbox.reset();

    const callers = company.generateAtOnce(75, session!.id);
    const url = await company.nextTab();
    await until(
      () => [...app.open.values()].some((prompt) => prompt.waiting === 75 || !!prompt.url),
      "asked",
    );
    await company.answerPages(url);
    const results = await callers;
    expect(codes(results)).toEqual({ 0: 75 });
    expect(theOne(results.map(({ stderr }) => stderr))).toBe("");
    expect(JSON.parse(theOne(results.map(({ stdout }) => stdout))).Version).toBe(1);
    expect(company.tabs()).toHaveLength(3);
    expect(sandbox.calls("Authorize")).toBe(1);
    expect(sandbox.calls("GetRoleCredentials")).toBe(1);
    // The click, then the page; both are closed.
    expect(app.asked.map(({ kind, url: page }) => `${kind} ${page !== undefined}`)).toEqual([
      "sso-sign-in false",
      "sso-sign-in true",
    ]);
    expect(app.open.size).toBe(0);
  },
  timeout,
);

test(
  "75 callers and nobody to ask: each fails at once with the command to run, and no tab opens",
  async () => {
    await using company = await newEmployee();
    const [session] = await company.sessions();
    company.sandbox.revokeSignIns(company.organisation.startUrl);
    company.sandbox.reset();
    const begun = Date.now();
    const first = await company.generate(session!.id);
    expect(Date.now() - begun).toBeLessThan(1_500);
    expect(first.code).toBe(11);
    expect(first.stderr).toMatch(loginHint);
    const results = await company.generateAtOnce(75, session!.id);
    expect(codes(results)).toEqual({ 11: 75 });
    expect(theOne(results.map(({ stderr }) => stderr))).toMatch(loginHint);
    expect(theOne(results.map(({ stdout }) => stdout))).toBe("");
    expect(company.tabs()).toHaveLength(1);
    // One 401, one try to refresh; 76 callers.
    expect(company.sandbox.calls("GetRoleCredentials")).toBe(1);
    expect(company.sandbox.calls("CreateToken")).toBe(1);

    // What it says to run is what helps.
    await company.signIn();
    expect((await company.generate(session!.id)).code).toBe(0);
  },
  timeout,
);

test(
  "a token that the server revoked: one question on the 401, no loop, also when the new one is refused too",
  async () => {
    await using company = await newEmployee();
    const { sandbox, organisation } = company;
    const [session, other] = await company.sessions();
    expect((await company.generate(session!.id)).code).toBe(0);
    using app = await attachApp(company);
    sandbox.revokeSignIns(organisation.startUrl);
    sandbox.reset();
    // What is in memory is good to its end.
    expect((await company.generate(session!.id)).code).toBe(0);
    expect(sandbox.calls()).toBe(0);

    const caller = company.generate(other!.id);
    await company.answerPages(await company.nextTab());
    expect((await caller).code).toBe(0);
    expect(sandbox.calls("GetRoleCredentials")).toBe(2);
    expect(app.asked).toHaveLength(2);

    // Revoked again before the new token was used: an error, not a second question.
    const third = (await company.sessions())[2]!;
    sandbox.revokeSignIns(organisation.startUrl);
    const unlucky = company.generate(third.id);
    const url = await company.nextTab();
    sandbox.reset();
    sandbox.fail({ action: "CreateToken", kind: "slow", ms: 500 });
    const pages = company.answerPages(url);
    await until(() => sandbox.calls("CreateToken") === 1, "the code is being redeemed");
    sandbox.revokeSignIns(organisation.startUrl);
    expect((await pages).status).toBe(200);
    const { code, stderr } = await unlucky;
    expect(code).toBe(11);
    expect(stderr).toMatch(loginHint);
    expect(app.asked).toHaveLength(4);
    expect(company.tabs()).toHaveLength(3);
  },
  timeout,
);

test(
  "several sessions of one instance, one of them chained: one question, one sign-in",
  async () => {
    await using company = await newEmployee();
    const { sandbox, organisation } = company;
    const sessions = await company.sessions();
    const chained = await company.addRole("deeper", sessions[3]!.name);
    sandbox.revokeSignIns(organisation.startUrl);
    sandbox.reset();
    using app = await attachApp(company, { click: false });
    const callers = company.generateAtOnce(16, ...sessions.slice(0, 3).map(({ id }) => id), chained);
    const waiting = () => [...app.open.values()].map((prompt) => prompt.kind);
    await until(() => waiting().length > 0, "a question is open");
    await until(
      async () =>
        (await app.client.call("prompt.list", {})).reduce((sum, one) => sum + one.waiting, 0) === 16,
      "all callers wait for an answer",
    );
    expect(waiting()).toEqual(["sso-sign-in"]);
    expect(company.tabs()).toHaveLength(1);
    await app.client.call("prompt.answer", { id: [...app.open.keys()][0]!, value: "" });
    const url = await company.nextTab();
    await company.answerPages(url);
    const results = await callers;
    expect(codes(results)).toEqual({ 0: 16 });
    expect(new Set(results.map(({ stdout }) => stdout)).size).toBe(4);
    expect(sandbox.calls("Authorize")).toBe(1);
    const given = sandbox
      .requests()
      .filter(({ action, status }) => action === "GetRoleCredentials" && status === 200);
    expect(given).toHaveLength(4);
    expect(sandbox.calls("AssumeRole")).toBe(1);
    expect(company.tabs()).toHaveLength(2);
    expect(app.open.size).toBe(0);
  },
  timeout,
);

test(
  "a person at a terminal signs in while tools wait for a click in the app: that serves them all",
  async () => {
    await using company = await newEmployee();
    const sessions = await company.sessions();
    company.sandbox.revokeSignIns(company.organisation.startUrl);
    company.sandbox.reset();
    using app = await attachApp(company, { click: false });
    const callers = company.generateAtOnce(6, sessions[0]!.id, sessions[1]!.id);
    await until(() => app.open.size === 1, "the app asks");
    // `session start` is a person too: nothing has to be clicked any more.
    await using terminal = onTerminal(company, ["session", "start", sessions[0]!.name]);
    await company.answerPages(await company.nextTab());
    expect(await terminal.exited).toBe(0);
    expect(codes(await callers)).toEqual({ 0: 6 });
    expect(app.open.size).toBe(0);
    expect(company.sandbox.calls("Authorize")).toBe(1);
  },
  timeout,
);

test(
  "two terminals and an app sign in at once: one tab, all are served; signed in already is a success",
  async () => {
    await using company = await newCompany();
    using app = await attachApp(company);
    await using first = onTerminal(company, ["integration", "login", "work"]);
    const url = await company.nextTab();
    await using second = onTerminal(company, ["integration", "login", "work"]);
    const third = app.client.call("integration.login", { integration: "work" });
    for (const terminal of [first, second]) await terminal.shows(/open http\S+/);
    await company.answerPages(url);
    expect(await first.exited).toBe(0);
    expect(await second.exited).toBe(0);
    expect((await third).integration.state).toBe("signed-in");
    expect(company.tabs()).toHaveLength(1);
    expect(company.sandbox.calls("Authorize")).toBe(1);
    expect(await company.leapp(["integration", "login", "work"])).toMatch(
      /^already signed in to work, expires in /,
    );
    expect(company.tabs()).toHaveLength(1);
  },
  timeout,
);
