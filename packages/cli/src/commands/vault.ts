import { LeappError } from "../../../core/src/errors.ts";
import type { VaultStatus } from "../../../agent/src/protocol.ts";
import type { AgentClient } from "../../../agent/src/client.ts";
import { type Command, command } from "../command.ts";
import type { Context } from "../context.ts";

const words: Record<VaultStatus["state"], string> = {
  absent: "not made yet; the first session makes it",
  locked: "locked",
  unlocked: "unlocked",
};

function describe(status: VaultStatus): string {
  const records = status.records === undefined ? "" : `, ${status.records} records`;
  const by = status.state === "absent" ? "" : `\nprotected by ${status.label}`;
  return `vault ${words[status.state]}${records}${by}\nin ${status.file}`;
}

const status = command({
  name: "vault status",
  summary: "show whether the vault is open and what protects it",
  async run(context) {
    const client = await context.client();
    const found = await client.call("vault.status", {});
    return { json: found, text: describe(found) };
  },
});

const stdinFlag = {
  passphraseStdin: {
    help: "read the passphrase from standard input; where two are needed, the old one first",
  },
} as const;

/** Passphrases in the order of the questions: from stdin a line each, else asked without echo. */
async function passphrases(
  context: Context,
  stdin: boolean,
  questions: readonly string[],
): Promise<string[]> {
  const terminal = context.terminal();
  if (stdin && !terminal) {
    const lines = context.readInput(0).split(/\r?\n/);
    if (lines.length < questions.length || lines.slice(0, questions.length).includes("")) {
      throw new LeappError("usage", `standard input lacks the ${questions[lines.length] ?? "passphrase"}`);
    }
    return lines.slice(0, questions.length);
  }
  if (!terminal) {
    throw new LeappError("vault-locked", "a passphrase is needed and nobody can be asked from here", {
      hint: "use --passphrase-stdin, or set LEAPP_VAULT_PASSPHRASE_FILE for the agent",
    });
  }
  const answers: string[] = [];
  for (const message of questions) {
    const answer = await terminal.ask({ message, secret: true });
    if (
      message.startsWith("new") &&
      (await terminal.ask({ message: `${message} again`, secret: true })) !== answer
    ) {
      throw new LeappError("invalid", "the two passphrases differ, nothing was changed");
    }
    answers.push(answer);
  }
  return answers;
}

const unlock = command({
  name: "vault unlock",
  summary: "open the vault",
  flags: stdinFlag,
  async run(context, { flags }) {
    const client = await context.client();
    const before = await client.call("vault.status", {});
    if (before.state === "unlocked") return { json: before, text: "vault already unlocked" };
    const found = await open(context, client, flags.passphraseStdin ?? false);
    return { json: found, text: "vault unlocked" };
  },
});

const attempts = 3;

/** The quiet way first: keychain, passphrase file, or the agent's own question. Then a wrong passphrase may be mended. */
async function open(context: Context, client: AgentClient, stdin: boolean): Promise<VaultStatus> {
  if (stdin) {
    const [passphrase] = await passphrases(context, stdin, ["passphrase"]);
    return client.call("vault.unlock", { passphrase: passphrase! });
  }
  for (let attempt = 1; ; attempt++) {
    try {
      if (attempt === 1) return await client.call("vault.unlock", {});
      const [passphrase] = await passphrases(context, false, ["passphrase"]);
      return await client.call("vault.unlock", { passphrase: passphrase! });
    } catch (error) {
      const terminal = context.terminal();
      const mendable = error instanceof LeappError && error.code === "vault-unavailable";
      const { kind } = await client.call("vault.status", {});
      if (!mendable || !terminal || kind !== "passphrase" || attempt > attempts) throw error;
      terminal.show(error.message);
    }
  }
}

const lock = command({
  name: "vault lock",
  summary: "close the vault and forget the credentials that only it can renew",
  async run(context) {
    const client = await context.client();
    const before = await client.call("vault.status", {});
    const found = await client.call("vault.lock", {});
    return { json: found, text: before.state === "unlocked" ? "vault locked" : "vault already locked" };
  },
});

const changePassphrase = command({
  name: "vault change-passphrase",
  summary: "protect the vault with another passphrase, or with a first one instead of the keychain",
  flags: stdinFlag,
  async run(context, { flags }) {
    const client = await context.client();
    const { kind } = await client.call("vault.status", {});
    const questions = kind === "passphrase" ? ["current passphrase", "new passphrase"] : ["new passphrase"];
    const answers = await passphrases(context, flags.passphraseStdin ?? false, questions);
    const found = await client.call("vault.change-passphrase", {
      ...(kind === "passphrase" ? { current: answers[0]! } : {}),
      passphrase: answers.at(-1)!,
    });
    return { json: found, text: "passphrase changed" };
  },
});

const useKeychain = command({
  name: "vault use-keychain",
  summary: "protect the vault by the system's keychain instead of a passphrase",
  flags: stdinFlag,
  async run(context, { flags }) {
    const client = await context.client();
    const { kind } = await client.call("vault.status", {});
    const [current] =
      kind === "passphrase"
        ? await passphrases(context, flags.passphraseStdin ?? false, ["current passphrase"])
        : [];
    const found = await client.call("vault.use-keychain", current === undefined ? {} : { current });
    return { json: found, text: `${found.label} protects it ${kind === "keychain" ? "already" : "now"}` };
  },
});

export const vaultCommands: Command[] = [status, unlock, lock, changePassphrase, useKeychain];
