/** One-time passwords as AWS's virtual MFA devices make them: RFC 6238, HMAC-SHA1, 30 s, six digits. */
import { createHmac } from "node:crypto";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** RFC 4648 base32 without padding. */
export function base32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(value >>> (bits - 5)) & 31];
    value &= 0xff;
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text;
}

function unBase32(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const char of text.toUpperCase().replace(/=+$/, "")) {
    value = ((value << 5) | alphabet.indexOf(char)) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >>> bits) & 0xff);
    }
  }
  return Buffer.from(bytes);
}

/** The 30-second step of epoch milliseconds. */
export const totpStep = (ms: number): number => Math.floor(ms / 30_000);

/** @param secret base32 */
export function totp(secret: string, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", unBase32(secret)).update(counter).digest();
  const at = mac[19]! & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** A device. A code counts once, from the step before to the step after the current one. */
export class MfaDevice {
  readonly serial: string;
  readonly secret: string;
  #used: number[] = [];

  constructor(serial: string, secret: string) {
    this.serial = serial;
    this.secret = secret;
  }

  accepts(code: string, now: number): boolean {
    const current = totpStep(now);
    const step = [current, current - 1, current + 1].find(
      (candidate) => !this.#used.includes(candidate) && totp(this.secret, candidate) === code,
    );
    if (step === undefined) return false;
    this.#used = [...this.#used.filter((used) => Math.abs(used - current) <= 2), step];
    return true;
  }
}
