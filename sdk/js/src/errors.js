/**
 * Errors of this package.
 *
 *     AitbcError
 *     ├── InvalidValue       a value that the caller gave cannot be sent or read; names the field
 *     ├── ConnectionFailed   the node did not answer
 *     │   └── CallTimeout    not within the stated time
 *     ├── ApiError           the node answered with an error; carries status and errorCode
 *     ├── JobFailed          a job ended without a result
 *     ├── JobTimeout         a job did not end within the stated time
 *     └── WebhookInvalid     a webhook was not signed with the secret, or is too old
 *
 * A call that its own signal aborts rejects with the signal's reason, as `fetch` does.
 */

/** Base of all errors of this package. */
export class AitbcError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A value that cannot be sent or read. */
export class InvalidValue extends AitbcError {
  constructor(field, reason) {
    super(`${field}: ${reason}`);
    this.field = field;
  }
}

/** The node did not answer; the call may be repeated. */
export class ConnectionFailed extends AitbcError {}

/** The node did not answer within the stated time. */
export class CallTimeout extends ConnectionFailed {}

/** The node answered with an error. */
export class ApiError extends AitbcError {
  constructor({ status, errorCode, detail, requestId = '', retryAfterS = null, errors = [] }) {
    super(`${errorCode} (${status}): ${detail}`);
    this.status = status;
    this.errorCode = errorCode;
    this.detail = detail;
    this.requestId = requestId;
    this.retryAfterS = retryAfterS;
    this.errors = errors;
  }
}

/** A job ended as failed, cancelled or expired. */
export class JobFailed extends AitbcError {
  constructor(jobId, state, reason) {
    super(`job ${jobId} ended as ${state}: ${reason}`);
    this.jobId = jobId;
    this.state = state;
    this.reason = reason;
  }
}

/** A job did not end within the time that the caller allowed. */
export class JobTimeout extends AitbcError {
  constructor(jobId, timeoutMs) {
    super(`job ${jobId} has not ended after ${timeoutMs / 1000} s`);
    this.jobId = jobId;
    this.timeoutMs = timeoutMs;
  }
}

/** A webhook that nobody with the secret signed now. */
export class WebhookInvalid extends AitbcError {}
