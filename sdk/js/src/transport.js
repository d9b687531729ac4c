/** Exchanges with a node: limits of time and size, repetitions, typed errors. */

import { randomBytes } from './crypto.js';
import { toHex } from './bytes.js';
import { ApiError, CallTimeout, ConnectionFailed, InvalidValue } from './errors.js';
import { Deadline } from './limits.js';
import { fromWire, toWire } from './names.js';

const ANSWER_BYTES_MAX = 16 * 1_048_576;
const ERROR_BYTES_MAX = 65_536;

/** Longest that a node holds the answer to an order back. */
const WAIT_S_MAX = 30;

/** How often and how patiently a call is repeated, unless the client was told otherwise. */
export const RETRY = Object.freeze({ attempts: 4, baseMs: 250, pauseMaxMs: 8_000, reconnectMs: 60_000 });

/** Sends requests to one node. Opens no connection until the first. */
export class Transport {
  #apiKey;
  #fetch;

  constructor({ baseUrl, apiKey, version, timeoutMs, retry, fetch }) {
    this.baseUrl = checkedUrl(baseUrl).replace(/\/+$/, '');
    this.version = version;
    this.timeoutMs = timeoutMs;
    this.retry = { ...RETRY, ...retry };
    this.#apiKey = apiKey;
    this.#fetch = fetch;
    if (!(this.retry.attempts >= 1)) {
      throw new InvalidValue('retry.attempts', 'must be at least 1');
    }
  }

  /**
   * Send a request and resolve to the value of its answer, with the names of JavaScript.
   *
   * @param {string} method of HTTP.
   * @param {string} path below the base URL, from `path`.
   * @param {object} [request] `query`, `body`, `headers`, `options` of the caller, `waitMs` that
   *   the node may take, `isData` where the answer is no object of the API, `isText` where it is
   *   no JSON, `version`.
   */
  async call(method, path, request = {}) {
    const { text } = await this.#repeated(method, path, request, readText);
    if (request.isText) return text;
    const value = text === '' ? null : parsed(text);
    if (value === undefined) {
      throw unexpected('the answer is no JSON');
    }
    return request.isData ? value : fromWire(value);
  }

  /**
   * Yield the pages of a list, the first as `query` asks for it, each as `call` resolves to it.
   *
   * @param {string} path below the base URL, from `path`.
   * @param {object} [request] as for `call`.
   */
  async *pages(path, request = {}) {
    for (let query = request.query; query !== null; ) {
      const page = { ...request, query };
      const { text, link } = await this.#repeated('GET', path, page, readText);
      const value = request.isText ? text : parsed(text);
      if (value === undefined) {
        throw unexpected('the answer is no JSON');
      }
      yield request.isText ? value : fromWire(value);
      query = followingQuery(link);
    }
  }

  /** Send a request and resolve to the bytes of its answer, at most `bytesMax`. */
  async bytes(method, path, request = {}) {
    const { bytesMax = ANSWER_BYTES_MAX } = request;
    return this.#repeated(method, path, request, (response) => readBytes(response, bytesMax));
  }

  /** Send a request and resolve to its open response; the caller reads and closes the body. */
  async open(method, path, request, signal) {
    const response = await this.#send(method, path, request, await headersOf(method, request), signal);
    await requireSuccess(response);
    return response;
  }

  /** Whether requests carry a key. */
  get hasKey() {
    return this.#apiKey !== undefined;
  }

  /** Return the address of a WebSocket with a query. */
  socketUrl(path, query) {
    return `${this.baseUrl.replace(/^http/, 'ws')}${path}${queryText(query)}`;
  }

  async #repeated(method, path, request, read) {
    const { options = {}, waitMs = 0 } = request;
    const deadline = new Deadline((options.timeoutMs ?? this.timeoutMs) + waitMs, options.signal);
    const headers = await headersOf(method, request);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await deadline.during(async (signal) => {
          const response = await this.#send(method, path, request, headers, signal);
          await requireSuccess(response);
          return read(response);
        });
      } catch (error) {
        const pauseMs = this.#pauseAfter(error, attempt, method, headers);
        if (pauseMs === null || pauseMs >= deadline.leftMs) {
          throw named(error, method, this.baseUrl + path);
        }
        await deadline.pause(pauseMs);
      }
    }
  }

  async #send(method, path, { query, body, content, version }, headers, signal) {
    const all = {
      'AITBC-Version': version ?? this.version,
      Accept: 'application/problem+json, application/json',
      ...(this.#apiKey === undefined ? {} : { 'X-Api-Key': this.#apiKey }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    };
    return this.#fetch(this.baseUrl + path + queryText(query), {
      method,
      headers: all,
      body: body === undefined ? content : JSON.stringify(toWire(body)),
      redirect: 'error',
      signal,
    });
  }

  /** Return the milliseconds to wait before the next attempt, null if there is none. */
  #pauseAfter(error, attempt, method, headers) {
    const { attempts, baseMs, pauseMaxMs } = this.retry;
    const isLast = attempt >= attempts;
    if (isLast || !mayRepeat(error, method, headers)) {
      return null;
    }
    const wantedMs = (error.retryAfterS ?? 0) * 1000;
    const ownMs = Math.min(pauseMaxMs, baseMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
    // A node that asks for more patience than there is is not asked again: the error says it. Who
    // was refused together does not come back together.
    return wantedMs > pauseMaxMs ? null : wantedMs + ownMs;
  }
}

/** Return a path of segments, each quoted: whatever is in an id cannot lead elsewhere. */
export function path(strings, ...segments) {
  const quoted = segments.map((segment) => {
    if (typeof segment !== 'string' || ['', '.', '..'].includes(segment)) {
      throw new InvalidValue('id', `${String(segment)} is none`);
    }
    return encodeURIComponent(segment).replaceAll('%3A', ':');
  });
  return String.raw({ raw: strings }, ...quoted);
}

/** Return the error of an answer of another form than the API's. */
export function unexpected(detail) {
  return new ApiError({ status: 200, errorCode: 'UNEXPECTED_ANSWER', detail });
}

/**
 * 429 comes before anything was done, and 503 too where a node of this API says it, which names a
 * code (E2). All else is repeated only where that is safe: reading, deleting, and what carries a
 * key of its own (Idempotency-Key).
 */
function mayRepeat(error, method, headers) {
  const isRepeatable = method !== 'POST' || 'Idempotency-Key' in headers;
  if (error instanceof ApiError) {
    if (error.status === 429 || error.errorCode === 'IDEMPOTENCY_KEY_IN_FLIGHT') return true;
    if (error.status === 503 && !error.errorCode.startsWith('HTTP_')) return true;
    return isRepeatable && [502, 503, 504].includes(error.status);
  }
  // What fetch rejects with where no answer came; an abort and a deadline are something else.
  return error instanceof TypeError && isRepeatable;
}

/**
 * Return what the options of an order ask for: `strict` refuses what no registered miner could be
 * given, `waitMs` has the node hold its answer back until the job ended, at most 30 s.
 */
export function ordering({ strict = false, waitMs = 0, ...options } = {}) {
  const waitS = Math.ceil(waitMs / 1000);
  if (!(waitS >= 0 && waitS <= WAIT_S_MAX)) {
    throw new InvalidValue('waitMs', `must be 0 to ${WAIT_S_MAX * 1000}`);
  }
  const wished = [...(strict ? ['handling=strict'] : []), ...(waitS ? [`wait=${waitS}`] : [])];
  const headers = wished.length > 0 ? { Prefer: wished.join(', ') } : {};
  return { headers, waitMs: waitS * 1000, options };
}

async function headersOf(method, { headers = {}, options = {} }) {
  if (method !== 'POST') {
    return headers;
  }
  const key = options.idempotencyKey ?? toHex(await randomBytes(16));
  return { 'Idempotency-Key': key, ...headers };
}

async function requireSuccess(response) {
  if (response.ok) {
    return;
  }
  let text = '';
  try {
    text = new TextDecoder().decode(await readBytes(response, ERROR_BYTES_MAX));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
  const found = parsed(text);
  // Chat completions answer with OpenAI's shape.
  const fields = found?.error && typeof found.error === 'object' ? found.error : (found ?? {});
  const retryAfter = response.headers.get('Retry-After') ?? '';
  throw new ApiError({
    status: response.status,
    errorCode: String(fields.error_code ?? fields.code ?? `HTTP_${response.status}`),
    detail: String(fields.detail ?? fields.message ?? response.statusText),
    requestId: String(fields.request_id ?? response.headers.get('X-Request-Id') ?? ''),
    retryAfterS: /^[0-9]{1,9}$/.test(retryAfter) ? Number(retryAfter) : null,
    errors: Array.isArray(fields.errors) ? fields.errors : [],
  });
}

async function readText(response) {
  const bytes = await readBytes(response, ANSWER_BYTES_MAX);
  return { text: new TextDecoder().decode(bytes), link: response.headers.get('Link') };
}

/** Return the query of the page that a `Link` leads to (RFC 8288), null if there is none. */
function followingQuery(link) {
  const found = /<([^>]*)>\s*;\s*rel="?next"?/.exec(link ?? '');
  if (found === null) {
    return null;
  }
  // Wherever it leads, the list stays the same one: the query alone is taken.
  return Object.fromEntries(new URLSearchParams(found[1].split('?')[1] ?? ''));
}

async function readBytes(response, bytesMax) {
  const pieces = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) break;
    size += value.length;
    if (size > bytesMax) {
      await reader.cancel();
      throw unexpected(`the answer has more than ${bytesMax} bytes`);
    }
    pieces.push(value);
  }
  const joined = new Uint8Array(size);
  pieces.reduce((at, piece) => {
    joined.set(piece, at);
    return at + piece.length;
  }, 0);
  return joined;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function named(error, method, url) {
  if (error instanceof CallTimeout) {
    return new CallTimeout(`${method} ${url}: ${error.message}`, { cause: error });
  }
  if (error instanceof TypeError) {
    const reason = error.cause?.message ?? error.message;
    return new ConnectionFailed(`${method} ${url}: ${reason}`, { cause: error });
  }
  return error;
}

function queryText(query = {}) {
  const given = Object.entries(toWire(query)).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === '' ? '' : `?${text}`;
}

function checkedUrl(baseUrl) {
  let url;
  try {
    url = new URL(baseUrl);
  } catch {
    url = null;
  }
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.search || url.hash) {
    throw new InvalidValue('baseUrl', `must be http://… or https://…, not ${baseUrl}`);
  }
  return baseUrl;
}
