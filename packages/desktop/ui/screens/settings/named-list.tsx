/** A list of things that have only a name: add, rename in place, delete. */
import { Check, Pencil, Plus, Trash2, X } from "lucide-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { AgentError } from "../../bridge/bridge.ts";
import { Button, IconButton } from "../../components/button.tsx";
import { Field } from "../../components/field.tsx";
import { Notice, sentence } from "../../components/signs.tsx";

export interface Named {
  id: string;
  name: string;
  detail?: ReactNode;
  /** Cannot be renamed or deleted. */
  fixed?: boolean;
}

/** The functions reject with an AgentError; its words are shown where the mistake is. */
export function NamedList({
  items,
  noun,
  label,
  placeholder,
  onAdd,
  onRename,
  onDelete,
  extra,
}: {
  items: readonly Named[];
  noun: string;
  label: string;
  placeholder: string;
  onAdd(name: string): Promise<unknown>;
  onRename(item: Named, name: string): Promise<unknown>;
  /** `force` after the agent said that it is in use, and the person still wants it. */
  onDelete(item: Named, force: boolean): Promise<unknown>;
  extra?(item: Named): ReactNode;
}) {
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<string>();
  const [renaming, setRenaming] = useState<{ id: string; name: string; problem?: string }>();
  const [refused, setRefused] = useState<{ item: Named; failure: AgentError }>();
  const add = async (event: FormEvent) => {
    event.preventDefault();
    try {
      await onAdd(name.trim());
      setName("");
      setProblem(undefined);
    } catch (error) {
      setProblem(sentence(AgentError.of(error).message));
    }
  };
  const rename = async (item: Named, to: string) => {
    if (to === item.name) return setRenaming(undefined);
    try {
      await onRename(item, to);
      setRenaming(undefined);
    } catch (error) {
      setRenaming({ id: item.id, name: to, problem: sentence(AgentError.of(error).message) });
    }
  };
  const remove = async (item: Named, force: boolean) => {
    setRefused(undefined);
    try {
      await onDelete(item, force);
    } catch (error) {
      setRefused({ item, failure: AgentError.of(error) });
    }
  };
  return (
    <>
      <form className="add-line" onSubmit={(event) => void add(event)}>
        <Field label={label} problem={problem}>
          {(control) => (
            <input
              {...control}
              className="input"
              placeholder={placeholder}
              spellCheck={false}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Button type="submit" icon={Plus} disabled={!name.trim()}>
          Add
        </Button>
      </form>
      <ul className="named-list" aria-label={`All: ${noun}`}>
        {items.map((item) => (
          <li key={item.id}>
            {renaming?.id === item.id ? (
              <form
                className="rename"
                onSubmit={(event) => {
                  event.preventDefault();
                  void rename(item, renaming.name.trim());
                }}
              >
                <div className="field">
                  <input
                    className="input"
                    aria-label={`New name of ${item.name}`}
                    aria-invalid={renaming.problem ? true : undefined}
                    // biome-ignore lint/a11y/noAutofocus: the person just asked for this field
                    autoFocus
                    value={renaming.name}
                    onChange={(event) => setRenaming({ id: item.id, name: event.target.value })}
                    onKeyDown={(event) => event.key === "Escape" && setRenaming(undefined)}
                  />
                  {renaming.problem && (
                    <div className="problem" role="alert">
                      {renaming.problem}
                    </div>
                  )}
                </div>
                <IconButton icon={Check} label="Save" type="submit" />
                <IconButton icon={X} label="Cancel" onClick={() => setRenaming(undefined)} />
              </form>
            ) : (
              <>
                <div className="two-lines">
                  <span className="cut selectable">{item.name}</span>
                  {item.detail && <span className="muted cut">{item.detail}</span>}
                </div>
                {extra?.(item)}
                {!item.fixed && (
                  <>
                    <IconButton
                      icon={Pencil}
                      label={`Rename ${item.name}`}
                      small
                      onClick={() => setRenaming({ id: item.id, name: item.name })}
                    />
                    <IconButton
                      icon={Trash2}
                      label={`Delete ${item.name}`}
                      small
                      onClick={() => void remove(item, false)}
                    />
                  </>
                )}
              </>
            )}
            {refused?.item.id === item.id && (
              <Notice
                tone="red"
                action={
                  refused.failure.code === "conflict" && (
                    <Button small onClick={() => void remove(item, true)}>
                      Delete anyway
                    </Button>
                  )
                }
              >
                {sentence(refused.failure.message)}
              </Notice>
            )}
          </li>
        ))}
      </ul>
      {items.length === 0 && <p className="muted">None yet.</p>}
    </>
  );
}
