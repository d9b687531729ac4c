/** Receipts: public, final, and checked without trusting the node. */

import { ChainTags } from './chain.js';
import { path } from './transport.js';
import { verifyReceipt } from './verification.js';

/** The receipts of a chain. */
export class Receipts {
  #transport;
  #chain;

  constructor(transport, chain) {
    this.#transport = transport;
    this.#chain = chain;
  }

  /** Resolve to a receipt by its id or its job's. */
  async get(id, options) {
    return this.#transport.call('GET', path`/v1/receipts/${id}`, { options });
  }

  /** Resolve to receipts, newest first. */
  async list(query, options) {
    return this.#transport.call('GET', '/v1/receipts', { query, options });
  }

  /** Resolve to the signed transaction that a receipt is. */
  async transaction(id, options) {
    return this.#transport.call('GET', path`/v1/receipts/${id}/transaction`, { options });
  }

  /** Ask the node whether a receipt is authentic; see `check` for asking nobody. */
  async verify(receipt, options) {
    return this.#transport.call('POST', '/v1/receipts/verify', { body: { receipt }, options });
  }

  /**
   * Fetch a receipt and the transaction that it is, and check both here.
   *
   * @param {string} id of the receipt or its job.
   * @param {object} [options] `chain` with `chainId` and `genesisDigest`: what to trust. Without
   *   it the node is asked for them, and trusted in that.
   * @returns {Promise<object>} see `verifyReceipt`.
   */
  async check(id, { chain, ...options } = {}) {
    const [receipt, { transaction }, tags] = await Promise.all([
      this.get(id, options),
      this.transaction(id, options),
      chain ?? this.#chain.identity(options),
    ]);
    return verifyReceipt({
      transaction,
      receipt,
      chain: tags instanceof ChainTags ? tags : new ChainTags(tags),
    });
  }
}
