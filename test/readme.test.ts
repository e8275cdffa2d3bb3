/**
 * The README's transcript, typed command by command on a terminal of the built program, with the sandbox as AWS.
 * What is shown must have the same shape: the same lines, where `…` stands for anything and numbers may differ.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createSandboxedLeapp, root } from "./support/leapp.ts";

const text = readFileSync(join(root, "README.md"), "utf8");
const block = /```console\n(\$ leapp session add[\s\S]*?)```/.exec(text)?.[1] ?? "";

/** Each command with the lines below it. */
const steps = block
  .split(/^\$ /m)
  .slice(1)
  .map((part) => {
    const [command = "", ...shown] = part.trimEnd().split("\n");
    return { command, shown };
  });

let home: Awaited<ReturnType<typeof createSandboxedLeapp>>;
let user: ReturnType<(typeof home)["sandbox"]["addUser"]>;
beforeAll(async () => {
  home = await createSandboxedLeapp({ env: { USER: "ada" } });
  user = home.sandbox.addUser({ accountId: "111122223333", name: "ada" });
  home.sandbox.addRole({ accountId: "111122223333", name: "developer", trust: { principals: [user.arn] } });
});
afterAll(() => home.stop());

test("there is a transcript, and it begins with a person who has nothing yet", () => {
  expect(steps.map(({ command }) => command.split(" ").slice(0, 3).join(" "))).toEqual([
    "leapp session add",
    "leapp session add",
    "leapp session start",
    "aws sts get-caller-identity",
    "leapp session stop",
  ]);
});

const lacking = steps.some(({ command }) => command.startsWith("aws ")) && !Bun.which("aws");
const missing = lacking && process.env.CI !== "true";
test(missing
  ? "the transcript, but for the aws command, which is not installed"
  : "the transcript", async () => {
  const aws = Bun.which("aws");
  const env = { ...home.env, PATH: aws ? `${home.env.PATH}:${join(aws, "..")}` : home.env.PATH! };
  for (const { command, shown } of steps) {
    if (missing && command.startsWith("aws ")) continue;
    const screen = await typed(command, env, {
      "access key id: ": user.accessKeyId,
      "mfa device [none]: ": "",
      "secret access key (not shown): ": user.secretAccessKey,
    });
    expect(screen.map(blurred)).toEqual(shown.map(blurred));
  }
  // There was no config file before, so there is none now.
  expect(existsSync(join(home.home, ".aws/config"))).toBe(false);
}, 60_000);

/** What a terminal of 200 columns shows while a person types `answers` at the questions. */
async function typed(
  command: string,
  env: Record<string, string>,
  answers: Record<string, string>,
): Promise<string[]> {
  const decoder = new TextDecoder();
  const waiting = new Map(Object.entries(answers));
  let screen = "";
  const child = Bun.spawn(["/bin/sh", "-c", command], {
    cwd: home.folder,
    env,
    terminal: {
      cols: 200,
      rows: 40,
      data(terminal, bytes) {
        screen += decoder.decode(bytes, { stream: true });
        for (const [question, answer] of waiting) {
          if (!screen.endsWith(question)) continue;
          waiting.delete(question);
          terminal.write(`${answer}\r`);
        }
      },
    },
  });
  const stuck = setTimeout(() => child.kill("SIGKILL"), 30_000);
  const code = await child.exited;
  clearTimeout(stuck);
  const plain = screen.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replaceAll("\r", "");
  expect({ command, code, leaked: plain.includes(user.secretAccessKey) }).toEqual({
    command,
    code: 0,
    leaked: false,
  });
  return plain.trimEnd().split("\n");
}

/** Without what differs from one machine and one run to the next. */
function blurred(line: string): string {
  return line
    .trimEnd()
    .replace(
      /credential_process=\S*leapp session generate \S+$/,
      "credential_process=leapp session generate …",
    )
    .replace(/\([0-9a-f-]{36}\)/, "(…)")
    .replace(/^access key id: .*/, "access key id: …")
    .replace(/expires in .*/, "expires in …");
}
