import { Tooltip } from "radix-ui";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Bridge } from "./bridge/bridge.ts";
import { Crash } from "./components/crash.tsx";
import { Toasts } from "./components/toasts.tsx";
import { ConnectionsContext, createStore, useResource } from "./data/store.ts";
import { type Dialog, type Place, type Toast, type Ui, UiContext } from "./data/ui.ts";
import { Dialogs } from "./screens/dialogs.tsx";
import { Frame } from "./screens/frame.tsx";
import { Prompts } from "./screens/prompts/prompts.tsx";

export function App({ bridge }: { bridge: Bridge }) {
  const connections = useMemo(() => ({ bridge, store: createStore(bridge) }), [bridge]);
  const [place, go] = useState<Place>({ screen: "sessions" });
  const [dialog, setDialog] = useState<Dialog>();
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const nextToast = useRef(1);
  const dismiss = useCallback((id: number) => setToasts((all) => all.filter((one) => one.id !== id)), []);
  const say = useCallback((toast: Omit<Toast, "id">) => {
    const id = nextToast.current++;
    // The same words twice would only push others out.
    setToasts((all) => [...all.filter((one) => one.title !== toast.title).slice(-3), { ...toast, id }]);
  }, []);
  useEffect(
    () =>
      bridge.on((event) => {
        if (event.event !== "view") return;
        setDialog(undefined);
        go(event.data === "settings" ? { screen: "settings", section: "general" } : { screen: event.data });
      }),
    [bridge],
  );
  // Components below read `place` and `dialog` through this object, so it changes when they do.
  const ui = useMemo<Ui>(
    () => ({
      place,
      go: (next) => {
        setDialog(undefined);
        go(next);
      },
      dialog,
      open: setDialog,
      close: () => setDialog(undefined),
      toasts,
      say,
      dismiss,
    }),
    [place, dialog, toasts, say, dismiss],
  );
  return (
    <ConnectionsContext value={connections}>
      <UiContext value={ui}>
        <Tooltip.Provider delayDuration={500} skipDelayDuration={200}>
          <Theme />
          <Crash>
            <Frame />
            <Dialogs />
          </Crash>
          <Crash>
            <Prompts />
          </Crash>
          <Toasts />
        </Tooltip.Provider>
      </UiContext>
    </ConnectionsContext>
  );
}

function Theme() {
  const theme = useResource("settings").value?.theme ?? "system";
  useEffect(() => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }, [theme]);
  return null;
}
