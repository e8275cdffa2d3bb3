/** The window: side bar, top bar, and the place in between. */
import { useCallback, useEffect, useRef, useState } from "react";
import { Button } from "../components/button.tsx";
import { Notice, hintOf, sentence } from "../components/signs.tsx";
import { useLook } from "../data/preferences.ts";
import type { Filters, View } from "../data/sessions.ts";
import { useConnection, useConnections, useResource } from "../data/store.ts";
import { useUi } from "../data/ui.ts";
import { ActivityScreen } from "./activity/activity.tsx";
import { SessionsScreen } from "./sessions/sessions.tsx";
import { SettingsScreen } from "./settings/settings.tsx";
import { Sidebar } from "./sidebar.tsx";
import { TopBar } from "./top-bar.tsx";

export interface Narrowing {
  search: string;
  filters: Filters;
  /** Name of the saved view that is shown. */
  name?: string;
}

export function Frame() {
  const { place, go, open } = useUi();
  const [look, changeLook] = useLook();
  const [narrowing, setNarrowing] = useState<Narrowing>({ search: "", filters: {} });
  const search = useRef<HTMLInputElement>(null);

  const showSessions = useCallback(
    (next: Narrowing, view?: View) => {
      if (view) changeLook({ sort: view.sort, group: view.group });
      setNarrowing(next);
      go({ screen: "sessions" });
    },
    [go, changeLook],
  );

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented) return;
      const command = event.ctrlKey || event.metaKey;
      const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
      const key = event.key.toLowerCase();
      if (command && key === "k") open({ kind: "palette" });
      else if (command && key === ",") go({ screen: "settings", section: "general" });
      else if ((command && key === "f") || (key === "/" && !typing)) search.current?.select();
      else if (command || event.altKey || typing) return;
      else if (key === "n") open({ kind: "add" });
      else if (key === "?") open({ kind: "shortcuts" });
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [open, go]);

  return (
    <div className="frame">
      <Sidebar narrowing={narrowing} look={look} onShow={showSessions} onLook={changeLook} />
      <div className="stage">
        <TopBar
          searchRef={search}
          search={narrowing.search}
          onSearch={(text) => {
            setNarrowing((now) => ({ ...now, search: text }));
            if (place.screen === "settings") go({ screen: "sessions" });
          }}
        />
        <Banners />
        <main className="place" aria-label={titles[place.screen]}>
          {place.screen === "sessions" && (
            <SessionsScreen narrowing={narrowing} onNarrow={setNarrowing} look={look} onLook={changeLook} />
          )}
          {place.screen === "activity" && <ActivityScreen search={narrowing.search} about={place.search} />}
          {place.screen === "settings" && <SettingsScreen section={place.section} />}
        </main>
      </div>
    </div>
  );
}

const titles = { sessions: "Sessions", activity: "Activity", settings: "Settings" };

/** What stands in the way of everything else. */
function Banners() {
  const { open } = useUi();
  const { store } = useConnections();
  const connection = useConnection();
  const sessions = useResource("sessions");
  const vault = useResource("vault").value;
  if (connection === "lost")
    return (
      <div className="banner" role="region" aria-label="Notice">
        <Notice tone="amber" hint="Nothing is lost. This window goes on as soon as it answers.">
          The agent does not answer; trying again.
        </Notice>
      </div>
    );
  if (sessions.error)
    return (
      <div className="banner" role="region" aria-label="Notice">
        <Notice
          tone="red"
          hint={hintOf(sessions.error)}
          action={
            <Button small onClick={() => void store.refresh("sessions")}>
              Try again
            </Button>
          }
        >
          {sentence(sessions.error.message)}
        </Notice>
      </div>
    );
  if (vault?.state === "locked")
    return (
      <div className="banner" role="region" aria-label="Notice">
        <Notice
          tone="amber"
          action={
            <Button small look="primary" onClick={() => open({ kind: "unlock" })}>
              Unlock
            </Button>
          }
        >
          The vault is locked. Credentials already handed out stay valid; new ones need it open.
        </Notice>
      </div>
    );
  return null;
}
