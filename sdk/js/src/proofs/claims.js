/** What a bundle proves once every step has passed: bytes as hex, ids and addresses as texts. */

import { UNIT_TYPES } from '../actions.js';
import { formatAddress } from '../bech32m.js';
import { toHex } from '../bytes.js';
import { addressOf, idText } from '../chain.js';

/** Fields of actions that are accounts. */
const ACCOUNTS = new Set(['to', 'coordinator', 'client', 'miner']);

/** Return what every kind of bundle claims. */
export function commonClaims({ document, chainId, block, reached, signers }) {
  return {
    genesisDigest: toHex(document.genesis.digest),
    chainId,
    blockId: toHex(block.id),
    height: block.height,
    epoch: block.epoch,
    timestampMs: Number(block.timestampMs),
    validatorSetHash: toHex(reached.hash),
    validators: reached.set.members.map(shownMember),
    signers,
  };
}

function shownMember({ publicKey, name, payout }) {
  return { publicKey: toHex(publicKey), name, payout: formatAddress(payout) };
}

/** Resolve to what a transaction says. */
export async function transactionClaims({ id, signed, transaction, index }, primitives) {
  const { name, fields, publicKey, fee, validUntilMs } = transaction;
  return {
    transactionId: toHex(id),
    index,
    sender: formatAddress(await addressOf(publicKey, primitives)),
    publicKey: toHex(publicKey),
    feeNait: fee,
    validUntilMs: Number(validUntilMs),
    action: name,
    fields: shownFields(fields),
    signed: toHex(signed),
  };
}

/** Resolve to what a receipt says; times and units are its miner's word. */
export async function receiptClaims(proved, primitives) {
  const said = await transactionClaims(proved, primitives);
  const { fields } = proved.transaction;
  return {
    receiptId: idText('receipt_', proved.id),
    jobId: idText('job_', fields.jobId),
    attempt: fields.attempt,
    miner: said.sender,
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
    transaction: said,
  };
}

/** Return what an outcome record says. */
export function outcomeClaims({ outcome, index }) {
  const { kind, kindNumber, cause, objectId, code, parties, amounts } = outcome;
  return {
    index,
    kind,
    kindNumber,
    cause: toHex(cause),
    objectId: toHex(objectId),
    code,
    parties: parties.map(formatAddress),
    amountsNait: amounts,
  };
}

/** Return what an account held; `exists` tells a proved absence from a balance of 0. */
export function accountClaims({ address, balance }) {
  return {
    address: formatAddress(address),
    exists: balance !== null,
    balanceNait: balance ?? 0n,
  };
}

function shownFields(fields) {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, shown(name, value)]),
  );
}

function shown(name, value) {
  if (Array.isArray(value)) return value.map((each) => shown('', each));
  if (!(value instanceof Uint8Array)) return value;
  return ACCOUNTS.has(name) ? formatAddress(value) : toHex(value);
}
