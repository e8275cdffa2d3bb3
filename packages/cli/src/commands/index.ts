import type { Command } from "../command.ts";
import { aboutCommands } from "./about.ts";
import { agentCommands } from "./agent.ts";
import { desktopCommands } from "./desktop.ts";
import { idpUrlCommands, integrationCommands } from "./integration.ts";
import { importCommands } from "./import.ts";
import { logCommands } from "./log.ts";
import { profileCommands } from "./profile.ts";
import { sessionCommands } from "./session.ts";
import { regionCommands, settingsCommands } from "./settings.ts";
import { vaultCommands } from "./vault.ts";

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  ...sessionCommands,
  ...integrationCommands,
  ...idpUrlCommands,
  ...profileCommands,
  ...importCommands,
  ...regionCommands,
  ...settingsCommands,
  ...vaultCommands,
  ...agentCommands,
  ...desktopCommands,
  ...logCommands,
  ...aboutCommands(() => commands),
];
