/** Looking for secrets where none may be: in files, arguments, environments, in every spelling. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Leapp } from "./leapp.ts";

/** A secret in all spellings that are looked for; by name, since a report must not show it. */
export class Secrets {
  readonly #forms = new Map<string, Buffer>();

  add(name: string, secret: string): void {
    const put = (form: string, bytes: Buffer | string) => {
      // Shorter ones are found by chance.
      if (bytes.length >= 6) this.#forms.set(`${name} (${form})`, Buffer.from(bytes as string));
    };
    const bytes = Buffer.from(secret);
    put("as it is", secret);
    put("UTF-16LE", Buffer.from(secret, "utf16le"));
    put("UTF-16BE", Buffer.from(secret, "utf16le").swap16());
    put("JSON", JSON.stringify(secret).slice(1, -1));
    put("JSON with escaped slashes", secret.replaceAll("/", "\\/"));
    put("URL", encodeURIComponent(secret));
    put(
      "URL, lower case",
      encodeURIComponent(secret).replace(/%../g, (code) => code.toLowerCase()),
    );
    put("hex", bytes.toString("hex"));
    put("HEX", bytes.toString("hex").toUpperCase());
    // Wherever it begins within a longer text; what its neighbours have a part in is left out.
    for (const before of [0, 1, 2]) {
      const text = Buffer.concat([Buffer.alloc(before), bytes])
        .toString("base64")
        .replace(/=+$/, "");
      const inner = text.slice(
        before === 0 ? 0 : before + 1,
        (bytes.length + before) % 3 === 0 ? undefined : -1,
      );
      put(`base64 at ${before}`, inner);
      put(`base64url at ${before}`, inner.replaceAll("+", "-").replaceAll("/", "_"));
    }
  }

  /** Names of what is in there. */
  in(bytes: Buffer | string): string[] {
    const text = Buffer.from(bytes as string);
    return [...this.#forms].flatMap(([name, form]) => (text.includes(form) ? [name] : []));
  }
}

/** All files below a folder, as found now. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** `FILE: SECRET` for each that is found, in a name or in a content. */
export function leaks(secrets: Secrets, files: string[]): string[] {
  return files.flatMap((file) =>
    [...secrets.in(file), ...secrets.in(readFileSync(file))].map((name) => `${file}: ${name}`),
  );
}

/** Arguments and environments of every process of ours while the journey runs. */
export function watchProcesses(machine: Leapp) {
  const seen = new Map<string, Buffer>();
  const known = new Set<string>();
  let stopped = false;
  const read = (path: string) => {
    try {
      return readFileSync(path);
    } catch {
      return Buffer.alloc(0);
    }
  };
  const mine = Buffer.from(machine.leappHome);
  const watching = (async () => {
    while (!stopped) {
      for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        if (Number(pid) === process.pid) continue;
        const command = read(`/proc/${pid}/cmdline`);
        const name = `${pid} ${command.toString("latin1").replaceAll("\0", " ")}`;
        if (known.has(name)) continue;
        known.add(name);
        const environment = read(`/proc/${pid}/environ`);
        if (environment.includes(mine)) seen.set(name, Buffer.concat([command, environment]));
      }
      await new Promise((resume) => setImmediate(resume));
    }
  })();
  return {
    seen,
    stop() {
      stopped = true;
      return watching;
    },
  };
}
