import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { shortDuration } from "../../../core/src/aws/validate.ts";
import { checkProfileName, shadows } from "../../../core/src/aws-config/names.ts";
import { keysRecord, sessionTokenRecord } from "../../../core/src/credentials/iam-user.ts";
import { requestOf } from "../../../core/src/credentials/request.ts";
import {
  consoleDestination,
  consoleUrl,
  federationEndpoint,
  readSigninToken,
  signinTokenForm,
} from "../../../core/src/delivery/console-url.ts";
import { type ErrorCode, LeappError } from "../../../core/src/errors.ts";
import type { Credentials, Session } from "../../../core/src/model.ts";
import type { Engine } from "../engine.ts";
import type { Handlers } from "../handlers.ts";
import type { FieldProblem, SecretInput, SessionInput } from "../protocol.ts";
import type { Call } from "../server.ts";
import { type InputContext, readSecrets, readSessionInput, sessionType } from "../session-input.ts";

type Verbs = Pick<
  Handlers,
  | "session.list"
  | "session.show"
  | "session.add"
  | "session.edit"
  | "session.check"
  | "session.test"
  | "session.delete"
  | "session.start"
  | "session.stop"
  | "session.identity"
  | "session.config-entry"
  | "credentials.generate"
  | "credentials.console-url"
>;

export function sessionHandlers(engine: Engine): Verbs {
  const { state, vault } = engine;

  const context: InputContext = {
    findSession: (reference) => engine.session(reference),
    findIdpUrl: (reference) => {
      const found = state.idpUrls.list().find(({ id, url }) => id === reference || url === reference);
      if (!found) throw new LeappError("not-found", `there is no identity provider "${reference}"`);
      return found;
    },
  };

  /** Everything that is wrong with a form, and the session it would make. */
  function check(input: Partial<SessionInput>, secrets: SecretInput | undefined, base?: Session) {
    const type = base?.type ?? sessionType(String(input.type ?? ""));
    if (!base && type === "sso-role") {
      throw new LeappError("invalid", "sessions of type sso-role are made by a sync", {
        hint: "run: leapp integration sync NAME",
      });
    }
    const start = base ?? {
      id: randomUUID(),
      createdAt: new Date(engine.clock.now()).toISOString(),
      region: engine.settings()["default-region"],
      profiles: ["default"],
      ...(type === "localstack" ? { endpointUrl: "http://localhost:4566" } : {}),
    };
    const { fields, problems } = readSessionInput(input, start, type, context);
    const session = fields as unknown as Session;
    const given = readSecrets(secrets);
    const wantsKeys = type === "iam-user" && (!base || secrets?.accessKeyId || secrets?.secretAccessKey);
    if (wantsKeys) problems.push(...given.problems);
    if (session.name) {
      const other = state.sessions.byName(session.name);
      if (other && other.id !== session.id)
        problems.push({ field: "name", message: `there is a session named "${other.name}" already` });
    }
    if (problems.length === 0) {
      // A cycle, or an MFA device without an IAM user: seen only in the whole.
      try {
        requestOf(session, engine.requestContext(session));
      } catch (thrown) {
        const { code, message } = LeappError.of(thrown);
        problems.push({ field: "parentId", message });
        return { session, keys: undefined, problems, code };
      }
    }
    const taken = problems.some(({ field, message }) => field === "name" && message.includes("already"));
    const code: ErrorCode = taken ? "conflict" : "invalid";
    return { session, keys: wantsKeys ? given.keys : undefined, problems, code };
  }

  function refuse({ problems, code }: { problems: FieldProblem[]; code: ErrorCode }): void {
    if (problems.length > 0) throw new LeappError(code, problems.map(({ message }) => message).join("; "));
  }

  function noticesOf(session: Session): string[] {
    const lines = session.profiles.flatMap((name) => checkProfileName(name));
    const seconds = "durationSeconds" in session ? session.durationSeconds : undefined;
    if (seconds !== undefined && seconds < shortDuration) {
      lines.push(
        `${seconds} s is short: boto3, the aws cli and .net ask again for every request below 15 minutes; take 1800 or more`,
      );
    }
    return lines;
  }

  async function storeKeys(session: Session, keys: object, call: Call): Promise<void> {
    const secrets = vault.secrets(call.audience);
    await secrets.set(keysRecord(session.id), JSON.stringify(keys));
    engine.forget(session.id);
  }

  /** Static keys and variables that would win over the profile. */
  function shadowing(profiles: string[], call: Call): string[] {
    const files = engine.files(call);
    const env = Object.fromEntries(call.variables.map((name) => [name, "set"]));
    const read = (file: string) => {
      try {
        return readFileSync(file);
      } catch {
        return undefined;
      }
    };
    const [config, credentials] = [read(files.config), read(files.credentials)];
    return profiles.flatMap((profile) => {
      const own = engine.started.ofProfile(profile)?.method === "credential-file-method";
      return shadows(config, own ? undefined : credentials, profile, env);
    });
  }

  const identity = (session: Session, credentials: Credentials) =>
    engine.sts().getCallerIdentity({
      keys: credentials,
      region: session.region,
      ...(session.type === "localstack" ? { endpoint: session.endpointUrl } : {}),
    });

  async function start(session: Session, profiles: string[], replace: boolean, call: Call) {
    for (const name of profiles) checkProfileName(name);
    const settings = engine.settings();
    const already = profiles.every((profile) => {
      const row = engine.started.ofProfile(profile);
      return (
        row?.sessionId === session.id &&
        row.phase === "started" &&
        row.method === settings["credential-method"]
      );
    });
    const shadowed = replace ? [] : shadowing(profiles, call);
    const notices = await engine.startOne(session, profiles, replace, call);
    const names = profiles.flatMap((name) => checkProfileName(name));
    return {
      session: engine.view(session),
      notices: [...new Set([...notices, ...names, ...shadowed])],
      ...(already ? { already } : {}),
    };
  }

  /** The session, then everything that is chained from it. */
  function withDescendants(session: Session): Session[] {
    const all = [session];
    for (const one of all)
      for (const child of state.sessions.children(one.id))
        if (!all.some(({ id }) => id === child.id)) all.push(child);
    return all;
  }

  return {
    "session.list": () => engine.views(),
    "session.show": ({ session }) => engine.view(engine.session(session)),
    "session.check": ({ session, secrets, replaces }) => {
      try {
        return {
          problems: check(session, secrets, replaces ? engine.session(replaces) : undefined).problems,
        };
      } catch (thrown) {
        const error = LeappError.of(thrown);
        if (error.code !== "invalid") throw error;
        return { problems: [{ field: "type", message: error.message }] };
      }
    },
    async "session.add"({ session: given, secrets }, call) {
      const checked = check(given, secrets);
      refuse(checked);
      const { session, keys } = checked;
      if (keys) await storeKeys(session, keys, call);
      state.sessions.put(session);
      engine.changed("sessions", "profiles");
      return { session: engine.view(session), notices: noticesOf(session) };
    },
    async "session.edit"({ session: reference, changes, secrets }, call) {
      const before = engine.session(reference);
      if (changes.type !== undefined && sessionType(String(changes.type)) !== before.type)
        throw new LeappError("invalid", "the type of a session cannot be changed", {
          hint: "add a new session",
        });
      const checked = check(changes, secrets, before);
      refuse(checked);
      const { session, keys } = checked;
      if (keys) {
        await vault.secrets(call.audience).delete(sessionTokenRecord(session.id));
        await storeKeys(session, keys, call);
      }
      const rows = engine.started.ofSession(session.id);
      state.sessions.put(session);
      engine.changed("sessions", "profiles");
      const notices = noticesOf(session);
      const moved = before.profiles.join("\n") !== session.profiles.join("\n");
      const restart =
        moved || before.region !== session.region || rows[0]?.method === "credential-file-method";
      if (rows.length > 0 && (restart || endpointOf(before) !== endpointOf(session))) {
        try {
          notices.push(
            ...(await engine.startOne(
              session,
              moved ? session.profiles : rows.map((row) => row.profile),
              false,
              call,
            )),
          );
        } catch (error) {
          state.sessions.put(before);
          engine.changed("sessions");
          throw error;
        }
      }
      return { session: engine.view(session), notices };
    },
    async "session.delete"({ session: reference, force }, call) {
      const session = engine.session(reference);
      const [, ...children] = withDescendants(session);
      if (children.length > 0 && !force) {
        const names = children.map(({ name }) => name).join(", ");
        throw new LeappError("conflict", `other sessions are chained from ${session.name}: ${names}`, {
          hint: "use --force to delete them too",
        });
      }
      const gone = [session, ...children];
      const rows = gone.flatMap(({ id }) => engine.started.ofSession(id));
      const notices = rows.length
        ? await engine.stopProfiles(
            rows.map(({ profile }) => profile),
            call.audience,
          )
        : [];
      // The secrets first: a kill in between leaves a session without keys, never keys without a session.
      if (gone.some(({ type }) => type === "iam-user") && vault.status().state !== "absent") {
        const secrets = vault.secrets(call.audience);
        for (const { id } of gone) {
          await secrets.delete(keysRecord(id));
          await secrets.delete(sessionTokenRecord(id));
        }
      }
      state.transaction(() => {
        for (const { id } of gone.reverse()) state.sessions.delete(id);
      });
      for (const { id } of gone) engine.forget(id);
      engine.changed("sessions", "profiles");
      return { deleted: gone.map(({ name }) => name), notices };
    },
    "session.start": ({ session: reference, profiles, replace }, call) => {
      const session = engine.session(reference);
      return start(session, profiles?.length ? profiles : session.profiles, replace ?? false, call);
    },
    async "session.stop"({ session: reference }, call) {
      const session = engine.session(reference);
      const rows = engine.started.ofSession(session.id);
      const notices = await engine.stopProfiles(
        rows.map(({ profile }) => profile),
        call.audience,
      );
      return { session: engine.view(session), notices, ...(rows.length === 0 ? { already: true } : {}) };
    },
    async "session.identity"({ session: reference }, call) {
      const session = engine.session(reference);
      return identity(
        session,
        await engine.credentials(session, { audience: call.audience, explicit: true }),
      );
    },
    async "session.test"({ session: given, secrets, replaces }, call) {
      const checked = check(given, secrets, replaces ? engine.session(replaces) : undefined);
      refuse(checked);
      const { session, keys } = checked;
      return identity(session, await engine.tryOut(session, keys, call.audience));
    },
    async "credentials.console-url"({ session: reference, open }, call) {
      const session = engine.session(reference);
      if (session.type === "iam-user" || session.type === "localstack")
        throw new LeappError("invalid", "the web console opens for roles only", {
          hint: `add a role reached from ${session.name} and open that one`,
        });
      const credentials = await engine.credentials(session, { audience: call.audience, explicit: true });
      const endpoint = federationEndpoint(
        session.region,
        engine.settings()["endpoint-url"] || engine.env.AWS_ENDPOINT_URL,
      );
      const { status, body } = await engine.wire().fetch(endpoint, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: signinTokenForm(credentials),
      });
      if (status !== 200)
        throw new LeappError("access-denied", `AWS gives no sign-in for the web console (status ${status})`);
      const url = consoleUrl(endpoint, readSigninToken(body), consoleDestination(session.region));
      engine.record({ method: "console-url", session, credentials, call });
      if (!open) return { url };
      if (!(await engine.browser.open(url)))
        throw new LeappError("refused", "no browser can be opened from here", { hint: "use --print" });
      return {};
    },
    "session.config-entry": ({ session: reference }) => {
      const session = engine.session(reference);
      const keys = engine.configKeys(session, engine.settings()["credential-method"]);
      const text = session.profiles.map((profile) => {
        const header =
          profile === "default" ? "default" : `profile ${/\s/.test(profile) ? `"${profile}"` : profile}`;
        return [`[${header}]`, ...keys.map(([name, value]) => `${name}=${value}`), ""].join("\n");
      });
      return { text: text.join("\n") };
    },
    "credentials.generate": async ({ session }, call) => ({ line: await engine.generate(session, call) }),
  };
}

const endpointOf = (session: Session) => (session.type === "localstack" ? session.endpointUrl : undefined);
