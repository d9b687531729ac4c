/** Jobs: ordered, watched, cancelled, and their results. */

import { ApiError, ConnectionFailed, JobFailed, JobTimeout } from './errors.js';
import { Deadline, Outage } from './limits.js';
import { ordering, path } from './transport.js';

/** Milliseconds that `getResults` and `wait` wait for a job's end, unless told otherwise. */
export const JOB_TIMEOUT_MS = 300_000;

/** Longest that one question waits at the node. */
const LONG_POLL_S = 20;

/** Between questions to a node that does not answer any more. */
const OUTAGE_PAUSE_MS = 500;

/** Most jobs on a page. */
const PAGE_MAX = 100;

const NOT_READY = 'JOB_NOT_COMPLETED';
const ENDED_OTHERWISE = new Map([
  ['JOB_FAILED', 'failed'],
  ['JOB_CANCELLED', 'cancelled'],
  ['JOB_EXPIRED', 'expired'],
]);
const ENDED = new Set(['completed', 'failed', 'cancelled', 'expired']);

/** The jobs of the key. */
export class Jobs {
  #transport;
  #streams;

  constructor(transport, streams) {
    this.#transport = transport;
    this.#streams = streams;
  }

  /** Resolve to what a job would cost now and who could do it; nothing is ordered. */
  async quote(body, options) {
    return this.#transport.call('POST', '/v1/jobs/quote', { body, options });
  }

  /**
   * Order a job; resolves as soon as its escrow is on the way.
   *
   * @param {object} body in the shape of the client's version.
   * @param {object} [options] `strict`: refuse what no registered miner could be given. `waitMs`:
   *   resolve when the job ended, or after so long, at most 30 s.
   */
  async create(body, options) {
    return this.#transport.call('POST', '/v1/jobs', { body, ...ordering(options) });
  }

  /** Resolve to a job. */
  async get(jobId, options) {
    return this.#transport.call('GET', path`/v1/jobs/${jobId}`, { options });
  }

  /** Resolve to a page of jobs, newest first. */
  async list(query, options) {
    return this.#transport.call('GET', '/v1/jobs', { query, options });
  }

  /**
   * Yield all jobs that a query of `list` chooses, newest first, a page at a time.
   *
   * `limit` is the size of a page, at most 100, and not how many are yielded. A job that is ordered
   * meanwhile shifts the pages: one that was yielded is not yielded again.
   */
  async *iterate({ limit = PAGE_MAX, offset = 0, ...query } = {}, options) {
    const asked = Math.min(limit, PAGE_MAX);
    const seen = new Set();
    for (let at = offset; ; ) {
      const page = await this.list({ ...query, limit: asked, offset: at }, options);
      const jobs = Array.isArray(page) ? page : page.jobs;
      for (const job of jobs.filter(({ jobId }) => !seen.has(jobId))) {
        seen.add(job.jobId);
        yield job;
      }
      at += jobs.length;
      // A node may show fewer than it was asked for, and says so.
      if (jobs.length === 0 || jobs.length < (page.limit ?? asked)) return;
    }
  }

  /** Cancel a job; resolves when that is final. */
  async cancel(jobId, options) {
    return this.#transport.call('DELETE', path`/v1/jobs/${jobId}`, { options });
  }

  /** Resolve to a job's payment. */
  async payment(jobId, options) {
    return this.#transport.call('GET', path`/v1/jobs/${jobId}/payment`, { options });
  }

  /** Delete what a job's client sent and got; the chain's record stays. */
  async deleteData(jobId, options) {
    return this.#transport.call('DELETE', path`/v1/jobs/${jobId}/data`, { options });
  }

  /** Resolve to a job's receipt. */
  async receipt(jobId, options) {
    return this.#transport.call('GET', path`/v1/jobs/${jobId}/receipt`, { options });
  }

  /** Resolve to all receipts of a job; the chain takes at most one. */
  async receipts(jobId, options) {
    return this.#transport.call('GET', path`/v1/jobs/${jobId}/receipts`, { options });
  }

  /**
   * Dispute a job's receipt, which locks the job's bond; resolves to the payment when that is final.
   *
   * @param {string} jobId a job that was ordered with `disputeWindowSeconds`; others settle as soon
   *   as they are delivered.
   * @param {object} [given] `reason`: UNSPECIFIED, RESULT_NOT_DELIVERED, RESULT_MALFORMED or
   *   PAYLOAD_MISMATCH; and options.
   */
  async dispute(jobId, { reason = 'UNSPECIFIED', ...options } = {}) {
    const route = path`/v1/jobs/${jobId}/dispute`;
    return this.#transport.call('POST', route, { body: { reason }, options });
  }

  /** Accept a job's receipt, which settles before its window is over; resolves to the payment. */
  async accept(jobId, options) {
    return this.#transport.call('POST', path`/v1/jobs/${jobId}/accept`, { options });
  }

  /**
   * Wait for a job's end, whatever it is, and resolve to the job.
   *
   * @throws {JobTimeout} it has not ended after `timeoutMs`, by default 300 s.
   */
  async wait(jobId, { timeoutMs = JOB_TIMEOUT_MS, signal } = {}) {
    const deadline = deadlineOf(jobId, timeoutMs, signal);
    // The job's id came from a node.
    const outage = new Outage(this.#transport.retry, { hasAnswered: true });
    for (;;) {
      const waitS = waitOf(deadline);
      const job = await this.#asked(path`/v1/jobs/${jobId}`, waitS, deadline, outage);
      if (job !== null && isEnded(job)) {
        return job;
      }
      await deadline.pause(waitS === 0 ? 100 : 0);
    }
  }

  /**
   * Wait for a job's results, and resolve to them: the answer of `/results`, with the keys inside
   * `results` as the program wrote them.
   *
   * @throws {JobFailed} it ended without a result.
   * @throws {JobTimeout} it has not ended after `timeoutMs`, by default 300 s.
   */
  async getResults(jobId, options) {
    return this.#whenDone(jobId, path`/v1/jobs/${jobId}/results`, options);
  }

  /**
   * The same in the shape of version 2026-05-11: `{ result, receipt, proof }`; `proof` is what
   * `verifyResult` takes.
   */
  async getResult(jobId, options) {
    return this.#whenDone(jobId, path`/v1/jobs/${jobId}/result`, options);
  }

  /**
   * Yield the events of a job up to its end, `{ id, type, data }`: type `state` for each state, the
   * current one first, and `text` for what a model says as it says it. A stream that was left goes
   * on with `since`, the id of its last event.
   *
   * The text is for those who watch; what is paid for is the result.
   */
  events(jobId, options) {
    return this.#streams.ofJob(jobId, path`/v1/jobs/${jobId}/events`, options);
  }

  /** Yield the job at each change of its state up to its last, over a WebSocket. */
  watch(jobId, options) {
    return this.#streams.socketOfJob(jobId, path`/v1/jobs/${jobId}/ws`, options);
  }

  async #whenDone(jobId, route, { timeoutMs = JOB_TIMEOUT_MS, signal } = {}) {
    const deadline = deadlineOf(jobId, timeoutMs, signal);
    // The job's id came from a node.
    const outage = new Outage(this.#transport.retry, { hasAnswered: true });
    for (;;) {
      const waitS = waitOf(deadline);
      try {
        const answer = await this.#asked(route, waitS, deadline, outage);
        if (answer !== null) return answer;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (ENDED_OTHERWISE.has(error.errorCode)) {
          throw new JobFailed(jobId, ENDED_OTHERWISE.get(error.errorCode), error.detail);
        }
        if (error.errorCode !== NOT_READY) throw error;
      }
      await deadline.pause(waitS === 0 ? 100 : 0);
    }
  }

  /** Resolve to the answer, or to null where the node does not answer and that is outlasted. */
  async #asked(route, waitS, deadline, outage) {
    try {
      const answer = await deadline.during((signal) =>
        this.#transport.call('GET', route, {
          query: waitS === 0 ? {} : { wait: waitS },
          waitMs: waitS * 1000,
          options: { signal },
        }),
      );
      outage.isOver();
      return answer;
    } catch (error) {
      if (error instanceof ApiError && error.errorCode === NOT_READY) outage.isOver();
      if (!this.#mayPass(error) || !outage.isOutlasted()) throw error;
      await deadline.pause(Math.max(OUTAGE_PAUSE_MS, (error.retryAfterS ?? 0) * 1000));
      return null;
    }
  }

  #mayPass(error) {
    if (!(error instanceof ApiError)) return error instanceof ConnectionFailed;
    const isNear = (error.retryAfterS ?? 0) * 1000 <= this.#transport.retry.pauseMaxMs;
    return [429, 502, 503, 504].includes(error.status) && isNear;
  }
}

/** Return whether a job has ended, in the spelling of any version. */
export function isEnded(job) {
  return ENDED.has(String(job.status ?? job.state ?? '').toLowerCase());
}

function deadlineOf(jobId, timeoutMs, signal) {
  return new Deadline(timeoutMs, signal, () => new JobTimeout(jobId, timeoutMs));
}

function waitOf(deadline) {
  return Math.max(0, Math.min(LONG_POLL_S, Math.floor(deadline.leftMs / 1000)));
}
