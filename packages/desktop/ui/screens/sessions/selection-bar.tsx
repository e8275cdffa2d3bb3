import { CircleStop, MapPin, Play, UserRound, X } from "lucide-react";
import type { SessionView } from "../../../../core/src/model.ts";
import { Button, IconButton } from "../../components/button.tsx";
import { useActions } from "../../data/actions.ts";
import { useUi } from "../../data/ui.ts";

/** What can be done with several at once. */
export function SelectionBar({ sessions, onClear }: { sessions: readonly SessionView[]; onClear(): void }) {
  const { open } = useUi();
  const actions = useActions();
  const ids = sessions.map((one) => one.id);
  const stopped = sessions.filter((one) => one.status === "inactive").length;
  return (
    <div className="selection-bar" role="toolbar" aria-label="Selected sessions">
      <strong className="number">{sessions.length.toLocaleString("en")} selected</strong>
      <Button small icon={Play} disabled={stopped === 0} onClick={() => void actions.start(sessions)}>
        Start
      </Button>
      <Button
        small
        icon={CircleStop}
        disabled={stopped === sessions.length}
        onClick={() => void actions.stop(sessions)}
      >
        Stop
      </Button>
      <Button small icon={MapPin} onClick={() => open({ kind: "change-region", ids })}>
        Region
      </Button>
      <Button small icon={UserRound} onClick={() => open({ kind: "change-profiles", ids })}>
        Profiles
      </Button>
      <IconButton icon={X} label="Clear selection" shortcut="Esc" small onClick={onClear} />
    </div>
  );
}
