import {
  Activity,
  AlertTriangle,
  Bookmark,
  CirclePlay,
  Layers,
  Lock,
  LockOpen,
  type LucideIcon,
  LogIn,
  LogOut,
  MoreHorizontal,
  Pencil,
  Pin,
  Plus,
  RefreshCw,
  Trash2,
} from "lucide-react";
import { type MouseEvent, type ReactNode, useState } from "react";
import type { IntegrationView } from "../../../agent/src/protocol.ts";
import { IconButton } from "../components/button.tsx";
import { MenuAt, MenuItem, MenuLine } from "../components/menu.tsx";
import { Dot } from "../components/signs.tsx";
import { useActions } from "../data/actions.ts";
import type { Look } from "../data/preferences.ts";
import type { Filters, View } from "../data/sessions.ts";
import { useConnections, useResource } from "../data/store.ts";
import { duration, useNow } from "../data/time.ts";
import { useUi } from "../data/ui.ts";
import { Logo } from "../components/logo.tsx";
import type { Narrowing } from "./frame.tsx";

export function Sidebar({
  narrowing,
  look,
  onShow,
  onLook,
}: {
  narrowing: Narrowing;
  look: Look;
  onShow(next: Narrowing, view?: View): void;
  onLook(changes: Partial<Look>): void;
}) {
  const { place, go, open } = useUi();
  const sessions = useResource("sessions").value ?? [];
  const integrations = useResource("integrations").value ?? [];
  const inSessions = place.screen === "sessions";
  const shows = (filters: Filters) =>
    inSessions && !narrowing.name && JSON.stringify(narrowing.filters) === JSON.stringify(filters);
  const show = (filters: Filters) => onShow({ search: "", filters });
  const problems = sessions.filter((one) => one.problem).length;

  return (
    <nav className="sidebar" aria-label="Places">
      <div className="brand">
        <Logo />
        <span>Leapp</span>
      </div>
      <ul>
        <Item icon={Layers} current={shows({})} count={sessions.length} onClick={() => show({})}>
          All sessions
        </Item>
        <Item
          icon={CirclePlay}
          current={shows({ status: "active" })}
          count={sessions.filter((one) => one.status === "active").length}
          onClick={() => show({ status: "active" })}
        >
          Active
        </Item>
        <Item
          icon={Pin}
          current={shows({ pinned: true })}
          count={sessions.filter((one) => one.pinned).length}
          onClick={() => show({ pinned: true })}
        >
          Pinned
        </Item>
        {problems > 0 && (
          <Item
            icon={AlertTriangle}
            current={shows({ status: "problem" })}
            count={problems}
            onClick={() => show({ status: "problem" })}
          >
            With problems
          </Item>
        )}
        <Item
          icon={Activity}
          current={place.screen === "activity"}
          onClick={() => go({ screen: "activity" })}
        >
          Activity
        </Item>
      </ul>

      <div className="side-title">
        <h2>Integrations</h2>
        <IconButton
          icon={Plus}
          label="Add integration"
          small
          onClick={() => open({ kind: "add", type: "integration" })}
        />
      </div>
      <ul className="integrations">
        {integrations.map((one) => (
          <IntegrationItem
            key={one.id}
            integration={one}
            current={shows({ sources: [one.id] })}
            onShow={() => show({ sources: [one.id] })}
          />
        ))}
        {integrations.length === 0 && <li className="side-empty muted">No company sign-in yet.</li>}
      </ul>

      {look.views.length > 0 && (
        <>
          <div className="side-title">
            <h2>Views</h2>
          </div>
          <ul>
            {look.views.map((view) => (
              <Item
                key={view.name}
                icon={Bookmark}
                current={inSessions && narrowing.name === view.name}
                onClick={() => onShow({ search: view.search, filters: view.filters, name: view.name }, view)}
                extra={
                  <IconButton
                    icon={Trash2}
                    label={`Delete view ${view.name}`}
                    small
                    className="on-hover"
                    onClick={() => onLook({ views: look.views.filter((one) => one.name !== view.name) })}
                  />
                }
              >
                {view.name}
              </Item>
            ))}
          </ul>
        </>
      )}
      <div className="space" />
      <VaultLine />
    </nav>
  );
}

function Item({
  icon: Icon,
  current,
  count,
  onClick,
  extra,
  children,
}: {
  icon: LucideIcon;
  current: boolean;
  count?: number;
  onClick(): void;
  extra?: ReactNode;
  children: ReactNode;
}) {
  return (
    <li className="side-item">
      <button type="button" aria-current={current ? "page" : undefined} onClick={onClick}>
        <Icon className="icon" aria-hidden />
        <span className="cut">{children}</span>
        {count !== undefined && count > 0 && (
          <span className="count number">{count.toLocaleString("en")}</span>
        )}
      </button>
      {extra}
    </li>
  );
}

function IntegrationItem({
  integration,
  current,
  onShow,
}: {
  integration: IntegrationView;
  current: boolean;
  onShow(): void;
}) {
  const { open } = useUi();
  const actions = useActions();
  const now = useNow();
  const [menu, setMenu] = useState<{ x: number; y: number }>();
  const { id, alias, state, sync } = integration;
  const signedIn = state === "signed-in";
  const openMenu = (event: MouseEvent<HTMLElement>) => {
    event.preventDefault();
    const box = event.currentTarget.getBoundingClientRect();
    setMenu(event.type === "contextmenu" && event.clientX ? at(event) : { x: box.left, y: box.bottom });
  };
  return (
    <li className="side-item integration" onContextMenu={openMenu}>
      <button type="button" aria-current={current ? "page" : undefined} onClick={onShow}>
        <Dot
          tone={
            integration.problem ? "red" : signedIn ? "green" : state === "signing-in" ? "amber" : undefined
          }
        />
        <span className="two-lines">
          <span className="cut">{alias}</span>
          <span className="muted cut">{stateLine(integration, now)}</span>
        </span>
      </button>
      {!sync && (
        <IconButton
          icon={signedIn ? RefreshCw : LogIn}
          label={signedIn ? `Sync ${alias}` : `Sign in to ${alias}`}
          small
          busy={state === "signing-in"}
          onClick={() => void (signedIn ? actions.sync(id) : actions.signIn(id))}
        />
      )}
      <IconButton
        icon={MoreHorizontal}
        label={`More for ${alias}`}
        small
        className="on-hover"
        aria-haspopup="menu"
        onClick={openMenu}
      />
      {sync && (
        <div
          className="progress"
          role="progressbar"
          aria-label={`Sync of ${alias}`}
          aria-valuemin={0}
          aria-valuemax={sync.total}
          aria-valuenow={sync.done}
        >
          <div style={{ width: `${sync.total > 0 ? (100 * sync.done) / sync.total : 5}%` }} />
        </div>
      )}
      {menu && (
        <MenuAt at={menu} onClose={() => setMenu(undefined)} label={`Actions for ${alias}`}>
          {signedIn ? (
            <>
              <MenuItem icon={RefreshCw} onSelect={() => void actions.sync(id)}>
                Sync
              </MenuItem>
              <MenuItem icon={LogOut} onSelect={() => void actions.signOut(id)}>
                Sign out
              </MenuItem>
            </>
          ) : (
            <MenuItem icon={LogIn} onSelect={() => void actions.signIn(id)}>
              Sign in
            </MenuItem>
          )}
          <MenuItem icon={Pencil} onSelect={() => open({ kind: "edit-integration", id })}>
            Edit
          </MenuItem>
          <MenuLine />
          <MenuItem icon={Trash2} danger onSelect={() => open({ kind: "delete-integration", id })}>
            Delete
          </MenuItem>
        </MenuAt>
      )}
    </li>
  );
}

const at = (event: MouseEvent) => ({ x: event.clientX, y: event.clientY });

function stateLine({ state, signedInUntil, sync, problem }: IntegrationView, now: number): string {
  if (sync) {
    if (sync.total === 0) return "Listing accounts";
    const done = `${sync.done.toLocaleString("en")} of ${sync.total.toLocaleString("en")}`;
    // There is room for one of them: under a minute the bar says enough.
    return (sync.estimate ?? 0) < 60
      ? `${done} accounts`
      : `${done}, ${duration(sync.estimate! * 1000)} left`;
  }
  if (state === "signing-in") return "Waiting for your browser";
  if (problem) return problem.message;
  if (state === "signed-out") return "Signed out";
  return signedInUntil ? `Signed in, ${duration(Date.parse(signedInUntil) - now)} left` : "Signed in";
}

function VaultLine() {
  const { open, say } = useUi();
  const { bridge, store } = useConnections();
  const vault = useResource("vault").value;
  if (!vault || vault.state === "absent") return null;
  const locked = vault.state === "locked";
  const lock = async () => {
    try {
      await bridge.call("vault.lock", {});
      say({ tone: "success", title: "Vault locked" });
    } catch (error) {
      say({ tone: "error", title: "The vault was not locked", detail: String(error) });
    }
    await store.refresh("vault");
  };
  return (
    <div className="vault-line">
      <button type="button" onClick={() => (locked ? open({ kind: "unlock" }) : void lock())}>
        {locked ? <Lock className="icon" aria-hidden /> : <LockOpen className="icon" aria-hidden />}
        <span>{locked ? "Vault locked" : "Vault open"}</span>
        <span className="muted">{locked ? "Unlock" : "Lock"}</span>
      </button>
    </div>
  );
}
