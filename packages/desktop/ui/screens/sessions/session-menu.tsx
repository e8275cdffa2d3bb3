import {
  CircleStop,
  Copy,
  CopyPlus,
  Globe,
  Link2,
  MapPin,
  Pencil,
  Pin,
  PinOff,
  Play,
  ShieldAlert,
  Trash2,
  UserRound,
} from "lucide-react";
import type { SessionView } from "../../../../core/src/model.ts";
import { MenuAt, MenuItem, MenuLine, SubMenu } from "../../components/menu.tsx";
import { useActions } from "../../data/actions.ts";
import { hasConsole, roleArnOf } from "../../data/sessions.ts";
import { useUi } from "../../data/ui.ts";

/** Everything that can be done with one session, or with all that are selected. */
export function SessionMenu({
  at,
  sessions,
  onClose,
}: {
  at: { x: number; y: number };
  sessions: readonly SessionView[];
  onClose(): void;
}) {
  const { open } = useUi();
  const actions = useActions();
  const [one, second] = sessions;
  if (!one) return null;
  const ids = sessions.map((session) => session.id);
  const several = second !== undefined;
  const stopped = sessions.filter((session) => session.status === "inactive").length;
  return (
    <MenuAt
      at={at}
      label={several ? `Actions for ${sessions.length} sessions` : `Actions for ${one.name}`}
      onClose={() => {
        onClose();
        document.querySelector<HTMLElement>(".table")?.focus();
      }}
    >
      {stopped > 0 && (
        <MenuItem
          icon={Play}
          shortcut={several ? undefined : "Enter"}
          onSelect={() => void actions.start(sessions)}
        >
          {several ? `Start ${stopped}` : "Start"}
        </MenuItem>
      )}
      {stopped < sessions.length && (
        <MenuItem
          icon={CircleStop}
          shortcut={several ? undefined : "Enter"}
          onSelect={() => void actions.stop(sessions)}
        >
          {several ? `Stop ${sessions.length - stopped}` : "Stop"}
        </MenuItem>
      )}
      {!several && <OneSession session={one} />}
      <MenuLine />
      <MenuItem icon={MapPin} onSelect={() => open({ kind: "change-region", ids })}>
        Change region
      </MenuItem>
      <MenuItem icon={UserRound} onSelect={() => open({ kind: "change-profiles", ids })}>
        Change profiles
      </MenuItem>
      <MenuItem
        icon={one.pinned ? PinOff : Pin}
        shortcut="P"
        onSelect={() => void actions.change(sessions, { pinned: !one.pinned })}
      >
        {one.pinned ? "Unpin" : "Pin"}
      </MenuItem>
      <MenuItem
        icon={ShieldAlert}
        onSelect={() => void actions.change(sessions, { production: !one.production })}
      >
        {one.production ? "Not production" : "Mark as production"}
      </MenuItem>
      {!several && (
        <>
          <MenuLine />
          <MenuItem icon={Pencil} shortcut="E" onSelect={() => open({ kind: "edit-session", id: one.id })}>
            Edit
          </MenuItem>
          {one.type !== "sso-role" && (
            <MenuItem icon={CopyPlus} onSelect={() => open({ kind: "add", type: one.type, copyOf: one })}>
              Duplicate
            </MenuItem>
          )}
        </>
      )}
      <MenuLine />
      <MenuItem icon={Trash2} danger shortcut="Del" onSelect={() => open({ kind: "delete-sessions", ids })}>
        {several ? `Delete ${sessions.length}` : "Delete"}
      </MenuItem>
    </MenuAt>
  );
}

function OneSession({ session }: { session: SessionView }) {
  const { open } = useUi();
  const actions = useActions();
  const arn = roleArnOf(session);
  const copy = (text: string, what: string) => () => void actions.copy(text, what);
  return (
    <>
      {hasConsole(session) && (
        <MenuItem icon={Globe} onSelect={() => void actions.openConsole(session)}>
          Open web console
        </MenuItem>
      )}
      <SubMenu icon={Copy} title="Copy">
        {session.accountId && (
          <MenuItem onSelect={copy(session.accountId, "Account number")}>Account number</MenuItem>
        )}
        {arn && <MenuItem onSelect={copy(arn, "Role ARN")}>Role ARN</MenuItem>}
        <MenuItem onSelect={copy(session.profiles[0]!, "Profile name")}>Profile name</MenuItem>
        <MenuItem onSelect={() => void actions.copyConfigEntry(session)}>Config entry</MenuItem>
        {hasConsole(session) && (
          <MenuItem onSelect={() => void actions.copyConsoleUrl(session)}>Console URL</MenuItem>
        )}
        <MenuItem onSelect={copy(session.id, "Session id")}>Session id</MenuItem>
      </SubMenu>
      <MenuItem
        icon={Link2}
        onSelect={() => open({ kind: "add", type: "iam-role-chained", parent: session })}
      >
        New chained session from here
      </MenuItem>
    </>
  );
}
