/**
 * Asks the person at the terminal, on /dev/tty, so that stdin and stdout stay free for data. Our own: a prompt
 * that another client answers must vanish at once, and sixty lines are easier to trust than a tree of packages
 * in the one program that is handed secrets.
 */
import { openSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import { LeappError } from "../../core/src/errors.ts";
import type { Prompt, Question } from "../../core/src/ports.ts";
import { clean } from "./print.ts";

export interface Terminal extends Prompt {
  /** Like `ask`, for one of several; takes its number or its name. Asks again until it fits. */
  choose(message: string, options: readonly string[]): Promise<string>;
  /** A line for the person. */
  show(line: string): void;
  /** Shows the lines and settles when `signal` aborts. @throws LeappError `refused` on Ctrl-C. */
  wait(lines: readonly string[], signal: AbortSignal): Promise<void>;
}

/** @returns undefined where the process has no terminal. */
export function openTerminal(platform: string): Terminal | undefined {
  const path = (input: boolean) => (platform === "win32" ? (input ? "CONIN$" : "CONOUT$") : "/dev/tty");
  let output: number;
  try {
    output = openSync(path(false), "r+");
  } catch {
    return undefined;
  }
  const write = (text: string) => {
    writeSync(output, text);
  };

  /** Raw keys until `key` returns something or the signal aborts. Keys typed ahead of a later question are kept. */
  let typedAhead = "";
  const read = <T>(
    prompt: string,
    key: (character: string) => T | undefined,
    aborted: T,
    signal?: AbortSignal,
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return resolve(aborted);
      const input = new ReadStream(openSync(path(true), "r+"));
      input.setRawMode(true);
      // Only now: what is typed at a shown prompt must find the terminal ready, Ctrl-C and secrets above all.
      write(prompt);
      const finish = (settle: () => void) => {
        signal?.removeEventListener("abort", stop);
        input.removeAllListeners("data");
        input.setRawMode(false);
        input.destroy();
        write("\n");
        settle();
      };
      const stop = () => finish(() => resolve(aborted));
      signal?.addEventListener("abort", stop);
      const take = (text: string) => {
        // Bracketed paste and cursor keys arrive as escape sequences: not part of an answer.
        const characters = [...text.replace(/\u001b\[[0-9;]*[A-Za-z~]|\u001bO[A-Z]/g, "")];
        for (let i = 0; i < characters.length; i++) {
          const character = characters[i]!;
          if (character === "\u0003" || character === "\u0004") {
            return finish(() => reject(new LeappError("refused", "cancelled")));
          }
          const result = key(character);
          if (result !== undefined) {
            typedAhead = characters.slice(i + 1).join("");
            return finish(() => resolve(result));
          }
        }
      };
      input.setEncoding("utf8");
      input.on("data", take);
      input.on("error", () => finish(() => reject(new LeappError("refused", "the terminal went away"))));
      if (typedAhead) {
        const text = typedAhead;
        typedAhead = "";
        take(text);
      }
    });

  const ask = (question: Question, signal?: AbortSignal): Promise<string> => {
    const prompt = `${clean(question.message)}: `;
    let text = "";
    return read(
      prompt,
      (character) => {
        if (character === "\r" || character === "\n") return text;
        const erased =
          character === "\u007f" || character === "\b" ? 1 : character === "\u0015" ? text.length : 0;
        if (erased > 0) text = [...text].slice(0, -erased).join("");
        else if (character >= " ") text += character;
        else return undefined;
        if (!question.secret) write(erased > 0 ? `\r\u001b[K${prompt}${text}` : character);
        return undefined;
      },
      "",
      signal,
    );
  };

  return {
    ask,
    async choose(message, options) {
      options.forEach((option, i) => {
        write(`  ${String(i + 1).padStart(String(options.length).length)}  ${clean(option)}\n`);
      });
      for (;;) {
        const answer = (await ask({ message: `${message} (1-${options.length})` })).trim();
        const named = options.find((option) => option.toLowerCase() === answer.toLowerCase());
        const picked = named ?? (/^\d+$/.test(answer) ? options[Number(answer) - 1] : undefined);
        if (picked !== undefined) return picked;
        write(`  "${answer}" is none of them\n`);
      }
    },
    show: (line) => write(`${clean(line)}\n`),
    wait: (lines, signal) => read(lines.map(clean).join("\n"), () => undefined, undefined, signal),
  };
}
