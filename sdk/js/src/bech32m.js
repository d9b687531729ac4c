/** Addresses: bech32m texts that begin with `ait1`. */

import { InvalidValue } from './errors.js';

const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const FINAL = 0x2bc830a3;
const PREFIX = 'ait';
const ADDRESS_BYTES = 20;
const WORDS = 32;
const CHECKSUM_WORDS = 6;

/** Return the address text of 20 bytes. */
export function formatAddress(bytes) {
  if (bytes.length !== ADDRESS_BYTES) {
    throw new InvalidValue('address', `must be ${ADDRESS_BYTES} bytes, not ${bytes.length}`);
  }
  const words = regroup(bytes, 8, 5);
  const total = checksum([...spread(), ...words, 0, 0, 0, 0, 0, 0]) ^ FINAL;
  for (let at = CHECKSUM_WORDS - 1; at >= 0; at -= 1) {
    words.push((total >>> (5 * at)) & 31);
  }
  return `${PREFIX}1${words.map((word) => ALPHABET[word]).join('')}`;
}

/** Return the 20 bytes of an address text; throws `InvalidValue` if it is none. */
export function parseAddress(text) {
  const length = PREFIX.length + 1 + WORDS + CHECKSUM_WORDS;
  const isText = typeof text === 'string' && text.length === length && /^[!-~]*$/.test(text);
  const lowered = isText ? text.toLowerCase() : '';
  if (!isText || (text !== lowered && text !== text.toUpperCase())) {
    throw new InvalidValue('address', `must be ${length} characters of one case`);
  }
  if (!lowered.startsWith(`${PREFIX}1`)) {
    throw new InvalidValue('address', `must begin with ${PREFIX}1`);
  }
  const words = Array.from(lowered.slice(PREFIX.length + 1), (char) => ALPHABET.indexOf(char));
  if (words.includes(-1)) {
    throw new InvalidValue('address', 'has a character that addresses do not use');
  }
  if (checksum([...spread(), ...words]) !== FINAL) {
    throw new InvalidValue('address', 'checksum is wrong; a character was mistyped');
  }
  return Uint8Array.from(regroup(words.slice(0, WORDS), 5, 8));
}

/** 20 bytes are 32 words of 5 bits exactly, so there is never padding. */
function regroup(groups, from, to) {
  const found = [];
  let held = 0;
  let bits = 0;
  for (const group of groups) {
    held = (held << from) | group;
    bits += from;
    while (bits >= to) {
      bits -= to;
      found.push((held >>> bits) & ((1 << to) - 1));
    }
    held &= (1 << bits) - 1;
  }
  return found;
}

function spread() {
  const codes = Array.from(PREFIX, (char) => char.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

function checksum(words) {
  let total = 1;
  for (const word of words) {
    const top = total >>> 25;
    total = ((total & 0x1ffffff) << 5) ^ word;
    GENERATORS.forEach((generator, at) => {
      total ^= (top >>> at) & 1 ? generator : 0;
    });
  }
  return total >>> 0;
}
