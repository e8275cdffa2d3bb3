/** Signs in at an identity provider once and offers every role that this opens as a session. */
import { useEffect, useState } from "react";
import type { SamlSignInResult } from "../../../../agent/src/protocol.ts";
import { AgentError } from "../../bridge/bridge.ts";
import { Button } from "../../components/button.tsx";
import { Modal } from "../../components/modal.tsx";
import { Badge, hintOf, Notice, sentence, Spinner } from "../../components/signs.tsx";
import { useConnections } from "../../data/store.ts";
import { useUi } from "../../data/ui.ts";

const roleName = (arn: string): string => arn.split("/").at(-1) ?? arn;

export function SamlRoles({ url, onClose }: { url: string; onClose(): void }) {
  const { bridge, store } = useConnections();
  const { say } = useUi();
  const [found, setFound] = useState<SamlSignInResult>();
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [failure, setFailure] = useState<AgentError>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    bridge.call("idp-url.roles", { url }).then(setFound, (error) => setFailure(AgentError.of(error)));
  }, [bridge, url]);
  const fresh = found?.roles.filter((one) => !one.already) ?? [];
  const wanted = fresh.filter((one) => !left.has(one.roleArn));
  const add = async () => {
    if (!found) return;
    setBusy(true);
    try {
      for (const { accountId, roleArn, idpArn } of wanted) {
        const name = `${roleName(roleArn)} ${accountId}`;
        const session = { type: "iam-role-federated", name, roleArn, idpArn, idpUrlId: found.idpUrl.id };
        await bridge.call("session.add", { session });
      }
      say({ tone: "success", title: `${wanted.length} added` });
      await store.refresh("sessions", "idpUrls");
      onClose();
    } catch (error) {
      setFailure(AgentError.of(error));
      setBusy(false);
      await store.refresh("sessions");
    }
  };
  return (
    <Modal
      title="Roles of this sign-in"
      width={560}
      onClose={onClose}
      onSubmit={() => void add()}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={busy} disabled={wanted.length === 0}>
            Add {wanted.length}
          </Button>
        </>
      }
    >
      <p className="muted">{url}</p>
      {failure && (
        <Notice tone="red" hint={hintOf(failure)}>
          {sentence(failure.message)}
        </Notice>
      )}
      {!found && !failure && <Spinner label="Waiting for the sign-in" />}
      {found?.encrypted && (
        <Notice tone="amber">Only AWS can read the roles in this sign-in; add them by hand.</Notice>
      )}
      {found && (
        <ul className="candidates">
          {found.roles.map((one) => (
            <li key={one.roleArn}>
              <label>
                <input
                  type="checkbox"
                  disabled={one.already !== undefined}
                  checked={one.already === undefined && !left.has(one.roleArn)}
                  onChange={() =>
                    setLeft((now) => {
                      const next = new Set(now);
                      if (!next.delete(one.roleArn)) next.add(one.roleArn);
                      return next;
                    })
                  }
                />
                <span className="two-lines">
                  <span className="cut">{roleName(one.roleArn)}</span>
                  <span className="muted cut">{one.roleArn}</span>
                </span>
                {one.already && <Badge tone="green">{one.already}</Badge>}
              </label>
            </li>
          ))}
        </ul>
      )}
    </Modal>
  );
}
