/** The sign-in endpoint of the web console: temporary credentials for a sign-in token, a token for a console. */
import { randomBytes } from "node:crypto";
import { messagePage } from "./pages.ts";
import { Refusal, type Route, type WireReply, type WireRequest, formOf, json, sameText } from "./wire.ts";
import type { StsSession, World } from "./world.ts";

const consoleHosts = /(^|\.)(aws\.amazon\.com|amazonaws-us-gov\.com|amazonaws\.cn|amazonaws-eusc\.eu)$/;

export function consoleFederation(
  world: World,
  now: () => number,
): (request: WireRequest) => Route | undefined {
  /** A token is good for 15 minutes. */
  const tokens = new Map<string, { session: StsSession; expiresAt: number }>();

  function signInToken(fields: URLSearchParams): WireReply {
    const session = sessionOf(fields.get("Session"));
    const duration = fields.get("SessionDuration");
    if (duration !== null) {
      const seconds = Number(duration);
      if (!(seconds >= 900 && seconds <= 43_200)) throw badRequest();
      // A role reached from temporary credentials has its own hour and no more.
      if (session.chained) throw badRequest();
    }
    const token = randomBytes(300).toString("base64url");
    tokens.set(token, { session, expiresAt: now() + 900_000 });
    return json({ SigninToken: token });
  }

  /** Credentials of `GetSessionToken` are no good here, as in AWS. */
  function sessionOf(text: string | null): StsSession {
    let given: Record<string, unknown> = {};
    try {
      given = JSON.parse(text ?? "") ?? {};
    } catch {
      throw badRequest();
    }
    const { sessionId, sessionKey, sessionToken } = given;
    const known = world.lookUp(String(sessionId));
    const session = known?.identity.session;
    const good =
      session?.role &&
      sameText(session.secretAccessKey, String(sessionKey)) &&
      sameText(session.sessionToken, String(sessionToken)) &&
      session.expiresAt > now();
    if (!good) throw badRequest();
    return session;
  }

  function login(fields: URLSearchParams): WireReply {
    const found = tokens.get(fields.get("SigninToken") ?? "");
    if (!found || found.expiresAt <= now()) throw badRequest();
    const destination = URL.parse(fields.get("Destination") ?? "");
    if (destination?.protocol !== "https:" || !consoleHosts.test(destination.hostname)) throw badRequest();
    return messagePage("Console", `${found.session.arn} is signed in, on the way to ${destination.href}`);
  }

  return (request) => {
    if (request.path !== "/federation") return undefined;
    const fields = formOf(request);
    const action = fields.get("Action");
    const refuse = (error: Refusal) => messagePage("400 Bad Request", error.message, error.status);
    if (action === "getSigninToken")
      return { action: "GetSigninToken", answer: () => signInToken(fields), refuse };
    if (action === "login") return { action: "ConsoleLogin", answer: () => login(fields), refuse };
    return undefined;
  };
}

const badRequest = () =>
  new Refusal("BadRequest", "The request sent by the client was syntactically incorrect.");
