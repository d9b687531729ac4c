/** Verifies webhooks as Standard Webhooks 1.0 signs them: with a secret (v1) or a key (v1a). */

import { concat, equal, fromBase64, utf8 } from './bytes.js';
import { hmacSha256, verifySignature } from './crypto.js';
import { InvalidValue, WebhookInvalid } from './errors.js';

const SECRET = 'whsec_';
const PUBLIC_KEY = 'whpk_';
const SIGNATURES_MAX = 16;

/** Seconds that a webhook's time may be away from this machine's. */
export const WEBHOOK_TOLERANCE_S = 300;

/**
 * Resolve to the event of a webhook that was signed with the secret, now.
 *
 * @param {object} given
 * @param {string | Uint8Array} given.body the body exactly as it was received.
 * @param {object | Headers} given.headers its headers.
 * @param {string} given.secret `whsec_…` from the registration, or a public key `whpk_…`.
 * @param {number} [given.toleranceS] seconds that its time may be away; 300.
 * @param {() => number} [given.now] milliseconds since the epoch; the machine's clock.
 * @throws {WebhookInvalid} nobody who has the secret signed it, or its time is too far away.
 */
export async function verifyWebhook({
  body,
  headers,
  secret,
  toleranceS = WEBHOOK_TOLERANCE_S,
  now = Date.now,
}) {
  const bytes = typeof body === 'string' ? utf8(body) : body;
  const id = required(headers, 'webhook-id');
  const timestamp = required(headers, 'webhook-timestamp');
  if (!/^[0-9]{1,12}$/.test(timestamp)) {
    throw new WebhookInvalid('webhook-timestamp is no number of seconds');
  }
  if (Math.abs(now() / 1000 - Number(timestamp)) > toleranceS) {
    throw new WebhookInvalid('webhook-timestamp is too far from now');
  }
  const content = concat(utf8(`${id}.${timestamp}.`), bytes);
  const signatures = required(headers, 'webhook-signature').split(' ').slice(0, SIGNATURES_MAX);
  for (const signature of signatures) {
    if (await isSigned(content, signature, secret)) {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    }
  }
  throw new WebhookInvalid('no signature is by the holder of the secret');
}

async function isSigned(content, signature, secret) {
  const comma = signature.indexOf(',');
  const scheme = signature.slice(0, comma);
  const isAsymmetric = secret.startsWith(PUBLIC_KEY);
  if (scheme !== (isAsymmetric ? 'v1a' : 'v1')) {
    return false;
  }
  const prefix = isAsymmetric ? PUBLIC_KEY : SECRET;
  const key = fromBase64(secret.startsWith(prefix) ? secret.slice(prefix.length) : secret, 'secret');
  let told;
  try {
    told = fromBase64(signature.slice(comma + 1), 'signature');
  } catch (error) {
    if (error instanceof InvalidValue) return false;
    throw error;
  }
  return isAsymmetric
    ? verifySignature(key, content, told)
    : equal(told, await hmacSha256(key, content));
}

function required(headers, name) {
  const value = typeof headers.get === 'function' ? headers.get(name) : find(headers, name);
  if (typeof value !== 'string' || value === '') {
    throw new WebhookInvalid(`${name} is missing`);
  }
  return value;
}

function find(headers, name) {
  const key = Object.keys(headers).find((each) => each.toLowerCase() === name);
  return key === undefined ? undefined : headers[key];
}
