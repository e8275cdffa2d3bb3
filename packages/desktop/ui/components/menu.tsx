/** Menus on Radix's primitives. Never modal: that would need inline style elements, which the CSP refuses. */
import { Check, ChevronRight, type LucideIcon } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { usePortal } from "./modal.tsx";

export function Menu({
  trigger,
  children,
  label,
  align = "start",
}: {
  trigger: ReactNode;
  children: ReactNode;
  label?: string;
  align?: "start" | "end";
}) {
  const container = usePortal();
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal container={container}>
        <DropdownMenu.Content
          className="menu"
          align={align}
          sideOffset={4}
          collisionPadding={8}
          aria-label={label}
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** A menu that opens at a point: a click with the other button, or the menu key on a row. */
export function MenuAt({
  at,
  onClose,
  children,
  label,
}: {
  at: { x: number; y: number };
  onClose(): void;
  children: ReactNode;
  label: string;
}) {
  const container = usePortal();
  return (
    <DropdownMenu.Root modal={false} open onOpenChange={(open) => !open && onClose()}>
      <DropdownMenu.Trigger asChild>
        <span className="menu-point" tabIndex={-1} aria-hidden style={{ left: at.x, top: at.y }} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal container={container}>
        <DropdownMenu.Content
          className="menu"
          align="start"
          collisionPadding={8}
          aria-label={label}
          onCloseAutoFocus={(event) => event.preventDefault()}
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export function MenuItem({
  icon: Icon,
  children,
  shortcut,
  danger,
  disabled,
  onSelect,
}: {
  icon?: LucideIcon;
  children: ReactNode;
  shortcut?: string;
  danger?: boolean;
  disabled?: boolean;
  onSelect(): void;
}) {
  return (
    <DropdownMenu.Item
      className={danger ? "menu-item danger" : "menu-item"}
      disabled={disabled}
      onSelect={onSelect}
    >
      {Icon && <Icon className="icon" aria-hidden />}
      {children}
      {shortcut && <span className="shortcut">{shortcut}</span>}
    </DropdownMenu.Item>
  );
}

/** Stays open, so that several can be ticked. */
export function MenuTick({
  children,
  detail,
  checked,
  onChange,
  closes,
}: {
  children: ReactNode;
  detail?: ReactNode;
  checked: boolean;
  onChange(checked: boolean): void;
  closes?: boolean;
}) {
  return (
    <DropdownMenu.CheckboxItem
      className="menu-item"
      checked={checked}
      onCheckedChange={onChange}
      onSelect={closes ? undefined : (event) => event.preventDefault()}
    >
      <span className="tick">{checked && <Check className="icon" aria-hidden />}</span>
      <span className="cut">{children}</span>
      {detail !== undefined && <span className="detail number">{detail}</span>}
    </DropdownMenu.CheckboxItem>
  );
}

export function SubMenu({
  icon: Icon,
  title,
  children,
}: {
  icon: LucideIcon;
  title: string;
  children: ReactNode;
}) {
  const container = usePortal();
  return (
    <DropdownMenu.Sub>
      <DropdownMenu.SubTrigger className="menu-item">
        <Icon className="icon" aria-hidden />
        {title}
        <ChevronRight className="icon shortcut" aria-hidden />
      </DropdownMenu.SubTrigger>
      <DropdownMenu.Portal container={container}>
        <DropdownMenu.SubContent className="menu" sideOffset={4} collisionPadding={8}>
          {children}
        </DropdownMenu.SubContent>
      </DropdownMenu.Portal>
    </DropdownMenu.Sub>
  );
}

export const MenuLine = () => <DropdownMenu.Separator className="menu-line" />;
export const MenuLabel = ({ children }: { children: ReactNode }) => (
  <DropdownMenu.Label className="menu-label">{children}</DropdownMenu.Label>
);
