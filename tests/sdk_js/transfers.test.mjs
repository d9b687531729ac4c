// Units that leave a wallet, and the chain that they move on, against a node.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AITBCClient, formatAddress } from '@aitbc/client';

const { apiKey } = await new AITBCClient().me.register('a person');
const client = new AITBCClient({ apiKey });
const to = formatAddress(new Uint8Array(20).fill(7));

test('units of the wallet are sent, followed on the chain, and listed', async () => {
  const sent = await client.transfers.send({ to, amount: '2.5' }, { waitMs: 30_000 });
  assert.deepEqual([sent.status, sent.amount, sent.to], ['final', '2.50', to]);
  assert.deepEqual(await client.transfers.get(sent.transactionId), sent);
  const listed = [];
  for await (const each of client.transfers.iterate()) listed.push(each.transactionId);
  assert.deepEqual(listed, [sent.transactionId]);
  const states = [];
  for await (const state of client.chain.followTransaction(sent.transactionId)) states.push(state);
  assert.equal(states.at(-1).status, 'final');
  for await (const block of client.chain.followBlocks({ since: states.at(-1).height - 1 })) {
    assert.equal(block.height, states.at(-1).height);
    assert.ok(block.transactionCount > 0);
    break;
  }
});

test('the next block is told as it comes', async () => {
  let told = 0;
  for await (const { height } of client.chain.followBlocks({ timeoutMs: 60_000 })) {
    told = Math.max(told, height);
    const sent = await client.transfers.send({ to, amount: '0.1' }, { waitMs: 30_000 });
    const { height: holding } = await client.chain.transaction(sent.transactionId);
    assert.ok(holding > told);
    for await (const next of client.chain.followBlocks({ since: told })) {
      if (next.height === holding) break;
    }
    break;
  }
});

test('a key without the scope sends nothing', async () => {
  const usual = await client.keys.create({ label: 'no wallet' });
  const other = new AITBCClient({ apiKey: usual.apiKey });
  await assert.rejects(other.transfers.send({ to, amount: '1' }), { status: 403 });
});
