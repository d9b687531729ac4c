// Proofs as a node serves them, fetched and checked by the client.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AITBCClient, ApiError, checkProof } from '@aitbc/client';

const { RECEIPT, ADDRESS, GENESIS_DIGEST: genesisDigest } = process.env;
const client = new AITBCClient();

test('a receipt, its transaction, a balance and validators are proved from a pinned genesis', async () => {
  const pin = { genesisDigest };
  const receipt = await client.proofs.checkReceipt(RECEIPT, pin);
  assert.equal(receipt.valid, true, JSON.stringify(receipt.steps));
  assert.equal(receipt.claims.receipt.receiptId, `receipt_${RECEIPT}`);
  const transaction = await client.proofs.checkTransaction(RECEIPT, pin);
  assert.equal(transaction.claims.transaction.action, 'post_receipt');
  const { height } = receipt.claims;
  const outcome = await client.proofs.checkOutcome(height, 0, pin);
  assert.equal(outcome.claims.outcome.kind, 'receipt_posted');
  const account = await client.proofs.checkAccount(ADDRESS, pin);
  assert.ok(account.claims.account.balanceNait > 0n);
  const validators = await client.proofs.checkValidators({ ...pin, epoch: 1 });
  assert.equal(validators.claims.validators.length, 5);
});

test('who knows a set already has the proof begin there, and nobody else believes it', async () => {
  const { claims } = await client.proofs.checkValidators({ genesisDigest, epoch: 1 });
  const known = { 1: claims.validatorSetHash };
  const bundle = await client.proofs.fetch('receipt', RECEIPT, { since: 1 });
  assert.equal(JSON.parse(bundle).since.epoch, '1');
  assert.equal((await checkProof(bundle, { genesisDigest, known })).valid, true);
  const stranger = await checkProof(bundle, { genesisDigest });
  assert.equal(stranger.steps.at(1).code, 'SINCE_UNKNOWN');
});

test('what the node does not have it cannot prove', async () => {
  const unknown = client.proofs.checkReceipt('ab'.repeat(32), { genesisDigest });
  await assert.rejects(unknown, (error) => error instanceof ApiError && error.status === 404);
});
