import { Badge, sentence } from "../../components/signs.tsx";
import { useConnections, useResource } from "../../data/store.ts";
import { useUi } from "../../data/ui.ts";
import { NamedList } from "./named-list.tsx";
import { Section } from "./parts.tsx";
import { SyncedProfiles } from "./synced-profiles.tsx";

export function Profiles() {
  const { bridge, store } = useConnections();
  const { say } = useUi();
  const profiles = useResource("profiles").value ?? [];
  const finish = async ({ notices }: { notices: string[] }) => {
    for (const notice of notices) say({ tone: "info", title: sentence(notice) });
    await store.refresh("profiles", "sessions");
  };
  return (
    <>
      <Section
        title="Named profiles"
        text="The names under which tools find a started session. Renaming one changes it in every session, and in ~/.aws/config where it is started."
      >
        <NamedList
          noun="named profiles"
          label="New profile"
          placeholder="project-dev"
          items={profiles.map((one) => ({
            id: one.name,
            name: one.name,
            fixed: one.name === "default",
            detail:
              one.sessions.length === 0
                ? "Used by no session"
                : one.sessions.map((used) => used.name).join(", "),
          }))}
          extra={(item) =>
            profiles.find((one) => one.name === item.id)?.sessions.some((used) => used.active) && (
              <Badge tone="green">Started</Badge>
            )
          }
          onAdd={async (name) => finish(await bridge.call("profile.create", { name }))}
          onRename={async (item, to) => finish(await bridge.call("profile.rename", { name: item.name, to }))}
          onDelete={async (item, force) =>
            finish(await bridge.call("profile.delete", { name: item.name, force }))
          }
        />
      </Section>
      <SyncedProfiles />
    </>
  );
}
