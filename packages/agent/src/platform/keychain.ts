/** The system's keychain behind the `SecretStore` port: Secret Service, macOS Keychain, Windows Credential Manager. */
import { LeappError } from "../../../core/src/errors.ts";
import type { SecretStore } from "../../../core/src/ports.ts";
import { secretServiceAnswers } from "./secret-service.ts";

const service = "leapp";
const labels: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "macOS Keychain",
  win32: "Windows Credential Manager",
};
const label = labels[process.platform] ?? "Secret Service (GNOME Keyring, KWallet, KeePassXC)";

export interface KeychainTimes {
  /** Milliseconds for a keychain to answer at all. */
  detect?: number;
  /** Milliseconds for one operation: a keychain may first ask the person to unlock it. */
  operation?: number;
}

/**
 * The keychain, if one answers within the time; undefined where there is none (a server, a container, no session
 * bus) or it hangs. A locked one answers: its `get` and `set` then throw `vault-unavailable`. Asking never makes
 * the system show a dialog. The native module is loaded here first, and its work is done off the event loop.
 */
export async function detectKeychain(times: KeychainTimes = {}): Promise<SecretStore | undefined> {
  const { detect = 3_000, operation = 60_000 } = times;
  try {
    if (!(await ready(detect))) return undefined;
    const { AsyncEntry } = await import("@napi-rs/keyring");
    // On Linux the module would fall back to the kernel's keyring, which forgets everything at a reboot.
    const entry = (name: string) => new AsyncEntry(service, name, { linux: { store: "secret-service" } });
    const attempt = async <T>(done: string, run: () => Promise<T>): Promise<T> => {
      try {
        if (await ready(detect)) return await within(operation, run());
        throw new Error(`no answer in ${detect} ms`);
      } catch (cause) {
        // The module's own words are kept as the cause only: they differ by platform and may name the item.
        throw new LeappError(
          "vault-unavailable",
          `${label} cannot be ${done}: it is locked, gone or refused`,
          {
            hint: "unlock your keychain (log in to the desktop, or open its settings), then try again",
            cause,
          },
        );
      }
    };
    await within(detect, entry("does anyone answer").getPassword());
    return {
      label,
      get: async (name) => (await attempt("read", () => entry(name).getPassword())) ?? undefined,
      set: (name, value) => attempt("written", () => entry(name).setPassword(value)),
      delete: async (name) => {
        await attempt("changed", () => entry(name).deleteCredential());
      },
    };
  } catch {
    return undefined;
  }
}

/** Before each use on Linux: a bus or a keyring that hangs must not reach the native module (secret-service.ts). */
async function ready(milliseconds: number): Promise<boolean> {
  return process.platform !== "linux" || secretServiceAnswers(milliseconds);
}

async function within<T>(milliseconds: number, answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
