import type { Page, SsoAccount } from "../aws/sso.ts";

/** A role a person has in an account. */
export interface FoundRole extends SsoAccount {
  roleName: string;
}

/** Accounts whose roles are known already, by account id; an interrupted listing goes on from it. */
export type Listed = Map<string, string[]>;

export interface ListOptions {
  /** Accounts done, accounts known so far, and seconds to go at the present pace. */
  progress?: (done: number, total: number, estimateSeconds: number) => void;
  signal?: AbortSignal;
}

interface Portal {
  accounts(nextToken: string | undefined, signal: AbortSignal): Promise<Page<SsoAccount>>;
  roles(accountId: string, nextToken: string | undefined, signal: AbortSignal): Promise<Page<string>>;
  /** Requests a second at present. */
  rate(): number;
}

/** Covers answers that take more than a second at 20 requests a second. */
const inFlight = 24;

/**
 * Every role of every account, in the order of the portal. The calls pace themselves and try again; what they
 * throw in the end fails the listing as a whole, since half a list would look like removed accounts.
 */
export async function listEverything(
  portal: Portal,
  listed: Listed,
  options: ListOptions,
): Promise<FoundRole[]> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const accounts: SsoAccount[] = [];
  let complete = false;
  let position = 0;
  let done = 0;
  let wake: (() => void)[] = [];

  function wakeAll(): void {
    const waiting = wake;
    wake = [];
    for (const run of waiting) run();
  }

  function report(): void {
    options.progress?.(done, accounts.length, Math.ceil((accounts.length - done) / portal.rate()));
  }

  async function listAccounts(): Promise<void> {
    const seen = new Set<string>();
    let next: string | undefined;
    do {
      const page = await portal.accounts(next, signal);
      for (const account of page.items) {
        if (seen.has(account.accountId)) continue;
        seen.add(account.accountId);
        accounts.push(account);
      }
      next = page.nextToken;
      report();
      wakeAll();
    } while (next);
    complete = true;
    wakeAll();
  }

  async function listRoles(): Promise<void> {
    for (;;) {
      const account = accounts[position];
      if (!account) {
        if (complete || signal.aborted) return;
        await new Promise<void>((resolve) => wake.push(resolve));
        continue;
      }
      position += 1;
      if (!listed.has(account.accountId)) {
        const roles: string[] = [];
        let next: string | undefined;
        do {
          const page = await portal.roles(account.accountId, next, signal);
          roles.push(...page.items);
          next = page.nextToken;
        } while (next);
        listed.set(account.accountId, roles);
      }
      done += 1;
      report();
    }
  }

  const work = [listAccounts(), ...Array.from({ length: inFlight }, listRoles)];
  try {
    await Promise.all(work);
  } catch (error) {
    stop.abort(error);
    wakeAll();
    await Promise.allSettled(work);
    throw error;
  }
  return accounts.flatMap((account) =>
    [...new Set(listed.get(account.accountId))].map((roleName) => ({ ...account, roleName })),
  );
}
