import { LeappError } from "../../../core/src/errors.ts";
import type { Context } from "../context.ts";

/** Asks for what the command line lacks. @throws LeappError `usage` where nobody can be asked. */
export async function missing(context: Context, what: string, question: string): Promise<string> {
  const terminal = context.terminal();
  if (!terminal) throw new LeappError("usage", `${what} is missing`, { hint: "add --help to see the flags" });
  for (;;) {
    const answer = (await terminal.ask({ message: question })).trim();
    if (answer) return answer;
  }
}

/** Goes on after a yes. @throws LeappError `refused`; without a terminal, `otherwise`. */
export async function confirmed(context: Context, question: string, otherwise: LeappError): Promise<void> {
  const terminal = context.terminal();
  if (!terminal) throw otherwise;
  terminal.show(question);
  const answer = await terminal.ask({ message: "go ahead? (yes/no)" });
  if (!/^y(es)?$/i.test(answer.trim())) throw new LeappError("refused", "cancelled, nothing was changed");
}

/** `--provider` and `--providerType` of the old product, which had one more cloud. @throws LeappError `usage` */
export function onlyAws(provider: string | undefined): void {
  if (provider !== undefined && provider.toLowerCase() !== "aws") {
    throw new LeappError("usage", `no provider "${provider}"`, { hint: "aws is the only one" });
  }
}

/** Calls, and where that is a conflict calls again with force after a yes. */
export async function withForce<T>(
  context: Context,
  force: boolean | undefined,
  call: (force: boolean) => Promise<T>,
): Promise<T> {
  try {
    return await call(force ?? false);
  } catch (error) {
    if (force || !(error instanceof LeappError) || error.code !== "conflict") throw error;
    await confirmed(context, error.message, error);
    return call(true);
  }
}
