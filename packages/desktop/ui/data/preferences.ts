/** What the app remembers of its own look, kept by the agent so that it is the same in every window. */
import { useMemo } from "react";
import { type ColumnId, columns, plainView, type View } from "./sessions.ts";
import { useConnections, useResource } from "./store.ts";

export interface SavedView extends View {
  name: string;
}

export interface Look {
  /** Columns shown beside the fixed ones. */
  columns: ColumnId[];
  compact: boolean;
  sort: View["sort"];
  group: View["group"];
  views: SavedView[];
  /** The panel of the selected session is open. */
  details: boolean;
}

const plainLook: Look = {
  columns: ["account", "role", "source", "profiles", "region"],
  compact: false,
  sort: plainView.sort,
  group: "none",
  views: [],
  details: true,
};

const key = "desktop.look";

/** An unreadable or older text counts as nothing remembered, field by field. */
function parse(text: string | undefined): Look {
  let stored: Partial<Look> = {};
  try {
    stored = JSON.parse(text ?? "{}");
  } catch {
    // Written by something else: start afresh rather than fail.
  }
  const look = { ...plainLook, ...stored };
  const known = new Set(columns.map((one) => one.id));
  return { ...look, columns: look.columns.filter((id) => known.has(id)) };
}

export function useLook(): [Look, (changes: Partial<Look>) => void] {
  const { bridge, store } = useConnections();
  const { value } = useResource("preferences");
  const text = value?.[key];
  const look = useMemo(() => parse(text), [text]);
  const change = (changes: Partial<Look>) => {
    const next = JSON.stringify({ ...look, ...changes });
    store.assume("preferences", (all) => ({ ...all, [key]: next }));
    bridge.call("preferences.set", { key, value: next }).catch(() => void store.refresh("preferences"));
  };
  return [look, change];
}
