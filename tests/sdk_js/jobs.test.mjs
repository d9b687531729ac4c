// Jobs from order to proof, on a site where a miner works.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  AITBCClient,
  ApiError,
  InvalidValue,
  JobFailed,
  JobTimeout,
  verifyReceipt,
  verifyResult,
} from '@aitbc/client';

const chain = {
  chainId: process.env.CHAIN_ID,
  genesisDigest: process.env.GENESIS_DIGEST,
};
const client = new AITBCClient();
const newest = new AITBCClient({ version: '2026-05-11' });
const ANSWER = 'Grüße, 世界! \u{1f30d}';
const ORDER = { payload: { prompt: 'Hello', model: 'llama2' }, paymentAmount: 0.5, paymentCurrency: 'AITBC' };

const all = async (stream) => {
  const found = [];
  for await (const item of stream) found.push(item);
  return found;
};

test('a job of each version is ordered, awaited and read', async () => {
  const old = await client.jobs.create({
    name: 'greeting',
    type: 'llm_inference',
    input: { prompt: 'Hello' },
    pricing: { maxCost: '0.10' },
  });
  assert.equal(old.status, 'submitted');
  const { results } = await client.jobs.getResults(old.jobId);
  assert.deepEqual(results, { output: ANSWER });
  assert.equal((await client.jobs.get(old.jobId)).status, 'completed');

  const tutorial = new AITBCClient({ version: '2026-01-24' });
  const middle = await tutorial.jobs.create({ prompt: 'Hello', model: 'llama3.2' });
  assert.equal(middle.status, 'pending');
  const ended = await tutorial.jobs.wait(middle.jobId);
  assert.deepEqual([ended.status, ended.result], ['completed', ANSWER]);

  const job = await newest.jobs.create(ORDER);
  assert.equal(job.state, 'QUEUED');
  const { result, receipt } = await newest.jobs.getResult(job.jobId);
  assert.deepEqual([result.output, receipt.jobId], [ANSWER, job.jobId]);
  const ids = (await all(newest.jobs.iterate({ limit: 2 }))).map(({ jobId }) => jobId);
  assert.deepEqual(ids.slice(0, 3), [job.jobId, middle.jobId, old.jobId]);
});

test('a receipt and its result are checked here, and a lie is found', async () => {
  const { jobId } = await newest.jobs.create(ORDER);
  const { result, proof } = await newest.jobs.getResult(jobId);
  const verdict = await newest.receipts.check(jobId, { chain });
  assert.equal(verdict.valid, true, verdict.reason);
  assert.deepEqual([verdict.jobId, typeof verdict.priceNait], [jobId, 'bigint']);
  assert.equal(await verifyResult({ proof, verdict, chain }), true);
  assert.equal(JSON.parse(proof.document).text, result.output);
  const lie = { ...proof, document: proof.document.replace('Gr', 'gr') };
  assert.equal(await verifyResult({ proof: lie, verdict, chain }), false);

  for (const version of ['2024-01-01', '2026-01-24', '2026-05-11']) {
    const reader = new AITBCClient({ version });
    const receipt = await reader.receipts.get(jobId);
    const { transaction } = await reader.receipts.transaction(jobId);
    assert.equal((await verifyReceipt({ transaction, receipt, chain })).valid, true);
    const changed = { ...receipt, jobId: `job_${'00'.repeat(32)}` };
    assert.equal((await verifyReceipt({ transaction, receipt: changed, chain })).valid, false);
    const said = await reader.receipts.verify(receipt);
    assert.deepEqual([said.valid, said.minerSignatureValid], [true, true]);
  }
  const other = { chainId: `other-${'00'.repeat(8)}`, genesisDigest: '00'.repeat(32) };
  assert.equal((await newest.receipts.check(jobId, { chain: other })).valid, false);
  const receipts = await newest.receipts.list({ limit: 1 });
  assert.equal(receipts[0].jobId, jobId);
});

test('the events of a job are streamed from the first state to the last', async () => {
  const { jobId } = await newest.jobs.create(ORDER);
  const events = await all(newest.jobs.events(jobId, { since: 0 }));
  const states = events.filter(({ type }) => type === 'state').map(({ data }) => data.state);
  assert.equal(states.at(-1), 'COMPLETED');
  assert.ok(events.every(({ data }) => data.jobId === jobId));
  const rest = await all(newest.jobs.events(jobId, { since: events[0].id }));
  assert.deepEqual(rest, events.slice(1));
  assert.deepEqual(await all(newest.jobs.events(jobId, { since: events.at(-1).id })), []);
});

test('a job is watched over a WebSocket, where the platform has one', async () => {
  const { jobId } = await newest.jobs.create(ORDER);
  if (globalThis.WebSocket === undefined) {
    await assert.rejects(all(newest.jobs.watch(jobId)), InvalidValue);
    return;
  }
  const seen = await all(newest.jobs.watch(jobId));
  assert.equal(seen.at(-1).state, 'COMPLETED');
  assert.ok(seen.every((told) => told.jobId === jobId && told.seq >= 0));
  await assert.rejects(all(newest.jobs.watch('job_unknown')), { errorCode: 'JOB_NOT_FOUND' });
});

test('everything that concerns a client is heard over one WebSocket', async () => {
  if (globalThis.WebSocket === undefined) {
    await assert.rejects(all(client.listen()), InvalidValue);
    return;
  }
  const kinds = new Set();
  let jobId;
  let last;
  for await (const { type, data, seq } of client.listen({ timeoutMs: 60_000 })) {
    kinds.add(type);
    if (type === 'connected') ({ jobId } = await client.jobs.create({ type: 'llm_inference', input: { prompt: 'x' } }));
    last = seq;
    if (type === 'job_update' && data.jobId === jobId && data.status === 'completed') break;
  }
  assert.ok(kinds.has('receipt_created') || kinds.has('job_update'));
  for await (const { type } of client.listen({ since: last - 1, timeoutMs: 60_000 })) {
    if (type === 'job_update') break;
  }
});

test('a stream and a wait end at their limit, and when the caller gives up', async () => {
  const held = await newest.jobs.create({ payload: { prompt: 'x', model: 'nobody-runs-this' } });
  const { jobId } = held;
  await assert.rejects(newest.jobs.getResult(jobId, { timeoutMs: 300 }), JobTimeout);
  await assert.rejects(newest.jobs.wait(jobId, { timeoutMs: 300 }), JobTimeout);
  await assert.rejects(all(newest.jobs.events(jobId, { timeoutMs: 300 })), JobTimeout);
  const controller = new AbortController();
  const reason = new Error('enough');
  const stream = newest.jobs.events(jobId, { signal: controller.signal });
  assert.equal((await stream.next()).value.type, 'state');
  controller.abort(reason);
  await assert.rejects(stream.next(), reason);

  await newest.jobs.cancel(jobId);
  await assert.rejects(newest.jobs.getResult(jobId), (error) => {
    assert.ok(error instanceof JobFailed);
    assert.deepEqual([error.jobId, error.state], [jobId, 'cancelled']);
    return true;
  });
  await assert.rejects(newest.jobs.get('job_unknown'), ApiError);
});
