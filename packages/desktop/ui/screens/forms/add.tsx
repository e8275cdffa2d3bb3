import { Network } from "lucide-react";
import { useState } from "react";
import type { SessionType, SessionView } from "../../../../core/src/model.ts";
import { typeNames } from "../../data/sessions.ts";
import { typeIcons } from "../sessions/row.tsx";
import { addable, type Values, valuesOf } from "./fields.ts";
import { IntegrationForm } from "./integration-form.tsx";
import { SessionForm } from "./session-form.tsx";

type Choice = SessionType | "integration";

export function AddDialog({
  type,
  parent,
  copyOf,
}: {
  type?: Choice;
  parent?: SessionView;
  copyOf?: SessionView;
}) {
  const [choice, setChoice] = useState<Choice>(type ?? "integration");
  const [switched, setSwitched] = useState(false);
  const choose = (next: Choice) => {
    setSwitched(true);
    setChoice(next);
  };
  const beside = type ? undefined : <Choices choice={choice} onChoose={choose} />;
  if (choice === "integration") return <IntegrationForm beside={beside} still={switched} />;
  return (
    <SessionForm
      // A fresh form for each kind; each keeps its own draft.
      key={choice}
      type={choice}
      title={
        copyOf
          ? `Duplicate ${copyOf.name}`
          : parent
            ? `Chained session from ${parent.name}`
            : type
              ? `Add ${typeNames[choice]}`
              : "Add"
      }
      initial={initialValues(parent, copyOf)}
      draft={!parent && !copyOf}
      beside={beside}
      still={switched}
    />
  );
}

function initialValues(parent?: SessionView, copyOf?: SessionView): Values {
  if (copyOf) return { ...valuesOf(copyOf), name: `${copyOf.name} copy` };
  if (parent) return { parentId: parent.id, region: parent.region };
  return {};
}

function Choices({ choice, onChoose }: { choice: Choice; onChoose(choice: Choice): void }) {
  const all = [
    {
      type: "integration" as const,
      title: "Company sign-in",
      text: "IAM Identity Center, all its accounts",
      icon: Network,
    },
    ...addable.map(({ type, text }) => ({ type, title: typeNames[type], text, icon: typeIcons[type] })),
  ];
  return (
    <fieldset className="choices">
      <legend className="hidden-text">What to add</legend>
      {all.map(({ type, title, text, icon: Icon }) => (
        <label key={type}>
          <input
            type="radio"
            name="what"
            checked={type === choice}
            data-autofocus={type === choice || undefined}
            onChange={() => onChoose(type)}
          />
          <Icon className="icon" aria-hidden />
          <span className="two-lines">
            <span>{title}</span>
            <span className="muted">{text}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
