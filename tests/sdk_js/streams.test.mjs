// Waits and streams that outlast lost connections, against a server that answers what the test tells it to.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ConnectionFailed, InvalidValue } from '@aitbc/client';

import { clientOf, refusal, seen, server } from './answering.mjs';

test('a wait for a job outlasts a node that starts again, and no longer than the policy says', async () => {
  const running = { body: { job_id: 'job_1', status: 'running' } };
  const done = { body: { job_id: 'job_1', status: 'completed' } };
  server.answers = [running, 'hang up', 'hang up', 'hang up', refusal(503, 'HTTP_503'), done];
  const client = clientOf({ retry: { attempts: 2, baseMs: 1 } });
  assert.equal((await client.jobs.wait('job_1', { timeoutMs: 60_000 })).status, 'completed');
  assert.equal(seen.length, 6);

  server.answers = [running, 'hang up', 'hang up', done];
  const hasty = clientOf({ retry: { attempts: 2, baseMs: 1, reconnectMs: 0 } });
  await assert.rejects(hasty.jobs.wait('job_1', { timeoutMs: 60_000 }), ConnectionFailed);
});

test('a stream that had begun outlasts a node that starts again', async () => {
  const event = (id, status) => ({
    headers: { 'Content-Type': 'text/event-stream' },
    body: `id: ${id}\nevent: state\ndata: {"job_id":"job_1","status":"${status}"}\n\n`,
  });
  server.answers = [event(1, 'running'), 'hang up', 'hang up', 'hang up', event(2, 'completed')];
  const client = clientOf({ retry: { attempts: 2, baseMs: 1, pauseMaxMs: 2 } });
  const told = [];
  for await (const { data } of client.jobs.events('job_1')) told.push(data.status);
  assert.deepEqual(told, ['running', 'completed']);
  assert.equal(seen.at(-1).headers['last-event-id'], '1');
});

const events = (...texts) => ({ headers: { 'Content-Type': 'text/event-stream' }, body: texts.join('') });
const block = (height) => `id: ${height}\nevent: block\ndata: {"height":${height},"block_id":"00"}\n\n`;
const state = (status) => `event: transaction\ndata: {"transaction_id":"tx_1","status":"${status}"}\n\n`;

test('final blocks are followed from the last one on', async () => {
  server.answers = [events(block(7), block(8)), 'hang up', events(block(9), block(10))];
  const heights = [];
  for await (const { height, blockId } of clientOf().chain.followBlocks({ since: 6 })) {
    heights.push(height);
    assert.equal(blockId, '00');
    if (height === 10) break;
  }
  assert.deepEqual(heights, [7, 8, 9, 10]);
  assert.deepEqual(seen.map(({ headers }) => headers['last-event-id']), ['6', '8', '8']);
});

test('a transaction is followed over a lost connection until nothing follows', async () => {
  server.answers = [events(state('pooled')), 'hang up', events(state('included'), state('final'), state('never'))];
  const states = [];
  for await (const { status } of clientOf().chain.followTransaction('tx_1')) states.push(status);
  assert.deepEqual(states, ['pooled', 'included', 'final']);
  assert.ok(seen.every(({ url }) => url === '/v1/chain/transactions/tx_1/events'));
});

test('a transfer is sent once, with what the node is to wait for', async () => {
  const to = 'ait1qpg0jeq4sndrkgx9y6qu5c8gsm3yhjr3u7h7zq';
  await assert.rejects(clientOf().transfers.send({ to, amount: '1' }), InvalidValue);
  assert.equal(seen.length, 0, 'a wrong checksum is not even sent');
});
