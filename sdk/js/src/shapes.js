/** What decoded values have to be. Each check throws `InvalidValue` with the field's name. */

import { InvalidValue } from './errors.js';

/** Largest amount of any kind, and largest count (S8). */
export const COUNT_MAX = 2n ** 63n - 1n;

/** Largest time in milliseconds since the Unix epoch (S5). */
export const TIME_MAX = 2n ** 48n - 1n;

/** Return a value that is an array of so many. */
export function arrayOf(value, length, field) {
  if (!Array.isArray(value) || value.length !== length) {
    throw new InvalidValue(field, `must be an array of ${length}`);
  }
  return value;
}

/** Return a value that is an array. */
export function anyArray(value, field) {
  if (!Array.isArray(value)) {
    throw new InvalidValue(field, 'must be an array');
  }
  return value;
}

/** Return the check for bytes of one size. */
export function bytesOf(size) {
  return (field, value) => {
    if (!(value instanceof Uint8Array) || value.length !== size) {
      throw new InvalidValue(field, `must be ${size} bytes`);
    }
    return value;
  };
}

/** Return bytes of any size. */
export function anyBytes(field, value) {
  if (!(value instanceof Uint8Array)) {
    throw new InvalidValue(field, 'must be bytes');
  }
  return value;
}

/** Return the check for an integer from 0. */
export function integerTo(most) {
  return (field, value) => {
    if (typeof value !== 'bigint' || value < 0n || value > most) {
      throw new InvalidValue(field, `must be an integer from 0 to ${most}`);
    }
    return value;
  };
}

/** Return any text. */
export function anyText(field, value) {
  if (typeof value !== 'string') {
    throw new InvalidValue(field, 'must be a text');
  }
  return value;
}

/** Return the check for a text. */
export function textLike(pattern) {
  return (field, value) => {
    if (typeof value !== 'string' || !pattern.test(value)) {
      throw new InvalidValue(field, `must be like ${pattern.source}`);
    }
    return value;
  };
}

/** Return the fields of an array in the order of `fields`: each a name and its check. */
export function structOf(value, fields, field) {
  const values = arrayOf(value, fields.length, field);
  return Object.fromEntries(fields.map(([name, check], at) => [name, check(name, values[at])]));
}
