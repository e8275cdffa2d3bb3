import { useRef, useState } from "react";
import { AgentError } from "../bridge/bridge.ts";
import { Button } from "../components/button.tsx";
import { Field } from "../components/field.tsx";
import { Modal } from "../components/modal.tsx";
import { sentence } from "../components/signs.tsx";
import { useConnections, useResource } from "../data/store.ts";
import { useUi } from "../data/ui.ts";
import { SecretInput } from "./forms/control.tsx";

export function Unlock() {
  const { bridge, store } = useConnections();
  const { close, say } = useUi();
  const vault = useResource("vault").value;
  const byPassphrase = vault?.kind === "passphrase";
  const input = useRef<HTMLInputElement>(null);
  const [failure, setFailure] = useState<AgentError>();
  const [busy, setBusy] = useState(false);
  const unlock = async () => {
    setBusy(true);
    try {
      const passphrase = byPassphrase ? input.current?.value : undefined;
      await bridge.call("vault.unlock", { passphrase });
      if (input.current) input.current.value = "";
      say({ tone: "success", title: "Vault open" });
      await store.refresh("vault");
      close();
    } catch (error) {
      setFailure(AgentError.of(error));
      setBusy(false);
    }
  };
  const problem = failure && sentence(failure.message);
  return (
    <Modal
      title="Unlock the vault"
      width={400}
      onClose={close}
      onSubmit={() => void unlock()}
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" busy={busy}>
            Unlock
          </Button>
        </>
      }
    >
      {byPassphrase ? (
        <Field label="Passphrase" problem={problem}>
          {(control) => <SecretInput {...control} data-autofocus inputRef={input} />}
        </Field>
      ) : (
        <>
          <p>The key is in {vault?.label ?? "your keychain"}, which may ask you.</p>
          {problem && <p role="alert">{problem}</p>}
        </>
      )}
    </Modal>
  );
}
