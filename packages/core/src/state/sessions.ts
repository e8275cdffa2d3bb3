import type { Database } from "../database.ts";
import { LeappError } from "../errors.ts";
import type { Session } from "../model.ts";
import { ambiguous, nameKey, notFound, shortestPrefix } from "./reference.ts";

export interface Sessions {
  /** Ordered by name. */
  list(): Session[];
  count(): number;
  get(id: string): Session | undefined;
  /** Any case. */
  byName(name: string): Session | undefined;
  /**
   * What a person typed: an id, a name in any case, or the first 8 or more characters of an id.
   * @throws LeappError `not-found` with the nearest names as its hint; `conflict` naming the candidates.
   */
  find(reference: string): Session;
  /**
   * Inserts or replaces it, and makes the profiles it names.
   * @throws LeappError `conflict` when another session has the name; `not-found` when its parent, integration or
   * IdP URL is not there.
   */
  put(session: Session): void;
  /** All or none. Sessions may take names over from one another; a parent stands before its children. */
  putAll(sessions: readonly Session[]): void;
  /** @throws LeappError `conflict` while others chain from it or it is started. Does nothing when it is absent. */
  delete(id: string): void;
  /** Sessions that chain from it, directly. */
  children(parentId: string): Session[];
  ofIntegration(integrationId: string): Session[];
  ofIdpUrl(idpUrlId: string): Session[];
}

interface SessionRow {
  id: string;
  name: string;
  type: string;
  region: string;
  created_at: string;
  spec: string;
  /** JSON array. */
  profiles: string;
}

const select = `SELECT id, name, type, region, created_at, spec,
    (SELECT json_group_array(profile ORDER BY position) FROM session_profiles WHERE session_id = id) AS profiles
  FROM sessions`;

export function sessionTable(database: Database): Sessions {
  const all = database.statement<SessionRow>(`${select} ORDER BY name_key`);
  const byId = database.statement<SessionRow>(`${select} WHERE id = ?`);
  const byKey = database.statement<SessionRow>(`${select} WHERE name_key = ?`);
  // The upper end of the range: "~" sorts after everything that an id can hold.
  const byPrefix = database.statement<SessionRow>(`${select} WHERE id BETWEEN ? AND ? || '~' LIMIT 6`);
  const names = database.statement<{ name: string }>("SELECT name FROM sessions");
  const having = (column: string) =>
    database.statement<SessionRow>(`${select} WHERE ${column} = ? ORDER BY name_key`);
  const byParent = having("parent_id");
  const byIntegration = having("integration_id");
  const byIdpUrl = having("idp_url_id");
  const insert = database.statement(`INSERT INTO sessions
      (id, name, name_key, type, region, created_at, parent_id, integration_id, idp_url_id, spec)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET (name, name_key, type, region, created_at, parent_id, integration_id,
      idp_url_id, spec) = (excluded.name, excluded.name_key, excluded.type, excluded.region, excluded.created_at,
      excluded.parent_id, excluded.integration_id, excluded.idp_url_id, excluded.spec)`);
  const giveUpName = database.statement("UPDATE sessions SET name_key = char(0) || id WHERE id = ?");
  const dropProfiles = database.statement("DELETE FROM session_profiles WHERE session_id = ?");
  const addProfile = database.statement("INSERT OR IGNORE INTO profiles VALUES (?)");
  const insertProfile = database.statement("INSERT INTO session_profiles VALUES (?, ?, ?)");
  const activeProfiles = database.statement<{ profile: string }>(
    "SELECT profile FROM active WHERE session_id = ?",
  );
  const remove = database.statement("DELETE FROM sessions WHERE id = ?");

  const one = (row: SessionRow | undefined) => row && toSession(row);

  function write(session: Session): void {
    const holder = byKey.get(nameKey(session.name));
    if (holder && holder.id !== session.id) {
      throw new LeappError("conflict", `there is a session ${JSON.stringify(holder.name)} already`, {
        hint: "choose another name",
      });
    }
    const { id, name, type, region, createdAt, profiles, ...spec } = session;
    const source = sourceOf(session);
    for (const [column, value] of Object.entries(source)) requireRow(database, column, value);
    insert.run(
      id,
      name,
      nameKey(name),
      type,
      region,
      createdAt,
      source.parent_id ?? null,
      source.integration_id ?? null,
      source.idp_url_id ?? null,
      JSON.stringify(spec),
    );
    dropProfiles.run(id);
    for (const [position, profile] of [...new Set(profiles)].entries()) {
      addProfile.run(profile);
      insertProfile.run(id, position, profile);
    }
  }

  return {
    list: () => all.all().map(toSession),
    count: () => database.statement<{ n: number }>("SELECT count(*) AS n FROM sessions").get()?.n ?? 0,
    get: (id) => one(byId.get(id)),
    byName: (name) => one(byKey.get(nameKey(name))),
    find(reference) {
      const exact = byId.get(reference) ?? byKey.get(nameKey(reference));
      if (exact) return toSession(exact);
      const prefix = reference.toLowerCase();
      const some = prefix.length >= shortestPrefix ? byPrefix.all(prefix, prefix) : [];
      if (some.length === 1) return toSession(some[0] as SessionRow);
      if (some.length > 1)
        throw ambiguous(
          "session",
          reference,
          some.map(({ name }) => name),
        );
      throw notFound(
        "session",
        reference,
        names.all().map(({ name }) => name),
      );
    },
    put: (session) => database.transaction(() => write(session)),
    putAll: (sessions) =>
      database.transaction(() => {
        for (const { id } of sessions) giveUpName.run(id);
        for (const session of sessions) write(session);
      }),
    delete: (id) =>
      database.transaction(() => {
        const children = byParent.all(id).map(({ name }) => name);
        if (children.length > 0) {
          throw new LeappError(
            "conflict",
            `other sessions chain from it: ${children.slice(0, 5).join(", ")}`,
            {
              hint: "delete them first, or delete with --force",
            },
          );
        }
        const started = activeProfiles.all(id).map(({ profile }) => profile);
        if (started.length > 0) {
          throw new LeappError("conflict", `the session is started, under ${started.join(", ")}`, {
            hint: "stop it first",
          });
        }
        remove.run(id);
      }),
    children: (parentId) => byParent.all(parentId).map(toSession),
    ofIntegration: (integrationId) => byIntegration.all(integrationId).map(toSession),
    ofIdpUrl: (idpUrlId) => byIdpUrl.all(idpUrlId).map(toSession),
  };
}

function toSession(row: SessionRow): Session {
  const { id, name, type, region, created_at: createdAt } = row;
  const profiles = JSON.parse(row.profiles) as string[];
  return { id, name, type, region, profiles, createdAt, ...JSON.parse(row.spec) } as Session;
}

/** The row that the session's credentials come from, by its column. */
function sourceOf(session: Session): { parent_id?: string; integration_id?: string; idp_url_id?: string } {
  if (session.type === "iam-role-chained") return { parent_id: session.parentId };
  if (session.type === "sso-role") return { integration_id: session.integrationId };
  return session.type === "iam-role-federated" ? { idp_url_id: session.idpUrlId } : {};
}

const sources: Record<string, { table: string; what: string }> = {
  parent_id: { table: "sessions", what: "source session" },
  integration_id: { table: "integrations", what: "integration" },
  idp_url_id: { table: "idp_urls", what: "IdP URL" },
};

function requireRow(database: Database, column: string, id: string): void {
  const source = sources[column] as { table: string; what: string };
  if (database.statement(`SELECT 1 FROM ${source.table} WHERE id = ?`).get(id)) return;
  throw new LeappError("not-found", `the session's ${source.what} does not exist: ${id}`);
}
