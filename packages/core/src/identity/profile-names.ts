import { LeappError } from "../errors.ts";

/** What a template may speak of. */
export interface NameParts {
  account: string;
  accountId: string;
  role: string;
  /** Of the integration. */
  alias: string;
  email?: string;
}

export interface NameRules {
  /** Takes the place of blanks and of what not every SDK can read; default `-`. */
  separator?: "-" | "_" | ".";
  lowerCase?: boolean;
}

export const defaultProfileTemplate = "{account}-{role}";
const placeholders = ["account", "accountId", "role", "alias", "email"] as const;
/** Longer names are cut: nobody reads them, and some tools make file names of them. */
const longest = 64;

type Piece = { text: string } | { name: (typeof placeholders)[number] };

/**
 * A template such as `{alias}-{account}-{role}` as a function of its parts.
 * @throws LeappError `invalid` for an unknown placeholder, an open brace, or a template that is the same for all.
 */
function parseTemplate(template: string): Piece[] {
  const known = placeholders.map((name) => `{${name}}`).join(", ");
  const pieces: Piece[] = [];
  for (const [piece] of template.matchAll(/\{[^{}]*\}|[^{}]+|[{}]/g)) {
    if (piece === "{" || piece === "}") {
      throw new LeappError("invalid", `the template has a lonely ${piece}`, { hint: `use ${known}` });
    }
    const name = piece.startsWith("{") ? placeholders.find((one) => `{${one}}` === piece) : undefined;
    if (piece.startsWith("{") && !name) {
      throw new LeappError("invalid", `the template has an unknown ${piece}`, { hint: `use ${known}` });
    }
    pieces.push(name ? { name } : { text: piece });
  }
  if (!pieces.some((piece) => "name" in piece)) {
    throw new LeappError("invalid", "the template gives every session the same name", {
      hint: `use ${known}`,
    });
  }
  return pieces;
}

/** Plain text with the parts filled in, as session names use it; an absent part is empty. */
export function fillTemplate(template: string): (parts: NameParts) => string {
  const pieces = parseTemplate(template);
  return (parts) =>
    pieces
      .map((piece) => ("text" in piece ? piece.text : (parts[piece.name] ?? "")))
      .join("")
      .trim();
}

/**
 * Profile names that every SDK reads: letters, digits, `_`, `.` and `-` out of the parts (accents are dropped,
 * anything else becomes the separator), at most 64 characters. The template's own text may also hold `/@+:%`.
 * A part of which nothing is left gives way to the account id.
 */
export function profileName(template: string, rules: NameRules = {}): (parts: NameParts) => string {
  const separator = rules.separator ?? "-";
  const pieces = parseTemplate(template);
  const clean = (text: string, allowed: RegExp) => {
    const plain = text
      .normalize("NFKD")
      .replace(/\p{M}+/gu, "")
      .replace(allowed, separator);
    return trimEnds(plain.replaceAll(new RegExp(`\\${separator}{2,}`, "g"), separator), separator);
  };
  return (parts) => {
    const name = pieces
      .map((piece) => {
        if ("text" in piece) return piece.text.replace(/[^A-Za-z0-9_.\-/@+:%]+/g, separator);
        const value = parts[piece.name] ?? "";
        return clean(value, /[^A-Za-z0-9_.-]+/g) || (value === "" ? "" : parts.accountId);
      })
      .join("");
    const cut = trimEnds(name, separator).slice(0, longest) || parts.accountId;
    return rules.lowerCase ? cut.toLowerCase() : cut;
  };
}

function trimEnds(text: string, separator: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === separator) start += 1;
  while (end > start && text[end - 1] === separator) end -= 1;
  return text.slice(start, end);
}

/** One line of the preview. */
export interface NamedProfile<T> {
  item: T;
  profile: string;
  /** The name the template gives, when another session or profile has it already. */
  clash?: string;
}

/**
 * A profile name for each item, in order, each one used once (ignoring case: `Prod` beside `prod` invites
 * mistakes). A clash is told apart by the account id, then by a number.
 * @param taken names that belong to something else.
 */
export function profileNames<T extends NameParts>(
  template: string,
  items: readonly T[],
  options: NameRules & { taken?: Iterable<string> } = {},
): NamedProfile<T>[] {
  const name = profileName(template, options);
  const separator = options.separator ?? "-";
  const used = new Set([...(options.taken ?? [])].map((one) => one.toLowerCase()));
  return items.map((item) => {
    const wanted = name(item);
    const tail = `${separator}${item.accountId}`;
    const told = wanted.includes(item.accountId) ? wanted : wanted.slice(0, longest - tail.length) + tail;
    const profile = firstFree(used, [wanted, told], (number) => `${told}${separator}${number}`);
    return { item, profile, ...(profile === wanted ? {} : { clash: wanted }) };
  });
}

/** The first name not in `used` (lower case), which it then joins. */
export function firstFree(used: Set<string>, names: string[], numbered: (number: number) => string): string {
  let name = names.find((one) => !used.has(one.toLowerCase()));
  for (let number = 2; name === undefined; number += 1) {
    const next = numbered(number);
    if (!used.has(next.toLowerCase())) name = next;
  }
  used.add(name.toLowerCase());
  return name;
}
