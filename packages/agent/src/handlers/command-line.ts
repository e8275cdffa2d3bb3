import { chmodSync, existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { credentialProcessCommand } from "../../../core/src/aws-config/names.ts";
import { LeappError } from "../../../core/src/errors.ts";
import type { Engine } from "../engine.ts";
import type { Handlers } from "../handlers.ts";
import { personHome } from "../platform/paths.ts";
import { installedAs, resolvesToUs } from "../platform/process.ts";
import type { CommandLineStatus } from "../protocol.ts";
import { version } from "../version.ts";

export function commandLineHandlers(
  engine: Engine,
): Pick<Handlers, "command-line.status" | "command-line.install"> {
  const target = () => join(personHome(engine.env), ".local", "bin", "leapp");

  function status(): CommandLineStatus {
    let command: string | undefined;
    try {
      command = credentialProcessCommand(engine.command(), "x", process.platform).value.split(" session ")[0];
    } catch {
      // No spelling of our path works in every consumer; `install` finds a better place.
    }
    return { onPath: resolvesToUs("leapp"), ...(command ? { command } : {}), version, target: target() };
  }

  return {
    "command-line.status": status,
    "command-line.install": () => {
      const link = target();
      const { launcher, core } = installedAs();
      const program = launcher ?? core;
      const found = lstatSync(link, { throwIfNoEntry: false });
      if (found && !(found.isSymbolicLink() && (readlinkSync(link) === program || !existsSync(link))))
        throw new LeappError("conflict", `there is another program at ${link}`, {
          hint: "remove it first, or use: npm run install-local -- --prefix DIR",
        });
      mkdirSync(dirname(link), { recursive: true });
      rmSync(link, { force: true });
      symlinkSync(program, link);
      chmodSync(program, 0o755);
      const onPath = (engine.env.PATH ?? "").split(":").includes(dirname(link));
      return { ...status(), notices: onPath ? [] : [`add ${dirname(link)} to your PATH`] };
    },
  };
}
