import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  GetRoleCredentialsCommand,
  ListAccountRolesCommand,
  ListAccountsCommand,
  LogoutCommand,
  SSOClient,
  paginateListAccounts,
} from "@aws-sdk/client-sso";
import {
  CreateTokenCommand,
  RegisterClientCommand,
  type RegisterClientCommandInput,
  SSOOIDCClient,
  StartDeviceAuthorizationCommand,
} from "@aws-sdk/client-sso-oidc";
import { AssumeRoleCommand, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import type { OrganisationView } from "../src/organisations.ts";
import { type Sandbox, startSandbox } from "../src/server.ts";
import { completeSignIn } from "../src/sign-in.ts";
import { refusal, sts } from "./harness.ts";

let sandbox: Sandbox;
let company: OrganisationView;
let oidc: SSOOIDCClient;
let sso: SSOClient;
beforeAll(async () => {
  sandbox = await startSandbox();
  const config = { endpoint: sandbox.url, region: "eu-west-1", maxAttempts: 1 };
  oidc = new SSOOIDCClient(config);
  sso = new SSOClient(config);
});
afterAll(() => sandbox.stop());
beforeEach(() => {
  sandbox.reset();
  sandbox.setPortalRate(1_000_000);
  company = sandbox.seedOrganisation({ accounts: 45, rolesPerAccount: 2 });
});

const scope = "sso:account:access";
const callback = "http://127.0.0.1/oauth/callback";
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code";

async function register(more: Partial<RegisterClientCommandInput> = {}) {
  const input = {
    clientName: "tests",
    clientType: "public",
    scopes: [scope],
    grantTypes: ["authorization_code", "refresh_token"],
    redirectUris: [callback],
    issuerUrl: company.startUrl,
    ...more,
  };
  const { clientId, clientSecret, clientSecretExpiresAt } = await oidc.send(new RegisterClientCommand(input));
  return { clientId: clientId!, clientSecret: clientSecret!, clientSecretExpiresAt: clientSecretExpiresAt! };
}

const verifier = randomBytes(48).toString("base64url");
const authorizeUrl = (clientId: string, more: Record<string, string> = {}) =>
  `${sandbox.url}/authorize?${new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: "http://127.0.0.1:1/oauth/callback",
    state: "state with &",
    code_challenge_method: "S256",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    scopes: scope,
    ...more,
  })}`;

/** A browser that comes to the loopback callback; resolves to the query it brought. */
async function authorize(clientId: string, decision: "allow" | "deny" = "allow", person = company) {
  const brought = Promise.withResolvers<URLSearchParams>();
  const server = createServer((request, response) => {
    brought.resolve(new URL(request.url!, "http://127.0.0.1").searchParams);
    response.end("close me");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/oauth/callback`;
  try {
    const url = authorizeUrl(clientId, { redirect_uri: redirectUri });
    expect((await completeSignIn(url, person, decision)).body).toBe("close me");
    return { redirectUri, query: await brought.promise };
  } finally {
    server.close();
  }
}

async function codeFor(client: { clientId: string; clientSecret: string }) {
  const { redirectUri, query } = await authorize(client.clientId);
  const { clientId, clientSecret } = client;
  return {
    clientId,
    clientSecret,
    grantType: "authorization_code",
    code: query.get("code")!,
    codeVerifier: verifier,
    redirectUri,
  };
}
const token = (input: ConstructorParameters<typeof CreateTokenCommand>[0]) =>
  oidc.send(new CreateTokenCommand(input));

async function signedIn() {
  const client = await register();
  const { accessToken, refreshToken, expiresIn } = await token(await codeFor(client));
  return { client, accessToken: accessToken!, refreshToken: refreshToken!, expiresIn };
}
const refresh = (client: { clientId: string; clientSecret: string }, refreshToken: string) =>
  token({
    clientId: client.clientId,
    clientSecret: client.clientSecret,
    grantType: "refresh_token",
    refreshToken,
  });
const accounts = (accessToken: string, more = {}) =>
  sso.send(new ListAccountsCommand({ accessToken, ...more }));

describe("registration", () => {
  test("lasts 90 days", async () => {
    const { clientSecretExpiresAt } = await register();
    expect(clientSecretExpiresAt - sandbox.now() / 1000).toBeWithin(90 * 86_400 - 2, 90 * 86_400 + 1);
  });

  test.each<[Partial<RegisterClientCommandInput>, string]>([
    [{ clientType: "confidential" }, "InvalidClientMetadataException"],
    [{ scopes: ["everything"] }, "InvalidScopeException"],
    [{ grantTypes: ["password"] }, "UnsupportedGrantTypeException"],
    [{ grantTypes: ["authorization_code", deviceGrant] }, "InvalidRequestException"],
    [{ redirectUris: ["http://example.com/callback"] }, "InvalidRedirectUriException"],
    [{ redirectUris: ["http://127.0.0.1.example.com/"] }, "InvalidRedirectUriException"],
    [{ redirectUris: [] }, "InvalidRequestException"],
    [{ issuerUrl: "https://elsewhere.example.com/start" }, "InvalidRequestException"],
    [{ issuerUrl: undefined }, "InvalidRequestException"],
  ])("%j is refused as %s", async (input, code) => {
    expect(await refusal(register(input))).toStartWith(code);
  });
});

describe("authorization code with PKCE", () => {
  test("sign in, consent, callback with code and state, tokens", async () => {
    const client = await register();
    const { query, redirectUri } = await authorize(client.clientId);
    expect(query.get("state")).toBe("state with &");
    const answer = await token({
      ...client,
      grantType: "authorization_code",
      code: query.get("code")!,
      codeVerifier: verifier,
      redirectUri,
    });
    expect(answer).toMatchObject({ tokenType: "Bearer", expiresIn: 3_600 });
    expect((await accounts(answer.accessToken!)).accountList).toHaveLength(20);
  });

  test("the person says no, or mistypes the password", async () => {
    const { clientId } = await register();
    const { query } = await authorize(clientId, "deny");
    expect(Object.fromEntries(query)).toEqual({ error: "access_denied", state: "state with &" });
    const wrong = completeSignIn(authorizeUrl(clientId), { ...company, password: "wrong" });
    expect(await refusal(wrong)).toBe("Error: The user name or the password is wrong.");
  });

  test.each<[Record<string, string>, string]>([
    [{ client_id: "unknown" }, "Error: This application is not known here"],
    [
      { redirect_uri: "http://127.0.0.1:1/other" },
      "Error: The address to return to is not the registered one.",
    ],
    [{ redirect_uri: "http://127.0.0.1:1@example.com/oauth/callback" }, "Error: The address to return to"],
    [{ redirect_uri: "https://example.com/oauth/callback" }, "Error: The address to return to"],
    [{ response_type: "token" }, "Error: sent away: unsupported_response_type"],
    [{ code_challenge_method: "plain" }, "Error: sent away: invalid_request"],
    [{ code_challenge: "short" }, "Error: sent away: invalid_request"],
    [{ scopes: "codewhisperer:completions" }, "Error: sent away: invalid_scope"],
  ])("a wrong request: %j", async (change, words) => {
    const { clientId } = await register();
    expect(await refusal(completeSignIn(authorizeUrl(clientId, change), company))).toStartWith(words);
  });

  test("consent without a password is refused", async () => {
    const { clientId } = await register();
    const html = await (await fetch(authorizeUrl(clientId))).text();
    const id = /name="id" value="(\w+)"/.exec(html)![1]!;
    const body = new URLSearchParams({ id, decision: "allow" });
    const answer = await fetch(`${sandbox.url}/consent`, { method: "POST", body, redirect: "manual" });
    expect(answer.status).toBe(403);
  });

  test("wrong verifier, redirect URI, client, secret; late; twice", async () => {
    const client = await register();
    const grant = "InvalidGrantException";
    const spoiled = async (change: object) => refusal(token({ ...(await codeFor(client)), ...change }));
    expect(await spoiled({ codeVerifier: randomBytes(48).toString("base64url") })).toStartWith(grant);
    expect(await spoiled({ redirectUri: "http://127.0.0.1:1/oauth/callback" })).toStartWith(grant);
    expect(await spoiled({ code: "guessed" })).toStartWith(grant);
    const { clientId, clientSecret } = await register();
    expect(await spoiled({ clientId, clientSecret })).toStartWith(grant);
    expect(await spoiled({ clientSecret })).toStartWith("InvalidClientException");
    expect(await spoiled({ grantType: "password" })).toStartWith("UnsupportedGrantTypeException");
    expect(await spoiled({ grantType: deviceGrant })).toStartWith("UnauthorizedClientException");
    expect(await spoiled({ codeVerifier: undefined })).toStartWith("InvalidRequestException");

    const late = await codeFor(client);
    sandbox.advance(600_000);
    expect(await refusal(token(late))).toStartWith(grant);

    const once = await codeFor(client);
    const { accessToken, refreshToken } = await token(once);
    await accounts(accessToken!);
    expect(await refusal(token(once))).toStartWith(grant);
    // Whoever else used the code has nothing of it.
    expect(await refusal(accounts(accessToken!))).toStartWith("UnauthorizedException");
    expect(await refusal(refresh(client, refreshToken!))).toStartWith(grant);
  });

  test("a redirect URI that was registered with a port is bound to it", async () => {
    const { clientId } = await register({ redirectUris: ["http://127.0.0.1:4000/oauth/callback"] });
    expect(await refusal(completeSignIn(authorizeUrl(clientId), company))).toContain(
      "not the registered one",
    );
  });

  test("an expired registration", async () => {
    const client = await register();
    sandbox.advance(90 * 86_400_000);
    expect(await refusal(refresh(client, "any"))).toStartWith("InvalidClientException");
    expect(await refusal(completeSignIn(authorizeUrl(client.clientId), company))).toContain(
      "registration expired",
    );
  });
});

describe("refresh", () => {
  test("rotates; a spent token ends the grant", async () => {
    const { client, accessToken, refreshToken } = await signedIn();
    const second = await refresh(client, refreshToken);
    expect(second.refreshToken).not.toBe(refreshToken);
    const third = await refresh(client, second.refreshToken!);
    await accounts(third.accessToken!);
    await accounts(accessToken);
    expect(await refusal(refresh(client, refreshToken))).toStartWith("InvalidGrantException");
    expect(await refusal(refresh(client, third.refreshToken!))).toStartWith("InvalidGrantException");
    expect(await refusal(accounts(third.accessToken!))).toStartWith("UnauthorizedException");
  });

  test("is another client's no business", async () => {
    const { client, refreshToken } = await signedIn();
    expect(await refusal(refresh(await register(), refreshToken))).toStartWith("InvalidGrantException");
    await refresh(client, refreshToken);
  });

  test("an answer lost on the way has spent the token", async () => {
    const { client, refreshToken } = await signedIn();
    sandbox.fail({ action: "CreateToken", kind: "cut-after" });
    await refusal(refresh(client, refreshToken));
    expect(await refusal(refresh(client, refreshToken))).toStartWith("InvalidGrantException");
  });

  test("ends with the session of the person", async () => {
    company = sandbox.seedOrganisation({ sessionHours: 2 });
    const { client, refreshToken } = await signedIn();
    sandbox.advance(90 * 60_000);
    const second = await refresh(client, refreshToken);
    expect(second.expiresIn).toBeWithin(1_798, 1_801);
    sandbox.advance(31 * 60_000);
    expect(await refusal(refresh(client, second.refreshToken!))).toStartWith("InvalidGrantException");
  });

  test("access tokens expire after an hour", async () => {
    const { accessToken } = await signedIn();
    sandbox.advance(3_595_000);
    await accounts(accessToken);
    sandbox.advance(5_000);
    expect(await refusal(accounts(accessToken))).toStartWith("UnauthorizedException");
  });

  test("without scopes: one token for eight hours, no refresh", async () => {
    const device = await register({ scopes: undefined, grantTypes: undefined, redirectUris: undefined });
    const { deviceCode, verificationUriComplete } = await startDevice(device);
    await completeSignIn(verificationUriComplete!, company);
    const answer = await poll(device, deviceCode!);
    expect(answer.expiresIn).toBeWithin(8 * 3_600 - 2, 8 * 3_600 + 1);
    expect(answer.refreshToken).toBeUndefined();
    await accounts(answer.accessToken!);
  });
});

const startDevice = (client: { clientId: string; clientSecret: string }, startUrl = company.startUrl) =>
  oidc.send(
    new StartDeviceAuthorizationCommand({
      clientId: client.clientId,
      clientSecret: client.clientSecret,
      startUrl,
    }),
  );
const poll = (client: { clientId: string; clientSecret: string }, deviceCode: string) =>
  token({ clientId: client.clientId, clientSecret: client.clientSecret, grantType: deviceGrant, deviceCode });

describe("device code", () => {
  const registerDevice = () =>
    register({ grantTypes: undefined, redirectUris: undefined, issuerUrl: undefined });

  test("pends, is approved, works once", async () => {
    const client = await registerDevice();
    const { deviceCode, userCode, verificationUriComplete, expiresIn, interval } = await startDevice(client);
    expect({ expiresIn, interval }).toEqual({ expiresIn: 600, interval: 1 });
    expect(verificationUriComplete).toEndWith(userCode!);
    expect(await refusal(poll(client, deviceCode!))).toStartWith("AuthorizationPendingException");
    sandbox.advance(1_000);
    expect((await completeSignIn(verificationUriComplete!, company)).body).toContain("Request approved");
    const { accessToken, refreshToken } = await poll(client, deviceCode!);
    expect((await accounts(accessToken!)).accountList).toHaveLength(20);
    await refresh(client, refreshToken!);
    sandbox.advance(1_000);
    expect(await refusal(poll(client, deviceCode!))).toStartWith("InvalidGrantException");
    expect(await refusal(accounts(accessToken!))).toStartWith("UnauthorizedException");
  });

  test("too fast is slowed down, and each time more so", async () => {
    const client = await registerDevice();
    const { deviceCode } = await startDevice(client);
    expect(await refusal(poll(client, deviceCode!))).toStartWith("AuthorizationPendingException");
    expect(await refusal(poll(client, deviceCode!))).toStartWith("SlowDownException");
    sandbox.advance(1_000);
    expect(await refusal(poll(client, deviceCode!))).toStartWith("SlowDownException");
    sandbox.advance(11_000);
    expect(await refusal(poll(client, deviceCode!))).toStartWith("AuthorizationPendingException");
  });

  test("is denied", async () => {
    const client = await registerDevice();
    const { deviceCode, verificationUriComplete } = await startDevice(client);
    expect((await completeSignIn(verificationUriComplete!, company, "deny")).body).toContain(
      "Request denied",
    );
    expect(await refusal(poll(client, deviceCode!))).toStartWith("AccessDeniedException");
  });

  test("expires", async () => {
    const client = await registerDevice();
    const { deviceCode, verificationUriComplete } = await startDevice(client);
    sandbox.advance(600_000);
    expect(await refusal(poll(client, deviceCode!))).toStartWith("ExpiredTokenException");
    expect(await refusal(completeSignIn(verificationUriComplete!, company))).toBe(
      "Error: a form was expected",
    );
  });

  test("wrong start URL, another client's code, a client of the other kind", async () => {
    const client = await registerDevice();
    expect(await refusal(startDevice(client, "https://elsewhere.example.com/start"))).toStartWith(
      "InvalidRequestException",
    );
    const { deviceCode } = await startDevice(client);
    expect(await refusal(poll(await registerDevice(), deviceCode!))).toStartWith("InvalidGrantException");
    expect(await refusal(startDevice(await register()))).toStartWith("UnauthorizedClientException");
  });
});

describe("portal", () => {
  test("2,000 accounts with 5 roles: made in an instant, paged without loss", async () => {
    const start = performance.now();
    company = sandbox.seedOrganisation({ accounts: 2_000, rolesPerAccount: 5 });
    expect(performance.now() - start).toBeLessThan(500);
    const { accessToken } = await signedIn();
    const seen = new Set<string>();
    for await (const { accountList } of paginateListAccounts(
      { client: sso, pageSize: 100 },
      { accessToken },
    )) {
      for (const { accountId, accountName, emailAddress } of accountList!) {
        expect(accountId).toMatch(/^\d{12}$/);
        expect(`${accountName} ${emailAddress}`).not.toContain("undefined");
        seen.add(accountId!);
      }
    }
    expect(seen.size).toBe(2_000);
    expect(sandbox.calls("ListAccounts")).toBe(20);
    const roles = await sso.send(new ListAccountRolesCommand({ accessToken, accountId: [...seen].at(-1) }));
    expect(roles.roleList).toHaveLength(5);
    expect(roles.nextToken).toBeUndefined();
  });

  test("page sizes and page tokens are checked", async () => {
    const { accessToken } = await signedIn();
    const { nextToken } = await accounts(accessToken, { maxResults: 44 });
    expect((await accounts(accessToken, { maxResults: 44, nextToken })).accountList).toHaveLength(1);
    expect(await refusal(accounts(accessToken, { maxResults: 101 }))).toStartWith("InvalidRequestException");
    expect(await refusal(accounts(accessToken, { nextToken: `9${nextToken}` }))).toStartWith(
      "InvalidRequestException",
    );
    const accountId = "200000000000";
    const elsewhere = sso.send(new ListAccountRolesCommand({ accessToken, accountId, nextToken }));
    expect(await refusal(elsewhere)).toStartWith("InvalidRequestException");
  });

  test("20 requests a second, then 429", async () => {
    sandbox.setPortalRate(20);
    const clock = Date.UTC(2030, 0, 1);
    const still = await startSandbox({ now: () => clock });
    try {
      const ask = async () => (await fetch(`${still.url}/assignment/accounts`)).status;
      const answers = [];
      for (let i = 0; i < 21; i++) answers.push(await ask());
      expect(answers).toEqual([...Array(20).fill(401), 429]);
      still.advance(100);
      expect([await ask(), await ask(), await ask()]).toEqual([401, 401, 429]);
    } finally {
      await still.stop();
    }
  });

  test("the SDK knows the 429 by its name", async () => {
    const { accessToken } = await signedIn();
    sandbox.setPortalRate(0);
    expect(await refusal(accounts(accessToken))).toStartWith("TooManyRequestsException");
  });

  test("role credentials are those of an assumed role, in milliseconds, and a role can be chained from them", async () => {
    company = sandbox.seedOrganisation({ accounts: 1, roleSeconds: 1_800 });
    const { accessToken } = await signedIn();
    const ask = { accessToken, accountId: "200000000000", roleName: "AdministratorAccess" };
    const { roleCredentials } = await sso.send(new GetRoleCredentialsCommand(ask));
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = roleCredentials!;
    expect(expiration! - sandbox.now()).toBeWithin(1_798_000, 1_800_001);
    const keys = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken };
    const { Arn } = await sts(sandbox, keys).send(new GetCallerIdentityCommand({}));
    expect(Arn).toMatch(
      /^arn:aws:sts::200000000000:assumed-role\/AWSReservedSSO_AdministratorAccess_[0-9a-f]{16}\/ada$/,
    );
    const RoleArn = sandbox.addRole({
      accountId: "333344445555",
      name: "next",
      trust: { principals: ["200000000000"] },
    });
    const chained = await sts(sandbox, keys).send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "me" }));
    expect(chained.AssumedRoleUser!.Arn).toContain("333344445555:assumed-role/next/me");
  });

  test("no such assignment, no such account, no such token", async () => {
    const { accessToken } = await signedIn();
    const ask = { accessToken, accountId: "200000000000", roleName: "ReadOnlyAccess" };
    const credentials = (change: object) => sso.send(new GetRoleCredentialsCommand({ ...ask, ...change }));
    await credentials({});
    const no = "ForbiddenException: No access";
    expect(await refusal(credentials({ roleName: "Billing" }))).toBe(no);
    expect(await refusal(credentials({ accountId: "999999999999" }))).toBe(no);
    sandbox.unassign(company.startUrl, "200000000000", "ReadOnlyAccess");
    expect(await refusal(credentials({}))).toBe(no);
    expect(await refusal(credentials({ accessToken: "guessed" }))).toBe(
      "UnauthorizedException: Session token not found or invalid",
    );
    sandbox.unassign(company.startUrl, "200000000000");
    expect(await refusal(sso.send(new ListAccountRolesCommand({ ...ask })))).toBe(no);
  });

  test("accounts come, go and change their names", async () => {
    company = sandbox.seedOrganisation({ accounts: 1 });
    const { accessToken } = await signedIn();
    sandbox.assign(company.startUrl, { accountId: "777788889999", accountName: "new", roles: ["Developer"] });
    sandbox.renameAccount(company.startUrl, "200000000000", "old, renamed");
    const { accountList } = await accounts(accessToken);
    expect(accountList!.map((account) => account.accountName)).toEqual(["old, renamed", "new"]);
  });

  test("sign-out and revocation end access and refresh", async () => {
    const first = await signedIn();
    await sso.send(new LogoutCommand({ accessToken: first.accessToken }));
    expect(await refusal(accounts(first.accessToken))).toStartWith("UnauthorizedException");
    expect(await refusal(refresh(first.client, first.refreshToken))).toStartWith("InvalidGrantException");
    const second = await signedIn();
    sandbox.revokeSignIns(company.startUrl);
    expect(await refusal(accounts(second.accessToken))).toStartWith("UnauthorizedException");
    expect(await refusal(refresh(second.client, second.refreshToken))).toStartWith("InvalidGrantException");
  });

  test("a token for other scopes is not for the portal", async () => {
    const other = "codewhisperer:completions";
    const client = await register({ grantTypes: undefined, redirectUris: undefined, scopes: [other] });
    const { deviceCode, verificationUriComplete } = await startDevice(client);
    await completeSignIn(verificationUriComplete!, company);
    const { accessToken, refreshToken } = await poll(client, deviceCode!);
    expect(refreshToken).toBeUndefined();
    expect(await refusal(accounts(accessToken!))).toStartWith("UnauthorizedException");
  });
});
