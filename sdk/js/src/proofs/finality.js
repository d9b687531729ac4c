/** Who may say that a block is final, and whether they did (E2, E7). */

import { concat, equal, toHex } from '../bytes.js';
import { verifySignature } from '../crypto.js';
import { require } from './refusal.js';
import { readCertificate, readHeader, readSet } from './wire.js';

/** Resolve to the hash of a validator set. */
export async function setHash(tags, set) {
  return tags.digest('validator-set', set.bytes);
}

/** Resolve to the id of the block with this header. */
export async function blockId(tags, header) {
  return tags.digest('header', header.bytes);
}

/** Return how many of `size` members have to sign: n − f. */
export function quorumOf(size) {
  return size - Math.floor((size - 1) / 3);
}

/**
 * Resolve to the set that a chain of boundaries leads to: `set`, `hash`, `epoch`, `height`.
 *
 * @param {object} tags of the chain.
 * @param {object} start the set that is known: `set`, `hash`, `epoch`.
 * @param {object[]} boundaries of the bundle, with bytes.
 * @throws {Refusal}
 */
export async function followBoundaries(tags, start, boundaries) {
  let known = { ...start, height: 0n };
  for (const boundary of boundaries) {
    const header = readHeader(boundary.header);
    const isNext = header.epoch >= known.epoch && header.height > known.height;
    const what = `the boundary of epoch ${header.epoch}, block ${header.height},`;
    require(isNext, 'BOUNDARY_ORDER', `${what} does not come after what is known`);
    require(header.endsEpoch, 'BOUNDARY_NOT_LAST', `${what} is not the last block of its epoch`);
    requireSet(header, known, what);
    await checkCertificate(tags, known.set, header, boundary.certificate);
    const set = readSet(boundary.next_set);
    const hash = await setHash(tags, set);
    const isNamed = equal(hash, header.nextValidatorSetHash);
    require(isNamed, 'BOUNDARY_NEXT_SET', `${what} commits to another next set`);
    known = { set, hash, epoch: header.epoch + 1n, height: header.height };
  }
  return known;
}

/** Check that a header names the set that is known. */
export function requireSet(header, known, what = `block ${header.height}`) {
  const named = toHex(header.validatorSetHash);
  const isSame = equal(header.validatorSetHash, known.hash);
  require(isSame, 'SET_OTHER', `${what} names set ${named}, not ${toHex(known.hash)}`);
}

/**
 * Check that a set made a block final, in the order of docs/proofs.md; resolve to the positions of
 * the signers in the set.
 *
 * @throws {Refusal}
 */
export async function checkCertificate(tags, set, header, bytes) {
  const certificate = readCertificate(bytes);
  const { statement, entries } = certificate;
  const isFinal = statement.kind === 'finalize';
  require(isFinal, 'CERTIFICATE_NOT_FINALIZE', `its votes are of the kind ${statement.kind}`);
  const isAfter = statement.parentView < statement.view;
  require(isAfter, 'CERTIFICATE_MALFORMED', 'its parent_view is not lower than its view');
  const names = toHex(statement.blockId);
  const isSame = equal(statement.blockId, await blockId(tags, header));
  require(isSame, 'CERTIFICATE_OTHER_BLOCK', `it is of block ${names}`);
  const { epoch, view } = statement;
  require(epoch === header.epoch, 'CERTIFICATE_OTHER_EPOCH', `it is of epoch ${epoch}`);
  const isOfView = view === header.view || (view > header.view && header.endsEpoch);
  require(isOfView, 'CERTIFICATE_OTHER_VIEW', `it is of view ${view}, the block of ${header.view}`);
  requireQuorum(set, entries);
  await requireSignatures(tags, set, certificate);
  return entries.map(({ signer }) => signer);
}

function requireQuorum({ members }, entries) {
  const signers = entries.map(({ signer }) => signer);
  const rise = signers.every((signer, at) => at === 0 || signer > signers[at - 1]);
  require(rise, 'SIGNERS_NOT_ASCENDING', 'a signer is there twice, or out of order');
  const quorum = quorumOf(members.length);
  const counted = `${signers.length} signed, ${quorum} of ${members.length} have to`;
  require(signers.length >= quorum, 'QUORUM_MISSING', counted);
  const areMembers = signers.every((signer) => signer < members.length);
  require(areMembers, 'SIGNER_UNKNOWN', `the set has ${members.length} members`);
}

async function requireSignatures(tags, { members }, { entries, statementBytes }) {
  const message = concat(await tags.tag('finalize'), statementBytes);
  for (const { signer, signature } of entries) {
    const { publicKey, name } = members[signer];
    const holds = await verifySignature(publicKey, message, signature, tags.primitives);
    require(holds, 'SIGNATURE_INVALID', `the signature of member ${signer} (${name}) does not hold`);
  }
}
