import { protocolVersion } from "../../../agent/src/protocol.ts";
import { version } from "../../../agent/src/version.ts";
import { defaultSettings } from "../../../core/src/model.ts";
import { type Command, command, findCommand, kebab, universalFlags, unknown } from "../command.ts";
import { complete, completionScript, shells } from "../complete.ts";
import type { Context } from "../context.ts";
import { exitCodeTable } from "../exit-codes.ts";
import { commandHelp, exitCodesHelp, groupHelp, overview, shownFlags } from "../help.ts";

/** Commands about the program itself; they need the whole table, themselves included. */
export function aboutCommands(table: () => readonly Command[]): Command[] {
  const help = command({
    name: "help",
    summary: "show help for a command, or all commands",
    args: {
      command: {
        help: "a command, or exit-codes",
        complete: [
          "exit-codes",
          "session",
          "integration",
          "idp-url",
          "profile",
          "region",
          "settings",
          "vault",
          "agent",
          "desktop",
          "log",
        ],
      },
      verb: { help: "the second word of a command" },
    },
    async run(context, { args }) {
      const words = [args.command, args.verb].filter((word) => word !== undefined);
      const shown = table().filter((one) => !one.hidden);
      if (words.length === 0) return { json: describeAll(shown), text: overview(shown, context.stdout) };
      if (words[0] === "exit-codes") return { json: exitCodeTable, text: exitCodesHelp(context.stdout) };
      const found = findCommand(shown, words);
      if (found?.length === words.length) {
        return { json: describe(found.command), text: commandHelp(found.command, context.stdout) };
      }
      const members = shown.filter((one) => one.name.startsWith(`${words[0]} `));
      if (words.length === 1 && members.length > 0) {
        return { json: members.map(describe), text: groupHelp(shown, words[0]!, context.stdout) };
      }
      const names = shown.map((one) => one.name);
      throw unknown("usage", "command", words.join(" "), names, "run: leapp help");
    },
  });

  const versionCommand = command({
    name: "version",
    summary: "show the version",
    async run() {
      return { json: { version, protocol: protocolVersion }, text: `leapp ${version}` };
    },
  });

  const completion = command({
    name: "completion",
    summary: "print a shell's completion script",
    args: { shell: { required: true, complete: shells, help: shells.join(", ") } },
    examples: [['eval "$(leapp completion bash)"', "in ~/.bashrc"]],
    async run(_context, { args }) {
      const script = completionScript(args.shell);
      return { json: { shell: args.shell, script }, text: script };
    },
  });

  /** What the completion scripts call. `:file` means: the shell completes a file name itself. */
  const completeCommand: Command = {
    name: "__complete",
    hidden: true,
    summary: "candidates for the word being typed",
    args: Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`word${i}`, { help: "" }])),
    flags: {},
    async run(context, { args }) {
      const words = Object.values(args).filter((word) => word !== undefined);
      const found = complete(table(), words);
      if (found.lookUp === "file") return { json: [":file"], text: ":file" };
      const typed = (words.at(-1) ?? "").toLowerCase();
      const names = found.lookUp ? await lookUp(context, found.lookUp) : [];
      const candidates = [...found.words, ...names.filter((one) => one.toLowerCase().startsWith(typed))];
      return { json: candidates, text: candidates.join("\n") };
    },
  };

  return [help, completion, versionCommand, completeCommand];
}

/** Names for completion. A Tab key starts no agent and asks nothing. */
async function lookUp(
  context: Context,
  what: "session" | "integration" | "profile" | "region" | "setting",
): Promise<string[]> {
  if (what === "setting") return Object.keys(defaultSettings);
  const client = await context.client({ start: false });
  switch (what) {
    case "session":
      return (await client.call("session.list", {})).map((session) => session.name);
    case "integration":
      return (await client.call("integration.list", {})).map((integration) => integration.alias);
    case "profile":
      return (await client.call("profile.list", {})).map((profile) => profile.name);
    case "region":
      return (await client.call("region.list", {})).map((region) => region.region);
  }
}

function describe(one: Command): unknown {
  return {
    name: one.name,
    summary: one.summary,
    args: Object.entries(one.args).map(([name, argument]) => ({
      name,
      help: argument.help,
      required: argument.required ?? false,
    })),
    flags: shownFlags(one.flags).map(([key, flag]) => ({
      name: `--${kebab(key)}`,
      ...(flag.value ? { value: flag.value } : {}),
      help: flag.help,
    })),
  };
}

function describeAll(shown: readonly Command[]): unknown {
  return {
    version,
    flags: Object.entries(universalFlags).map(([key, flag]) => ({
      name: `--${kebab(key)}`,
      help: flag.help,
    })),
    commands: shown.map(describe),
  };
}
