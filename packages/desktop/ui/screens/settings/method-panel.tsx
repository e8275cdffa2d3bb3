/** What a change of the credential method means, before it is applied. */
import { Download } from "lucide-react";
import { useEffect, useState } from "react";
import type { CredentialMethod } from "../../../../core/src/model.ts";
import { AgentError } from "../../bridge/bridge.ts";
import { Button } from "../../components/button.tsx";
import { Modal } from "../../components/modal.tsx";
import { Notice, hintOf, sentence, Spinner } from "../../components/signs.tsx";
import { useTilde } from "../../data/home.ts";
import { useConnections, useResource } from "../../data/store.ts";
import { useUi } from "../../data/ui.ts";
import { useSetSetting } from "./parts.tsx";

export function MethodPanel({ method, onClose }: { method: CredentialMethod; onClose(): void }) {
  const { bridge, store } = useConnections();
  const { say } = useUi();
  const set = useSetSetting();
  const tilde = useTilde();
  const byProcess = method === "credential-process-method";
  const [lines, setLines] = useState<readonly string[]>();
  const [failure, setFailure] = useState<AgentError>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    let wanted = true;
    bridge.call("settings.preview-method", { method }).then(
      (preview) => wanted && setLines(preview.lines),
      (error) => wanted && setFailure(AgentError.of(error)),
    );
    return () => {
      wanted = false;
    };
  }, [bridge, method]);
  // What is under way cannot be called off, and how it ends is told here.
  const close = () => !busy && onClose();
  const apply = async () => {
    setBusy(true);
    try {
      await set("credential-method", method);
    } catch (error) {
      setFailure(AgentError.of(error));
      setBusy(false);
      return;
    }
    // At once: whoever waited for the sessions first would close the panel that is opened meanwhile.
    onClose();
    say({ tone: "success", title: `Credentials are handed out by ${method}` });
    await store.refresh("sessions");
  };
  return (
    <Modal
      title={method}
      width={560}
      onClose={close}
      onSubmit={() => void apply()}
      footer={
        <>
          <Button disabled={busy} onClick={close}>
            Cancel
          </Button>
          <Button type="submit" look="primary" data-autofocus busy={busy}>
            I acknowledge it
          </Button>
        </>
      }
    >
      {byProcess ? (
        <>
          <p>
            Tools run <code>leapp session generate</code> each time they need a credential, so the{" "}
            <strong>leapp command line must be installed</strong> where they find it. Without it, started
            profiles hand out nothing.
          </p>
          <CommandLine />
        </>
      ) : (
        <Notice tone="amber">
          Temporary keys will lie in <code>~/.aws/credentials</code> in plain text. Every program of yours,
          and every backup of that file, can read them until they expire.
        </Notice>
      )}
      <div className="field">
        <h2>What changes now</h2>
        {!lines && !failure && <Spinner label="Comparing" />}
        {lines?.length === 0 && <p className="muted">No session is started, so no file changes.</p>}
        {lines && lines.length > 0 && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
          <ul className="changes" tabIndex={0} aria-label="What changes now">
            {lines.map((line) => (
              <li key={line}>{tilde(line)}</li>
            ))}
          </ul>
        )}
      </div>
      {failure && (
        <Notice tone="red" hint={hintOf(failure)}>
          {sentence(failure.message)}
        </Notice>
      )}
    </Modal>
  );
}

/** Whether the command line is there, and the button that puts it there. */
export function CommandLine() {
  const { bridge, store } = useConnections();
  const { say } = useUi();
  const { value: status, error } = useResource("commandLine");
  const tilde = useTilde();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<AgentError>();
  const install = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      const done = await bridge.call("command-line.install", {});
      for (const notice of done.notices) say({ tone: "info", title: sentence(notice) });
      await store.refresh("commandLine");
    } catch (caught) {
      setFailure(AgentError.of(caught));
    }
    setBusy(false);
  };
  const button = (
    <Button small icon={Download} busy={busy} onClick={() => void install()}>
      Install
    </Button>
  );
  if (error) return <Notice tone="red">{sentence(error.message)}</Notice>;
  if (!status) return <Spinner label="Looking for the command line" />;
  return (
    <>
      {/* Put where Install would put it, profiles name it in full: not every tool looks there. */}
      {status.onPath || status.command === status.target ? (
        <Notice tone="green" hint={status.version && `Version ${status.version}`}>
          The command line is installed
          {status.command && status.command !== "leapp" ? `: ${tilde(status.command)}` : "."}
        </Notice>
      ) : status.command ? (
        <Notice
          tone="accent"
          hint={`Install puts it at ${tilde(status.target)}, so that the short name works as well.`}
          action={button}
        >
          The command line is there, under its full name:{" "}
          <code className="selectable">{tilde(status.command)}</code>
        </Notice>
      ) : (
        <Notice tone="amber" hint={`Install puts it at ${tilde(status.target)}.`} action={button}>
          The command line is not installed where tools can run it.
        </Notice>
      )}
      {failure && (
        <Notice tone="red" hint={hintOf(failure)}>
          {sentence(failure.message)}
        </Notice>
      )}
    </>
  );
}
