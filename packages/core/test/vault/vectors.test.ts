/** The vault's format against vectors that another implementation made. */
import { describe, expect, test } from "bun:test";
import vectors from "../../../../test/vectors/vault.json";
import { deriveKey, recordContext, seal, unseal } from "../../src/vault/crypto.ts";
import { type Derivation, unwrapKey } from "../../src/vault/passphrase.ts";

const master = Buffer.from(vectors.master, "hex");
const recordKey = deriveKey(master, vectors.vaultId, "record key");

describe("vault format 1", () => {
  for (const { purpose, key } of vectors.derived) {
    test(`derives the ${purpose}`, () => {
      expect(deriveKey(master, vectors.vaultId, purpose).toString("hex")).toBe(key);
    });
  }
  for (const { comment, plain, sealed, ...place } of vectors.records) {
    test(`seals and opens: ${comment}`, () => {
      const context = recordContext(place);
      const nonce = Buffer.from(vectors.nonce, "hex");
      expect(seal(recordKey, nonce, context, Buffer.from(plain)).toString("hex")).toBe(sealed);
      expect(unseal(recordKey, context, Buffer.from(sealed, "hex"))?.toString()).toBe(plain);
    });
  }
  for (const { comment, sealed, ...place } of vectors.invalidRecords) {
    test(`refuses: ${comment}`, () => {
      expect(unseal(recordKey, recordContext(place), Buffer.from(sealed, "hex"))).toBeUndefined();
    });
  }
  for (const { comment, passphrase, vaultId, derivation, sealed, key } of vectors.wrapped) {
    test(`${key ? "unwraps" : "refuses"}: ${comment}`, async () => {
      const unwrapped = await unwrapKey(
        { derivation: derivation as Derivation, sealed },
        vaultId,
        passphrase,
      );
      expect(unwrapped?.toString("hex") ?? null).toBe(key);
    });
  }
});
