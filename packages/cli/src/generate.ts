import { connectAgent } from "../../agent/src/client.ts";
import { host } from "./context.ts";

/**
 * `session generate`: the one command that other programs run. One line to stdout, nothing to stderr; stdin is
 * never read. Only where a person looks at both outputs is a question asked, on the terminal itself.
 * @throws LeappError whose line and exit code go to the caller.
 */
export async function generate(session: string): Promise<void> {
  const interactive = host.isTerminal(1) && host.isTerminal(2);
  const terminal = interactive ? (await import("./terminal.ts")).openTerminal(host.platform) : undefined;
  // A tool is answered within 4 s, be it with a failure (consumers.md R4).
  const startWithin = terminal ? undefined : 3_500;
  const client = await connectAgent({
    env: host.env,
    interactive: terminal !== undefined,
    forCredentials: true,
    startWithin,
  });
  if (terminal) (await import("./prompts.ts")).answerPrompts(client, terminal);
  try {
    const { line } = await client.call("credentials.generate", { session });
    host.write(1, `${line}\n`);
  } finally {
    client.close();
  }
}
