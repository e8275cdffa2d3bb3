import { useEffect, useState } from "react";
import type { CredentialMethod, Settings } from "../../../../core/src/model.ts";
import type { ShellInfo } from "../../../contract.ts";
import { AgentError } from "../../bridge/bridge.ts";
import { Field, Segments, Switch } from "../../components/field.tsx";
import { sentence } from "../../components/signs.tsx";
import { useBridge } from "../../data/store.ts";
import { duration } from "../../data/time.ts";
import { useUi } from "../../data/ui.ts";
import { RegionBox } from "../forms/control.tsx";
import { durationsOf } from "../forms/fields.ts";
import { allowNotifications } from "../prompts/notify.ts";
import { MethodPanel } from "./method-panel.tsx";
import { Section, SelectSetting, useApplySetting } from "./parts.tsx";

const themes = [
  ["light", "Light"],
  ["dark", "Dark"],
  ["system", "System"],
] as const;

export function General({ settings }: { settings: Settings }) {
  const apply = useApplySetting();
  const [wanted, setWanted] = useState<CredentialMethod>();
  const inMenu = (type: "iam-user" | "iam-role-chained") =>
    durationsOf(type).map((seconds) => [seconds, duration(seconds * 1000)] as const);
  return (
    <>
      <Section
        title="AWS Credential Generation"
        text="How a started profile hands out credentials to the AWS CLI, SDKs and other tools."
      >
        <fieldset className="method-choice">
          <legend className="hidden-text">Method</legend>
          <Method
            method="credential-process-method"
            current={settings["credential-method"]}
            onChoose={setWanted}
            text="Tools ask leapp for a credential when they need one. No credential is written in any file."
          />
          <Method
            method="credential-file-method"
            current={settings["credential-method"]}
            onChoose={setWanted}
            text="Temporary keys are written into ~/.aws/credentials, in plain text, and renewed there."
          />
        </fieldset>
        {wanted && wanted !== settings["credential-method"] && (
          <MethodPanel method={wanted} onClose={() => setWanted(undefined)} />
        )}
      </Section>
      <Section title="Defaults" text="For new sessions; each can have its own.">
        <Field label="Default region">
          {(control) => (
            <RegionBox
              {...control}
              value={settings["default-region"]}
              onChange={(region) => region !== settings["default-region"] && apply("default-region", region)}
            />
          )}
        </Field>
        <SelectSetting
          label="Lifetime of an IAM user's session token"
          value={settings["iam-user-duration"]}
          options={inMenu("iam-user")}
          onChange={(seconds) => apply("iam-user-duration", seconds)}
        />
        <SelectSetting
          label="Lifetime of a role's credentials"
          value={settings["role-duration"]}
          options={inMenu("iam-role-chained")}
          onChange={(seconds) => apply("role-duration", seconds)}
        />
      </Section>
      <Section title="Appearance">
        <div className="line">
          <span className="label" aria-hidden>
            Theme
          </span>
          <Segments
            label="Theme"
            value={settings.theme}
            options={themes}
            onChange={(theme) => apply("theme", theme)}
          />
        </div>
      </Section>
      <Section title="This computer">
        <Switch
          label="Notifications"
          help="When you are asked for something while the window is hidden, and when a renewal fails."
          checked={settings.notifications}
          onChange={(on) => {
            if (on && !window.__TAURI_INTERNALS__) void allowNotifications();
            apply("notifications", on);
          }}
        />
        <Startup />
      </Section>
    </>
  );
}

function Method({
  method,
  current,
  text,
  onChoose,
}: {
  method: CredentialMethod;
  current: CredentialMethod;
  text: string;
  onChoose(method: CredentialMethod): void;
}) {
  return (
    <label>
      <input
        type="radio"
        name="credential-method"
        checked={method === current}
        onChange={() => onChoose(method)}
      />
      <span className="two-lines">
        <code>{method}</code>
        <span className="muted">{text}</span>
      </span>
    </label>
  );
}

/** Only where the shell can start by itself. */
function Startup() {
  const bridge = useBridge();
  const { say } = useUi();
  const [info, setInfo] = useState<ShellInfo>();
  useEffect(() => {
    bridge.shell("shell.info", {}).then(setInfo, () => setInfo(undefined));
  }, [bridge]);
  if (info?.startAtLogin === undefined) return null;
  const set = (changes: { startAtLogin?: boolean; startHidden?: boolean }) => {
    bridge
      .shell("shell.set", changes)
      .then(setInfo, (error) => say({ tone: "error", title: sentence(AgentError.of(error).message) }));
  };
  return (
    <>
      <Switch
        label="Start at login"
        checked={info.startAtLogin}
        onChange={(startAtLogin) => set({ startAtLogin })}
      />
      {info.startHidden !== undefined && (
        <Switch
          label="Start hidden"
          help="In the tray only."
          checked={info.startHidden}
          disabled={!info.startAtLogin}
          onChange={(startHidden) => set({ startHidden })}
        />
      )}
    </>
  );
}
