/** The program. `session generate ID` comes first and loads nothing but the client. */
import { LeappError } from "../../core/src/errors.ts";
import { host } from "./context.ts";

async function main(args: string[]): Promise<number> {
  const [noun, verb, id] = args;
  if (noun === "session" && verb === "generate" && id && args.length === 3 && !id.startsWith("-")) {
    const { generate } = await import("./generate.ts");
    await generate(id);
    return 0;
  }
  if (noun === "agent" && verb === "run") {
    const { runAgent } = await import("../../agent/src/main.ts");
    await runAgent({ takeOver: id === "--take-over", forCredentials: id === "--for-credentials" });
    // It serves until it ends its process itself.
    return new Promise<never>(() => {});
  }
  const { run } = await import("./run.ts");
  return run(args);
}

/** One line, whatever went wrong; more only for `--debug`. */
function report(error: unknown): number {
  // The reader of our output has gone, as in `leapp session list | head`: nobody to tell.
  if ((error as { code?: string } | undefined)?.code === "EPIPE") return 1;
  const known = LeappError.of(error);
  try {
    host.write(2, `leapp: ${known.line}\n`);
    if (host.args.includes("--debug")) {
      for (let at: unknown = known; at instanceof Error; at = at.cause) host.write(2, `${at.stack}\n`);
    }
  } catch {
    // stderr is closed: the exit code is all there is.
  }
  return known.exitCode;
}

host.exit(await main(host.args).catch(report));
