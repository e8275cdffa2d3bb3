/** A workspace on the embedded sandbox, for looking around: its own home, its own AWS, gone afterwards. */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seed } from "../../sandbox/src/seed.ts";
import { startSandbox } from "../../sandbox/src/server.ts";
import { type AgentClient, connectAgent } from "../../agent/src/client.ts";

type Env = Record<string, string | undefined>;

/** Runs `work` in an environment where every tool, and Leapp itself, finds the sandbox. */
export async function inSandbox<T>(env: Env, work: (env: Env) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "leapp-sandbox-"));
  const own = Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(AWS_|LEAPP_(?!BROWSER))/.test(name)),
  );
  const inside: Env = {
    ...own,
    HOME: join(folder, "home"),
    LEAPP_HOME: join(folder, "leapp"),
    LEAPP_VAULT_PASSPHRASE_FILE: join(folder, "passphrase"),
    AWS_EC2_METADATA_DISABLED: "true",
  };
  mkdirSync(inside.HOME!);
  writeFileSync(inside.LEAPP_VAULT_PASSPHRASE_FILE!, randomBytes(24).toString("base64"), { mode: 0o600 });
  const sandbox = await startSandbox();
  let client: AgentClient | undefined;
  try {
    inside.AWS_ENDPOINT_URL = sandbox.url;
    client = await connectAgent({ env: inside });
    await furnish(client, seed(sandbox, sandbox.url));
    return await work(inside);
  } finally {
    const gone = new Promise<void>((closed) => (client ? client.onClose(closed) : closed()));
    await client?.call("agent.stop", {}).catch(() => {});
    await gone;
    await sandbox.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A small company, as somebody would have set it up. */
async function furnish(client: AgentClient, { user, roles, sso }: ReturnType<typeof seed>): Promise<void> {
  const region = "eu-west-1";
  const { accessKeyId, secretAccessKey } = user;
  await client.call("session.add", {
    session: { type: "iam-user", name: "dev", region, profiles: ["dev"] },
    secrets: { accessKeyId, secretAccessKey },
  });
  await client.call("session.add", {
    session: {
      type: "iam-role-chained",
      name: "prod",
      region,
      profiles: ["prod"],
      parentId: "dev",
      roleArn: roles.developer,
      production: true,
    },
  });
  await client.call("session.add", {
    session: {
      type: "iam-role-chained",
      name: "audit",
      region,
      profiles: ["audit"],
      parentId: "prod",
      roleArn: roles.audit,
      externalId: "tour",
    },
  });
  await client.call("integration.add", {
    integration: { alias: "company", startUrl: sso.startUrl, region: sso.region },
  });
}
