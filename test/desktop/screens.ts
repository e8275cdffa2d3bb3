/**
 * Every screen of the window, and the steps that open it from where the one before it left. Pictured, and looked
 * through by axe, by screens.test.ts; listed by docs/screens.md.
 */
import { copyFileSync, existsSync, mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { openAudit } from "../../packages/agent/src/audit.ts";
import { systemClock } from "../../packages/agent/src/platform/clock.ts";
import { resolvePaths } from "../../packages/agent/src/platform/paths.ts";
import { openState } from "../../packages/core/src/state/state.ts";
import type { Ran } from "../support/leapp.ts";
import { addCompany, addUser, type World } from "./window.ts";

export const themes = ["light", "dark"] as const;

export interface Scene {
  world: World;
  page: Page;
  /** A tool that waits for an answer; its end is waited for. */
  tool?: Promise<Ran>;
}

export interface Screen {
  name: string;
  /** What the picture shows. */
  caption: string;
  /** Where the picture is not of the window itself, the page it is of. */
  open(scene: Scene): Promise<Page | unknown>;
  /** The Escape key, where absent. */
  close?(scene: Scene): Promise<unknown>;
}

export interface Workspace {
  name: string;
  furnish(scene: Scene): Promise<unknown>;
  screens: readonly Screen[];
}

const stay = async () => {};
const button = (page: Page, name: string | RegExp) =>
  page.getByRole("button", { name, exact: typeof name === "string" });
/** Other rows may name it too: as their source, or in their profile. */
const row = (page: Page, name: string) =>
  page.locator(".row", { has: page.locator(".cell.name", { hasText: new RegExp(`^${name}$`) }) });
const choose = async (page: Page, name: string, item: string) => {
  await row(page, name).click({ button: "right" });
  await page.getByRole("menuitem", { name: item }).click();
};
const noDialog = (page: Page) => page.locator("dialog").waitFor({ state: "detached" });

const kind = (name: string, title: string): Screen => ({
  name,
  caption: `Adding: ${title}`,
  open: ({ page }) => page.getByRole("radio", { name: new RegExp(`^${title}`) }).check(),
  close: stay,
});

const empty: Workspace = {
  name: "empty",
  furnish: async ({ world, page }) => {
    world.file(
      ".aws/config",
      "[sso-session company]\nsso_start_url = https://company.awsapps.com/start\nsso_region = eu-west-1\n" +
        "sso_registration_scopes = sso:account:access\n\n[profile ci]\n" +
        "credential_process = company-credentials --for ci\n",
    );
    await page.reload();
    await page.locator(".first-run").waitFor();
  },
  screens: [
    {
      name: "first-run",
      caption: "The first start: where access can come from, and what stands in `~/.aws` already",
      open: ({ page }) => page.getByText(/that could be sessions here/).waitFor(),
      close: stay,
    },
    {
      name: "import",
      caption: "What was found in `~/.aws`; the files stay as they are",
      open: async ({ page }) => {
        await button(page, "Have a look").click();
        await page.getByRole("checkbox").first().waitFor();
      },
    },
    {
      name: "activity-empty",
      caption: "Activity, before any tool asked",
      open: async ({ page }) => {
        await button(page, "Activity").click();
        await page.getByText("Nothing was handed out yet").waitFor();
      },
      close: ({ page }) => button(page, "All sessions").click(),
    },
    {
      name: "add",
      caption: "Adding a company sign-in",
      open: ({ page }) => button(page, "Add").click(),
      close: stay,
    },
    kind("add-chained-role", "Chained role"),
    kind("add-saml-role", "SAML role"),
    kind("add-web-identity", "Web identity"),
    kind("add-process", "Process"),
    kind("add-localstack", "LocalStack"),
    {
      name: "mistakes",
      caption: "Adding an IAM user: each mistake is named where it was made, and nothing typed is lost",
      open: async ({ page }) => {
        await page.getByRole("radio", { name: /^IAM user/ }).check();
        const form = page.getByRole("dialog", { name: "Add" });
        await form.getByLabel("Name", { exact: true }).fill("ada");
        await form.getByLabel("Access key ID").fill("AKIA-ada");
        await form.getByLabel("MFA device").fill("arn:aws:iam::1:mfa");
        await button(page, "Add session").click();
        await form.getByRole("alert").nth(1).waitFor();
      },
    },
  ],
};

const settingsPage = (section: string, caption: string): Screen => ({
  name: `settings-${section.toLowerCase().replaceAll(" ", "-")}`,
  caption,
  open: async ({ page }) => {
    await page.getByRole("navigation", { name: "Settings" }).getByRole("button", { name: section }).click();
    await page.locator(".settings-section .button, .settings-section .field").first().waitFor();
    await page.locator(".spinner").waitFor({ state: "detached" });
  },
  close: stay,
});

/** Opens the panel; acknowledging it is how it is left, so that the other method can be chosen. */
const methodPanel = (name: string, method: string, caption: string): Screen => ({
  name,
  caption,
  open: async ({ page }) => {
    await page.getByRole("radio", { name: new RegExp(method) }).click();
    await page.locator(".changes").waitFor();
    await page.locator(".spinner").waitFor({ state: "detached" });
  },
  close: async ({ page }) => {
    await button(page, "I acknowledge it").click();
    await noDialog(page);
  },
});

const full: Workspace = {
  name: "full",
  furnish,
  screens: [
    {
      name: "sessions",
      caption: "The sessions, one of them with its details",
      open: ({ page }) => row(page, "deploy").click(),
      close: stay,
    },
    {
      name: "session-menu",
      caption: "What can be done with a session",
      open: async ({ page }) => {
        await row(page, "deploy").click({ button: "right" });
        await page.getByRole("menu").waitFor();
      },
    },
    {
      name: "problem",
      caption: "A session that AWS refused, with the reason",
      open: ({ page }) => row(page, "broken").click(),
      close: stay,
    },
    {
      name: "failure",
      caption: "A start that failed: the reason, and the button that mends it",
      open: async ({ page }) => {
        await row(page, "broken").dblclick();
        await page
          .locator(".toast")
          .getByRole("button", { name: /Edit session/ })
          .waitFor();
      },
      close: ({ page }) => button(page, "Close message").click(),
    },
    {
      name: "groups",
      caption: "Grouped by account, in compact rows, several selected",
      open: async ({ page }) => {
        await button(page, "Hide details").first().click();
        await button(page, "Group").click();
        await page.getByRole("menuitemcheckbox", { name: "Account" }).click();
        await button(page, "Compact rows").click();
        await page.locator(".row").nth(6).click();
        await page.keyboard.press("Shift+ArrowDown");
        await page.keyboard.press("Shift+ArrowDown");
        await page.getByText("selected").waitFor();
      },
      close: async ({ page }) => {
        await page.keyboard.press("Escape");
        await button(page, "By account").click();
        await page.getByRole("menuitemcheckbox", { name: "No groups" }).click();
        await button(page, "Comfortable rows").click();
        await button(page, "Show details").click();
      },
    },
    {
      name: "search",
      caption: "The search: every word has to fit",
      open: async ({ page }) => {
        await page.getByLabel("Search sessions").fill("production readonly");
        await page.getByText(/\d+ of 46/).waitFor();
      },
      close: stay,
    },
    {
      name: "no-match",
      caption: "A search that finds nothing",
      open: async ({ page }) => {
        await page.getByLabel("Search sessions").fill("billing legacy");
        await page.getByText("No session matches").waitFor();
      },
      close: ({ page }) => button(page, "Show all sessions").click(),
    },
    {
      name: "palette",
      caption: "The command palette, `Ctrl K`",
      open: async ({ page }) => {
        await page.keyboard.press("Control+k");
        await page.keyboard.type("billing");
      },
    },
    {
      name: "shortcuts",
      caption: "The keyboard shortcuts, `?`",
      open: async ({ page }) => {
        await page.getByRole("grid").focus();
        await page.keyboard.press("?");
        await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
      },
    },
    {
      name: "edit-session",
      caption: "Editing a session",
      open: async ({ page }) => {
        await choose(page, "deploy", "Edit");
        await button(page, "More options").click();
      },
    },
    {
      name: "edit-integration",
      caption: "Editing a company sign-in",
      open: async ({ page }) => {
        await button(page, "More for company").click();
        await page.getByRole("menuitem", { name: "Edit" }).click();
        await page.getByRole("dialog", { name: "Edit company" }).waitFor();
      },
    },
    {
      name: "confirm",
      caption: "Deleting a session that others come from",
      open: async ({ page }) => {
        await choose(page, "operations", "Delete");
        await button(page, "Delete").click();
        await button(page, "Delete all of them").waitFor();
      },
    },
    {
      name: "activity",
      caption: "Which program took which credential, and when",
      open: async ({ page }) => {
        await button(page, "Activity").click();
        await page.getByRole("table", { name: "Uses" }).waitFor();
      },
      close: ({ page }) => button(page, "Settings").click(),
    },
    settingsPage("General", "Settings: how credentials are handed out, defaults, appearance"),
    methodPanel(
      "method-file",
      "credential-file-method",
      "Before keys are written into a file: what that means, and what changes",
    ),
    methodPanel(
      "method-process",
      "credential-process-method",
      "The way back to a command: what it needs, and what changes",
    ),
    settingsPage("Named profiles", "Settings: the profiles, and one for each synced session by a template"),
    settingsPage("Identity providers", "Settings: sign-in pages for SAML roles"),
    settingsPage("Security", "Settings: the vault, its passphrase, the record of uses"),
    settingsPage("Advanced", "Settings: proxy, certificates, endpoints"),
    {
      ...settingsPage("About", "Settings: versions, the agent, the command line, licences"),
      close: ({ page }) => button(page, /All sessions/).click(),
    },
    {
      name: "mfa",
      caption: "A tool needs an MFA code: which one, and who started it",
      open: async (scene) => {
        scene.tool = use(scene.world, "terraform", "ada");
        await scene.page.getByLabel("Six digits").waitFor();
        await scene.page.keyboard.type("482");
      },
      close: refuse("Refuse"),
    },
    {
      name: "sign-in",
      caption: "A tool needs a sign-in: no page opens before you say so",
      open: async (scene) => {
        const { page, world } = scene;
        await world.leapp(["integration", "logout", "company"]);
        await page.getByText("Signed out", { exact: true }).waitFor();
        scene.tool = use(world, "terraform", "search production/Developer");
        await page.getByRole("alertdialog").getByRole("button", { name: "Sign in", exact: true }).waitFor();
      },
      close: stay,
    },
    {
      name: "device-code",
      caption: "The sign-in in your own browser, with the code that the page has to show",
      open: async ({ page }) => {
        await page.getByRole("alertdialog").getByRole("button", { name: "Sign in", exact: true }).click();
        await page.getByText("has to show this code").waitFor();
      },
      close: refuse("Cancel sign-in"),
    },
    {
      name: "vault-locked",
      caption: "The vault is locked: what still works, and what does not",
      open: async ({ page }) => {
        await button(page, /Vault open/).click();
        await page.getByText("The vault is locked.").waitFor();
      },
      close: stay,
    },
    {
      name: "unlock",
      caption: "Unlocking the vault, after a wrong passphrase",
      open: async ({ page }) => {
        await button(page, "Unlock").first().click();
        const unlock = page.getByRole("dialog", { name: "Unlock the vault" });
        await unlock.getByLabel("Passphrase").fill("wrong");
        await unlock.getByRole("button", { name: "Unlock" }).click();
        await unlock.getByRole("alert").waitFor();
      },
      close: async ({ page }) => {
        const unlock = page.getByRole("dialog", { name: "Unlock the vault" });
        await unlock.getByLabel("Passphrase").fill("correct horse battery");
        await unlock.getByRole("button", { name: "Unlock" }).click();
        await noDialog(page);
      },
    },
    {
      name: "agent-gone",
      caption: "The agent does not answer",
      open: async ({ page, world }) => {
        // A home that no agent can have, so that none comes back while this is looked at.
        const env = { LEAPP_HOME: world.leappHome };
        world.env.LEAPP_HOME = "/dev/null/leapp";
        await world.leapp(["agent", "stop"], { env });
        await page.getByText("The agent does not answer").waitFor();
      },
      close: async ({ page, world }) => {
        world.env.LEAPP_HOME = world.leappHome;
        await page.getByText("The agent does not answer").waitFor({ state: "detached" });
      },
    },
    {
      name: "link-used",
      caption: "A window that is not signed in to the program behind it",
      open: async ({ page, world }) => {
        const stranger = await page.context().browser()!.newPage();
        await stranger.setViewportSize(page.viewportSize()!);
        await stranger.goto(world.origin);
        await stranger.locator(".no-way").waitFor();
        return stranger;
      },
    },
  ],
};

const many: Workspace = {
  name: "10,000 sessions",
  furnish: async ({ world, page }) => {
    const organisation = world.sandbox.seedOrganisation({ accounts: 0 });
    const levels = ["Administrator", "Developer", "ReadOnly", "Support", "Billing"];
    const areas = ["Backup", "Compute", "Database", "Logging", "Network", "Release", "Security", "Storage"];
    const teams = ["billing", "data platform", "identity", "mobile", "payments", "research", "search", "web"];
    const roles = areas.flatMap((area) => levels.map((level) => area + level));
    for (let index = 0; index < 250; index++) {
      const accountName = `${teams[index % teams.length]} ${Math.floor(index / teams.length) + 1}`;
      const accountId = String(200_000_000_000 + index);
      world.sandbox.assign(organisation.startUrl, { accountId, accountName, roles });
    }
    await addCompany(world, page, organisation);
  },
  screens: [
    {
      name: "syncing",
      caption: "A company's roles are being listed, at the pace that AWS allows",
      open: ({ page }) => page.getByText(/\d+ of 250 accounts/).waitFor(),
      close: ({ page }) => page.getByText("10,000 sessions").waitFor({ timeout: 60_000 }),
    },
    {
      name: "many",
      caption: "10,000 sessions, in the middle of them",
      open: async ({ page }) => {
        await page.getByRole("grid").focus();
        for (let pages = 0; pages < 12; pages++) await page.keyboard.press("PageDown");
        await page.locator(".details").waitFor();
      },
      close: stay,
    },
  ],
};

export const workspaces = [empty, full, many] as const;
export const screens: readonly Screen[] = workspaces.flatMap((one) => one.screens);

/** docs/screens.md. */
export const gallery = (): string =>
  [
    "# Every screen",
    "",
    "The app with the sandbox as AWS, in both themes. The tests make these pictures and this page:",
    "`UPDATE_SCREENSHOTS=1 npm test -- test/desktop/screens.test.ts`. How to use it all: [user guide](user-guide.md).",
    ...screens.flatMap(({ name, caption }) => {
      const cell = (theme: string) =>
        `![${caption.replaceAll("`", "")}, ${theme}](screenshots/${name}-${theme}.png)`;
      return [
        "",
        `## ${caption}`,
        "",
        `| ${themes.join(" | ")} |`,
        "|---|---|",
        `| ${themes.map(cell).join(" | ")} |`,
      ];
    }),
    "",
  ].join("\n");

function refuse(name: string): Screen["close"] {
  return async ({ page, tool }) => {
    await button(page, name).click();
    await tool;
    await page.getByRole("alertdialog").waitFor({ state: "detached" });
  };
}

/** A shell under the name of a tool: what is seen is the file that runs. */
function program(world: World, name: string): string {
  const path = join(world.folder, name);
  if (!existsSync(path)) copyFileSync(realpathSync("/bin/sh"), path);
  return path;
}

/** A tool in a person's shell takes a credential. Cut off from this process, whose name has no place in a picture. */
function use(world: World, tool: string, session: string): Promise<Ran> {
  const cwd = world.file("work/infrastructure");
  mkdirSync(cwd, { recursive: true });
  const inner = `'${program(world, tool)}' -c 'leapp session generate "$SESSION"; true'; true`;
  const env = { SESSION: session, INNER: inner };
  return world.run(["sh", "-c", `'${program(world, "zsh")}' -c "$INNER" &`], { cwd, env });
}

/** What a working day leaves in the record of uses, beside the agent, which goes on after it. */
function yesterday(world: World, identity: string): void {
  const state = openState(resolvePaths(world.env).stateFile, systemClock);
  const audit = openAudit(state, systemClock);
  const anHour = [2, 0, 0, 0, 1, 3, 9, 14, 11, 6, 8, 12, 10, 7, 3, 1, 0, 4, 0, 0, 0, 0];
  for (const [index, count] of anHour.entries())
    for (let use = 0; use < count; use++)
      audit.append({
        at: new Date(Date.now() - (anHour.length + 1 - index - use / count) * 3_600_000).toISOString(),
        sessionId: "deploy",
        sessionName: "deploy",
        method: "credential-process",
        identity,
        callers: [
          { pid: 4_000, executable: "/usr/bin/terraform" },
          { pid: 3_000, executable: "/usr/bin/zsh" },
        ],
        cwd: world.file("work/infrastructure"),
      });
  state.close();
}

/** A company with accounts, a person with keys and MFA, roles that work and one that does not. */
async function furnish({ world, page }: Scene): Promise<void> {
  await addCompany(world, page, world.sandbox.seedOrganisation({ accounts: 14, rolesPerAccount: 3 }));
  await page.getByText("42 sessions").waitFor();

  const user = await addUser(world, "operations");
  await addUser(world, "ada", { mfa: true });
  const role = (name: string, principals: string[]) =>
    world.sandbox.addRole({ accountId: "444455556666", name, trust: { principals } });
  const chained = (name: string, arn: string) =>
    world.leapp([
      ...["session", "add", "--type", "iam-role-chained", "--name", name, "--parent", "operations"],
      ...["--role-arn", arn, "--region", "eu-central-1", "--profile", name],
    ]);
  await chained("deploy", role("deploy", [user.arn]));
  await chained("broken", role("forgotten", ["444455556666"]));
  for (const url of ["https://login.example.com/app/aws", "https://sso.example.org/saml/aws"])
    await world.leapp(["idp-url", "create", url]);
  await world.leapp(["session", "start", "operations"]);
  await world.leapp(["session", "start", "deploy"]);
  const synced = ["billing production/AdministratorAccess", "data platform staging/Developer"];
  for (const [index, name] of synced.entries()) {
    await world.leapp(["session", "change-profile", name, "--profile", `work-${index + 1}`]);
    await world.leapp(["session", "start", name]);
  }
  yesterday(world, role("deploy", [user.arn]));
  for (const [tool, name] of [
    ["python3.12", "broken"],
    ["aws", "operations"],
    ["terraform", "deploy"],
    ["python3.12", synced[1]!],
    ["terraform", "deploy"],
    ["aws", synced[0]!],
    ["terraform", "deploy"],
  ] as const)
    await use(world, tool, name);
  await page.getByText("46 sessions").waitFor();
  await choose(page, "deploy", "Pin");
  await choose(page, "deploy", "Mark as production");
  await choose(page, "operations", "Pin");
  await page.getByRole("grid").press("Home");
  await page.locator(".row .pin svg").nth(1).waitFor();
}
