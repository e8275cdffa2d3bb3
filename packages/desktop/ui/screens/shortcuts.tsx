import { Modal } from "../components/modal.tsx";
import { useUi } from "../data/ui.ts";
import { commandKey } from "./top-bar.tsx";

const groups: readonly [string, readonly (readonly [string, string])[]][] = [
  [
    "Everywhere",
    [
      [`${commandKey}K`, "Commands: anything by name"],
      ["/", "Search"],
      ["N", "Add"],
      [`${commandKey},`, "Settings"],
      ["?", "This list"],
      ["Esc", "Close, or clear"],
    ],
  ],
  [
    "In the table",
    [
      ["↑ ↓", "Move; with Shift, select as well"],
      ["Space", "Select this one too"],
      [`${commandKey}A`, "Select all that are shown"],
      ["Enter", "Start or stop"],
      ["Shift F10", "All that can be done with it"],
      ["E", "Edit"],
      ["P", "Pin"],
      ["Del", "Delete"],
      ["← →", "Close and open a group"],
    ],
  ],
];

export function Shortcuts() {
  const { close } = useUi();
  return (
    <Modal title="Keyboard shortcuts" width={440} onClose={close}>
      {groups.map(([title, keys]) => (
        <section key={title}>
          <h2>{title}</h2>
          <dl className="shortcuts">
            {keys.map(([key, text]) => (
              <div key={key}>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Modal>
  );
}
