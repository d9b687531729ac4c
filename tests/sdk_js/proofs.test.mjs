// Proof bundles against the vectors that the ledger made: what holds, and what has to be refused.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { AITBCClient, ApiError, PROOF_STEPS, checkProof, parseAddress } from '@aitbc/client';

const vectors = JSON.parse(readFileSync(join(process.env.VECTORS, 'proofs.json'), 'utf8'));
const { FALLBACK } = await import(pathToFileURL(process.env.FALLBACK));

const bytes = (text) => Uint8Array.from(Buffer.from(text, 'hex'));
const hex = (data) => Buffer.from(data).toString('hex');
const named = new Map(vectors.bundles.map((each) => [each.name, each]));

function trustOf(name, primitives) {
  const { genesis_digest: genesisDigest, specification, known } = vectors.trusts[name];
  return {
    genesisDigest,
    specification: specification === null ? undefined : bytes(specification),
    known,
    primitives,
  };
}

function patched({ base, patch }) {
  const bundle = structuredClone(named.get(base).bundle);
  for (const { at, set, remove } of patch) {
    const holder = at.slice(0, -1).reduce((found, step) => found[step], bundle);
    const last = at.at(-1);
    if (!remove) holder[last] = set;
    else if (Array.isArray(holder)) holder.splice(last, 1);
    else delete holder[last];
  }
  return JSON.stringify(bundle);
}

/** Return a verdict's claims as the vectors write them. */
function asInVectors({ kind, claims }) {
  const written = (value) => {
    if (Array.isArray(value)) return value.map(written);
    if (value === null || typeof value === 'boolean') return value;
    return String(value).startsWith('ait1') ? hex(parseAddress(value)) : String(value);
  };
  const fields = (object) =>
    Object.fromEntries(
      Object.entries(object).map(([name, value]) => [
        name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        written(value),
      ]),
    );
  const { chainId, blockId, height, epoch, timestampMs, validators, signers } = claims;
  const common = { chainId, blockId, height, epoch, timestampMs };
  return {
    ...fields(common),
    validators: validators.map(fields),
    signers: signers.map(String),
    claim: claimOf(kind, claims, fields),
  };
}

function claimOf(kind, { receipt, transaction, outcome, account }, fields) {
  const said = kind === 'receipt' ? receipt.transaction : transaction;
  if (said !== undefined) {
    const { transactionId, index, sender, action } = said;
    const { sender: _, ...others } = fields({ transactionId, index, sender, action });
    return { ...others, sender, fields: fields(said.fields) };
  }
  if (outcome !== undefined) {
    const { index, kindNumber, cause, objectId, code, parties, amountsNait: amounts } = outcome;
    const shown = fields({ kind: kindNumber, cause, objectId, code, parties, amounts });
    return { index: String(index), outcome: shown };
  }
  if (account === undefined) return null;
  const { address, exists, balanceNait } = account;
  return { address, exists, balance: String(balanceNait) };
}

for (const [means, primitives] of [['the platform', undefined], ['the fallback', FALLBACK]]) {
  test(`with ${means}, bundles that hold prove what the vectors say`, async () => {
    assert.ok(named.size > 10);
    for (const { name, bundle, trust, claims } of named.values()) {
      const seen = [];
      const onStep = (step) => seen.push(step);
      const given = { ...trustOf(trust, primitives), onStep };
      const verdict = await checkProof(JSON.stringify(bundle), given);
      assert.equal(verdict.valid, true, `${name}: ${JSON.stringify(verdict.steps)}`);
      assert.equal(verdict.isPinned, true);
      assert.deepEqual(verdict.steps.map((step) => step.name), PROOF_STEPS[bundle.kind]);
      assert.deepEqual(seen, verdict.steps);
      assert.deepEqual(asInVectors(verdict), claims, name);
    }
  });

  test(`with ${means}, what is wrong is refused at the step and with the code`, async () => {
    assert.ok(vectors.refused.length > 100);
    // Only what is about signatures depends on them.
    const wanted = ({ code }) => primitives === undefined || code === 'SIGNATURE_INVALID';
    for (const each of vectors.refused.filter(wanted)) {
      await refuses(each, patched(each), primitives);
    }
    for (const each of vectors.malformed) {
      await refuses(each, bytes(each.document), primitives);
    }
  });
}

async function refuses({ name, trust, step, code }, document, primitives) {
  const verdict = await checkProof(document, trustOf(trust, primitives));
  assert.deepEqual([verdict.valid, verdict.claims], [false, null], name);
  const failed = verdict.steps.findIndex((each) => each.verdict === 'failed');
  const found = verdict.steps[failed];
  assert.deepEqual([found?.name, found?.code], [step, code], `${name}: ${found?.reason}`);
  const [before, behind] = [verdict.steps.slice(0, failed), verdict.steps.slice(failed + 1)];
  assert.ok(before.every((each) => each.verdict === 'passed'), name);
  assert.ok(behind.every((each) => each.verdict === 'not run'), name);
}

test('without a pin a bundle proves something of some chain, and says so', async () => {
  const { bundle } = named.get('receipt');
  const verdict = await checkProof(JSON.stringify(bundle));
  assert.deepEqual([verdict.valid, verdict.isPinned], [true, false]);
  assert.equal(verdict.claims.genesisDigest, bundle.genesis.digest);
});

// A node that answers every question for a proof of a kind with the same bundle.

const PIN = vectors.trusts.pinned.genesis_digest;
let server;
let client;
let asked;

before(async () => {
  server = createServer((request, response) => {
    asked = request.url;
    const bundle = named.get(request.url.split(/[/?]/)[3])?.bundle;
    response.statusCode = bundle === undefined ? 404 : 200;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(bundle ?? { detail: 'none', error_code: 'NOT_FOUND' }));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  client = new AITBCClient({ baseUrl: `http://127.0.0.1:${server.address().port}` });
});

after(() => server.close());

const last = (verdict) => [verdict.valid, verdict.steps.at(-1).name, verdict.steps.at(-1).verdict];

test('a fetched proof has to be of what was asked for', async () => {
  const pin = { genesisDigest: PIN };
  const { transaction_id: receipt } = named.get('receipt').claims.claim;
  const { transaction_id: transaction } = named.get('transaction').claims.claim;
  const { height, claim } = named.get('outcome').claims;
  const { address } = named.get('account').claims.claim;
  const good = [
    await client.proofs.checkReceipt(`receipt_${receipt}`, pin),
    await client.proofs.checkReceipt(receipt, pin),
    await client.proofs.checkTransaction(transaction, pin),
    await client.proofs.checkOutcome(height, claim.index, pin),
    await client.proofs.checkAccount(address, pin),
    await client.proofs.checkValidators(pin),
    await client.proofs.checkValidators({ ...pin, epoch: 2 }),
  ];
  for (const verdict of good) assert.deepEqual(last(verdict), [true, 'asked', 'passed']);
  const other = 'ab'.repeat(32);
  const lies = [
    await client.proofs.checkReceipt(other, pin),
    await client.proofs.checkTransaction(other, pin),
    await client.proofs.checkOutcome(height, '7', pin),
    await client.proofs.checkAccount(vectors.bundles[0].claims.claim.sender, pin),
    await client.proofs.checkValidators({ ...pin, epoch: 1 }),
  ];
  for (const verdict of lies) {
    assert.deepEqual(last(verdict), [false, 'asked', 'failed']);
    assert.equal(verdict.claims, null);
  }
});

test('a bundle is fetched as it is, and what is no id is never asked for', async () => {
  const text = await client.proofs.fetch('receipt', 'x', { since: 3 });
  assert.equal(asked, '/v1/proofs/receipt/x?since=3');
  assert.equal((await checkProof(text, { genesisDigest: PIN })).valid, true);
  await assert.rejects(client.proofs.fetch('receipt', '..'));
  await assert.rejects(client.proofs.fetch('nothing'), ApiError);
});
