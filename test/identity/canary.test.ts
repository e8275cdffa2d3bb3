/**
 * The canary of the sign-ins: tokens, device codes, PKCE verifiers, client secrets and assertions, as they went over
 * the wire, are in no file, argument, environment or output; but for the shared cache, where somebody wants one.
 */
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { onTerminal } from "../engine/support.ts";
import type { Ran } from "../support/leapp.ts";
import { filesBelow, leaks, Secrets, watchProcesses } from "../support/secrets.ts";
import { type Company, newCompany } from "./support.ts";
import { startTap } from "./tap.ts";

const hour = 3_600_000;
const kinds = [
  "SAMLAssertion",
  "SecretAccessKey",
  "SessionToken",
  "accessToken",
  "clientSecret",
  "code",
  "codeVerifier",
  "deviceCode",
  "refreshToken",
  "secretAccessKey",
  "sessionToken",
];

/** Every kind of sign-in, success and failure, told at length; returns what was printed, credentials aside. */
async function journey(company: Company): Promise<string[]> {
  const { sandbox, organisation } = company;
  const printed: string[] = [];
  const leapp = async (args: string[], stdin?: string): Promise<Ran> => {
    const ran = await company.run(
      [company.program, ...args, "--debug"],
      stdin === undefined ? {} : { stdin },
    );
    printed.push(ran.stderr);
    if (args[1] !== "generate") printed.push(ran.stdout);
    return ran;
  };
  const good = async (args: string[], stdin?: string) => {
    const { code, stdout, stderr } = await leapp(args, stdin);
    if (code !== 0) throw new Error(`leapp ${args.slice(0, 3).join(" ")}: ${stderr}`);
    return stdout;
  };
  const login = async (flags: string[], decision: "allow" | "deny" = "allow"): Promise<number> => {
    await using terminal = onTerminal(company, ["integration", "login", "work", "--debug", ...flags]);
    let url: string;
    if (flags.length > 0) {
      await terminal.shows(/never approve/);
      url = /open (http\S+)/.exec(terminal.screen())![1]!;
    } else url = await company.nextTab();
    await company.answerPages(url, decision);
    const code = await terminal.exited;
    printed.push(terminal.screen());
    return code;
  };

  // In the browser: refused, cut, and at last done.
  expect(await login([], "deny")).toBe(12);
  sandbox.fail({ action: "CreateToken", kind: "cut-after" });
  expect(await login([])).toBe(23);
  expect(await login([])).toBe(0);
  await good(["integration", "sync", "work"]);
  const [session] = await company.sessions();
  await company.addRole("deeper", session!.name);
  await good(["session", "start", session!.name]);
  for (const name of [session!.name, "deeper"]) await good(["session", "generate", name]);
  // A refresh that fails, and one that does not.
  sandbox.advance(2 * hour);
  await good(["agent", "stop"]);
  sandbox.fail({ action: "CreateToken", kind: "500" });
  expect((await leapp(["session", "generate", session!.name])).code).toBe(22);
  await good(["session", "start", session!.name]);
  await good(["integration", "logout", "work"]);
  sandbox.reset();
  // By device code, ended by the server.
  expect(await login(["--device-code"])).toBe(0);
  await good(["integration", "sync", "work"]);
  sandbox.revokeSignIns(organisation.startUrl);
  expect((await leapp(["integration", "sync", "work"])).code).toBe(11);

  const accountId = "111122223333";
  const providerArn = sandbox.addSamlProvider({ accountId, name: "company" });
  const roleArn = sandbox.addRole({ accountId, name: "dev", trust: { principals: [providerArn] } });
  sandbox.addIdpUser({ user: "lovelace", password: "right one", roles: [{ roleArn, providerArn }] });
  const idpUrl = `${sandbox.url}/idp`;
  const pasted = (validFor?: number) =>
    sandbox.samlResponse({ user: "lovelace", ...(validFor ? { validFor } : {}) });
  await good(["idp-url", "create", idpUrl]);
  expect((await leapp(["idp-url", "login", idpUrl, "--assertion-stdin"], pasted(-60))).code).not.toBe(0);
  await good(["idp-url", "login", idpUrl, "--assertion-stdin"], pasted());
  await good([
    ...["session", "add", "--type", "iam-role-federated", "--name", "saml", "--region", "eu-west-1"],
    ...["--idp-url", idpUrl, "--idp-arn", providerArn, "--role-arn", roleArn],
  ]);
  await good(["session", "generate", "saml"]);

  for (const args of ["integration list --json", "session list --json", "log --json", "agent log"])
    await good(args.split(" "));
  await good(["session", "stop", session!.name]);
  return printed;
}

test("nothing of a sign-in is left anywhere but in the vault, unless it is to be shared", async () => {
  let target = "";
  await using tap = await startTap(() => target).then((tap) =>
    Object.assign(tap, { [Symbol.asyncDispose]: tap.close }),
  );
  await using company = await newCompany({}, { env: { AWS_ENDPOINT_URL: tap.url } }, (machine) => {
    target = machine.sandbox.url;
  });
  const watch = process.platform === "linux" ? watchProcesses(company) : undefined;
  const printed = await journey(company);
  await watch?.stop();

  expect([...new Set(tap.heard.map(({ kind }) => kind))].sort()).toEqual(kinds);
  const values = new Map(tap.heard.map(({ kind, value }) => [value, kind]));
  expect(values.size).toBeGreaterThan(20);
  const secrets = new Secrets();
  for (const [value, kind] of values) secrets.add(kind, value);

  const files = () => filesBelow(company.folder);
  expect(files()).toContain(join(company.leappHome, "vault.db"));
  expect(leaks(secrets, files())).toEqual([]);
  for (const text of printed) expect(secrets.in(text)).toEqual([]);
  const guilty = [...(watch?.seen ?? [])].filter(([, bytes]) => secrets.in(bytes).length > 0);
  expect(guilty.map(([name]) => name)).toEqual([]);
  if (watch) expect(watch.seen.size).toBeGreaterThan(20);

  // Where sharing is wanted it is said, and the tokens are in that one file; this proves the search, too.
  const { stderr } = await company.run([company.program, "integration", "edit", "work", "--share-tokens"]);
  expect(stderr).toContain("plain text");
  await company.signIn();
  for (const { kind, value } of tap.heard) if (!values.has(value)) secrets.add(kind, value);
  const leaking = [...new Set(leaks(secrets, files()).map((leak) => leak.split(": ")[0]!))];
  expect(leaking).toHaveLength(1);
  expect(leaking[0]).toMatch(/\/home\/\.aws\/sso\/cache\/[0-9a-f]{40}\.json$/);
  expect(statSync(leaking[0]!).mode & 0o777).toBe(0o600);
  await company.leapp(["integration", "logout", "work"]);
  expect(leaks(secrets, files())).toEqual([]);
}, 90_000);
