// Made of explorer_web/verification/source/verifier.js and what it imports, among them the checker of
// sdk/js. Do not edit: python -m explorer_web.verification --write

export const { attach, attachSaved } = (() => {
const src_errors = (() => {
// ---- errors.js
class AitbcError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

class InvalidValue extends AitbcError {
  constructor(field, reason) {
    super(`${field}: ${reason}`);
    this.field = field;
  }
}

class ConnectionFailed extends AitbcError {}

class CallTimeout extends ConnectionFailed {}

class ApiError extends AitbcError {
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

class JobFailed extends AitbcError {
  constructor(jobId, state, reason) {
    super(`job ${jobId} ended as ${state}: ${reason}`);
    this.jobId = jobId;
    this.state = state;
    this.reason = reason;
  }
}

class JobTimeout extends AitbcError {
  constructor(jobId, timeoutMs) {
    super(`job ${jobId} has not ended after ${timeoutMs / 1000} s`);
    this.jobId = jobId;
    this.timeoutMs = timeoutMs;
  }
}

class WebhookInvalid extends AitbcError {}
return { AitbcError, InvalidValue, ConnectionFailed, CallTimeout, ApiError, JobFailed, JobTimeout, WebhookInvalid };
})();
const src_bytes = (() => {
// ---- bytes.js
const { InvalidValue } = src_errors;
const NO_HEX = /[^0-9a-f]/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function fromHex(text, field = 'hex') {
  if (typeof text !== 'string' || text.length % 2 === 1 || NO_HEX.test(text)) {
    throw new InvalidValue(field, 'must be hex of whole bytes, in lower case');
  }
  return Uint8Array.from({ length: text.length / 2 }, (_, at) =>
    Number.parseInt(text.slice(2 * at, 2 * at + 2), 16),
  );
}



function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function equal(one, other) {
  if (one.length !== other.length) {
    return false;
  }
  return one.reduce((difference, byte, at) => difference | (byte ^ other[at]), 0) === 0;
}

function utf8(text) {
  return new TextEncoder().encode(text);
}
return { toHex, fromHex, concat, equal, utf8 };
})();
const src_crypto = (() => {
// ---- crypto.js
const { toHex } = src_bytes;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

const P = 2n ** 255n - 19n;

const ORDER_EIGHT = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;

const SMALL_ORDER = new Set([0n, 1n, P - 1n, ORDER_EIGHT, P - ORDER_EIGHT]);

const GENERATOR = Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? 0x58 : 0x66));

const PLATFORM = Object.freeze({ sha256, verifyEd25519 });

async function sha256(bytes) {
  const { subtle } = await webcrypto();
  return new Uint8Array(await subtle.digest('SHA-256', bytes));
}


async function verifySignature(publicKey, message, signature, primitives = PLATFORM) {
  if (publicKey.length !== 32 || signature.length !== 64) {
    return false;
  }
  const isSound = isSoundPoint(publicKey) && isSoundPoint(signature.slice(0, 32));
  if (!isSound || littleEndian(signature.slice(32)) >= L) {
    return false;
  }
  return primitives.verifyEd25519(publicKey, message, signature);
}

function isSoundKey(publicKey) {
  return publicKey.length === 32 && isSoundPoint(publicKey);
}

async function canVerify() {
  try {
    await importKey(GENERATOR);
    return true;
  } catch {
    return false;
  }
}


async function verifyEd25519(publicKey, message, signature) {
  const { subtle } = await webcrypto();
  try {
    return await subtle.verify({ name: 'Ed25519' }, await importKey(publicKey), signature, message);
  } catch (error) {
    if (error?.name === 'NotSupportedError') throw error;
    return false; // Not a point of the curve.
  }
}

async function importKey(publicKey) {
  const { subtle } = await webcrypto();
  return subtle.importKey('raw', publicKey, { name: 'Ed25519' }, false, ['verify']);
}

function isSoundPoint(bytes) {
  const y = littleEndian(bytes) & ((1n << 255n) - 1n);
  return y < P && !SMALL_ORDER.has(y);
}

function littleEndian(bytes) {
  return BigInt(`0x${toHex(bytes.slice().reverse())}`);
}

async function webcrypto() {
  if (globalThis.crypto?.subtle) return globalThis.crypto;
  if (globalThis.process?.versions?.node) return (await import('node:crypto')).webcrypto;
  throw new Error('there is no WebCrypto here; a page has to come over https, or from this machine');
}
return { PLATFORM, sha256, verifySignature, isSoundKey, canVerify };
})();
const src_shapes = (() => {
// ---- shapes.js
const { InvalidValue } = src_errors;
const COUNT_MAX = 2n ** 63n - 1n;

const TIME_MAX = 2n ** 48n - 1n;

function arrayOf(value, length, field) {
  if (!Array.isArray(value) || value.length !== length) {
    throw new InvalidValue(field, `must be an array of ${length}`);
  }
  return value;
}

function anyArray(value, field) {
  if (!Array.isArray(value)) {
    throw new InvalidValue(field, 'must be an array');
  }
  return value;
}

function bytesOf(size) {
  return (field, value) => {
    if (!(value instanceof Uint8Array) || value.length !== size) {
      throw new InvalidValue(field, `must be ${size} bytes`);
    }
    return value;
  };
}

function anyBytes(field, value) {
  if (!(value instanceof Uint8Array)) {
    throw new InvalidValue(field, 'must be bytes');
  }
  return value;
}

function integerTo(most) {
  return (field, value) => {
    if (typeof value !== 'bigint' || value < 0n || value > most) {
      throw new InvalidValue(field, `must be an integer from 0 to ${most}`);
    }
    return value;
  };
}

function anyText(field, value) {
  if (typeof value !== 'string') {
    throw new InvalidValue(field, 'must be a text');
  }
  return value;
}

function textLike(pattern) {
  return (field, value) => {
    if (typeof value !== 'string' || !pattern.test(value)) {
      throw new InvalidValue(field, `must be like ${pattern.source}`);
    }
    return value;
  };
}

function structOf(value, fields, field) {
  const values = arrayOf(value, fields.length, field);
  return Object.fromEntries(fields.map(([name, check], at) => [name, check(name, values[at])]));
}
return { COUNT_MAX, TIME_MAX, arrayOf, anyArray, bytesOf, anyBytes, integerTo, anyText, textLike, structOf };
})();
const proofs_refusal = (() => {
// ---- refusal.js
const { AitbcError, InvalidValue } = src_errors;
class Refusal extends AitbcError {
  constructor(code, reason) {
    super(`${code}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

function require(holds, code, reason) {
  if (!holds) {
    throw new Refusal(code, reason);
  }
}

function reading(code, read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidValue) {
      throw new Refusal(code, error.message);
    }
    throw error;
  }
}
return { Refusal, require, reading };
})();
const proofs_document = (() => {
// ---- document.js
const { fromHex } = src_bytes;
const { InvalidValue } = src_errors;
const { COUNT_MAX } = src_shapes;
const { Refusal, reading, require } = proofs_refusal;
const BUNDLE_BYTES_MAX = 16 * 1_048_576;

const FORMAT = 'aitbc-proof/1';

const [QUOTE, COLON, BACKSLASH] = [0x22, 0x3a, 0x5c];

const DIGEST = 32;
const SPECIFICATION_MAX = 1_048_576;
const HEADER_MAX = 1024;
const CERTIFICATE_MAX = 8192;
const SET_MAX = 16_384;
const SIBLING_MAX = 480;
const LIST_MAX = 1024;
const PATH_MAX = 64;
const SIBLINGS_MAX = 66;

const bytes = (most) => (value, at) => hex(value, at, (size) => size <= most);
const exactly = (size) => (value, at) => hex(value, at, (found) => found === size);
const orNull = (read) => (value, at) => (value === null ? null : read(value, at));
const path = listOf(exactly(DIGEST), PATH_MAX);

const TRANSACTION = { signed: bytes(1024), index: count, path };

const KINDS = {
  receipt: TRANSACTION,
  transaction: TRANSACTION,
  outcome: { record: bytes(512), index: count, path },
  account: {
    address: exactly(20),
    record: orNull(bytes(64)),
    blob: (value, at) => hex(value, at, (size) => size <= 4096 && size % 64 === 0),
    siblings: listOf(bytes(SIBLING_MAX), SIBLINGS_MAX),
  },
  validators: null,
};

const COMMON = {
  format: text,
  kind: text,
  genesis: object({ digest: exactly(DIGEST), specification: orNull(bytes(SPECIFICATION_MAX)) }),
  since: orNull(object({ epoch: count, set: bytes(SET_MAX) })),
  boundaries: listOf(
    object({ header: bytes(HEADER_MAX), certificate: bytes(CERTIFICATE_MAX), next_set: bytes(SET_MAX) }),
    LIST_MAX,
  ),
  finality: object({
    headers: listOf(bytes(HEADER_MAX), LIST_MAX, 1),
    certificate: bytes(CERTIFICATE_MAX),
  }),
};

function readDocument(document) {
  const value = parse(document);
  require(isObject(value), 'DOCUMENT_MALFORMED', 'it must be a JSON object');
  for (const name of ['format', 'kind']) {
    reading('DOCUMENT_MALFORMED', () => text(own(value, name), name));
  }
  require(value.format === FORMAT, 'FORMAT_UNKNOWN', `it must be ${FORMAT}`);
  require(Object.hasOwn(KINDS, value.kind), 'FORMAT_UNKNOWN', `no kind ${value.kind.slice(0, 40)}`);
  const { kind } = value;
  const members = KINDS[kind] === null ? COMMON : { ...COMMON, [kind]: object(KINDS[kind]) };
  const read = reading('DOCUMENT_MALFORMED', () => object(members)(value, ''));
  return { ...read, proved: read[kind] };
}

function parse(document) {
  const isText = typeof document === 'string';
  require(
    document.length <= BUNDLE_BYTES_MAX,
    'DOCUMENT_TOO_LARGE',
    `it has more than ${BUNDLE_BYTES_MAX} bytes`,
  );
  let said = document;
  let value;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    if (!isText) said = decoder.decode(document);
    value = JSON.parse(said);
  } catch {
    throw new Refusal('DOCUMENT_MALFORMED', 'it is not JSON');
  }
  const isOnce = membersOf(said) === membersIn(value);
  require(isOnce, 'DOCUMENT_MALFORMED', 'a member stands twice in an object');
  return value;
}

function membersOf(json) {
  let [found, isInside] = [0, false];
  for (let at = 0; at < json.length; at += 1) {
    const character = json.charCodeAt(at);
    if (character === QUOTE) isInside = !isInside;
    else if (isInside && character === BACKSLASH) at += 1;
    else if (!isInside && character === COLON) found += 1;
  }
  return found;
}

function membersIn(value) {
  const left = [value];
  let found = 0;
  while (left.length > 0) {
    const each = left.pop();
    if (each === null || typeof each !== 'object') continue;
    const values = Object.values(each);
    if (!Array.isArray(each)) found += values.length;
    for (const inner of values) left.push(inner);
  }
  return found;
}

function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function own(value, name) {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function object(members) {
  return (value, at) => {
    if (!isObject(value)) {
      throw new InvalidValue(at, 'must be an object');
    }
    const stranger = Object.keys(value).find((name) => !Object.hasOwn(members, name));
    if (stranger !== undefined) {
      throw new InvalidValue(at || 'bundle', `has an unknown member ${stranger.slice(0, 40)}`);
    }
    const found = {};
    for (const [name, read] of Object.entries(members)) {
      found[name] = read(own(value, name), at === '' ? name : `${at}.${name}`);
    }
    return found;
  };
}

function listOf(read, most, least = 0) {
  return (value, at) => {
    if (!Array.isArray(value) || value.length > most || value.length < least) {
      throw new InvalidValue(at, `must be a list of ${least} to ${most}`);
    }
    return value.map((each, index) => read(each, `${at}[${index}]`));
  };
}

function text(value, at) {
  if (typeof value !== 'string') {
    throw new InvalidValue(at, value === undefined ? 'is missing' : 'must be a text');
  }
  return value;
}

function hex(value, at, fits) {
  if (!fits(text(value, at).length / 2)) {
    throw new InvalidValue(at, 'has a length that it may not have');
  }
  return fromHex(value, at);
}

function count(value, at) {
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(text(value, at)) || BigInt(value) > COUNT_MAX) {
    throw new InvalidValue(at, 'must be a decimal number below 2^63');
  }
  return BigInt(value);
}
return { BUNDLE_BYTES_MAX, FORMAT, readDocument };
})();
const source_bundles = (() => {
// ---- bundles.js
const { BUNDLE_BYTES_MAX } = proofs_document;
async function fetched(url) {
  const answer = await fetch(url, { headers: { Accept: 'application/json' } });
  if (!answer.ok) {
    const told = await answer.json().catch(() => null);
    throw new Error(`The node answered ${answer.status}. ${String(told?.detail ?? '').slice(0, 300)}`);
  }
  const parts = [];
  let size = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    if (size > BUNDLE_BYTES_MAX) {
      await reader.cancel();
      break;
    }
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function readFile(file) {
  return new Uint8Array(await file.slice(0, BUNDLE_BYTES_MAX + 1).arrayBuffer());
}
return { fetched, readFile };
})();
const source_form = (() => {
// ---- form.js
const { readFile } = source_bundles;
function attachForm(form, panel) {
  const part = (name) => form.querySelector(`[data-part="${name}"]`);
  const drop = part('drop');
  const file = part('file');
  const checkChosen = () => {
    const [chosen] = file.files;
    if (chosen !== undefined) panel.check(() => readFile(chosen));
    return chosen !== undefined;
  };
  file.addEventListener('change', checkChosen);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = part('paste').value;
    if (text.trim() !== '') panel.check(async () => text);
    else if (!checkChosen()) file.focus();
  });
  for (const name of ['dragenter', 'dragover']) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add('over');
    });
  }
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    file.files = event.dataTransfer.files;
    checkChosen();
  });
  checkChosen(); // Chosen before this script was there.
}
return { attachForm };
})();
const src_actions = (() => {
// ---- actions.js
const { InvalidValue } = src_errors;
const { COUNT_MAX, TIME_MAX, anyArray, bytesOf, integerTo, structOf, textLike } = src_shapes;
const UNIT_TYPES = Object.freeze([
  'none',
  'tokens',
  'audio_seconds',
  'images',
  'video_seconds',
  'frames',
  'compute_seconds',
]);

const hash = bytesOf(32);
const address = bytesOf(20);
const amount = integerTo(COUNT_MAX);
const time = integerTo(TIME_MAX);
const reason = integerTo(11n);
const unitType = integerTo(BigInt(UNIT_TYPES.length - 1));
const service = textLike(/^[a-z0-9][a-z0-9_-]{0,31}$/);

const JOB = [['jobId', hash]];
const ATTEMPT = [...JOB, ['attempt', amount]];
const RECEIPT = [...JOB, ['receiptId', hash]];

const ACTIONS = new Map([
  [1n, ['transfer', [['to', address], ['amount', amount]]]],
  [
    2n,
    [
      'register_miner',
      [
        ['name', textLike(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)],
        ['capabilitiesDigest', hash],
        ['priceFloor', amount],
        ['bond', amount],
        ['custody', integerTo(1n)],
      ],
    ],
  ],
  [3n, ['update_miner', [['capabilitiesDigest', hash], ['priceFloor', amount]]]],
  [4n, ['retire_miner', []]],
  [
    5n,
    [
      'submit_job',
      [
        ['coordinator', address],
        ['service', service],
        ['payloadDigest', hash],
        ['maxPrice', amount],
        ['startByMs', time],
        ['deadlineMs', time],
        ['disputeMs', time],
        ['streamed', yesOrNo],
        ['verification', integerTo(1n)],
      ],
    ],
  ],
  [
    6n,
    [
      'assign_job',
      [
        ...ATTEMPT,
        ['miner', address],
        ['priceCap', amount],
        ['unitType', unitType],
        ['unitPrice', amount],
        ['leaseEndMs', time],
      ],
    ],
  ],
  [7n, ['release_job', [...ATTEMPT, ['reason', reason]]]],
  [
    8n,
    [
      'post_receipt',
      [
        ...ATTEMPT,
        ['client', address],
        ['coordinator', address],
        ['payloadDigest', hash],
        ['priceCap', amount],
        ['resultDigest', hash],
        ['unitsMicro', amount],
        ['unitType', unitType],
        ['price', amount],
        ['model', textLike(/^[A-Za-z0-9._:/+-]{0,64}$/)],
        ['startedMs', time],
        ['completedMs', time],
      ],
    ],
  ],
  [9n, ['attest_receipt', [...RECEIPT, ['kind', from(1n, 2n)]]]],
  [10n, ['accept_receipt', RECEIPT]],
  [11n, ['dispute_receipt', [...RECEIPT, ['reason', reason], ['bond', amount]]]],
  [12n, ['fail_job', [...ATTEMPT, ['reason', reason]]]],
  [13n, ['cancel_job', [...JOB, ['compensationMax', amount]]]],
  [
    14n,
    [
      'post_offer',
      [
        ['service', service],
        ['price', amount],
        ['capacity', from(1n, 1_000_000n)],
        ['requirementsDigest', hash],
        ['expiresMs', time],
      ],
    ],
  ],
  [15n, ['withdraw_offer', [['offerId', hash]]]],
  [16n, ['accept_offer', [...JOB, ['offerId', hash], ['price', amount]]]],
  [
    17n,
    [
      'cast_vote',
      [['ballotId', orNothing(hash)], ['motion', orNothing(array)], ['support', yesOrNo]],
    ],
  ],
  [18n, ['submit_evidence', [['authority', hash], ['first', array], ['second', array]]]],
]);

function actionFields(action) {
  const [number, ...values] = anyArray(action, 'action');
  const known = ACTIONS.get(number);
  if (known === undefined) {
    throw new InvalidValue('action', 'has an unknown number');
  }
  return { name: known[0], fields: structOf(values, known[1], 'action') };
}

function yesOrNo(field, value) {
  if (typeof value !== 'boolean') {
    throw new InvalidValue(field, 'must be true or false');
  }
  return value;
}

function array(field, value) {
  return anyArray(value, field);
}

function orNothing(check) {
  return (field, value) => (value === null ? null : check(field, value));
}

function from(least, most) {
  return (field, value) => {
    if (integerTo(most)(field, value) < least) {
      throw new InvalidValue(field, `must be at least ${least}`);
    }
    return value;
  };
}
return { UNIT_TYPES, actionFields };
})();
const src_msgpack = (() => {
// ---- msgpack.js
const { concat, fromHex, toHex, utf8 } = src_bytes;
const { InvalidValue } = src_errors;
const DEPTH_MAX = 16;

const LENGTHS = new Map([
  [0xc4, ['bytes', 1, 0]],
  [0xc5, ['bytes', 2, 1 << 8]],
  [0xc6, ['bytes', 4, 1 << 16]],
  [0xd9, ['text', 1, 32]],
  [0xda, ['text', 2, 1 << 8]],
  [0xdb, ['text', 4, 1 << 16]],
  [0xdc, ['array', 2, 16]],
  [0xdd, ['array', 4, 1 << 16]],
]);

function decode(bytes, field = 'bytes') {
  const reader = new Reader(bytes, field);
  const value = reader.value(0);
  if (reader.at !== bytes.length) {
    reader.refuse('have something after their end');
  }
  return value;
}

function encode(value) {
  if (typeof value === 'bigint') return encodedInteger(value);
  if (value instanceof Uint8Array) return concat(head(value.length, BYTES_HEADS), value);
  if (Array.isArray(value)) return concat(head(value.length, ARRAY_HEADS), ...value.map(encode));
  const text = utf8(value);
  return concat(head(text.length, TEXT_HEADS), text);
}

const BYTES_HEADS = [
  [0xff, 0xc4, 1],
  [0xffff, 0xc5, 2],
  [0xffffffff, 0xc6, 4],
];
const TEXT_HEADS = [
  [31, 0xa0, 0],
  [0xff, 0xd9, 1],
  [0xffff, 0xda, 2],
  [0xffffffff, 0xdb, 4],
];
const ARRAY_HEADS = [
  [15, 0x90, 0],
  [0xffff, 0xdc, 2],
  [0xffffffff, 0xdd, 4],
];

function head(length, heads) {
  const [, first, width] = heads.find(([most]) => length <= most);
  return width === 0
    ? Uint8Array.of(first | length)
    : concat(Uint8Array.of(first), bigEndian(BigInt(length), width));
}

function encodedInteger(value) {
  if (value < 0x80n) return Uint8Array.of(Number(value));
  const power = [8n, 16n, 32n, 64n].findIndex((bits) => value >> bits === 0n);
  return concat(Uint8Array.of(0xcc + power), bigEndian(value, 1 << power));
}

function bigEndian(value, width) {
  return fromHex(value.toString(16).padStart(2 * width, '0'));
}

class Reader {
  constructor(bytes, field) {
    this.bytes = bytes;
    this.field = field;
    this.at = 0;
  }

  refuse(reason) {
    throw new InvalidValue(this.field, reason);
  }

  value(depth) {
    if (depth > DEPTH_MAX) {
      this.refuse('are nested too deeply');
    }
    const first = this.number(1);
    if (first < 0x80) return BigInt(first);
    if (first >= 0xe0) return BigInt(first - 0x100);
    if (first >= 0xa0 && first < 0xc0) return this.text(first & 0x1f);
    if (first >= 0x90 && first < 0xa0) return this.array(first & 0x0f, depth);
    return this.long(first, depth);
  }

  long(first, depth) {
    if (first === 0xc0) return null;
    if (first === 0xc2 || first === 0xc3) return first === 0xc3;
    if (first >= 0xcc && first <= 0xcf) return this.unsigned(first - 0xcc);
    if (first >= 0xd0 && first <= 0xd3) return this.negative(first - 0xd0);
    const form = LENGTHS.get(first);
    if (form === undefined) {
      this.refuse('hold a value of a kind that signed bytes do not have');
    }
    const [kind, width, least] = form;
    const size = this.number(width);
    if (size < least) {
      this.refuse('are not canonical: a length is longer than it has to be');
    }
    if (kind === 'array') return this.array(size, depth);
    return kind === 'text' ? this.text(size) : this.take(size);
  }

  unsigned(power) {
    const width = 1 << power;
    const value = this.integer(width, false);
    const least = power === 0 ? 0x80n : 1n << BigInt(4 * width);
    if (value < least) {
      this.refuse('are not canonical: an integer is longer than it has to be');
    }
    return value;
  }

  negative(power) {
    const width = 1 << power;
    const value = this.integer(width, true);
    const most = power === 0 ? -33n : -(1n << BigInt(4 * width - 1)) - 1n;
    if (value > most) {
      this.refuse('are not canonical: an integer is longer than it has to be');
    }
    return value;
  }

  integer(width, signed) {
    const raw = BigInt(`0x${toHex(this.take(width))}`);
    return signed ? BigInt.asIntN(8 * width, raw) : raw;
  }

  number(width) {
    return this.take(width).reduce((total, byte) => total * 256 + byte, 0);
  }

  text(size) {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.take(size));
    } catch (error) {
      if (error instanceof InvalidValue) throw error;
      return this.refuse('hold a text that is not UTF-8');
    }
  }

  array(size, depth) {
    this.need(size); // Each member has a byte at least, so nothing large is made for a lie.
    return Array.from({ length: size }, () => this.value(depth + 1));
  }

  take(size) {
    this.need(size);
    const found = this.bytes.slice(this.at, this.at + size);
    this.at += size;
    return found;
  }

  need(size) {
    if (this.at + size > this.bytes.length) {
      this.refuse('end too early');
    }
  }
}
return { decode, encode, bigEndian };
})();
const src_chain = (() => {
// ---- chain.js
const { concat, fromHex, toHex, utf8 } = src_bytes;
const { PLATFORM } = src_crypto;
const { InvalidValue } = src_errors;
const { bigEndian } = src_msgpack;
class ChainTags {
  #tags = new Map();

  constructor({ chainId, genesisDigest }, primitives = PLATFORM) {
    if (fromHex(genesisDigest, 'genesisDigest').length !== 32) {
      throw new InvalidValue('genesisDigest', 'must be 32 bytes');
    }
    if (typeof chainId !== 'string' || !chainId.endsWith(`-${genesisDigest.slice(0, 16)}`)) {
      throw new InvalidValue('chainId', `${chainId} is not the id of this genesis digest`);
    }
    this.primitives = primitives;
    this.chainId = chainId;
    this.genesisDigest = genesisDigest;
  }

  async tag(purpose) {
    let found = this.#tags.get(purpose);
    if (found === undefined) {
      found = await this.primitives.sha256(utf8(`aitbc/1/${purpose}/${this.genesisDigest}`));
      this.#tags.set(purpose, found);
    }
    return found;
  }

  async digest(purpose, ...parts) {
    return this.primitives.sha256(concat(await this.tag(purpose), ...parts));
  }

  async payloadDigest(payload, blind) {
    return this.digest('payload', blind, await this.primitives.sha256(payload));
  }

  async resultDigest({ jobId, attempt, miner, salt }, result) {
    const number = bigEndian(BigInt(attempt), 8);
    return this.digest('result', jobId, number, miner, salt, await this.primitives.sha256(result));
  }
}


function canonicalText(value) {
  if (Array.isArray(value)) {
    return `[${value.map(canonicalText).join(',')}]`;
  }
  if (value !== null && typeof value === 'object') {
    const members = Object.keys(value).sort();
    return `{${members.map((key) => `${textOf(key)}:${canonicalText(value[key])}`).join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new InvalidValue('json', 'NaN and Infinity are no JSON');
  }
  return textOf(value);
}

function textOf(value) {
  const text = JSON.stringify(value);
  if (text === undefined || (typeof value === 'string' && hasLoneSurrogate(value))) {
    throw new InvalidValue('json', 'holds something that JSON does not have');
  }
  return text;
}

function hasLoneSurrogate(text) {
  return /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}

async function addressOf(publicKey, primitives = PLATFORM) {
  return (await primitives.sha256(publicKey)).slice(0, 20);
}

function idText(prefix, bytes) {
  return `${prefix}${toHex(bytes)}`;
}
return { ChainTags, addressOf, idText };
})();
const src_transactions = (() => {
// ---- transactions.js
const { actionFields } = src_actions;
const { concat } = src_bytes;
const { addressOf } = src_chain;
const { verifySignature } = src_crypto;
const { InvalidValue } = src_errors;
const { decode } = src_msgpack;
const { COUNT_MAX, TIME_MAX, arrayOf, bytesOf, integerTo, structOf, textLike } = src_shapes;
const VERSION = 1n;
const TRANSACTION_BYTES_MAX = 1024;

const CHAIN_ID = /^[a-z0-9-]{18,49}$/;

const TAIL_BYTES = 66;
const HEAD_BYTES = 1;

const TRANSACTION_FIELDS = [
  ['version', versionOf],
  ['chainId', textLike(CHAIN_ID)],
  ['publicKey', bytesOf(32)],
  ['action', actionOf],
  ['fee', integerTo(COUNT_MAX)],
  ['validUntilMs', integerTo(TIME_MAX)],
  ['salt', bytesOf(16)],
];


function decodeTransaction(signed) {
  if (signed.length > TRANSACTION_BYTES_MAX) {
    throw new InvalidValue('transaction', `has more than ${TRANSACTION_BYTES_MAX} bytes`);
  }
  const [fields, signature] = arrayOf(decode(signed, 'transaction'), 2, 'transaction');
  const read = structOf(fields, TRANSACTION_FIELDS, 'transaction');
  return { ...read, signature: bytesOf(64)('signature', signature) };
}

async function transactionId(tags, signed) {
  return tags.digest('tx', signed.slice(HEAD_BYTES, -TAIL_BYTES));
}

async function isSigned(tags, id, { publicKey, signature }) {
  const message = concat(await tags.tag('tx-sign'), id);
  return verifySignature(publicKey, message, signature, tags.primitives);
}


function versionOf(field, value) {
  if (value !== VERSION) {
    throw new InvalidValue(field, `must be ${VERSION}`);
  }
  return value;
}

function actionOf(field, action) {
  if (!Array.isArray(action) || typeof action[0] !== 'bigint') {
    throw new InvalidValue(field, 'must be an array that begins with a number');
  }
  return action;
}
return { CHAIN_ID, decodeTransaction, transactionId, isSigned };
})();
const src_bech32m = (() => {
// ---- bech32m.js
const { InvalidValue } = src_errors;
const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const FINAL = 0x2bc830a3;
const PREFIX = 'ait';
const ADDRESS_BYTES = 20;
const WORDS = 32;
const CHECKSUM_WORDS = 6;

function formatAddress(bytes) {
  if (bytes.length !== ADDRESS_BYTES) {
    throw new InvalidValue('address', `must be ${ADDRESS_BYTES} bytes, not ${bytes.length}`);
  }
  const words = regroup(bytes, 8, 5);
  const total = checksum([...spread(), ...words, 0, 0, 0, 0, 0, 0]) ^ FINAL;
  for (let at = CHECKSUM_WORDS - 1; at >= 0; at -= 1) {
    words.push((total >>> (5 * at)) & 31);
  }
  return `${PREFIX}1${words.map((word) => ALPHABET[word]).join('')}`;
}


function regroup(groups, from, to) {
  const found = [];
  let held = 0;
  let bits = 0;
  for (const group of groups) {
    held = (held << from) | group;
    bits += from;
    while (bits >= to) {
      bits -= to;
      found.push((held >>> bits) & ((1 << to) - 1));
    }
    held &= (1 << bits) - 1;
  }
  return found;
}

function spread() {
  const codes = Array.from(PREFIX, (char) => char.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

function checksum(words) {
  let total = 1;
  for (const word of words) {
    const top = total >>> 25;
    total = ((total & 0x1ffffff) << 5) ^ word;
    GENERATORS.forEach((generator, at) => {
      total ^= (top >>> at) & 1 ? generator : 0;
    });
  }
  return total >>> 0;
}
return { formatAddress };
})();
const proofs_claims = (() => {
// ---- claims.js
const { UNIT_TYPES } = src_actions;
const { formatAddress } = src_bech32m;
const { toHex } = src_bytes;
const { addressOf, idText } = src_chain;
const ACCOUNTS = new Set(['to', 'coordinator', 'client', 'miner']);

function commonClaims({ document, chainId, block, reached, signers }) {
  return {
    genesisDigest: toHex(document.genesis.digest),
    chainId,
    blockId: toHex(block.id),
    height: block.height,
    epoch: block.epoch,
    timestampMs: Number(block.timestampMs),
    validatorSetHash: toHex(reached.hash),
    validators: reached.set.members.map(shownMember),
    signers,
  };
}

function shownMember({ publicKey, name, payout }) {
  return { publicKey: toHex(publicKey), name, payout: formatAddress(payout) };
}

async function transactionClaims({ id, signed, transaction, index }, primitives) {
  const { name, fields, publicKey, fee, validUntilMs } = transaction;
  return {
    transactionId: toHex(id),
    index,
    sender: formatAddress(await addressOf(publicKey, primitives)),
    publicKey: toHex(publicKey),
    feeNait: fee,
    validUntilMs: Number(validUntilMs),
    action: name,
    fields: shownFields(fields),
    signed: toHex(signed),
  };
}

async function receiptClaims(proved, primitives) {
  const said = await transactionClaims(proved, primitives);
  const { fields } = proved.transaction;
  return {
    receiptId: idText('receipt_', proved.id),
    jobId: idText('job_', fields.jobId),
    attempt: fields.attempt,
    miner: said.sender,
    client: formatAddress(fields.client),
    coordinator: formatAddress(fields.coordinator),
    payloadDigest: toHex(fields.payloadDigest),
    resultDigest: toHex(fields.resultDigest),
    unitsMicro: fields.unitsMicro,
    unitType: UNIT_TYPES[Number(fields.unitType)],
    priceNait: fields.price,
    priceCapNait: fields.priceCap,
    model: fields.model,
    startedMs: Number(fields.startedMs),
    completedMs: Number(fields.completedMs),
    transaction: said,
  };
}

function outcomeClaims({ outcome, index }) {
  const { kind, kindNumber, cause, objectId, code, parties, amounts } = outcome;
  return {
    index,
    kind,
    kindNumber,
    cause: toHex(cause),
    objectId: toHex(objectId),
    code,
    parties: parties.map(formatAddress),
    amountsNait: amounts,
  };
}

function accountClaims({ address, balance }) {
  return {
    address: formatAddress(address),
    exists: balance !== null,
    balanceNait: balance ?? 0n,
  };
}

function shownFields(fields) {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, shown(name, value)]),
  );
}

function shown(name, value) {
  if (Array.isArray(value)) return value.map((each) => shown('', each));
  if (!(value instanceof Uint8Array)) return value;
  return ACCOUNTS.has(name) ? formatAddress(value) : toHex(value);
}
return { commonClaims, transactionClaims, receiptClaims, outcomeClaims, accountClaims };
})();
const proofs_wire = (() => {
// ---- wire.js
const { isSoundKey } = src_crypto;
const { InvalidValue } = src_errors;
const { decode, encode } = src_msgpack;
const { COUNT_MAX, TIME_MAX, anyArray, anyBytes, anyText, arrayOf, bytesOf, integerTo, structOf, textLike } = src_shapes;
const { CHAIN_ID } = src_transactions;
const { reading, require } = proofs_refusal;
const VALIDATORS_MAX = 100;
const BUCKETS_MIN = 2n ** 8n;
const BUCKETS_MAX = 2n ** 20n;

const ZERO_HASH = new Uint8Array(32);

const OUTCOME_KINDS = new Map([
  [1n, 'job_locked'],
  [2n, 'job_assigned'],
  [3n, 'job_released'],
  [4n, 'receipt_posted'],
  [5n, 'receipt_attested'],
  [6n, 'receipt_disputed'],
  [7n, 'job_settled'],
  [8n, 'job_refunded'],
  [9n, 'job_failed'],
  [10n, 'job_cancelled'],
  [11n, 'job_expired'],
  [20n, 'miner_registered'],
  [21n, 'miner_updated'],
  [22n, 'miner_retired'],
  [23n, 'bond_returned'],
  [24n, 'units_issued'],
  [25n, 'offer_posted'],
  [26n, 'offer_accepted'],
  [27n, 'offer_withdrawn'],
  [28n, 'offer_expired'],
  [30n, 'ballot_opened'],
  [31n, 'ballot_voted'],
  [32n, 'ballot_passed'],
  [33n, 'ballot_expired'],
  [34n, 'validator_added'],
  [35n, 'validator_removed'],
  [36n, 'validator_accused'],
  [37n, 'coordinator_added'],
  [38n, 'coordinator_removed'],
  [39n, 'parameter_changed'],
]);

const VOTES = new Map([
  [1n, 'notarize'],
  [2n, 'nullify'],
  [3n, 'finalize'],
]);

const hash = bytesOf(32);
const address = bytesOf(20);
const count = integerTo(COUNT_MAX);

const HEADER = [
  ['version', integerTo(COUNT_MAX)],
  ['chainId', textLike(CHAIN_ID)],
  ['epoch', count],
  ['view', count],
  ['height', count],
  ['parentId', hash],
  ['parentView', count],
  ['timestampMs', integerTo(TIME_MAX)],
  ['proposer', hash],
  ['transactionRoot', hash],
  ['transactionCount', count],
  ['outcomeRoot', hash],
  ['outcomeCount', count],
  ['stateRoot', hash],
  ['validatorSetHash', hash],
  ['nextValidatorSetHash', hash],
];

const PUBLIC_KEY = ['publicKey', hash];
const NAME = ['name', anyText];
const PAYOUT = ['payout', address];

const STATEMENT = [
  ['kind', count],
  ['epoch', count],
  ['view', votedView],
  ['parentView', count],
  ['blockId', hash],
];

const OUTCOME = [
  ['kind', count],
  ['cause', anyBytes],
  ['objectId', anyBytes],
  ['code', count],
  ['parties', listOf(address)],
  ['amounts', listOf(count)],
];

function readHeader(bytes) {
  return reading('HEADER_MALFORMED', () => {
    const header = structOf(decode(bytes, 'header'), HEADER, 'header');
    if (header.version !== 1n) {
      throw new InvalidValue('header', `version must be 1, not ${header.version}`);
    }
    const endsEpoch = header.nextValidatorSetHash.some((byte, at) => byte !== ZERO_HASH[at]);
    return { ...header, bytes, endsEpoch };
  });
}

function readCertificate(bytes) {
  return reading('CERTIFICATE_MALFORMED', () => {
    const [said, entries] = arrayOf(decode(bytes, 'certificate'), 2, 'certificate');
    const statement = readStatement(said);
    const read = anyArray(entries, 'entries').map((entry) => {
      const [signer, signature] = arrayOf(entry, 2, 'entry');
      return {
        signer: Number(integerTo(BigInt(VALIDATORS_MAX - 1))('signer', signer)),
        signature: bytesOf(64)('signature', signature),
      };
    });
    if (read.length > VALIDATORS_MAX) {
      throw new InvalidValue('entries', `must be at most ${VALIDATORS_MAX}`);
    }
    return { statement, entries: read, statementBytes: encode(said) };
  });
}

function readStatement(said) {
  const kind = VOTES.get(anyArray(said, 'statement')[0]);
  if (kind === undefined) {
    throw new InvalidValue('statement', 'is of an unknown kind');
  }
  const fields = kind === 'nullify' ? STATEMENT.slice(0, 3) : STATEMENT;
  const statement = structOf(said, fields, 'statement');
  return { ...statement, kind };
}

function readSet(bytes) {
  const members = reading('SET_MALFORMED', () => {
    const [listed] = arrayOf(decode(bytes, 'set'), 1, 'set');
    return readMembers(listed, [PUBLIC_KEY, NAME, PAYOUT]);
  });
  return checkedSet(members, bytes);
}

function readSpecification(bytes) {
  const { name, buckets, members } = reading('GENESIS_MALFORMED', () => {
    const values = arrayOf(decode(bytes, 'specification'), 8, 'specification');
    if (values[0] !== 1n) {
      throw new InvalidValue('specification', 'is of an unknown version');
    }
    return {
      name: textLike(/^[a-z0-9-]{1,32}$/)('name', values[1]),
      buckets: readBuckets(values[3]),
      members: readMembers(values[5], [NAME, PUBLIC_KEY, PAYOUT]),
    };
  });
  const wire = [members.map(({ publicKey, name: shown, payout }) => [publicKey, shown, payout])];
  return { name, buckets, set: checkedSet(members, encode(wire)) };
}

function readBuckets(value) {
  const buckets = integerTo(BUCKETS_MAX)('buckets', value);
  if (buckets < BUCKETS_MIN || (buckets & (buckets - 1n)) !== 0n) {
    throw new InvalidValue('buckets', 'must be a power of two in 2^8 … 2^20');
  }
  return Number(buckets);
}

function readMembers(listed, fields) {
  return anyArray(listed, 'members').map((member) => structOf(member, fields, 'member'));
}

function checkedSet(members, bytes) {
  const isSized = members.length >= 1 && members.length <= VALIDATORS_MAX;
  require(isSized, 'SET_MALFORMED', `a set has 1 to ${VALIDATORS_MAX} members`);
  const keys = new Set(members.map(({ publicKey }) => publicKey.join()));
  require(keys.size === members.length, 'SET_MALFORMED', 'a key is in the set twice');
  const areSound = members.every(({ publicKey }) => isSoundKey(publicKey));
  require(areSound, 'SET_KEY_INVALID', 'a key is not canonical, or of small order');
  return { members, bytes };
}

function readOutcome(bytes) {
  return reading('OUTCOME_MALFORMED', () => {
    const outcome = structOf(decode(bytes, 'outcome'), OUTCOME, 'outcome');
    const kind = OUTCOME_KINDS.get(outcome.kind);
    if (kind === undefined) {
      throw new InvalidValue('kind', 'is unknown');
    }
    return { ...outcome, kind, kindNumber: outcome.kind };
  });
}

function readAccount(bytes) {
  return reading('RECORD_MALFORMED', () => {
    const { balance } = structOf(decode(bytes, 'record'), [['balance', count]], 'record');
    return balance;
  });
}

function votedView(field, value) {
  if (count(field, value) === 0n) {
    throw new InvalidValue(field, 'must be at least 1');
  }
  return value;
}

function listOf(check) {
  return (field, value) => anyArray(value, field).map((each) => check(field, each));
}
return { OUTCOME_KINDS, VOTES, readHeader, readCertificate, readSet, readSpecification, readOutcome, readAccount };
})();
const proofs_finality = (() => {
// ---- finality.js
const { concat, equal, toHex } = src_bytes;
const { verifySignature } = src_crypto;
const { require } = proofs_refusal;
const { readCertificate, readHeader, readSet } = proofs_wire;
async function setHash(tags, set) {
  return tags.digest('validator-set', set.bytes);
}

async function blockId(tags, header) {
  return tags.digest('header', header.bytes);
}

function quorumOf(size) {
  return size - Math.floor((size - 1) / 3);
}

async function followBoundaries(tags, start, boundaries) {
  let known = { ...start, height: 0n };
  for (const boundary of boundaries) {
    const header = readHeader(boundary.header);
    const isNext = header.epoch >= known.epoch && header.height > known.height;
    const what = `the boundary of epoch ${header.epoch}, block ${header.height},`;
    require(isNext, 'BOUNDARY_ORDER', `${what} does not come after what is known`);
    require(header.endsEpoch, 'BOUNDARY_NOT_LAST', `${what} is not the last block of its epoch`);
    requireSet(header, known, what);
    await checkCertificate(tags, known.set, header, boundary.certificate);
    const set = readSet(boundary.next_set);
    const hash = await setHash(tags, set);
    const isNamed = equal(hash, header.nextValidatorSetHash);
    require(isNamed, 'BOUNDARY_NEXT_SET', `${what} commits to another next set`);
    known = { set, hash, epoch: header.epoch + 1n, height: header.height };
  }
  return known;
}

function requireSet(header, known, what = `block ${header.height}`) {
  const named = toHex(header.validatorSetHash);
  const isSame = equal(header.validatorSetHash, known.hash);
  require(isSame, 'SET_OTHER', `${what} names set ${named}, not ${toHex(known.hash)}`);
}

async function checkCertificate(tags, set, header, bytes) {
  const certificate = readCertificate(bytes);
  const { statement, entries } = certificate;
  const isFinal = statement.kind === 'finalize';
  require(isFinal, 'CERTIFICATE_NOT_FINALIZE', `its votes are of the kind ${statement.kind}`);
  const isAfter = statement.parentView < statement.view;
  require(isAfter, 'CERTIFICATE_MALFORMED', 'its parent_view is not lower than its view');
  const names = toHex(statement.blockId);
  const isSame = equal(statement.blockId, await blockId(tags, header));
  require(isSame, 'CERTIFICATE_OTHER_BLOCK', `it is of block ${names}`);
  const { epoch, view } = statement;
  require(epoch === header.epoch, 'CERTIFICATE_OTHER_EPOCH', `it is of epoch ${epoch}`);
  const isOfView = view === header.view || (view > header.view && header.endsEpoch);
  require(isOfView, 'CERTIFICATE_OTHER_VIEW', `it is of view ${view}, the block of ${header.view}`);
  requireQuorum(set, entries);
  await requireSignatures(tags, set, certificate);
  return entries.map(({ signer }) => signer);
}

function requireQuorum({ members }, entries) {
  const signers = entries.map(({ signer }) => signer);
  const rise = signers.every((signer, at) => at === 0 || signer > signers[at - 1]);
  require(rise, 'SIGNERS_NOT_ASCENDING', 'a signer is there twice, or out of order');
  const quorum = quorumOf(members.length);
  const counted = `${signers.length} signed, ${quorum} of ${members.length} have to`;
  require(signers.length >= quorum, 'QUORUM_MISSING', counted);
  const areMembers = signers.every((signer) => signer < members.length);
  require(areMembers, 'SIGNER_UNKNOWN', `the set has ${members.length} members`);
}

async function requireSignatures(tags, { members }, { entries, statementBytes }) {
  const message = concat(await tags.tag('finalize'), statementBytes);
  for (const { signer, signature } of entries) {
    const { publicKey, name } = members[signer];
    const holds = await verifySignature(publicKey, message, signature, tags.primitives);
    require(holds, 'SIGNATURE_INVALID', `the signature of member ${signer} (${name}) does not hold`);
  }
}
return { setHash, blockId, quorumOf, followBoundaries, requireSet, checkCertificate };
})();
const proofs_trees = (() => {
// ---- trees.js
const { concat, equal } = src_bytes;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const FLAT = Uint8Array.of(2);
const SPLIT = Uint8Array.of(3);
const STATE_NODE = Uint8Array.of(4);
const HASH_BYTES = 32;
const ENTRY_BYTES = 64;
const FLAT_BYTES_MAX = 64 * ENTRY_BYTES;
const BRANCH_BITS = 4;

async function isIncluded({ root, count }, { leaf, index, path }, { sha256 }) {
  if (index >= count) {
    return false;
  }
  const siblings = path.values();
  let digest = await sha256(concat(LEAF, leaf));
  for (let at = index, last = count - 1n; last > 0n; at >>= 1n, last >>= 1n) {
    const isRight = (at & 1n) === 1n;
    if (isRight || at < last) {
      const sibling = siblings.next().value;
      if (sibling?.length !== HASH_BYTES) {
        return false;
      }
      digest = await sha256(isRight ? concat(NODE, sibling, digest) : concat(NODE, digest, sibling));
    }
  }
  return siblings.next().done && equal(digest, root);
}

async function isInState({ root, buckets }, { key, value }, { blob, siblings }, { sha256 }) {
  if (blob.length % ENTRY_BYTES !== 0 || blob.length > FLAT_BYTES_MAX) {
    return false;
  }
  const keyDigest = await sha256(key);
  const found = valueDigestIn(blob, keyDigest);
  const wanted = value === null ? null : await sha256(value);
  const agrees = wanted === null ? found === null : found !== null && equal(found, wanted);
  const steps = stepsTo(keyDigest, Math.log2(buckets), siblings.length);
  if (!agrees || steps === null) {
    return false;
  }
  let digest = await sha256(concat(FLAT, blob));
  for (const [at, { prefix, branch, arity }] of steps.reverse().entries()) {
    const others = siblings[at];
    if (others.length !== (arity - 1) * HASH_BYTES) {
      return false;
    }
    const split = branch * HASH_BYTES;
    digest = await sha256(concat(prefix, others.slice(0, split), digest, others.slice(split)));
  }
  return equal(digest, root);
}

function valueDigestIn(blob, keyDigest) {
  for (let at = 0; at < blob.length; at += ENTRY_BYTES) {
    if (equal(blob.subarray(at, at + HASH_BYTES), keyDigest)) {
      return blob.slice(at + HASH_BYTES, at + ENTRY_BYTES);
    }
  }
  return null;
}

function stepsTo(keyDigest, bits, length) {
  const top = bits % BRANCH_BITS || BRANCH_BITS;
  const splits = length - Math.ceil(bits / BRANCH_BITS);
  const end = bits + splits * BRANCH_BITS;
  if (splits < 0 || end > 8 * HASH_BYTES) {
    return null;
  }
  const steps = [{ prefix: STATE_NODE, branch: bitsOf(keyDigest, 0, top), arity: 2 ** top }];
  for (let depth = top; depth < end; depth += BRANCH_BITS) {
    const prefix = depth < bits ? STATE_NODE : SPLIT;
    const branch = bitsOf(keyDigest, depth, BRANCH_BITS);
    steps.push({ prefix, branch, arity: 2 ** BRANCH_BITS });
  }
  return steps;
}

function bitsOf(digest, from, count) {
  let found = 0;
  for (let at = from; at < from + count; at += 1) {
    found = found * 2 + ((digest[at >> 3] >> (7 - (at & 7))) & 1);
  }
  return found;
}
return { isIncluded, isInState };
})();
const proofs_check = (() => {
// ---- check.js
const { actionFields } = src_actions;
const { concat, equal, fromHex, toHex } = src_bytes;
const { ChainTags } = src_chain;
const { PLATFORM } = src_crypto;
const { InvalidValue } = src_errors;
const { bigEndian } = src_msgpack;
const { decodeTransaction, isSigned, transactionId } = src_transactions;
const { accountClaims, commonClaims, outcomeClaims, receiptClaims, transactionClaims } = proofs_claims;
const { readDocument } = proofs_document;
const { blockId, checkCertificate, followBoundaries, requireSet, setHash } = proofs_finality;
const { Refusal, reading, require } = proofs_refusal;
const { isInState, isIncluded } = proofs_trees;
const { readAccount, readHeader, readOutcome, readSet, readSpecification } = proofs_wire;
const ACCOUNT_TABLE = Uint8Array.of(3);

const START = ['document', 'genesis', 'boundaries', 'headers', 'validators', 'certificate'];

const PROOF_STEPS = Object.freeze({
  receipt: Object.freeze([...START, 'inclusion', 'signature', 'receipt']),
  transaction: Object.freeze([...START, 'inclusion', 'signature']),
  outcome: Object.freeze([...START, 'inclusion']),
  account: Object.freeze([...START, 'state']),
  validators: Object.freeze(START),
});

const RUN = {
  document: checkDocument,
  genesis: checkGenesis,
  boundaries: checkBoundaries,
  headers: checkHeaders,
  validators: checkValidators,
  certificate: checkFinal,
  inclusion: checkInclusion,
  signature: checkSignature,
  receipt: checkReceipt,
  state: checkState,
};

async function checkProof(bundle, trust = {}) {
  const { genesisDigest, specification = null, known = {}, onStep = () => {} } = trust;
  const pin = genesisDigest === undefined ? null : pinOf(genesisDigest);
  const state = { bundle, pin, specification, known, primitives: trust.primitives ?? PLATFORM };
  const steps = [];
  let names = START;
  for (let at = 0; at < names.length; at += 1) {
    const step = await verdictOf(names[at], state);
    steps.push(step);
    onStep(step);
    names = PROOF_STEPS[state.document?.kind] ?? START;
    if (step.verdict === 'failed') break;
  }
  const left = names.slice(steps.length).map((name) => ({ name, verdict: 'not run' }));
  left.forEach(onStep);
  const valid = steps.every(({ verdict }) => verdict === 'passed');
  return {
    valid,
    isPinned: pin !== null,
    kind: state.document?.kind ?? null,
    steps: [...steps, ...left],
    claims: valid ? await claimsOf(state) : null,
  };
}

async function verdictOf(name, state) {
  try {
    const detail = await RUN[name](state);
    return { name, verdict: 'passed', detail };
  } catch (error) {
    if (error instanceof Refusal) {
      return { name, verdict: 'failed', code: error.code, reason: error.reason };
    }
    throw error;
  }
}

function pinOf(text) {
  const digest = fromHex(text, 'genesisDigest');
  if (digest.length !== 32) {
    throw new InvalidValue('genesisDigest', 'must be 32 bytes');
  }
  return digest;
}


async function checkDocument(state) {
  state.document = readDocument(state.bundle);
  return `A bundle of the kind ${state.document.kind}.`;
}

async function checkGenesis(state) {
  const { genesis, since } = state.document;
  const { pin, primitives } = state;
  const told = toHex(genesis.digest);
  const isPinned = pin === null || equal(pin, genesis.digest);
  require(isPinned, 'GENESIS_OTHER', `of the genesis ${told}, not of the pinned one`);
  const specification = genesis.specification ?? state.specification;
  const missing = 'the bundle has no specification; it takes the genesis file';
  require(specification !== null, 'GENESIS_MISSING', missing);
  const found = await primitives.sha256(specification);
  const hashes = equal(found, genesis.digest);
  require(hashes, 'GENESIS_DIGEST_MISMATCH', `the specification hashes to ${toHex(found)}`);
  const { name, buckets, set } = readSpecification(specification);
  state.buckets = buckets;
  state.chainId = `${name}-${told.slice(0, 16)}`;
  state.tags = new ChainTags({ chainId: state.chainId, genesisDigest: told }, primitives);
  state.start = since === null ? await firstSet(state.tags, set) : await knownSet(state, since);
  const said = pin === null ? 'no digest is pinned' : 'the pinned digest';
  return `Chain ${state.chainId}; ${said}.`;
}

async function firstSet(tags, set) {
  return { set, hash: await setHash(tags, set), epoch: 0n };
}

async function knownSet({ tags, known }, since) {
  const hash = await setHash(tags, { bytes: since.set });
  const epoch = String(since.epoch);
  const isKnown = Object.hasOwn(known, epoch) && known[epoch] === toHex(hash);
  require(isKnown, 'SINCE_UNKNOWN', `set ${toHex(hash)} of epoch ${epoch} was not verified before`);
  return { set: readSet(since.set), hash, epoch: since.epoch };
}

async function checkBoundaries(state) {
  const { boundaries } = state.document;
  state.reached = await followBoundaries(state.tags, state.start, boundaries);
  const { length } = boundaries;
  const from = state.document.since === null ? 'the genesis' : `epoch ${state.start.epoch}`;
  return `${length} ${length === 1 ? 'change' : 'changes'} of the validator set since ${from}.`;
}

async function checkHeaders(state) {
  const headers = [];
  for (const bytes of state.document.finality.headers) {
    const header = readHeader(bytes);
    headers.push({ ...header, id: await blockId(state.tags, header) });
  }
  headers.forEach((header, at) => at === 0 || requireChild(headers[at - 1], header));
  state.headers = headers;
  [state.block] = headers;
  return `Block ${state.block.height}, of epoch ${state.block.epoch}.`;
}

function requireChild(parent, header) {
  const isNext = header.height === parent.height + 1n && equal(header.parentId, parent.id);
  const isOfEpoch = header.epoch === parent.epoch && !parent.endsEpoch;
  const what = `block ${header.height} is not a child of the one before it in its epoch`;
  require(isNext && isOfEpoch, 'HEADERS_UNLINKED', what);
}

async function checkValidators(state) {
  const { block, reached } = state;
  const isAfter = block.epoch >= reached.epoch && block.height > reached.height;
  require(isAfter, 'EPOCH_TOO_EARLY', `block ${block.height} is not after the set that was reached`);
  state.headers.forEach((header) => requireSet(header, reached));
  const { length } = reached.set.members;
  return `The header names the set that was reached, of ${length} ${length === 1 ? 'member' : 'members'}.`;
}

async function checkFinal(state) {
  const { tags, reached, headers, document } = state;
  const { certificate } = document.finality;
  state.signers = await checkCertificate(tags, reached.set, headers.at(-1), certificate);
  return `${state.signers.length} of ${reached.set.members.length} signed.`;
}

async function checkInclusion(state) {
  const { document, block, primitives } = state;
  const { index, path } = document.proved;
  const isOutcome = document.kind === 'outcome';
  const leaf = isOutcome ? outcomeLeaf(state) : await transactionLeaf(state);
  const tree = isOutcome
    ? { root: block.outcomeRoot, count: block.outcomeCount }
    : { root: block.transactionRoot, count: block.transactionCount };
  const holds = await isIncluded(tree, { leaf, index, path }, primitives);
  require(holds, 'INCLUSION_MISMATCH', `not number ${index} of ${tree.count} under the root`);
  return `Number ${index} of the ${tree.count} that the header commits to.`;
}

function outcomeLeaf(state) {
  const { record, index } = state.document.proved;
  state.proved = { outcome: readOutcome(record), index };
  return record;
}

async function transactionLeaf(state) {
  const { tags, primitives } = state;
  const { signed, index } = state.document.proved;
  const transaction = reading('TRANSACTION_MALFORMED', () => {
    const read = decodeTransaction(signed);
    return { ...read, ...actionFields(read.action) };
  });
  const id = await transactionId(tags, signed);
  state.proved = { id, signed, transaction, index };
  const until = bigEndian(transaction.validUntilMs, 8);
  return concat(id, until, await primitives.sha256(transaction.signature));
}

async function checkSignature({ tags, proved: { id, transaction } }) {
  const holds = await isSigned(tags, id, transaction);
  require(holds, 'SIGNATURE_INVALID', 'it is not by the sender');
  return 'The sender signed exactly these bytes.';
}

async function checkReceipt({ proved: { transaction } }) {
  const { name } = transaction;
  require(name === 'post_receipt', 'NOT_A_RECEIPT', `it is of the kind ${name}`);
  return 'It is a receipt, signed by its miner.';
}

async function checkState(state) {
  const { document, block, buckets, primitives } = state;
  const { address, record, blob, siblings } = document.proved;
  const balance = record === null ? null : readAccount(record);
  const entry = { key: concat(ACCOUNT_TABLE, address), value: record };
  const tree = { root: block.stateRoot, buckets };
  const holds = await isInState(tree, entry, { blob, siblings }, primitives);
  require(holds, 'STATE_MISMATCH', 'not what is under the state root');
  state.proved = { address, balance };
  return record === null ? 'The state has no such account.' : 'The state has this record.';
}

async function claimsOf(state) {
  const { document, proved, primitives } = state;
  const { kind } = document;
  const common = commonClaims(state);
  if (kind === 'receipt') return { ...common, receipt: await receiptClaims(proved, primitives) };
  if (kind === 'transaction') {
    return { ...common, transaction: await transactionClaims(proved, primitives) };
  }
  if (kind === 'outcome') return { ...common, outcome: outcomeClaims(proved) };
  return kind === 'account' ? { ...common, account: accountClaims(proved) } : common;
}
return { PROOF_STEPS, checkProof };
})();
const source_pin = (() => {
// ---- pin.js
const PLACE = 'aitbc.genesis';
const DIGEST = /^[0-9a-f]{64}$/;

const IN_BROWSER = { pinned, keep };

const WHILE_OPEN = { pinned: () => undefined, keep: () => false };

function pinned() {
  try {
    return digestIn(localStorage.getItem(PLACE) ?? '');
  } catch {
    return undefined; // Storage is refused to this page.
  }
}

function keep(digest) {
  try {
    if (digest === undefined) localStorage.removeItem(PLACE);
    else localStorage.setItem(PLACE, digest);
    return true;
  } catch {
    return false;
  }
}

function digestIn(text) {
  const bare = text.replace(/\s/g, '').toLowerCase();
  return DIGEST.test(bare) ? bare : undefined;
}
return { IN_BROWSER, WHILE_OPEN, digestIn };
})();
const source_words = (() => {
// ---- words.js
const TITLES = {
  document: 'The bundle can be read',
  genesis: 'It is of one chain, from its genesis on',
  boundaries: 'Each validator set was named by the one before it',
  headers: 'The header is that of a block',
  validators: 'The header names the validator set that this leads to',
  certificate: 'A quorum of that set made the block final',
  inclusion: 'It is in the block',
  signature: 'Its sender signed it',
  receipt: 'It is a receipt',
  state: 'It is what the state held after the block',
  asked: 'It is of what this page is about',
  shown: 'The page shows what is proved',
  payment: 'The page shows the payment that is proved',
};

const OF_KIND = {
  receipt: {
    inclusion: 'The receipt is in the block',
    signature: 'The miner signed it',
    asked: 'It is the receipt of this page',
  },
  transaction: {
    inclusion: 'The transaction is in the block',
    asked: 'It is the transaction of this page',
  },
  outcome: { inclusion: 'The block did this' },
  account: {
    state: 'The account’s record, or its absence, is under the state’s root',
    asked: 'It is the account of this page',
  },
};

const STATES = {
  passed: { word: 'passed', tone: 'good' },
  failed: { word: 'failed', tone: 'bad' },
  differs: { word: 'differs', tone: 'neutral' },
  running: { word: 'checking', tone: 'wait' },
  'not run': { word: 'not run', tone: 'neutral' },
};

function titleOf(name, kind) {
  return OF_KIND[kind]?.[name] ?? TITLES[name];
}

function fingerprint(digest) {
  return digest.match(/.{8}/g).join(' ');
}

function claimLines(kind, claims) {
  const { receipt, transaction, outcome, account } = claims;
  const lines = [
    ...(receipt ? receiptLines(receipt) : []),
    ...(transaction ? transactionLines(transaction) : []),
    ...(outcome ? outcomeLines(outcome) : []),
    ...(account ? accountLines(account) : []),
  ];
  const { chainId, height, epoch, blockId, timestampMs, validators, signers } = claims;
  const names = signers.map((at) => validators[at].name);
  return [
    ...lines,
    ['Block', `${height}, of epoch ${epoch}`],
    ['Block id', blockId],
    ['Time of the block', timeText(timestampMs)],
    ['Signed by', `${signers.length} of ${validators.length}: ${names.join(', ')}`],
    ...(kind === 'validators' ? validators.map(({ name, publicKey }) => [name, publicKey]) : []),
    ['Chain', chainId],
    ['Genesis digest', claims.genesisDigest],
  ];
}

function receiptLines(receipt) {
  return [
    ['Receipt', receipt.receiptId],
    ['Job', receipt.jobId],
    ['Miner', receipt.miner],
    ['Client', receipt.client],
    ['Price claimed', moneyText(receipt.priceNait)],
    ['Work claimed', `${microText(receipt.unitsMicro)} ${receipt.unitType.replaceAll('_', ' ')}`],
    ['Model claimed', receipt.model || 'none'],
    ['Digest of the result', receipt.resultDigest],
  ];
}

function transactionLines({ transactionId, sender, feeNait, action, fields }) {
  return [
    ['Transaction', transactionId],
    ['Sender', sender],
    ['Fee', moneyText(feeNait)],
    ['Action', action],
    ...Object.entries(fields).map(([name, value]) => [name, plainText(value)]),
  ];
}

function outcomeLines({ kind, objectId, cause, parties, amountsNait }) {
  return [
    ['Outcome', kind],
    ['Object', objectId || 'none'],
    ['Done by', cause || 'the block, by itself'],
    ...parties.map((party, at) => [party, moneyText(amountsNait[at] ?? 0n)]),
  ];
}

function accountLines({ address, exists, balanceNait }) {
  const balance = exists ? moneyText(balanceNait) : 'none: there is no such account at this height';
  return [
    ['Account', address],
    ['Balance', balance],
  ];
}

function moneyText(nait) {
  return `${decimal(nait, 9)} AITBC`;
}

function microText(micro) {
  return decimal(micro, 6);
}

function decimal(value, places) {
  const digits = String(value).padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  return `${digits.slice(0, -places)}${fraction && '.'}${fraction}`;
}

function timeText(ms) {
  return new Date(ms).toISOString().replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
}

function plainText(value) {
  return Array.isArray(value) ? value.map(plainText).join(', ') : String(value);
}
return { STATES, titleOf, fingerprint, claimLines, moneyText };
})();
const source_panel = (() => {
// ---- panel.js
const { PROOF_STEPS, checkProof } = proofs_check;
const { digestIn } = source_pin;
const { STATES, claimLines, fingerprint, titleOf } = source_words;
const MOVED = 'The account holds something else than when this page was made; load it again.';

const IDENTIFIER = /^[0-9a-z_-]{40,}$/;

class Panel {
  #holder;
  #primitives;
  #pins;
  #pin;
  #again = null;
  #turn = 0;

  constructor(holder, primitives, pins) {
    this.#holder = holder;
    this.#primitives = primitives;
    this.#pins = pins;
    this.#pin = pins.pinned();
    this.#part('keep').addEventListener('click', () => this.#keepTyped());
    this.#part('forget').addEventListener('click', () => this.#repin(undefined));
    this.#part('pin').addEventListener('keydown', (event) => {
      if (event.key === 'Enter') this.#keepTyped();
    });
    this.#part('pin').addEventListener('input', () => this.#part('pin').setCustomValidity(''));
    const typed = this.#part('pin').value;
    this.#showPin();
    if (typed !== '') this.#part('pin').value = typed;
  }

  async check(read, kind = 'validators', compare = (verdict) => verdict) {
    this.#again = () => this.check(read, kind, compare);
    this.#turn += 1;
    const turn = this.#turn;
    this.#begin(kind);
    const show = await this.#outcomeOf(turn, read, kind, compare);
    if (turn === this.#turn) show(); // A later check has taken its place otherwise.
  }

  async #outcomeOf(turn, read, kind, compare) {
    const done = [];
    const onStep = (step) => {
      done.push(step);
      if (turn === this.#turn) this.#showSteps(done, kind);
    };
    try {
      const bundle = await read();
      const primitives = await this.#primitives();
      const how = { genesisDigest: this.#pin, primitives };
      const found = await checkProof(bundle, { ...how, onStep });
      const judged = await compare(found, (other) => checkProof(other, how));
      return () => this.#showVerdict(judged);
    } catch (error) {
      return () => this.#say('bad', 'Not checked', error.message);
    }
  }

  #begin(kind) {
    this.#part('result').hidden = false;
    this.#part('proved').hidden = true;
    this.#showSteps([], kind);
    this.#say('wait', 'Checking', '');
  }

  #showVerdict(verdict) {
    const { valid, isPinned, kind, steps, claims } = verdict;
    this.#showSteps(steps, kind);
    const failed = steps.find((step) => step.verdict === 'failed');
    if (!valid) {
      const step = `Step ${steps.indexOf(failed) + 1} of ${steps.length}`;
      const title = titleOf(failed.name, kind);
      this.#say('bad', 'Nothing is proved', `${step} does not hold: “${title}”.`);
      return;
    }
    this.#showClaims(kind, claims);
    if (failed !== undefined) {
      this.#say('bad', 'The page shows something else than what is proved', 'What is proved stands '
        + 'below; do not believe this page.');
      return;
    }
    const unpaid = steps.find((step) => step.verdict === 'not run');
    const isSame = steps.every((step) => step.verdict === 'passed');
    if (!isPinned) {
      const how = isSame ? 'All steps passed.' : unpaid?.detail ?? MOVED;
      this.#say('wait', 'Proved for a chain that you have not pinned', `${how} ${
        this.#comparing(claims.genesisDigest)}`);
    } else if (isSame) {
      this.#say('good', 'Proved', 'All steps passed, from the genesis digest that you pinned.');
    } else if (unpaid) {
      this.#say('wait', 'Proved but for its payment', unpaid.detail);
    } else {
      this.#say('wait', 'Proved, of another block than the page', MOVED);
    }
  }

  #comparing(digest) {
    const typed = this.#part('pin').value;
    if (typed.trim() === '' || digestIn(typed) === digest) {
      return 'Compare the genesis digest below with one from elsewhere, and pin that one above.';
    }
    return 'Its genesis digest, below, is not the one that stands in the field above.';
  }

  #showSteps(done, kind) {
    const hasFailed = done.some(({ verdict }) => verdict === 'failed');
    const next = hasFailed ? 'not run' : 'running';
    const names = PROOF_STEPS[kind] ?? PROOF_STEPS.validators;
    const left = names
      .slice(done.length)
      .map((name, at) => ({ name, verdict: at === 0 ? next : 'not run' }));
    const all = [...done, ...left];
    this.#part('steps').replaceChildren(...all.map((step) => this.#stepItem(step, kind)));
  }

  #stepItem({ name, verdict, detail, code, reason }, kind) {
    const { word, tone } = STATES[verdict];
    const item = element('li', `tone-${tone}`);
    item.dataset.step = name;
    item.dataset.verdict = verdict;
    const head = element('p');
    head.append(element('b', '', titleOf(name, kind)), ' ', element('span', 'step-word', word));
    const body = element('div');
    body.append(head);
    if (detail) body.append(element('p', 'note', detail));
    if (code) {
      const why = element('p', 'note');
      why.append(element('code', '', code), ` ${reason}`);
      body.append(why);
    }
    item.append(this.#icon(tone), body);
    return item;
  }

  #showClaims(kind, claims) {
    const lines = claimLines(kind, claims).map(([name, text]) => {
      const line = element('div');
      const value = element('dd');
      const written = element('span', 'value');
      written.append(IDENTIFIER.test(text) ? element('code', '', text) : text);
      value.append(written);
      line.append(element('dt', '', name), value);
      return line;
    });
    this.#part('claims').replaceChildren(...lines);
    this.#part('proved').hidden = false;
  }

  #say(tone, words, more) {
    const verdict = this.#part('verdict');
    verdict.className = `verdict tone-${tone}`;
    const text = element('span');
    text.append(element('b', '', `${words}.`), more && ` ${more}`);
    verdict.replaceChildren(this.#icon(tone), text);
    this.#part('announced').textContent = text.textContent;
  }

  #keepTyped() {
    const input = this.#part('pin');
    const digest = digestIn(input.value);
    if (digest === undefined) {
      input.setCustomValidity('A genesis digest is 64 hex digits.');
      input.reportValidity();
      return;
    }
    this.#repin(digest);
  }

  #repin(digest) {
    this.#pin = digest;
    this.#part('pin').setCustomValidity('');
    this.#showPin(this.#pins.keep(digest));
    if (this.#again !== null) this.#again();
  }

  #showPin(isKept = true) {
    const input = this.#part('pin');
    input.value = this.#pin === undefined ? '' : fingerprint(this.#pin);
    this.#part('forget').hidden = this.#pin === undefined;
    const kept = isKept ? 'Pinned in this browser.' : 'Pinned until this page is closed.';
    this.#part('pin-state').textContent = this.#pin === undefined ? 'None is pinned.' : kept;
  }

  #icon(tone) {
    return this.#holder.ownerDocument.getElementById(`icon-${tone}`).content.cloneNode(true);
  }

  #part(name) {
    return this.#holder.querySelector(`[data-part="${name}"]`);
  }
}

function element(name, className = '', text = '') {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
return { Panel };
})();
const source_payments = (() => {
// ---- payments.js
const { moneyText } = source_words;
async function withPayment(verdict, payment, prove) {
  if (!payment || verdict.steps.some((step) => step.verdict !== 'passed')) return verdict;
  const step = await stepOf(verdict, payment, prove);
  return { ...verdict, steps: [...verdict.steps, { name: 'payment', ...step }] };
}

async function stepOf({ claims }, payment, prove) {
  let found;
  try {
    found = await prove(payment.url);
  } catch (error) {
    return { verdict: 'not run', detail: error.message };
  }
  if (!found.valid) {
    const { name, code, reason } = found.steps.find((step) => step.verdict === 'failed');
    return failed(code, `${name}: ${reason}`);
  }
  return isOfThis(found, claims, payment)
    ? judged(payment, paidBy(found.claims.outcome))
    : failed('OTHER_OBJECT', 'the bundle proves something else than what was asked for');
}

function isOfThis({ claims }, { genesisDigest }, { jobId, end }) {
  return claims.genesisDigest === genesisDigest
    && claims.outcome?.objectId === jobId
    && claims.outcome.kind === end;
}

function paidBy({ kind, amountsNait }) {
  const [miner, coordinator] = kind === 'job_settled' ? amountsNait : [0n, 0n];
  return { miner, coordinator, client: amountsNait.at(-1) };
}

function judged({ paid }, proved) {
  const all = Object.keys(proved);
  const other = all.filter((who) => paid[who] !== String(proved[who]));
  const told = (each, of) => each.map((who) => `${who} ${moneyText(of[who])}`).join(', ');
  if (other.length > 0) {
    return failed('OTHER_VALUES', `${told(other, paid)} here, proved ${told(other, proved)}`);
  }
  return { verdict: 'passed', detail: `As proved: ${told(all, proved)}.` };
}

function failed(code, reason) {
  return { verdict: 'failed', code, reason };
}
return { withPayment };
})();
const proofs_asked = (() => {
// ---- asked.js
function compared(verdict, kind, isAsked) {
  if (!verdict.valid) {
    return verdict;
  }
  if (verdict.kind === kind && isAsked(verdict.claims)) {
    const step = { name: 'asked', verdict: 'passed', detail: 'It is what was asked for.' };
    return { ...verdict, steps: [...verdict.steps, step] };
  }
  const reason = 'the bundle proves something else than what was asked for';
  const step = { name: 'asked', verdict: 'failed', code: 'OTHER_OBJECT', reason };
  return { ...verdict, valid: false, steps: [...verdict.steps, step], claims: null };
}
return { compared };
})();
const source_shown = (() => {
// ---- shown.js
const { compared } = proofs_asked;
const { moneyText } = source_words;
const NAMED_MAX = 3;

const CUT = 80;

const OBJECTS = {
  receipt: ({ receipt }) => receipt.receiptId,
  transaction: ({ transaction }) => transaction.transactionId,
  account: ({ account }) => account.address,
};

const PROVED = {
  receipt: ({ receipt }) => ({
    ...receipt.transaction.fields,
    miner: receipt.miner,
    unitType: receipt.unitType,
  }),
  transaction: ({ transaction }) => ({ ...transaction, fee: transaction.feeNait }),
};

function comparedWithPage(verdict, { kind, asked, shown }) {
  const found = compared(verdict, kind, (claims) => OBJECTS[kind](claims) === asked);
  if (!found.valid) return found;
  const step = kind === 'account' ? ofAccount(found.claims, shown) : ofSigned(found, shown);
  return { ...found, steps: [...found.steps, { name: 'shown', ...step }] };
}

function ofSigned({ kind, claims }, shown) {
  const { height, blockId, timestampMs } = claims;
  const proved = { ...PROVED[kind](claims), height, blockId, timestampMs };
  return verdictOn(shown, proved);
}

function ofAccount({ account, height }, shown) {
  const proved = { height, balance: account.balanceNait };
  if (shown.height === String(height)) return verdictOn(shown, proved);
  const was = `The page showed ${moneyText(shown.balance)} after block ${shown.height}`;
  const now = `proved is ${moneyText(account.balanceNait)} after block ${height}`;
  const verdict = shown.balance === String(account.balanceNait) ? 'passed' : 'differs';
  return { verdict, detail: `${was}; ${now}.` };
}

function verdictOn(shown, proved) {
  const said = Object.entries(shown);
  const other = said.filter(([name, text]) => text !== provedText(proved, name));
  if (said.length > 0 && other.length === 0) {
    const names = said.map(([name]) => wordsOf(name)).join(', ');
    return { verdict: 'passed', detail: `As proved: ${names}.` };
  }
  const reason = other
    .slice(0, NAMED_MAX)
    .map(([name, text]) => `${wordsOf(name)}: ${cut(text)} here, proved ${cut(provedText(proved, name))}`);
  return { verdict: 'failed', code: 'OTHER_VALUES', reason: reason.join('; ') };
}

function provedText(proved, name) {
  const member = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  return Object.hasOwn(proved, member) ? String(proved[member]) : 'not proved';
}

function cut(text) {
  return text.length > CUT ? `${text.slice(0, CUT)}…` : text;
}

function wordsOf(name) {
  return name.replace(/_(ms|micro)$/, '').replaceAll('_', ' ');
}
return { comparedWithPage };
})();
const source_verifier = (() => {
// ---- verifier.js
const { canVerify } = src_crypto;
const { fetched } = source_bundles;
const { attachForm } = source_form;
const { Panel } = source_panel;
const { withPayment } = source_payments;
const { IN_BROWSER, WHILE_OPEN } = source_pin;
const { comparedWithPage } = source_shown;
function attach(holder) {
  const { fallback, bundle, kind, asked, shown, payment } = holder.dataset;
  const panel = new Panel(holder, async () => {
    if (await canVerify()) return undefined;
    holder.querySelector('[data-part="no-crypto"]').hidden = false;
    return (await import(fallback)).FALLBACK;
  }, IN_BROWSER);
  const form = holder.querySelector('form');
  if (form !== null) attachForm(form, panel);
  holder.querySelector('[data-part="start"]')?.addEventListener('click', () => {
    holder.querySelector('[data-part="trust"]').hidden = false;
    const page = { kind, asked, shown: JSON.parse(shown) };
    const paid = payment && JSON.parse(payment);
    panel.check(() => fetched(bundle), kind, (verdict, judge) => withPayment(
      comparedWithPage(verdict, page),
      paid,
      async (url) => judge(await fetched(url)),
    ));
  });
}

function attachSaved(holder, fallback) {
  const primitives = async () => ((await canVerify()) ? undefined : fallback);
  const panel = new Panel(holder, primitives, WHILE_OPEN);
  attachForm(holder.querySelector('form'), panel);
}
return { attach, attachSaved };
})();
return source_verifier;
})();
