/** Throw-away homes with the built program, real sessions in them, and an AWS look-alike in a process of its own. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { type AgentClient, connectAgent } from "../packages/agent/src/client.ts";
import { systemClock } from "../packages/agent/src/platform/clock.ts";
import { tryLock } from "../packages/agent/src/platform/files.ts";
import { resolvePaths } from "../packages/agent/src/platform/paths.ts";
import type { Session } from "../packages/core/src/model.ts";
import { openState } from "../packages/core/src/state/state.ts";
import { connectSandbox, type RemoteControls } from "../packages/sandbox/src/control.ts";
import type { Seeds } from "../packages/sandbox/src/seed.ts";
import { createLeapp, type Leapp, root, until } from "../test/support/leapp.ts";
import type { Program } from "./measure.ts";

export interface Aws {
  url: string;
  seeds: Seeds;
  controls: RemoteControls;
  stop(): void;
}

export async function startAws(): Promise<Aws> {
  const child = spawn(process.execPath, [join(root, "packages/sandbox/src/main.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { url, controlToken, seeds } = JSON.parse(line);
    return { url, seeds, controls: connectSandbox(url, controlToken), stop: () => child.stdin.end() };
  }
  throw new Error("the sandbox does not start");
}

export interface Workspace {
  leapp: Leapp;
  /** Id of an IAM user's session: one call to AWS gives its credentials. */
  user: string;
  /** Id of a role that is assumed with them: one more call. */
  role: string;
  socket: string;
  /** The launcher with these arguments, and the core. */
  launcher(...args: string[]): Program;
  core(...args: string[]): Program;
  /** Its agent is started, where none runs. */
  client(): Promise<AgentClient>;
  /** Returns when its process is gone. */
  stopAgent(): Promise<void>;
  stop(): Promise<void>;
}

export interface WorkspaceOptions {
  /** Beside the two that are used. */
  sessions?: number;
  /** Variables over the usual ones; an empty one is taken away. */
  env?: Record<string, string>;
}

export async function createWorkspace(
  aws: Aws,
  { sessions = 0, env: more = {} }: WorkspaceOptions = {},
): Promise<Workspace> {
  const leapp = createLeapp({ endpoint: aws.url, env: more });
  for (const [name, value] of Object.entries(leapp.env)) if (value === "") delete leapp.env[name];
  const { env } = leapp;
  const { user, roles } = aws.seeds;
  const add = ["session", "add", "--region", "eu-west-1"];
  await leapp.leapp(
    [...add, "--type", "iam-user", "--name", "user", "--profile", "user"].concat([
      "--access-key-id",
      user.accessKeyId,
      "--secret-access-key-stdin",
    ]),
    { stdin: user.secretAccessKey },
  );
  await leapp.leapp(
    [...add, "--type", "iam-role-chained", "--name", "role", "--profile", "role"].concat([
      "--parent",
      "user",
      "--role-arn",
      roles.developer,
    ]),
  );
  const idOf = async (name: string) =>
    JSON.parse(await leapp.leapp(["session", "show", name, "--json"])).id as string;
  const { home, socket, stateFile } = resolvePaths(env);

  const client = () => connectAgent({ env });
  async function stopAgent(): Promise<void> {
    const running = await connectAgent({ env, start: false }).catch(() => undefined);
    await running?.call("agent.stop", {});
    running?.close();
    await until(() => {
      const release = tryLock(join(home, "agent.lock"));
      release?.();
      return release !== undefined;
    }, "the agent is gone");
  }
  const ids = { user: await idOf("user"), role: await idOf("role") };
  if (sessions > 0) {
    await stopAgent();
    fill(stateFile, sessions);
  }
  return {
    leapp,
    ...ids,
    socket,
    launcher: (...args) => ({ command: [leapp.program, ...args], env }),
    core: (...args) => ({ command: [`${leapp.program}-core`, ...args], env }),
    client,
    stopAgent,
    stop: () => leapp.stop(),
  };
}

/** Five roles an account, as a sync would have left them. */
function fill(stateFile: string, count: number): void {
  const state = openState(stateFile, systemClock);
  const integration = {
    id: crypto.randomUUID(),
    type: "sso",
    alias: "company",
    startUrl: "https://company.awsapps.com/start",
    region: "eu-west-1",
  } as const;
  state.integrations.put(integration);
  const roles = ["AdministratorAccess", "ReadOnlyAccess", "Developer", "Billing", "Support"];
  const createdAt = new Date().toISOString();
  state.sessions.putAll(
    Array.from({ length: count }, (_, index): Session => {
      const account = Math.floor(index / roles.length);
      const accountName = `payments production ${account}`;
      const roleName = roles[index % roles.length]!;
      return {
        id: crypto.randomUUID(),
        type: "sso-role",
        name: `${accountName} ${roleName}`,
        region: "eu-west-1",
        profiles: ["default"],
        createdAt,
        integrationId: integration.id,
        accountId: String(200_000_000_000 + account),
        accountName,
        accountEmail: `aws+${account}@example.com`,
        roleName,
      };
    }),
  );
  state.close();
}
