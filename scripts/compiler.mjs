// The C compiler of this machine, for the launcher and for the programs of the benchmark.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ask, root } from "./run.mjs";

export const cFlags = ["-Os", "-s", "-std=c99", "-Wall", "-Wextra"];

/**
 * The first one that is here, as a command and its flags: a static musl program starts fastest, then static glibc,
 * then what there is. Undefined where none works.
 */
export function hostCompiler() {
  if (process.platform === "win32") return undefined;
  const candidates =
    process.platform === "darwin"
      ? // Without Apple's tools /usr/bin/cc is a program that opens a window asking for them.
        ask("xcode-select", ["-p"])
        ? [["cc"]]
        : []
      : [["musl-gcc", "-static"], ["cc", "-static"], ["gcc", "-static"], ["cc"], ["gcc"]];
  const trial = join(root, "node_modules/.cache");
  mkdirSync(trial, { recursive: true });
  return candidates.find(
    ([command, ...flags]) =>
      ask(command, [...flags, "-x", "c", "-o", join(trial, "launcher-trial"), "-"], {
        input: '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n',
      }) !== undefined,
  );
}
