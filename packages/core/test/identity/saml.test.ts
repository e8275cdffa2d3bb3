import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type Sandbox, startSandbox } from "../../../sandbox/src/server.ts";
import { createSaml, type HeldAssertion, type Saml, type SamlBrowser } from "../../src/identity/saml.ts";
import { LeappError } from "../../src/errors.ts";
import { rejection } from "../thrown.ts";
import { manualClock, type ManualClock } from "./doubles.ts";

const minute = 60_000;
const idpUrl = { id: "p1", url: "https://idp.example.com/aws" };

/** Answers when the test says so. */
interface BrowserDouble extends SamlBrowser {
  remembered: boolean;
  starts: { window: boolean; signal: AbortSignal; answer: PromiseWithResolvers<string | undefined> }[];
  forgotten: string[];
}

function browserDouble(): BrowserDouble {
  const double: BrowserDouble = {
    remembered: true,
    starts: [],
    forgotten: [],
    remembers: () => double.remembered,
    async signIn(_, { window, signal }) {
      const answer = Promise.withResolvers<string | undefined>();
      signal.addEventListener("abort", () => answer.reject(signal.reason));
      double.starts.push({ window, signal, answer });
      return answer.promise;
    },
    async forget(id) {
      double.forgotten.push(id);
    },
  };
  return double;
}

let sandbox: Sandbox;
let clock: ManualClock;
let browser: BrowserDouble;
let saml: Saml;
const never = new AbortController().signal;

beforeAll(async () => {
  clock = manualClock();
  sandbox = await startSandbox({ now: () => clock.now() });
  const providerArn = sandbox.addSamlProvider({ accountId: "111122223333", name: "company" });
  const roleArn = "arn:aws:iam::111122223333:role/dev";
  sandbox.addIdpUser({ user: "ada", password: "pw", roles: [{ roleArn, providerArn }] });
});
afterAll(() => sandbox.stop());
beforeEach(() => {
  browser = browserDouble();
  saml = createSaml({ clock, browser });
});
const fresh = () => sandbox.samlResponse({ user: "ada" });

describe("one assertion for its few minutes", () => {
  test("held until shortly before AWS would refuse it, for that URL only", () => {
    const held = saml.accept(idpUrl, fresh());
    expect(saml.held(idpUrl)).toBe(held);
    expect(saml.held({ ...idpUrl, id: "p2" })).toBeUndefined();
    expect(saml.held({ ...idpUrl, url: "https://other.example.com/" })).toBeUndefined();
    clock.advance(4.7 * minute);
    expect(saml.held(idpUrl)).toBe(held);
    clock.advance(0.1 * minute);
    expect(saml.held(idpUrl)).toBeUndefined();
    expect(clock.waiting()).toBe(0);
  });

  test("a shorter life of its own counts, a longer one does not", () => {
    const life = (validFor: number) => {
      const { receivedAt, goodUntil } = saml.accept(idpUrl, sandbox.samlResponse({ user: "ada", validFor }));
      return goodUntil - receivedAt;
    };
    expect(life(60)).toBe(45_000);
    expect(life(10)).toBe(5_000);
    expect(life(3_600)).toBe(5 * minute - 15_000);
  });

  test("its life is counted by our clock, whatever the identity provider's shows", async () => {
    const response = fresh();
    clock.advance(-40 * minute);
    const found = saml.quietly(idpUrl, false);
    browser.starts[0]!.answer.resolve(response);
    const held = (await found)!;
    expect(held.goodUntil - clock.now()).toBe(5 * minute - 15_000);
  });

  test("one that AWS refused is dropped, but not its successor", () => {
    const first = saml.accept(idpUrl, fresh());
    const second = saml.accept(idpUrl, fresh());
    saml.drop(idpUrl.id, first);
    expect(saml.held(idpUrl)).toBe(second);
    saml.drop(idpUrl.id, second);
    expect(saml.held(idpUrl)).toBeUndefined();
  });

  test("a pasted one that expired is refused with what to do", async () => {
    const old = fresh();
    clock.advance(12 * minute);
    const error = await rejection((async () => saml.accept(idpUrl, old))());
    expect(error.code).toBe("invalid");
    expect(error.message).toBe("this assertion expired 7 min ago by this machine's clock");
    expect(error.hint).toContain("sign in again");
  });
});

describe("without a window", () => {
  test("two callers share one browser", async () => {
    const both = [saml.quietly(idpUrl, false), saml.quietly(idpUrl, true)];
    expect(browser.starts.map(({ window }) => window)).toEqual([false]);
    browser.starts[0]!.answer.resolve(fresh());
    const [a, b] = await Promise.all(both);
    expect(a).toBeDefined();
    expect(a).toBe(b!);
    expect(saml.held(idpUrl)).toBe(a!);
  });

  test("not for a tool where nothing is remembered, but for a person", async () => {
    browser.remembered = false;
    expect(await saml.quietly(idpUrl, false)).toBeUndefined();
    expect(browser.starts.length).toBe(0);
    const tried = saml.quietly(idpUrl, true);
    browser.starts[0]!.answer.resolve(undefined);
    expect(await tried).toBeUndefined();
  });

  test("where a person was needed, no browser starts for nothing for five minutes", async () => {
    const tried = saml.quietly(idpUrl, false);
    browser.starts[0]!.answer.resolve(undefined);
    await tried;
    expect(await saml.quietly(idpUrl, false)).toBeUndefined();
    clock.advance(4 * minute);
    expect(await saml.quietly(idpUrl, true)).toBeUndefined();
    expect(browser.starts.length).toBe(1);
    clock.advance(minute);
    void saml.quietly(idpUrl, false);
    expect(browser.starts.length).toBe(2);
  });

  test("a sign-in in a window ends that pause", async () => {
    const tried = saml.quietly(idpUrl, false);
    browser.starts[0]!.answer.resolve(undefined);
    await tried;
    const signedIn = saml.inWindow(idpUrl, never);
    browser.starts[1]!.answer.resolve(fresh());
    await signedIn;
    void saml.quietly(idpUrl, false);
    expect(browser.starts.map(({ window }) => window)).toEqual([false, true, false]);
  });

  test("twenty seconds, then a person is needed", async () => {
    const tried = saml.quietly(idpUrl, false);
    clock.advance(20_000);
    expect(await tried).toBeUndefined();
    expect(browser.starts[0]!.signal.aborted).toBe(true);
  });

  test("a failure is a failure: the network, no browser", async () => {
    const tried = saml.quietly(idpUrl, false);
    browser.starts[0]!.answer.reject(new LeappError("network", "cannot reach it"));
    expect((await rejection(tried)).code).toBe("network");
    void saml.quietly(idpUrl, false);
    expect(browser.starts.length).toBe(2);
  });

  test("what is no SAML response is said", async () => {
    const tried = saml.quietly(idpUrl, false);
    browser.starts[0]!.answer.resolve("bm90aGluZw==");
    expect((await rejection(tried)).code).toBe("invalid");
  });
});

describe("forgetting", () => {
  test("the assertion, the browser's memory and whatever is under way", async () => {
    saml.accept(idpUrl, fresh());
    const quiet = saml.quietly(idpUrl, false);
    const open = saml.inWindow(idpUrl, never);
    const ends = [rejection(quiet), rejection(open)];
    await saml.forget(idpUrl.id);
    expect((await Promise.all(ends)).map(({ code }) => code)).toEqual(["refused", "refused"]);
    expect(saml.held(idpUrl)).toBeUndefined();
    expect(browser.forgotten).toEqual([idpUrl.id]);
  });

  test("the caller's own signal ends a window", async () => {
    const stop = new AbortController();
    const open = saml.inWindow(idpUrl, stop.signal);
    stop.abort(new LeappError("refused", "enough"));
    expect(await rejection(open)).toMatchObject({ code: "refused", message: "enough" });
  });
});

test("no assertion in an error, nor in what JSON makes of a failure", async () => {
  const held: HeldAssertion = saml.accept(idpUrl, fresh());
  const tried = saml.quietly(idpUrl, false);
  browser.starts[0]!.answer.resolve(`${held.response.slice(0, 400)}!`);
  const error = await rejection(tried);
  expect(JSON.stringify(error) + error.line).not.toContain(held.response.slice(0, 40));
});
