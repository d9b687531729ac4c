/** Receipts: public, and checked here; see `verifyReceipt` for what that proves. */

import { ChainTags } from './chain.js';
import { InvalidValue } from './errors.js';
import { path } from './transport.js';
import { refused, verifyReceipt } from './verification.js';

/** Most receipts on a page. */
const PAGE_MAX = 100;

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

  /** Yield all receipts that a query of `list` chooses, newest first, a page at a time. */
  async *iterate(query, options) {
    const asked = { limit: PAGE_MAX, ...query };
    for await (const page of this.#transport.pages('/v1/receipts', { query: asked, options })) {
      yield* page;
    }
  }

  /** Resolve to the signed transaction that a receipt is. */
  async transaction(id, options) {
    return this.#transport.call('GET', path`/v1/receipts/${id}/transaction`, { options });
  }

  /** Ask the node whether a receipt is authentic; see `check` for checking it here. */
  async verify(receipt, options) {
    return this.#transport.call('POST', '/v1/receipts/verify', { body: { receipt }, options });
  }

  /**
   * Fetch a receipt and the transaction that it is, and check both here; see `verifyReceipt` for
   * what that proves, and what not.
   *
   * @param {string} id of the receipt or its job; another receipt is refused, with `field`
   *   `receiptId`.
   * @param {object} [options] `chain` with `chainId` and `genesisDigest`: what to trust. Without
   *   it the node is asked for them, and trusted in that. `miner` and `publicKey`: who has to have
   *   signed. Without them it may be anybody: a node that lies can sign a receipt itself.
   * @returns {Promise<object>} see `verifyReceipt`.
   * @throws {InvalidValue} `miner` is no address, `publicKey` no key, or `chain` no chain.
   */
  async check(id, { chain, miner, publicKey, ...options } = {}) {
    const [receipt, answer, tags] = await Promise.all([
      this.get(id, options),
      this.transaction(id, options),
      chain ?? this.#chain.identity(options),
    ]);
    const verdict = await verifyReceipt({
      transaction: answer?.transaction,
      receipt,
      chain: tags instanceof ChainTags ? tags : new ChainTags(tags),
      miner,
      publicKey,
    });
    if (verdict.valid && id !== verdict.receiptId && id !== verdict.jobId) {
      return refused(new InvalidValue('receiptId', `the node shows ${verdict.receiptId} instead`));
    }
    return verdict;
  }
}
