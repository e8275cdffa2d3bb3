import { X } from "lucide-react";
import {
  createContext,
  type FormEvent,
  type ReactNode,
  useContext,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { IconButton } from "./button.tsx";

const PortalContext = createContext<HTMLElement | null>(null);

/** Where menus and tooltips go: into the modal window above them, which makes all else inert, or the main part. */
export const usePortal = (): HTMLElement | null =>
  useContext(PortalContext) ?? document.querySelector("main");

/** A native modal dialog: focus stays inside, Escape closes, focus goes back to where it was. */
export function Modal({
  title,
  onClose,
  onSubmit,
  footer,
  children,
  width,
  alert,
  still,
}: {
  title: string;
  onClose(): void;
  onSubmit?(): void;
  footer?: ReactNode;
  children: ReactNode;
  /** Pixels. */
  width?: number;
  /** Interrupts: named as such to screen readers. */
  alert?: boolean;
  /** Takes the place of another one: no motion. */
  still?: boolean;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const [element, setElement] = useState<HTMLElement | null>(null);
  const titleId = useId();
  useLayoutEffect(() => {
    const dialog = ref.current!;
    dialog.showModal();
    // Without a field to type in, the text has the focus rather than the button that closes.
    const first = dialog.querySelector<HTMLElement>("[data-autofocus]");
    (first ?? dialog.querySelector<HTMLElement>(".modal-body"))?.focus();
    setElement(dialog);
    return () => dialog.close();
  }, []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    onSubmit?.();
  };
  const content = (
    <>
      <div className="modal-head">
        <h1 id={titleId}>{title}</h1>
        <IconButton icon={X} label="Close" shortcut="Esc" small onClick={onClose} />
      </div>
      <div className="modal-body" tabIndex={-1}>
        {children}
      </div>
      {footer && <div className="modal-foot">{footer}</div>}
    </>
  );
  return (
    <dialog
      ref={ref}
      className={still ? "modal still" : "modal"}
      role={alert ? "alertdialog" : undefined}
      aria-labelledby={titleId}
      style={width ? { ["--modal-width" as string]: `${width}px` } : undefined}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onKeyDown={(event) => {
        // Shortcuts of the screen below stay there.
        if (event.key !== "Escape") event.stopPropagation();
      }}
    >
      <PortalContext value={element}>
        {onSubmit ? (
          <form onSubmit={submit} noValidate className="modal-form">
            {content}
          </form>
        ) : (
          content
        )}
      </PortalContext>
    </dialog>
  );
}
