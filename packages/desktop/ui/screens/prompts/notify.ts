/** A notification of the system for a question that comes while nobody looks at an app-mode window. */
import type { PromptView } from "../../../../core/src/model.ts";

/** Asks for the permission; the native shell has its own way and never comes here. */
export async function allowNotifications(): Promise<void> {
  if ("Notification" in window && Notification.permission === "default")
    await Notification.requestPermission();
}

export function notifyOf(prompt: PromptView): void {
  if (!document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
  const shown = new Notification("Leapp", { body: prompt.message, tag: prompt.id });
  shown.onclick = () => {
    window.focus();
    shown.close();
  };
}
