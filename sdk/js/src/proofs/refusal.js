/** Why a bundle is not believed; the codes are those of docs/proofs.md. */

import { AitbcError, InvalidValue } from '../errors.js';

/** What a step found wrong. */
export class Refusal extends AitbcError {
  constructor(code, reason) {
    super(`${code}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

/** Throw a refusal unless something holds. */
export function require(holds, code, reason) {
  if (!holds) {
    throw new Refusal(code, reason);
  }
}

/** Return what `read` returns; a value that cannot be read is refused under a code. */
export function reading(code, read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidValue) {
      throw new Refusal(code, error.message);
    }
    throw error;
  }
}
