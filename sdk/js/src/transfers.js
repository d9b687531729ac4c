/** Sending units out of the wallets that the coordinator keeps. */

import { parseAddress } from './bech32m.js';
import { Resource } from './resources.js';
import { path } from './transport.js';

/** Units sent from wallets that the coordinator keeps; the key needs the scope `wallet`. */
export class Transfers extends Resource {
  /**
   * Send units; resolves as soon as that is on the way. Repetitions of one call are one transfer.
   *
   * @param {object} body `to`: address that receives; `amount`: a decimal text of AITBC;
   *   `minerId`: the caller's managed miner that pays, else the caller's wallet does.
   * @param {object} [options] `waitMs`: resolve when it is final, or after so long, at most 30 s.
   *   `idempotencyKey`: a name of it, with which it may be sent again after a crash.
   */
  async send(body, options) {
    parseAddress(body?.to);
    return this.order('/v1/clients/me/transfers', body, options);
  }

  /** Resolve to a transfer: `status` is `pooled` until it is `final`, or `expired`. */
  async get(transactionId, options) {
    return this.read(path`/v1/clients/me/transfers/${transactionId}`, { options });
  }

  /** Yield all transfers of the client, the newest first. */
  iterate(query, options) {
    return this.items('/v1/clients/me/transfers', 'transfers', query, options);
  }
}
