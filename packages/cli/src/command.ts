import { parseArgs } from "node:util";
import { LeappError } from "../../core/src/errors.ts";
import type { Context } from "./context.ts";

/** What the shell offers for a value: words, or the names the agent knows. */
export type Candidates =
  | "session"
  | "integration"
  | "profile"
  | "region"
  | "setting"
  | "file"
  | readonly string[];

/**
 * A flag of a command. Its key in the command is camelCase and gives both spellings, `--session-name` and the
 * old product's `--sessionName`.
 */
export interface Flag {
  help: string;
  /** Placeholder of the value; absent: a switch, which `--no-NAME` turns off when `negatable`. */
  value?: string;
  repeat?: boolean;
  negatable?: boolean;
  short?: string;
  /** Further spellings, camelCase. */
  also?: readonly string[];
  /** Works, but is not shown. */
  hidden?: boolean;
  complete?: Candidates;
}

export interface Argument {
  help: string;
  required?: boolean;
  complete?: Candidates;
}

export type Flags = Record<string, Flag>;
export type Arguments = Record<string, Argument>;

type FlagValue<F extends Flag> = F extends { value: string }
  ? F extends { repeat: true }
    ? string[]
    : string | undefined
  : boolean | undefined;
export type FlagValues<F extends Flags> = { [K in keyof F]: FlagValue<F[K]> };
export type ArgumentValues<A extends Arguments> = {
  [K in keyof A]: A[K] extends { required: true } ? string : string | undefined;
};

/** What a command found or did. It prints nothing itself, so that `--json` is the same everywhere. */
export interface Answer {
  /** Printed by `--json`, undefined: not at all; its schema is in docs/spec/cli-json.md under the command's name. */
  json: unknown;
  /** For a person, to stdout; no final newline. Empty: nothing is printed. */
  text: string;
  /** For a person, one line each, to stderr. */
  notices?: readonly string[];
  /** What to try next, to stderr, only on a terminal. */
  next?: readonly string[];
  /** Exit code, 0 when absent. */
  exitCode?: number;
}

/** One definition gives parsing, help, man page and completion. */
export interface Command<F extends Flags = Flags, A extends Arguments = Arguments> {
  /** `session add`; the words a person types. */
  name: string;
  also?: readonly string[];
  summary: string;
  details?: string;
  args: A;
  flags: F;
  /** Command lines that work, each with what it is for. */
  examples?: readonly (readonly [line: string, what: string])[];
  hidden?: boolean;
  run(context: Context, input: { flags: FlagValues<F>; args: ArgumentValues<A> }): Promise<Answer>;
}

/** Defines a command with its flags typed; the table holds them without. */
export function command<const F extends Flags = {}, const A extends Arguments = {}>(
  definition: Omit<Command<F, A>, "flags" | "args"> & { flags?: F; args?: A },
): Command {
  return { args: {}, flags: {}, ...definition } as unknown as Command;
}

/** Flags that every command has. */
export const universalFlags = {
  json: { help: "print JSON; the schemas are in docs/spec/cli-json.md" },
  noInteractive: { help: "never ask, even on a terminal" },
  debug: { help: "on an error, show where it came from" },
  help: { short: "h", help: "show help for the command" },
} as const satisfies Flags;

export interface Parsed {
  command: Command;
  flags: Record<string, unknown>;
  args: Record<string, string | undefined>;
  universal: FlagValues<typeof universalFlags>;
}

/** `sessionName` becomes `session-name`. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Every long spelling of a flag, the shown one first. */
export function spellings(key: string, flag: Flag): string[] {
  const names = [key, ...(flag.also ?? [])];
  return [...new Set([...names.map(kebab), ...names])];
}

/** Words before the first flag, skipping universal switches that stand in front. */
function leadingWords(args: readonly string[]): { words: string[]; before: string[]; rest: string[] } {
  const switches = new Set(Object.entries(universalFlags).flatMap(([key, flag]) => spellings(key, flag)));
  let start = 0;
  while (args[start]?.startsWith("-") && switches.has(args[start]!.slice(2))) start++;
  let end = start;
  while (end < args.length && !args[end]!.startsWith("-")) end++;
  return { words: args.slice(start, end), before: args.slice(0, start), rest: args.slice(end) };
}

/** The command with the longest name that the words begin with. */
export function findCommand(
  table: readonly Command[],
  words: readonly string[],
): { command: Command; length: number } | undefined {
  let found: { command: Command; length: number } | undefined;
  for (const command of table) {
    for (const name of [command.name, ...(command.also ?? [])]) {
      const parts = name.split(" ");
      if (parts.length > (found?.length ?? 0) && parts.every((part, i) => words[i] === part)) {
        found = { command, length: parts.length };
      }
    }
  }
  return found;
}

/**
 * @returns undefined when the arguments name no command but ask for help: none at all, or only a group.
 * @throws LeappError `usage`, with the nearest spelling where one is near.
 */
export function parse(
  table: readonly Command[],
  args: readonly string[],
): Parsed | { group: string | undefined } {
  const { words, before, rest } = leadingWords(args);
  const found = findCommand(table, words);
  if (!found) return unknownCommand(table, words, rest);
  const { command, length } = found;
  return parseFlags(command, [...before, ...words.slice(length), ...rest]);
}

function unknownCommand(
  table: readonly Command[],
  words: readonly string[],
  rest: readonly string[],
): { group: string | undefined } {
  const visible = table.filter((command) => !command.hidden);
  const [group, verb] = words;
  if (group === undefined) {
    const flag = rest.find((word) => !["--help", "-h"].includes(word));
    if (flag) throw new LeappError("usage", `no flag ${flag} here`, { hint: "run: leapp help" });
    return { group };
  }
  const verbs = visible.filter((command) => command.name.startsWith(`${group} `));
  if (verbs.length > 0) {
    if (verb === undefined) return { group };
    const names = verbs.map((command) => command.name);
    throw unknown("usage", "command", `${group} ${verb}`, names, `run: leapp ${group} --help`);
  }
  const first = [...new Set(visible.map((command) => command.name.split(" ")[0]!))];
  throw unknown("usage", "command", group, first, "run: leapp help");
}

function parseFlags(command: Command, args: string[]): Parsed {
  const all: Flags = { ...command.flags, ...universalFlags };
  const keys = new Map<string, { key: string; off: boolean }>();
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {};
  for (const [key, flag] of Object.entries(all)) {
    for (const name of spellings(key, flag)) {
      keys.set(name, { key, off: false });
      options[name] = { type: flag.value === undefined ? "boolean" : "string" };
      if (flag.negatable) {
        keys.set(`no-${name}`, { key, off: true });
        options[`no-${name}`] = { type: "boolean" };
      }
    }
    if (flag.short) options[kebab(key)]!.short = flag.short;
  }
  const hint = `run: leapp ${command.name} --help`;
  const flags: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(all)) if (flag.repeat) flags[key] = [];
  const positionals: string[] = [];
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true, allowPositionals: true });
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const known = keys.get(token.name);
    if (!known) {
      throw unknown("usage", "flag", token.rawName, visibleFlags(all), hint);
    }
    const flag = all[known.key]!;
    if (flag.value === undefined) {
      if (token.value !== undefined) {
        throw new LeappError("usage", `${token.rawName} takes no value`, { hint });
      }
      flags[known.key] = !known.off;
      continue;
    }
    // parseArgs takes the next word whatever it is; a flag there means that the value was forgotten.
    if (token.value === undefined || (!token.inlineValue && token.value.startsWith("--"))) {
      throw new LeappError("usage", `${token.rawName} needs a value: ${flag.value}`, { hint });
    }
    if (flag.repeat) (flags[known.key] as string[]).push(token.value);
    else if (flags[known.key] !== undefined) {
      throw new LeappError("usage", `${token.rawName} is given twice`, { hint });
    } else flags[known.key] = token.value;
  }
  const universal = Object.fromEntries(
    Object.keys(universalFlags).map((key) => [key, flags[key]]),
  ) as unknown as FlagValues<typeof universalFlags>;
  const names = Object.keys(command.args);
  if (positionals.length > names.length) {
    const extra = positionals[names.length]!;
    throw new LeappError("usage", `"${extra}" is one argument too many for "${command.name}"`, { hint });
  }
  const values: Record<string, string | undefined> = {};
  names.forEach((name, i) => {
    values[name] = positionals[i];
    if (command.args[name]!.required && positionals[i] === undefined && !universal.help) {
      throw new LeappError("usage", `"${command.name}" needs ${placeholder(name)}`, { hint });
    }
  });
  return { command, flags, args: values, universal };
}

/** `sessionId` is shown as `SESSION_ID`. */
export function placeholder(argument: string): string {
  return kebab(argument).replaceAll("-", "_").toUpperCase();
}

function visibleFlags(flags: Flags): string[] {
  return Object.entries(flags).flatMap(([key, flag]) => (flag.hidden ? [] : [`--${kebab(key)}`]));
}

/** `no session "dve"; did you mean "dev"? run: leapp session list` */
export function unknown(
  code: "usage" | "not-found",
  what: string,
  name: string,
  candidates: readonly string[],
  hint: string,
): LeappError {
  const close = nearest(name, candidates);
  return new LeappError(code, `no ${what} "${name}"`, {
    hint: close === undefined ? hint : `did you mean "${close}"? ${hint}`,
  });
}

/** The candidate that a slip of the finger turns into `word`: at most one edit in three letters. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = edits(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best ?? candidates.find((candidate) => word.length > 1 && candidate.startsWith(word));
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. */
function edits(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(substitution, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j]!, before[j - 2]! + 1);
      }
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
