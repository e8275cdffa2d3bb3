import { Columns3, Filter, Group, PanelRight, Rows3, Rows4, Save, X } from "lucide-react";
import { useMemo } from "react";
import type { SessionView } from "../../../../core/src/model.ts";
import { Button, IconButton } from "../../components/button.tsx";
import { Menu, MenuLabel, MenuTick } from "../../components/menu.tsx";
import type { Look } from "../../data/preferences.ts";
import { columns, type Filters, facets, typeNames, type View } from "../../data/sessions.ts";
import { useUi } from "../../data/ui.ts";
import type { Narrowing } from "../frame.tsx";
import { MenuArrow } from "../top-bar.tsx";

const groupTitles: Record<View["group"], string> = {
  none: "No groups",
  source: "Source",
  account: "Account",
  profile: "Profile",
  type: "Type",
};

type Facet = "types" | "regions" | "accounts" | "profiles";

const facetDefinitions: {
  key: Facet;
  title: string;
  of(session: SessionView): readonly string[];
  label(value: string): string;
}[] = [
  {
    key: "types",
    title: "Type",
    of: (one) => [one.type],
    label: (value) => typeNames[value as SessionView["type"]],
  },
  { key: "regions", title: "Region", of: (one) => [one.region], label: (value) => value },
  { key: "accounts", title: "Account", of: (one) => [one.accountId ?? ""], label: (value) => value },
  { key: "profiles", title: "Profile", of: (one) => one.profiles, label: (value) => value },
];
/** A menu with more is no help; the search field finds the rest. */
const mostChoices = 40;

export function Toolbar({
  sessions,
  shown,
  narrowing,
  onNarrow,
  look,
  onLook,
}: {
  sessions: readonly SessionView[];
  shown: number;
  narrowing: Narrowing;
  onNarrow(next: Narrowing): void;
  look: Look;
  onLook(changes: Partial<Look>): void;
}) {
  const { open } = useUi();
  const { filters } = narrowing;
  const setFilters = (next: Filters) => onNarrow({ search: narrowing.search, filters: next });
  const narrowed =
    narrowing.search !== "" || Object.values(filters).some((value) => value?.length !== 0 && value);

  return (
    <div className="toolbar" role="toolbar" aria-label="Table">
      <Filter className="icon filter-sign" aria-hidden />
      {facetDefinitions.map(({ key, ...facet }) => (
        <FacetMenu
          key={key}
          {...facet}
          sessions={sessions}
          chosen={(filters[key] as string[] | undefined) ?? []}
          onChoose={(values) => setFilters({ ...filters, [key]: values.length > 0 ? values : undefined })}
        />
      ))}
      {narrowed && (
        <Button look="quiet" small icon={X} onClick={() => onNarrow({ search: "", filters: {} })}>
          Clear
        </Button>
      )}
      {(narrowed || look.group !== "none") && (
        <Button
          look="quiet"
          small
          icon={Save}
          onClick={() => open({ kind: "save-view", search: narrowing.search, filters })}
        >
          Save view
        </Button>
      )}
      <span className="muted number shown-count" role="status">
        {shown === sessions.length
          ? `${shown.toLocaleString("en")} ${shown === 1 ? "session" : "sessions"}`
          : `${shown.toLocaleString("en")} of ${sessions.length.toLocaleString("en")}`}
      </span>
      <div className="space" />
      <Menu
        label="Group by"
        align="end"
        trigger={
          <Button look="quiet" small icon={Group}>
            {look.group === "none" ? "Group" : `By ${groupTitles[look.group].toLowerCase()}`} <MenuArrow />
          </Button>
        }
      >
        {(Object.keys(groupTitles) as View["group"][]).map((group) => (
          <MenuTick key={group} closes checked={group === look.group} onChange={() => onLook({ group })}>
            {groupTitles[group]}
          </MenuTick>
        ))}
      </Menu>
      <Menu label="Columns" align="end" trigger={<IconButton icon={Columns3} label="Choose columns" small />}>
        <MenuLabel>Columns</MenuLabel>
        {columns
          .filter((one) => !one.fixed)
          .map(({ id, title }) => (
            <MenuTick
              key={id}
              checked={look.columns.includes(id)}
              onChange={(on) =>
                onLook({ columns: on ? [...look.columns, id] : look.columns.filter((one) => one !== id) })
              }
            >
              {title}
            </MenuTick>
          ))}
      </Menu>
      <IconButton
        icon={look.compact ? Rows3 : Rows4}
        label={look.compact ? "Comfortable rows" : "Compact rows"}
        small
        aria-pressed={look.compact}
        onClick={() => onLook({ compact: !look.compact })}
      />
      <IconButton
        icon={PanelRight}
        label={look.details ? "Hide details" : "Show details"}
        small
        aria-pressed={look.details}
        onClick={() => onLook({ details: !look.details })}
      />
    </div>
  );
}

function FacetMenu({
  title,
  of,
  label,
  sessions,
  chosen,
  onChoose,
}: {
  title: string;
  of(session: SessionView): readonly string[];
  label(value: string): string;
  sessions: readonly SessionView[];
  chosen: readonly string[];
  onChoose(values: string[]): void;
}) {
  const values = useMemo(() => facets(sessions, of).slice(0, mostChoices), [sessions, of]);
  const text =
    chosen.length === 0 ? title : chosen.length === 1 ? label(chosen[0]!) : `${title}: ${chosen.length}`;
  return (
    <Menu
      label={`Filter by ${title.toLowerCase()}`}
      trigger={
        <Button small look="quiet" className={chosen.length > 0 ? "filter-on" : undefined}>
          {text} <MenuArrow />
        </Button>
      }
    >
      {values.map(([value, count]) => (
        <MenuTick
          key={value}
          detail={count.toLocaleString("en")}
          checked={chosen.includes(value)}
          onChange={(on) => onChoose(on ? [...chosen, value] : chosen.filter((one) => one !== value))}
        >
          {label(value)}
        </MenuTick>
      ))}
    </Menu>
  );
}
