/** What is on screen: the place, the dialog over it, the messages in the corner. */
import { createContext, useContext } from "react";
import type { SessionType, SessionView } from "../../../core/src/model.ts";
import type { Filters } from "./sessions.ts";

export type SettingsSection =
  | "general"
  | "profiles"
  | "identity-providers"
  | "security"
  | "advanced"
  | "about";

export type Place =
  | { screen: "sessions" }
  | { screen: "activity"; search?: string }
  | { screen: "settings"; section: SettingsSection };

export type Dialog =
  | { kind: "add"; type?: SessionType | "integration"; parent?: SessionView; copyOf?: SessionView }
  | { kind: "edit-session"; id: string }
  | { kind: "edit-integration"; id: string }
  | { kind: "change-region"; ids: string[] }
  | { kind: "change-profiles"; ids: string[] }
  | { kind: "delete-sessions"; ids: string[] }
  | { kind: "delete-integration"; id: string }
  | { kind: "save-view"; search: string; filters: Filters }
  | { kind: "import" }
  | { kind: "unlock" }
  | { kind: "palette" }
  | { kind: "shortcuts" }
  | {
      kind: "confirm";
      title: string;
      text: string;
      detail?: string;
      action: string;
      danger?: boolean;
      run(): void;
    };

export interface Toast {
  id: number;
  tone: "info" | "success" | "error";
  title: string;
  detail?: string;
  action?: { label: string; run(): void };
}

export interface Ui {
  place: Place;
  go(place: Place): void;
  dialog: Dialog | undefined;
  open(dialog: Dialog): void;
  close(): void;
  toasts: readonly Toast[];
  say(toast: Omit<Toast, "id">): void;
  dismiss(id: number): void;
}

export const UiContext = createContext<Ui | undefined>(undefined);

export function useUi(): Ui {
  const ui = useContext(UiContext);
  if (!ui) throw new Error("no window above this component");
  return ui;
}
