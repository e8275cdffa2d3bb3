/** Sessions to make requests of, and a context over the sandbox with hand-written ports. */
import type { Sandbox } from "../../../sandbox/src/server.ts";
import { createWire } from "../../src/aws/http.ts";
import { createSts } from "../../src/aws/sts.ts";
import { type CredentialRequest, type RequestContext, requestKey } from "../../src/credentials/request.ts";
import { type ResolveContext, resolve } from "../../src/credentials/resolve.ts";
import { LeappError } from "../../src/errors.ts";
import {
  type ChainedSession,
  type Credentials,
  defaultSettings,
  type IamUserSession,
  type Session,
} from "../../src/model.ts";
import { type MemorySecrets, memorySecrets } from "../identity/doubles.ts";

const base = { region: "eu-west-1", profiles: ["default"], createdAt: "2026-11-22T20:00:00.000Z" };

export const iamUser = (id: string, more: Partial<IamUserSession> = {}): IamUserSession => ({
  ...base,
  id,
  name: id,
  type: "iam-user",
  ...more,
});

export const chained = (
  id: string,
  parentId: string,
  more: Partial<ChainedSession> = {},
): ChainedSession => ({
  ...base,
  id,
  name: id,
  type: "iam-role-chained",
  parentId,
  roleArn: `arn:aws:iam::444455556666:role/${id}`,
  ...more,
});

export function among(...sessions: Session[]): RequestContext {
  return {
    find: (id) => sessions.find((session) => session.id === id),
    integration: () => undefined,
    settings: defaultSettings,
    user: "ada",
  };
}

export interface Bench extends ResolveContext {
  secrets: MemorySecrets;
  /** What the person is asked, and what she answers; with no answer left nobody is there. */
  asked: string[];
  answers: (string | (() => string))[];
  resolve(request: CredentialRequest): Promise<Credentials>;
}

/** Resolving against the sandbox. Sources are kept by their key, as the agent's cache does. */
export function bench(sandbox: Sandbox): Bench {
  const held = new Map<string, Credentials>();
  const clock = { now: () => sandbox.now() };
  const context: Bench = {
    sts: createSts(createWire({ clock, endpoints: { all: sandbox.url } })),
    clock,
    secrets: memorySecrets(),
    asked: [],
    answers: [],
    env: { PATH: process.env.PATH },
    sso: {
      sso: { roleCredentials: () => Promise.reject(new Error("no single sign-on here")) },
      integration: () => undefined,
      signIn: () => Promise.reject(new Error("no single sign-on here")),
    },
    saml: {
      assertion: () => Promise.reject(new Error("no SAML sign-in here")),
      drop() {},
      skew: () => undefined,
    },
    async credentials(request) {
      const key = requestKey(request);
      const kept = held.get(key);
      if (kept && kept.expiration > clock.now()) return kept;
      const fresh = await resolve(request, context);
      held.set(key, fresh);
      return fresh;
    },
    async ask({ message }) {
      context.asked.push(message);
      const answer = context.answers.shift();
      if (answer === undefined) throw new LeappError("mfa-needed", "an MFA code is needed");
      return typeof answer === "string" ? answer : answer();
    },
    resolve: (request) => resolve(request, context),
  };
  return context;
}
