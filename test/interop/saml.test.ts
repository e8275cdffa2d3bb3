/**
 * SAML sign-ins through the agent with a real Chromium: against SimpleSAMLphp of Debian (not ours), its login form and
 * its signatures, and against pages that do what identity providers do. AWS is the strict sandbox.
 */
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SAML } from "@node-saml/node-saml";
import { type AgentClient, connectAgent } from "../../packages/agent/src/client.ts";
import { type Agent, startAgent } from "../../packages/agent/src/main.ts";
import { systemClock } from "../../packages/agent/src/platform/clock.ts";
import { ensureHome, resolvePaths } from "../../packages/agent/src/platform/paths.ts";
import { findBrowser } from "../../packages/agent/src/platform/browsers.ts";
import { signInBrowser } from "../../packages/agent/src/platform/sign-in-browser.ts";
import type { Event } from "../../packages/agent/src/protocol.ts";
import { LeappError } from "../../packages/core/src/errors.ts";
import { parseAssertion } from "../../packages/core/src/identity/saml-assertion.ts";
import { type Sandbox, startSandbox } from "../../packages/sandbox/src/server.ts";
import { root, until } from "../support/leapp.ts";
import { browsersOn, chromium, type Person, startPerson, xvfb } from "./saml-person.ts";
import { simpleSamlPhp, type SimpleSamlPhp, startSimpleSamlPhp } from "./simplesamlphp.ts";

const missing = [
  ...(chromium ? [] : ["chromium"]),
  ...(xvfb ? [] : ["xvfb"]),
  ...(simpleSamlPhp ? [] : ["simplesamlphp php-cli php-xml php-mbstring php-curl php-sqlite3 openssl"]),
];
if (missing.length > 0) {
  if (process.env.CI === "true") throw new Error(`these tests need ${missing.join(" ")}`);
  console.warn(`SKIPPED: SAML sign-ins in a real browser, for want of ${missing.join(" ")}`);
}

// A browser on a machine with much else to do.
setDefaultTimeout(90_000);

const accountId = "111122223333";
const audit = "444455556666";
const provider = (account: string) => `arn:aws:iam::${account}:saml-provider/company`;
const role = (account: string, name: string) => `arn:aws:iam::${account}:role/${name}`;
const endpoints = [
  "https://signin.aws.amazon.com/saml",
  "https://eu-west-1.signin.aws.amazon.com/saml",
  "https://us-east-1.signin.aws.amazon.com/saml/acs/SAMLSP0123456789",
  "https://signin.amazonaws.cn/saml",
  "https://cn-northwest-1.signin.amazonaws.cn/saml",
  "https://signin.amazonaws-us-gov.com/saml",
  "https://us-gov-east-1.signin.amazonaws-us-gov.com/saml",
  "https://eusc-de-east-1.signin.amazonaws-eusc.eu/saml",
  "https://us-iso-east-1.signin.c2shome.ic.gov/saml",
];

const failureOf = async (promise: Promise<unknown>): Promise<LeappError> => {
  const failure = await promise.then(
    () => new Error("it should have failed"),
    (error: unknown) => error,
  );
  if (failure instanceof LeappError) return failure;
  throw failure;
};

/** An agent in this process, with a home of its own and whoever connects to it. */
class Machine implements AsyncDisposable {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "leapp-saml-")));
  readonly home = join(this.folder, "l");
  readonly clients: AgentClient[] = [];
  readonly prompts: Extract<Event, { event: "prompt" }>["data"][] = [];
  env: Record<string, string> = {};
  agent!: Agent;

  async open(browser: string, endpoint: string): Promise<this> {
    mkdirSync(join(this.folder, "home"), { recursive: true });
    writeFileSync(join(this.folder, "passphrase"), "correct horse battery\n");
    this.env = {
      HOME: join(this.folder, "home"),
      LEAPP_HOME: this.home,
      LEAPP_VAULT_PASSPHRASE_FILE: join(this.folder, "passphrase"),
      LEAPP_BROWSER: browser,
      AWS_ENDPOINT_URL: endpoint,
      PATH: process.env.PATH!,
    };
    await this.start();
    return this;
  }

  async start(): Promise<void> {
    const paths = resolvePaths(this.env);
    ensureHome(paths);
    this.agent = await startAgent({
      paths,
      env: this.env,
      clock: systemClock,
      keychain: async () => undefined,
      command: () => "leapp",
      exit() {},
    });
  }

  async connect(options: { kind?: "app"; interactive?: boolean; display?: string }): Promise<AgentClient> {
    const { display, ...more } = options;
    const env = { ...this.env, ...(display ? { DISPLAY: display } : {}) };
    const client = await connectAgent({ env, start: false, ...more });
    this.clients.push(client);
    client.on((event) => event.event === "prompt" && this.prompts.push(event.data));
    return client;
  }

  /** Somebody at a terminal on the desktop. */
  terminal = () => this.connect({ interactive: true, display: person.display });
  /** `credential_process`, as an SDK runs it. */
  tool = () => this.connect({});

  profile = (idpUrlId: string) => join(this.home, "browser", idpUrlId);

  /** Another agent on the same home: what was in memory is gone. */
  async restart(): Promise<void> {
    for (const client of this.clients.splice(0)) client.close();
    this.agent.stop();
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.close();
    for (const { id } of this.agent.engine.state.idpUrls.list()) await this.agent.engine.saml.forget(id);
    this.agent.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function addSession(
  client: AgentClient,
  idpUrlId: string,
  name: string,
  account = accountId,
  roleName = name,
): Promise<string> {
  const { session } = await client.call("session.add", {
    session: {
      type: "iam-role-federated",
      name,
      region: "eu-west-1",
      profiles: [name],
      idpUrlId,
      idpArn: provider(account),
      roleArn: role(account, roleName),
    },
  });
  return session.id;
}

/** Files below a folder in which one of the texts stands, plain or as UTF-16. */
function filesWith(folder: string, texts: string[]): string[] {
  const needles = texts.flatMap((text) => [Buffer.from(text), Buffer.from(text, "utf16le")]);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      const bytes = readFileSync(file);
      return needles.some((needle) => bytes.includes(needle));
    });
}

let person: Person;
let sandbox: Sandbox;
let work: string;
let machine: Machine;
let startsBefore = 0;
/** `true` for a start with a window. */
const starts = () =>
  person
    .starts()
    .slice(startsBefore)
    .map((argv) => !argv.includes("--headless=new"));

describe.if(missing.length === 0)("SAML sign-ins", () => {
  beforeAll(async () => {
    work = realpathSync(mkdtempSync(join(tmpdir(), "leapp-saml-")));
    [person, sandbox] = await Promise.all([startPerson(work), startSandbox()]);
  });
  afterAll(async () => {
    await person.stop();
    await sandbox.stop();
    rmSync(work, { recursive: true, force: true });
  });
  beforeEach(async () => {
    sandbox.reset();
    startsBefore = person.starts().length;
    machine = await new Machine().open(person.browser, sandbox.url);
  });
  afterEach(async () => {
    await machine[Symbol.asyncDispose]();
    expect(browsersOn(machine.home)).toEqual([]);
    // Nothing came near AWS's sign-in page.
    expect(person.strays().filter((host) => /amazon|aws/.test(host))).toEqual([]);
  });

  describe("SimpleSAMLphp", () => {
    let idp: SimpleSamlPhp;

    beforeAll(async () => {
      const pair = (account: string, name: string) => `${role(account, name)},${provider(account)}`;
      idp = await startSimpleSamlPhp(
        join(work, "idp"),
        [
          {
            user: "ada",
            password: "right one",
            roles: [
              pair(accountId, "dev"),
              `${provider(accountId)},${role(accountId, "ops")}`,
              pair(audit, "audit"),
            ],
          },
          { user: "nobody", password: "none", roles: [] },
        ],
        endpoints,
      );
      for (const account of [accountId, audit]) {
        const { certificate, issuer } = idp;
        sandbox.addSamlProvider({ accountId: account, name: "company", certificate, issuer });
      }
      sandbox.addRole({ accountId, name: "dev", trust: { principals: [provider(accountId)] } });
      sandbox.addRole({ accountId, name: "ops", trust: { principals: [provider(accountId)] } });
      sandbox.addRole({ accountId: audit, name: "audit", trust: { principals: [provider(audit)] } });
    });
    afterAll(() => idp.stop());

    const ada = { username: "ada", password: "right one" };

    test("first with a window, then silent; one assertion for all roles; nothing on disk", async () => {
      const client = await machine.terminal();
      const idpUrl = await client.call("idp-url.add", { url: idp.url() });
      const dev = await addSession(client, idpUrl.id, "dev");
      const other = await addSession(client, idpUrl.id, "audit", audit);
      const profile = machine.profile(idpUrl.id);

      const started = client.call("session.start", { session: dev });
      await person.fillIn(profile, { ...ada, password: "wrong one" });
      await person.inPage(profile, 'document.body.innerText.includes("Incorrect username or password")');
      await person.fillIn(profile, ada);
      await started;
      expect(starts()).toEqual([false, true]);
      expect(machine.prompts.map(({ kind, url }) => [kind, url])).toEqual([["saml-sign-in", undefined]]);
      expect(machine.prompts[0]!.message).toBe(
        `sign in at ${new URL(idp.url()).host}, in the window that opens`,
      );
      expect((await client.call("session.identity", { session: dev })).arn).toBe(
        `arn:aws:sts::${accountId}:assumed-role/dev/ada@example.com`,
      );
      expect(sandbox.sessions().at(-1)).toMatchObject({ durationSeconds: 3_600 });

      // The assertion is the provider's own, to those who know its certificate; and it is nowhere but in memory.
      const held = machine.agent.engine.saml.held(idpUrl)!;
      const verifier = new SAML({
        idpCert: idp.certificate,
        issuer: "urn:amazon:webservices",
        audience: "urn:amazon:webservices",
        callbackUrl: endpoints[0]!,
        wantAssertionsSigned: true,
        wantAuthnResponseSigned: true,
      });
      const { profile: who } = await verifier.validatePostResponseAsync({ SAMLResponse: held.response });
      expect(who).toMatchObject({ issuer: idp.issuer, nameID: "ada@example.com" });
      const xml = Buffer.from(held.response, "base64").toString("utf8");
      const signature = /SignatureValue>([^<]{60})/.exec(xml)![1]!;
      const traces = [
        held.response.slice(1_000, 1_060),
        encodeURIComponent(held.response.slice(1_000, 1_060)),
        signature,
      ];
      expect(filesWith(machine.folder, traces)).toEqual([]);
      expect(filesWith(machine.folder, [ada.password])).toEqual([]);
      for (const path of [profile, join(machine.home, "browser")])
        expect(statSync(path).mode & 0o777).toBe(0o700);

      // Another role of the same sign-in, for a tool: no browser at all.
      const tool = await machine.tool();
      const { line } = await tool.call("credentials.generate", { session: other });
      expect(JSON.parse(line)).toMatchObject({ Version: 1 });
      expect(sandbox.sessions().at(-1)!.arn).toContain(`:${audit}:assumed-role/audit/`);
      expect(starts().length).toBe(2);

      // Another day, another agent: the provider remembers, so that nobody is asked and nothing is shown.
      await machine.restart();
      const later = await machine.tool();
      await later.call("credentials.generate", { session: dev }).catch((error) => {
        // On a slow machine the tool does not wait for the browser; the next call has it.
        expect(error.code).toBe("sign-in-needed");
      });
      await until(
        async () => machine.agent.engine.saml.held(idpUrl) !== undefined,
        "the silent sign-in is through",
      );
      const again = await machine.terminal();
      await again.call("session.start", { session: dev });
      expect(starts()).toEqual([false, true, false]);
      expect(machine.prompts.length).toBe(1);
    });

    test("every role of the sign-in, and what a session asks for that is not among them", async () => {
      const client = await machine.terminal();
      const listing = client.call("idp-url.roles", { url: idp.url() });
      await until(() => machine.agent.engine.state.idpUrls.list().length === 1, "the URL is known");
      const { id } = machine.agent.engine.state.idpUrls.list()[0]!;
      await person.fillIn(machine.profile(id), ada);
      const found = await listing;
      const offered = [role(accountId, "dev"), role(accountId, "ops"), role(audit, "audit")];
      expect(found.roles.map(({ roleArn }) => roleArn)).toEqual(offered);
      expect(found.roles.map(({ accountId }) => accountId)).toEqual([accountId, accountId, audit]);
      expect(found.idpUrl).toEqual({ id, url: idp.url(), sessions: 0 });
      expect(Date.parse(found.until) - Date.now()).toBeWithin(4 * 60_000, 5 * 60_000);

      await addSession(client, id, "my ops", accountId, "ops");
      const again = await client.call("idp-url.roles", { url: idp.url() });
      expect(again.roles.map(({ already }) => already)).toEqual([undefined, "my ops", undefined]);
      expect(starts()).toEqual([false, true]);

      const wrong = await addSession(client, id, "wrong", accountId, "admin");
      const error = await failureOf(client.call("session.start", { session: wrong }));
      expect(error.code).toBe("access-denied");
      expect(error.message).toBe(
        `your sign-in does not open ${role(accountId, "admin")}, only ${offered.join(", ")}`,
      );
    });

    test("somebody without any role", async () => {
      const client = await machine.terminal();
      const { id } = await client.call("idp-url.add", { url: idp.url() });
      const dev = await addSession(client, id, "dev");
      const started = failureOf(client.call("session.start", { session: dev }));
      await person.fillIn(machine.profile(id), { username: "nobody", password: "none" });
      expect((await started).message).toBe(
        `your sign-in does not open ${role(accountId, "dev")}, no role at all`,
      );
    });

    test("logout forgets: the next sign-in asks again", async () => {
      const client = await machine.terminal();
      const idpUrl = await client.call("idp-url.add", { url: idp.url() });
      const first = client.call("idp-url.login", { url: idpUrl.id });
      await person.fillIn(machine.profile(idpUrl.id), ada);
      await first;
      await client.call("idp-url.logout", { id: idpUrl.id });
      expect(existsSync(machine.profile(idpUrl.id))).toBe(false);
      const dev = await addSession(client, idpUrl.id, "dev");
      const error = await failureOf((await machine.tool()).call("credentials.generate", { session: dev }));
      expect(error).toMatchObject({ code: "sign-in-needed", hint: "run: leapp session start dev" });
      expect(starts()).toEqual([false, true]);
    });

    test.each(endpoints)("the POST to %s", async (endpoint) => {
      // Signed in once; these then need nobody.
      const folder = join(work, "profiles");
      const options = {
        folder,
        env: { ...machine.env },
        desktop: () => ({ DISPLAY: person.display }),
        proxy: () => "",
      };
      const browser = signInBrowser(options);
      const idpUrl = { id: "all", url: idp.url(endpoint) };
      const { signal } = new AbortController();
      let response = await browser.signIn(idpUrl, { window: false, signal });
      if (response === undefined) {
        expect(endpoint).toBe(endpoints[0]!);
        const open = browser.signIn(idpUrl, { window: true, signal });
        await person.fillIn(join(folder, "all"), ada);
        response = await open;
      }
      const { roles, audiences } = parseAssertion(response!);
      expect(roles.length).toBe(3);
      expect(audiences).toEqual(["urn:amazon:webservices"]);
      expect(Buffer.from(response!, "base64").toString()).toContain(`Destination="${endpoint}"`);
    });
  });

  describe("what else identity providers and people do", () => {
    const lovelace = { username: "lovelace", password: "right one" };
    let pages: Bun.Server<undefined>;
    const page = (body: string) =>
      new Response(`<!doctype html><title>idp</title>${body}`, { headers: { "content-type": "text/html" } });
    const posting = (response: string, more = "") =>
      `<form method="post" action="${endpoints[1]}"><input type="hidden" name="RelayState" value="a&amp;SAMLResponse=b">
      <input type="hidden" name="SAMLResponse" value="${response}">${more}</form>
      <script>document.forms[0].submit()</script>`;
    const assertion = () => sandbox.samlResponse({ user: "lovelace" });

    beforeAll(() => {
      for (const account of [accountId, audit])
        sandbox.addSamlProvider({ accountId: account, name: "company" });
      for (const name of ["dev", "ops"])
        sandbox.addRole({ accountId, name, trust: { principals: [provider(accountId)] } });
      const roles = ["dev", "ops"].map((name) => ({
        roleArn: role(accountId, name),
        providerArn: provider(accountId),
      }));
      sandbox.addIdpUser({ user: "lovelace", password: "right one", roles });
      pages = Bun.serve({
        hostname: "127.0.0.1",
        port: 0,
        idleTimeout: 0,
        routes: {
          "/redirects/:n": ({ params: { n } }) =>
            Number(n) > 0
              ? page(
                  `<meta http-equiv="refresh" content="${Number(n) % 2};url=/redirects/${Number(n) - 1}">wait`,
                )
              : page(posting(assertion())),
          "/popup": () => page('<button type="button" onclick="window.open(\'/post\')">Sign in</button>'),
          "/post": () => page(posting(assertion())),
          "/long": () =>
            page(posting(assertion(), `<textarea name="more" hidden>${"x".repeat(600_000)}</textarea>`)),
          "/empty": () => page(posting("")),
          "/question": () => page('<script>alert("Are you there?")</script>'),
          "/failed": () => new Response("no", { status: 500 }),
          "/account-picker": () => page("<a href='/post'>lovelace</a>"),
          "/hang": () => new Promise<Response>(() => {}),
        },
      });
    });
    afterAll(() => pages.stop(true));
    const at = (path: string) => `http://127.0.0.1:${pages.port}${path}`;
    const asksForPassword = 'document.querySelector("[name=password]") !== null';

    test.each(["/redirects/5", "/long", "/post"])("%s needs nobody", async (path) => {
      const client = await machine.terminal();
      expect((await client.call("idp-url.login", { url: at(path) })).roles.length).toBe(2);
      expect(starts()).toEqual([false]);
    });

    test.each(["/popup", "/account-picker"])("%s: somebody has to click", async (path) => {
      const client = await machine.terminal();
      const { id } = await client.call("idp-url.add", { url: at(path) });
      const signedIn = client.call("idp-url.login", { url: id });
      await person.inPage(
        machine.profile(id),
        `(() => { const what = document.querySelector("button, a"); what?.click(); return Boolean(what); })()`,
      );
      expect((await signedIn).roles.length).toBe(2);
      expect(starts()).toEqual([false, true]);
    });

    test.each(["/question", "/failed"])(
      "%s brings up a window, and closing it is a refusal",
      async (path) => {
        const client = await machine.terminal();
        const { id } = await client.call("idp-url.add", { url: at(path) });
        const signedIn = failureOf(client.call("idp-url.login", { url: id }));
        await person.closeWindow(machine.profile(id));
        expect(await signedIn).toMatchObject({ code: "refused", message: "the sign-in window was closed" });
      },
    );

    test("the identity provider cannot be reached: said at once, no window", async () => {
      const client = await machine.terminal();
      const gone = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
      const { port } = gone;
      await gone.stop(true);
      const error = await failureOf(client.call("idp-url.login", { url: `http://127.0.0.1:${port}/aws` }));
      expect(error.code).toBe("network");
      expect(error.message).toBe(
        `cannot reach the identity provider at 127.0.0.1:${port} (ERR_CONNECTION_REFUSED)`,
      );
      expect(starts()).toEqual([false]);
    });

    test("the window closed half-way, then a new attempt", async () => {
      const client = await machine.terminal();
      const { id } = await client.call("idp-url.add", { url: `${sandbox.url}/idp` });
      const dev = await addSession(client, id, "dev");
      const first = failureOf(client.call("session.start", { session: dev }));
      await person.inPage(machine.profile(id), asksForPassword);
      await person.closeWindow(machine.profile(id));
      expect((await first).code).toBe("refused");
      expect((await client.call("session.show", { session: dev })).status).toBe("inactive");
      await until(() => browsersOn(machine.home).length === 0, "the browser is gone");

      const second = client.call("session.start", { session: dev });
      await person.fillIn(machine.profile(id), lovelace);
      expect((await second).session.status).toBe("active");
      // The person was needed a moment ago: no second attempt without a window.
      expect(starts()).toEqual([false, true, true]);
    });

    test("Ctrl-C at the terminal closes the window", async () => {
      const client = await machine.terminal();
      const { id } = await client.call("idp-url.add", { url: `${sandbox.url}/idp` });
      const login = client.call("idp-url.login", { url: id }).catch(() => {});
      await person.inPage(machine.profile(id), asksForPassword);
      client.close();
      await login;
      await until(() => browsersOn(machine.home).length === 0, "the browser is gone");
    });

    test("two people's sessions at once: one window", async () => {
      const [one, two] = [await machine.terminal(), await machine.terminal()];
      const { id } = await one.call("idp-url.add", { url: `${sandbox.url}/idp` });
      const [dev, ops] = [await addSession(one, id, "dev"), await addSession(one, id, "ops")];
      const both = [one.call("session.start", { session: dev }), two.call("session.start", { session: ops })];
      await person.fillIn(machine.profile(id), lovelace);
      expect((await Promise.all(both)).map(({ session }) => session.status)).toEqual(["active", "active"]);
      expect(starts()).toEqual([false, true]);
      // Both terminals were shown the same question.
      expect(machine.prompts.length).toBe(2);
      expect(new Set(machine.prompts.map((prompt) => prompt.id)).size).toBe(1);
    });

    test("75 tools with an app attached: one question, one window, 75 answers", async () => {
      const client = await machine.terminal();
      const { id } = await client.call("idp-url.add", { url: `${sandbox.url}/idp` });
      const sessions = [await addSession(client, id, "dev"), await addSession(client, id, "ops")];
      client.close();
      const app = await machine.connect({ kind: "app", interactive: true, display: person.display });
      const tools = await Promise.all(Array.from({ length: 75 }, () => machine.tool()));
      const lines = tools.map((tool, n) => tool.call("credentials.generate", { session: sessions[n % 2]! }));
      await until(() => machine.prompts.length > 0, "the app shows the question");
      expect(starts()).toEqual([]);
      const [asked] = machine.prompts;
      const { host } = new URL(sandbox.url);
      expect(asked).toMatchObject({ kind: "saml-sign-in", message: `sign in at ${host}` });
      await app.call("prompt.answer", { id: asked!.id, value: "yes" });
      await person.fillIn(machine.profile(id), lovelace);
      const answers = new Set((await Promise.all(lines)).map(({ line }) => line));
      expect(answers.size).toBe(2);
      expect(starts()).toEqual([false, true]);
      expect(machine.prompts.length).toBe(2);
    });

    test("somebody at a terminal does away with the question in the app", async () => {
      const client = await machine.terminal();
      const { id } = await client.call("idp-url.add", { url: `${sandbox.url}/idp` });
      const dev = await addSession(client, id, "dev");
      const app = await machine.connect({ kind: "app", interactive: true, display: person.display });
      const waiting = (await machine.tool()).call("credentials.generate", { session: dev });
      await until(() => machine.prompts.length > 0, "the app shows the question");
      const started = client.call("session.start", { session: dev });
      await person.fillIn(machine.profile(id), lovelace);
      await Promise.all([started, waiting]);
      expect(await app.call("prompt.list", {})).toEqual([]);
    });

    test("refused in the app: the tool is told, nothing opens", async () => {
      const client = await machine.terminal();
      const { id } = await client.call("idp-url.add", { url: `${sandbox.url}/idp` });
      const dev = await addSession(client, id, "dev");
      client.close();
      const app = await machine.connect({ kind: "app", interactive: true, display: person.display });
      const waiting = failureOf((await machine.tool()).call("credentials.generate", { session: dev }));
      await until(() => machine.prompts.length > 0, "the app shows the question");
      await app.call("prompt.refuse", { id: machine.prompts[0]!.id });
      expect((await waiting).code).toBe("refused");
      expect(starts()).toEqual([]);
    });

    test("nobody there: at once, with the command to run", async () => {
      const client = await machine.terminal();
      const { id } = await client.call("idp-url.add", { url: `${sandbox.url}/idp` });
      const dev = await addSession(client, id, "dev team", accountId, "dev");
      client.close();
      const begun = performance.now();
      const error = await failureOf((await machine.tool()).call("credentials.generate", { session: dev }));
      expect(performance.now() - begun).toBeLessThan(1_000);
      expect(error.message).toBe(`a sign-in at ${new URL(sandbox.url).host} is needed`);
      expect(error.hint).toBe('run: leapp session start "dev team"');
      expect(error.code).toBe("sign-in-needed");
      expect(starts()).toEqual([]);
    });

    test("a locked vault: nothing is handed out, though the browser remembers", async () => {
      const client = await machine.terminal();
      await client.call("vault.unlock", {});
      const { id } = await client.call("idp-url.add", { url: at("/post") });
      const dev = await addSession(client, id, "dev");
      await client.call("session.start", { session: dev });
      expect(machine.agent.engine.saml.held({ id, url: at("/post") })).toBeDefined();
      await client.call("vault.lock", {});
      expect(machine.agent.engine.saml.held({ id, url: at("/post") })).toBeUndefined();
      const error = await failureOf((await machine.tool()).call("credentials.generate", { session: dev }));
      expect(error.code).toBe("vault-locked");
      expect(starts()).toEqual([false]);
    });

    test("a form without a SAML response goes nowhere", async () => {
      const client = await machine.terminal();
      const error = await failureOf(client.call("idp-url.login", { url: at("/empty") }));
      expect(error.code).toBe("access-denied");
      expect(error.message).toBe("the identity provider sent AWS a form without a SAML response");
    });

    test("no display: an assertion from elsewhere", async () => {
      const client = await machine.connect({ interactive: true });
      const { id, url } = await client.call("idp-url.add", { url: `${sandbox.url}/idp` });
      const dev = await addSession(client, id, "dev");
      const error = await failureOf(client.call("session.start", { session: dev }));
      expect(error.code).toBe("sign-in-needed");
      expect(error.hint).toBe("sign in elsewhere and run: leapp idp-url login URL --assertion-stdin");
      expect(starts()).toEqual([false]);

      const bad = await failureOf(client.call("idp-url.login", { url, assertion: "PGh0bWw+" }));
      expect(bad.code).toBe("invalid");
      const result = await client.call("idp-url.login", { url, assertion: assertion() });
      expect(result.roles.map(({ already }) => already)).toEqual(["dev", undefined]);
      expect((await client.call("session.start", { session: dev })).session.status).toBe("active");
      expect(starts()).toEqual([false]);
    });

    test("a pasted assertion renews what is started", async () => {
      const client = await machine.connect({ interactive: true });
      const { id, url } = await client.call("idp-url.add", { url: `${sandbox.url}/idp` });
      const dev = await addSession(client, id, "dev");
      await client.call("idp-url.login", { url, assertion: assertion() });
      await client.call("session.start", { session: dev });
      machine.agent.engine.cache.clear();
      const before = sandbox.sessions().length;
      await client.call("idp-url.login", { url, assertion: assertion() });
      await until(() => sandbox.sessions().length === before + 1, "the started session has new credentials");
    });

    test("no browser of that family: which would do", async () => {
      const error = await failureOf((async () => findBrowser({ PATH: machine.folder }, "darwin"))());
      expect(error.code).toBe("sign-in-needed");
      expect(error.message).toBe("no Chromium, Chrome, Edge or Brave is installed to sign in with");
      machine.env.LEAPP_BROWSER = "/nowhere/chrome";
      await machine.restart();
      const wrong = await failureOf((await machine.terminal()).call("idp-url.login", { url: at("/post") }));
      expect(wrong).toMatchObject({
        code: "file",
        message: "LEAPP_BROWSER names no program: /nowhere/chrome",
      });
      const failing = join(machine.folder, "failing");
      writeFileSync(failing, "#!/bin/sh\nexit 7\n", { mode: 0o755 });
      machine.env.LEAPP_BROWSER = failing;
      await machine.restart();
      const ended = await failureOf((await machine.terminal()).call("idp-url.login", { url: at("/post") }));
      expect(ended.message).toBe("failing ended before it showed a page (exit 7)");
    });

    test("the browser listens on no port, and is told nothing of AWS or of ours", async () => {
      machine.env.LEAPP_BROWSER = chromium!;
      machine.env.AWS_SECRET_ACCESS_KEY = "not for a browser";
      await machine.restart();
      const login = failureOf((await machine.terminal()).call("idp-url.login", { url: at("/hang") }));
      await until(() => browsersOn(machine.home).length > 3, "the browser runs");
      const pids = browsersOn(machine.home);
      const sockets = pids.flatMap((pid) => socketsOf(pid));
      const listening = ["tcp", "tcp6"].flatMap((kind) =>
        readFileSync(`/proc/net/${kind}`, "utf8")
          .split("\n")
          .map((line) => line.trim().split(/\s+/))
          .filter(([, , , state]) => state === "0A")
          .map((fields) => fields[9]),
      );
      expect(sockets.length).toBeGreaterThan(0);
      expect(listening).toContain(socketsOf(process.pid).find((inode) => listening.includes(inode)));
      expect(sockets.filter((inode) => listening.includes(inode))).toEqual([]);
      const browser = Math.min(...browsersOn(machine.home));
      expect(readFileSync(`/proc/${browser}/environ`, "latin1")).not.toMatch(/\0(AWS|LEAPP)_/);
      await machine.agent.engine.saml.forget(machine.agent.engine.state.idpUrls.list()[0]!.id);
      expect((await login).code).toBe("refused");
    });

    test("a killed agent leaves no browser, and a stale lock is no hindrance", async () => {
      machine.agent.stop();
      const env = { ...machine.env, DISPLAY: person.display };
      const program = [process.execPath, join(root, "packages/cli/src/main.ts"), "agent", "run"];
      const agent = Bun.spawn(program, { env, cwd: "/", stdio: ["ignore", "ignore", "ignore"] });
      try {
        let client: AgentClient | undefined;
        await until(async () => {
          client = await machine.terminal().catch(() => undefined);
          return client !== undefined;
        }, "the agent listens");
        const { id } = await client!.call("idp-url.add", { url: `${sandbox.url}/idp` });
        const login = client!.call("idp-url.login", { url: id }).catch(() => {});
        await person.inPage(machine.profile(id), asksForPassword);
        agent.kill("SIGKILL");
        await Promise.all([login, agent.exited]);
        await until(() => browsersOn(machine.home).length === 0, "the browser is gone");

        // As of a browser that was killed itself, on a machine that had another name.
        const lock = join(machine.profile(id), "SingletonLock");
        rmSync(lock, { force: true });
        symlinkSync("elsewhere-4194304", lock);
        await machine.start();
        const second = (await machine.terminal()).call("idp-url.login", { url: id });
        await person.fillIn(machine.profile(id), lovelace);
        expect((await second).roles.length).toBe(2);
      } finally {
        agent.kill("SIGKILL");
      }
    });

    test("the browser killed in the middle", async () => {
      const client = await machine.terminal();
      const { id } = await client.call("idp-url.add", { url: `${sandbox.url}/idp` });
      const first = failureOf(client.call("idp-url.login", { url: id }));
      await person.inPage(machine.profile(id), asksForPassword);
      for (const pid of browsersOn(machine.home)) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // It went with the one before.
        }
      }
      expect((await first).code).toBe("refused");
      const second = client.call("idp-url.login", { url: id });
      await person.fillIn(machine.profile(id), lovelace);
      expect((await second).roles.length).toBe(2);
    });

    test("no file holds a pasted assertion", async () => {
      const client = await machine.terminal();
      const given = assertion();
      await client.call("idp-url.login", { url: at("/post"), assertion: given });
      await failureOf(client.call("idp-url.login", { url: at("/post"), assertion: `${given}!` }));
      expect(filesWith(machine.folder, [given.slice(100, 160)])).toEqual([]);
    });
  });
});

/** Inodes of a process's sockets. */
function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}
