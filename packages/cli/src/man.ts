/** The man page, from the table that also parses. roff as in man(7). */
import { type Command, placeholder, universalFlags } from "./command.ts";
import { exitCodeTable } from "./exit-codes.ts";
import { flagHelp, flagLine, shownFlags } from "./help.ts";

/** Text as roff: backslashes, hyphens and a leading dot or quote must not be read as requests. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^([.'])/gm, "\\&$1");
}

const sentence = (text: string) => `${text[0]!.toUpperCase()}${text.slice(1)}.`;
const bold = (text: string) => `\\fB${roff(text)}\\fR`;

function commandSection(command: Command): string[] {
  const args = Object.entries(command.args).map(([name, argument]) => {
    const shown = `\\fI${roff(placeholder(name))}\\fR`;
    return argument.required ? shown : `[${shown}]`;
  });
  const lines = [".TP", [bold(command.name), ...args].join(" "), `${roff(sentence(command.summary))}`];
  if (command.details) for (const part of command.details.split("\n\n")) lines.push(".IP", roff(part));
  for (const [key, flag] of shownFlags(command.flags)) {
    lines.push(".RS", ".TP", bold(flagLine(key, flag)), roff(sentence(flagHelp(flag))), ".RE");
  }
  return lines;
}

export function manPage(table: readonly Command[]): string {
  const shown = table.filter((command) => !command.hidden);
  const pairs = (rows: readonly (readonly [string, string])[]) =>
    rows.flatMap(([name, text]) => [".TP", bold(name), roff(sentence(text))]);
  const lines = [
    '.\\" made by scripts/generate-docs.ts',
    ".TH LEAPP 1",
    ".SH NAME",
    "leapp \\- fresh AWS credentials for every tool on this machine",
    ".SH SYNOPSIS",
    ".B leapp",
    "\\fICOMMAND\\fR [\\fIflags\\fR]",
    ".SH DESCRIPTION",
    roff(
      "Leapp keeps long-term keys in a vault and hands temporary credentials to AWS tools at the moment they ask, through credential_process profiles in ~/.aws/config. A session is named by its id, by an unambiguous beginning of its id, or by its name in any case.",
    ),
    ".SH COMMANDS",
    ...shown.flatMap(commandSection),
    ".SH FLAGS OF EVERY COMMAND",
    ...Object.entries(universalFlags).flatMap(([key, flag]) => [
      ".TP",
      bold(flagLine(key, flag)),
      roff(sentence(flag.help)),
    ]),
    ".SH EXIT STATUS",
    ...exitCodeTable.flatMap(({ exit, code, meaning }) => [".TP", `.B ${exit}`, roff(`${code}: ${meaning}`)]),
    ".SH ENVIRONMENT",
    ...pairs(environment),
    ".SH FILES",
    ...pairs(files),
    ".SH EXAMPLES",
    ...shown.flatMap((command) =>
      (command.examples ?? []).flatMap(([line, what]) => [
        ".PP",
        roff(`${what}:`),
        ".PP",
        ".nf",
        `.RS\n${roff(line)}\n.RE`,
        ".fi",
      ]),
    ),
    ".SH SEE ALSO",
    "\\fBaws\\fR(1)",
  ];
  return `${lines.join("\n")}\n`;
}

const environment = [
  [
    "LEAPP_HOME",
    "folder of everything that leapp keeps; default: the platform's folder for application data",
  ],
  ["LEAPP_VAULT_PASSPHRASE_FILE", "file with the vault's passphrase, for machines without a keychain"],
  ["AWS_CONFIG_FILE", "the config file to write profiles to instead of ~/.aws/config"],
  ["AWS_SHARED_CREDENTIALS_FILE", "the credentials file instead of ~/.aws/credentials"],
  [
    "AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL_SSO, AWS_ENDPOINT_URL_SSO_OIDC",
    "base URLs instead of AWS's; read by the agent when it starts",
  ],
  [
    "HTTPS_PROXY, NO_PROXY",
    "proxy for calls to AWS, and hosts that need none; read by the agent when it starts",
  ],
  ["AWS_CA_BUNDLE", "file with further certificate authorities; read by the agent when it starts"],
  ["NO_COLOR", "when set, nothing is coloured"],
] as const;

const files = [
  ["~/.aws/config", "profiles of started sessions are written here, and nothing else is changed"],
  [
    "LEAPP_HOME/state.db",
    "sessions, settings and the record of who took which credential; no secret is in it",
  ],
  ["LEAPP_HOME/vault.db", "the vault: long-term keys and tokens, encrypted"],
  ["LEAPP_HOME/agent.log", "the agent's log; no secret is in it"],
] as const;
