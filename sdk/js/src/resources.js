/** What is asked of a node with one request each. */

import { toHex } from './bytes.js';
import { InvalidValue } from './errors.js';
import { ordering, path } from './transport.js';

/** Milliseconds that a node may take until a transaction is final. */
const FINAL_WAIT_MS = 30_000;

/** Most items on a page. */
const PAGE_MAX = 100;

/** Most lines on a page of a statement. */
const LINES_MAX = 1_000;

/** A part of the client. */
export class Resource {
  constructor(transport) {
    this.transport = transport;
  }

  read(route, { query, options, isData } = {}) {
    return this.transport.call('GET', route, { query, options, isData });
  }

  post(route, body, options) {
    return this.transport.call('POST', route, { body, options });
  }

  order(route, body, options) {
    return this.transport.call('POST', route, { body, ...ordering(options) });
  }

  remove(route, options) {
    return this.transport.call('DELETE', route, { options });
  }

  /** Yield what is in a member of all pages of a list. */
  async *items(route, member, query, options) {
    const asked = { limit: PAGE_MAX, ...query };
    for await (const page of this.transport.pages(route, { query: asked, options })) {
      yield* page[member];
    }
  }
}

/** The chain: where it stands, its accounts and transactions. */
export class Chain extends Resource {
  #streams;

  constructor(transport, streams) {
    super(transport);
    this.#streams = streams;
  }

  /** Resolve to the chain's id, heads and what the node waits for. */
  async status(options) {
    return this.read('/v1/chain/status', { options });
  }

  /** Resolve to what `verifyReceipt` has to know: `chainId` and `genesisDigest`. */
  async identity(options) {
    const { chainId, genesisDigest } = await this.status(options);
    return { chainId, genesisDigest };
  }

  /** Resolve to the parameters in force by the chain's names, amounts in nait. */
  async parameters(options) {
    const { parameters } = await this.read('/v1/chain/parameters', { options, isData: true });
    return Object.fromEntries(Object.entries(parameters).map(([name, at]) => [name, BigInt(at)]));
  }

  /** Resolve to the validators, the quorum, and what waits for the epoch's end. */
  async validators(options) {
    return this.read('/v1/chain/validators', { options });
  }

  /** Resolve to a page of ballots: `status` `open`, `passed` or `expired`; `before`, to go on. */
  async ballots(query, options) {
    return this.read('/v1/chain/ballots', { query, options });
  }

  /** Resolve to a ballot, open or closed, with its votes. */
  async ballot(ballotId, options) {
    return this.read(path`/v1/chain/ballots/${ballotId}`, { options });
  }

  /** Resolve to an account's balance and the height that it holds at. */
  async account(address, options) {
    return this.read(path`/v1/chain/accounts/${address}`, { options });
  }

  /** Resolve to where a transaction is: `status` and, once final, `height` and `signed`. */
  async transaction(transactionId, options) {
    return this.read(path`/v1/chain/transactions/${transactionId}`, { options });
  }

  /**
   * Submit a signed transaction; sending it twice is harmless (T1).
   *
   * @param {Uint8Array | string} signed its bytes, or these in hex.
   * @param {object} [options] `waitFinal`: resolve when it is final, or cannot be any more.
   */
  async send(signed, { waitFinal = false, ...options } = {}) {
    if (!(signed instanceof Uint8Array) && typeof signed !== 'string') {
      throw new InvalidValue('signed', 'must be bytes or hex');
    }
    const transaction = typeof signed === 'string' ? signed : toHex(signed);
    return this.transport.call('POST', '/v1/chain/transactions', {
      query: waitFinal ? { wait: 'final' } : {},
      waitMs: waitFinal ? FINAL_WAIT_MS : 0,
      body: { transaction },
      options,
    });
  }

  /**
   * Yield final blocks as they come, the newest one first.
   *
   * A lost connection is taken up again after the last block. They are the node's word.
   *
   * @param {object} [options] `since`: height of the newest block that is known already; those
   *   after it come first. `timeoutMs`: how long to go on; a day. `signal`.
   */
  followBlocks(options) {
    return this.#streams.ofBlocks(options);
  }

  /**
   * Yield where a transaction is, at each change, until it is final or rejected.
   *
   * A lost connection is taken up again; a state that was told may then come once more.
   *
   * @param {string} transactionId of one that the node knows.
   * @param {object} [options] `timeoutMs`: how long to go on; 300 000. `signal`.
   */
  followTransaction(transactionId, options) {
    return this.#streams.ofTransaction(path`/v1/chain/transactions/${transactionId}/events`, options);
  }
}

/** Offers of miners, and accepting them. */
export class Marketplace extends Resource {
  /** Offer work as the key's miner. */
  async createOffer(body, options) {
    return this.post('/v1/marketplace/offers', body, options);
  }

  /** Resolve to `{ offers }`: those that are active. */
  async listOffers(query, options) {
    return this.read('/v1/marketplace/offers', { query, options });
  }

  /** Yield all offers that can be accepted now, the cheapest first; see `listOffers`. */
  iterateOffers(query, options) {
    return this.items('/v1/marketplace/offers', 'offers', query, options);
  }

  /** Resolve to an offer. */
  async getOffer(offerId, options) {
    return this.read(path`/v1/marketplace/offers/${offerId}`, { options });
  }

  /** Take back an offer of the key's miner. */
  async withdrawOffer(offerId, options) {
    return this.post(path`/v1/marketplace/offers/${offerId}/withdraw`, undefined, options);
  }

  /** Bind a job to the miner of an offer, at the offer's price. */
  async acceptOffer(offerId, body, options) {
    return this.post(path`/v1/marketplace/offers/${offerId}/accept`, body, options);
  }

  /** Resolve to the marketplace's statistics. */
  async stats(options) {
    return this.read('/v1/marketplace/stats', { options });
  }
}

/** Miners, as their clients see them. */
export class Miners extends Resource {
  /** Resolve to the miners that are registered. */
  async list(query, options) {
    return this.read('/v1/miners', { query, options });
  }

  /** Yield all registered miners, newest first. */
  iterate(query, options) {
    return this.items('/v1/miners', 'miners', query, options);
  }

  /** Resolve to a miner. */
  async get(minerId, options) {
    return this.read(path`/v1/miners/${minerId}`, { options });
  }

  /** Resolve to what a miner has done so far. */
  async stats(minerId, options) {
    return this.read(path`/v1/miners/${minerId}/stats`, { options });
  }
}

/** Services: each call orders a job and resolves to it; options as for `jobs.create`. */
export class Services extends Resource {
  /** Transcribe audio: `audioUrl`, `model`, `language`, `task`. */
  async transcribe(body, options) {
    return this.order('/v1/services/whisper/transcribe', body, options);
  }

  /** Make images of a text: `prompt`, `model`, `size`, `numImages`, `steps`. */
  async generateImage(body, options) {
    return this.order('/v1/services/stable-diffusion/generate', body, options);
  }

  /** Run a language model: `model`, `prompt`, `maxTokens`, `temperature`. */
  async infer(body, options) {
    return this.order('/v1/services/llm/inference', body, options);
  }

  /** Transcode a video: `inputUrl`, `outputFormat`, `codec`, `resolution`. */
  async transcode(body, options) {
    return this.order('/v1/services/ffmpeg/transcode', body, options);
  }

  /** Render a scene: `blendFileUrl`, `engine`, `resolutionX`, `resolutionY`, `samples`. */
  async render(body, options) {
    return this.order('/v1/services/blender/render', body, options);
  }
}

/** The registry: what services there are, and what their input has to be. */
export class Registry extends Resource {
  /** Resolve to `{ services, total }`; `category` and `search` choose among them. */
  async list(query, options) {
    return this.read('/v1/registry/services', { query, options });
  }

  /** Resolve to the definition of a service. */
  async definition(serviceId, options) {
    return this.read(path`/v1/registry/services/${serviceId}`, { options });
  }

  /** Resolve to the JSON Schema of a service's input, its keys as they are. */
  async schema(serviceId, options) {
    return this.read(path`/v1/registry/services/${serviceId}/schema`, { options, isData: true });
  }

  /** Resolve to what a machine needs for a service. */
  async requirements(serviceId, options) {
    return this.read(path`/v1/registry/services/${serviceId}/requirements`, { options });
  }

  /** Resolve to whether a service would take an input; the keys of `requestData` are the wire's. */
  async validate({ serviceId, requestData }, options) {
    return this.post('/v1/registry/services/validate', { serviceId, requestData }, options);
  }
}

/** Who the key belongs to, and its money. */
export class Me extends Resource {
  /** Become a client; the answer's `apiKey` is shown this once. */
  async register(label = '', options = undefined) {
    return this.post('/v1/clients', { label }, options);
  }

  /** Resolve to the client that the key belongs to. */
  async get(options) {
    return this.read('/v1/clients/me', { options });
  }

  /** Resolve to what the client has: `available`, `reserved` and what is in it. */
  async balance(options) {
    return this.read('/v1/clients/me/balance', { options });
  }

  /** Resolve to what came and went in a period, each line with what proves it. */
  async statement(query, options) {
    return this.read('/v1/statements', { query, options });
  }

  /** Yield all lines of a period, oldest first; `query` as for `statement`. */
  async *statementLines(query, options) {
    // An open period stays the one that the first page was of: the links say it.
    const asked = { limit: LINES_MAX, ...query };
    for await (const { lines } of this.transport.pages('/v1/statements', { query: asked, options })) {
      yield* lines;
    }
  }

  /** Resolve to all lines of a period as one sheet of CSV, whose first line names its columns. */
  async statementCsv(query, options) {
    const asked = { limit: LINES_MAX, ...query };
    const request = { query: asked, options, isText: true, headers: { Accept: 'text/csv' } };
    const sheets = [];
    for await (const sheet of this.transport.pages('/v1/statements.csv', request)) {
      sheets.push(sheets.length === 0 ? sheet : sheet.slice(sheet.indexOf('\n') + 1));
    }
    return sheets.join('');
  }
}

/** Keys of the client. A key's text is shown once, when it is made. */
export class Keys extends Resource {
  /** Resolve to a page of the client's keys, those that work first, without their texts. */
  async list(query, options) {
    return this.read('/v1/clients/me/keys', { query, options });
  }

  /** Yield all keys of the client. */
  iterate(query, options) {
    return this.items('/v1/clients/me/keys', 'keys', query, options);
  }

  /** Make a key: `label`, `scopes`, `expiresAt`, `version`, `budget`. */
  async create(body, options) {
    return this.post('/v1/clients/me/keys', body, options);
  }

  /** Make a successor of a key, which ends after `overlapSeconds`. */
  async rotate(keyId, body = {}, options = undefined) {
    return this.post(path`/v1/clients/me/keys/${keyId}/rotate`, body, options);
  }

  /** End a key at once. */
  async revoke(keyId, options) {
    return this.remove(path`/v1/clients/me/keys/${keyId}`, options);
  }

  /** Resolve to what was done with a key. */
  async usage(keyId, options) {
    return this.read(path`/v1/clients/me/keys/${keyId}/usage`, { options });
  }
}

/** Webhooks: where the node tells of the ends of jobs. `verifyWebhook` checks what it sends. */
export class Webhooks extends Resource {
  /** Register `url` for `events`; the answer's `secret` is shown this once. */
  async create(body, options) {
    return this.post('/v1/webhooks', body, options);
  }

  /** Resolve to the webhooks of the client. */
  async list(query, options) {
    return this.read('/v1/webhooks', { query, options });
  }

  /** Yield all webhooks of the client. */
  iterate(query, options) {
    return this.items('/v1/webhooks', 'webhooks', query, options);
  }

  /** Resolve to a webhook. */
  async get(webhookId, options) {
    return this.read(path`/v1/webhooks/${webhookId}`, { options });
  }

  /** Change `url`, `events` or `status`. */
  async update(webhookId, body, options) {
    return this.transport.call('PATCH', path`/v1/webhooks/${webhookId}`, { body, options });
  }

  /** Delete a webhook. */
  async delete(webhookId, options) {
    return this.remove(path`/v1/webhooks/${webhookId}`, options);
  }

  /** Send a webhook an event that means nothing. */
  async test(webhookId, options) {
    return this.post(path`/v1/webhooks/${webhookId}/test`, undefined, options);
  }

  /** Resolve to the messages to a webhook, and what became of them. */
  async deliveries(webhookId, query, options) {
    return this.read(path`/v1/webhooks/${webhookId}/deliveries`, { query, options });
  }

  /** Yield all messages to a webhook, newest first. */
  iterateDeliveries(webhookId, query, options) {
    const route = path`/v1/webhooks/${webhookId}/deliveries`;
    return this.items(route, 'deliveries', query, options);
  }

  /** Send a message again. */
  async redeliver(webhookId, messageId, options) {
    const route = path`/v1/webhooks/${webhookId}/deliveries/${messageId}/redeliver`;
    return this.post(route, undefined, options);
  }
}
