import { Lock, LockOpen, ShieldCheck } from "lucide-react";
import { type FormEvent, useRef, useState } from "react";
import type { Settings } from "../../../../core/src/model.ts";
import { AgentError } from "../../bridge/bridge.ts";
import { Button } from "../../components/button.tsx";
import { Field } from "../../components/field.tsx";
import { Badge, Notice, sentence } from "../../components/signs.tsx";
import { useTilde } from "../../data/home.ts";
import { useConnections, useResource } from "../../data/store.ts";
import { useUi } from "../../data/ui.ts";
import { SecretInput } from "../forms/control.tsx";
import { Section, SelectSetting, useApplySetting } from "./parts.tsx";

const idle = [
  [0, "Never"],
  [5, "After 5 minutes"],
  [15, "After 15 minutes"],
  [60, "After 1 hour"],
  [240, "After 4 hours"],
  [480, "After 8 hours"],
] as const;

export function Security({ settings }: { settings: Settings }) {
  const { bridge, store } = useConnections();
  const { open, say } = useUi();
  const apply = useApplySetting();
  const { value: vault, error } = useResource("vault");
  const tilde = useTilde();
  const lock = async () => {
    try {
      await bridge.call("vault.lock", {});
    } catch (caught) {
      say({ tone: "error", title: sentence(AgentError.of(caught).message) });
    }
    await store.refresh("vault");
  };
  return (
    <>
      <Section
        title="Vault"
        text="Long-term keys, refresh tokens and session tokens got with MFA, encrypted."
      >
        {error && <Notice tone="red">{sentence(error.message)}</Notice>}
        {vault && (
          <>
            <dl className="facts wide">
              <dt>State</dt>
              <dd>
                {vault.state === "unlocked" ? (
                  <Badge tone="green">Open</Badge>
                ) : vault.state === "locked" ? (
                  <Badge tone="amber">Locked</Badge>
                ) : (
                  "Made with the first key you store"
                )}
              </dd>
              <dt>Protected by</dt>
              <dd>{vault.label}</dd>
              <dt>File</dt>
              <dd>
                <code className="selectable">{tilde(vault.file)}</code>
              </dd>
              {vault.records !== undefined && (
                <>
                  <dt>Records</dt>
                  <dd className="number">{vault.records.toLocaleString("en")}</dd>
                </>
              )}
            </dl>
            {vault.state !== "absent" && (
              <div>
                {vault.state === "unlocked" ? (
                  <Button icon={Lock} onClick={() => void lock()}>
                    Lock now
                  </Button>
                ) : (
                  <Button icon={LockOpen} look="primary" onClick={() => open({ kind: "unlock" })}>
                    Unlock
                  </Button>
                )}
              </div>
            )}
          </>
        )}
        <SelectSetting
          label="Lock by itself"
          help="When nobody used it for so long. Started profiles go on with the credentials they have."
          value={settings["lock-after"]}
          options={idle}
          onChange={(minutes) => apply("lock-after", minutes)}
        />
      </Section>
      {vault && vault.state !== "absent" && <Passphrase hasOne={vault.kind === "passphrase"} />}
      <AuditChain />
    </>
  );
}

function Passphrase({ hasOne }: { hasOne: boolean }) {
  const { bridge, store } = useConnections();
  const { say } = useUi();
  const current = useRef<HTMLInputElement>(null);
  const next = useRef<HTMLInputElement>(null);
  const again = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState<{ field: "current" | "next" | "again"; text: string }>();
  const [busy, setBusy] = useState<"passphrase" | "keychain">();
  const protect = async (by: "passphrase" | "keychain", call: () => Promise<unknown>, done: string) => {
    setBusy(by);
    setProblem(undefined);
    try {
      await call();
      for (const one of [current, next, again]) if (one.current) one.current.value = "";
      say({ tone: "success", title: done });
      await store.refresh("vault");
    } catch (error) {
      const failure = AgentError.of(error);
      setProblem({ field: hasOne ? "current" : "next", text: sentence(failure.message) });
    }
    setBusy(undefined);
  };
  const change = (event: FormEvent) => {
    event.preventDefault();
    const passphrase = next.current?.value ?? "";
    if (!passphrase) return setProblem({ field: "next", text: "A passphrase is never empty." });
    if (passphrase !== again.current?.value) return setProblem({ field: "again", text: "These two differ." });
    const params = { current: current.current?.value || undefined, passphrase };
    void protect("passphrase", () => bridge.call("vault.change-passphrase", params), "Passphrase changed");
  };
  const moveToKeychain = () => {
    const value = current.current?.value;
    if (!value) return setProblem({ field: "current", text: "Enter the passphrase it has now." });
    void protect(
      "keychain",
      () => bridge.call("vault.use-keychain", { current: value }),
      "The keychain protects it",
    );
  };
  const textOf = (field: "current" | "next" | "again") =>
    problem?.field === field ? problem.text : undefined;
  return (
    <Section
      title={hasOne ? "Change passphrase" : "Use a passphrase"}
      text={
        hasOne
          ? "Or leave the key to the system's keychain: then the vault opens when you log in."
          : "Instead of the keychain: the vault then opens with these words only."
      }
    >
      <form className="stack" onSubmit={change}>
        {hasOne && (
          <Field label="Current passphrase" problem={textOf("current")}>
            {(control) => <SecretInput {...control} inputRef={current} />}
          </Field>
        )}
        <Field label="New passphrase" problem={textOf("next")}>
          {(control) => <SecretInput {...control} inputRef={next} />}
        </Field>
        <Field label="New passphrase, again" problem={textOf("again")}>
          {(control) => <SecretInput {...control} inputRef={again} />}
        </Field>
        <div className="buttons">
          <Button type="submit" busy={busy === "passphrase"}>
            {hasOne ? "Change passphrase" : "Set passphrase"}
          </Button>
          {hasOne && (
            <Button busy={busy === "keychain"} onClick={moveToKeychain}>
              Use the keychain instead
            </Button>
          )}
        </div>
      </form>
    </Section>
  );
}

function AuditChain() {
  const { bridge } = useConnections();
  const [result, setResult] = useState<{ tone: "green" | "red"; text: string }>();
  const verify = async () => {
    try {
      const { records, broken, reason } = await bridge.call("log.verify", {});
      setResult(
        broken === undefined
          ? { tone: "green", text: `All ${records.toLocaleString("en")} records fit.` }
          : { tone: "red", text: `Record ${broken} was changed or removed${reason ? `: ${reason}` : "."}` },
      );
    } catch (error) {
      setResult({ tone: "red", text: sentence(AgentError.of(error).message) });
    }
  };
  return (
    <Section
      title="Record of uses"
      text="Every credential that left is one record, chained to the one before."
    >
      <div>
        <Button icon={ShieldCheck} onClick={() => void verify()}>
          Verify the records
        </Button>
      </div>
      {result && <Notice tone={result.tone}>{result.text}</Notice>}
    </Section>
  );
}
