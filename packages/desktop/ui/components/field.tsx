import { AlertCircle } from "lucide-react";
import { Switch as RadixSwitch } from "radix-ui";
import { type ReactNode, useId } from "react";

export interface FieldProps {
  label: string;
  help?: ReactNode;
  problem?: string;
  optional?: boolean;
}

/** Ties label, help and problem to the one control that `children` renders with the given attributes. */
export function Field({
  label,
  help,
  problem,
  optional,
  children,
}: FieldProps & {
  children(control: {
    id: string;
    "aria-describedby": string | undefined;
    "aria-invalid": true | undefined;
  }): ReactNode;
}) {
  const id = useId();
  const notes = [help && `${id}-help`, problem && `${id}-problem`].filter(Boolean).join(" ");
  return (
    <div className="field">
      <label htmlFor={id}>
        {label} {optional && <span className="optional">(optional)</span>}
      </label>
      {children({ id, "aria-describedby": notes || undefined, "aria-invalid": problem ? true : undefined })}
      {help && (
        <div className="help" id={`${id}-help`}>
          {help}
        </div>
      )}
      {problem && (
        <div className="problem" id={`${id}-problem`} role="alert">
          <AlertCircle className="icon" aria-hidden />
          <span>{problem}</span>
        </div>
      )}
    </div>
  );
}

export function Switch({
  label,
  help,
  checked,
  onChange,
  disabled,
}: {
  label: string;
  help?: ReactNode;
  checked: boolean;
  onChange(checked: boolean): void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div className="switch-line">
      <div>
        <label htmlFor={id} className="label">
          {label}
        </label>
        {help && (
          <div className="muted" id={`${id}-help`}>
            {help}
          </div>
        )}
      </div>
      <RadixSwitch.Root
        id={id}
        className="switch"
        checked={checked}
        disabled={disabled}
        onCheckedChange={onChange}
        aria-describedby={help ? `${id}-help` : undefined}
      />
    </div>
  );
}

/** A choice of few, all visible. */
export function Segments<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange(value: T): void;
}) {
  const name = useId();
  return (
    <fieldset className="segments">
      <legend className="hidden-text">{label}</legend>
      {options.map(([option, title]) => (
        <label key={option}>
          <input type="radio" name={name} checked={option === value} onChange={() => onChange(option)} />
          {title}
        </label>
      ))}
    </fieldset>
  );
}
