/** Signed transactions, read: form, chain, signature, and the fields of receipts (T3, T4, T5). */

import { concat, toHex } from './bytes.js';
import { addressOf } from './chain.js';
import { verifySignature } from './crypto.js';
import { InvalidValue } from './errors.js';
import { decode } from './msgpack.js';

const VERSION = 1n;
const TRANSACTION_BYTES_MAX = 1024;
const AMOUNT_MAX = 2n ** 63n - 1n;
const TIME_MAX = 2n ** 48n - 1n;

const CHAIN_ID = /^[a-z0-9-]{18,49}$/;
const MODEL = /^[A-Za-z0-9._:/+-]{0,64}$/;

/** Bytes of the signature and of the headers around it, at the end and at the beginning. */
const TAIL_BYTES = 66;
const HEAD_BYTES = 1;

/** What a receipt counts, by its number on the chain. */
export const UNIT_TYPES = Object.freeze([
  'none',
  'tokens',
  'audio_seconds',
  'images',
  'video_seconds',
  'frames',
  'compute_seconds',
]);

const POST_RECEIPT = 8n;

const RECEIPT_FIELDS = [
  ['jobId', bytesOf(32)],
  ['attempt', integerTo(AMOUNT_MAX)],
  ['client', bytesOf(20)],
  ['coordinator', bytesOf(20)],
  ['payloadDigest', bytesOf(32)],
  ['priceCap', integerTo(AMOUNT_MAX)],
  ['resultDigest', bytesOf(32)],
  ['unitsMicro', integerTo(AMOUNT_MAX)],
  ['unitType', integerTo(BigInt(UNIT_TYPES.length - 1))],
  ['price', integerTo(AMOUNT_MAX)],
  ['model', textLike(MODEL)],
  ['startedMs', integerTo(TIME_MAX)],
  ['completedMs', integerTo(TIME_MAX)],
];

/**
 * Read somebody's signed transaction, and check its form, its chain and its signature.
 *
 * @returns {Promise<object>} `id`, `sender`, `publicKey` and `signature` as bytes, `fee` and
 *   `validUntilMs` as BigInt, and `action`: its number, then its fields.
 * @throws {InvalidValue} it is not canonical, not of this chain, or not signed by its sender.
 */
export async function readTransaction(tags, signed) {
  if (signed.length > TRANSACTION_BYTES_MAX) {
    throw new InvalidValue('transaction', `has more than ${TRANSACTION_BYTES_MAX} bytes`);
  }
  const [fields, signature] = arrayOf(decode(signed, 'transaction'), 2, 'transaction');
  const [version, chainId, publicKey, action, fee, validUntilMs, salt] = arrayOf(
    fields,
    7,
    'transaction',
  );
  if (version !== VERSION) {
    throw new InvalidValue('version', `must be ${VERSION}`);
  }
  textLike(CHAIN_ID)('chainId', chainId);
  bytesOf(32)('publicKey', publicKey);
  checkAction(action);
  integerTo(AMOUNT_MAX)('fee', fee);
  integerTo(TIME_MAX)('validUntilMs', validUntilMs);
  bytesOf(16)('salt', salt);
  bytesOf(64)('signature', signature);
  if (chainId !== tags.chainId) {
    throw new InvalidValue('chainId', `must be ${tags.chainId}, not ${chainId}`);
  }
  const id = await tags.digest('tx', signed.slice(HEAD_BYTES, -TAIL_BYTES));
  const message = concat(await tags.tag('tx-sign'), id);
  if (!(await verifySignature(publicKey, message, signature, tags.primitives))) {
    throw new InvalidValue('signature', 'is not by the sender');
  }
  const sender = await addressOf(publicKey, tags.primitives);
  return { id, sender, publicKey, signature, action, fee, validUntilMs };
}

/**
 * Return the fields of a transaction's receipt.
 *
 * @throws {InvalidValue} it is another action, or a field is out of range.
 */
export function receiptFields(transaction) {
  const [number, ...values] = transaction.action;
  if (number !== POST_RECEIPT) {
    throw new InvalidValue('action', 'is not a receipt');
  }
  arrayOf(values, RECEIPT_FIELDS.length, 'action');
  const found = {};
  RECEIPT_FIELDS.forEach(([name, check], at) => {
    found[name] = check(name, values[at]);
  });
  if (found.startedMs > found.completedMs) {
    throw new InvalidValue('completedMs', 'is before startedMs');
  }
  return found;
}

function checkAction(action) {
  if (!Array.isArray(action) || typeof action[0] !== 'bigint') {
    throw new InvalidValue('action', 'must be an array that begins with a number');
  }
}

function arrayOf(value, length, field) {
  if (!Array.isArray(value) || value.length !== length) {
    throw new InvalidValue(field, `must be an array of ${length}`);
  }
  return value;
}

function bytesOf(size) {
  return (field, value) => {
    if (!(value instanceof Uint8Array) || value.length !== size) {
      throw new InvalidValue(field, `must be ${size} bytes`);
    }
    return value;
  };
}

function integerTo(most) {
  return (field, value) => {
    if (typeof value !== 'bigint' || value < 0n || value > most) {
      throw new InvalidValue(field, `must be an integer from 0 to ${most}`);
    }
    return value;
  };
}

function textLike(pattern) {
  return (field, value) => {
    if (typeof value !== 'string' || !pattern.test(value)) {
      throw new InvalidValue(field, `must be like ${pattern.source}`);
    }
    return value;
  };
}

/** Return the hex of a transaction's id, as the chain's API spells it. */
export function transactionIdText(transaction) {
  return toHex(transaction.id);
}
