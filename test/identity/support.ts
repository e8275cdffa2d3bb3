/** What the proofs of sign-in share: a machine of somebody in a company, their browser and their app. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AgentClient, connectAgent } from "../../packages/agent/src/client.ts";
import type { PromptView, SessionView } from "../../packages/agent/src/protocol.ts";
import type { OrganisationOptions, OrganisationView } from "../../packages/sandbox/src/organisations.ts";
import { completeSignIn } from "../../packages/sandbox/src/sign-in.ts";
import { type Machine, newMachine, onTerminal, type Terminal } from "../engine/support.ts";
import { type LeappOptions, until } from "../support/leapp.ts";

export interface Company extends Machine {
  organisation: OrganisationView;
  /** Addresses that the browser was opened with, oldest first. */
  tabs(): string[];
  /** Waits for the next tab that was not looked at yet. */
  nextTab(): Promise<string>;
  /** The person goes through the pages in the browser. */
  answerPages(url: string, decision?: "allow" | "deny"): Promise<{ status: number; body: string }>;
  /** `integration login` on a terminal, and through the browser. */
  signIn(): Promise<void>;
  /** `integration login` on a terminal, with its tab open. */
  beginSignIn(): Promise<{ terminal: Terminal; url: string }>;
  sessions(): Promise<SessionView[]>;
}

export const loginHint = /^leapp: [^\n]*run: leapp integration login work\n$/;

/** With an integration "work"; nobody has signed in. `before` runs ahead of the first command. */
export async function newCompany(
  options: OrganisationOptions = {},
  more: Omit<LeappOptions, "endpoint"> = {},
  before: (machine: Machine) => void = () => {},
): Promise<Company> {
  const machine = await newMachine(more);
  before(machine);
  const organisation = machine.sandbox.seedOrganisation({ accounts: 2, rolesPerAccount: 2, ...options });
  const log = join(machine.folder, "tabs");
  const browser = join(machine.folder, "browser");
  writeFileSync(browser, `#!/bin/sh\nprintf '%s\\n' "$1" >> '${log}'\n`);
  chmodSync(browser, 0o755);
  machine.env.BROWSER = browser;
  const { startUrl, region } = organisation;
  await machine.leapp([
    ...["integration", "create", "--alias", "work", "--start-url", startUrl, "--region", region],
  ]);
  let seen = 0;
  const company: Company = {
    ...machine,
    organisation,
    tabs: () => (existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : []),
    async nextTab() {
      await until(() => company.tabs().length > seen, "a tab opens in the browser");
      seen += 1;
      return company.tabs()[seen - 1]!;
    },
    answerPages: (url, decision) => completeSignIn(url, organisation, decision),
    async signIn() {
      const { terminal, url } = await company.beginSignIn();
      await using _ = terminal;
      await company.answerPages(url);
      if ((await terminal.exited) !== 0) throw new Error(terminal.screen());
    },
    async beginSignIn() {
      const terminal = onTerminal(machine, ["integration", "login", "work"]);
      return { terminal, url: await company.nextTab() };
    },
    async sessions() {
      return JSON.parse(await machine.leapp(["session", "list", "--json"]));
    },
  };
  return company;
}

/** The same, signed in and synced. */
export async function newEmployee(...given: Parameters<typeof newCompany>): Promise<Company> {
  const company = await newCompany(...given);
  await company.signIn();
  await company.leapp(["integration", "sync", "work"]);
  return company;
}

export interface App extends Disposable {
  client: AgentClient;
  /** Every question that was shown, oldest first, and which of them are open. */
  asked: PromptView[];
  open: Map<string, PromptView>;
}

/** The desktop app, as far as the agent can tell. `click`: the person agrees to every sign-in at once. */
export async function attachApp(machine: Machine, { click = true } = {}): Promise<App> {
  const client = await connectAgent({ env: machine.env, kind: "app" });
  const app: App = { client, asked: [], open: new Map(), [Symbol.dispose]: client.close };
  client.on((event) => {
    if (event.event === "prompt") {
      const { id, url } = event.data;
      app.asked.push(event.data);
      app.open.set(id, event.data);
      // The answer may come second to somebody else's.
      if (click && !url) client.call("prompt.answer", { id, value: "" }).catch(() => {});
    }
    if (event.event === "prompt-closed") app.open.delete(event.data.id);
  });
  return app;
}
