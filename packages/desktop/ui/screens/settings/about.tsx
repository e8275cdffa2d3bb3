import { ClipboardCopy } from "lucide-react";
import type { AgentStatus } from "../../../../agent/src/protocol.ts";
import type { Settings } from "../../../../core/src/model.ts";
import { Button } from "../../components/button.tsx";
import { Logo } from "../../components/logo.tsx";
import { useActions } from "../../data/actions.ts";
import { useTilde } from "../../data/home.ts";
import { useResource, type Value } from "../../data/store.ts";
import { ago, useNow } from "../../data/time.ts";
import licences from "virtual:licences";
import { Section } from "./parts.tsx";
import { CommandLine } from "./method-panel.tsx";

export function About({ settings }: { settings: Settings }) {
  const actions = useActions();
  const now = useNow();
  const tilde = useTilde();
  const status = useResource("status").value;
  const vault = useResource("vault").value;
  const commandLine = useResource("commandLine").value;
  return (
    <>
      <div className="about-head">
        <Logo />
        <div className="two-lines">
          <h1>Leapp {status?.version}</h1>
          <span className="muted">
            AWS credentials for every tool on your machine, on the fly, never in a file.
          </span>
        </div>
      </div>
      <Section title="Agent">
        {status && (
          <dl className="facts wide">
            <dt>Version</dt>
            <dd className="number">{status.version}</dd>
            <dt>Running since</dt>
            <dd>{ago(status.startedAt, now)}</dd>
            <dt>Process</dt>
            <dd className="number">
              {status.pid}, {Math.round(status.memory / 1024 / 1024)} MB
            </dd>
            <dt>Home</dt>
            <dd>
              <code className="selectable">{tilde(status.home)}</code>
            </dd>
          </dl>
        )}
        <div>
          <Button
            icon={ClipboardCopy}
            disabled={!status}
            onClick={() =>
              status && void actions.copy(diagnostics(status, vault, commandLine, settings), "Diagnostics")
            }
          >
            Copy diagnostics
          </Button>
        </div>
        <p className="muted">
          Versions, settings and counts for a bug report. No name of a session, no secret.
        </p>
      </Section>
      <Section title="Command line">
        <CommandLine />
      </Section>
      <Section
        title="Licences"
        text="Leapp is free software under the Apache License 2.0: an independent implementation, not affiliated with the makers of the earlier product. It is built with:"
      >
        <ul className="licences">
          {licences.map((one) => (
            <li key={one.name}>
              <span>
                {one.name} <span className="muted number">{one.version}</span>
              </span>
              <span className="muted">{one.licence}</span>
            </li>
          ))}
        </ul>
      </Section>
    </>
  );
}

/** Only whether an address is set, since it may hold a password or tell about a company. */
function diagnostics(
  status: AgentStatus,
  vault: Value<"vault"> | undefined,
  commandLine: Value<"commandLine"> | undefined,
  settings: Settings,
): string {
  const addresses = new Set(["proxy", "no-proxy", "ca-bundle"]);
  const isAddress = (key: string) => addresses.has(key) || key.startsWith("endpoint-url");
  const lines = [
    `leapp ${status.version}, protocol ${status.protocol}`,
    `window ${navigator.userAgent}`,
    `agent since ${status.startedAt}, ${Math.round(status.memory / 1024 / 1024)} MB, ${status.apps} apps`,
    `sessions ${status.sessions}, active ${status.active}, credentials held ${status.cached}`,
    `vault ${vault?.state ?? "unknown"}, ${vault?.kind ?? "no kind"}, ${vault?.records ?? 0} records`,
    `command line ${commandLine?.onPath ? "on the path" : commandLine?.command ? "by its full path" : "not found"}`,
    ...Object.entries(settings).map(
      ([key, value]) => `${key}: ${isAddress(key) ? (value ? "set" : "not set") : String(value)}`,
    ),
    ...status.problems.map((one) => `problem ${one.code} at ${one.at}`),
  ];
  return lines.join("\n");
}
