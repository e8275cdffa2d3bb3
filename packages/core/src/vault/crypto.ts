/** The vault's cryptography, as pure functions: docs/spec/vault.md gives the format, test/vectors/vault.json its vectors. */
import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";

export const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** What a sealed text belongs to. Changing any field makes it unreadable, so records cannot trade places. */
export interface Place {
  vaultId: string;
  name: string;
  /** 1 at the first write of that name, then one more at each. */
  version: number;
}

/** A key for one purpose: HKDF-SHA256 (RFC 5869) of the master key, the vault's id as salt. */
export function deriveKey(master: Uint8Array, vaultId: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", master, vaultId, `leapp vault 1 ${purpose}`, keyBytes));
}

/** Associated data of a record. No field can hold a NUL, so no two places give the same bytes. */
export function recordContext(place: Place): string {
  return ["leapp vault 1 record", place.vaultId, place.name, String(place.version)].join("\0");
}

/**
 * AES-256-GCM (NIST SP 800-38D): nonce (12 bytes), ciphertext, tag (16 bytes).
 * @param nonce must never be used twice with one key: random in the product, fixed in the vectors only.
 */
export function seal(key: Uint8Array, nonce: Uint8Array, context: string, plain: Uint8Array): Buffer {
  if (nonce.length !== nonceBytes) throw new RangeError("a nonce has 12 bytes");
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(context, "utf8"));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** The reverse of `seal`; undefined when the key, the context or a single bit is not the same. */
export function unseal(key: Uint8Array, context: string, sealed: Uint8Array): Buffer | undefined {
  if (sealed.length < nonceBytes + tagBytes) return undefined;
  const end = sealed.length - tagBytes;
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(Buffer.from(context, "utf8"));
  decipher.setAuthTag(sealed.subarray(end));
  const plain = decipher.update(sealed.subarray(nonceBytes, end));
  try {
    decipher.final();
    return plain;
  } catch {
    plain.fill(0);
    return undefined;
  }
}
