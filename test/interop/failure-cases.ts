/** Cases in which we cannot answer: what the caller gets to see, and how long it takes. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import type { ErrorCode } from "../../packages/core/src/errors.ts";
import { attachApp, type Scene } from "./scene.ts";

export interface FailureCase {
  number: number;
  title: string;
  code: ErrorCode;
  says: RegExp;
  /** Milliseconds until `session generate` has failed; 4,000 when absent. */
  within?: number;
  /** Of the consumers and of the call by hand. */
  env?: (scene: Scene) => Record<string, string>;
  /** Adds the session. A role reached from the user when absent. */
  add?: (scene: Scene, name: string) => Promise<string>;
  /** Makes it fail. @returns what puts it right again. */
  spoil?: (scene: Scene) => Promise<() => unknown>;
}

/** Whose failures nobody shares. */
const fresh: FailureCase["add"] = (scene, name) => scene.addUser(name);
const careful: FailureCase["add"] = (scene, name) => scene.addUser(name, { mfa: true });

export const failureCases: FailureCase[] = [
  {
    number: 31,
    title: "an MFA code is needed and nobody can be asked",
    code: "mfa-needed",
    says: /MFA code.*leapp session start/,
    add: careful,
  },
  {
    number: 32,
    title: "the person refuses",
    code: "refused",
    says: /refused|cancelled/,
    add: careful,
    async spoil({ leapp }) {
      const app = await attachApp(leapp, ({ id }, app) => void app.call("prompt.refuse", { id }));
      return () => app.close();
    },
  },
  {
    number: 33,
    title: "no agent, and none can start",
    code: "agent-unavailable",
    says: /agent/,
    env: ({ leapp }) => ({ LEAPP_HOME: join(leapp.folder, "broken") }),
    async spoil({ leapp }) {
      const home = join(leapp.folder, "broken");
      mkdirSync(home, { mode: 0o700 });
      writeFileSync(join(home, "state.db"), "no database");
      return () => rmSync(home, { recursive: true });
    },
  },
  {
    number: 34,
    title: "the vault is locked",
    code: "vault-locked",
    says: /locked.*leapp vault unlock/,
    async spoil({ leapp }) {
      const file = leapp.env.LEAPP_VAULT_PASSPHRASE_FILE!;
      await leapp.leapp(["vault", "lock"]);
      renameSync(file, `${file}.away`);
      return async () => {
        renameSync(`${file}.away`, file);
        await leapp.leapp(["vault", "unlock"]);
      };
    },
  },
  {
    number: 35,
    title: "STS says AccessDenied",
    code: "access-denied",
    says: /not authorized|denied|refuse/i,
    async add(scene, name) {
      const role = scene.sandbox.addRole({ accountId: "444455556666", name, trust: { principals: [] } });
      return scene.add(name, ["--role-arn", role]);
    },
  },
  {
    number: 38,
    title: "network down, nothing left",
    code: "network",
    says: /reach|connect|network/,
    add: fresh,
    async spoil({ sandbox }) {
      for (const action of ["AssumeRole", "GetSessionToken"])
        sandbox.fail({ action, kind: "cut", times: 10_000 });
      return () => sandbox.reset();
    },
  },
  {
    number: 38,
    title: "the network swallows everything, nothing left",
    code: "timed-out",
    says: /in time|within|answer/,
    add: fresh,
    async spoil({ sandbox }) {
      for (const action of ["AssumeRole", "GetSessionToken"])
        sandbox.fail({ action, kind: "hang", times: 10_000 });
      return () => sandbox.reset();
    },
  },
  {
    number: 39,
    title: "the session is not known any more",
    code: "not-found",
    says: /session/,
    async add(scene, name) {
      const id = await scene.add(name);
      await scene.leapp.leapp(["session", "delete", id, "--force"]);
      return id;
    },
  },
  {
    number: 42,
    title: "an approval that does not come: we end before Go does",
    code: "timed-out",
    says: /nobody answered|no credentials within/,
    within: 8_000,
    add: careful,
    async spoil({ leapp }) {
      const standard = JSON.parse(await leapp.leapp(["settings", "get", "prompt-timeout", "--json"]));
      expect(JSON.stringify(standard)).toContain("50");
      await leapp.leapp(["settings", "set", "prompt-timeout", "5"]);
      const app = await attachApp(leapp, () => {});
      return async () => {
        app.close();
        await leapp.leapp(["settings", "set", "prompt-timeout", "50"]);
      };
    },
  },
  {
    number: 43,
    title: "several failures within 5 s: one question",
    code: "refused",
    says: /refused|cancelled/,
    add: careful,
    async spoil({ leapp }) {
      const asked: number[] = [];
      const app = await attachApp(leapp, ({ id }, app) => {
        asked.push(performance.now());
        void app.call("prompt.refuse", { id });
      });
      return () => {
        app.close();
        expect(asked).not.toEqual([]);
        // A slow machine may not get through all consumers in that time.
        for (const [i, at] of asked.entries()) if (i > 0) expect(at - asked[i - 1]!).toBeGreaterThan(4_900);
      };
    },
  },
];
