/**
 * SHA-256 and Ed25519 where the browser has none: over plain http, or because it is old.
 *
 * The same verdicts as the platform's: without cofactor, so R is computed and its bytes compared.
 */

import { Point } from 'noble-ed25519/index.js';
import { sha256, sha512 } from 'noble-hashes/sha2.js';

import { concat, toHex } from 'sdk/bytes.js';

/** Order of the prime-order group. */
const { n: L } = Point.CURVE();

/** See `PLATFORM` of the SDK. */
export const FALLBACK = Object.freeze({
  sha256: async (bytes) => sha256(bytes),
  verifyEd25519: async (publicKey, message, signature) => {
    const [r, s] = [signature.slice(0, 32), signature.slice(32)];
    try {
      const key = Point.fromBytes(publicKey);
      const challenge = integer(sha512(concat(r, publicKey, message))) % L;
      const sum = Point.BASE.multiplyUnsafe(integer(s)).subtract(key.multiplyUnsafe(challenge));
      return toHex(sum.toBytes()) === toHex(r);
    } catch {
      return false; // Not a point of the curve.
    }
  },
});

function integer(bytes) {
  return BigInt(`0x${toHex(bytes.slice().reverse())}`);
}
