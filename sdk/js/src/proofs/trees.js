/** Paths to a root: the tree of a block's transactions and outcomes, and that of the state (S1). */

import { concat, equal } from '../bytes.js';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const FLAT = Uint8Array.of(2);
const SPLIT = Uint8Array.of(3);
const STATE_NODE = Uint8Array.of(4);
const HASH_BYTES = 32;
const ENTRY_BYTES = 64;
const FLAT_BYTES_MAX = 64 * ENTRY_BYTES;
const BRANCH_BITS = 4;

/**
 * Resolve to whether the tree of `count` leaves with this root has a leaf at an index (RFC 6962).
 *
 * `count` has to come from where the root comes from: a path alone does not fix it.
 *
 * @param {object} tree `root` as bytes, `count` as BigInt.
 * @param {object} place `leaf` as bytes, `index` as BigInt, `path` from the leaf upwards.
 * @param {object} primitives see `PLATFORM`.
 */
export async function isIncluded({ root, count }, { leaf, index, path }, { sha256 }) {
  if (index >= count) {
    return false;
  }
  const siblings = path.values();
  let digest = await sha256(concat(LEAF, leaf));
  for (let at = index, last = count - 1n; last > 0n; at >>= 1n, last >>= 1n) {
    const isRight = (at & 1n) === 1n;
    if (isRight || at < last) {
      const sibling = siblings.next().value;
      if (sibling?.length !== HASH_BYTES) {
        return false;
      }
      digest = await sha256(isRight ? concat(NODE, sibling, digest) : concat(NODE, digest, sibling));
    }
  }
  return siblings.next().done && equal(digest, root);
}

/**
 * Resolve to whether the state with this root has a value under a key, or does not have the key.
 *
 * @param {object} state `root` as bytes, and `buckets`, the tree's number of them.
 * @param {object} entry `key`, and `value` as bytes or null to prove absence.
 * @param {object} proof `blob`, the entries of the part that the key belongs to, and `siblings`.
 * @param {object} primitives see `PLATFORM`.
 */
export async function isInState({ root, buckets }, { key, value }, { blob, siblings }, { sha256 }) {
  if (blob.length % ENTRY_BYTES !== 0 || blob.length > FLAT_BYTES_MAX) {
    return false;
  }
  const keyDigest = await sha256(key);
  const found = valueDigestIn(blob, keyDigest);
  const wanted = value === null ? null : await sha256(value);
  const agrees = wanted === null ? found === null : found !== null && equal(found, wanted);
  const steps = stepsTo(keyDigest, Math.log2(buckets), siblings.length);
  if (!agrees || steps === null) {
    return false;
  }
  let digest = await sha256(concat(FLAT, blob));
  for (const [at, { prefix, branch, arity }] of steps.reverse().entries()) {
    const others = siblings[at];
    if (others.length !== (arity - 1) * HASH_BYTES) {
      return false;
    }
    const split = branch * HASH_BYTES;
    digest = await sha256(concat(prefix, others.slice(0, split), digest, others.slice(split)));
  }
  return equal(digest, root);
}

function valueDigestIn(blob, keyDigest) {
  for (let at = 0; at < blob.length; at += ENTRY_BYTES) {
    if (equal(blob.subarray(at, at + HASH_BYTES), keyDigest)) {
      return blob.slice(at + HASH_BYTES, at + ENTRY_BYTES);
    }
  }
  return null;
}

/**
 * Return prefix, branch and arity of each node from the root down, null if no path is so long.
 *
 * The topmost node takes the bits that are left over when `bits` is no multiple of 4.
 */
function stepsTo(keyDigest, bits, length) {
  const top = bits % BRANCH_BITS || BRANCH_BITS;
  const splits = length - Math.ceil(bits / BRANCH_BITS);
  const end = bits + splits * BRANCH_BITS;
  if (splits < 0 || end > 8 * HASH_BYTES) {
    return null;
  }
  const steps = [{ prefix: STATE_NODE, branch: bitsOf(keyDigest, 0, top), arity: 2 ** top }];
  for (let depth = top; depth < end; depth += BRANCH_BITS) {
    const prefix = depth < bits ? STATE_NODE : SPLIT;
    const branch = bitsOf(keyDigest, depth, BRANCH_BITS);
    steps.push({ prefix, branch, arity: 2 ** BRANCH_BITS });
  }
  return steps;
}

function bitsOf(digest, from, count) {
  let found = 0;
  for (let at = from; at < from + count; at += 1) {
    found = found * 2 + ((digest[at >> 3] >> (7 - (at & 7))) & 1);
  }
  return found;
}
