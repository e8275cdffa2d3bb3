/** Adds and edits a session of any kind. */
import { ChevronDown, ChevronRight, FlaskConical } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { CallerIdentity, FieldProblem, SecretInput } from "../../../../agent/src/protocol.ts";
import type { SessionType, SessionView } from "../../../../core/src/model.ts";
import { AgentError } from "../../bridge/bridge.ts";
import { Button } from "../../components/button.tsx";
import { Modal } from "../../components/modal.tsx";
import { Notice, hintOf, sentence } from "../../components/signs.tsx";
import { useConnections, useResource } from "../../data/store.ts";
import { useUi } from "../../data/ui.ts";
import { FormControl } from "./control.tsx";
import { draftOf, keepDraft } from "./drafts.ts";
import { formOf, inputOf, type FieldValue, type Values, valuesOf } from "./fields.ts";

type Outcome = ({ identity: CallerIdentity } | { failure: AgentError }) & {
  /** Something was changed since. */
  stale?: boolean;
};

export function SessionForm({
  type,
  title,
  session,
  initial,
  draft = true,
  beside,
  still,
}: {
  type: SessionType;
  title: string;
  /** Edits this one; adds a new one without. */
  session?: SessionView;
  initial?: Values;
  /** Goes on with what was typed before. */
  draft?: boolean;
  /** Shown left of the fields: the choice of a kind. */
  beside?: ReactNode;
  still?: boolean;
}) {
  const { bridge, store } = useConnections();
  const { close, say } = useUi();
  const defaultRegion = useResource("settings").value?.["default-region"];
  const idpUrls = useResource("idpUrls").value;
  const draftKey = session ? `edit ${session.id}` : `add ${type}`;
  const [kept, setKept] = useState(() => (draft ? draftOf(draftKey) : undefined));
  const fresh: Values = session ? valuesOf(session) : { ...initial };
  const [values, setValues] = useState<Values>(kept ?? fresh);
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [problems, setProblems] = useState<readonly FieldProblem[]>([]);
  const [busy, setBusy] = useState<"save" | "test">();
  const [outcome, setOutcome] = useState<Outcome>();
  const [failure, setFailure] = useState<AgentError>();
  const secret = useRef<HTMLInputElement>(null);
  const fields = formOf[type];
  const [unfolded, setUnfolded] = useState(() => fields.some((one) => one.advanced && values[one.key]));
  const shownRegion = values.region ?? defaultRegion;

  useEffect(() => {
    if (!session && defaultRegion) setValues((now) => ({ region: defaultRegion, ...now }));
  }, [defaultRegion, session]);

  const input = () => inputOf(type, values, session !== undefined);
  const secrets = (): SecretInput | undefined => {
    if (type !== "iam-user") return undefined;
    const given: SecretInput = {};
    if (typeof values.accessKeyId === "string" && values.accessKeyId.trim())
      given.accessKeyId = values.accessKeyId.trim();
    if (secret.current?.value) given.secretAccessKey = secret.current.value.trim();
    return Object.keys(given).length > 0 || !session ? given : undefined;
  };
  const check = async (): Promise<readonly FieldProblem[]> => {
    const answer = await bridge.call("session.check", {
      session: input(),
      secrets: secrets(),
      replaces: session?.id,
    });
    setProblems(answer.problems);
    return answer.problems;
  };
  const change = (key: string, value: FieldValue) => {
    const next = { ...values, [key]: value };
    setValues(next);
    if (draft) keepDraft(draftKey, next);
    // It stays in sight: were it taken away, the buttons below would move from under the pointer.
    setOutcome((now) => now && { ...now, stale: true });
  };
  const leave = (key: string) => {
    setTouched((now) => new Set(now).add(key));
    // A check that fails on the way leaves the form as it is; sending it says why.
    check().catch(() => {});
  };
  /** A sign-in page that is typed rather than chosen becomes one of the known ones first. */
  const withIdpUrl = async () => {
    const sent = input();
    const typed = sent.idpUrlId;
    if (
      type !== "iam-role-federated" ||
      typeof typed !== "string" ||
      idpUrls?.some((one) => one.id === typed)
    )
      return sent;
    const added = await bridge.call("idp-url.add", { url: typed });
    await store.refresh("idpUrls");
    change("idpUrlId", added.id);
    return { ...sent, idpUrlId: added.id };
  };
  const run = async (what: "save" | "test", work: () => Promise<void>) => {
    setBusy(what);
    setFailure(undefined);
    setOutcome(undefined);
    setTouched(new Set(fields.map((one) => one.key)));
    try {
      const found = await check();
      if (found.length === 0) return await work();
      if (fields.some((one) => one.advanced && found.some((problem) => problem.field === one.key)))
        setUnfolded(true);
      requestAnimationFrame(() => document.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
    } catch (error) {
      if (what === "test") setOutcome({ failure: AgentError.of(error) });
      else setFailure(AgentError.of(error));
    } finally {
      setBusy(undefined);
    }
  };
  const save = () =>
    run("save", async () => {
      const sent = await withIdpUrl();
      const { session: saved, notices } = session
        ? await bridge.call("session.edit", { session: session.id, changes: sent, secrets: secrets() })
        : await bridge.call("session.add", { session: sent, secrets: secrets() });
      keepDraft(draftKey, undefined);
      for (const notice of notices) say({ tone: "info", title: sentence(notice) });
      say({ tone: "success", title: session ? `${saved.name} saved` : `${saved.name} added` });
      await store.refresh("sessions", "profiles");
      close();
    });
  const test = () =>
    run("test", async () => {
      const identity = await bridge.call("session.test", {
        session: await withIdpUrl(),
        secrets: secrets(),
        replaces: session?.id,
      });
      setOutcome({ identity });
    });

  const unplaced = problems.filter((one) => !fields.some((field) => field.key === one.field));
  const controls = (advanced: boolean) =>
    fields
      .filter((field) => !!field.advanced === advanced)
      .map((field, index) => (
        <div
          key={field.key}
          className={field.half ? "half" : undefined}
          onBlur={(event) => {
            const to = event.relatedTarget;
            // A button of the form checks by itself; messages that come and go would move it meanwhile.
            if (!event.currentTarget.contains(to) && !to?.closest(".modal-foot")) leave(field.key);
          }}
        >
          <FormControl
            field={field}
            type={type}
            value={field.key === "region" ? shownRegion : values[field.key]}
            problem={touched.has(field.key) ? messageFor(problems, field.key) : undefined}
            onChange={(value) => change(field.key, value)}
            self={session?.id}
            editing={session !== undefined}
            autofocus={!beside && !advanced && index === 0}
            secret={secret}
          />
        </div>
      ));

  return (
    <Modal
      title={title}
      width={beside ? 800 : 560}
      still={still}
      onClose={close}
      onSubmit={() => void save()}
      footer={
        <>
          <Button
            className="push"
            icon={FlaskConical}
            busy={busy === "test"}
            disabled={!!busy}
            onClick={() => void test()}
          >
            Test credentials
          </Button>
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" busy={busy === "save"} disabled={!!busy}>
            {session ? "Save" : "Add session"}
          </Button>
        </>
      }
    >
      <div className={beside ? "form-and-choice" : undefined}>
        {beside}
        <div className="form">
          {kept && (
            <Notice
              action={
                <Button
                  small
                  onClick={() => {
                    keepDraft(draftKey, undefined);
                    setKept(undefined);
                    setValues(fresh);
                  }}
                >
                  Start afresh
                </Button>
              }
            >
              This is what you typed before.
            </Notice>
          )}
          {failure && (
            <Notice tone="red" hint={hintOf(failure)}>
              {sentence(failure.message)}
            </Notice>
          )}
          {unplaced.length > 0 && (
            <Notice tone="red">{unplaced.map((one) => sentence(one.message)).join(". ")}</Notice>
          )}
          {controls(false)}
          {fields.some((one) => one.advanced) && (
            <>
              <Button
                look="quiet"
                small
                className="fold"
                icon={unfolded ? ChevronDown : ChevronRight}
                aria-expanded={unfolded}
                onClick={() => setUnfolded(!unfolded)}
              >
                More options
              </Button>
              {unfolded && controls(true)}
            </>
          )}
          {outcome && <TestOutcome outcome={outcome} />}
        </div>
      </div>
    </Modal>
  );
}

function TestOutcome({ outcome }: { outcome: Outcome }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Braces: newer browsers return a promise, which React would take for a clean-up.
    ref.current?.scrollIntoView({ block: "nearest" });
  }, []);
  return (
    <div ref={ref} role="status">
      {"identity" in outcome ? (
        <Notice tone="green" hint={`Account ${outcome.identity.accountId}`}>
          {outcome.stale && "Before your last change: "}AWS answers: you are{" "}
          <code className="selectable">{outcome.identity.arn}</code>
        </Notice>
      ) : (
        <Notice tone="red" hint={hintOf(outcome.failure)}>
          {outcome.stale && "Before your last change: "}
          {sentence(outcome.failure.message)}
        </Notice>
      )}
    </div>
  );
}

function messageFor(problems: readonly FieldProblem[], field: string): string | undefined {
  const problem = problems.find((one) => one.field === field);
  return problem && sentence(problem.message);
}
