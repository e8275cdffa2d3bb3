import { randomUUID } from "node:crypto";
import { checkRegion } from "../../../core/src/aws/regions.ts";
import { normalStartUrl } from "../../../core/src/aws/sso-oidc.ts";
import { LeappError } from "../../../core/src/errors.ts";
import { diffSync } from "../../../core/src/identity/sso-diff.ts";
import type { Integration, SsoRoleSession } from "../../../core/src/model.ts";
import type { Engine } from "../engine.ts";
import type { Handlers } from "../handlers.ts";
import { Audience } from "../prompts.ts";
import type { FieldProblem, IntegrationInput, IntegrationView, SyncProgress } from "../protocol.ts";

type Verbs = Pick<
  Handlers,
  | "integration.list"
  | "integration.add"
  | "integration.edit"
  | "integration.check"
  | "integration.delete"
  | "integration.login"
  | "integration.logout"
  | "integration.sync"
>;

export function integrationHandlers(engine: Engine): Verbs {
  const { state, vault } = engine;
  const signingIn = new Set<string>();
  const problems = new Map<string, NonNullable<IntegrationView["problem"]>>();
  const syncs = new Map<string, { promise: Promise<unknown>; progress: SyncProgress }>();

  async function view(integration: Integration): Promise<IntegrationView> {
    // A vault that is locked hides whether somebody is signed in; it is not opened for a look.
    const open = vault.status().state === "unlocked" || vault.status().kind === "keychain";
    const known = open
      ? await engine
          .sso()
          .status(integration)
          .catch(() => undefined)
      : undefined;
    const sync = syncs.get(integration.id);
    const problem = problems.get(integration.id);
    return {
      ...integration,
      state: signingIn.has(integration.id) ? "signing-in" : known?.signedIn ? "signed-in" : "signed-out",
      ...(known?.expiresAt ? { signedInUntil: new Date(known.expiresAt).toISOString() } : {}),
      sessions: state.sessions.ofIntegration(integration.id).length,
      ...(sync ? { sync: sync.progress } : {}),
      ...(problem ? { problem } : {}),
    };
  }

  function check(
    input: IntegrationInput,
    base?: Integration,
  ): { integration: Integration; problems: FieldProblem[] } {
    const problems: FieldProblem[] = [];
    const integration: Integration = {
      ...(base ?? { id: randomUUID(), type: "sso", region: "", alias: "", startUrl: "" }),
      ...Object.fromEntries(
        Object.entries(input)
          .filter(([key]) => ["alias", "startUrl", "region", "ssoSession", "shareTokens"].includes(key))
          .map(([key, value]) => [key, typeof value === "string" ? value.trim() : value]),
      ),
    };
    if (!integration.ssoSession) delete integration.ssoSession;
    const attempt = (field: string, run: () => void) => {
      try {
        run();
      } catch (thrown) {
        const { message, hint } = LeappError.of(thrown);
        problems.push({ field, message: hint ? `${message}; ${hint}` : message });
      }
    };
    if (integration.alias === "") problems.push({ field: "alias", message: "an integration needs an alias" });
    const other = state.integrations
      .list()
      .find(({ alias }) => alias.toLowerCase() === integration.alias.toLowerCase());
    if (other && other.id !== integration.id)
      problems.push({ field: "alias", message: `there is an integration "${other.alias}" already` });
    attempt("startUrl", () => {
      integration.startUrl = normalStartUrl(integration.startUrl);
    });
    attempt("region", () => checkRegion(integration.region));
    return { integration, problems };
  }

  function refuse(problems: FieldProblem[]): void {
    if (problems.length === 0) return;
    const taken = problems.some(({ message }) => message.includes("already"));
    throw new LeappError(taken ? "conflict" : "invalid", problems.map(({ message }) => message).join("; "));
  }

  const noticesOf = ({ shareTokens }: Integration) =>
    shareTokens ? ["tokens are shared through ~/.aws/sso/cache, which is plain text"] : [];

  /** Whoever waits for a sign-in is told that it was cancelled, before and after its page was opened. */
  function cancelSignIn(id: string): void {
    engine.sso().cancelSignIn(id);
    for (const prompt of engine.prompts.list())
      if (prompt.integrationId === id) engine.prompts.refuse(prompt.id);
  }

  async function sync(integration: Integration, dryRun: boolean, progress: SyncProgress) {
    const found = await engine.sso().listRoles(integration, {
      progress(done, total, estimate) {
        Object.assign(progress, { done, total, estimate });
        engine.emit({ event: "sync-progress", data: { ...progress, integrationId: integration.id } });
      },
    });
    const existing = state.sessions.ofIntegration(integration.id) as SsoRoleSession[];
    const own = new Set(existing.map(({ id }) => id));
    const diff = diffSync(existing, found, integration, {
      region: engine.settings()["default-region"],
      takenNames: state.sessions.list().flatMap(({ id, name }) => (own.has(id) ? [] : [name])),
      newId: randomUUID,
      now: new Date(engine.clock.now()).toISOString(),
    });
    const gone = new Set(diff.remove.map(({ id }) => id));
    const kept = diff.remove.filter(({ id }) =>
      state.sessions.children(id).some((child) => !gone.has(child.id)),
    );
    const remove = diff.remove.filter((session) => !kept.includes(session));
    const notices = kept.map(
      ({ name }) => `${name} is no longer yours, but stays because other sessions are chained from it`,
    );
    if (!dryRun) {
      const profiles = remove.flatMap(({ id }) => engine.started.ofSession(id).map(({ profile }) => profile));
      if (profiles.length > 0)
        notices.push(...(await engine.stopProfiles(profiles, new Audience({ background: true }))));
      state.transaction(() => {
        for (const { id } of remove) state.sessions.delete(id);
        state.sessions.putAll([...diff.update, ...diff.add]);
        state.integrations.put({ ...integration, lastSyncAt: new Date(engine.clock.now()).toISOString() });
      });
      engine.changed("sessions", "integrations", "profiles");
    }
    const names = (some: SsoRoleSession[]) => some.map(({ name }) => name);
    return { added: names(diff.add), updated: names(diff.update), removed: names(remove), notices };
  }

  /** Remembers a failure for the side bar, until the next success. */
  async function watched<T>(id: string, run: () => Promise<T>): Promise<T> {
    try {
      const result = await run();
      problems.delete(id);
      return result;
    } catch (thrown) {
      const error = LeappError.of(thrown);
      if (error.code !== "refused") {
        const at = new Date(engine.clock.now()).toISOString();
        problems.set(id, { code: error.code, message: error.message, at });
      }
      throw thrown;
    } finally {
      engine.changed("integrations");
    }
  }

  return {
    "integration.list": () => Promise.all(state.integrations.list().map(view)),
    "integration.check": ({ integration, replaces }) => ({
      problems: check(integration, replaces ? state.integrations.find(replaces) : undefined).problems,
    }),
    async "integration.add"({ integration: input }) {
      const { integration, problems } = check(input);
      refuse(problems);
      state.integrations.put(integration);
      engine.changed("integrations");
      return { integration: await view(integration), notices: noticesOf(integration) };
    },
    async "integration.edit"({ integration: reference, changes }) {
      const { integration, problems } = check(changes, state.integrations.find(reference));
      refuse(problems);
      state.integrations.put(integration);
      engine.changed("integrations", "sessions");
      return { integration: await view(integration), notices: noticesOf(integration) };
    },
    async "integration.delete"({ integration: reference, force }, call) {
      const integration = state.integrations.find(reference);
      const sessions = state.sessions.ofIntegration(integration.id);
      const own = new Set(sessions.map(({ id }) => id));
      const chained = sessions
        .flatMap(({ id }) => state.sessions.children(id))
        .filter(({ id }) => !own.has(id));
      if (chained.length > 0 && !force) {
        const names = chained.map(({ name }) => name).join(", ");
        throw new LeappError("conflict", `sessions are chained from ${integration.alias}: ${names}`, {
          hint: "use --force to delete them too",
        });
      }
      const gone = [...sessions, ...chained];
      const profiles = gone.flatMap(({ id }) => engine.started.ofSession(id).map(({ profile }) => profile));
      const notices = profiles.length ? await engine.stopProfiles(profiles, call.audience) : [];
      cancelSignIn(integration.id);
      await engine
        .sso()
        .signOut(integration)
        .catch(() => {});
      await engine
        .sso()
        .forget(integration.id)
        .catch(() => {});
      state.transaction(() => {
        for (const { id } of gone.reverse()) state.sessions.delete(id);
        state.integrations.delete(integration.id);
      });
      engine.forget(integration.id);
      engine.changed("integrations", "sessions", "profiles");
      return { deleted: gone.map(({ name }) => name), notices };
    },
    async "integration.login"({ integration: reference, flow }, call) {
      const integration = state.integrations.find(reference);
      await vault.open(call.audience);
      const before = await engine.sso().status(integration);
      if (!before.signedIn) {
        signingIn.add(integration.id);
        engine.changed("integrations");
        try {
          // Where no browser can open, the person gets a code to type elsewhere.
          const how = flow ?? (call.desktop ? undefined : "device");
          await watched(integration.id, () => engine.signIn(integration, call.audience, how));
        } finally {
          signingIn.delete(integration.id);
          engine.changed("integrations");
        }
        engine.forget(integration.id);
      }
      return {
        integration: await view(integration),
        notices: noticesOf(integration),
        ...(before.signedIn ? { already: true } : {}),
      };
    },
    async "integration.logout"({ integration: reference }, call) {
      const integration = state.integrations.find(reference);
      await vault.open(call.audience);
      cancelSignIn(integration.id);
      const { problem } = await engine.sso().signOut(integration);
      engine.forget(integration.id);
      engine.changed("integrations", "sessions");
      const notices = problem ? [`signed out here, but AWS could not be told: ${problem.message}`] : [];
      return { integration: await view(integration), notices };
    },
    async "integration.sync"({ integration: reference, dryRun }, call) {
      const integration = state.integrations.find(reference);
      await vault.open(call.audience);
      if (!(await engine.sso().status(integration)).signedIn)
        await engine.signIn(integration, call.audience, call.desktop ? undefined : "device");
      const running = syncs.get(integration.id);
      if (running && !dryRun) return running.promise as ReturnType<typeof sync>;
      const progress = { done: 0, total: 0 };
      const promise = watched(integration.id, () => sync(integration, dryRun ?? false, progress)).finally(
        () => {
          syncs.delete(integration.id);
          engine.changed("integrations");
        },
      );
      syncs.set(integration.id, { promise, progress });
      return promise;
    },
  };
}
