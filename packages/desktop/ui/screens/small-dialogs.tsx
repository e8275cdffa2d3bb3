import { useState } from "react";
import type { IntegrationView } from "../../../agent/src/protocol.ts";
import type { SessionView } from "../../../core/src/model.ts";
import { AgentError } from "../bridge/bridge.ts";
import { Button } from "../components/button.tsx";
import { Field } from "../components/field.tsx";
import { Modal } from "../components/modal.tsx";
import { Notice, sentence } from "../components/signs.tsx";
import { useActions } from "../data/actions.ts";
import { useLook } from "../data/preferences.ts";
import type { Filters } from "../data/sessions.ts";
import { useConnections } from "../data/store.ts";
import { type Dialog, useUi } from "../data/ui.ts";
import { ProfileChips, RegionBox } from "./forms/control.tsx";

const countOf = (list: readonly unknown[]): string =>
  list.length === 1 ? "1 session" : `${list.length} sessions`;

export function ChangeRegion({ sessions }: { sessions: readonly SessionView[] }) {
  const { close } = useUi();
  const actions = useActions();
  const [region, setRegion] = useState(sessions[0]?.region ?? "");
  const apply = () => {
    close();
    void actions.change(sessions, { region });
  };
  return (
    <Modal
      title={`Region of ${sessions.length === 1 ? sessions[0]!.name : countOf(sessions)}`}
      width={400}
      onClose={close}
      onSubmit={apply}
      footer={<Footer action="Change region" />}
    >
      <Field label="Region" help="Started sessions take it at once.">
        {(control) => <RegionBox {...control} data-autofocus value={region} onChange={setRegion} />}
      </Field>
    </Modal>
  );
}

export function ChangeProfiles({ sessions }: { sessions: readonly SessionView[] }) {
  const { close } = useUi();
  const actions = useActions();
  const [profiles, setProfiles] = useState(sessions.length === 1 ? sessions[0]!.profiles : []);
  const apply = () => {
    if (profiles.length === 0) return;
    close();
    void actions.change(sessions, { profiles });
  };
  return (
    <Modal
      title={`Profiles of ${sessions.length === 1 ? sessions[0]!.name : countOf(sessions)}`}
      width={440}
      onClose={close}
      onSubmit={apply}
      footer={<Footer action="Change profiles" disabled={profiles.length === 0} />}
    >
      <Field
        label="Named profiles"
        help={
          sessions.length === 1
            ? "The first is the main one."
            : "All of them get these. Only one session can be started per profile."
        }
      >
        {(control) => <ProfileChips {...control} data-autofocus value={profiles} onChange={setProfiles} />}
      </Field>
    </Modal>
  );
}

function Footer({
  action,
  disabled,
  danger,
  busy,
}: {
  action: string;
  disabled?: boolean;
  danger?: boolean;
  busy?: boolean;
}) {
  const { close } = useUi();
  return (
    <>
      <Button onClick={close}>Cancel</Button>
      <Button type="submit" look={danger ? "danger" : "primary"} disabled={disabled} busy={busy}>
        {action}
      </Button>
    </>
  );
}

export function DeleteSessions({ sessions }: { sessions: readonly SessionView[] }) {
  const { bridge, store } = useConnections();
  const { close, say } = useUi();
  /** What the agent refused the first time: sessions that chain from these. */
  const [refusal, setRefusal] = useState<AgentError>();
  const [busy, setBusy] = useState(false);
  const production = sessions.some((one) => one.production);
  const remove = async () => {
    setBusy(true);
    try {
      for (const session of sessions) {
        if (!store.read("sessions").value?.some((one) => one.id === session.id)) continue;
        await bridge.call("session.delete", { session: session.id, force: refusal !== undefined });
        await store.refresh("sessions");
      }
      say({
        tone: "success",
        title: `${sessions.length === 1 ? sessions[0]!.name : countOf(sessions)} deleted`,
      });
      close();
    } catch (error) {
      setRefusal(AgentError.of(error));
    } finally {
      setBusy(false);
    }
  };
  const blocked = refusal !== undefined && refusal.code !== "conflict";
  return (
    <Modal
      alert
      title={`Delete ${sessions.length === 1 ? sessions[0]!.name : countOf(sessions)}?`}
      width={440}
      onClose={close}
      onSubmit={() => void remove()}
      footer={
        <Footer danger busy={busy} disabled={blocked} action={refusal ? "Delete all of them" : "Delete"} />
      }
    >
      <p>
        {sessions.length === 1
          ? "If it is started, it is stopped first. What the vault keeps for it is forgotten"
          : "Started ones are stopped first. Keys in the vault that belong to them are forgotten"}
        ; nothing changes at AWS.
      </p>
      {production && (
        <Notice tone="amber">
          {sessions.length === 1 ? "It is marked as production." : "There is production among them."}
        </Notice>
      )}
      {refusal && <Notice tone="red">{sentence(refusal.message)}</Notice>}
      {sessions.length > 1 && (
        <p className="muted">
          {sessions
            .slice(0, 12)
            .map((one) => one.name)
            .join(", ")}
          {sessions.length > 12 && ` and ${sessions.length - 12} more`}
        </p>
      )}
    </Modal>
  );
}

export function DeleteIntegration({ integration }: { integration: IntegrationView }) {
  const { bridge, store } = useConnections();
  const { close, say } = useUi();
  const [refusal, setRefusal] = useState<AgentError>();
  const [busy, setBusy] = useState(false);
  const remove = async () => {
    setBusy(true);
    try {
      await bridge.call("integration.delete", { integration: integration.id, force: refusal !== undefined });
      say({ tone: "success", title: `${integration.alias} deleted` });
      await store.refresh("integrations", "sessions");
      close();
    } catch (error) {
      setRefusal(AgentError.of(error));
      setBusy(false);
    }
  };
  return (
    <Modal
      alert
      title={`Delete ${integration.alias}?`}
      width={440}
      onClose={close}
      onSubmit={() => void remove()}
      footer={
        <Footer
          danger
          busy={busy}
          disabled={refusal !== undefined && refusal.code !== "conflict"}
          action={refusal ? "Delete all of it" : "Delete"}
        />
      }
    >
      <p>
        {integration.sessions > 0
          ? `Its ${integration.sessions.toLocaleString("en")} sessions go with it, and you are signed out.`
          : "You are signed out of it."}{" "}
        Nothing changes at AWS.
      </p>
      {refusal && <Notice tone="red">{sentence(refusal.message)}</Notice>}
    </Modal>
  );
}

export function SaveView({ search, filters }: { search: string; filters: Filters }) {
  const { close } = useUi();
  const [look, changeLook] = useLook();
  const [name, setName] = useState("");
  const wanted = name.trim();
  const save = () => {
    if (!wanted) return;
    const view = { name: wanted, search, filters, sort: look.sort, group: look.group };
    const others = look.views.filter((one) => one.name !== wanted);
    changeLook({ views: [...others, view].sort((a, b) => a.name.localeCompare(b.name)) });
    close();
  };
  return (
    <Modal
      title="Save view"
      width={400}
      onClose={close}
      onSubmit={save}
      footer={<Footer action="Save" disabled={!wanted} />}
    >
      <Field label="Name" help="Search, filters, order and groups, one click away in the side bar.">
        {(control) => (
          <input
            {...control}
            className="input"
            data-autofocus
            maxLength={60}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
    </Modal>
  );
}

export function Confirm({ title, text, detail, action, danger, run }: Extract<Dialog, { kind: "confirm" }>) {
  const { close } = useUi();
  return (
    <Modal
      alert
      title={title}
      width={460}
      onClose={close}
      onSubmit={() => {
        close();
        run();
      }}
      footer={<Footer action={action} danger={danger} />}
    >
      <p>{text}</p>
      {detail && <pre className="code">{detail}</pre>}
    </Modal>
  );
}
