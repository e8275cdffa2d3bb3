import { checkRegion, regions } from "../../../core/src/aws/regions.ts";
import { checkDuration } from "../../../core/src/aws/validate.ts";
import { LeappError } from "../../../core/src/errors.ts";
import {
  type CredentialMethod,
  type Credentials,
  defaultSettings,
  type Session,
  type Settings,
} from "../../../core/src/model.ts";
import { type Engine, proxyPasswordRecord } from "../engine.ts";
import type { Handlers } from "../handlers.ts";
import type { Call } from "../server.ts";
import { parseDuration } from "../session-input.ts";
import type { AwsFiles } from "../started.ts";

type Verbs = Pick<
  Handlers,
  | "settings.list"
  | "settings.set"
  | "settings.preview-method"
  | "region.list"
  | "preferences.list"
  | "preferences.set"
>;

const methods = ["credential-process-method", "credential-file-method"] as const;
const invalid = (message: string, hint?: string) => new LeappError("invalid", message, { hint });

function oneOf<T extends string>(...values: readonly T[]) {
  return (value: string): T => {
    if ((values as readonly string[]).includes(value)) return value as T;
    throw invalid(`"${value}" is not a choice here`, `one of: ${values.join(", ")}`);
  };
}

function between(least: number, most: number) {
  return (value: string): number => {
    const number = Number(value);
    if (Number.isInteger(number) && number >= least && number <= most) return number;
    throw invalid(`"${value}" is not a number from ${least} to ${most}`);
  };
}

function url(value: string): string {
  if (value === "" || (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol))) return value;
  throw invalid(`"${value}" is not an address`, "give one like https://host:port, or nothing");
}

function withoutPassword(address: string): string {
  if (address === "" || !new URL(address).password) return address;
  const bare = new URL(address);
  bare.password = "";
  return bare.href.replace(/\/$/, "");
}

function duration(kind: "session-token" | "role") {
  return (value: string): number => {
    const seconds = parseDuration(value);
    checkDuration(kind, seconds);
    return seconds;
  };
}

const readers: { [K in keyof Settings]: (value: string) => Settings[K] } = {
  "default-region": checkRegion,
  "credential-method": oneOf(...methods),
  "iam-user-duration": duration("session-token"),
  "role-duration": duration("role"),
  proxy: (value) => withoutPassword(url(value)),
  "no-proxy": (value) => value,
  "ca-bundle": (value) => value,
  "endpoint-url": url,
  "endpoint-url-sts": url,
  "endpoint-url-sso": url,
  "endpoint-url-sso-oidc": url,
  "prompt-timeout": between(5, 55),
  "lock-after": between(0, 10_080),
  theme: oneOf("system", "light", "dark"),
  notifications: (value) => oneOf("true", "false")(value) === "true",
};

const plainTextWarning = "temporary keys are now written to the credentials file in plain text";
const commandWarning = "the leapp command line must stay installed: every tool now calls it for credentials";

export function settingHandlers(engine: Engine): Verbs {
  const { state, vault } = engine;

  /** Sessions whose profiles are written by the other method, with where they are written. */
  function toMove(method: CredentialMethod) {
    const moves = new Map<string, { session: Session; profiles: string[]; files: AwsFiles }>();
    for (const row of engine.started.list()) {
      const session = row.phase === "started" && row.method !== method && state.sessions.get(row.sessionId);
      if (!session) continue;
      const key = `${row.sessionId}\n${row.files.config}\n${row.files.credentials}`;
      const move = moves.get(key) ?? { session, profiles: [], files: row.files };
      move.profiles.push(row.profile);
      moves.set(key, move);
    }
    return [...moves.values()];
  }

  /** Every started profile moves to the other method, or none does. */
  async function move(method: CredentialMethod, call: Call): Promise<string[]> {
    const moves = toMove(method);
    const credentials = new Map<Session, Credentials>();
    const failed: string[] = [];
    if (method === "credential-file-method") {
      await Promise.all(
        moves.map(async ({ session }) => {
          try {
            credentials.set(
              session,
              await engine.credentials(session, { audience: call.audience, explicit: true }),
            );
          } catch (thrown) {
            failed.push(`${session.name} (${LeappError.of(thrown).message})`);
          }
        }),
      );
    }
    if (failed.length > 0)
      throw new LeappError(
        "conflict",
        `no credentials could be had for ${failed.join(", ")}; nothing was changed`,
        {
          hint: "stop these sessions first",
        },
      );
    const notices: string[] = [];
    const byFiles = Map.groupBy(moves, ({ files }) => `${files.config}\n${files.credentials}`);
    for (const group of byFiles.values()) {
      const starts = group.map(({ session, profiles }) => ({
        session,
        profiles,
        credentials: credentials.get(session),
      }));
      notices.push(...(await engine.startAll(starts, { files: group[0]!.files, method }, call.audience)));
    }
    return notices;
  }

  /** The database holds no secret: a proxy's password goes into the vault. */
  async function keepPassword(proxy: string, call: Call): Promise<void> {
    const password = proxy && new URL(proxy).password;
    if (!password && vault.status().state === "absent") return;
    const secrets = vault.secrets(call.audience);
    if (password) await secrets.set(proxyPasswordRecord, decodeURIComponent(password));
    else await secrets.delete(proxyPasswordRecord);
  }

  return {
    "settings.list": () => engine.settings(),
    async "settings.set"({ key, value }, call) {
      if (!Object.hasOwn(defaultSettings, key)) {
        throw new LeappError("not-found", `there is no setting "${key}"`, {
          hint: `one of: ${Object.keys(defaultSettings).join(", ")}`,
        });
      }
      const name = key as keyof Settings;
      const given = value.trim();
      const read = readers[name](given);
      const notices: string[] = [];
      if (name === "proxy") await keepPassword(given, call);
      if (name === "credential-method") {
        notices.push(...(await move(read as CredentialMethod, call)));
        notices.push(read === "credential-process-method" ? commandWarning : plainTextWarning);
      }
      state.settings.set(name, read as never);
      engine.changed("settings", "sessions");
      return { settings: engine.settings(), notices };
    },
    "settings.preview-method": ({ method }) => {
      const to = oneOf(...methods)(method);
      const lines = toMove(to).flatMap(({ session, profiles, files }) =>
        profiles.map((profile) =>
          to === "credential-process-method"
            ? `[${profile}] ${session.name}: credential_process into ${files.config}, keys out of ${files.credentials}`
            : `[${profile}] ${session.name}: keys into ${files.credentials}, credential_process out of ${files.config}`,
        ),
      );
      return { lines };
    },
    "region.list": () => regions(),
    "preferences.list": () => state.preferences.list(),
    "preferences.set": ({ key, value }) => {
      if (value !== null && value.length > 65_536) throw invalid("a preference holds at most 64 KiB");
      state.preferences.set(key, value);
      engine.changed("preferences");
      return null;
    },
  };
}
