/** What the pages of the settings are made of. Each setting is applied when it is changed. */
import { type ReactNode, useState } from "react";
import type { Settings } from "../../../../core/src/model.ts";
import { AgentError } from "../../bridge/bridge.ts";
import { Field } from "../../components/field.tsx";
import { sentence } from "../../components/signs.tsx";
import { useConnections } from "../../data/store.ts";
import { useUi } from "../../data/ui.ts";

export function Section({ title, text, children }: { title: string; text?: ReactNode; children: ReactNode }) {
  return (
    <section className="settings-section">
      <div>
        <h2>{title}</h2>
        {text && <p className="muted">{text}</p>}
      </div>
      <div className="settings-controls">{children}</div>
    </section>
  );
}

/** @throws AgentError in the agent's words when the value can never work. */
export function useSetSetting(): (key: keyof Settings, value: string | number | boolean) => Promise<void> {
  const { bridge, store } = useConnections();
  const { say } = useUi();
  return async (key, value) => {
    const { settings, notices } = await bridge.call("settings.set", { key, value: String(value) });
    store.assume("settings", () => settings);
    for (const notice of notices) say({ tone: "info", title: sentence(notice) });
  };
}

/** For switches and menus, where nothing typed could be lost. */
export function useApplySetting(): (key: keyof Settings, value: string | number | boolean) => void {
  const set = useSetSetting();
  const { say } = useUi();
  return (key, value) => {
    set(key, value).catch((error) =>
      say({
        tone: "error",
        title: "The setting was not changed",
        detail: sentence(AgentError.of(error).message),
      }),
    );
  };
}

/** Text that is applied when the field is left or Enter is pressed; a refused value stays, with the reason. */
export function TextSetting({
  name,
  label,
  help,
  value,
  placeholder,
  type = "text",
}: {
  name: keyof Settings;
  label: string;
  help?: ReactNode;
  value: string;
  placeholder?: string;
  type?: "text" | "number";
}) {
  const set = useSetSetting();
  const [typed, setTyped] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const apply = async () => {
    if (typed === undefined || typed === value) return setTyped(undefined);
    try {
      await set(name, typed.trim());
      setTyped(undefined);
      setProblem(undefined);
    } catch (error) {
      setProblem(sentence(AgentError.of(error).message));
    }
  };
  return (
    <Field label={label} help={help} problem={problem}>
      {(control) => (
        <input
          {...control}
          className="input"
          type={type}
          spellCheck={false}
          autoComplete="off"
          placeholder={placeholder}
          value={typed ?? value}
          onChange={(event) => setTyped(event.target.value)}
          onBlur={() => void apply()}
          onKeyDown={(event) => {
            if (event.key === "Enter") void apply();
            if (event.key !== "Escape") return;
            setTyped(undefined);
            setProblem(undefined);
          }}
        />
      )}
    </Field>
  );
}

export function SelectSetting<T extends string | number>({
  label,
  help,
  value,
  options,
  onChange,
}: {
  label: string;
  help?: ReactNode;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange(value: T): void;
}) {
  const known = options.some(([option]) => option === value);
  return (
    <Field label={label} help={help}>
      {(control) => (
        <select
          {...control}
          className="input"
          value={String(value)}
          onChange={(event) =>
            onChange(options.find(([option]) => String(option) === event.target.value)![0])
          }
        >
          {!known && <option value={String(value)}>{String(value)}</option>}
          {options.map(([option, title]) => (
            <option key={option} value={String(option)}>
              {title}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
