import { Spinner } from "../../components/signs.tsx";
import { useResource } from "../../data/store.ts";
import { type SettingsSection, useUi } from "../../data/ui.ts";
import { About } from "./about.tsx";
import { Advanced } from "./advanced.tsx";
import { General } from "./general.tsx";
import { IdentityProviders } from "./identity-providers.tsx";
import { Profiles } from "./profiles.tsx";
import { settingsSections } from "./sections.ts";
import { Security } from "./security.tsx";

export function SettingsScreen({ section }: { section: SettingsSection }) {
  const { go } = useUi();
  const settings = useResource("settings").value;
  return (
    <div className="settings">
      <nav aria-label="Settings">
        <h1>Settings</h1>
        <ul>
          {settingsSections.map((one) => (
            <li className="side-item" key={one.section}>
              <button
                type="button"
                aria-current={one.section === section ? "page" : undefined}
                onClick={() => go({ screen: "settings", section: one.section })}
              >
                {one.title}
              </button>
            </li>
          ))}
        </ul>
      </nav>
      <div className="settings-page" key={section}>
        {!settings ? (
          <Spinner label="Reading settings" />
        ) : (
          <>
            {section === "general" && <General settings={settings} />}
            {section === "profiles" && <Profiles />}
            {section === "identity-providers" && <IdentityProviders />}
            {section === "security" && <Security settings={settings} />}
            {section === "advanced" && <Advanced settings={settings} />}
            {section === "about" && <About settings={settings} />}
          </>
        )}
      </div>
    </div>
  );
}
