/** Opens the vault when it is needed, in the least disturbing way, and stays shut when the person locked it. */
import { readFile } from "node:fs/promises";
import { LeappError } from "../../core/src/errors.ts";
import type { Clock, Secrets, SecretStore } from "../../core/src/ports.ts";
import type { Vault } from "../../core/src/vault/vault.ts";
import { Audience, type Prompts } from "./prompts.ts";
import type { VaultStatus } from "./protocol.ts";

export interface VaultAccess {
  /** Unlocks, or creates where there is none. @throws LeappError `vault-locked`, `vault-unavailable` */
  open(audience: Audience): Promise<Vault>;
  /**
   * Begins to open a vault that is there, if nobody has to be asked for it. Returns when that is under way, which
   * leaves this thread free for a while. Never fails.
   */
  begin(): Promise<void>;
  /** The vault as named secrets on behalf of `audience`. */
  secrets(audience: Audience): Secrets;
  status(): VaultStatus;
  unlock(passphrase: string | undefined, audience: Audience): Promise<void>;
  lock(): void;
  changePassphrase(current: string | undefined, next: string, audience: Audience): Promise<void>;
  useKeychain(current: string | undefined, audience: Audience): Promise<void>;
}

interface Options {
  vault: Vault;
  file: string;
  clock: Clock;
  prompts: Prompts;
  keychain: () => Promise<SecretStore | undefined>;
  /** LEAPP_VAULT_PASSPHRASE_FILE of the environment the agent was started from. */
  passphraseFile: string | undefined;
  /** Minutes; 0: never. */
  lockAfter: () => number;
  onLock: () => void;
}

const needPassphrase = new LeappError("vault-locked", "the vault is locked", {
  hint: "run: leapp vault unlock",
});

export function createVaultAccess(options: Options): VaultAccess {
  const { vault, prompts, clock } = options;
  let lockedByPerson = false;
  let opening: Promise<void> | undefined;
  let cancelIdle = () => {};
  let usedAt = 0;

  async function passphraseFromFile(): Promise<string | undefined> {
    if (!options.passphraseFile) return undefined;
    try {
      return (await readFile(options.passphraseFile, "utf8")).replace(/\r?\n$/, "");
    } catch (cause) {
      throw new LeappError("vault-locked", `cannot read ${options.passphraseFile}`, {
        hint: "check LEAPP_VAULT_PASSPHRASE_FILE, then run: leapp vault unlock",
        cause,
      });
    }
  }

  const ask = (message: string, audience: Audience) =>
    prompts.ask({ kind: "passphrase", message }, audience, needPassphrase);

  const known = async (current: string | undefined, audience: Audience) =>
    vault.status().kind === "passphrase" ? (current ?? (await ask("current passphrase", audience))) : current;

  async function create(audience: Audience): Promise<void> {
    const passphrase = await passphraseFromFile();
    if (passphrase !== undefined) return vault.create({ passphrase });
    if (await options.keychain()) return vault.create({});
    if (!prompts.reachable(audience))
      throw new LeappError("vault-unavailable", "no keychain answers and no passphrase was given", {
        hint: "run: leapp vault unlock in a terminal, or set LEAPP_VAULT_PASSPHRASE_FILE",
      });
    const first = await ask("new passphrase for the vault (at least 8 characters)", audience);
    if (first !== (await ask("the same passphrase again", audience)))
      throw new LeappError("invalid", "the two passphrases differ");
    return vault.create({ passphrase: first });
  }

  async function unlockQuietly(audience: Audience, underWay?: () => void): Promise<void> {
    const { state, kind } = vault.status();
    if (state === "absent") return create(audience);
    const passphrase =
      kind === "keychain"
        ? undefined
        : ((await passphraseFromFile()) ?? (await ask("passphrase of the vault", audience)));
    const unlocked = vault.unlock(passphrase);
    underWay?.();
    return unlocked;
  }

  function watchIdle(): void {
    cancelIdle();
    const minutes = options.lockAfter();
    if (minutes <= 0 || vault.status().state !== "unlocked") return;
    cancelIdle = clock.at(usedAt + minutes * 60_000, () => {
      if (clock.now() - usedAt >= minutes * 60_000) lock();
      else watchIdle();
    });
  }

  function lock(): void {
    cancelIdle();
    vault.lock();
    options.onLock();
  }

  async function open(audience: Audience, underWay?: () => void): Promise<Vault> {
    usedAt = clock.now();
    if (vault.status().state !== "unlocked") {
      if (lockedByPerson) throw needPassphrase;
      opening ??= unlockQuietly(audience, underWay).finally(() => {
        opening = undefined;
      });
      await opening;
      watchIdle();
    }
    return vault;
  }

  return {
    open,
    async begin() {
      try {
        if (vault.status().state !== "locked") return;
        await new Promise<void>((underWay, failed) => {
          // A passphrase file that hangs, such as a pipe, must not keep the agent from listening.
          setTimeout(underWay, 20);
          open(new Audience({ background: true }), underWay).catch(failed);
        });
      } catch {
        // Whoever needs it will hear why.
      }
    },
    secrets: (audience) => ({
      get: async (name) => (await open(audience)).get(name),
      set: async (name, value) => (await open(audience)).set(name, value),
      delete: async (name) => (await open(audience)).delete(name),
    }),
    status: () => ({ ...vault.status(), file: options.file }),
    async unlock(passphrase, audience) {
      lockedByPerson = false;
      if (passphrase === undefined) await open(audience);
      else if (vault.status().state === "absent") await vault.create({ passphrase });
      else await vault.unlock(passphrase);
      usedAt = clock.now();
      watchIdle();
    },
    lock() {
      lockedByPerson = true;
      lock();
    },
    async changePassphrase(current, next, audience) {
      await vault.changePassphrase(await known(current, audience), next);
    },
    async useKeychain(current, audience) {
      await vault.useKeychain(await known(current, audience));
    },
  };
}
