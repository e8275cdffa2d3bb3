/** No session yet: three things that work, and what is on this machine already. */
import { FlaskConical, KeyRound, Network } from "lucide-react";
import { useEffect, useState } from "react";
import { AgentError } from "../../bridge/bridge.ts";
import { Button } from "../../components/button.tsx";
import { Logo } from "../../components/logo.tsx";
import { Notice, sentence } from "../../components/signs.tsx";
import { useBridge, useResource } from "../../data/store.ts";
import { useUi } from "../../data/ui.ts";

export function FirstRun() {
  const bridge = useBridge();
  const { open, say } = useUi();
  const found = useResource("candidates").value?.length ?? 0;
  const [sandbox, setSandbox] = useState(false);
  useEffect(() => {
    bridge.shell("shell.info", {}).then(
      (info) => setSandbox(info.sandbox ?? false),
      () => setSandbox(false),
    );
  }, [bridge]);
  const trySandbox = () => {
    bridge
      .shell("shell.try-sandbox", {})
      .catch((error) => say({ tone: "error", title: sentence(AgentError.of(error).message) }));
  };
  return (
    <div className="first-run">
      <div className="first-run-head">
        <Logo />
        <h1>Credentials for every AWS tool, on the fly</h1>
        <p className="muted">
          Add where your access comes from. Start a session, and the AWS CLI, every SDK and Terraform find it
          under its profile. Nothing secret is written into a file.
        </p>
      </div>
      <div className="ways">
        <button type="button" className="way" onClick={() => open({ kind: "add", type: "integration" })}>
          <Network aria-hidden />
          <strong>Add a company sign-in</strong>
          <span className="muted">IAM Identity Center: sign in once, get every account and role.</span>
        </button>
        <button type="button" className="way" onClick={() => open({ kind: "add", type: "iam-user" })}>
          <KeyRound aria-hidden />
          <strong>Add an IAM user</strong>
          <span className="muted">Access keys you have, kept in the vault, with MFA if you use it.</span>
        </button>
        {sandbox && (
          <button type="button" className="way" onClick={trySandbox}>
            <FlaskConical aria-hidden />
            <strong>Try the sandbox</strong>
            <span className="muted">A make-believe AWS on this machine, in a window of its own.</span>
          </button>
        )}
      </div>
      {found > 0 && (
        <div className="found">
          <Notice
            action={
              <Button small look="primary" onClick={() => open({ kind: "import" })}>
                Have a look
              </Button>
            }
          >
            {found === 1 ? "There is something" : `There are ${found} things`} in ~/.aws that could be
            sessions here.
          </Notice>
        </div>
      )}
    </div>
  );
}
