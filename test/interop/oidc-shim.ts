/**
 * An identity provider that nobody here wrote (panva's oidc-provider: PKCE, device codes, rotation, revocation),
 * behind a translation of our own from and to AWS's SSO-OIDC wire format, with a small portal beside it whose
 * tokens that provider judges.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";

export interface OidcShim {
  /** Base URL in AWS's wire format, for SSO-OIDC and the portal. */
  url: string;
  /** How often `POST /token` was asked for this grant, by AWS's name. */
  grants: string[];
  /** Ends an access token early, as an administrator does. */
  revoke(accessToken: string): Promise<void>;
  stop(): Promise<void>;
}

const scope = "sso:account:access";
const roles = ["Admin", "ReadOnly"];
/** Three pages of two. */
const accounts = Array.from({ length: 5 }, (_, i) => ({
  accountId: String(111_111_111_110 + i),
  accountName: `account ${i}`,
  emailAddress: `account${i}@example.com`,
}));

/** @param accessTokenLife seconds. */
export async function startOidcShim(options: { accessTokenLife?: number } = {}): Promise<OidcShim> {
  const { accessTokenLife = 3600 } = options;
  const grants: string[] = [];
  const issuer = createServer((request, response) => void provider.callback()(request, response));
  const issuerUrl = await listen(issuer);
  const provider = new Provider(issuerUrl, {
    scopes: ["openid", "offline_access", scope],
    features: {
      deviceFlow: { enabled: true },
      registration: { enabled: true },
      devInteractions: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true },
    },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    clientDefaults: { id_token_signed_response_alg: "RS256" },
    ttl: {
      AccessToken: accessTokenLife,
      DeviceCode: 600,
      RefreshToken: 86_400,
      Grant: 86_400,
      Session: 86_400,
      Interaction: 600,
    },
    issueRefreshToken: async () => true,
  });

  async function form(
    path: string,
    values: Record<string, string>,
  ): Promise<[number, Record<string, unknown>]> {
    const reply = await fetch(issuerUrl + path, { method: "POST", body: new URLSearchParams(values) });
    return [reply.status, (await reply.json()) as Record<string, unknown>];
  }

  async function register(body: Record<string, any>): Promise<Answer> {
    const code = (body.grantTypes ?? []).includes("authorization_code");
    const reply = await fetch(`${issuerUrl}/reg`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        client_name: body.clientName,
        application_type: "native",
        token_endpoint_auth_method: "client_secret_post",
        scope: `openid offline_access ${body.scopes.join(" ")}`,
        grant_types: code
          ? body.grantTypes
          : ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
        response_types: code ? ["code"] : [],
        redirect_uris: body.redirectUris ?? [],
      }),
    });
    const json = (await reply.json()) as Record<string, any>;
    if (!reply.ok) return oauthError(json);
    return [
      200,
      {
        clientId: json.client_id,
        clientSecret: json.client_secret,
        clientIdIssuedAt: json.client_id_issued_at,
        clientSecretExpiresAt: Math.floor(Date.now() / 1000) + 90 * 86_400,
      },
    ];
  }

  async function token(body: Record<string, string>): Promise<Answer> {
    grants.push(body.grantType ?? "");
    const [status, json] = await form("/token", {
      client_id: body.clientId!,
      client_secret: body.clientSecret!,
      grant_type: body.grantType!,
      ...(body.code && { code: body.code }),
      ...(body.codeVerifier && { code_verifier: body.codeVerifier }),
      ...(body.redirectUri && { redirect_uri: body.redirectUri }),
      ...(body.deviceCode && { device_code: body.deviceCode }),
      ...(body.refreshToken && { refresh_token: body.refreshToken }),
    });
    if (status !== 200) return oauthError(json);
    return [
      200,
      {
        accessToken: json.access_token,
        expiresIn: json.expires_in,
        refreshToken: json.refresh_token,
        tokenType: "Bearer",
      },
    ];
  }

  async function portal(path: string, query: URLSearchParams, bearer: string): Promise<Answer> {
    const known = await provider.AccessToken.find(bearer);
    if (!known || known.isExpired || !known.scope?.split(" ").includes(scope)) {
      return [401, { message: "Session token not found or invalid" }, "UnauthorizedException"];
    }
    if (path === "/assignment/accounts") {
      const start = Number(query.get("next_token") ?? 0);
      const next = start + 2 < accounts.length ? String(start + 2) : undefined;
      return [200, { accountList: accounts.slice(start, start + 2), nextToken: next ?? null }];
    }
    const accountId = query.get("account_id");
    if (!accounts.some((account) => account.accountId === accountId)) {
      return [403, { message: "No access" }, "ForbiddenException"];
    }
    if (path === "/assignment/roles") {
      return [200, { roleList: roles.map((roleName) => ({ roleName, accountId })), nextToken: null }];
    }
    if (path === "/federation/credentials" && roles.includes(query.get("role_name") ?? "")) {
      const roleCredentials = {
        accessKeyId: `ASIA${randomUUID().replaceAll("-", "").slice(0, 16).toUpperCase()}`,
        secretAccessKey: randomUUID(),
        sessionToken: randomUUID(),
        expiration: Date.now() + 3_600_000,
      };
      return [200, { roleCredentials }];
    }
    return [403, { message: "No access" }, "ForbiddenException"];
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://shim");
    const route = `${request.method} ${url.pathname}`;
    try {
      if (route === "GET /authorize") {
        const query = new URLSearchParams(url.search);
        query.set("scope", `openid offline_access ${query.get("scopes") ?? ""}`);
        query.set("prompt", "consent");
        query.delete("scopes");
        response.writeHead(302, { location: `${issuerUrl}/auth?${query}` }).end();
        return;
      }
      if (route === "POST /client/register") return send(response, await register(await body(request)));
      if (route === "POST /token") return send(response, await token(await body(request)));
      if (route === "POST /device_authorization") {
        const { clientId, clientSecret } = await body(request);
        const [status, json] = await form("/device/auth", {
          client_id: clientId!,
          client_secret: clientSecret!,
          scope: `openid offline_access ${scope}`,
          prompt: "consent",
        });
        if (status !== 200) return send(response, oauthError(json));
        return send(response, [
          200,
          {
            deviceCode: json.device_code,
            userCode: json.user_code,
            verificationUri: json.verification_uri,
            verificationUriComplete: json.verification_uri_complete,
            expiresIn: json.expires_in,
            interval: 1,
          },
        ]);
      }
      const bearer = String(request.headers["x-amz-sso_bearer_token"] ?? "");
      if (route === "POST /logout") {
        await (await provider.AccessToken.find(bearer))?.destroy();
        return send(response, [200, {}]);
      }
      return send(response, await portal(url.pathname, url.searchParams, bearer));
    } catch (error) {
      send(response, [500, { message: String(error) }, "InternalServerException"]);
    }
  });
  const url = await listen(server);

  return {
    url,
    grants,
    async revoke(accessToken) {
      await (await provider.AccessToken.find(accessToken))?.destroy();
    },
    async stop() {
      for (const one of [server, issuer]) {
        one.closeAllConnections();
        await new Promise((resolve) => one.close(resolve));
      }
    },
  };
}

type Answer = [status: number, json: unknown, errorType?: string];

/** AWS's exception for an OAuth error: `invalid_grant` is InvalidGrantException. */
function oauthError(json: Record<string, unknown>): Answer {
  const name = String(json.error)
    .split("_")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("");
  return [400, { error: json.error, error_description: json.error_description }, `${name}Exception`];
}

function send(response: ServerResponse, [status, json, errorType]: Answer): void {
  response.writeHead(status, {
    "content-type": "application/json",
    ...(errorType && { "x-amzn-errortype": errorType }),
  });
  response.end(JSON.stringify(json));
}

async function body(request: IncomingMessage): Promise<Record<string, string>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}

function listen(server: ReturnType<typeof createServer>): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", () => {
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
  });
}
