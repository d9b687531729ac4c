/** Limits of time: of one call, of a pause, of a wait, of a node's outage. */

import { CallTimeout, InvalidValue } from './errors.js';

/** A point in time that a call may not pass, and the caller's own signal. */
export class Deadline {
  /**
   * @param {number} timeoutMs milliseconds from now.
   * @param {AbortSignal} [signal] the caller's.
   * @param {() => Error} [late] makes the error of a call that is too late.
   */
  constructor(timeoutMs, signal, late = () => new CallTimeout(`no answer in ${timeoutMs} ms`)) {
    if (!(timeoutMs > 0) || timeoutMs > 0x7fffffff) {
      throw new InvalidValue('timeoutMs', 'must be above 0, and a number of milliseconds');
    }
    this.endsAt = Date.now() + timeoutMs;
    this.signal = signal;
    this.late = late;
  }

  /** Milliseconds that are left; 0 or less when it has passed. */
  get leftMs() {
    return this.endsAt - Date.now();
  }

  /** Throw if the caller gave up, or if it has passed. */
  check() {
    this.signal?.throwIfAborted();
    if (this.leftMs <= 0) {
      throw this.late();
    }
  }

  /**
   * Run work that takes an AbortSignal; the signal is aborted at the deadline and with the
   * caller's. Rejects with the caller's reason, or with the error of being late.
   */
  async during(work) {
    this.check();
    const controller = new AbortController();
    const giveUp = () => controller.abort(this.signal.reason);
    const timer = setTimeout(() => controller.abort(this.late()), this.leftMs);
    this.signal?.addEventListener('abort', giveUp, { once: true });
    try {
      return await work(controller.signal);
    } catch (error) {
      // Platforms word an abort in their own ways; the reason is ours.
      throw controller.signal.aborted ? controller.signal.reason : error;
    } finally {
      clearTimeout(timer);
      this.signal?.removeEventListener('abort', giveUp);
    }
  }

  /** Resolve after a pause; rejects if the caller gives up or the deadline comes first. */
  async pause(ms) {
    await this.during(
      (signal) =>
        new Promise((resolve, reject) => {
          const timer = setTimeout(resolve, ms);
          signal.addEventListener('abort', () => {
            clearTimeout(timer);
            reject(signal.reason);
          });
        }),
    );
  }
}

/**
 * How long a node that had answered has not.
 *
 * A node that never answered is given up after as many attempts as the policy allows. One that had
 * answered, or gave out the id of a job that is waited for, is most likely starting again, which
 * takes it seconds: who states how long to wait is not failed by that.
 */
export class Outage {
  #retry;
  #hasAnswered;
  #since = null;

  /** Begin with a node of which it is known, or not, that there is one. */
  constructor(retry, { hasAnswered }) {
    this.#retry = retry;
    this.#hasAnswered = hasAnswered;
  }

  /** Note that the node answered. */
  isOver() {
    this.#hasAnswered = true;
    this.#since = null;
  }

  /** Note that it did not; return whether it is worth to go on, beyond the attempts. */
  isOutlasted() {
    this.#since ??= Date.now();
    const isPatient = this.#hasAnswered && this.#retry.attempts > 1;
    return isPatient && Date.now() - this.#since < this.#retry.reconnectMs;
  }
}
