/** Signed transactions, read: form, chain, signature, and the fields of receipts (T3, T4, T5). */

import { actionFields } from './actions.js';
import { concat } from './bytes.js';
import { addressOf } from './chain.js';
import { verifySignature } from './crypto.js';
import { InvalidValue } from './errors.js';
import { decode } from './msgpack.js';
import { COUNT_MAX, TIME_MAX, arrayOf, bytesOf, integerTo, structOf, textLike } from './shapes.js';

const VERSION = 1n;
const TRANSACTION_BYTES_MAX = 1024;

/** Form of a chain's id (T4). */
export const CHAIN_ID = /^[a-z0-9-]{18,49}$/;

/** Bytes of the signature and of the headers around it, at the end and at the beginning. */
const TAIL_BYTES = 66;
const HEAD_BYTES = 1;

const TRANSACTION_FIELDS = [
  ['version', versionOf],
  ['chainId', textLike(CHAIN_ID)],
  ['publicKey', bytesOf(32)],
  ['action', actionOf],
  ['fee', integerTo(COUNT_MAX)],
  ['validUntilMs', integerTo(TIME_MAX)],
  ['salt', bytesOf(16)],
];

/**
 * Read somebody's signed transaction, and check its form, its chain and its signature.
 *
 * @returns {Promise<object>} `id`, `sender`, `publicKey` and `signature` as bytes, `fee` and
 *   `validUntilMs` as BigInt, and `action`: its number, then its fields.
 * @throws {InvalidValue} it is not canonical, not of this chain, or not signed by its sender.
 */
export async function readTransaction(tags, signed) {
  const read = decodeTransaction(signed);
  if (read.chainId !== tags.chainId) {
    throw new InvalidValue('chainId', `must be ${tags.chainId}, not ${read.chainId}`);
  }
  const id = await transactionId(tags, signed);
  if (!(await isSigned(tags, id, read))) {
    throw new InvalidValue('signature', 'is not by the sender');
  }
  const sender = await addressOf(read.publicKey, tags.primitives);
  return { id, sender, ...read };
}

/** Return the fields of signed bytes; only their form is checked. Throws `InvalidValue`. */
export function decodeTransaction(signed) {
  if (signed.length > TRANSACTION_BYTES_MAX) {
    throw new InvalidValue('transaction', `has more than ${TRANSACTION_BYTES_MAX} bytes`);
  }
  const [fields, signature] = arrayOf(decode(signed, 'transaction'), 2, 'transaction');
  const read = structOf(fields, TRANSACTION_FIELDS, 'transaction');
  return { ...read, signature: bytesOf(64)('signature', signature) };
}

/** Resolve to the id of signed bytes of this form (T5). */
export async function transactionId(tags, signed) {
  return tags.digest('tx', signed.slice(HEAD_BYTES, -TAIL_BYTES));
}

/** Resolve to whether a transaction's sender signed it. */
export async function isSigned(tags, id, { publicKey, signature }) {
  const message = concat(await tags.tag('tx-sign'), id);
  return verifySignature(publicKey, message, signature, tags.primitives);
}

/**
 * Return the fields of a transaction's receipt.
 *
 * @throws {InvalidValue} it is another action, or a field is out of range.
 */
export function receiptFields(transaction) {
  const { name, fields } = actionFields(transaction.action);
  if (name !== 'post_receipt') {
    throw new InvalidValue('action', 'is not a receipt');
  }
  if (fields.startedMs > fields.completedMs) {
    throw new InvalidValue('completedMs', 'is before startedMs');
  }
  return fields;
}

function versionOf(field, value) {
  if (value !== VERSION) {
    throw new InvalidValue(field, `must be ${VERSION}`);
  }
  return value;
}

function actionOf(field, action) {
  if (!Array.isArray(action) || typeof action[0] !== 'bigint') {
    throw new InvalidValue(field, 'must be an array that begins with a number');
  }
  return action;
}
