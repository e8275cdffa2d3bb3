import { type Command, type Flag, type Flags, kebab, placeholder, universalFlags } from "./command.ts";
import { exitCodeTable } from "./exit-codes.ts";
import { paint, type Surface, textWidth, wrap } from "./print.ts";

/** `session add [SESSION] [flags]` */
export function usageLine(command: Command): string {
  const args = Object.entries(command.args).map(([name, argument]) =>
    argument.required ? placeholder(name) : `[${placeholder(name)}]`,
  );
  return ["leapp", command.name, ...args, "[flags]"].join(" ");
}

/** `-p, --profile NAME` */
export function flagLine(key: string, flag: Flag): string {
  const name = `--${flag.negatable ? "[no-]" : ""}${kebab(key)}${flag.value ? ` ${flag.value}` : ""}`;
  return flag.short ? `-${flag.short}, ${name}` : name;
}

export function shownFlags(flags: Flags): [string, Flag][] {
  return Object.entries(flags).filter(([, flag]) => !flag.hidden);
}

export function flagHelp(flag: Flag): string {
  return flag.repeat ? `${flag.help} (may be given several times)` : flag.help;
}

function twoColumns(rows: readonly (readonly [string, string])[], surface: Surface): string[] {
  const left = Math.min(34, Math.max(...rows.map(([name]) => textWidth(name))) + 2);
  const right = Math.max(30, Math.min(surface.width, 100) - left - 2);
  return rows.flatMap(([name, text]) => {
    const lines = wrap(text, right);
    const fits = textWidth(name) + 2 <= left;
    const first = fits ? `  ${name.padEnd(left)}${lines.shift() ?? ""}` : `  ${name}`;
    return [first.trimEnd(), ...lines.map((line) => `  ${" ".repeat(left)}${line}`)];
  });
}

export function commandHelp(command: Command, surface: Surface): string {
  const heading = (text: string) => paint(surface, "bold", text);
  const width = Math.min(surface.width, 100);
  const lines = [...wrap(`${command.summary[0]!.toUpperCase()}${command.summary.slice(1)}.`, width)];
  if (command.details) lines.push("", ...command.details.split("\n\n").flatMap((part) => wrap(part, width)));
  lines.push("", heading("Usage"), `  ${usageLine(command)}`);
  const args = Object.entries(command.args);
  if (args.length > 0) {
    lines.push("", heading("Arguments"));
    lines.push(
      ...twoColumns(
        args.map(([name, argument]) => [placeholder(name), argument.help]),
        surface,
      ),
    );
  }
  const flags = [...shownFlags(command.flags), ...Object.entries(universalFlags)];
  lines.push("", heading("Flags"));
  lines.push(
    ...twoColumns(
      flags.map(([key, flag]) => [flagLine(key, flag), flagHelp(flag)]),
      surface,
    ),
  );
  if (command.examples) {
    lines.push("", heading("Examples"));
    for (const [line, what] of command.examples) lines.push(`  # ${what}`, `  ${line}`);
  }
  return lines.join("\n");
}

/** The commands that begin with one noun. */
export function groupHelp(table: readonly Command[], group: string, surface: Surface): string {
  const members = table.filter((command) => !command.hidden && command.name.startsWith(`${group} `));
  return [
    `${paint(surface, "bold", "Usage")}`,
    `  leapp ${group} COMMAND [flags]`,
    "",
    paint(surface, "bold", "Commands"),
    ...twoColumns(
      members.map((command) => [command.name, command.summary]),
      surface,
    ),
    "",
    `Flags of one command: leapp ${group} COMMAND --help`,
  ].join("\n");
}

export function overview(table: readonly Command[], surface: Surface): string {
  const lines = ["Leapp gives every AWS tool on this machine fresh, temporary credentials.", ""];
  lines.push(paint(surface, "bold", "Usage"), "  leapp COMMAND [flags]");
  let group: string | undefined;
  const rows = table.filter((command) => !command.hidden);
  const left = Math.max(...rows.map((command) => command.name.length));
  for (const command of rows) {
    const noun = command.name.includes(" ") ? command.name.split(" ")[0] : "";
    if (noun !== group) lines.push("", paint(surface, "bold", noun ? `leapp ${noun}` : "More"));
    group = noun;
    lines.push(...twoColumns([[command.name.padEnd(left), command.summary]], surface));
  }
  lines.push("", "Flags of one command: leapp COMMAND --help. Exit codes: leapp help exit-codes.");
  return lines.join("\n");
}

export function exitCodesHelp(surface: Surface): string {
  const lines = [
    "Each cause has an exit code of its own, because many tools show nothing but the number.",
    "",
  ];
  lines.push(
    ...twoColumns(
      exitCodeTable.map(({ exit, code, meaning }) => [`${String(exit).padStart(3)}  ${code}`, meaning]),
      surface,
    ),
  );
  return lines.join("\n");
}
