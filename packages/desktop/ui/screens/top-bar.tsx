import { BellRing, ChevronDown, Search, Settings, X } from "lucide-react";
import { Plus } from "lucide-react";
import type { RefObject } from "react";
import { Button, IconButton } from "../components/button.tsx";
import { useResource } from "../data/store.ts";
import { useUi } from "../data/ui.ts";
import { openPrompts } from "./prompts/prompts.tsx";

export const commandKey = /mac/i.test(navigator.platform) ? "⌘" : "Ctrl ";

export function TopBar({
  search,
  onSearch,
  searchRef,
}: {
  search: string;
  onSearch(text: string): void;
  searchRef: RefObject<HTMLInputElement | null>;
}) {
  const { place, go, open } = useUi();
  const waiting = useResource("prompts").value?.length ?? 0;
  const inActivity = place.screen === "activity";
  return (
    <header className="top-bar">
      <search className="search">
        <Search className="icon" aria-hidden />
        <input
          ref={searchRef}
          type="text"
          value={search}
          placeholder={
            inActivity
              ? "Search programs, sessions, folders"
              : "Search by name, account, role, ARN, profile, tag"
          }
          aria-label={inActivity ? "Search activity" : "Search sessions"}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => onSearch(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") onSearch("");
            if (event.key !== "ArrowDown" && event.key !== "Enter") return;
            event.preventDefault();
            document.querySelector<HTMLElement>(".table")?.focus();
          }}
        />
        {search ? (
          <IconButton icon={X} label="Clear search" small onClick={() => onSearch("")} />
        ) : (
          <kbd aria-hidden>/</kbd>
        )}
      </search>
      <Button look="quiet" className="palette-button" onClick={() => open({ kind: "palette" })}>
        Commands <kbd>{commandKey}K</kbd>
      </Button>
      <div className="space" />
      {waiting > 0 && (
        <Button icon={BellRing} className="waiting" onClick={openPrompts}>
          {waiting === 1 ? "1 question waits" : `${waiting} questions wait`}
        </Button>
      )}
      <Button icon={Plus} look="primary" onClick={() => open({ kind: "add" })}>
        Add
      </Button>
      <IconButton
        icon={Settings}
        label="Settings"
        shortcut={`${commandKey},`}
        aria-pressed={place.screen === "settings"}
        onClick={() =>
          go(
            place.screen === "settings" ? { screen: "sessions" } : { screen: "settings", section: "general" },
          )
        }
      />
    </header>
  );
}

export const MenuArrow = () => <ChevronDown className="icon small-icon" aria-hidden />;
