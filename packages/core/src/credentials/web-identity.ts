/** `AssumeRoleWithWebIdentity` with a token from a file or a command. */
import { open, stat } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { LeappError } from "../errors.ts";
import type { Credentials } from "../model.ts";
import { runCommand } from "./command.ts";
import type { WebIdentityRequest } from "./request.ts";
import type { ResolveContext } from "./resolve.ts";

/** Characters that STS takes. */
const longestToken = 20_000;

export async function resolveWebIdentity(
  request: WebIdentityRequest,
  context: Pick<ResolveContext, "sts" | "env" | "signal">,
): Promise<Credentials> {
  const { type: _, region, tokenFile, tokenCommand, ...input } = request;
  const token = await readToken(request, context);
  return context.sts.assumeRoleWithWebIdentity({ ...input, token }, { region, signal: context.signal });
}

async function readToken(
  { tokenFile, tokenCommand }: WebIdentityRequest,
  { env, signal }: Pick<ResolveContext, "env" | "signal">,
): Promise<string> {
  const text = tokenCommand
    ? await runCommand(tokenCommand, { name: "the token command", env, signal })
    : await readTokenFile(tokenFile ?? "");
  const token = text.trim();
  if (token && token.length <= longestToken && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new LeappError(
    "invalid",
    `${tokenCommand ? "the token command" : tokenFile} gives no web identity token`,
    {
      hint: "a token is one line such as eyJ...",
    },
  );
}

/** Read anew each time, for whoever writes it replaces it; at most what a token can have. */
async function readTokenFile(file: string): Promise<string> {
  const hint = "run: leapp session edit SESSION --token-file FILE";
  if (!isAbsolute(file)) throw new LeappError("invalid", "the token file needs a whole path", { hint });
  try {
    // Opening a pipe would wait for its writer.
    if (!(await stat(file)).isFile()) throw new Error("not a regular file");
    const handle = await open(file, "r");
    try {
      const { buffer, bytesRead } = await handle.read(
        Buffer.alloc(longestToken + 64),
        0,
        longestToken + 64,
        0,
      );
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new LeappError("file", `cannot read the token file ${file}`, { hint, cause });
  }
}
