import type { LucideIcon } from "lucide-react";
import type { ButtonHTMLAttributes, Ref } from "react";
import { Tip } from "./tip.tsx";

interface Common extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "children"> {
  icon?: LucideIcon;
  look?: "plain" | "primary" | "danger" | "quiet";
  small?: boolean;
  busy?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({
  icon: Icon,
  look = "plain",
  small,
  busy,
  className,
  children,
  disabled,
  ...rest
}: Common & { children: React.ReactNode }) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={["button", look, small && "small", className].filter(Boolean).join(" ")}
    >
      {busy ? <span className="spinner" /> : Icon ? <Icon className="icon" aria-hidden /> : null}
      {children}
    </button>
  );
}

/** A button that shows its name and shortcut when pointed at. */
export function IconButton({
  icon: Icon,
  label,
  shortcut,
  look = "quiet",
  small,
  busy,
  className,
  disabled,
  ...rest
}: Common & { icon: LucideIcon; label: string; shortcut?: string }) {
  return (
    <Tip text={label} shortcut={shortcut}>
      <button
        type="button"
        aria-label={label}
        {...rest}
        disabled={disabled || busy}
        className={["button icon-only", look, small && "small", className].filter(Boolean).join(" ")}
      >
        {busy ? <span className="spinner" /> : <Icon className="icon" aria-hidden />}
      </button>
    </Tip>
  );
}
