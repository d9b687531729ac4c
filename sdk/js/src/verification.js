/**
 * Checks receipts and results offline: nothing is asked of anybody.
 *
 * A receipt is a transaction that its miner signed. What has to be known of the chain is its
 * genesis digest, which everybody who runs a node of it has.
 *
 * A check proves who signed what. That the chain assigned the job to that miner, and that the
 * receipt is in a final block, it does not prove: that takes a proof bundle, see `checkProof`.
 */

import { UNIT_TYPES } from './actions.js';
import { formatAddress, parseAddress } from './bech32m.js';
import { equal, fromBase64, fromHex, toBase64, toHex, utf8 } from './bytes.js';
import { ChainTags, idText } from './chain.js';
import { InvalidValue } from './errors.js';
import { readTransaction, receiptFields } from './transactions.js';

const NAIT_PER_AITBC = 1_000_000_000;
const MICRO = 1_000_000;
const PUBLIC_KEY_BYTES = 32;

/**
 * Resolve to what a signed receipt says, or to why it is none.
 *
 * A valid one proves that the holder of `publicKey` signed exactly these bytes for this job on this
 * chain. It does not prove that the job was assigned to that miner, nor that a final block holds
 * the receipt: anybody can make a key and sign a receipt for any job with it. Name the miner that
 * you expect, and compare `jobId` with your job's.
 *
 * @param {object} given
 * @param {string} given.transaction canonical signed bytes in hex, from
 *   `client.receipts.transaction(id)`.
 * @param {{chainId: string, genesisDigest: string} | ChainTags} given.chain the chain.
 * @param {object} [given.receipt] the same receipt as the API shows it, in any version and either
 *   spelling: each member that the transaction says too has to agree with it. The miner's name is
 *   not signed.
 * @param {string} [given.miner] address of the only miner whose receipt is accepted, `ait1…`.
 * @param {Uint8Array | string} [given.publicKey] the only key whose receipt is accepted: 32 bytes,
 *   or their base64 in either alphabet, as the API shows them.
 * @returns {Promise<object>} `{ valid: true, ... }`, or `{ valid: false, field, reason }`, where
 *   `field` names the step that failed: `transaction` or a field of it (its form), `chainId`,
 *   `signature`, `action` (it is no receipt), a member of `receipt` in the wire's spelling,
 *   `miner` or `publicKey` (another one signed).
 * @throws {InvalidValue} `miner` is no address, or `publicKey` no key.
 */
export async function verifyReceipt({ transaction, chain, receipt, miner, publicKey }) {
  const expected = { miner: expectedMiner(miner), publicKey: expectedKey(publicKey) };
  try {
    const tags = chain instanceof ChainTags ? chain : new ChainTags(chain);
    const read = await readTransaction(tags, fromHex(transaction, 'transaction'));
    const fields = receiptFields(read);
    if (receipt !== undefined) {
      compare(receipt, read, fields);
    }
    requireSigner(expected, read);
    return { valid: true, ...shown(read, fields) };
  } catch (error) {
    if (error instanceof InvalidValue) {
      return refused(error);
    }
    throw error;
  }
}

/** Return the verdict over what was found wrong. */
export function refused(error) {
  return { valid: false, field: error.field, reason: error.message };
}

/**
 * Resolve to whether a result is the one that a receipt names (J21).
 *
 * It is worth as much as the receipt: whoever signed that chose the result too.
 *
 * @param {object} given
 * @param {{document: string, salt: string}} given.proof `proof` of version 2026-05-11's `/result`.
 * @param {object} given.verdict what `verifyReceipt` resolved to.
 * @param {{chainId: string, genesisDigest: string} | ChainTags} given.chain the chain.
 */
export async function verifyResult({ proof, verdict, chain }) {
  if (!verdict.valid) {
    return false;
  }
  const tags = chain instanceof ChainTags ? chain : new ChainTags(chain);
  const place = {
    jobId: fromHex(verdict.jobId.replace(/^job_/, ''), 'jobId'),
    attempt: verdict.attempt,
    miner: parseAddress(verdict.miner),
    salt: fromHex(proof.salt, 'salt'),
  };
  const digest = await tags.resultDigest(place, utf8(proof.document));
  return toHex(digest) === verdict.resultDigest;
}

function expectedMiner(miner) {
  try {
    return miner === undefined ? undefined : parseAddress(miner);
  } catch (error) {
    throw error instanceof InvalidValue ? new InvalidValue('miner', error.message) : error;
  }
}

function expectedKey(publicKey) {
  const isBytes = publicKey === undefined || publicKey instanceof Uint8Array;
  const bytes = isBytes ? publicKey : fromBase64(publicKey, 'publicKey');
  if (bytes !== undefined && bytes.length !== PUBLIC_KEY_BYTES) {
    throw new InvalidValue('publicKey', `must be ${PUBLIC_KEY_BYTES} bytes, not ${bytes.length}`);
  }
  return bytes;
}

function requireSigner({ miner, publicKey }, read) {
  if (miner !== undefined && !equal(miner, read.sender)) {
    const [signer, wanted] = [read.sender, miner].map(formatAddress);
    throw new InvalidValue('miner', `${signer} signed it, ${wanted} is expected`);
  }
  if (publicKey !== undefined && !equal(publicKey, read.publicKey)) {
    throw new InvalidValue('publicKey', 'another key than the expected one signed it');
  }
}

function shown(read, fields) {
  return {
    receiptId: idText('receipt_', read.id),
    jobId: idText('job_', fields.jobId),
    attempt: fields.attempt,
    miner: formatAddress(read.sender),
    publicKey: toBase64(read.publicKey),
    client: formatAddress(fields.client),
    coordinator: formatAddress(fields.coordinator),
    payloadDigest: toHex(fields.payloadDigest),
    resultDigest: toHex(fields.resultDigest),
    unitsMicro: fields.unitsMicro,
    unitType: UNIT_TYPES[Number(fields.unitType)],
    priceNait: fields.price,
    priceCapNait: fields.priceCap,
    model: fields.model,
    startedMs: Number(fields.startedMs),
    completedMs: Number(fields.completedMs),
  };
}

/** Members of a receipt on the wire, and what the transaction says for each. */
function compare(receipt, read, fields) {
  if (receipt === null || typeof receipt !== 'object') {
    throw new InvalidValue('receipt', 'is no object');
  }
  const known = shown(read, fields);
  const expected = {
    receipt_id: known.receiptId,
    job_id: known.jobId,
    client: known.client,
    units: Number(known.unitsMicro) / MICRO,
    unit_type: known.unitType,
    price: Number(known.priceNait) / NAIT_PER_AITBC,
    model: known.model,
    // In version 2026-01-24 they are whole seconds since the epoch.
    started_at: Math.floor(known.startedMs / 1000),
    completed_at: Math.floor(known.completedMs / 1000),
  };
  for (const [name, value] of Object.entries(expected)) {
    const told = member(receipt, name);
    if (told !== undefined && told !== value) {
      throw new InvalidValue(name, `is ${told} on the wire, and ${value} in what was signed`);
    }
  }
  compareSignature(receipt, read);
}

function compareSignature(receipt, read) {
  const told = member(receipt, 'signature');
  const isObject = told !== null && typeof told === 'object';
  const signature = isObject ? told.sig : told;
  const key = isObject
    ? (member(told, 'key_id') ?? member(told, 'public_key'))
    : member(receipt, 'public_key');
  for (const [name, text, bytes] of [
    ['signature', signature, read.signature],
    ['public_key', key, read.publicKey],
  ]) {
    if (text !== undefined && !equal(fromBase64(text, name), bytes)) {
      throw new InvalidValue(name, 'is not that of the transaction');
    }
  }
}

function member(object, name) {
  return object[name] ?? object[name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())];
}
