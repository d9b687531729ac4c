/**
 * Checks proof bundles, step by step, as docs/proofs.md says. Nothing is asked of anybody.
 *
 * All that is trusted is what the reader brings: the genesis digest, or a set that was verified
 * before. A check stops at the first step that fails; only if all pass there are claims.
 */

import { actionFields } from '../actions.js';
import { concat, equal, fromHex, toHex } from '../bytes.js';
import { ChainTags } from '../chain.js';
import { PLATFORM } from '../crypto.js';
import { InvalidValue } from '../errors.js';
import { bigEndian } from '../msgpack.js';
import { decodeTransaction, isSigned, transactionId } from '../transactions.js';
import {
  accountClaims,
  commonClaims,
  outcomeClaims,
  receiptClaims,
  transactionClaims,
} from './claims.js';
import { readDocument } from './document.js';
import { blockId, checkCertificate, followBoundaries, requireSet, setHash } from './finality.js';
import { Refusal, reading, require } from './refusal.js';
import { isInState, isIncluded } from './trees.js';
import { readAccount, readHeader, readOutcome, readSet, readSpecification } from './wire.js';

/** First byte of an account's key in the state. */
const ACCOUNT_TABLE = Uint8Array.of(3);

const START = ['document', 'genesis', 'boundaries', 'headers', 'validators', 'certificate'];

/** Names of the steps of each kind, in their order. */
export const PROOF_STEPS = Object.freeze({
  receipt: Object.freeze([...START, 'inclusion', 'signature', 'receipt']),
  transaction: Object.freeze([...START, 'inclusion', 'signature']),
  outcome: Object.freeze([...START, 'inclusion']),
  account: Object.freeze([...START, 'state']),
  validators: Object.freeze(START),
});

const RUN = {
  document: checkDocument,
  genesis: checkGenesis,
  boundaries: checkBoundaries,
  headers: checkHeaders,
  validators: checkValidators,
  certificate: checkFinal,
  inclusion: checkInclusion,
  signature: checkSignature,
  receipt: checkReceipt,
  state: checkState,
};

/**
 * Resolve to whether a bundle proves what it claims, and to what that is.
 *
 * @param {string | Uint8Array} bundle the document as it came: a text, or its bytes.
 * @param {object} [trust] what the reader brings.
 * @param {string} [trust.genesisDigest] pinned digest of the chain's genesis, in hex, from
 *   elsewhere than the bundle. Without it the bundle proves something of some chain: whoever made
 *   it may have made that chain too, and `isPinned` is false.
 * @param {Uint8Array} [trust.specification] canonical genesis specification, for bundles that
 *   leave it out.
 * @param {object} [trust.known] hashes in hex of sets that were verified before, by epoch.
 * @param {(step: object) => void} [trust.onStep] is told each step's result as it comes.
 * @param {object} [trust.primitives] see `PLATFORM` of `crypto.js`.
 * @returns {Promise<object>} `valid`, `isPinned`, `kind` (null if the document is none), `steps`
 *   (each `name` and `verdict`: passed with `detail`, failed with `code` and `reason`, or not run),
 *   and `claims`, null unless all passed.
 * @throws {InvalidValue} `genesisDigest` is no digest.
 */
export async function checkProof(bundle, trust = {}) {
  const { genesisDigest, specification = null, known = {}, onStep = () => {} } = trust;
  const pin = genesisDigest === undefined ? null : pinOf(genesisDigest);
  const state = { bundle, pin, specification, known, primitives: trust.primitives ?? PLATFORM };
  const steps = [];
  let names = START;
  for (let at = 0; at < names.length; at += 1) {
    const step = await verdictOf(names[at], state);
    steps.push(step);
    onStep(step);
    // The document tells the kind, and so which steps there are.
    names = PROOF_STEPS[state.document?.kind] ?? START;
    if (step.verdict === 'failed') break;
  }
  const left = names.slice(steps.length).map((name) => ({ name, verdict: 'not run' }));
  left.forEach(onStep);
  const valid = steps.every(({ verdict }) => verdict === 'passed');
  return {
    valid,
    isPinned: pin !== null,
    kind: state.document?.kind ?? null,
    steps: [...steps, ...left],
    claims: valid ? await claimsOf(state) : null,
  };
}

async function verdictOf(name, state) {
  try {
    const detail = await RUN[name](state);
    return { name, verdict: 'passed', detail };
  } catch (error) {
    if (error instanceof Refusal) {
      return { name, verdict: 'failed', code: error.code, reason: error.reason };
    }
    throw error;
  }
}

function pinOf(text) {
  const digest = fromHex(text, 'genesisDigest');
  if (digest.length !== 32) {
    throw new InvalidValue('genesisDigest', 'must be 32 bytes');
  }
  return digest;
}

// Each step leaves what it found in the state, and returns it in words.

async function checkDocument(state) {
  state.document = readDocument(state.bundle);
  return `A bundle of the kind ${state.document.kind}.`;
}

async function checkGenesis(state) {
  const { genesis, since } = state.document;
  const { pin, primitives } = state;
  const told = toHex(genesis.digest);
  const isPinned = pin === null || equal(pin, genesis.digest);
  require(isPinned, 'GENESIS_OTHER', `of the genesis ${told}, not of the pinned one`);
  const specification = genesis.specification ?? state.specification;
  const missing = 'the bundle has no specification; it takes the genesis file';
  require(specification !== null, 'GENESIS_MISSING', missing);
  const found = await primitives.sha256(specification);
  const hashes = equal(found, genesis.digest);
  require(hashes, 'GENESIS_DIGEST_MISMATCH', `the specification hashes to ${toHex(found)}`);
  const { name, buckets, set } = readSpecification(specification);
  state.buckets = buckets;
  state.chainId = `${name}-${told.slice(0, 16)}`;
  state.tags = new ChainTags({ chainId: state.chainId, genesisDigest: told }, primitives);
  state.start = since === null ? await firstSet(state.tags, set) : await knownSet(state, since);
  const said = pin === null ? 'no digest is pinned' : 'the pinned digest';
  return `Chain ${state.chainId}; ${said}.`;
}

async function firstSet(tags, set) {
  return { set, hash: await setHash(tags, set), epoch: 0n };
}

async function knownSet({ tags, known }, since) {
  const hash = await setHash(tags, { bytes: since.set });
  const epoch = String(since.epoch);
  const isKnown = Object.hasOwn(known, epoch) && known[epoch] === toHex(hash);
  require(isKnown, 'SINCE_UNKNOWN', `set ${toHex(hash)} of epoch ${epoch} was not verified before`);
  return { set: readSet(since.set), hash, epoch: since.epoch };
}

async function checkBoundaries(state) {
  const { boundaries } = state.document;
  state.reached = await followBoundaries(state.tags, state.start, boundaries);
  const { length } = boundaries;
  const from = state.document.since === null ? 'the genesis' : `epoch ${state.start.epoch}`;
  return `${length} ${length === 1 ? 'change' : 'changes'} of the validator set since ${from}.`;
}

async function checkHeaders(state) {
  const headers = [];
  for (const bytes of state.document.finality.headers) {
    const header = readHeader(bytes);
    headers.push({ ...header, id: await blockId(state.tags, header) });
  }
  headers.forEach((header, at) => at === 0 || requireChild(headers[at - 1], header));
  state.headers = headers;
  [state.block] = headers;
  return `Block ${state.block.height}, of epoch ${state.block.epoch}.`;
}

function requireChild(parent, header) {
  const isNext = header.height === parent.height + 1n && equal(header.parentId, parent.id);
  const isOfEpoch = header.epoch === parent.epoch && !parent.endsEpoch;
  const what = `block ${header.height} is not a child of the one before it in its epoch`;
  require(isNext && isOfEpoch, 'HEADERS_UNLINKED', what);
}

async function checkValidators(state) {
  const { block, reached } = state;
  const isAfter = block.epoch >= reached.epoch && block.height > reached.height;
  require(isAfter, 'EPOCH_TOO_EARLY', `block ${block.height} is not after the set that was reached`);
  state.headers.forEach((header) => requireSet(header, reached));
  const { length } = reached.set.members;
  return `The header names the set that was reached, of ${length} ${length === 1 ? 'member' : 'members'}.`;
}

async function checkFinal(state) {
  const { tags, reached, headers, document } = state;
  const { certificate } = document.finality;
  state.signers = await checkCertificate(tags, reached.set, headers.at(-1), certificate);
  return `${state.signers.length} of ${reached.set.members.length} signed.`;
}

async function checkInclusion(state) {
  const { document, block, primitives } = state;
  const { index, path } = document.proved;
  const isOutcome = document.kind === 'outcome';
  const leaf = isOutcome ? outcomeLeaf(state) : await transactionLeaf(state);
  const tree = isOutcome
    ? { root: block.outcomeRoot, count: block.outcomeCount }
    : { root: block.transactionRoot, count: block.transactionCount };
  const holds = await isIncluded(tree, { leaf, index, path }, primitives);
  require(holds, 'INCLUSION_MISMATCH', `not number ${index} of ${tree.count} under the root`);
  return `Number ${index} of the ${tree.count} that the header commits to.`;
}

function outcomeLeaf(state) {
  const { record, index } = state.document.proved;
  state.proved = { outcome: readOutcome(record), index };
  return record;
}

/** A leaf is enough to know the seen ids and when each may be forgotten (T1). */
async function transactionLeaf(state) {
  const { tags, primitives } = state;
  const { signed, index } = state.document.proved;
  const transaction = reading('TRANSACTION_MALFORMED', () => {
    const read = decodeTransaction(signed);
    return { ...read, ...actionFields(read.action) };
  });
  const id = await transactionId(tags, signed);
  state.proved = { id, signed, transaction, index };
  const until = bigEndian(transaction.validUntilMs, 8);
  return concat(id, until, await primitives.sha256(transaction.signature));
}

async function checkSignature({ tags, proved: { id, transaction } }) {
  const holds = await isSigned(tags, id, transaction);
  require(holds, 'SIGNATURE_INVALID', 'it is not by the sender');
  return 'The sender signed exactly these bytes.';
}

async function checkReceipt({ proved: { transaction } }) {
  const { name } = transaction;
  require(name === 'post_receipt', 'NOT_A_RECEIPT', `it is of the kind ${name}`);
  return 'It is a receipt, signed by its miner.';
}

async function checkState(state) {
  const { document, block, buckets, primitives } = state;
  const { address, record, blob, siblings } = document.proved;
  const balance = record === null ? null : readAccount(record);
  const entry = { key: concat(ACCOUNT_TABLE, address), value: record };
  const tree = { root: block.stateRoot, buckets };
  const holds = await isInState(tree, entry, { blob, siblings }, primitives);
  require(holds, 'STATE_MISMATCH', 'not what is under the state root');
  state.proved = { address, balance };
  return record === null ? 'The state has no such account.' : 'The state has this record.';
}

async function claimsOf(state) {
  const { document, proved, primitives } = state;
  const { kind } = document;
  const common = commonClaims(state);
  if (kind === 'receipt') return { ...common, receipt: await receiptClaims(proved, primitives) };
  if (kind === 'transaction') {
    return { ...common, transaction: await transactionClaims(proved, primitives) };
  }
  if (kind === 'outcome') return { ...common, outcome: outcomeClaims(proved) };
  return kind === 'account' ? { ...common, account: accountClaims(proved) } : common;
}
