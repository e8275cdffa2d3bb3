/** Adds and edits an IAM Identity Center instance. */
import { type ReactNode, useState } from "react";
import type { FieldProblem, IntegrationView } from "../../../../agent/src/protocol.ts";
import { AgentError } from "../../bridge/bridge.ts";
import { Button } from "../../components/button.tsx";
import { Field, Switch } from "../../components/field.tsx";
import { Modal } from "../../components/modal.tsx";
import { Notice, hintOf, sentence } from "../../components/signs.tsx";
import { useActions } from "../../data/actions.ts";
import { useConnections, useResource } from "../../data/store.ts";
import { useUi } from "../../data/ui.ts";
import { RegionBox } from "./control.tsx";
import { draftOf, keepDraft } from "./drafts.ts";

const draftKey = "add integration";

export function IntegrationForm({
  integration,
  beside,
  still,
}: {
  integration?: IntegrationView;
  beside?: ReactNode;
  still?: boolean;
}) {
  const { bridge, store } = useConnections();
  const { close, say } = useUi();
  const actions = useActions();
  const defaultRegion = useResource("settings").value?.["default-region"] ?? "";
  const draft = integration ? undefined : draftOf(draftKey);
  const [values, setValues] = useState({
    alias: integration?.alias ?? String(draft?.alias ?? ""),
    startUrl: integration?.startUrl ?? String(draft?.startUrl ?? ""),
    region: integration?.region ?? String(draft?.region ?? ""),
    shareTokens: integration?.shareTokens ?? false,
  });
  const [problems, setProblems] = useState<readonly FieldProblem[]>([]);
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<AgentError>();
  const sent = { ...values, region: values.region || defaultRegion };

  const change = (changes: Partial<typeof values>) => {
    const next = { ...values, ...changes };
    setValues(next);
    if (!integration) keepDraft(draftKey, next);
  };
  const check = async () => {
    const found = await bridge.call("integration.check", { integration: sent, replaces: integration?.id });
    setProblems(found.problems);
    return found.problems;
  };
  const leave = (field: string, to: Element | null) => {
    // As in session-form.tsx: the form's own buttons check by themselves.
    if (to?.closest(".modal-foot")) return;
    setTouched((now) => new Set(now).add(field));
    check().catch(() => {});
  };
  const problemOf = (field: string) => {
    const found = touched.has(field) ? problems.find((one) => one.field === field) : undefined;
    return found && sentence(found.message);
  };
  const save = async () => {
    setBusy(true);
    setFailure(undefined);
    setTouched(new Set(["alias", "startUrl", "region"]));
    try {
      if ((await check()).length > 0) {
        requestAnimationFrame(() => document.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
        return;
      }
      const { integration: saved, notices } = integration
        ? await bridge.call("integration.edit", { integration: integration.id, changes: sent })
        : await bridge.call("integration.add", { integration: sent });
      keepDraft(draftKey, undefined);
      for (const notice of notices) say({ tone: "info", title: sentence(notice) });
      await store.refresh("integrations");
      close();
      // The click that sent the form is the click that opens the browser.
      if (!integration) void actions.signIn(saved.id);
    } catch (error) {
      setFailure(AgentError.of(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <Modal
      title={integration ? `Edit ${integration.alias}` : beside ? "Add" : "Add a company sign-in"}
      width={beside ? 800 : 520}
      still={still}
      onClose={close}
      onSubmit={() => void save()}
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" busy={busy}>
            {integration ? "Save" : "Add and sign in"}
          </Button>
        </>
      }
    >
      <div className={beside ? "form-and-choice" : undefined}>
        {beside}
        <div className="form">
          {failure && (
            <Notice tone="red" hint={hintOf(failure)}>
              {sentence(failure.message)}
            </Notice>
          )}
          <div onBlur={(event) => leave("alias", event.relatedTarget)}>
            <Field label="Name" problem={problemOf("alias")}>
              {(control) => (
                <input
                  {...control}
                  className="input"
                  data-autofocus={!beside || undefined}
                  placeholder="company"
                  value={values.alias}
                  onChange={(event) => change({ alias: event.target.value })}
                />
              )}
            </Field>
          </div>
          <div onBlur={(event) => leave("startUrl", event.relatedTarget)}>
            <Field
              label="Start URL"
              help="The address of your AWS access portal, or its issuer URL."
              problem={problemOf("startUrl")}
            >
              {(control) => (
                <input
                  {...control}
                  className="input"
                  placeholder="https://company.awsapps.com/start"
                  spellCheck={false}
                  value={values.startUrl}
                  onChange={(event) => change({ startUrl: event.target.value })}
                />
              )}
            </Field>
          </div>
          <div onBlur={(event) => leave("region", event.relatedTarget)}>
            <Field
              label="Region of the portal"
              help="Where IAM Identity Center was set up; not where you work."
              problem={problemOf("region")}
            >
              {(control) => (
                <RegionBox {...control} value={sent.region} onChange={(region) => change({ region })} />
              )}
            </Field>
          </div>
          <Switch
            label="Share the sign-in with the AWS CLI"
            help="Through ~/.aws/sso/cache, in plain text, as the AWS CLI keeps it. Off: it stays in the vault."
            checked={values.shareTokens}
            onChange={(shareTokens) => change({ shareTokens })}
          />
        </div>
      </div>
    </Modal>
  );
}
