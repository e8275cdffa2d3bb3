import { Tooltip } from "radix-ui";
import type { ReactNode } from "react";
import { usePortal } from "./modal.tsx";

export function Tip({
  text,
  shortcut,
  children,
}: {
  text: ReactNode;
  shortcut?: string;
  children: ReactNode;
}) {
  const container = usePortal();
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal container={container}>
        <Tooltip.Content className="tooltip" sideOffset={5} collisionPadding={8}>
          {text}
          {shortcut && <kbd>{shortcut}</kbd>}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
