/** One sandbox, one engine: what the tests of this folder share. */
import { listenForCallback } from "../../../agent/src/platform/callback.ts";
import type { OrganisationOptions, OrganisationView } from "../../../sandbox/src/organisations.ts";
import { type Sandbox, startSandbox } from "../../../sandbox/src/server.ts";
import { completeSignIn } from "../../../sandbox/src/sign-in.ts";
import { createWire } from "../../src/aws/http.ts";
import { createSso, type Sso, type SsoPorts } from "../../src/identity/sso.ts";
import type { SignInPrompt } from "../../src/identity/sso-sign-in.ts";
import type { Integration } from "../../src/model.ts";
import { type FollowingClock, followingClock, type MemorySecrets, memorySecrets } from "./doubles.ts";

export interface World {
  sandbox: Sandbox;
  person: OrganisationView;
  integration: Integration;
  clock: FollowingClock;
  secrets: MemorySecrets;
  sso: Sso;
  /** URLs that the browser was asked to open. */
  opened: string[];
  /** What the person does with a page; null: no browser opens. */
  browse: ((url: string) => unknown) | null;
  /** Sandbox and engine move on together. */
  advance(milliseconds: number): void;
  /** The engine's clock alone. */
  advanceOurs(milliseconds: number): void;
  /** An engine that begins anew over the same vault. */
  restart(more?: Partial<SsoPorts>): Sso;
  /** By code with PKCE, the person says yes. */
  signIn(): Promise<void>;
  stop(): Promise<void>;
}

/** @param portalRate requests a second of portal and engine alike; AWS's where absent. */
export async function startWorld(
  organisation: OrganisationOptions = {},
  portalRate?: number,
): Promise<World> {
  const sandbox = await startSandbox();
  const person = sandbox.seedOrganisation(organisation);
  let ahead = 0;
  const clock = followingClock(() => sandbox.now() + ahead);
  const world: World = {
    sandbox,
    person,
    integration: { id: "i1", type: "sso", alias: "acme", startUrl: person.startUrl, region: person.region },
    clock,
    secrets: memorySecrets(),
    sso: undefined as unknown as Sso,
    opened: [],
    browse: (url) => completeSignIn(url, person),
    advance(milliseconds) {
      sandbox.advance(milliseconds);
      clock.moved();
    },
    advanceOurs(milliseconds) {
      ahead += milliseconds;
      clock.moved();
    },
    restart(more) {
      world.sso = createSso({
        wire: createWire({ endpoints: { all: sandbox.url }, clock }),
        secrets: world.secrets,
        clock,
        browser: {
          async open(url) {
            if (!world.browse) return false;
            world.opened.push(url);
            void world.browse(url);
            return true;
          },
        },
        listen: listenForCallback,
        ...(portalRate && { portalRate: portalRate * 0.98 }),
        ...more,
      });
      return world.sso;
    },
    async signIn() {
      await world.sso.signIn(world.integration, { show() {} });
    },
    stop: () => sandbox.stop(),
  };
  if (portalRate) sandbox.setPortalRate(portalRate);
  world.restart();
  return world;
}

/** Resolves once `condition` holds; the condition is looked at whenever something else had its turn. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** A `show` and the prompt it is called with. */
export function promptDouble(): { show: (prompt: SignInPrompt) => void; shown: Promise<SignInPrompt> } {
  const { promise, resolve } = Promise.withResolvers<SignInPrompt>();
  return { show: resolve, shown: promise };
}

/** The error a promise rejects with; fails where it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<any> {
  return promise.then(
    () => {
      throw new Error("it should have failed");
    },
    (error) => error,
  );
}
