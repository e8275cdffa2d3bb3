import { LeappError } from "../../core/src/errors.ts";
import {
  type Candidates,
  type Command,
  findCommand,
  type Flag,
  kebab,
  spellings,
  universalFlags,
} from "./command.ts";
import { shownFlags } from "./help.ts";

/** What fits at the end of a half-typed command line: words for the shell, or names to look up. */
export interface Completion {
  words: string[];
  /** Names that the agent, or the file system, knows. */
  lookUp?: Exclude<Candidates, readonly string[]>;
}

/** @param words what stands after `leapp`; the last one is being typed and may be empty. */
export function complete(table: readonly Command[], words: readonly string[]): Completion {
  const before = words.slice(0, -1);
  const typed = words.at(-1) ?? "";
  const starting = (candidates: readonly string[]) => [
    ...new Set(candidates.filter((candidate) => candidate.startsWith(typed))),
  ];
  const found = findCommand(table, before);
  if (!found) {
    const prefix = before.map((word) => `${word} `).join("");
    const names = table.filter((command) => !command.hidden && command.name.startsWith(prefix));
    return { words: starting(names.map((command) => command.name.slice(prefix.length).split(" ")[0]!)) };
  }
  const flags: Record<string, Flag> = { ...found.command.flags, ...universalFlags };
  const offer = (candidates: Candidates | undefined): Completion => {
    if (candidates === undefined) return { words: [] };
    return typeof candidates === "string"
      ? { words: [], lookUp: candidates }
      : { words: starting(candidates) };
  };
  const flagOf = (word: string): Flag | undefined =>
    Object.entries(flags).find(([key, flag]) =>
      word.startsWith("--") ? spellings(key, flag).includes(word.slice(2)) : word === `-${flag.short}`,
    )?.[1];

  const previous = flagOf(before.at(-1) ?? "");
  if (previous?.value !== undefined) return offer(previous.complete);
  if (typed.startsWith("-")) {
    const shown = shownFlags(flags).flatMap(([key, flag]) =>
      flag.negatable ? [`--${kebab(key)}`, `--no-${kebab(key)}`] : [`--${kebab(key)}`],
    );
    return { words: starting(shown) };
  }
  let position = 0;
  for (let i = found.length; i < before.length; i++) {
    if (!before[i]!.startsWith("-")) position++;
    else if (flagOf(before[i]!)?.value !== undefined) i++;
  }
  return offer(Object.values(found.command.args)[position]?.complete);
}

export const shells = ["bash", "zsh", "fish", "powershell"] as const;

/**
 * The script a shell loads. It asks the program itself for the candidates, so that one table serves all four
 * and a newer program needs no newer script.
 * @throws LeappError `usage` for a shell that is not among `shells`.
 */
export function completionScript(shell: string): string {
  switch (shell) {
    case "bash":
      return `# leapp completion for bash: add to ~/.bashrc   eval "$(leapp completion bash)"
_leapp() {
  local IFS=$'\\n'
  COMPREPLY=($(leapp __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  if [ "\${COMPREPLY[0]-}" = ":file" ]; then
    COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
    compopt -o filenames 2>/dev/null
  elif [ "\${#COMPREPLY[@]}" -gt 0 ]; then
    COMPREPLY=($(printf '%q\\n' "\${COMPREPLY[@]}"))
  fi
}
complete -F _leapp leapp`;
    case "zsh":
      return `#compdef leapp
# leapp completion for zsh: add to ~/.zshrc   eval "$(leapp completion zsh)"
_leapp() {
  local -a found
  found=("\${(@f)$(leapp __complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "\${found[1]}" == ":file" ]]; then
    _files
  elif [[ -n "\${found[1]}" ]]; then
    compadd -a found
  fi
}
if [[ "\${funcstack[1]}" == "_leapp" ]]; then
  _leapp "$@"
elif (( \$+functions[compdef] )); then
  compdef _leapp leapp
fi`;
    case "fish":
      return `# leapp completion for fish: leapp completion fish > ~/.config/fish/completions/leapp.fish
function __leapp_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (leapp __complete -- $words[2..-1] 2>/dev/null)
    if test "$found[1]" = ":file"
        __fish_complete_path (commandline -ct)
    else
        string join \\n -- $found
    end
end
complete -c leapp -f -a "(__leapp_complete)"`;
    case "powershell":
      return `# leapp completion for PowerShell: add to $PROFILE   leapp completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName leapp -ScriptBlock {
    param($typed, $line, $cursor)
    $words = @($line.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
    if ($typed -eq '') { $words += '' }
    leapp __complete '--' @words 2>$null | Where-Object { $_ -ne ':file' } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}`;
    default:
      throw new LeappError("usage", `no completion for "${shell}"`, {
        hint: `shells are ${shells.join(", ")}`,
      });
  }
}
