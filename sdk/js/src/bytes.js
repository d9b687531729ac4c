/** Bytes and their texts: hex, and base64 in either alphabet. */

import { InvalidValue } from './errors.js';

const NO_HEX = /[^0-9a-f]/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Return bytes as lower-case hex. */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Return the bytes of lower-case hex; throws `InvalidValue` for anything else. */
export function fromHex(text, field = 'hex') {
  if (typeof text !== 'string' || text.length % 2 === 1 || NO_HEX.test(text)) {
    throw new InvalidValue(field, 'must be hex of whole bytes, in lower case');
  }
  return Uint8Array.from({ length: text.length / 2 }, (_, at) =>
    Number.parseInt(text.slice(2 * at, 2 * at + 2), 16),
  );
}

/** Return bytes as padded base64. */
export function toBase64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

/** Return the bytes of base64 or base64url, padded or not; throws `InvalidValue`. */
export function fromBase64(text, field = 'base64') {
  if (typeof text !== 'string' || !BASE64.test(text)) {
    throw new InvalidValue(field, 'must be base64');
  }
  const bare = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  if (bare.length % 4 === 1) {
    throw new InvalidValue(field, 'must be base64; its length is none');
  }
  return Uint8Array.from(atob(bare), (char) => char.charCodeAt(0));
}

/** Return the bytes of all parts, one after the other. */
export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Return whether two byte strings are equal, in a time that tells nothing about where not. */
export function equal(one, other) {
  if (one.length !== other.length) {
    return false;
  }
  return one.reduce((difference, byte, at) => difference | (byte ^ other[at]), 0) === 0;
}

/** Return the UTF-8 bytes of a text. */
export function utf8(text) {
  return new TextEncoder().encode(text);
}
