/** What is signed or hashed for one chain, and only for that chain (T4, T5, J20, J21). */

import { concat, fromHex, toHex, utf8 } from './bytes.js';
import { PLATFORM } from './crypto.js';
import { InvalidValue } from './errors.js';
import { bigEndian } from './msgpack.js';

/** The tags of one chain. Pin its genesis digest to trust no node for it. */
export class ChainTags {
  #tags = new Map();

  /**
   * @param {{chainId: string, genesisDigest: string}} chain its id, and the digest in hex, as
   *   `GET /v1/chain/status` tells them; the id has to be that of the digest.
   * @param {object} [primitives] see `PLATFORM` of `crypto.js`.
   */
  constructor({ chainId, genesisDigest }, primitives = PLATFORM) {
    if (fromHex(genesisDigest, 'genesisDigest').length !== 32) {
      throw new InvalidValue('genesisDigest', 'must be 32 bytes');
    }
    if (typeof chainId !== 'string' || !chainId.endsWith(`-${genesisDigest.slice(0, 16)}`)) {
      throw new InvalidValue('chainId', `${chainId} is not the id of this genesis digest`);
    }
    this.primitives = primitives;
    this.chainId = chainId;
    this.genesisDigest = genesisDigest;
  }

  /** Resolve to the 32-byte tag of a purpose. */
  async tag(purpose) {
    let found = this.#tags.get(purpose);
    if (found === undefined) {
      found = await this.primitives.sha256(utf8(`aitbc/1/${purpose}/${this.genesisDigest}`));
      this.#tags.set(purpose, found);
    }
    return found;
  }

  /** Resolve to SHA-256 of a purpose's tag and the parts. */
  async digest(purpose, ...parts) {
    return this.primitives.sha256(concat(await this.tag(purpose), ...parts));
  }

  /** Resolve to the digest that the chain holds for a job's input (J20). */
  async payloadDigest(payload, blind) {
    return this.digest('payload', blind, await this.primitives.sha256(payload));
  }

  /** Resolve to the digest that a receipt names for a result (J21). */
  async resultDigest({ jobId, attempt, miner, salt }, result) {
    const number = bigEndian(BigInt(attempt), 8);
    return this.digest('result', jobId, number, miner, salt, await this.primitives.sha256(result));
  }
}

/**
 * Return the RFC 8785 bytes of a JSON value, which are what digests cover.
 *
 * JavaScript writes numbers and texts as that standard does, and sorts keys by the same units.
 */
export function canonicalJson(value) {
  return utf8(canonicalText(value));
}

function canonicalText(value) {
  if (Array.isArray(value)) {
    return `[${value.map(canonicalText).join(',')}]`;
  }
  if (value !== null && typeof value === 'object') {
    const members = Object.keys(value).sort();
    return `{${members.map((key) => `${textOf(key)}:${canonicalText(value[key])}`).join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new InvalidValue('json', 'NaN and Infinity are no JSON');
  }
  return textOf(value);
}

function textOf(value) {
  const text = JSON.stringify(value);
  if (text === undefined || (typeof value === 'string' && hasLoneSurrogate(value))) {
    throw new InvalidValue('json', 'holds something that JSON does not have');
  }
  return text;
}

function hasLoneSurrogate(text) {
  return /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}

/** Return the address bytes of a public key: the first 20 bytes of its SHA-256. */
export async function addressOf(publicKey, primitives = PLATFORM) {
  return (await primitives.sha256(publicKey)).slice(0, 20);
}

/** Return bytes as the id of a receipt or a job. */
export function idText(prefix, bytes) {
  return `${prefix}${toHex(bytes)}`;
}
