/** A text field that offers what it knows: one value, or several as chips. */
import { Check, X } from "lucide-react";
import { Popover } from "radix-ui";
import { type KeyboardEvent, useId, useMemo, useRef, useState } from "react";
import { usePortal } from "./modal.tsx";

export interface Option {
  value: string;
  label?: string;
  detail?: string;
}

interface Control {
  id?: string;
  "aria-describedby"?: string;
  "aria-invalid"?: true;
  "aria-label"?: string;
  "data-autofocus"?: boolean;
}

/** At most this many are offered; typing narrows them down. */
const most = 100;

function useChoices(options: readonly Option[], query: string, free: boolean, taken: readonly string[]) {
  return useMemo(() => {
    const wanted = query.trim().toLowerCase();
    const found = options.filter(
      ({ value, label, detail }) =>
        !taken.includes(value) && `${value}\n${label ?? ""}\n${detail ?? ""}`.toLowerCase().includes(wanted),
    );
    const exact = options.some(({ value, label }) => (label ?? value).toLowerCase() === wanted);
    if (free && wanted && !exact && !taken.includes(query.trim()))
      found.push({ value: query.trim(), detail: "new" });
    return found.slice(0, most);
  }, [options, query, free, taken]);
}

const nothing: readonly string[] = [];

/** One value out of `options`; with `free` also any other text. */
export function Combobox({
  value,
  options,
  onChange,
  free = false,
  placeholder,
  ...control
}: Control & {
  value: string;
  options: readonly Option[];
  onChange(value: string): void;
  free?: boolean;
  placeholder?: string;
}) {
  const [query, setQuery] = useState<string>();
  const chosen = options.find((one) => one.value === value);
  const text = query ?? chosen?.label ?? value;
  const choices = useChoices(options, query ?? "", free, nothing);
  const pick = (next: string) => {
    onChange(next);
    setQuery(undefined);
  };
  return (
    <Suggestions
      choices={choices}
      selected={value}
      onPick={pick}
      onLeave={() => {
        // What was typed stays, so that a mistake can be mended rather than typed again.
        if (query !== undefined && query !== (chosen?.label ?? value)) onChange(query.trim());
        setQuery(undefined);
      }}
      text={text}
      onText={setQuery}
      placeholder={placeholder}
      className="input"
      control={control}
    />
  );
}

/** Several values. Enter, comma or Tab takes what was typed, Backspace gives the last one back. */
export function Chips({
  values,
  options,
  onChange,
  placeholder,
  ...control
}: Control & {
  values: readonly string[];
  options: readonly Option[];
  onChange(values: string[]): void;
  placeholder?: string;
}) {
  const [query, setQuery] = useState("");
  const choices = useChoices(options, query, true, values);
  const add = (value: string) => {
    const name = value.trim();
    if (name && !values.includes(name)) onChange([...values, name]);
    setQuery("");
  };
  return (
    <div className={control["aria-invalid"] ? "chips invalid" : "chips"}>
      {values.map((value) => (
        <span className="chip" key={value}>
          <span className="cut">{value}</span>
          <button
            type="button"
            aria-label={`Remove ${value}`}
            onClick={() => onChange(values.filter((one) => one !== value))}
          >
            <X aria-hidden />
          </button>
        </span>
      ))}
      <Suggestions
        choices={choices}
        onPick={add}
        onLeave={() => add(query)}
        text={query}
        onText={(text) => (text.endsWith(",") ? add(text.slice(0, -1)) : setQuery(text))}
        onBackspace={() => onChange(values.slice(0, -1))}
        placeholder={values.length === 0 ? placeholder : undefined}
        control={control}
      />
    </div>
  );
}

function Suggestions({
  choices,
  selected,
  onPick,
  onLeave,
  onBackspace,
  text,
  onText,
  placeholder,
  className,
  control,
}: {
  choices: readonly Option[];
  selected?: string;
  onPick(value: string): void;
  onLeave(): void;
  onBackspace?(): void;
  text: string;
  onText(text: string): void;
  placeholder?: string;
  className?: string;
  control: Control;
}) {
  const container = usePortal();
  const listId = useId();
  const input = useRef<HTMLInputElement>(null);
  const [open, setOpen] = useState(false);
  const [marked, setMarked] = useState(-1);
  const shown = open && choices.length > 0;
  const mark = (index: number) => {
    setMarked(index);
    document.getElementById(`${listId}-${index}`)?.scrollIntoView({ block: "nearest" });
  };
  const pick = (value: string) => {
    onPick(value);
    setMarked(-1);
    setOpen(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const choice = choices[marked];
    switch (event.key) {
      case "ArrowDown":
      case "ArrowUp": {
        event.preventDefault();
        if (!shown) setOpen(true);
        const step = event.key === "ArrowDown" ? 1 : -1;
        mark((marked + step + choices.length) % Math.max(1, choices.length));
        break;
      }
      case "Enter":
        if (shown && choice) {
          event.preventDefault();
          pick(choice.value);
        } else if (onBackspace && text.trim()) {
          event.preventDefault();
          pick(text);
        }
        break;
      case "Escape":
        if (!shown) break;
        event.preventDefault();
        event.stopPropagation();
        setOpen(false);
        break;
      case "Backspace":
        if (text === "") onBackspace?.();
    }
  };
  return (
    <Popover.Root open={shown} onOpenChange={setOpen}>
      <Popover.Anchor asChild>
        <input
          {...control}
          ref={input}
          type="text"
          role="combobox"
          aria-expanded={shown}
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={shown && marked >= 0 ? `${listId}-${marked}` : undefined}
          autoComplete="off"
          spellCheck={false}
          className={className}
          placeholder={placeholder}
          value={text}
          onChange={(event) => {
            onText(event.target.value);
            setMarked(event.target.value ? 0 : -1);
            setOpen(true);
          }}
          onFocus={(event) => event.target.select()}
          onClick={() => setOpen(true)}
          onKeyDown={onKeyDown}
          onBlur={() => {
            setOpen(false);
            setMarked(-1);
            onLeave();
          }}
        />
      </Popover.Anchor>
      <Popover.Portal container={container}>
        <Popover.Content
          asChild
          align="start"
          sideOffset={4}
          collisionPadding={8}
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            const list = document.getElementById(listId);
            list?.querySelector("[data-chosen]")?.scrollIntoView({ block: "nearest" });
          }}
          onCloseAutoFocus={(event) => event.preventDefault()}
          onInteractOutside={(event) => {
            if (event.target === input.current) event.preventDefault();
          }}
        >
          <ul id={listId} role="listbox" aria-label="Suggestions" className="menu suggestions">
            {choices.map((one, index) => (
              <li
                key={one.value}
                id={`${listId}-${index}`}
                role="option"
                aria-selected={index === marked}
                className="menu-item"
                data-chosen={one.value === selected || undefined}
                onMouseDown={(event) => {
                  // Keeps the focus in the field, so that leaving it does not take the half-typed text.
                  event.preventDefault();
                  pick(one.value);
                }}
                onMouseMove={() => setMarked(index)}
              >
                <span className="cut">{one.label ?? one.value}</span>
                {one.detail && <span className="detail">{one.detail}</span>}
                {one.value === selected && <Check className="icon" aria-hidden />}
              </li>
            ))}
          </ul>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
