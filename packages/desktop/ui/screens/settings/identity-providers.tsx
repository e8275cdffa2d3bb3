import { ListChecks, LogOut } from "lucide-react";
import { useState } from "react";
import { AgentError } from "../../bridge/bridge.ts";
import { IconButton } from "../../components/button.tsx";
import { sentence } from "../../components/signs.tsx";
import { useConnections, useResource } from "../../data/store.ts";
import { useUi } from "../../data/ui.ts";
import { NamedList } from "./named-list.tsx";
import { Section } from "./parts.tsx";
import { SamlRoles } from "./saml-roles.tsx";

export function IdentityProviders() {
  const { bridge, store } = useConnections();
  const { say } = useUi();
  const urls = useResource("idpUrls").value ?? [];
  const [shown, setShown] = useState<string>();
  const refresh = () => store.refresh("idpUrls", "sessions");
  const forget = async (id: string, name: string) => {
    try {
      await bridge.call("idp-url.logout", { id });
      say({ tone: "success", title: `The sign-in at ${name} is forgotten` });
    } catch (error) {
      say({ tone: "error", title: sentence(AgentError.of(error).message) });
    }
  };
  return (
    <Section
      title="Identity providers"
      text="Sign-in pages for SAML roles. Each keeps a browser profile of its own, so that the next sign-in can be silent."
    >
      <NamedList
        noun="identity providers"
        label="New sign-in page"
        placeholder="https://login.example.com/app/aws"
        items={urls.map((one) => ({
          id: one.id,
          name: one.url,
          detail: one.sessions === 1 ? "1 session" : `${one.sessions} sessions`,
        }))}
        extra={(item) => (
          <>
            <IconButton
              icon={ListChecks}
              label={`Roles behind ${item.name}`}
              small
              onClick={() => setShown(item.name)}
            />
            <IconButton
              icon={LogOut}
              label={`Forget the sign-in at ${item.name}`}
              small
              onClick={() => void forget(item.id, item.name)}
            />
          </>
        )}
        onAdd={async (url) => {
          await bridge.call("idp-url.add", { url });
          await refresh();
        }}
        onRename={async (item, url) => {
          await bridge.call("idp-url.edit", { id: item.id, url });
          await refresh();
        }}
        onDelete={async (item, force) => {
          await bridge.call("idp-url.delete", { id: item.id, force });
          await refresh();
        }}
      />
      {shown && <SamlRoles url={shown} onClose={() => setShown(undefined)} />}
    </Section>
  );
}
