import { useEffect, useState } from "react";
import type { Result } from "../../../../agent/src/protocol.ts";
import { AgentError } from "../../bridge/bridge.ts";
import { Button } from "../../components/button.tsx";
import { Field } from "../../components/field.tsx";
import { hintOf, Notice, sentence } from "../../components/signs.tsx";
import { useConnections } from "../../data/store.ts";
import { useUi } from "../../data/ui.ts";
import { Section, SelectSetting } from "./parts.tsx";

type Plan = Result<"profile.generate">;

const separators = [
  ["-", "my-account-Role"],
  ["_", "my_account_Role"],
  [".", "my.account.Role"],
] as const;
type Separator = (typeof separators)[number][0];
/** A preview with more is not read. */
const mostShown = 200;

/** One profile for each synced session, by a template; shown before it is applied. */
export function SyncedProfiles() {
  const { bridge, store } = useConnections();
  const { say } = useUi();
  const [template, setTemplate] = useState("{account}-{role}");
  const [separator, setSeparator] = useState<Separator>("-");
  const [plan, setPlan] = useState<Plan>();
  const [failure, setFailure] = useState<AgentError>();
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    let wanted = true;
    bridge.call("profile.generate", { template, separator }).then(
      (found) => {
        if (!wanted) return;
        setPlan(found);
        setFailure(undefined);
      },
      (error) => wanted && setFailure(AgentError.of(error)),
    );
    return () => {
      wanted = false;
    };
  }, [bridge, template, separator]);

  const apply = async () => {
    setBusy(true);
    try {
      const done = await bridge.call("profile.generate", { template, separator, apply: true });
      for (const notice of done.notices) say({ tone: "info", title: sentence(notice) });
      say({ tone: "success", title: `${done.profiles.length.toLocaleString("en")} profiles started` });
      setPlan(await bridge.call("profile.generate", { template, separator }));
      await store.refresh("profiles", "sessions");
    } catch (error) {
      setFailure(AgentError.of(error));
    }
    setBusy(false);
  };

  if (plan && plan.profiles.length === 0 && !failure) return null;
  return (
    <Section
      title="One profile per synced session"
      text="Named by a template and all started at once, so that every account is there under its own name. Names you gave stay."
    >
      <Field
        label="Template"
        help="{account}, {accountId}, {role}, {alias}, {email}"
        problem={failure?.code === "invalid" ? sentence(failure.message) : undefined}
      >
        {(control) => (
          <input
            {...control}
            className="input mono"
            spellCheck={false}
            value={template}
            onChange={(event) => setTemplate(event.target.value)}
          />
        )}
      </Field>
      <SelectSetting<Separator>
        label="Instead of blanks"
        value={separator}
        options={separators}
        onChange={setSeparator}
      />
      {failure && failure.code !== "invalid" && (
        <Notice tone="red" hint={hintOf(failure)}>
          {sentence(failure.message)}
        </Notice>
      )}
      {plan && plan.profiles.length > 0 && (
        <>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
          <ul className="changes plan" tabIndex={0} aria-label="Profiles by this template">
            {plan.profiles.slice(0, mostShown).map((one) => (
              <li key={one.session} className={one.unchanged ? "muted" : undefined}>
                <code>{one.profile}</code>
                <span className="muted">
                  {one.clash ? `${one.session}, since ${one.clash}` : one.session}
                </span>
              </li>
            ))}
          </ul>
          <div>
            <Button look="primary" busy={busy} disabled={failure !== undefined} onClick={() => void apply()}>
              Write {plan.profiles.length.toLocaleString("en")} profiles
            </Button>
          </div>
        </>
      )}
    </Section>
  );
}
