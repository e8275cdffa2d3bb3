/** The master key wrapped by a passphrase. */
import * as crypto from "node:crypto";
import { LeappError } from "../errors.ts";
import { keyBytes, seal, unseal } from "./crypto.ts";

/** Fewer characters are refused. */
export const shortestPassphrase = 8;

/** What is stored beside the wrapped key, so that the cost can grow without breaking old vaults. */
export type Derivation =
  | { algorithm: "argon2id"; memoryKiB: number; passes: number; parallelism: number; salt: string }
  | { algorithm: "scrypt"; N: number; r: number; p: number; salt: string };

export interface WrappedKey {
  derivation: Derivation;
  /** Base64 of `seal`. */
  sealed: string;
}

/** @throws LeappError `invalid` for an empty or short passphrase. */
export function checkPassphrase(passphrase: string): void {
  if ([...passphrase.normalize("NFC")].length < shortestPassphrase || passphrase.trim() === "") {
    throw new LeappError("invalid", `a passphrase has at least ${shortestPassphrase} characters`, {
      hint: "four or five random words are strong and easy to type",
    });
  }
}

export async function wrapKey(key: Uint8Array, vaultId: string, passphrase: string): Promise<WrappedKey> {
  checkPassphrase(passphrase);
  const derivation = freshDerivation();
  const wrapping = await derive(passphrase, derivation);
  const sealed = seal(wrapping, crypto.randomBytes(12), wrapContext(vaultId), key).toString("base64");
  wrapping.fill(0);
  return { derivation, sealed };
}

/** The master key, or undefined when the passphrase is wrong (or the wrapped key damaged: nobody can tell which). */
export async function unwrapKey(
  wrapped: WrappedKey,
  vaultId: string,
  passphrase: string,
): Promise<Buffer | undefined> {
  const wrapping = await derive(passphrase, wrapped.derivation);
  const key = unseal(wrapping, wrapContext(vaultId), Buffer.from(wrapped.sealed, "base64"));
  wrapping.fill(0);
  return key;
}

function wrapContext(vaultId: string): string {
  return `leapp vault 1 master key\0${vaultId}`;
}

/**
 * Argon2id (RFC 9106) with 64 MiB and one pass: 77 ms on the machine of bench/RESULTS.md, above the least that
 * OWASP asks for (46 MiB with one pass), and its memory goes back to the system. Runtimes without Argon2
 * (Node before 24.7) take scrypt (RFC 7914) with N = 2^17, r = 8, p = 1: 235 ms there.
 */
function freshDerivation(): Derivation {
  const salt = crypto.randomBytes(16).toString("base64");
  if (typeof crypto.argon2 === "function") {
    return { algorithm: "argon2id", memoryKiB: 65_536, passes: 1, parallelism: 1, salt };
  }
  return { algorithm: "scrypt", N: 131_072, r: 8, p: 1, salt };
}

/** Off the event loop: it takes long on purpose, and the agent goes on answering meanwhile. */
export function derive(passphrase: string, by: Derivation): Promise<Buffer> {
  const message = passphrase.normalize("NFC");
  const salt = Buffer.from(by.salt, "base64");
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, key: Uint8Array) =>
      error ? reject(error) : resolve(Buffer.from(key));
    // The numbers come from a file: what would eat the machine's memory is refused, not tried.
    if (by.algorithm === "scrypt" && by.N * by.r * 128 <= 2 ** 30 && by.p <= 16) {
      const { N, r, p } = by;
      crypto.scrypt(message, salt, keyBytes, { N, r, p, maxmem: 2 ** 31 - 1 }, done);
    } else if (by.algorithm === "argon2id" && by.memoryKiB <= 2 ** 20 && by.passes <= 100) {
      if (typeof crypto.argon2 !== "function")
        return reject(unusable("argon2id is missing from this runtime"));
      const { memoryKiB: memory, passes, parallelism } = by;
      crypto.argon2(
        "argon2id",
        { message, nonce: salt, parallelism, tagLength: keyBytes, memory, passes },
        done,
      );
    } else reject(unusable("its key derivation is unknown or too costly"));
  });
}

function unusable(why: string): LeappError {
  return new LeappError("vault-unavailable", `the vault's passphrase cannot be checked: ${why}`);
}
