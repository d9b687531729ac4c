/** SHA-256, HMAC and Ed25519 of the platform, with the checks that libraries differ on (T10). */

import { toHex } from './bytes.js';

/** Order of the prime-order group. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The field's prime. */
const P = 2n ** 255n - 19n;

const ORDER_EIGHT = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;

/** The y of the points of small order; each is that of a point and of its negative. */
const SMALL_ORDER = new Set([0n, 1n, P - 1n, ORDER_EIGHT, P - ORDER_EIGHT]);

/** A key that every Ed25519 takes: the group's generator. */
const GENERATOR = Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? 0x58 : 0x66));

/**
 * What checks need of a platform. Where one has no WebCrypto, or none with Ed25519, others may be
 * given: `sha256(bytes)`, and `verifyEd25519(publicKey, message, signature)`, without cofactor.
 */
export const PLATFORM = Object.freeze({ sha256, verifyEd25519 });

/** Return SHA-256 of bytes. */
export async function sha256(bytes) {
  const { subtle } = await webcrypto();
  return new Uint8Array(await subtle.digest('SHA-256', bytes));
}

/** Return HMAC-SHA-256 of bytes under a secret. */
export async function hmacSha256(secret, bytes) {
  const { subtle } = await webcrypto();
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await subtle.importKey('raw', secret, algorithm, false, ['sign']);
  return new Uint8Array(await subtle.sign('HMAC', key, bytes));
}

/**
 * Return whether a signature is one of a public key over a message.
 *
 * Every verifier has to reach the same verdict, so what libraries differ on is decided before the
 * platform is asked: S below the group's order, R and A canonical, and neither of small order.
 */
export async function verifySignature(publicKey, message, signature, primitives = PLATFORM) {
  if (publicKey.length !== 32 || signature.length !== 64) {
    return false;
  }
  const isSound = isSoundPoint(publicKey) && isSoundPoint(signature.slice(0, 32));
  if (!isSound || littleEndian(signature.slice(32)) >= L) {
    return false;
  }
  return primitives.verifyEd25519(publicKey, message, signature);
}

/** Return whether a public key is canonical, and not of small order. */
export function isSoundKey(publicKey) {
  return publicKey.length === 32 && isSoundPoint(publicKey);
}

/** Resolve to whether this platform can verify signatures; a page over plain http can not. */
export async function canVerify() {
  try {
    await importKey(GENERATOR);
    return true;
  } catch {
    return false;
  }
}

/** Return random bytes of the platform. */
export async function randomBytes(count) {
  return (await webcrypto()).getRandomValues(new Uint8Array(count));
}

async function verifyEd25519(publicKey, message, signature) {
  const { subtle } = await webcrypto();
  try {
    return await subtle.verify({ name: 'Ed25519' }, await importKey(publicKey), signature, message);
  } catch (error) {
    if (error?.name === 'NotSupportedError') throw error;
    return false; // Not a point of the curve.
  }
}

async function importKey(publicKey) {
  const { subtle } = await webcrypto();
  return subtle.importKey('raw', publicKey, { name: 'Ed25519' }, false, ['verify']);
}

function isSoundPoint(bytes) {
  const y = littleEndian(bytes) & ((1n << 255n) - 1n);
  return y < P && !SMALL_ORDER.has(y);
}

function littleEndian(bytes) {
  return BigInt(`0x${toHex(bytes.slice().reverse())}`);
}

/** Node.js 18 does not have WebCrypto among its globals; a page over plain http has none at all. */
async function webcrypto() {
  if (globalThis.crypto?.subtle) return globalThis.crypto;
  if (globalThis.process?.versions?.node) return (await import('node:crypto')).webcrypto;
  throw new Error('there is no WebCrypto here; a page has to come over https, or from this machine');
}
