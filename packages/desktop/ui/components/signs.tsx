/** Small things that say how something stands. */
import { AlertTriangle, CheckCircle2, Info, type LucideIcon, XCircle } from "lucide-react";
import type { ReactNode } from "react";

export type Tone = "accent" | "green" | "amber" | "red";

const icons: Record<Tone, LucideIcon> = {
  accent: Info,
  green: CheckCircle2,
  amber: AlertTriangle,
  red: XCircle,
};

/** What a person should know here and now, with its remedy beside it. */
export function Notice({
  tone = "accent",
  children,
  hint,
  action,
}: {
  tone?: Tone;
  children: ReactNode;
  hint?: ReactNode;
  action?: ReactNode;
}) {
  const Icon = icons[tone];
  return (
    <div className={`notice ${tone}`} role={tone === "red" ? "alert" : undefined}>
      <Icon className="icon" aria-hidden />
      <div>
        {children}
        {hint && <div className="hint">{hint}</div>}
      </div>
      {action}
    </div>
  );
}

export const Badge = ({ tone, children }: { tone?: Tone; children: ReactNode }) => (
  <span className={tone ? `badge ${tone}` : "badge"}>{children}</span>
);

export const Dot = ({ tone }: { tone?: "green" | "amber" | "red" }) => (
  <span className={tone ? `dot ${tone}` : "dot"} aria-hidden />
);

export function Empty({
  icon: Icon,
  title,
  heading: Heading = "h2",
  children,
}: {
  icon: LucideIcon;
  title: string;
  heading?: "h1" | "h2";
  children?: ReactNode;
}) {
  return (
    <div className="empty">
      <Icon aria-hidden strokeWidth={1.5} />
      <Heading>{title}</Heading>
      {children}
    </div>
  );
}

export const Spinner = ({ label }: { label: string }) => (
  <span role="status" className="spinner-line">
    <span className="spinner" /> {label}
  </span>
);

/** A remedy in words, unless it is a command to type: the window has buttons for those. */
export const hintOf = ({ hint }: { hint?: string }): string | undefined =>
  hint && !/\bleapp \w|--\w/.test(hint) ? sentence(hint) : undefined;

/** Capitalises an error line of the agent, which begins in lower case. */
export const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
