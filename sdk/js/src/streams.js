/**
 * Events as they happen: server-sent events of a job, and WebSockets.
 *
 * A connection that breaks or falls silent is opened again where it was. A stream that never began
 * fails with its error after `retry.attempts` in a row, one that had begun when nothing came for
 * `retry.reconnectMs`. A stream is an async iterator: leaving its loop
 * closes the connection.
 */

import { ApiError, ConnectionFailed, InvalidValue, JobTimeout } from './errors.js';
import { isEnded } from './jobs.js';
import { Deadline, Outage } from './limits.js';
import { fromWire } from './names.js';
import { readEvents } from './server_sent_events.js';

/** Milliseconds that a job's stream lasts at most, unless told otherwise. */
export const STREAM_TIMEOUT_MS = 300_000;

/** Longest silence: the node says something every 15 s on event streams, every 30 s on `/ws`. */
const SILENCE_MS = 75_000;

/** Messages that wait for a slow reader; then the connection is opened anew where the reader is. */
const WAITING_MAX = 1_024;

const DAY_MS = 86_400_000;
const TRANSACTION_ENDS = ['final', 'rejected'];
const NORMAL_END = 1000;
const KEY_ENDED = 1008;
const UPGRADE_REQUIRED = 426;
const NOTHING_FOLLOWS = 204;

/** Streams of one client. */
export class Streams {
  #transport;
  #WebSocket;

  constructor(transport, WebSocket) {
    this.#transport = transport;
    this.#WebSocket = WebSocket;
  }

  /** Yield `{ id, type, data }` of a job's events up to its end. */
  async *ofJob(jobId, route, { since, timeoutMs = STREAM_TIMEOUT_MS, signal } = {}) {
    const deadline = new Deadline(timeoutMs, signal, () => new JobTimeout(jobId, timeoutMs));
    let at = since;
    const open = (silence) => this.#events(route, at, deadline, silence);
    for await (const { id, event, data } of this.#again(open, deadline)) {
      at = id;
      const told = fromWire(parsed(data));
      yield { id, type: event, data: told };
      if (event === 'state' && isEnded(told)) return;
    }
  }

  /** Yield a job at each change of its state up to its last, over a WebSocket. */
  async *socketOfJob(jobId, route, { since, timeoutMs = STREAM_TIMEOUT_MS, signal } = {}) {
    const deadline = new Deadline(timeoutMs, signal, () => new JobTimeout(jobId, timeoutMs));
    let at = since;
    const open = (silence) => this.#socket(route, at, deadline, silence);
    for await (const told of this.#again(open, deadline)) {
      at = told.seq;
      yield told;
      if (isEnded(told)) return;
    }
  }

  /** Yield final blocks until the caller leaves, or `timeoutMs` is over: a day if not said. */
  async *ofBlocks({ since, timeoutMs = DAY_MS, signal } = {}) {
    yield* this.#told('/v1/chain/events', since, new Deadline(timeoutMs, signal));
  }

  /** Yield where a transaction is, up to its end. */
  async *ofTransaction(route, { timeoutMs = STREAM_TIMEOUT_MS, signal } = {}) {
    for await (const state of this.#told(route, undefined, new Deadline(timeoutMs, signal))) {
      yield state;
      if (TRANSACTION_ENDS.includes(state.status)) return;
    }
  }

  /** Yield what a route's events say, one connection after the other. */
  async *#told(route, since, deadline) {
    let at = since;
    const open = (silence) => this.#events(route, at, deadline, silence);
    for await (const { id, data } of this.#again(open, deadline)) {
      at = id === '' ? at : id;
      yield fromWire(parsed(data));
    }
  }

  /**
   * Yield `{ type, data, seq }` of everything that concerns the key, over a WebSocket.
   *
   * It goes on until the caller leaves its loop, gives up by `signal`, or `timeoutMs` is over; a
   * day if that is not said. A connection that is silent for 75 s is opened again.
   */
  async *all({ since, timeoutMs = DAY_MS, signal } = {}) {
    const deadline = new Deadline(timeoutMs, signal);
    let at = since;
    const open = (silence) => this.#socket('/ws', at, deadline, silence);
    for await (const message of this.#again(open, deadline)) {
      at = message.seq ?? at;
      yield message;
    }
  }

  /** Yield what connections yield, one after the other. */
  async *#again(open, deadline) {
    const { attempts, baseMs, pauseMaxMs } = this.#transport.retry;
    const outage = new Outage(this.#transport.retry, { hasAnswered: false });
    for (let failures = 0; ; ) {
      let error = new ConnectionFailed('the connection ended');
      try {
        for await (const item of open(SILENCE_MS)) {
          failures = 0;
          outage.isOver();
          yield item;
        }
      } catch (found) {
        error = found instanceof TypeError ? new ConnectionFailed(found.message) : found;
      }
      failures += 1;
      if (error === FINISHED) return;
      const isOutlasted = outage.isOutlasted();
      if (!mayGoOn(error) || (failures >= attempts && !isOutlasted)) throw error;
      const pauseMs = Math.min(pauseMaxMs, baseMs * 2 ** (failures - 1));
      await deadline.pause(pauseMs * (0.5 + Math.random() / 2));
    }
  }

  async *#events(route, since, deadline, silenceMs) {
    const watch = new Watch(deadline, silenceMs);
    try {
      const headers = { Accept: 'text/event-stream, application/problem+json' };
      if (since !== undefined) headers['Last-Event-ID'] = String(since);
      const response = await this.#transport.open('GET', route, { headers }, watch.signal);
      if (response.status === NOTHING_FOLLOWS) throw FINISHED;
      yield* readEvents(response.body, () => watch.heard());
    } catch (error) {
      throw watch.reasonOf(error);
    } finally {
      watch.end();
    }
  }

  async *#socket(route, since, deadline, silenceMs) {
    const watch = new Watch(deadline, silenceMs);
    const socket = await this.#opened(route, since, watch.signal);
    const inbox = new Inbox(socket, watch);
    try {
      while (await inbox.next()) {
        yield fromWire(parsed(inbox.taken));
      }
      if (inbox.closed?.code === KEY_ENDED) {
        throw new ApiError({ status: 401, errorCode: 'KEY_ENDED', detail: inbox.closed.reason });
      }
      if (!inbox.wasOpen) {
        await this.#explain(route, watch.signal);
      }
      throw inbox.closed?.code === NORMAL_END
        ? FINISHED
        : new ConnectionFailed(`the WebSocket ended with ${inbox.closed?.code}`);
    } catch (error) {
      throw watch.reasonOf(error);
    } finally {
      watch.end();
      socket.close();
    }
  }

  async #opened(route, since, signal) {
    if (this.#WebSocket === undefined) {
      throw new InvalidValue(
        'WebSocket',
        'this platform has none (Node.js has it from 22 on): give one to the client, or use events',
      );
    }
    const query = { version: this.#transport.version, since };
    if (this.#transport.hasKey) {
      // A key never goes into an address: a ticket stands for it, once.
      const { ticket } = await this.#transport.call('POST', '/v1/tickets', { options: { signal } });
      query.ticket = ticket;
    }
    return new this.#WebSocket(this.#transport.socketUrl(route, query));
  }

  /** Platforms do not say why an upgrade was refused: ask the same address without one. */
  async #explain(route, signal) {
    try {
      await this.#transport.call('GET', route, { options: { signal } });
    } catch (error) {
      if (error instanceof ApiError && error.status !== UPGRADE_REQUIRED) throw error;
    }
  }
}

/** Says that nothing follows; no error. */
const FINISHED = new Error('finished');

/** Ends a connection at the deadline, with the caller's signal, or when it falls silent. */
class Watch {
  #controller = new AbortController();
  #deadline;
  #silenceMs;
  #timers = [];
  #giveUp;

  constructor(deadline, silenceMs) {
    deadline.check();
    this.#deadline = deadline;
    this.#silenceMs = silenceMs;
    this.#giveUp = () => this.#controller.abort(deadline.signal.reason);
    deadline.signal?.addEventListener('abort', this.#giveUp, { once: true });
    const late = () => this.#controller.abort(deadline.late());
    this.#timers = [setTimeout(late, deadline.leftMs), null];
    this.heard();
  }

  get signal() {
    return this.#controller.signal;
  }

  /** Note that the node said something. */
  heard() {
    clearTimeout(this.#timers[1]);
    const silent = new ConnectionFailed(`the node said nothing for ${this.#silenceMs / 1000} s`);
    this.#timers[1] = setTimeout(() => this.#controller.abort(silent), this.#silenceMs);
  }

  /** Return why the connection ended: our own reason, if we ended it. */
  reasonOf(error) {
    return this.signal.aborted ? this.signal.reason : error;
  }

  end() {
    this.#timers.forEach(clearTimeout);
    this.#deadline.signal?.removeEventListener('abort', this.#giveUp);
  }
}

/** The messages of a WebSocket, in order, until it is closed. */
class Inbox {
  #waiting = [];
  #wake = () => {};

  constructor(socket, watch) {
    this.wasOpen = false;
    this.closed = null;
    this.taken = null;
    const end = (closed) => {
      this.closed ??= closed;
      this.#wake();
    };
    socket.addEventListener('open', () => {
      this.wasOpen = true;
    });
    socket.addEventListener('message', ({ data }) => {
      watch.heard();
      this.#waiting.push(data);
      if (this.#waiting.length > WAITING_MAX) {
        this.#waiting.length = 0;
        end({ code: null, reason: 'too many messages wait' });
      }
      this.#wake();
    });
    socket.addEventListener('close', ({ code, reason }) => end({ code, reason }));
    // Where the upgrade is refused, some platforms (Node.js 20) say this and never that it closed.
    socket.addEventListener('error', () => this.wasOpen || end({ code: null, reason: 'not opened' }));
    watch.signal.addEventListener('abort', () => end({ code: null, reason: 'given up' }));
    this.watch = watch;
  }

  /** Take the next message into `taken`; resolves to false when there is none any more. */
  async next() {
    while (this.#waiting.length === 0 && this.closed === null) {
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
    }
    this.watch.signal.throwIfAborted();
    this.taken = this.#waiting.shift();
    return this.taken !== undefined;
  }
}

function mayGoOn(error) {
  if (error instanceof ApiError) return [429, 502, 503, 504].includes(error.status);
  return error instanceof ConnectionFailed;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConnectionFailed('the node sent something else than JSON');
  }
}
