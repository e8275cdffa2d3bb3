import { useState } from "react";
import { AgentError } from "../../bridge/bridge.ts";
import { Button } from "../../components/button.tsx";
import { Modal } from "../../components/modal.tsx";
import { Badge, Notice, sentence, Spinner } from "../../components/signs.tsx";
import { typeNames } from "../../data/sessions.ts";
import { useConnections, useResource } from "../../data/store.ts";
import { useUi } from "../../data/ui.ts";

/** Takes over what was found on this machine; the files stay as they are. */
export function ImportDialog() {
  const { bridge, store } = useConnections();
  const { close, say } = useUi();
  const { value: candidates, error } = useResource("candidates");
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<AgentError>();
  const wanted = candidates?.filter((one) => !left.has(one.id)) ?? [];
  const apply = async () => {
    setBusy(true);
    try {
      const { added, notices } = await bridge.call("import.apply", { ids: wanted.map((one) => one.id) });
      for (const notice of notices) say({ tone: "info", title: sentence(notice) });
      say({ tone: "success", title: `${added.length} added` });
      await store.refresh("sessions", "integrations", "profiles", "candidates");
      close();
    } catch (caught) {
      setFailure(AgentError.of(caught));
      setBusy(false);
    }
  };
  return (
    <Modal
      title="Found on this machine"
      width={600}
      onClose={close}
      onSubmit={() => void apply()}
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" busy={busy} disabled={wanted.length === 0}>
            Add {wanted.length}
          </Button>
        </>
      }
    >
      <p>Your files stay as they are. Keys are copied into the vault.</p>
      {(failure ?? error) && <Notice tone="red">{sentence((failure ?? error)!.message)}</Notice>}
      {!candidates && !error && <Spinner label="Looking" />}
      <ul className="candidates">
        {candidates?.map((one) => (
          <li key={one.id}>
            <label>
              <input
                type="checkbox"
                checked={!left.has(one.id)}
                onChange={() =>
                  setLeft((now) => {
                    const next = new Set(now);
                    if (!next.delete(one.id)) next.add(one.id);
                    return next;
                  })
                }
              />
              <span className="two-lines">
                <span className="cut">{one.name}</span>
                <span className="muted cut" title={one.origin}>
                  {one.detail}
                </span>
              </span>
              <Badge>{one.kind === "integration" ? "Company sign-in" : typeNames[one.kind]}</Badge>
            </label>
          </li>
        ))}
      </ul>
    </Modal>
  );
}
