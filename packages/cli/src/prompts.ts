import type { AgentClient } from "../../agent/src/client.ts";
import { LeappError } from "../../core/src/errors.ts";
import type { PromptView } from "../../core/src/model.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Puts the agent's questions for this connection to the person, one after the other. Whoever answers first,
 * here or in the app, ends the question everywhere.
 */
export function answerPrompts(client: AgentClient, terminal: Terminal): void {
  const open = new Map<string, AbortController>();
  let turn: Promise<unknown> = Promise.resolve();
  client.on((event) => {
    if (event.event === "prompt-closed") {
      open.get(event.data.id)?.abort();
      open.delete(event.data.id);
    }
    if (event.event === "prompt" && !open.has(event.data.id)) {
      const closed = new AbortController();
      open.set(event.data.id, closed);
      turn = turn.then(() => answer(client, terminal, event.data, closed.signal));
    }
  });
}

async function answer(client: AgentClient, terminal: Terminal, prompt: PromptView, closed: AbortSignal) {
  if (closed.aborted) return;
  try {
    const value = await put(terminal, prompt, closed);
    if (value === undefined) return;
    await client.call("prompt.answer", { id: prompt.id, value });
  } catch {
    // Ctrl-C, or the terminal is gone. Where somebody else answered there is nothing to refuse: no harm.
    await client.call("prompt.refuse", { id: prompt.id }).catch(() => {});
  }
}

/** @returns undefined when the question was closed meanwhile. */
async function put(terminal: Terminal, prompt: PromptView, closed: AbortSignal): Promise<string | undefined> {
  if (prompt.kind === "sso-sign-in" || prompt.kind === "saml-sign-in") {
    const lines = [prompt.message];
    if (prompt.url) lines.push(`  open ${prompt.url}`);
    if (prompt.userCode) {
      lines.push(`  and check that it shows the code ${prompt.userCode}`);
      lines.push("  never approve a code that you did not ask for yourself");
    }
    await terminal.wait(lines, closed);
    return undefined;
  }
  if (prompt.kind === "confirm") {
    const yes = await terminal.ask({ message: `${prompt.message} (yes/no)` }, closed);
    if (closed.aborted) return undefined;
    if (!/^y(es)?$/i.test(yes.trim())) throw new LeappError("refused", "cancelled");
    return "yes";
  }
  const value = await terminal.ask({ message: prompt.message, secret: prompt.kind === "passphrase" }, closed);
  return closed.aborted ? undefined : prompt.kind === "mfa" ? value.replace(/\s+/g, "") : value;
}
