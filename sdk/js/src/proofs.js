/**
 * Proof bundles of the node, fetched and checked here.
 *
 * A bundle may prove something else than was asked for, and well. So each check also compares what
 * is proved with what was asked, as a last step with the name `asked`.
 */

import { compared } from './proofs/asked.js';
import { checkProof } from './proofs/check.js';
import { path } from './transport.js';

/** The proofs that a node serves. */
export class Proofs {
  #transport;

  constructor(transport) {
    this.#transport = transport;
  }

  /**
   * Resolve to a bundle as the node sends it: a text, to be kept or checked with `checkProof`.
   *
   * @param {string} kind `receipt`, `transaction`, `outcome`, `account` or `validators`.
   * @param {...(string | object)} given what names the object (id, height and index, address;
   *   nothing for validators), then the call's options; with `epoch` and `since` of docs/proofs.md.
   */
  async fetch(kind, ...given) {
    const options = typeof given.at(-1) === 'object' ? given.pop() : {};
    const { epoch, since, ...rest } = options;
    const route = ['/v1/proofs', kind, ...given].reduce((done, part) => done + path`/${part}`);
    return this.#transport.call('GET', route, {
      query: { epoch, since },
      options: rest,
      isText: true,
    });
  }

  /**
   * Fetch and check the proof of a receipt, by its id or as the API writes it.
   *
   * @param {string} id of the receipt.
   * @param {object} [options] of the call, and `genesisDigest` and the others of `checkProof`.
   * @returns {Promise<object>} see `checkProof`.
   */
  async checkReceipt(id, options = {}) {
    const wanted = `receipt_${bare(id)}`;
    return this.#check('receipt', [id], options, ({ receipt }) => receipt.receiptId === wanted);
  }

  /** Fetch and check the proof of a transaction; see `checkReceipt`. */
  async checkTransaction(id, options = {}) {
    const isSame = ({ transaction }) => transaction.transactionId === bare(id);
    return this.#check('transaction', [id], options, isSame);
  }

  /** Fetch and check the proof of a block's outcome by its index; see `checkReceipt`. */
  async checkOutcome(height, index, options = {}) {
    const isSame = (claims) =>
      claims.height === BigInt(height) && claims.outcome.index === BigInt(index);
    return this.#check('outcome', [String(height), String(index)], options, isSame);
  }

  /** Fetch and check the proof of an account's balance, or of its absence; see `checkReceipt`. */
  async checkAccount(address, options = {}) {
    return this.#check('account', [address], options, ({ account }) => account.address === address);
  }

  /** Fetch and check the proof of an epoch's validators, the newest without `epoch`. */
  async checkValidators(options = {}) {
    const isSame = ({ epoch }) => options.epoch === undefined || epoch === BigInt(options.epoch);
    return this.#check('validators', [], options, isSame);
  }

  async #check(kind, reference, options, isAsked) {
    const { genesisDigest, specification, known, onStep, primitives, ...call } = options;
    const trust = { genesisDigest, specification, known, onStep, primitives };
    const bundle = await this.fetch(kind, ...reference, call);
    return compared(await checkProof(bundle, trust), kind, isAsked);
  }
}

function bare(id) {
  return id.replace(/^(?:receipt|tx)_/, '');
}
