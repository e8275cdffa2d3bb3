import { Unplug } from "lucide-react";
import type { AgentError } from "../bridge/bridge.ts";
import { Empty, sentence } from "../components/signs.tsx";

/** There is nothing behind this page: the link was used, or the program ended. */
export function NoWay({ error }: { error: AgentError }) {
  return (
    <main className="no-way">
      <Empty icon={Unplug} title={sentence(error.message)} heading="h1">
        {error.hint && <p className="selectable">{sentence(error.hint)}</p>}
      </Empty>
    </main>
  );
}
