/** `@aitbc/client`: the API of AITBC, from browsers and from Node.js. */

export { formatAddress, parseAddress } from './bech32m.js';
export { ChainTags, canonicalJson } from './chain.js';
export { AITBCClient, API_VERSIONS, CALL_TIMEOUT_MS, PRODUCTION_URL } from './client.js';
export {
  AitbcError,
  ApiError,
  CallTimeout,
  ConnectionFailed,
  InvalidValue,
  JobFailed,
  JobTimeout,
  WebhookInvalid,
} from './errors.js';
export { JOB_TIMEOUT_MS } from './jobs.js';
export { PROOF_STEPS, checkProof } from './proofs/check.js';
export { BUNDLE_BYTES_MAX } from './proofs/document.js';
export { STREAM_TIMEOUT_MS } from './streams.js';
export { verifySignature } from './crypto.js';
export { verifyReceipt, verifyResult } from './verification.js';
export { WEBHOOK_TOLERANCE_S, verifyWebhook } from './webhooks.js';
