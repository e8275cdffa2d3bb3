/** What a sync may change, and what is the person's: through the built program, at the sandbox's portal. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import type { SyncProgress } from "../../packages/agent/src/protocol.ts";
import { onTerminal } from "../engine/support.ts";
import { until } from "../support/leapp.ts";
import { type Company, loginHint, newCompany, newEmployee } from "./support.ts";

const timeout = 60_000;
const first = "200000000000";
const second = "200000000001";

const integration = async (company: Company) =>
  JSON.parse(await company.leapp(["integration", "show", "work", "--json"]));
const syncJson = async (company: Company, ...flags: string[]) =>
  JSON.parse(await company.leapp(["integration", "sync", "work", "--json", ...flags]));

/** The company reorganises: one account goes, one comes, one gets another name. */
function reorganise({ sandbox, organisation: { startUrl } }: Company): void {
  sandbox.unassign(startUrl, second);
  sandbox.assign(startUrl, { accountId: "299999999999", accountName: "newcomer", roles: ["Developer"] });
  sandbox.renameAccount(startUrl, first, "payments renamed");
}

for (const [how, kind, code] of [
  ["is cut", "cut", 23],
  ["meets a server that is unwell", "500", 22],
  ["is refused", "access-denied", 20],
] as const) {
  test(
    `a listing that ${how} changes nothing and does not sign out; the next sync works`,
    async () => {
      await using company = await newEmployee();
      const before = await company.leapp(["session", "list", "--json"]);
      const { lastSyncAt } = await integration(company);
      reorganise(company);
      // The accounts are listed, their roles are not.
      company.sandbox.fail({ action: "ListAccountRoles", kind, times: 1_000 });
      const {
        code: ended,
        stdout,
        stderr,
      } = await company.run([company.program, "integration", "sync", "work"]);
      expect({ ended, stdout }).toEqual({ ended: code, stdout: "" });
      expect(stderr).toMatch(/^leapp: [^\n]+; [^\n]+\n$/);
      expect(await company.leapp(["session", "list", "--json"])).toBe(before);
      expect(await integration(company)).toMatchObject({ state: "signed-in", lastSyncAt, sessions: 4 });
      expect((await integration(company)).problem.code).toBeString();

      company.sandbox.reset();
      const { added, updated, removed } = await syncJson(company);
      expect([added.length, updated.length, removed.length]).toEqual([1, 2, 2]);
      expect((await integration(company)).problem).toBeUndefined();
      expect(company.tabs()).toHaveLength(1);
    },
    timeout,
  );
}

test(
  "a listing during which the agent is killed changes nothing; the next command works and syncs",
  async () => {
    await using company = await newEmployee();
    const before = await company.leapp(["session", "list", "--json"]);
    reorganise(company);
    company.sandbox.fail({ action: "ListAccountRoles", kind: "hang", times: 2 });
    const interrupted = company.run([company.program, "integration", "sync", "work"]);
    await until(() => company.sandbox.calls("ListAccountRoles") >= 4, "the listing hangs");
    process.kill(await company.agentPid(), "SIGKILL");
    const { code, stderr } = await interrupted;
    expect(code).toBe(30);
    expect(stderr).toMatch(/^leapp: [^\n]+; run the command again\n$/);
    expect(await company.leapp(["session", "list", "--json"])).toBe(before);
    company.sandbox.reset();
    const { added, updated, removed } = await syncJson(company);
    expect([added.length, updated.length, removed.length]).toEqual([1, 2, 2]);
    expect(company.tabs()).toHaveLength(1);
  },
  timeout,
);

test(
  "429 with Retry-After: the sync waits as told, and loses nothing",
  async () => {
    await using company = await newCompany({ accounts: 6, rolesPerAccount: 3 });
    await company.signIn();
    company.sandbox.fail({ action: "ListAccountRoles", kind: "429", times: 5, ms: 1_000 });
    const begun = Date.now();
    expect((await syncJson(company)).added).toHaveLength(18);
    expect(Date.now() - begun).toBeGreaterThanOrEqual(1_000);
    expect(company.sandbox.requests().filter(({ status }) => status === 429)).toHaveLength(5);
    expect(company.sandbox.calls("ListAccountRoles")).toBe(11);
  },
  timeout,
);

test(
  "--dry-run tells what a sync would do, and does nothing",
  async () => {
    await using company = await newEmployee();
    const before = await company.leapp(["session", "list", "--json"]);
    const { lastSyncAt } = await integration(company);
    reorganise(company);
    const shown = await company.leapp(["integration", "sync", "work", "--dry-run"]);
    expect(shown.split("\n")).toEqual([
      "1 sessions to be added",
      "2 sessions to be updated",
      "2 sessions to be removed",
      "+ newcomer/Developer",
      "~ payments renamed/AdministratorAccess",
      "~ payments renamed/ReadOnlyAccess",
      "- search production/AdministratorAccess",
      "- search production/ReadOnlyAccess",
      "",
    ]);
    expect(await company.leapp(["session", "list", "--json"])).toBe(before);
    expect((await integration(company)).lastSyncAt).toBe(lastSyncAt);
  },
  timeout,
);

test(
  "a renamed account keeps ids, pins, profiles, regions and chained sessions; a name the person gave stays",
  async () => {
    await using company = await newEmployee();
    const { sandbox, organisation } = company;
    const [admin, reader] = (await company.sessions()).filter(({ accountId }) => accountId === first);
    await company.leapp(["session", "change-region", admin!.name, "--region", "ap-south-1"]);
    await company.leapp(["session", "change-profile", admin!.name, "--profile", "mine"]);
    await company.leapp(["session", "edit", admin!.name, "--pinned"]);
    await company.leapp(["session", "rename", reader!.name, "--name", "just looking"]);
    const chained = await company.addRole("deeper", admin!.name);
    await company.leapp(["session", "start", admin!.name]);
    const config = readFileSync(company.file(".aws/config"), "utf8");

    sandbox.renameAccount(organisation.startUrl, first, "Ledger & Co");
    const result = await syncJson(company);
    expect(result).toEqual({
      added: [],
      updated: ["Ledger & Co/AdministratorAccess", "just looking"],
      removed: [],
      notices: [],
    });
    const after = await company.sessions();
    expect(after.find(({ id }) => id === admin!.id)).toMatchObject({
      name: "Ledger & Co/AdministratorAccess",
      accountName: "Ledger & Co",
      region: "ap-south-1",
      profiles: ["mine"],
      pinned: true,
      status: "active",
    });
    expect(after.find(({ id }) => id === reader!.id)).toMatchObject({
      name: "just looking",
      accountName: "Ledger & Co",
    });
    expect(after.find(({ id }) => id === chained)).toMatchObject({
      parentId: admin!.id,
      source: "Ledger & Co/AdministratorAccess",
    });
    expect(readFileSync(company.file(".aws/config"), "utf8")).toBe(config);
    for (const id of [admin!.id, chained]) expect((await company.generate(id)).code).toBe(0);
  },
  timeout,
);

test(
  "a role that was taken away: stopped and gone, but kept, with a word, while others are chained from it",
  async () => {
    await using company = await newEmployee();
    const { sandbox, organisation } = company;
    const own = "# mine\n[profile own]\nregion = eu-west-1\n";
    company.file(".aws/config", own);
    const gone = (await company.sessions()).filter(({ accountId }) => accountId === first);
    await company.addRole("deeper", gone[0]!.name);
    for (const [i, { name }] of gone.entries())
      await company.leapp(["session", "start", name, "--profile", `p${i}`]);
    expect(readFileSync(company.file(".aws/config"), "utf8")).toContain("[profile p1]");

    sandbox.unassign(organisation.startUrl, first);
    const result = await syncJson(company);
    expect(result.removed).toEqual([gone[1]!.name]);
    expect(result.notices).toEqual([
      `${gone[0]!.name} is no longer yours, but stays because other sessions are chained from it`,
    ]);
    expect(readFileSync(company.file(".aws/config"), "utf8")).toContain("[profile p0]");
    expect(readFileSync(company.file(".aws/config"), "utf8")).not.toContain("[profile p1]");
    // Memory would serve them to their end.
    await company.leapp(["agent", "stop"]);
    const refused = await company.generate(gone[0]!.id);
    expect(refused.code).toBe(20);
    expect(refused.stderr).toMatch(
      /^leapp: work gives you no role AdministratorAccess in account 200000000000;/,
    );

    // Once nothing is chained from it any more it goes as well, and the file is the person's own again.
    await company.leapp(["session", "delete", "deeper", "--force"]);
    expect((await syncJson(company)).removed).toEqual([gone[0]!.name]);
    expect(readFileSync(company.file(".aws/config"), "utf8")).toBe(own);
    expect((await company.sessions()).map(({ accountId }) => accountId)).toEqual([second, second]);
  },
  timeout,
);

test(
  "progress is told as it happens, and shown as a bar on a terminal",
  async () => {
    await using company = await newCompany({ accounts: 30, rolesPerAccount: 1 });
    await company.signIn();
    const client = await company.client();
    const told: (SyncProgress & { integrationId: string })[] = [];
    client.on((event) => {
      if (event.event === "sync-progress") told.push(event.data);
    });
    await client.call("subscribe", {});
    await using terminal = onTerminal(company, ["integration", "sync", "work"]);
    await terminal.shows(/#+\.* \d+ of 30 accounts, \d+ s left/);
    expect(await terminal.exited).toBe(0);
    expect(terminal.screen()).toContain("30 sessions added");
    const done = told.map((one) => one.done);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(told.at(-1)).toMatchObject({ done: 30, total: 30, estimate: 0 });
    expect(told.find((one) => one.done === 10)!.estimate).toBe(2);
    client.close();
  },
  timeout,
);

test(
  "a sign-in that is missing is made by a sync on a terminal; elsewhere the sync says what to run",
  async () => {
    await using company = await newCompany();
    const { code, stderr } = await company.run([company.program, "integration", "sync", "work"]);
    expect(code).toBe(11);
    expect(stderr).toMatch(loginHint);
    await using terminal = onTerminal(company, ["integration", "sync", "work"]);
    await company.answerPages(await company.nextTab());
    expect(await terminal.exited).toBe(0);
    expect(await company.sessions()).toHaveLength(4);
  },
  timeout,
);

test(
  "profiles for 400 roles: previewed, written in one edit, pruned, and gone without a trace",
  async () => {
    await using company = await newCompany({ accounts: 40, rolesPerAccount: 10 });
    const own = "# mine, with care\r\n[default]\nregion = us-east-1\n\n[profile own]\nregion=x";
    const config = company.file(".aws/config", own);
    const read = () => readFileSync(config, "utf8");
    await company.signIn();
    await company.leapp(["integration", "sync", "work"]);
    const sessions = await company.sessions();
    expect(sessions).toHaveLength(400);
    await company.leapp(["session", "change-profile", sessions[7]!.name, "--profile", "by-hand"]);

    const template = ["--all", "--template", "{alias}-{account}-{role}", "--separator", "_"];
    const plan = JSON.parse(await company.leapp(["profile", "generate", ...template, "--dry-run", "--json"]));
    expect(plan.profiles).toHaveLength(399);
    expect(read()).toBe(own);

    const seen = new Set<string>();
    let over = false;
    const watching = (async () => {
      for (; !over; await new Promise((resume) => setImmediate(resume))) seen.add(read());
    })();
    const made = JSON.parse(await company.leapp(["profile", "generate", ...template, "--json"]));
    over = true;
    await watching;
    seen.add(read());
    // Nobody ever saw half of it.
    expect([...seen].map((text) => text.match(/^credential_process ?=/gm)?.length ?? 0)).toEqual([0, 400]);
    expect(made.profiles.map((one: { profile: string }) => one.profile)).toEqual(
      plan.profiles.map((one: { profile: string }) => one.profile),
    );
    expect(read().startsWith(own)).toBe(true);
    const sections = [...read().matchAll(/^\[profile (\S+)\]$/gm)].map(([, name]) => name!);
    expect(sections).toHaveLength(401);
    expect(sections).toContain("by-hand");
    expect(sections).toContain("work-payments_production-AdministratorAccess");
    const reader = sessions.find(({ name }) => name === "payments production/ReadOnlyAccess")!;
    const section = read().split("[profile work-payments_production-ReadOnlyAccess]")[1]!.split("[")[0]!;
    expect(section).toContain(reader.id);
    expect((await company.generate(reader.id)).code).toBe(0);

    // Another template: the old names go, and none is left behind.
    const short = ["profile", "generate", "--filter", "payments", "--template", "{accountId}.{role}"];
    await company.leapp(short);
    const renamed = [...read().matchAll(/^\[profile (\S+)\]$/gm)].map(([, name]) => name!);
    expect(renamed).toHaveLength(401);
    expect(renamed).toContain("200000000000.AdministratorAccess");
    expect(renamed).not.toContain("work-payments_production-AdministratorAccess");
    const pruned = JSON.parse(await company.leapp(["profile", "prune", "--json"]));
    expect(pruned.removed).toContain("work-payments_production-AdministratorAccess");
    expect(JSON.parse(await company.leapp(["profile", "prune", "--json"])).removed).toEqual([]);
    expect([...read().matchAll(/^\[profile /gm)]).toHaveLength(401);

    const client = await company.client();
    for (const session of sessions) await client.call("session.stop", { session: session.id });
    client.close();
    expect(read()).toBe(own);
    expect(existsSync(company.file(".aws/credentials"))).toBe(false);
  },
  timeout,
);

test(
  "sign-out: revoked at the server, tokens and credentials forgotten, sessions kept",
  async () => {
    await using company = await newEmployee();
    const [session] = await company.sessions();
    expect((await company.generate(session!.id)).code).toBe(0);
    company.sandbox.reset();
    const before = await company.sessions();
    expect(await company.leapp(["integration", "logout", "work"])).toBe("signed out of work\n");
    expect(company.sandbox.requests().map(({ action, status }) => `${action} ${status}`)).toEqual([
      "Logout 200",
    ]);
    // The credentials in memory are gone too, though AWS would take them for an hour.
    const { code, stderr } = await company.generate(session!.id);
    expect(code).toBe(11);
    expect(stderr).toMatch(loginHint);
    expect((await company.sessions()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    expect(await integration(company)).toMatchObject({ state: "signed-out", sessions: 4 });
    // Not even a new agent finds anything to refresh.
    await company.leapp(["agent", "stop"]);
    expect((await company.generate(session!.id)).code).toBe(11);
    expect(company.sandbox.calls()).toBe(1);

    // Where the server cannot be told it is forgotten here all the same, with a word.
    await company.signIn();
    company.sandbox.fail({ action: "Logout", kind: "cut", times: 10 });
    const ended = await company.run([company.program, "integration", "logout", "work"]);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain("signed out here, but AWS could not be told");
    expect((await company.generate(session!.id)).code).toBe(11);
  },
  timeout,
);
