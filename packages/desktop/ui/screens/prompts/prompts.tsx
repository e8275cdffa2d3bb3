/** Questions of the agent, over whatever is open. One at a time; one prompt however many callers wait. */
import { AppWindow, ChevronRight, ExternalLink } from "lucide-react";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import type { PromptView } from "../../../../core/src/model.ts";
import { AgentError } from "../../bridge/bridge.ts";
import { Button } from "../../components/button.tsx";
import { Field } from "../../components/field.tsx";
import { Modal } from "../../components/modal.tsx";
import { Notice, sentence } from "../../components/signs.tsx";
import { signingIn, useActions } from "../../data/actions.ts";
import { useAgentEvent, useBridge, useConnections, useResource } from "../../data/store.ts";
import { useNow } from "../../data/time.ts";
import { useUi } from "../../data/ui.ts";
import { nameOf, parentsOf } from "../activity/programs.ts";
import { SecretInput } from "../forms/control.tsx";
import { notifyOf } from "./notify.ts";
import { CodeInput } from "./code-input.tsx";

const opened = new EventTarget();
/** Brings postponed questions back. */
export const openPrompts = (): boolean => opened.dispatchEvent(new Event("open"));

export function Prompts() {
  const bridge = useBridge();
  const prompts = useResource("prompts").value ?? [];
  const [postponed, setPostponed] = useState<ReadonlySet<string>>(new Set());
  const notifications = useResource("settings").value?.notifications ?? false;
  useAgentEvent(
    useCallback(
      (event) => {
        // The native shell tells by itself, also when its window is hidden.
        if (event.event === "prompt" && notifications && !window.__TAURI_INTERNALS__) notifyOf(event.data);
      },
      [notifications],
    ),
  );
  useEffect(() => {
    const show = () => setPostponed(new Set());
    opened.addEventListener("open", show);
    return () => opened.removeEventListener("open", show);
  }, []);
  const mine = prompts.find(
    (one) => one.kind === "sso-sign-in" && !one.url && signingIn.has(one.integrationId ?? ""),
  );
  useEffect(() => {
    if (mine) bridge.call("prompt.answer", { id: mine.id, value: "yes" }).catch(() => {});
  }, [bridge, mine]);
  const prompt = prompts.find((one) => one !== mine && !postponed.has(one.id));
  if (!prompt) return null;
  return (
    <PromptDialog
      key={prompt.id}
      prompt={prompt}
      onPostpone={() => setPostponed((now) => new Set(now).add(prompt.id))}
    />
  );
}

const titles: Record<PromptView["kind"], string> = {
  mfa: "MFA code",
  "sso-sign-in": "Sign in",
  "saml-sign-in": "Sign in",
  passphrase: "Passphrase of the vault",
  confirm: "Allow this?",
};

function PromptDialog({ prompt, onPostpone }: { prompt: PromptView; onPostpone(): void }) {
  const { bridge, store } = useConnections();
  const { say } = useUi();
  const [failure, setFailure] = useState<AgentError>();
  const [busy, setBusy] = useState(false);
  const secret = useRef<HTMLInputElement>(null);

  const answer = async (value: string) => {
    setBusy(true);
    setFailure(undefined);
    try {
      await bridge.call("prompt.answer", { id: prompt.id, value });
    } catch (error) {
      setFailure(AgentError.of(error));
    }
    setBusy(false);
    await store.refresh("prompts");
  };
  const refuse = async () => {
    try {
      await bridge.call("prompt.refuse", { id: prompt.id });
    } catch (error) {
      say({ tone: "error", title: sentence(AgentError.of(error).message) });
    }
    await store.refresh("prompts");
  };
  // "Sign in to company" says it all.
  const named = prompt.kind === "sso-sign-in" && !prompt.sessionName;
  const signIn = prompt.kind === "sso-sign-in" || prompt.kind === "saml-sign-in";
  const submit = () => {
    if (prompt.kind === "passphrase" && secret.current?.value) {
      const value = secret.current.value;
      secret.current.value = "";
      void answer(value);
    } else if (prompt.kind === "confirm") void answer("yes");
  };
  return (
    <Modal
      alert
      title={
        named
          ? sentence(prompt.message)
          : prompt.sessionName && prompt.kind !== "passphrase"
            ? `${titles[prompt.kind]} for ${prompt.sessionName}`
            : titles[prompt.kind]
      }
      width={420}
      onClose={onPostpone}
      onSubmit={submit}
      footer={
        <>
          <Countdown prompt={prompt} />
          <Button onClick={() => void refuse()}>{signIn ? "Cancel sign-in" : "Refuse"}</Button>
          <Button onClick={onPostpone}>Later</Button>
          {signIn && !prompt.url && (
            <Button
              look="primary"
              icon={ExternalLink}
              data-autofocus
              busy={busy}
              onClick={() => void answer("yes")}
            >
              Sign in
            </Button>
          )}
          {(prompt.kind === "passphrase" || prompt.kind === "confirm") && (
            <Button type="submit" look="primary" busy={busy}>
              {prompt.kind === "confirm" ? "Allow" : "Unlock"}
            </Button>
          )}
        </>
      }
    >
      {!named && <p className="prompt-message">{sentence(prompt.message)}</p>}
      {!signingIn.has(prompt.integrationId ?? "") && <Callers prompt={prompt} />}
      {prompt.kind === "mfa" && <CodeInput disabled={busy} onCode={(code) => void answer(code)} />}
      {prompt.kind === "passphrase" && (
        <Field label="Passphrase">
          {(control) => <SecretInput {...control} data-autofocus inputRef={secret} />}
        </Field>
      )}
      {signIn && prompt.url && <SignIn url={prompt.url} userCode={prompt.userCode} />}
      {failure && <Notice tone="red">{sentence(failure.message)}</Notice>}
    </Modal>
  );
}

/** Which program is behind the question; a person decides by it. */
function Callers({ prompt }: { prompt: PromptView }) {
  const [first] = prompt.callers;
  if (!first) return null;
  const parents = parentsOf(prompt.callers);
  const others = prompt.waiting - 1;
  return (
    <div className="callers">
      <AppWindow className="icon" aria-hidden />
      <div>
        <div>
          <strong title={first.executable}>{nameOf(first)}</strong> is waiting
          {others > 0 && `, and ${others === 1 ? "one other" : `${others} others`}`}
        </div>
        {parents.length > 0 && (
          <div className="muted caller-chain">
            {parents.map((one, index) => (
              <span key={one.pid} title={one.executable}>
                {index === 0 ? (
                  "started by "
                ) : (
                  <ChevronRight className="icon small-icon" aria-label="started by" />
                )}
                {nameOf(one)}
              </span>
            ))}
          </div>
        )}
      </div>
    </div>
  );
}

function SignIn({ url, userCode }: { url: string; userCode: string | undefined }) {
  const { bridge } = useConnections();
  const actions = useActions();
  const [problem, setProblem] = useState<ReactNode>();
  const openPage = () => {
    bridge.shell("shell.open", { url }).catch((error) => setProblem(sentence(AgentError.of(error).message)));
  };
  return (
    <>
      {userCode && (
        <div className="user-code">
          <span className="muted">The page has to show this code:</span>
          <output className="selectable">{userCode}</output>
        </div>
      )}
      <div className="sign-in-actions">
        <Button look="primary" icon={ExternalLink} data-autofocus onClick={openPage}>
          Open sign-in page
        </Button>
        <Button onClick={() => void actions.copy(url, "Address")}>Copy address</Button>
      </div>
      {problem && <Notice tone="amber">{problem}</Notice>}
      <p className="muted">
        Finish in your browser; this closes by itself. Never approve a code you did not ask for.
      </p>
    </>
  );
}

function Countdown({ prompt }: { prompt: PromptView }) {
  const now = useNow(1_000);
  const whole = Math.max(1, (Date.parse(prompt.deadline) - Date.parse(prompt.askedAt)) / 1000);
  const left = Math.ceil(Math.min(whole, Math.max(0, (Date.parse(prompt.deadline) - now) / 1000)));
  const text = left >= 120 ? `${Math.floor(left / 60)} min left` : `${left} s left`;
  return (
    <div className="countdown push" role="timer" aria-label={text}>
      <svg viewBox="0 0 20 20" aria-hidden>
        <circle cx="10" cy="10" r="8" />
        <circle
          cx="10"
          cy="10"
          r="8"
          pathLength="1"
          strokeDasharray="1"
          strokeDashoffset={1 - Math.min(1, left / whole)}
          className={left <= 10 ? "left soon" : "left"}
        />
      </svg>
      <span className="number muted">{text}</span>
    </div>
  );
}
