/**
 * The document of a bundle: JSON to members of known form and size, with bytes for hex.
 *
 * Everything is hostile: what is too long is not read, what is not known is refused, and no member
 * is found on a prototype.
 */

import { fromHex } from '../bytes.js';
import { InvalidValue } from '../errors.js';
import { COUNT_MAX } from '../shapes.js';
import { Refusal, reading, require } from './refusal.js';

/** Bytes of the longest bundle. */
export const BUNDLE_BYTES_MAX = 16 * 1_048_576;

export const FORMAT = 'aitbc-proof/1';

const [QUOTE, COLON, BACKSLASH] = [0x22, 0x3a, 0x5c];

const DIGEST = 32;
const SPECIFICATION_MAX = 1_048_576;
const HEADER_MAX = 1024;
const CERTIFICATE_MAX = 8192;
const SET_MAX = 16_384;
const SIBLING_MAX = 480;
const LIST_MAX = 1024;
const PATH_MAX = 64;
const SIBLINGS_MAX = 66;

const bytes = (most) => (value, at) => hex(value, at, (size) => size <= most);
const exactly = (size) => (value, at) => hex(value, at, (found) => found === size);
const orNull = (read) => (value, at) => (value === null ? null : read(value, at));
const path = listOf(exactly(DIGEST), PATH_MAX);

const TRANSACTION = { signed: bytes(1024), index: count, path };

/** What the member that is named like its kind holds. */
const KINDS = {
  receipt: TRANSACTION,
  transaction: TRANSACTION,
  outcome: { record: bytes(512), index: count, path },
  account: {
    address: exactly(20),
    record: orNull(bytes(64)),
    blob: (value, at) => hex(value, at, (size) => size <= 4096 && size % 64 === 0),
    siblings: listOf(bytes(SIBLING_MAX), SIBLINGS_MAX),
  },
  validators: null,
};

const COMMON = {
  format: text,
  kind: text,
  genesis: object({ digest: exactly(DIGEST), specification: orNull(bytes(SPECIFICATION_MAX)) }),
  since: orNull(object({ epoch: count, set: bytes(SET_MAX) })),
  boundaries: listOf(
    object({ header: bytes(HEADER_MAX), certificate: bytes(CERTIFICATE_MAX), next_set: bytes(SET_MAX) }),
    LIST_MAX,
  ),
  finality: object({
    headers: listOf(bytes(HEADER_MAX), LIST_MAX, 1),
    certificate: bytes(CERTIFICATE_MAX),
  }),
};

/**
 * Return the members of a bundle; `proved` is the one that is named like its kind.
 *
 * @param {string | Uint8Array} document a text, or its UTF-8.
 * @throws {Refusal}
 */
export function readDocument(document) {
  const value = parse(document);
  require(isObject(value), 'DOCUMENT_MALFORMED', 'it must be a JSON object');
  for (const name of ['format', 'kind']) {
    reading('DOCUMENT_MALFORMED', () => text(own(value, name), name));
  }
  require(value.format === FORMAT, 'FORMAT_UNKNOWN', `it must be ${FORMAT}`);
  require(Object.hasOwn(KINDS, value.kind), 'FORMAT_UNKNOWN', `no kind ${value.kind.slice(0, 40)}`);
  const { kind } = value;
  const members = KINDS[kind] === null ? COMMON : { ...COMMON, [kind]: object(KINDS[kind]) };
  const read = reading('DOCUMENT_MALFORMED', () => object(members)(value, ''));
  return { ...read, proved: read[kind] };
}

function parse(document) {
  const isText = typeof document === 'string';
  require(
    document.length <= BUNDLE_BYTES_MAX,
    'DOCUMENT_TOO_LARGE',
    `it has more than ${BUNDLE_BYTES_MAX} bytes`,
  );
  let said = document;
  let value;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    if (!isText) said = decoder.decode(document);
    value = JSON.parse(said);
  } catch {
    throw new Refusal('DOCUMENT_MALFORMED', 'it is not JSON');
  }
  const isOnce = membersOf(said) === membersIn(value);
  require(isOnce, 'DOCUMENT_MALFORMED', 'a member stands twice in an object');
  return value;
}

/** Return how many members are written in a JSON text: its colons outside of strings. */
function membersOf(json) {
  let [found, isInside] = [0, false];
  for (let at = 0; at < json.length; at += 1) {
    const character = json.charCodeAt(at);
    if (character === QUOTE) isInside = !isInside;
    else if (isInside && character === BACKSLASH) at += 1;
    else if (!isInside && character === COLON) found += 1;
  }
  return found;
}

/** Return how many members a value has in all its objects; of several of one name one is left. */
function membersIn(value) {
  const left = [value];
  let found = 0;
  while (left.length > 0) {
    const each = left.pop();
    if (each === null || typeof each !== 'object') continue;
    const values = Object.values(each);
    if (!Array.isArray(each)) found += values.length;
    for (const inner of values) left.push(inner);
  }
  return found;
}

function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function own(value, name) {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function object(members) {
  return (value, at) => {
    if (!isObject(value)) {
      throw new InvalidValue(at, 'must be an object');
    }
    const stranger = Object.keys(value).find((name) => !Object.hasOwn(members, name));
    if (stranger !== undefined) {
      throw new InvalidValue(at || 'bundle', `has an unknown member ${stranger.slice(0, 40)}`);
    }
    const found = {};
    for (const [name, read] of Object.entries(members)) {
      found[name] = read(own(value, name), at === '' ? name : `${at}.${name}`);
    }
    return found;
  };
}

function listOf(read, most, least = 0) {
  return (value, at) => {
    if (!Array.isArray(value) || value.length > most || value.length < least) {
      throw new InvalidValue(at, `must be a list of ${least} to ${most}`);
    }
    return value.map((each, index) => read(each, `${at}[${index}]`));
  };
}

function text(value, at) {
  if (typeof value !== 'string') {
    throw new InvalidValue(at, value === undefined ? 'is missing' : 'must be a text');
  }
  return value;
}

function hex(value, at, fits) {
  if (!fits(text(value, at).length / 2)) {
    throw new InvalidValue(at, 'has a length that it may not have');
  }
  return fromHex(value, at);
}

function count(value, at) {
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(text(value, at)) || BigInt(value) > COUNT_MAX) {
    throw new InvalidValue(at, 'must be a decimal number below 2^63');
  }
  return BigInt(value);
}
