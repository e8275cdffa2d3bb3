import type { Engine } from "../engine.ts";
import type { Handlers } from "../handlers.ts";

type Verbs = Pick<
  Handlers,
  | "vault.status"
  | "vault.unlock"
  | "vault.lock"
  | "vault.change-passphrase"
  | "vault.use-keychain"
  | "prompt.list"
  | "prompt.answer"
  | "prompt.refuse"
>;

export function vaultHandlers({ vault, prompts, cache, changed }: Engine): Verbs {
  const answered = () => {
    cache.forgive();
    changed("vault", "sessions");
    return vault.status();
  };
  return {
    "vault.status": () => vault.status(),
    async "vault.unlock"({ passphrase }, call) {
      await vault.unlock(passphrase, call.audience);
      return answered();
    },
    "vault.lock": () => {
      vault.lock();
      return answered();
    },
    async "vault.change-passphrase"({ current, passphrase }, call) {
      await vault.changePassphrase(current, passphrase, call.audience);
      return answered();
    },
    async "vault.use-keychain"({ current }, call) {
      await vault.useKeychain(current, call.audience);
      return answered();
    },
    "prompt.list": () => prompts.list(),
    "prompt.answer": ({ id, value }) => {
      prompts.answer(id, value);
      return null;
    },
    "prompt.refuse": ({ id }) => {
      prompts.refuse(id);
      return null;
    },
  };
}
