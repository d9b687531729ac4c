// The offline verifier against the vectors that the ledger made.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import {
  ChainTags,
  InvalidValue,
  canonicalJson,
  formatAddress,
  parseAddress,
  verifyReceipt,
  verifyResult,
  verifySignature,
} from '@aitbc/client';

const load = (name) => JSON.parse(readFileSync(join(process.env.VECTORS, name), 'utf8'));
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const bytes = (text) => Uint8Array.from(Buffer.from(text, 'hex'));

const chain = load('chain.json');
const identity = { chainId: chain.chain_id, genesisDigest: chain.genesis_digest };
const tags = new ChainTags(identity);
const transactions = load('transactions.json');
const receipts = transactions.filter((each) => each.action === 'post_receipt');
const [good] = receipts;

test('tags are those of the chain', async () => {
  for (const [purpose, tag] of Object.entries(chain.tags)) {
    assert.equal(hex(await tags.tag(purpose)), tag);
  }
});

test('a chain id of another genesis is refused', () => {
  const chainId = 'vectors-0000000000000000';
  assert.throws(() => new ChainTags({ ...identity, chainId }), InvalidValue);
  assert.throws(() => new ChainTags({ ...identity, genesisDigest: 'abcd' }), InvalidValue);
});

test('address texts are accepted and refused as listed', () => {
  const { valid, invalid } = load('addresses.json');
  for (const { address, bytes: told } of valid) {
    assert.equal(hex(parseAddress(address)), told);
    assert.equal(hex(parseAddress(address.toUpperCase())), told);
    assert.equal(formatAddress(bytes(told)), address);
  }
  for (const { text } of invalid) {
    assert.throws(() => parseAddress(text), InvalidValue, text);
  }
  assert.throws(() => formatAddress(new Uint8Array(19)), InvalidValue);
});

test('signatures get the verdicts that every verifier must reach', async () => {
  for (const each of load('signatures.json')) {
    const given = [each.public_key, each.message, each.signature].map(bytes);
    assert.equal(await verifySignature(...given), each.valid, each.name);
  }
});

test('no key of small order or in another form than the canonical one signs', async () => {
  const { invalid } = load('public_keys.json');
  const message = new Uint8Array(3);
  for (const { why, public_key: key } of invalid) {
    const verdict = await verifySignature(bytes(key), message, new Uint8Array(64));
    assert.equal(verdict, false, why);
  }
});

test('a signed receipt says what it holds', async () => {
  assert.ok(receipts.length >= 2);
  for (const each of receipts) {
    const found = await verifyReceipt({ transaction: each.signed, chain: identity });
    const { fields } = each;
    assert.equal(found.valid, true, found.reason);
    assert.equal(found.receiptId, `receipt_${each.id}`);
    assert.equal(found.jobId, `job_${fields.job_id}`);
    assert.equal(found.miner, chain.keys[each.signer].address);
    assert.equal(hex(parseAddress(found.client)), fields.client);
    assert.equal(hex(parseAddress(found.coordinator)), fields.coordinator);
    assert.equal(found.resultDigest, fields.result_digest);
    assert.equal(found.payloadDigest, fields.payload_digest);
    assert.deepEqual(
      [found.attempt, found.unitsMicro, found.priceNait, found.priceCapNait],
      [fields.attempt, fields.units_micro, fields.price, fields.price_cap].map(BigInt),
    );
    assert.deepEqual([found.startedMs, found.completedMs].map(String), [
      fields.started_ms,
      fields.completed_ms,
    ]);
    assert.equal(found.model, fields.model);
  }
});

test('every other action is no receipt, though it is signed well', async () => {
  for (const each of transactions.filter(({ action }) => action !== 'post_receipt')) {
    const found = await verifyReceipt({ transaction: each.signed, chain: identity });
    assert.deepEqual([found.valid, found.field], [false, 'action'], each.name);
  }
});

test('a changed byte anywhere is refused', async () => {
  const signed = bytes(good.signed);
  for (let at = 0; at < signed.length; at += 1) {
    const changed = signed.slice();
    changed[at] ^= 1;
    const found = await verifyReceipt({ transaction: hex(changed), chain: tags });
    assert.equal(found.valid, false, `byte ${at}`);
  }
});

test('malformed transactions are refused', async () => {
  const malformed = load('malformed.json').filter(({ type }) => type === 'transaction');
  assert.ok(malformed.length > 80);
  for (const { why, bytes: text } of malformed) {
    const found = await verifyReceipt({ transaction: text, chain: tags });
    assert.equal(found.valid, false, why);
  }
});

test('form alone refuses what is not canonical', async () => {
  // Signed or not: these are refused before a signature is looked at.
  for (const { why, bytes: text, code } of load('malformed.json')) {
    if (code !== 'NOT_CANONICAL' || text === '') continue;
    const found = await verifyReceipt({ transaction: text, chain: tags });
    assert.notEqual(found.field, 'signature', why);
  }
});

test('a receipt of another chain is refused', async () => {
  const genesisDigest = '00'.repeat(32);
  const other = { chainId: `vectors-${'00'.repeat(8)}`, genesisDigest };
  const found = await verifyReceipt({ transaction: good.signed, chain: other });
  assert.deepEqual([found.valid, found.field], [false, 'chainId']);
});

test('what the wire shows has to agree with what was signed, in every version', async () => {
  const { fields, signature, id } = good;
  const key = chain.keys[good.signer].public_key;
  const base64 = (text) => Buffer.from(text, 'hex').toString('base64');
  const base64url = (text) => Buffer.from(text, 'hex').toString('base64url');
  const ids = { receipt_id: `receipt_${id}`, job_id: `job_${fields.job_id}` };
  const shapes = [
    { ...ids, miner_id: 'm', signature: { sig: base64(signature), public_key: base64(key) } },
    {
      ...ids,
      client: formatAddress(bytes(fields.client)),
      units: 128,
      unit_type: 'tokens',
      price: 0.0032,
      model: fields.model,
      started_at: 1760000005,
      completed_at: 1760000006,
      signature: { alg: 'Ed25519', key_id: base64url(key), sig: base64url(signature) },
    },
    { ...ids, signature: base64url(signature), public_key: base64url(key), price: 0.0032 },
  ];
  const check = (receipt) => verifyReceipt({ transaction: good.signed, chain: tags, receipt });
  for (const shape of shapes) {
    assert.equal((await check(shape)).valid, true);
    const camel = { receiptId: shape.receipt_id, jobId: shape.job_id, unitType: shape.unit_type };
    assert.equal((await check({ ...shape, ...camel })).valid, true);
  }
  const [, wide] = shapes;
  const otherSignature = { ...wide.signature, sig: base64url(`00${signature.slice(2)}`) };
  const wrong = {
    receipt_id: `receipt_${'00'.repeat(32)}`,
    job_id: `job_${'00'.repeat(32)}`,
    client: chain.keys.miner.address,
    units: 129,
    unit_type: 'images',
    price: 0.0033,
    model: 'another',
    started_at: 1,
    completed_at: 1,
    signature: otherSignature,
  };
  for (const [name, value] of Object.entries(wrong)) {
    const found = await check({ ...wide, [name]: value });
    assert.deepEqual([found.valid, found.field], [false, name]);
  }
  assert.equal((await check({ ...wide, signature: { sig: '*' } })).valid, false);
});

test('digests of payload and result are those listed', async () => {
  const { payload, result } = load('digests.json');
  assert.equal(hex(canonicalJson(payload.json)), payload.canonical_json);
  assert.equal(hex(canonicalJson(result.json)), result.canonical_json);
  const document = bytes(result.canonical_json);
  const digest = await tags.resultDigest(
    {
      jobId: bytes(result.job_id),
      attempt: result.attempt,
      miner: bytes(result.miner),
      salt: bytes(result.salt),
    },
    document,
  );
  assert.equal(hex(digest), result.digest);
  const blind = bytes(payload.blind);
  const found = await tags.payloadDigest(bytes(payload.canonical_json), blind);
  assert.equal(hex(found), payload.digest);

  const verdict = {
    valid: true,
    jobId: `job_${result.job_id}`,
    attempt: BigInt(result.attempt),
    miner: formatAddress(bytes(result.miner)),
    resultDigest: result.digest,
  };
  const proof = { document: new TextDecoder().decode(document), salt: result.salt };
  assert.equal(await verifyResult({ proof, verdict, chain: tags }), true);
  const changed = { ...proof, document: proof.document.replace('an', 'no') };
  assert.equal(await verifyResult({ proof: changed, verdict, chain: tags }), false);
  const refused = { valid: false };
  assert.equal(await verifyResult({ proof, verdict: refused, chain: tags }), false);
});

test('what JSON does not have is refused', () => {
  for (const value of [NaN, Infinity, undefined, 1n, '\ud800', [() => {}]]) {
    assert.throws(() => canonicalJson(value), /json|BigInt/);
  }
  assert.equal(new TextDecoder().decode(canonicalJson({ b: 1e21, a: [0.1, '\u20ac'] })), '{"a":[0.1,"€"],"b":1e+21}');
});
