/** The one dialog that is open, by its kind. */
import { useResource } from "../data/store.ts";
import { useUi } from "../data/ui.ts";
import {
  ChangeProfiles,
  ChangeRegion,
  Confirm,
  DeleteIntegration,
  DeleteSessions,
  SaveView,
} from "./small-dialogs.tsx";
import { AddDialog } from "./forms/add.tsx";
import { IntegrationForm } from "./forms/integration-form.tsx";
import { SessionForm } from "./forms/session-form.tsx";
import { ImportDialog } from "./first-run/import.tsx";
import { Palette } from "./palette.tsx";
import { Shortcuts } from "./shortcuts.tsx";
import { Unlock } from "./unlock.tsx";

export function Dialogs() {
  const { dialog } = useUi();
  const sessions = useResource("sessions").value ?? [];
  const integrations = useResource("integrations").value ?? [];
  if (!dialog) return null;
  const chosen = (ids: readonly string[]) => sessions.filter((one) => ids.includes(one.id));
  switch (dialog.kind) {
    case "add":
      return <AddDialog type={dialog.type} parent={dialog.parent} copyOf={dialog.copyOf} />;
    case "edit-session": {
      const session = sessions.find((one) => one.id === dialog.id);
      return session ? (
        <SessionForm type={session.type} title={`Edit ${session.name}`} session={session} />
      ) : null;
    }
    case "edit-integration": {
      const integration = integrations.find((one) => one.id === dialog.id);
      return integration ? <IntegrationForm integration={integration} /> : null;
    }
    case "change-region":
      return <ChangeRegion sessions={chosen(dialog.ids)} />;
    case "change-profiles":
      return <ChangeProfiles sessions={chosen(dialog.ids)} />;
    case "delete-sessions":
      return <DeleteSessions sessions={chosen(dialog.ids)} />;
    case "delete-integration": {
      const integration = integrations.find((one) => one.id === dialog.id);
      return integration ? <DeleteIntegration integration={integration} /> : null;
    }
    case "save-view":
      return <SaveView search={dialog.search} filters={dialog.filters} />;
    case "import":
      return <ImportDialog />;
    case "unlock":
      return <Unlock />;
    case "palette":
      return <Palette />;
    case "shortcuts":
      return <Shortcuts />;
    case "confirm":
      return <Confirm {...dialog} />;
  }
}
