// What a client asks besides its jobs, with a key of its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AITBCClient, verifyWebhook } from '@aitbc/client';

const client = new AITBCClient({ apiKey: process.env.API_KEY });
const REQUEST = { model: 'llama-7b', prompt: 'Hello world', max_tokens: 256 };

test('without a key nothing private is shown', async () => {
  await assert.rejects(new AITBCClient().jobs.list(), { errorCode: 'AUTHENTICATION_REQUIRED' });
  const wrong = new AITBCClient({ apiKey: 'nonsense' });
  await assert.rejects(wrong.me.get(), { errorCode: 'INVALID_API_KEY', status: 401 });
});

test('services are found, explained and validated', async () => {
  const { services, total } = await client.registry.list({ category: 'media_processing' });
  assert.deepEqual(services.map(({ id }) => id), ['blender_render', 'ffmpeg_transcode']);
  assert.equal(total, 2);
  const service = await client.registry.definition('llm_inference');
  const schema = await client.registry.schema('llm_inference');
  assert.deepEqual(service.inputSchema, schema);
  assert.ok('max_tokens' in schema.properties);
  const needs = await client.registry.requirements('llm_inference');
  assert.equal(needs.serviceId, 'llm_inference');
  const verdict = await client.registry.validate({ serviceId: 'llm_inference', requestData: REQUEST });
  assert.deepEqual(verdict, { valid: true, errors: [], warnings: [] });
  const wrong = { ...REQUEST, max_tokens: 'many' };
  const refused = await client.registry.validate({ serviceId: 'llm_inference', requestData: wrong });
  assert.equal(refused.valid, false);
});

test('a client has money, orders a service, and is quoted before', async () => {
  const me = await client.me.get();
  assert.match(me.address, /^ait1/);
  const balance = await client.me.balance();
  assert.equal(balance.address, me.address);
  const order = { type: 'llm_inference', input: { prompt: 'x' } };
  const quote = await client.jobs.quote(order);
  assert.deepEqual([quote.service, quote.isPossible], ['llm_inference', false]);
  const statement = await client.me.statement();
  assert.deepEqual(statement.accounts[0].address, me.address);
  assert.match(await client.me.statementCsv(), /^at,/);
});

test('keys are made, followed by others, and end', async () => {
  const key = await client.keys.create({ label: 'reads', scopes: ['read'] });
  assert.deepEqual(key.scopes, ['read']);
  const reader = new AITBCClient({ apiKey: key.apiKey });
  assert.deepEqual((await reader.jobs.list()).jobs, []);
  await assert.rejects(reader.jobs.create({ type: 'llm_inference', input: { prompt: 'x' } }), { status: 403 });
  const successor = await client.keys.rotate(key.keyId, { overlapSeconds: 0 });
  assert.equal((await client.keys.usage(key.keyId)).keyId, key.keyId);
  await client.keys.revoke(successor.keyId);
  const { keys } = await client.keys.list();
  assert.ok(keys.find(({ keyId }) => keyId === successor.keyId).isRevoked);
});

test('webhooks are registered, changed, tested and deleted', async () => {
  const url = 'https://hooks.example.com/aitbc';
  const made = await client.webhooks.create({ url, events: ['job.completed', 'job.failed'] });
  assert.match(made.secret, /^whsec_/);
  // What the node shows of its keys is what the verifier takes.
  for (const secret of [made.secret, made.publicKey]) {
    const headers = { 'webhook-id': 'a', 'webhook-timestamp': `${Math.floor(Date.now() / 1000)}` };
    const signed = { ...headers, 'webhook-signature': 'v1,AAAA v1a,AAAA' };
    await assert.rejects(verifyWebhook({ body: '{}', headers: signed, secret }), /no signature/);
  }
  const changed = await client.webhooks.update(made.id, { events: ['job.expired'] });
  assert.deepEqual(changed.events, ['job.expired']);
  assert.equal((await client.webhooks.get(made.id)).url, url);
  await client.webhooks.test(made.id);
  const { deliveries } = await client.webhooks.deliveries(made.id);
  assert.equal(deliveries.length, 1);
  assert.deepEqual((await client.webhooks.list()).webhooks.map(({ id }) => id), [made.id]);
  await client.webhooks.delete(made.id);
  await assert.rejects(client.webhooks.get(made.id), { errorCode: 'WEBHOOK_NOT_FOUND' });
});

test('files are stored and read by the digest of their content', async () => {
  const bytes = new Uint8Array(100_000).map((_, at) => at * 7);
  const name = await client.artifacts.upload(bytes);
  assert.match(name, /^sha256:[0-9a-f]{64}$/);
  assert.deepEqual(await client.artifacts.download(name), bytes);
  await assert.rejects(client.artifacts.download(name, { bytesMax: 10 }), /more than 10 bytes/);
  await assert.rejects(client.artifacts.download(`sha256:${'0'.repeat(64)}`), { status: 404 });
});

test('the public part is read without a key', async () => {
  const anybody = new AITBCClient();
  assert.deepEqual((await anybody.marketplace.listOffers()).offers, []);
  assert.equal((await anybody.marketplace.stats()).totalJobs, 0);
  assert.deepEqual(await anybody.receipts.list(), []);
  assert.ok((await anybody.stats()).totalBlocks !== null);
  await assert.rejects(anybody.miners.stats('nobody'), { errorCode: 'MINER_NOT_FOUND' });
});

test('an order that is sent twice under one key is one', async () => {
  const body = { url: 'https://hooks.example.com/twice', events: ['job.completed'] };
  const options = { idempotencyKey: 'one-and-the-same' };
  const first = await client.webhooks.create(body, options);
  const second = await client.webhooks.create(body, options);
  assert.equal(first.id, second.id);
  const other = { ...body, events: ['job.failed'] };
  await assert.rejects(client.webhooks.create(other, options), { errorCode: 'IDEMPOTENCY_KEY_REUSED' });
});
