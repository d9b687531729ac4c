/** The client: one node, one key, and everything that the API offers. */

import { Artifacts } from './artifacts.js';
import { InvalidValue } from './errors.js';
import { Jobs } from './jobs.js';
import { Proofs } from './proofs.js';
import { Receipts } from './receipts.js';
import {
  Chain,
  Keys,
  Marketplace,
  Me,
  Miners,
  Registry,
  Services,
  Webhooks,
} from './resources.js';
import { Streams } from './streams.js';
import { Transfers } from './transfers.js';
import { Transport } from './transport.js';

/** Where requests go when neither the caller nor `AITBC_BASE_URL` says. */
export const PRODUCTION_URL = 'https://aitbc.bubuit.net/api';

/** Versions of the API, by the dates of their documents. */
export const API_VERSIONS = Object.freeze(['2024-01-01', '2026-01-24', '2026-05-11']);

/** Milliseconds that a call may take in all, unless the caller says otherwise. */
export const CALL_TIMEOUT_MS = 30_000;

/** A client of one node. Making one opens no connection. */
export class AITBCClient {
  #transport;
  #streams;

  /**
   * @param {object} [settings]
   * @param {string} [settings.apiKey] key to send; a devnet on this machine needs none.
   * @param {string} [settings.baseUrl] address of the node; `AITBC_BASE_URL`, or production.
   * @param {string} [settings.version] version of the API that answers are in; 2024-01-01.
   * @param {number} [settings.timeoutMs] limit of each call with its repetitions; 30 s.
   * @param {object} [settings.retry] `attempts` (4), `baseMs` (250) and `pauseMaxMs` (8000).
   * @param {typeof fetch} [settings.fetch] sends requests; the platform's.
   * @param {typeof WebSocket} [settings.WebSocket] opens WebSockets; the platform's.
   */
  constructor({
    apiKey,
    baseUrl = fromEnvironment('AITBC_BASE_URL') ?? PRODUCTION_URL,
    version = API_VERSIONS[0],
    timeoutMs = CALL_TIMEOUT_MS,
    retry = {},
    fetch = (...given) => globalThis.fetch(...given),
    WebSocket = globalThis.WebSocket,
  } = {}) {
    if (!API_VERSIONS.includes(version)) {
      throw new InvalidValue('version', `must be one of ${API_VERSIONS.join(', ')}`);
    }
    const transport = new Transport({ baseUrl, apiKey, version, timeoutMs, retry, fetch });
    const streams = new Streams(transport, WebSocket);
    this.jobs = new Jobs(transport, streams);
    this.chain = new Chain(transport, streams);
    this.receipts = new Receipts(transport, this.chain);
    this.proofs = new Proofs(transport);
    this.marketplace = new Marketplace(transport);
    this.miners = new Miners(transport);
    this.services = new Services(transport);
    this.registry = new Registry(transport);
    this.artifacts = new Artifacts(transport);
    this.me = new Me(transport);
    this.keys = new Keys(transport);
    this.transfers = new Transfers(transport);
    this.webhooks = new Webhooks(transport);
    this.#transport = transport;
    this.#streams = streams;
  }

  /**
   * Yield everything that concerns the key as it happens, over a WebSocket: `{ type, data, seq }`.
   * `since` is the `seq` of the last message that is known; see `Streams.all` for its end.
   */
  listen(options) {
    return this.#streams.all(options);
  }

  /** Resolve to the health of the node and its parts. */
  async health(options) {
    return this.#transport.call('GET', '/v1/health', { options });
  }

  /** Resolve to the network's statistics. */
  async stats(options) {
    return this.#transport.call('GET', '/v1/stats', { options });
  }
}

function fromEnvironment(name) {
  const value = globalThis.process?.env?.[name];
  return value === '' ? undefined : value;
}
