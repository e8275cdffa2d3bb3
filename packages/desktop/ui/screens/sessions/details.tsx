/** The selected session at the side: who it is, how it stands, what mends it. */
import { CircleStop, Copy, Globe, Pencil, Play, X } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import type { AuditRecord, SessionView } from "../../../../core/src/model.ts";
import { Button, IconButton } from "../../components/button.tsx";
import { Badge, Notice, sentence } from "../../components/signs.tsx";
import { remedyFor, useActions } from "../../data/actions.ts";
import { hasConsole, roleArnOf, typeNames } from "../../data/sessions.ts";
import { useBridge, useResource } from "../../data/store.ts";
import { ago, clockTime, until, useNow } from "../../data/time.ts";
import { useUi } from "../../data/ui.ts";
import { programName } from "../activity/programs.ts";
import { Status } from "./row.tsx";

export function Details({ session, onClose }: { session: SessionView; onClose(): void }) {
  const ui = useUi();
  const actions = useActions();
  const now = useNow();
  const parent = useResource("sessions").value?.find(
    (one) => session.type === "iam-role-chained" && one.id === session.parentId,
  );
  const stopped = session.status === "inactive";
  const { problem } = session;
  const remedy =
    problem &&
    remedyFor(problem, { session, retry: () => void actions.start([session], false) }, { ui, actions });
  const arn = roleArnOf(session);
  return (
    <aside className="details" aria-label={`Details of ${session.name}`}>
      <div className="details-head">
        <h2 className="selectable">{session.name}</h2>
        <IconButton icon={X} label="Hide details" small onClick={onClose} />
      </div>
      <div className="details-badges">
        <Badge>{typeNames[session.type]}</Badge>
        {session.production && <Badge tone="amber">Production</Badge>}
      </div>
      <div className="details-actions">
        <Button
          look={stopped ? "primary" : "plain"}
          icon={stopped ? Play : CircleStop}
          onClick={() => void actions.toggle(session)}
        >
          {stopped ? "Start" : "Stop"}
        </Button>
        {hasConsole(session) && (
          <IconButton
            icon={Globe}
            look="plain"
            label="Open web console"
            onClick={() => void actions.openConsole(session)}
          />
        )}
        <IconButton
          icon={Pencil}
          look="plain"
          label="Edit session"
          onClick={() => ui.open({ kind: "edit-session", id: session.id })}
        />
      </div>
      {problem && (
        <Notice
          tone="red"
          action={
            remedy && (
              <Button small onClick={remedy.run}>
                {remedy.label}
              </Button>
            )
          }
        >
          {sentence(problem.message)}
        </Notice>
      )}
      <dl className="facts">
        <Fact term="Status">
          <Status session={session} />
        </Fact>
        {session.expiresAt && (
          <Fact term="Credential">
            {Date.parse(session.expiresAt) > now
              ? `Valid ${until(session.expiresAt, now)}, renewed before it ends`
              : "Being renewed"}
          </Fact>
        )}
        {session.startedAt && !stopped && <Fact term="Started">{ago(session.startedAt, now)}</Fact>}
        <Fact term="Profiles">{session.profiles.join(", ")}</Fact>
        <Fact term="Region">{session.region}</Fact>
        {session.accountId && (
          <Fact term="Account" copy={session.accountId}>
            {session.type === "sso-role"
              ? `${session.accountName} (${session.accountId})`
              : session.accountId}
          </Fact>
        )}
        {arn ? (
          <Fact term="Role" copy={arn}>
            {arn}
          </Fact>
        ) : (
          session.role && <Fact term={session.type === "iam-user" ? "User" : "Role"}>{session.role}</Fact>
        )}
        {parent && <Fact term="From session">{parent.name}</Fact>}
        {!parent && session.source && <Fact term="Source">{session.source}</Fact>}
        {"mfaDevice" in session && session.mfaDevice && <Fact term="MFA device">{session.mfaDevice}</Fact>}
        {"externalId" in session && session.externalId && (
          <Fact term="External id">{session.externalId}</Fact>
        )}
        {session.type === "process" && <Fact term="Command">{session.command}</Fact>}
        {session.type === "localstack" && <Fact term="Endpoint">{session.endpointUrl}</Fact>}
      </dl>
      <Recent session={session} />
    </aside>
  );
}

function Fact({ term, copy, children }: { term: string; copy?: string; children: ReactNode }) {
  const actions = useActions();
  return (
    <>
      <dt>{term}</dt>
      <dd>
        <span className="selectable">{children}</span>
        {copy && (
          <IconButton
            icon={Copy}
            label={`Copy ${term.toLowerCase()}`}
            small
            onClick={() => void actions.copy(copy, term)}
          />
        )}
      </dd>
    </>
  );
}

/** The last programs that took a credential of this session. */
function Recent({ session }: { session: SessionView }) {
  const bridge = useBridge();
  const { go } = useUi();
  const [records, setRecords] = useState<readonly AuditRecord[]>([]);
  useEffect(() => {
    let wanted = true;
    const read = () =>
      bridge.call("log.list", { session: session.id, limit: 5 }).then(
        (list) => wanted && setRecords(list.toSorted((a, b) => b.sequence - a.sequence)),
        () => wanted && setRecords([]),
      );
    void read();
    const end = bridge.on((event) => {
      if (event.event === "changed" && event.data.includes("activity")) void read();
    });
    return () => {
      wanted = false;
      end();
    };
  }, [bridge, session.id]);
  if (records.length === 0) return null;
  return (
    <section className="recent">
      <div className="recent-head">
        <h3>Last used by</h3>
        <Button look="quiet" small onClick={() => go({ screen: "activity", search: session.name })}>
          All
        </Button>
      </div>
      <ul>
        {records.map((one) => (
          <li key={one.sequence}>
            <span className="cut">{programName(one)}</span>
            <span className="muted number">{clockTime(one.at)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
