/** What stands in the person's own `~/.aws` and could become ours. Reads only; nothing secret in a candidate. */
import { type AwsFileKind, type AwsSection, decode, parseAwsFile } from "../aws-config/parse.ts";
import type { SessionType } from "../model.ts";

export interface Found {
  kind: "integration" | SessionType;
  /** Of the profile or the sso-session. */
  name: string;
  /** For people: account, role, start URL. */
  detail: string;
  /** File and section. */
  origin: string;
  /** Fields of the session or the integration; `parent` is the name of another one found. */
  fields: Record<string, string>;
  /** The keys of an IAM user; for the vault alone. */
  keys?: { accessKeyId: string; secretAccessKey: string };
}

type Keys = Record<string, string>;

/**
 * Sign-ins, IAM users, roles and foreign processes of both files, sources before what is chained from them.
 * Profiles of ours are left out, and so is what has no meaning without its source.
 */
export function scanAwsFiles(config: Uint8Array | undefined, credentials: Uint8Array | undefined): Found[] {
  const profiles = new Map<string, { keys: Keys; origins: string[] }>();
  const found: Found[] = [];
  const startUrls = new Set<string>();

  const read = (bytes: Uint8Array | undefined, kind: AwsFileKind) => {
    for (const section of bytes ? parseAwsFile(bytes, kind).sections : []) {
      const keys: Keys = Object.fromEntries(section.keys.map(({ name, value }) => [name, decode(value)]));
      const origin = `${kind === "config" ? "config" : "credentials"} file, [${decode(section.header)}]`;
      if (section.kind === "sso-session") integration(sessionName(section), keys, origin);
      if (section.profile === undefined) continue;
      const profile = profiles.get(section.profile) ?? { keys: {}, origins: [] };
      // The credentials file wins over the config file, as in the SDKs.
      profiles.set(section.profile, {
        keys: { ...profile.keys, ...keys },
        origins: [...profile.origins, origin],
      });
    }
  };

  function integration(name: string, keys: Keys, origin: string): void {
    const { sso_start_url: startUrl, sso_region: region } = keys;
    if (!startUrl || !region || startUrls.has(startUrl)) return;
    startUrls.add(startUrl);
    const fields = {
      alias: name,
      startUrl,
      region,
      ...(origin.includes("[sso-session") ? { ssoSession: name } : {}),
    };
    found.push({ kind: "integration", name, detail: startUrl, origin, fields });
  }

  read(config, "config");
  read(credentials, "credentials");
  for (const [name, { keys, origins }] of profiles) integration(name, keys, origins[0]!);

  const taken = new Set<string>();
  /** The profile and, before it, what it is chained from. */
  function take(name: string, above: string[]): boolean {
    if (taken.has(name)) return true;
    const profile = profiles.get(name);
    if (!profile || above.includes(name)) return false;
    const one = candidate(name, profile.keys, profile.origins.join(" and "));
    if (!one) return false;
    if (one.fields.parent !== undefined && !take(one.fields.parent, [...above, name])) return false;
    taken.add(name);
    found.push(one);
    return true;
  }
  for (const name of profiles.keys()) take(name, []);
  return found;
}

function candidate(name: string, keys: Keys, origin: string): Found | undefined {
  const common = { name, profile: name, ...(keys.region ? { region: keys.region } : {}) };
  const role = keys.role_arn && {
    ...common,
    roleArn: keys.role_arn,
    ...pick(keys, { role_session_name: "roleSessionName", duration_seconds: "durationSeconds" }),
  };
  if (role && keys.source_profile) {
    const more = pick(keys, { external_id: "externalId", mfa_serial: "mfaDevice" });
    const fields = { ...role, parent: keys.source_profile, ...more };
    return {
      kind: "iam-role-chained",
      name,
      detail: `${keys.role_arn} from ${keys.source_profile}`,
      origin,
      fields,
    };
  }
  if (role && keys.web_identity_token_file) {
    const fields = { ...role, tokenFile: keys.web_identity_token_file };
    return { kind: "web-identity", name, detail: keys.role_arn!, origin, fields };
  }
  const { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey } = keys;
  if (accessKeyId && secretAccessKey && !keys.aws_session_token) {
    const fields = { ...common, ...pick(keys, { mfa_serial: "mfaDevice" }) };
    const detail = `access key ${accessKeyId.slice(0, 4)}…${accessKeyId.slice(-4)}`;
    return { kind: "iam-user", name, detail, origin, fields, keys: { accessKeyId, secretAccessKey } };
  }
  const process = keys.credential_process;
  if (process && !/\bsession generate [0-9a-f-]{36}$/.test(process)) {
    const program = process.trim().split(/\s+/, 1)[0] ?? "";
    return { kind: "process", name, detail: program, origin, fields: { ...common, command: process } };
  }
  return undefined;
}

function pick(keys: Keys, names: Record<string, string>): Keys {
  return Object.fromEntries(
    Object.entries(names).flatMap(([from, to]) => (keys[from] ? [[to, keys[from]]] : [])),
  );
}

const sessionName = (section: AwsSection) =>
  decode(section.header)
    .replace(/^sso-session\s+/, "")
    .replace(/^"(.*)"$/, "$1");
