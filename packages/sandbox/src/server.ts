/** The sandbox on a loopback port: one address for every service, told apart by path and action. */
import { randomBytes } from "node:crypto";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SandboxClock } from "./clock.ts";
import { type Controls, answerControl, controlPath } from "./control.ts";
import { consoleFederation } from "./console.ts";
import { Faults, Journal, type Mishap, mishapOf } from "./faults.ts";
import { Grants } from "./grants.ts";
import { Organisations } from "./organisations.ts";
import { portal } from "./portal.ts";
import { type SamlProvider, assumeRoleWithSaml } from "./saml.ts";
import { SamlIdp } from "./saml-idp.ts";
import { ssoOidc } from "./sso-oidc.ts";
import { answerSts, stsError } from "./sts.ts";
import {
  type Call,
  Refusal,
  type Route,
  type WireReply,
  type WireRequest,
  formOf,
  json,
  newCall,
} from "./wire.ts";
import { WebIdentities } from "./web-identity.ts";
import { World } from "./world.ts";

export interface SandboxOptions {
  /** A free one by default. */
  port?: number;
  /** Epoch milliseconds; the machine's clock by default. */
  now?: () => number;
  /** When set, STS refuses signatures for any other region. */
  region?: string;
}

export interface Sandbox extends Controls {
  /** Base URL for every service, without a trailing slash. */
  readonly url: string;
  /** Guards `/_sandbox`, the same controls for other processes (`connectSandbox`). */
  readonly controlToken: string;
  readonly clock: SandboxClock;
  stop(): Promise<void>;
}

const maxBodyBytes = 1024 * 1024;

export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const clock = new SandboxClock(options.now);
  const now = () => clock.now();
  const world = new World(now);
  const faults = new Faults();
  const journal = new Journal();
  const organisations = new Organisations();
  const grants = new Grants(now);
  let portalRate = 20;
  let url = "";
  const idp = new SamlIdp(now, () => url);
  const providers = new Map<string, SamlProvider>();
  const webIdentities = new WebIdentities(world, now);
  const unsigned = {
    AssumeRoleWithSAML: assumeRoleWithSaml({ world, providers, now }),
    AssumeRoleWithWebIdentity: webIdentities.assumeRole,
  };
  const controlToken = randomBytes(32).toString("hex");
  const hanging = new Set<ServerResponse>();

  const releaseHanging = () => {
    for (const response of hanging) response.socket?.destroy();
    hanging.clear();
  };

  const controls: Controls = {
    addUser: (user) => world.addUser(user),
    addRole: (role) => world.addRole(role),
    deleteRole: (arn) => world.deleteRole(arn),
    deactivateKey: (accessKeyId) => world.deactivateKey(accessKeyId),
    activateKey: (accessKeyId) => world.activateKey(accessKeyId),
    deleteKey: (accessKeyId) => world.deleteKey(accessKeyId),
    totpCode: (serial) => world.totpCode(serial),
    deny: (arn, action) => world.deny(arn, action),
    allow: (arn, action) => world.allow(arn, action),
    sessions: () => world.sessions(),

    seedOrganisation: (organisation) => organisations.seed(organisation ?? {}, `${url}/start`),
    assign: (startUrl, assignment) => organisations.assign(startUrl, assignment),
    unassign: (startUrl, accountId, roleName) => organisations.unassign(startUrl, accountId, roleName),
    renameAccount: (startUrl, accountId, name) => organisations.renameAccount(startUrl, accountId, name),
    revokeSignIns: (startUrl) => grants.revokeAll(startUrl),
    setPortalRate(perSecond) {
      portalRate = perSecond;
    },

    addSamlProvider({ accountId, name, certificate, issuer = idp.issuer }) {
      const arn = `arn:aws:iam::${accountId}:saml-provider/${name}`;
      providers.set(arn, { arn, certificate: certificate ?? idp.publicKey, issuer });
      return arn;
    },
    addIdpUser: (user) => idp.addUser(user),
    samlResponse: (assertion) => idp.respond(assertion),
    setSamlSignInUrl(signInUrl) {
      idp.signInUrl = signInUrl;
    },
    addOidcProvider: (provider) => webIdentities.addProvider(provider),
    webIdentityToken: (token) => webIdentities.token(token),

    fail: (fault) => faults.add(fault),
    calls: (action) => journal.count(action),
    requests: () => [...journal.records],
    now,
    advance: (ms) => clock.advance(ms),
    reset() {
      faults.clear();
      journal.clear();
      clock.reset();
      releaseHanging();
    },
  };

  const services: ((request: WireRequest) => Route | undefined)[] = [
    (request) =>
      request.path === "/"
        ? {
            action: formOf(request).get("Action") ?? "none",
            answer: (call) => answerSts({ world, now, region: options.region }, unsigned, request, call),
            refuse: stsError,
          }
        : undefined,
    ssoOidc({ organisations, grants, now, url: () => url }),
    portal({ grants, world, now, rate: () => portalRate }),
    (request) => idp.route(request),
    consoleFederation(world, now),
  ];

  async function serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await read(message);
    if (request === undefined) return send(response, json({ message: "too large" }, 413), now(), "-");
    if (request.path.startsWith(controlPath)) {
      return send(response, answerControl(request, controls, controlToken), now(), "-");
    }
    const route = services.reduce<Route | undefined>(
      (found, service) => found ?? service(request),
      undefined,
    );
    if (!route) return send(response, json({ message: "no such operation" }, 404), now(), "-");

    const call = newCall(route.action);
    const record = journal.open(call, now());
    const { reply, error, mishap } = answer(route, call);
    const lost = mishap.cut !== undefined || mishap.hang === true;
    journal.close(record, call, lost ? undefined : reply, error);
    if (mishap.cut) {
      response.socket?.destroy();
    } else if (mishap.hang) {
      hanging.add(response);
      response.on("close", () => hanging.delete(response));
    } else {
      if (mishap.delay) await new Promise((resolve) => setTimeout(resolve, mishap.delay));
      send(response, reply, now() + (mishap.dateOffset ?? 0), call.requestId);
    }
  }

  function answer(route: Route, call: Call): { reply: WireReply; error?: string; mishap: Mishap } {
    let mishap: Mishap = {};
    try {
      const fault = faults.take(route.action);
      if (fault) mishap = mishapOf(fault);
      if (mishap.cut === "before" || mishap.hang) return { reply: json({}, 500), mishap };
      return { reply: route.answer(call), mishap };
    } catch (thrown) {
      const error = thrown instanceof Refusal ? thrown : unexpected(thrown);
      return { reply: route.refuse(error, call), error: error.code, mishap };
    }
  }

  const server = createServer((message, response) => {
    serve(message, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    ...controls,
    url,
    controlToken,
    clock,
    async stop() {
      releaseHanging();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A request that cannot be read is the caller's fault; anything else is a defect here, and says so. */
function unexpected(thrown: unknown): Refusal {
  if (thrown instanceof URIError) return new Refusal("MalformedInput", "malformed percent-encoding");
  console.error("sandbox:", thrown);
  return new Refusal("InternalFailure", "the sandbox has a defect; see its stderr", 500);
}

async function read(message: IncomingMessage): Promise<WireRequest | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBodyBytes) return undefined;
    chunks.push(chunk);
  }
  const url = message.url ?? "/";
  const at = url.indexOf("?");
  const rawQuery = at < 0 ? "" : url.slice(at + 1);
  return {
    method: message.method ?? "GET",
    path: at < 0 ? url : url.slice(0, at),
    rawQuery,
    query: new URLSearchParams(rawQuery),
    headers: Object.fromEntries(
      Object.entries(message.headers).map(([name, value]) => [name, String(value ?? "")]),
    ),
    body: Buffer.concat(chunks),
  };
}

function send(response: ServerResponse, reply: WireReply, date: number, requestId: string): void {
  response.sendDate = false;
  response.writeHead(reply.status, {
    date: new Date(date).toUTCString(),
    "x-amzn-requestid": requestId,
    ...reply.headers,
  });
  response.end(reply.body);
}
