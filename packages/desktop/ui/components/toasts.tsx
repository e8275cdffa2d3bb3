import { CheckCircle2, Info, X, XCircle } from "lucide-react";
import { useEffect, useLayoutEffect, useRef } from "react";
import { type Toast, useUi } from "../data/ui.ts";
import { Button, IconButton } from "./button.tsx";

const icons = { info: Info, success: CheckCircle2, error: XCircle };
/** Milliseconds. Failures stay until they are closed. */
const shownFor = { info: 9_000, success: 4_000, error: undefined };

/** A popover, so that messages stay above modal windows. */
export function Toasts() {
  const { toasts } = useUi();
  const ref = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: shown again above what opened since
  useLayoutEffect(() => {
    const layer = ref.current!;
    if (layer.matches(":popover-open")) layer.hidePopover();
    if (toasts.length > 0) layer.showPopover();
  }, [toasts]);
  return (
    <div ref={ref} className="toasts" popover="manual" role="region" aria-label="Messages">
      <div aria-live="polite" className="toast-list">
        {toasts.map((toast) => (
          <OneToast key={toast.id} toast={toast} />
        ))}
      </div>
    </div>
  );
}

function OneToast({ toast }: { toast: Toast }) {
  const { dismiss } = useUi();
  const Icon = icons[toast.tone];
  const wait = shownFor[toast.tone];
  useEffect(() => {
    if (wait === undefined) return;
    const timer = setTimeout(() => dismiss(toast.id), wait);
    return () => clearTimeout(timer);
  }, [toast.id, wait, dismiss]);
  return (
    <div className={`toast ${toast.tone}`} role={toast.tone === "error" ? "alert" : undefined}>
      <Icon className="icon" aria-hidden />
      <div>
        <div className="title">{toast.title}</div>
        {toast.detail && <div className="detail">{toast.detail}</div>}
        {toast.action && (
          <div className="actions">
            <Button
              small
              onClick={() => {
                dismiss(toast.id);
                toast.action?.run();
              }}
            >
              {toast.action.label}
            </Button>
          </div>
        )}
      </div>
      <IconButton icon={X} label="Close message" small onClick={() => dismiss(toast.id)} />
    </div>
  );
}
