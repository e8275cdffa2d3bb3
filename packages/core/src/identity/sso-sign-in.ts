/** One sign-in of a person at IAM Identity Center: code with PKCE in the browser, or a device code. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Wire } from "../aws/http.ts";
import { SsoError } from "../aws/sso-call.ts";
import {
  authorizeUrl,
  callbackPath,
  createToken,
  type DeviceAuthorization,
  type SsoClient,
  type SsoTokens,
  startDeviceAuthorization,
} from "../aws/sso-oidc.ts";
import { LeappError } from "../errors.ts";
import type { Integration } from "../model.ts";
import type { Browser, Clock } from "../ports.ts";
import { callbackPage } from "./callback-page.ts";
import { pause } from "./pace.ts";

export interface CallbackRequest {
  method: string;
  /** The Host header. */
  host: string;
  path: string;
  query: URLSearchParams;
}

export interface CallbackAnswer {
  status: number;
  html: string;
}

/**
 * A web server on 127.0.0.1 and a free port, nowhere else, until closed; `close` lets an answer that is under
 * way finish first.
 */
export type Listen = (
  answer: (request: CallbackRequest) => CallbackAnswer | Promise<CallbackAnswer>,
) => Promise<{ port: number; close(): void }>;

/** What the person needs to go on. */
export interface SignInPrompt {
  url: string;
  /** Device code only: to compare with the code on the page. */
  userCode?: string;
  /** Device code only: `deviceCodeWarning`. */
  warning?: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

export const deviceCodeWarning =
  "approve this code only if you asked for it yourself just now: whoever sends you a code to approve gets your access";

interface SignInContext {
  wire: Wire;
  clock: Clock;
  integration: Integration;
  show: (prompt: SignInPrompt) => void;
  /** Epoch milliseconds by which it must be over. */
  deadline: number;
  signal: AbortSignal;
}

/**
 * Opens the sign-in page in the person's browser and waits for its answer on a loopback port.
 * @param needBrowser where true and no browser opens, undefined is returned at once.
 */
export async function signInWithBrowser(
  { wire, clock, integration, show, deadline, signal }: SignInContext,
  client: SsoClient,
  ports: { browser: Browser; listen: Listen; needBrowser: boolean },
): Promise<SsoTokens | undefined> {
  const { region } = integration;
  const codeVerifier = randomBytes(48).toString("base64url");
  const codeChallenge = createHash("sha256").update(codeVerifier).digest("base64url");
  const state = randomBytes(32).toString("base64url");
  const outcome = Promise.withResolvers<SsoTokens>();
  // The first awaiter comes after the browser was opened; an early failure must not count as unhandled.
  outcome.promise.catch(() => {});
  const interrupt = () => outcome.reject(signal.reason);
  signal.addEventListener("abort", interrupt, { once: true });

  let answered = false;
  const server = await ports.listen(async ({ method, host, path, query }) => {
    if (path !== callbackPath) return page(404, "Not found", "There is nothing here.");
    if (method !== "GET" || host !== `127.0.0.1:${server.port}` || !same(query.get("state") ?? "", state)) {
      return page(
        400,
        "Not your sign-in",
        "This answer does not belong to the sign-in that leapp waits for.",
      );
    }
    if (answered)
      return page(400, "Used already", "This sign-in was answered before. You can close this tab.");
    answered = true;
    try {
      outcome.resolve(await exchange(query));
      return page(
        200,
        "You are signed in",
        `Leapp has access to ${integration.alias}. You can close this tab.`,
      );
    } catch (error) {
      const failure = LeappError.of(error);
      outcome.reject(failure);
      const reason = failure.message.slice(0, 1).toUpperCase() + failure.message.slice(1);
      return page(400, "The sign-in failed", `${reason}. You can close this tab.`);
    }
  });

  async function exchange(query: URLSearchParams): Promise<SsoTokens> {
    const code = query.get("code");
    if (query.has("error") || !code) {
      const denied = query.get("error") === "access_denied";
      throw new LeappError(
        denied ? "refused" : "access-denied",
        denied ? "the sign-in was refused in the browser" : "the sign-in page reported a failure",
      );
    }
    return createToken(
      wire,
      clock,
      client,
      { type: "code", code, codeVerifier, redirectUri },
      { region, signal },
    );
  }

  const redirectUri = `http://127.0.0.1:${server.port}${callbackPath}`;
  try {
    signal.throwIfAborted();
    const url = authorizeUrl(wire, region, { clientId: client.clientId, redirectUri, state, codeChallenge });
    // Some openers return only when the browser is closed again.
    const opened = await Promise.race([ports.browser.open(url), outcome.promise.then(() => true)]);
    if (!opened && ports.needBrowser) return undefined;
    show({ url, expiresAt: deadline });
    return await outcome.promise;
  } finally {
    signal.removeEventListener("abort", interrupt);
    server.close();
  }
}

/** Shows URL and code, then polls as the server asks (RFC 8628 3.5). */
export async function signInWithDeviceCode(context: SignInContext, client: SsoClient): Promise<SsoTokens> {
  const { wire, clock, integration, signal } = context;
  const options = { region: integration.region, signal };
  const device = await startDeviceAuthorization(wire, clock, client, integration.startUrl, options);
  const deadline = Math.min(device.expiresAt, context.deadline);
  context.show({
    url: device.verificationUriComplete ?? device.verificationUri,
    userCode: device.userCode,
    warning: deviceCodeWarning,
    expiresAt: deadline,
  });
  return poll(context, client, device, deadline);
}

async function poll(
  { wire, clock, integration, signal }: SignInContext,
  client: SsoClient,
  { deviceCode, interval: asked }: DeviceAuthorization,
  deadline: number,
): Promise<SsoTokens> {
  let interval = asked;
  for (;;) {
    await pause(clock, Math.max(0, Math.min(interval, deadline - clock.now())), signal);
    if (clock.now() >= deadline)
      throw new SsoError("timed-out", "the sign-in was not finished in time", "expired");
    try {
      const options = { region: integration.region, signal };
      return await createToken(wire, clock, client, { type: "device", deviceCode }, options);
    } catch (error) {
      signal.throwIfAborted();
      const failure = LeappError.of(error);
      const reason = failure instanceof SsoError ? failure.reason : undefined;
      if (reason === "pending") continue;
      if (reason === "slow-down" || reason === "throttled") interval += 5000;
      else if (failure.code === "network" || reason === "unwell") interval = Math.min(interval * 2, 30_000);
      else throw failure;
    }
  }
}

function page(status: number, title: string, text: string): CallbackAnswer {
  return { status, html: callbackPage(title, text) };
}

/** In constant time for equal lengths; the length is public. */
function same(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
