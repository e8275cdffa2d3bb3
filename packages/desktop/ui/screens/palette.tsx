/** Everything by name: sessions to start and stop, places, things to add. */
import {
  Activity,
  CircleStop,
  Layers,
  Lock,
  type LucideIcon,
  LogIn,
  Moon,
  Play,
  Plus,
  RefreshCw,
  Search,
  Settings,
  Sun,
} from "lucide-react";
import { type KeyboardEvent, useId, useMemo, useRef, useState } from "react";
import { Modal } from "../components/modal.tsx";
import { addable } from "./forms/fields.ts";
import { useActions } from "../data/actions.ts";
import { matcher, typeNames } from "../data/sessions.ts";
import { useConnections, useResource } from "../data/store.ts";
import { useUi } from "../data/ui.ts";
import { settingsSections } from "./settings/sections.ts";

interface Command {
  id: string;
  icon: LucideIcon;
  title: string;
  detail?: string;
  run(): void;
}

const mostSessions = 50;

export function Palette() {
  const ui = useUi();
  const { bridge, store } = useConnections();
  const actions = useActions();
  const sessions = useResource("sessions").value;
  const integrations = useResource("integrations").value;
  const vault = useResource("vault").value;
  const [query, setQuery] = useState("");
  const [marked, setMarked] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();

  // biome-ignore lint/correctness/useExhaustiveDependencies: what the commands do does not change their list
  const commands = useMemo<Command[]>(() => {
    const wanted = query.trim().toLowerCase();
    const set = (key: string, value: string) =>
      void bridge.call("settings.set", { key, value }).then(() => store.refresh("settings"));
    const fixed: Command[] = [
      { id: "sessions", icon: Layers, title: "Go to sessions", run: () => ui.go({ screen: "sessions" }) },
      { id: "activity", icon: Activity, title: "Go to activity", run: () => ui.go({ screen: "activity" }) },
      ...settingsSections.map(({ section, title }) => ({
        id: `settings-${section}`,
        icon: Settings,
        title: `Settings: ${title}`,
        run: () => ui.go({ screen: "settings", section }),
      })),
      {
        id: "add-integration",
        icon: Plus,
        title: "Add company sign-in",
        run: () => ui.open({ kind: "add", type: "integration" }),
      },
      ...addable.map(({ type }) => ({
        id: `add-${type}`,
        icon: Plus,
        title: `Add ${typeNames[type]}`,
        run: () => ui.open({ kind: "add", type }),
      })),
      ...(integrations ?? []).map((one) => ({
        id: `integration-${one.id}`,
        icon: one.state === "signed-in" ? RefreshCw : LogIn,
        title: `${one.state === "signed-in" ? "Sync" : "Sign in to"} ${one.alias}`,
        run: () => void (one.state === "signed-in" ? actions.sync(one.id) : actions.signIn(one.id)),
      })),
      ...(vault?.state === "unlocked"
        ? [
            {
              id: "lock",
              icon: Lock,
              title: "Lock the vault",
              run: () => void bridge.call("vault.lock", {}).then(() => store.refresh("vault")),
            },
          ]
        : []),
      { id: "light", icon: Sun, title: "Light theme", run: () => set("theme", "light") },
      { id: "dark", icon: Moon, title: "Dark theme", run: () => set("theme", "dark") },
      {
        id: "shortcuts",
        icon: Search,
        title: "Keyboard shortcuts",
        run: () => ui.open({ kind: "shortcuts" }),
      },
    ].filter((one) => one.title.toLowerCase().includes(wanted));
    // "start dev" means the session dev, whatever the verb.
    const matches = matcher(query.replace(/^\s*(start|stop)\b/i, ""));
    const found: Command[] = [];
    for (const session of sessions ?? []) {
      if (found.length === mostSessions) break;
      if (!matches(session)) continue;
      const stopped = session.status === "inactive";
      found.push({
        id: session.id,
        icon: stopped ? Play : CircleStop,
        title: `${stopped ? "Start" : "Stop"} ${session.name}`,
        detail: [session.accountId, session.role, session.profiles[0]]
          .filter((one) => one && !session.name.includes(one))
          .join(" · "),
        run: () => void actions.toggle(session),
      });
    }
    return wanted ? [...found, ...fixed] : [...fixed.slice(0, 2), ...found.slice(0, 8), ...fixed.slice(2)];
  }, [query, sessions, integrations, vault]);

  const run = (command: Command | undefined) => {
    if (!command) return;
    ui.close();
    command.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && commands.length > 0) {
      event.preventDefault();
      const next = (marked + step + commands.length) % commands.length;
      setMarked(next);
      document.getElementById(`${listId}-${next}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(commands[marked]);
    }
  };

  return (
    <Modal title="Commands" width={560} onClose={ui.close}>
      <div className="search palette-search">
        <Search className="icon" aria-hidden />
        <input
          ref={input}
          data-autofocus
          type="text"
          role="combobox"
          aria-label="Search commands and sessions"
          aria-expanded={commands.length > 0}
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={commands[marked] && `${listId}-${marked}`}
          placeholder="What do you want to do?"
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
            setMarked(0);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <ul id={listId} role="listbox" aria-label="Commands" className="palette-list">
        {commands.map(({ id, icon: Icon, title, detail }, index) => (
          <li
            key={id}
            id={`${listId}-${index}`}
            role="option"
            aria-selected={index === marked}
            className="menu-item"
            onMouseMove={() => setMarked(index)}
            onClick={() => run(commands[index])}
          >
            <Icon className="icon" aria-hidden />
            <span className="cut">{title}</span>
            {detail && <span className="detail cut">{detail}</span>}
          </li>
        ))}
      </ul>
      {commands.length === 0 && <p className="muted">Nothing by that name.</p>}
    </Modal>
  );
}
