/**
 * Reads and writes canonical MessagePack: one byte string per value (T3).
 *
 * Signed bytes hold arrays, texts, byte strings, integers, booleans and nil, each in its shortest
 * form. Everything else is refused, so what was read would be written as the same bytes.
 */

import { concat, fromHex, toHex, utf8 } from './bytes.js';
import { InvalidValue } from './errors.js';

const DEPTH_MAX = 16;

/** By first byte: what follows, the bytes of its length, and the least that needs so many. */
const LENGTHS = new Map([
  [0xc4, ['bytes', 1, 0]],
  [0xc5, ['bytes', 2, 1 << 8]],
  [0xc6, ['bytes', 4, 1 << 16]],
  [0xd9, ['text', 1, 32]],
  [0xda, ['text', 2, 1 << 8]],
  [0xdb, ['text', 4, 1 << 16]],
  [0xdc, ['array', 2, 16]],
  [0xdd, ['array', 4, 1 << 16]],
]);

/** Return the value of canonical bytes: integers as BigInt. Throws `InvalidValue`. */
export function decode(bytes, field = 'bytes') {
  const reader = new Reader(bytes, field);
  const value = reader.value(0);
  if (reader.at !== bytes.length) {
    reader.refuse('have something after their end');
  }
  return value;
}

/** Return the canonical bytes of arrays, texts, bytes and integers (BigInt) from 0 to 2^64 - 1. */
export function encode(value) {
  if (typeof value === 'bigint') return encodedInteger(value);
  if (value instanceof Uint8Array) return concat(head(value.length, BYTES_HEADS), value);
  if (Array.isArray(value)) return concat(head(value.length, ARRAY_HEADS), ...value.map(encode));
  const text = utf8(value);
  return concat(head(text.length, TEXT_HEADS), text);
}

/** How lengths are told: the most that a form can tell, its first byte, the bytes of its length. */
const BYTES_HEADS = [
  [0xff, 0xc4, 1],
  [0xffff, 0xc5, 2],
  [0xffffffff, 0xc6, 4],
];
const TEXT_HEADS = [
  [31, 0xa0, 0],
  [0xff, 0xd9, 1],
  [0xffff, 0xda, 2],
  [0xffffffff, 0xdb, 4],
];
const ARRAY_HEADS = [
  [15, 0x90, 0],
  [0xffff, 0xdc, 2],
  [0xffffffff, 0xdd, 4],
];

function head(length, heads) {
  const [, first, width] = heads.find(([most]) => length <= most);
  return width === 0
    ? Uint8Array.of(first | length)
    : concat(Uint8Array.of(first), bigEndian(BigInt(length), width));
}

function encodedInteger(value) {
  if (value < 0x80n) return Uint8Array.of(Number(value));
  const power = [8n, 16n, 32n, 64n].findIndex((bits) => value >> bits === 0n);
  return concat(Uint8Array.of(0xcc + power), bigEndian(value, 1 << power));
}

/** Return an integer from 0 as so many bytes, the highest first. */
export function bigEndian(value, width) {
  return fromHex(value.toString(16).padStart(2 * width, '0'));
}

class Reader {
  constructor(bytes, field) {
    this.bytes = bytes;
    this.field = field;
    this.at = 0;
  }

  refuse(reason) {
    throw new InvalidValue(this.field, reason);
  }

  value(depth) {
    if (depth > DEPTH_MAX) {
      this.refuse('are nested too deeply');
    }
    const first = this.number(1);
    if (first < 0x80) return BigInt(first);
    if (first >= 0xe0) return BigInt(first - 0x100);
    if (first >= 0xa0 && first < 0xc0) return this.text(first & 0x1f);
    if (first >= 0x90 && first < 0xa0) return this.array(first & 0x0f, depth);
    return this.long(first, depth);
  }

  long(first, depth) {
    if (first === 0xc0) return null;
    if (first === 0xc2 || first === 0xc3) return first === 0xc3;
    if (first >= 0xcc && first <= 0xcf) return this.unsigned(first - 0xcc);
    if (first >= 0xd0 && first <= 0xd3) return this.negative(first - 0xd0);
    const form = LENGTHS.get(first);
    if (form === undefined) {
      this.refuse('hold a value of a kind that signed bytes do not have');
    }
    const [kind, width, least] = form;
    const size = this.number(width);
    if (size < least) {
      this.refuse('are not canonical: a length is longer than it has to be');
    }
    if (kind === 'array') return this.array(size, depth);
    return kind === 'text' ? this.text(size) : this.take(size);
  }

  unsigned(power) {
    const width = 1 << power;
    const value = this.integer(width, false);
    const least = power === 0 ? 0x80n : 1n << BigInt(4 * width);
    if (value < least) {
      this.refuse('are not canonical: an integer is longer than it has to be');
    }
    return value;
  }

  negative(power) {
    const width = 1 << power;
    const value = this.integer(width, true);
    const most = power === 0 ? -33n : -(1n << BigInt(4 * width - 1)) - 1n;
    if (value > most) {
      this.refuse('are not canonical: an integer is longer than it has to be');
    }
    return value;
  }

  integer(width, signed) {
    const raw = BigInt(`0x${toHex(this.take(width))}`);
    return signed ? BigInt.asIntN(8 * width, raw) : raw;
  }

  number(width) {
    return this.take(width).reduce((total, byte) => total * 256 + byte, 0);
  }

  text(size) {
    try {
      // The mark of byte order is a character like any other here.
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.take(size));
    } catch (error) {
      if (error instanceof InvalidValue) throw error;
      return this.refuse('hold a text that is not UTF-8');
    }
  }

  array(size, depth) {
    this.need(size); // Each member has a byte at least, so nothing large is made for a lie.
    return Array.from({ length: size }, () => this.value(depth + 1));
  }

  take(size) {
    this.need(size);
    const found = this.bytes.slice(this.at, this.at + size);
    this.at += size;
    return found;
  }

  need(size) {
    if (this.at + size > this.bytes.length) {
      this.refuse('end too early');
    }
  }
}
