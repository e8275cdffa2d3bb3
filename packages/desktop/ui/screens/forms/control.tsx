/** One field of a form, by its kind. */
import { Eye, EyeOff } from "lucide-react";
import { type RefObject, useMemo, useState } from "react";
import type { SessionType } from "../../../../core/src/model.ts";
import { IconButton } from "../../components/button.tsx";
import { Chips, Combobox } from "../../components/combobox.tsx";
import { Field, Switch } from "../../components/field.tsx";
import { typeNames } from "../../data/sessions.ts";
import { useResource } from "../../data/store.ts";
import { duration } from "../../data/time.ts";
import { durationsOf, type FieldSpec, type FieldValue } from "./fields.ts";

interface Props {
  field: FieldSpec;
  type: SessionType;
  value: FieldValue | undefined;
  problem: string | undefined;
  onChange(value: FieldValue): void;
  /** The session being edited, which cannot be its own parent. */
  self?: string;
  editing?: boolean;
  autofocus?: boolean;
  /** Where the secret is read from when the form is sent; it never enters the state of the page. */
  secret?: RefObject<HTMLInputElement | null>;
}

export function FormControl(props: Props) {
  const { field, value, problem, onChange, editing, autofocus } = props;
  const text = typeof value === "string" ? value : "";
  if (field.kind === "switch")
    return <Switch label={field.label} help={field.help} checked={value === true} onChange={onChange} />;
  const optional = !field.required && field.kind !== "profiles" && field.kind !== "region";
  const keptSecret = editing && (field.key === "secretAccessKey" || field.key === "accessKeyId");
  return (
    <Field
      label={field.label}
      help={field.help}
      problem={problem}
      optional={optional && field.kind !== "duration"}
    >
      {(control) => {
        const common = { ...control, "data-autofocus": autofocus || undefined };
        switch (field.kind) {
          case "region":
            return <RegionBox {...common} value={text} onChange={onChange} />;
          case "profiles":
            return <ProfileChips {...common} value={listOf(value)} onChange={onChange} />;
          case "session":
            return <SessionBox {...common} value={text} self={props.self} onChange={onChange} />;
          case "idp-url":
            return <IdpUrlBox {...common} value={text} placeholder={field.placeholder} onChange={onChange} />;
          case "duration":
            return <DurationSelect {...common} value={text} type={props.type} onChange={onChange} />;
          case "list":
          case "pairs":
            return (
              <Chips
                {...common}
                values={listOf(value)}
                options={[]}
                placeholder={field.kind === "pairs" ? "team=payments" : undefined}
                onChange={onChange}
              />
            );
          case "json":
            return (
              <textarea
                {...common}
                className="input"
                rows={4}
                spellCheck={false}
                value={text}
                onChange={(event) => onChange(event.target.value)}
              />
            );
          case "secret":
            return (
              <SecretInput
                {...common}
                inputRef={props.secret}
                placeholder={keptSecret ? "unchanged" : undefined}
              />
            );
          default:
            return (
              <input
                {...common}
                className="input"
                type="text"
                value={text}
                placeholder={keptSecret ? "unchanged" : field.placeholder}
                spellCheck={false}
                autoComplete="off"
                onChange={(event) => onChange(event.target.value)}
              />
            );
        }
      }}
    </Field>
  );
}

const listOf = (value: FieldValue | undefined): string[] => (Array.isArray(value) ? value : []);

/** Uncontrolled: what is typed stays in the field until the form is sent. */
export function SecretInput({
  inputRef,
  ...rest
}: {
  inputRef?: RefObject<HTMLInputElement | null>;
  placeholder?: string;
  id?: string;
  "data-autofocus"?: boolean;
}) {
  const [shown, setShown] = useState(false);
  return (
    <div className="with-reveal">
      <input
        {...rest}
        ref={inputRef}
        className="input mono"
        type={shown ? "text" : "password"}
        spellCheck={false}
        autoComplete="off"
      />
      <IconButton
        icon={shown ? EyeOff : Eye}
        label={shown ? "Hide" : "Show"}
        look="plain"
        onClick={() => setShown(!shown)}
      />
    </div>
  );
}

type BoxProps = { value: string; onChange(value: string): void };

export function RegionBox(props: BoxProps & Record<string, unknown>) {
  const regions = useResource("regions").value;
  const options = useMemo(
    () => (regions ?? []).map((one) => ({ value: one.region, detail: one.description })),
    [regions],
  );
  return <Combobox {...props} options={options} />;
}

export function ProfileChips({
  value,
  ...rest
}: { value: string[]; onChange(value: string[]): void } & Record<string, unknown>) {
  const profiles = useResource("profiles").value;
  const options = useMemo(
    () =>
      (profiles ?? []).map((one) => ({
        value: one.name,
        detail: one.sessions.find((session) => session.active)?.name,
      })),
    [profiles],
  );
  return <Chips {...rest} values={value} options={options} placeholder="default" />;
}

function SessionBox({ self, ...props }: BoxProps & { self: string | undefined }) {
  const sessions = useResource("sessions").value;
  const options = useMemo(
    () =>
      (sessions ?? [])
        .filter((one) => one.id !== self && one.type !== "localstack")
        .map((one) => ({ value: one.id, label: one.name, detail: typeNames[one.type] })),
    [sessions, self],
  );
  return <Combobox {...props} options={options} placeholder="Choose a session" />;
}

function IdpUrlBox(props: BoxProps & { placeholder: string | undefined }) {
  const urls = useResource("idpUrls").value;
  const options = useMemo(() => (urls ?? []).map((one) => ({ value: one.id, label: one.url })), [urls]);
  return <Combobox {...props} options={options} free />;
}

function DurationSelect({ value, type, onChange, ...rest }: BoxProps & { type: SessionType }) {
  const settings = useResource("settings").value;
  const usual = settings?.[type === "iam-user" ? "iam-user-duration" : "role-duration"];
  const known = durationsOf(type);
  const all =
    value && !known.includes(Number(value)) ? [...known, Number(value)].sort((a, b) => a - b) : known;
  return (
    <select {...rest} className="input" value={value} onChange={(event) => onChange(event.target.value)}>
      <option value="">{usual ? `As in settings (${duration(usual * 1000)})` : "As in settings"}</option>
      {all.map((seconds) => (
        <option key={seconds} value={seconds}>
          {duration(seconds * 1000)}
        </option>
      ))}
    </select>
  );
}
