// Receipts fetched from a node that lies: what a check finds, and what it cannot.

import assert from 'node:assert/strict';
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { AITBCClient, ChainTags, InvalidValue, verifyReceipt, verifyResult } from '@aitbc/client';

const load = (name) => JSON.parse(readFileSync(join(process.env.VECTORS, name), 'utf8'));
const bytes = (text) => Uint8Array.from(Buffer.from(text, 'hex'));

const { chain_id: chainId, genesis_digest: genesisDigest, keys } = load('chain.json');
const chain = new ChainTags({ chainId, genesisDigest });
const genuine = load('transactions.json').find(({ action }) => action === 'post_receipt');
const RECEIPT_ID = `receipt_${genuine.id}`;
const JOB_ID = `job_${genuine.fields.job_id}`;
const MINER = keys.miner;
// No miner of the chain: any key will do that its owner made for itself.
const LIAR = keys.other;

const DOCUMENT = '{"text":"whatever the node likes"}';
const SALT = '00'.repeat(32);

/** Bytes around the fields of a signed transaction: one before, the signature and its header after. */
const HEAD_BYTES = 1;
const SIGNATURE_BYTES = 64;
const TAIL_BYTES = 66;
/** What comes before the 32 bytes of a seed in PKCS #8. */
const PKCS8 = '302e020100300506032b657004220420';

/** Return the genuine receipt as another key signs it, with other bytes in it. */
async function receiptBy(key, changes = []) {
  const told = [[MINER.public_key, key.public_key], ...changes].reduce(
    (text, [was, is]) => text.replace(was, is),
    genuine.signed,
  );
  const signed = Buffer.from(told, 'hex');
  const id = await chain.digest('tx', signed.subarray(HEAD_BYTES, -TAIL_BYTES));
  const message = Buffer.concat([await chain.tag('tx-sign'), id]);
  const secret = { key: Buffer.from(PKCS8 + key.seed, 'hex'), format: 'der', type: 'pkcs8' };
  sign(null, message, createPrivateKey(secret)).copy(signed, signed.length - SIGNATURE_BYTES);
  return signed.toString('hex');
}

let shown;
let server;
let client;

before(async () => {
  server = createServer((request, response) => {
    const isTransaction = request.url.endsWith('/transaction');
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(isTransaction ? shown.transaction : shown.receipt));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = new AITBCClient({ baseUrl: `http://127.0.0.1:${server.address().port}` });
});

after(() => {
  server.closeAllConnections();
  server.close();
});

/** Check a receipt at a node that answers every question with one, as it was signed. */
async function checked(transaction, id, expected = {}) {
  const { receiptId, jobId } = await verifyReceipt({ transaction, chain });
  shown = { receipt: { receipt_id: receiptId, job_id: jobId }, transaction: { transaction } };
  return client.receipts.check(id, { chain, ...expected });
}

test('another genuine receipt is no answer', async () => {
  const ofAnotherJob = await receiptBy(MINER, [[genuine.fields.job_id, '07'.repeat(32)]]);
  for (const asked of [RECEIPT_ID, JOB_ID]) {
    const found = await checked(genuine.signed, asked);
    assert.deepEqual([found.valid, found.receiptId, found.jobId], [true, RECEIPT_ID, JOB_ID]);
    const lie = await checked(ofAnotherJob, asked, { miner: MINER.address });
    assert.deepEqual([lie.valid, lie.field], [false, 'receiptId'], lie.reason);
  }
});

test('a receipt that the node made itself is found out by the expected miner', async () => {
  const forged = await receiptBy(LIAR);
  const publicKey = bytes(MINER.public_key);
  for (const [field, expected] of Object.entries({ miner: MINER.address, publicKey })) {
    const lie = await checked(forged, JOB_ID, { [field]: expected });
    assert.deepEqual([lie.valid, lie.field], [false, field], lie.reason);
    const found = await checked(genuine.signed, JOB_ID, { [field]: expected });
    assert.equal(found.valid, true, found.reason);
  }
});

test('without an expected miner any key signs for any job', async () => {
  // Assignment and finality are not proven by a signature: the documents say so.
  const place = { jobId: bytes(genuine.fields.job_id), attempt: 1, miner: bytes(LIAR.address_bytes), salt: bytes(SALT) };
  const digest = await chain.resultDigest(place, new TextEncoder().encode(DOCUMENT));
  const over = [genuine.fields.result_digest, Buffer.from(digest).toString('hex')];
  const verdict = await checked(await receiptBy(LIAR, [over]), JOB_ID);
  assert.deepEqual([verdict.valid, verdict.jobId, verdict.miner], [true, JOB_ID, LIAR.address]);
  const proof = { document: DOCUMENT, salt: SALT };
  assert.equal(await verifyResult({ proof, verdict, chain }), true);
});

test('a verdict names the key that signed, as it is expected', async () => {
  const given = { transaction: genuine.signed, chain };
  const { publicKey } = await verifyReceipt(given);
  assert.equal(publicKey, Buffer.from(MINER.public_key, 'hex').toString('base64'));
  const base64url = Buffer.from(MINER.public_key, 'hex').toString('base64url');
  for (const told of [publicKey, base64url]) {
    assert.equal((await verifyReceipt({ ...given, publicKey: told })).valid, true);
  }
  const upper = MINER.address.toUpperCase();
  assert.equal((await verifyReceipt({ ...given, miner: upper })).valid, true);
});

test('an expectation that names nobody is the mistake of the caller', async () => {
  for (const [field, expected] of [
    ['miner', ''],
    ['miner', 'a-miner'],
    ['miner', null],
    ['publicKey', ''],
    ['publicKey', 'not base64!'],
    ['publicKey', null],
    ['publicKey', new Uint8Array(31)],
  ]) {
    const refusal = (error) => error instanceof InvalidValue && error.field === field;
    const given = { transaction: genuine.signed, chain, [field]: expected };
    await assert.rejects(verifyReceipt(given), refusal, `${field} ${expected}`);
  }
});

test('an answer that is no receipt is refused, whatever it is', async () => {
  for (const nothing of [null, [], 'text', 7, { transaction: null }]) {
    shown = { receipt: {}, transaction: nothing };
    const lie = await client.receipts.check(JOB_ID, { chain });
    assert.deepEqual([lie.valid, lie.field], [false, 'transaction']);
  }
  for (const nothing of [null, 'text', 7]) {
    shown = { receipt: nothing, transaction: { transaction: genuine.signed } };
    const lie = await client.receipts.check(JOB_ID, { chain });
    assert.deepEqual([lie.valid, lie.field], [false, 'receipt']);
  }
});
