/** Generated data for working on the screens. Not in the build, and no test uses it. */
import type { IntegrationView } from "../../../agent/src/protocol.ts";
import { type AuditRecord, defaultSettings, type SessionView } from "../../../core/src/model.ts";
import type { WindowEvent } from "../../contract.ts";
import { AgentError, type Bridge } from "../bridge/bridge.ts";

const at = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString();
const regions = ["eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-southeast-2"];
const teams = [
  "payments",
  "search",
  "identity",
  "data-lake",
  "checkout",
  "fraud",
  "mobile",
  "platform",
  "ledger",
];
const stages = ["dev", "test", "staging", "production"];
const roles = ["ReadOnly", "Developer", "Administrator", "Billing"];

function session(index: number): SessionView {
  const team = teams[index % teams.length]!;
  const stage = stages[Math.floor(index / teams.length) % stages.length]!;
  const role = roles[Math.floor(index / (teams.length * stages.length)) % roles.length]!;
  const many = Math.floor(index / (teams.length * stages.length * roles.length));
  const accountName = many === 0 ? `${team}-${stage}` : `${team}-${stage}-${many}`;
  const active = index % 37 === 3;
  return {
    id: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
    type: "sso-role",
    name: `${accountName} ${role}`,
    integrationId: index % 3 === 0 ? "i2" : "i1",
    source: index % 3 === 0 ? "subsidiary" : "company",
    accountId: String(100_000_000_000 + ((index * 7_919_001) % 899_999_999_999)),
    accountName,
    roleName: role,
    role,
    region: regions[index % regions.length]!,
    profiles: [`${accountName}-${role.toLowerCase()}`],
    createdAt: at(-90_000),
    production: stage === "production",
    pinned: index === 5 || index === 40,
    status: active ? "active" : "inactive",
    startedAt: active ? at(-(index % 300)) : undefined,
    expiresAt: active ? at(20 + (index % 700)) : undefined,
  };
}

function first(): SessionView[] {
  const base = { createdAt: at(-9000), region: "eu-west-1" };
  return [
    {
      ...base,
      id: "u1",
      type: "iam-user",
      name: "ops keys",
      profiles: ["default"],
      accountId: "123456789012",
      role: "ops",
      source: "Own keys",
      mfaDevice: "arn:aws:iam::123456789012:mfa/ops",
      status: "active",
      startedAt: at(-50),
      expiresAt: at(43),
      pinned: true,
    },
    {
      ...base,
      id: "c1",
      type: "iam-role-chained",
      name: "deploy production",
      profiles: ["deploy"],
      parentId: "u1",
      roleArn: "arn:aws:iam::210987654321:role/deploy",
      accountId: "210987654321",
      role: "deploy",
      source: "ops keys",
      status: "inactive",
      production: true,
      externalId: "partner-7",
      problem: {
        code: "access-denied",
        message: "AWS refused the role: its trust policy does not name ops",
        at: at(-3),
      },
    },
    {
      ...base,
      id: "l1",
      type: "localstack",
      name: "localstack",
      profiles: ["local"],
      endpointUrl: "http://localhost:4566",
      status: "inactive",
      source: "This machine",
    },
  ];
}

const integrations: IntegrationView[] = [
  {
    id: "i1",
    type: "sso",
    alias: "company",
    startUrl: "https://company.awsapps.com/start",
    region: "eu-west-1",
    state: "signed-in",
    signedInUntil: at(400),
    sessions: 266,
    lastSyncAt: at(-60),
  },
  {
    id: "i2",
    type: "sso",
    alias: "subsidiary",
    startUrl: "https://subsidiary.awsapps.com/start",
    region: "us-east-1",
    state: "signed-out",
    sessions: 134,
  },
];

const programs = ["/usr/local/bin/aws", "/usr/bin/python3.12", "/usr/bin/terraform", "/usr/bin/node"];
const log: AuditRecord[] = Array.from({ length: 900 }, (_, index) => ({
  sequence: index + 1,
  at: at(-Math.round(1500 * (1 - index / 900) ** 1.3)),
  sessionId: "u1",
  sessionName: index % 4 === 0 ? "deploy production" : "ops keys",
  method: index % 19 === 0 ? "console-url" : "credential-process",
  identity: "arn:aws:sts::123456789012:assumed-role/deploy/leapp-me",
  expiresAt: at(43),
  callers: [
    { pid: 4000 + index, executable: programs[index % programs.length] },
    { pid: 300, executable: "/usr/bin/zsh" },
    { pid: 200, executable: "/usr/bin/alacritty" },
  ],
  cwd: "/home/me/work/infrastructure",
  previous: "",
  hash: "",
}));

export function generatedBridge(rows: number): Bridge {
  const listeners = new Set<(event: WindowEvent) => void>();
  const preferences: Record<string, string> = {};
  let settings = { ...defaultSettings };
  let sessions =
    rows === 0 ? [] : [...first(), ...Array.from({ length: rows - 3 }, (_, index) => session(index))];
  const tell = (event: WindowEvent) => {
    for (const listener of listeners) listener(event);
  };
  const put = (id: string, changes: object) => {
    sessions = sessions.map((one) => (one.id === id ? ({ ...one, ...changes } as SessionView) : one));
    tell({ event: "changed", data: ["sessions"] });
    return { session: sessions.find((one) => one.id === id), notices: [] };
  };
  // biome-ignore lint/suspicious/noExplicitAny: one loose table for all methods
  const answers: Record<string, (params: any) => unknown> = {
    "session.list": () => sessions,
    "session.start": ({ session: id }) =>
      put(id, { status: "active", startedAt: at(0), expiresAt: at(60), problem: undefined }),
    "session.stop": ({ session: id }) => put(id, { status: "inactive", expiresAt: undefined }),
    "session.edit": ({ session: id, changes }) => put(id, changes),
    "session.check": ({ session: one }) => ({
      problems: one.name ? [] : [{ field: "name", message: "a session needs a name" }],
    }),
    "session.test": () => ({
      accountId: "123456789012",
      arn: "arn:aws:sts::123456789012:assumed-role/deploy/leapp-me",
      userId: "x",
    }),
    "integration.list": () => (rows === 0 ? [] : integrations),
    "integration.check": () => ({ problems: [] }),
    "idp-url.list": () => [{ id: "p1", url: "https://login.example.com/app/aws", sessions: 2 }],
    "profile.list": () =>
      ["default", "deploy", "local"].map((name) => ({
        name,
        sessions: sessions
          .filter((one) => one.profiles.includes(name))
          .map((one) => ({ id: one.id, name: one.name, active: one.status === "active" })),
      })),
    "settings.list": () => settings,
    "settings.set": ({ key, value }) => {
      settings = {
        ...settings,
        [key]: typeof defaultSettings.notifications === typeof value ? value : value,
      };
      return { settings, notices: [] };
    },
    "settings.preview-method": () => ({
      lines: [
        "~/.aws/config",
        "-credential_process=leapp session generate u1",
        "~/.aws/credentials",
        "+[default]",
      ],
    }),
    "preferences.list": () => preferences,
    "preferences.set": ({ key, value }) => {
      preferences[key] = value;
      return null;
    },
    "vault.status": () => ({
      state: "unlocked",
      kind: "keychain",
      label: "GNOME Keyring / Secret Service",
      file: "/home/me/.local/share/leapp/vault",
      records: 7,
    }),
    "region.list": () => regions.map((region) => ({ region, partition: "aws", description: "Somewhere" })),
    "prompt.list": () => [],
    "command-line.status": () => ({
      onPath: true,
      command: "leapp",
      version: "1.0.0",
      target: "/home/me/.local/bin/leapp",
    }),
    "import.scan": () => [
      {
        id: "a",
        kind: "iam-user",
        name: "old",
        detail: "Keys of account 123456789012",
        origin: "~/.aws/credentials [old]",
      },
    ],
    "agent.status": () => ({
      pid: 4711,
      version: "1.0.0",
      protocol: 1,
      startedAt: at(-500),
      home: "/home/me/.local/share/leapp",
      socket: "",
      sessions: sessions.length,
      active: 3,
      cached: 3,
      apps: 1,
      memory: 61_000_000,
      problems: [],
    }),
    "log.list": ({ limit }) => log.slice(-limit),
    "log.verify": () => ({ records: log.length }),
    "shell.info": () => ({ kind: "browser", version: "1.0.0", platform: "linux", sandbox: true }),
  };
  const ask = async (method: string, params: unknown) => {
    const answer = answers[method];
    if (!answer)
      throw new AgentError({
        code: "internal",
        message: `${method} is not among the generated data`,
        hint: "try it for real",
      });
    return answer(params);
  };
  return {
    call: (method, params) => ask(method, params) as never,
    shell: (method, params) => ask(method, params) as never,
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
