import type { SettingsSection } from "../../data/ui.ts";

export const settingsSections: readonly { section: SettingsSection; title: string }[] = [
  { section: "general", title: "General" },
  { section: "profiles", title: "Named profiles" },
  { section: "identity-providers", title: "Identity providers" },
  { section: "security", title: "Security" },
  { section: "advanced", title: "Advanced" },
  { section: "about", title: "About" },
];
