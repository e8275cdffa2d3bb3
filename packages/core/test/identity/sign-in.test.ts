import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { request } from "node:http";
import { networkInterfaces } from "node:os";
import { connect } from "node:net";
import { completeSignIn } from "../../../sandbox/src/sign-in.ts";
import { failureOf, promptDouble, startWorld, until, type World } from "./world.ts";

const minute = 60_000;
let world: World;
beforeEach(async () => {
  world = await startWorld({ accounts: 2, rolesPerAccount: 2 });
});
afterEach(() => world.stop());

/** The loopback address that a sign-in URL leads back to. */
const callbackOf = (url: string) => new URL(new URL(url).searchParams.get("redirect_uri")!);

/** One plain request, with whatever headers. */
function get(
  url: URL,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request(url, { headers, method }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text) => (body += text));
      response.on("end", () => resolve({ status: response.statusCode!, body }));
    })
      .on("error", reject)
      .end();
  });
}

function reaches(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 500 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .on("connect", () => end(true))
      .on("error", () => end(false))
      .on("timeout", () => end(false));
  });
}

describe("code with PKCE", () => {
  test("signs in, keeps the tokens in the vault, and registers once", async () => {
    const { show, shown } = promptDouble();
    const status = await world.sso.signIn(world.integration, { show });
    expect(status).toEqual({ signedIn: true, renews: true, expiresAt: expect.any(Number) });
    expect(Math.abs(status.expiresAt! - world.clock.now() - 60 * minute)).toBeLessThan(5000);
    expect((await shown).url).toBe(world.opened[0]!);
    expect(new URL(world.opened[0]!).searchParams.get("code_challenge_method")).toBe("S256");
    expect([...world.secrets.records.keys()].sort()).toEqual(["sso/i1/client/pkce", "sso/i1/tokens"]);

    await world.signIn();
    expect(world.sandbox.calls("RegisterClient")).toBe(1);
    world.advance(90 * 24 * 60 * minute);
    await world.signIn();
    expect(world.sandbox.calls("RegisterClient")).toBe(2);
    // Every sign-in has a state, a challenge and a port of its own.
    const states = world.opened.map((url) => new URL(url).searchParams.get("state"));
    expect(new Set(states).size).toBe(3);
  });

  test("a registration belongs to one start url and region", async () => {
    await world.signIn();
    const other = world.sandbox.seedOrganisation({ startUrl: "https://other.example/start" });
    world.browse = (url) => completeSignIn(url, other);
    await world.sso.signIn({ ...world.integration, startUrl: other.startUrl }, { show() {} });
    expect(world.sandbox.calls("RegisterClient")).toBe(2);
  });

  test("only the answer to our own question counts, on 127.0.0.1, once", async () => {
    world.browse = () => {};
    const { show, shown } = promptDouble();
    const signedIn = world.sso.signIn(world.integration, { show });
    const { url } = await shown;
    const callback = callbackOf(url);
    const state = new URL(url).searchParams.get("state")!;
    const port = Number(callback.port);

    for (const { address } of Object.values(networkInterfaces()).flatMap((all) => all ?? [])) {
      expect(await reaches(address, port), address).toBe(address === "127.0.0.1");
    }
    const at = (query: string, path = "/oauth/callback") => new URL(`${path}?${query}`, callback);
    expect((await get(at("", "/favicon.ico"))).status).toBe(404);
    expect((await get(at("code=x"))).status).toBe(400);
    expect((await get(at(`code=x&state=${"0".repeat(state.length)}`))).status).toBe(400);
    expect((await get(at(`code=x&state=${state}`), { host: `rebound.example:${port}` })).status).toBe(400);
    expect((await get(at(`code=x&state=${state}`), {}, "POST")).status).toBe(400);
    expect(world.sandbox.calls("CreateToken")).toBe(0);

    const end = await completeSignIn(url, world.person);
    expect(end.status).toBe(200);
    expect(end.body).toContain("You are signed in");
    expect(end.body).not.toContain("<script");
    await signedIn;
    expect(await reaches("127.0.0.1", port)).toBe(false);
  });

  test("the person refuses on the page", async () => {
    const pages: Promise<{ body: string }>[] = [];
    world.browse = (url) => pages.push(completeSignIn(url, world.person, "deny"));
    const error = await failureOf(world.sso.signIn(world.integration, { show() {} }));
    expect([error.code, error.message]).toEqual(["refused", "the sign-in was refused in the browser"]);
    expect((await pages[0]!).body).toContain("The sign-in failed");
    expect(world.secrets.records.has("sso/i1/tokens")).toBe(false);
  });

  test("two at once are one sign-in; who leaves does not end it for the other", async () => {
    world.browse = () => {};
    const [first, second] = [promptDouble(), promptDouble()];
    const leaves = new AbortController();
    const one = world.sso.signIn(world.integration, { show: first.show, signal: leaves.signal });
    const prompt = await first.shown;
    const two = world.sso.signIn(world.integration, { show: second.show });
    expect(await second.shown).toEqual(prompt);
    leaves.abort();
    expect((await failureOf(one)).code).toBe("refused");
    await completeSignIn(prompt.url, world.person);
    expect((await two).signedIn).toBe(true);
    expect(world.opened.length).toBe(1);
    expect(world.sandbox.calls("CreateToken")).toBe(1);
  });

  test("ends when the last caller leaves, or when cancelled from elsewhere", async () => {
    world.browse = () => {};
    for (const end of ["leave", "cancel"]) {
      const { show, shown } = promptDouble();
      const leaves = new AbortController();
      const signedIn = world.sso.signIn(world.integration, { show, signal: leaves.signal });
      signedIn.catch(() => {});
      const port = Number(callbackOf((await shown).url).port);
      if (end === "leave") leaves.abort();
      else expect(world.sso.cancelSignIn("i1")).toBe(true);
      expect((await failureOf(signedIn)).message).toBe("the sign-in was cancelled");
      expect(await reaches("127.0.0.1", port)).toBe(false);
    }
    expect(world.sso.cancelSignIn("i1")).toBe(false);
    world.browse = (url) => completeSignIn(url, world.person);
    await world.signIn();
  });

  test("10 minutes, then it is over, and the next one registers anew", async () => {
    world.browse = () => {};
    const { show, shown } = promptDouble();
    const signedIn = world.sso.signIn(world.integration, { show });
    signedIn.catch(() => {});
    const { url, expiresAt } = await shown;
    expect(expiresAt - world.clock.now()).toBeLessThanOrEqual(10 * minute);
    world.advance(10 * minute);
    const error = await failureOf(signedIn);
    expect([error.code, error.message]).toEqual([
      "timed-out",
      "the sign-in to acme was not finished in 10 minutes",
    ]);
    expect(await reaches("127.0.0.1", Number(callbackOf(url).port))).toBe(false);
    world.browse = (opened) => completeSignIn(opened, world.person);
    await world.signIn();
    expect(world.sandbox.calls("RegisterClient")).toBe(2);
  });

  test("a wrong start url is said by aws, before any browser opens", async () => {
    const wrong = { ...world.integration, startUrl: "https://nobody.example/start" };
    const error = await failureOf(world.sso.signIn(wrong, { show() {} }));
    expect([error.code, error.message]).toEqual([
      "invalid",
      "iam identity center refused the request: Invalid issuer URL",
    ]);
    expect(world.opened).toEqual([]);
  });
});

describe("device code", () => {
  /** Starts one, and gives the prompt. */
  async function start(flow?: "device") {
    const { show, shown } = promptDouble();
    const signedIn = world.sso.signIn(world.integration, { ...(flow && { flow }), show });
    signedIn.catch(() => {});
    return { signedIn, prompt: await shown };
  }

  test("where no browser opens: url, code and warning are shown, and approval ends it", async () => {
    world.browse = null;
    const { signedIn, prompt } = await start();
    expect(prompt.userCode).toMatch(/^[A-Z]{4}-[A-Z]{4}$/);
    expect(prompt.url).toContain(prompt.userCode!);
    expect(prompt.warning).toContain("only if you asked for it yourself");
    // Pending at first.
    await until(() => world.clock.waiting() === 2);
    world.advance(1000);
    await until(() => world.sandbox.calls("CreateToken") === 1);
    await completeSignIn(prompt.url, world.person);
    await until(() => world.clock.waiting() === 2);
    world.advance(1000);
    expect((await signedIn).renews).toBe(true);
    expect([...world.secrets.records.keys()].sort()).toEqual([
      "sso/i1/client/device",
      "sso/i1/client/pkce",
      "sso/i1/tokens",
    ]);
  });

  test("asked for, no browser is touched", async () => {
    const { signedIn, prompt } = await start("device");
    await completeSignIn(prompt.url, world.person);
    world.advance(1000);
    await signedIn;
    expect(world.opened).toEqual([]);
  });

  test("slows down when told", async () => {
    const { signedIn, prompt } = await start("device");
    const refusals = () =>
      world.sandbox.requests().flatMap(({ action, error }) => (action === "CreateToken" ? [error] : []));
    world.advance(1000);
    await until(() => refusals().length === 1 && world.clock.waiting() === 2);
    world.advanceOurs(1000);
    await until(() => refusals().length === 2 && world.clock.waiting() === 2);
    expect(refusals()).toEqual(["AuthorizationPendingException", "SlowDownException"]);
    await completeSignIn(prompt.url, world.person);
    world.advance(5000);
    expect(refusals().length).toBe(2);
    world.advance(1000);
    await signedIn;
    expect(refusals().length).toBe(3);
  });

  test("denied, and never answered", async () => {
    const denied = await start("device");
    await completeSignIn(denied.prompt.url, world.person, "deny");
    world.advance(1000);
    expect((await failureOf(denied.signedIn)).code).toBe("refused");

    const ignored = await start("device");
    world.advance(10 * minute);
    expect((await failureOf(ignored.signedIn)).code).toBe("timed-out");
  });

  test("goes on polling over cut connections, faults and throttles", async () => {
    const { signedIn, prompt } = await start("device");
    for (const kind of ["cut", "500", "429"] as const) world.sandbox.fail({ action: "CreateToken", kind });
    await completeSignIn(prompt.url, world.person);
    for (let polls = 1; polls <= 4; polls += 1) {
      await until(() => world.clock.waiting() === 2);
      world.advance(30_000);
      await until(() => world.sandbox.calls("CreateToken") === polls);
    }
    expect((await signedIn).signedIn).toBe(true);
  });

  test("a registration that the server forgot is replaced once", async () => {
    const { startUrl, region } = world.integration;
    const bogus = {
      clientId: "gone",
      clientSecret: "gone",
      expiresAt: world.clock.now() + 1e9,
      startUrl,
      region,
    };
    world.secrets.records.set("sso/i1/client/device", JSON.stringify(bogus));
    const { signedIn, prompt } = await start("device");
    await completeSignIn(prompt.url, world.person);
    world.advance(1000);
    await signedIn;
    expect(world.sandbox.calls("RegisterClient")).toBe(1);
  });
});

describe("the network cut at each step: said plainly, nothing kept, the next one works", () => {
  for (const [flow, action] of [
    ["pkce", "RegisterClient"],
    ["pkce", "CreateToken"],
    ["device", "RegisterClient"],
    ["device", "StartDeviceAuthorization"],
  ] as const) {
    for (const kind of ["cut", "cut-after", "500", "429"] as const) {
      test(`${flow}, ${action}, ${kind}`, async () => {
        world.sandbox.fail({ action, kind });
        const error = await failureOf(world.sso.signIn(world.integration, { flow, show() {} }));
        expect(error.code).toBe(kind.startsWith("cut") ? "network" : "aws-unavailable");
        expect(world.secrets.records.has("sso/i1/tokens")).toBe(false);
        expect(world.clock.waiting()).toBe(0);
        await world.signIn();
      });
    }
  }
});
