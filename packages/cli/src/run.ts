import { parse } from "./command.ts";
import { commands } from "./commands/index.ts";
import { start } from "./commands/start-page.ts";
import { processContext } from "./context.ts";
import { commandHelp, groupHelp } from "./help.ts";
import { clean, paint } from "./print.ts";

/**
 * Runs one command line and prints its answer.
 * @returns the exit code. @throws LeappError
 */
export async function run(args: readonly string[]): Promise<number> {
  const parsed = parse(commands, ["--version", "-v"].includes(args[0] ?? "") ? ["version"] : args);
  const quiet = "command" in parsed && parsed.universal.noInteractive;
  const context = await processContext(!quiet);
  try {
    if ("group" in parsed) {
      const text = parsed.group
        ? groupHelp(commands, parsed.group, context.stdout)
        : await start(context, args);
      context.print(`${text}\n`);
      return 0;
    }
    const { command, flags, args: values, universal } = parsed;
    if (universal.help) {
      context.print(`${commandHelp(command, context.stdout)}\n`);
      return 0;
    }
    const answer = await command.run(context, { flags: flags as never, args: values });
    if (universal.json) {
      if (answer.json !== undefined) context.print(`${JSON.stringify(answer.json, null, 2)}\n`);
    } else {
      if (answer.text) context.print(`${answer.text}\n`);
      for (const notice of answer.notices ?? []) {
        context.printError(`${paint(context.stderr, "yellow", "note:")} ${clean(notice)}\n`);
      }
      if (context.stdout.isTerminal && context.stderr.isTerminal) {
        for (const line of answer.next ?? [])
          context.printError(`${paint(context.stderr, "dim", `  ${line}`)}\n`);
      }
    }
    return answer.exitCode ?? 0;
  } finally {
    context.close();
  }
}
