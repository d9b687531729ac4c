// Calls against a server that answers what the test tells it to.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  AITBCClient,
  ApiError,
  CALL_TIMEOUT_MS,
  CallTimeout,
  ConnectionFailed,
  InvalidValue,
  JOB_TIMEOUT_MS,
  JobFailed,
  JobTimeout,
  PRODUCTION_URL,
} from '@aitbc/client';

import { clientOf, refusal, seen, server } from './answering.mjs';

test('a client without settings opens nothing and goes to production', () => {
  delete process.env.AITBC_BASE_URL;
  let opened = 0;
  const fetch = () => {
    opened += 1;
  };
  assert.ok(new AITBCClient({ apiKey: 'your_key', fetch }));
  assert.ok(new AITBCClient());
  assert.equal(opened, 0);
  assert.equal(PRODUCTION_URL, 'https://aitbc.bubuit.net/api');
  assert.deepEqual([CALL_TIMEOUT_MS, JOB_TIMEOUT_MS], [30_000, 300_000]);
});

test('production and the environment decide the address, in this order: settings, it, production', async () => {
  const urls = [];
  const fetch = async (url) => {
    urls.push(url);
    return new Response('{}');
  };
  await new AITBCClient({ fetch }).stats();
  process.env.AITBC_BASE_URL = 'http://localhost:8011/';
  await new AITBCClient({ fetch }).stats();
  await new AITBCClient({ fetch, baseUrl: 'http://127.0.0.1:1/api' }).stats();
  delete process.env.AITBC_BASE_URL;
  assert.deepEqual(urls, [
    'https://aitbc.bubuit.net/api/v1/stats',
    'http://localhost:8011/v1/stats',
    'http://127.0.0.1:1/api/v1/stats',
  ]);
});

test('wrong settings are refused at once', () => {
  for (const wrong of [
    { baseUrl: 'localhost:8011' },
    { baseUrl: 'ftp://localhost' },
    { baseUrl: 'http://localhost?x=1' },
    { version: '2024-01-02' },
    { retry: { attempts: 0 } },
  ]) {
    assert.throws(() => new AITBCClient(wrong), InvalidValue);
  }
});

test('every request carries version, key and media types; bodies have the names of the wire', async () => {
  server.answers = [{ status: 201, body: { job_id: 'job_1', status: 'submitted' } }];
  const job = await clientOf().jobs.create({
    name: 'my-job',
    type: 'ai-inference',
    model: { type: 'python', entrypoint: 'model.py' },
    input: { someKey: 1, other_key: { deepKey: 2 } },
    pricing: { maxCost: '0.10' },
  });
  assert.deepEqual(job, { jobId: 'job_1', status: 'submitted' });
  const [{ method, url, headers, body }] = seen;
  assert.deepEqual([method, url], ['POST', '/v1/jobs']);
  assert.equal(headers['aitbc-version'], '2024-01-01');
  assert.equal(headers['x-api-key'], 'a key');
  assert.match(headers.accept, /application\/problem\+json/);
  assert.equal(headers['content-type'], 'application/json');
  assert.match(headers['idempotency-key'], /^[0-9a-f]{32}$/);
  assert.deepEqual(JSON.parse(body), {
    name: 'my-job',
    type: 'ai-inference',
    model: { type: 'python', entrypoint: 'model.py' },
    input: { someKey: 1, other_key: { deepKey: 2 } },
    pricing: { max_cost: '0.10' },
  });
});

test('keys inside results, metadata and schemas are data and stay', async () => {
  const results = { processing_time: 1.23, nested: [{ a_b: 1 }] };
  server.answers = [
    { body: { job_id: 'job_1', status: 'completed', results, completed_at: 't' } },
    { body: { properties: { max_tokens: { type: 'integer' } } } },
    { body: { result: { output: 'x', metadata: { model_alias_of: 'y' } }, proof: { result_digest: 'd' } } },
  ];
  const client = clientOf();
  assert.deepEqual(await client.jobs.getResults('job_1'), {
    jobId: 'job_1',
    status: 'completed',
    results,
    completedAt: 't',
  });
  const schema = await client.registry.schema('llm_inference');
  assert.deepEqual(schema, { properties: { max_tokens: { type: 'integer' } } });
  const { result, proof } = await client.jobs.getResult('job_1');
  assert.deepEqual(result.metadata, { model_alias_of: 'y' });
  assert.deepEqual(proof, { resultDigest: 'd' });
});

test('an error says what the node said', async () => {
  const errors = [{ pointer: '/limit', code: 'INVALID', message: 'must be a number' }];
  server.answers = [{ status: 400, body: { detail: 'd', error_code: 'C', request_id: 'r', errors } }];
  await assert.rejects(clientOf().jobs.list({ limit: 0 }), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.name, 'ApiError');
    assert.deepEqual(
      [error.status, error.errorCode, error.detail, error.requestId, error.errors],
      [400, 'C', 'd', 'r', errors],
    );
    return true;
  });
  server.answers = [{ status: 502, body: '<html>' }];
  const once = clientOf({ retry: { attempts: 1 } });
  await assert.rejects(once.stats(), { status: 502, errorCode: 'HTTP_502' });
  server.answers = [{ body: 'no json' }];
  await assert.rejects(once.stats(), { errorCode: 'UNEXPECTED_ANSWER' });
});

test('refusals of a moment are repeated after as long as the node asks for', async () => {
  server.answers = [
    refusal(429, 'RATE_LIMIT_EXCEEDED', { headers: { 'Retry-After': '1' } }),
    refusal(503, 'CHAIN_UNAVAILABLE'),
    { status: 201, body: { job_id: 'job_1' } },
  ];
  const began = Date.now();
  const job = await clientOf().jobs.create({ prompt: 'x' });
  assert.equal(job.jobId, 'job_1');
  assert.ok(Date.now() - began >= 990, 'Retry-After is honoured');
  assert.equal(seen.length, 3);
  const keys = new Set(seen.map(({ headers }) => headers['idempotency-key']));
  assert.equal(keys.size, 1, 'it is the same submission each time');
});

test('a node that asks for too much patience is not asked again', async () => {
  server.answers = [refusal(429, 'RATE_LIMIT_EXCEEDED', { headers: { 'Retry-After': '60' } })];
  await assert.rejects(clientOf().stats(), { status: 429, retryAfterS: 60 });
  assert.equal(seen.length, 1);
});

test('a lost connection is tried again, and all attempts are as many as stated', async () => {
  server.answers = ['hang up', 'hang up', { body: { total_jobs: 1 } }];
  assert.deepEqual(await clientOf().stats(), { totalJobs: 1 });
  seen.length = 0;
  server.answers = ['hang up', 'hang up', 'hang up', 'hang up', 'hang up'];
  await assert.rejects(clientOf().stats(), ConnectionFailed);
  assert.equal(seen.length, 4);
  server.answers = [];
});

test('what is wrong is not repeated', async () => {
  for (const [status, code] of [[400, 'VALIDATION_ERROR'], [401, 'INVALID_API_KEY'], [404, 'JOB_NOT_FOUND'], [409, 'JOB_ALREADY_COMPLETED'], [500, 'INTERNAL_ERROR']]) {
    seen.length = 0;
    server.answers = [refusal(status, code)];
    await assert.rejects(clientOf().jobs.get('job_1'), { status, errorCode: code });
    assert.equal(seen.length, 1);
  }
});

test('no call outlasts its limit, and any can be given up', async () => {
  server.answers = [];
  await assert.rejects(clientOf({ timeoutMs: 50 }).stats(), CallTimeout);
  await assert.rejects(clientOf().stats({ timeoutMs: 50 }), CallTimeout);
  const controller = new AbortController();
  const reason = new Error('I changed my mind');
  setTimeout(() => controller.abort(reason), 20);
  await assert.rejects(clientOf().stats({ signal: controller.signal }), reason);
  await assert.rejects(clientOf().stats({ signal: AbortSignal.abort() }), { name: 'AbortError' });
});

test('an answer that never ends is not read for ever', async () => {
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(1 << 20)),
  });
  const client = new AITBCClient({ fetch: async () => new Response(endless) });
  await assert.rejects(client.stats(), /more than/);
});

test('results are waited for, and failures have their own error', async () => {
  server.answers = [
    refusal(409, 'JOB_NOT_COMPLETED', { headers: { 'Retry-After': '1' } }),
    { body: { job_id: 'job_1', results: { output: 'x' } } },
  ];
  const found = await clientOf().jobs.getResults('job_1');
  assert.deepEqual(found.results, { output: 'x' });
  assert.match(seen[0].url, /^\/v1\/jobs\/job_1\/results\?wait=[0-9]+$/);
  for (const [code, state] of [['JOB_FAILED', 'failed'], ['JOB_CANCELLED', 'cancelled'], ['JOB_EXPIRED', 'expired']]) {
    server.answers = [refusal(409, code)];
    await assert.rejects(clientOf().jobs.getResults('job_1'), (error) => {
      assert.ok(error instanceof JobFailed);
      assert.deepEqual([error.jobId, error.state, error.reason], ['job_1', state, 'because']);
      return true;
    });
  }
  server.answers = [refusal(404, 'JOB_NOT_FOUND')];
  await assert.rejects(clientOf().jobs.getResults('job_1'), { errorCode: 'JOB_NOT_FOUND' });
  server.answers = [refusal(409, 'JOB_NOT_COMPLETED'), refusal(409, 'JOB_NOT_COMPLETED')];
  const impatient = clientOf().jobs.getResults('job_1', { timeoutMs: 60 });
  await assert.rejects(impatient, JobTimeout);
  server.answers = [{ body: { status: 'running' } }, { body: { state: 'EXPIRED' } }];
  assert.deepEqual(await clientOf().jobs.wait('job_1'), { state: 'EXPIRED' });
});

test('all jobs are read, whatever the page that was asked for and the one that came', async () => {
  const jobs = Array.from({ length: 250 }, (_, number) => ({ job_id: `job_${number}` }));
  const pages = (size, shape) => [0, 1, 2, 3, 4, 5, 6].map((page) => ({
    body: shape(jobs.slice(page * size, (page + 1) * size), page * size),
  }));
  const found = async (limit, size, shape) => {
    server.answers = pages(size, shape);
    seen.length = 0;
    const ids = new Set();
    for await (const { jobId } of clientOf().jobs.iterate({ limit, status: 'x' })) ids.add(jobId);
    server.answers = [];
    return ids.size;
  };
  const shown = (size) => (part, offset) => ({ jobs: part, total: 250, limit: size, offset });
  for (const [limit, size] of [[undefined, 100], [200, 100], [100, 40], [50, 50], [125, 100]]) {
    assert.equal(await found(limit, size, shown(size)), 250, `${limit} ${size}`);
    const offsets = seen.map(({ url }) => new URL(url, server.url).searchParams.get('offset'));
    assert.deepEqual(offsets.slice(0, 3), ['0', `${size}`, `${2 * size}`]);
  }
  assert.equal(await found(200, 100, (part) => part), 250, 'bare arrays, of 2026-01-24');
  assert.ok(seen.every(({ url }) => url.includes('limit=100&') && url.includes('status=x')));
  assert.equal(await found(100, 100, () => ({ jobs: [], total: 250, limit: 0 })), 0);
  assert.equal(seen.length, 1, 'a page without jobs is the last');
});

test('a job that is ordered meanwhile makes none be told twice', async () => {
  const page = (...ids) => ({ body: { jobs: ids.map((id) => ({ job_id: id })), limit: 2 } });
  server.answers = [page('c', 'b'), page('b', 'a'), page()];
  const ids = [];
  for await (const { jobId } of clientOf().jobs.iterate({ limit: 2 })) ids.push(jobId);
  assert.deepEqual(ids, ['c', 'b', 'a']);
});

test('ids cannot lead elsewhere', async () => {
  server.answers = [{}];
  await clientOf().jobs.get('../admin?x#y');
  assert.equal(seen[0].url, '/v1/jobs/..%2Fadmin%3Fx%23y');
  for (const id of ['', '.', '..', undefined]) {
    await assert.rejects(clientOf().jobs.get(id), InvalidValue);
  }
});

test('a redirect is not followed', async () => {
  server.answers = [{ status: 302, headers: { Location: `${server.url}/elsewhere` } }, {}];
  await assert.rejects(clientOf({ retry: { attempts: 1 } }).stats(), ConnectionFailed);
  assert.equal(seen.length, 1);
  server.answers = [];
});

test('the pages of a list are followed to the end, and nowhere else', async () => {
  const link = (query) => ({ Link: `<https://elsewhere.example/api/v1/x?${query}>; rel="next"` });
  server.answers = [
    { body: { offers: [{ offer_id: 'a' }] }, headers: link('limit=2&job_type=llm_inference&cursor=c1') },
    { body: { offers: [{ offer_id: 'b' }] } },
  ];
  const found = [];
  for await (const { offerId } of clientOf().marketplace.iterateOffers({ jobType: 'llm_inference', limit: 2 })) {
    found.push(offerId);
  }
  assert.deepEqual(found, ['a', 'b']);
  assert.deepEqual(seen.map(({ url }) => url), [
    '/v1/marketplace/offers?limit=2&job_type=llm_inference',
    '/v1/marketplace/offers?limit=2&job_type=llm_inference&cursor=c1',
  ]);
});

test('a statement as CSV is one sheet, however many pages it has', async () => {
  server.answers = [
    { body: 'at,kind\r\n1,escrow\r\n', headers: { Link: '</v1/statements.csv?cursor=c>; rel="next"' } },
    { body: 'at,kind\r\n2,refund\r\n' },
  ];
  assert.equal(await clientOf().me.statementCsv(), 'at,kind\r\n1,escrow\r\n2,refund\r\n');
});

test('an order says that it would rather be refused, and how long it waits', async () => {
  server.answers = [{ body: { job_id: 'job_1' } }, { body: { job_id: 'job_1' } }, { body: { job_id: 'job_1' } }];
  const client = clientOf();
  await client.jobs.create({}, { strict: true, waitMs: 30_000 });
  await client.services.infer({}, { waitMs: 1 });
  await client.jobs.create({});
  await assert.rejects(client.jobs.create({}, { waitMs: 30_001 }), InvalidValue);
  const told = seen.map(({ headers }) => headers.prefer);
  assert.deepEqual(told, ['handling=strict, wait=30', 'wait=1', undefined]);
  assert.ok(seen.every(({ headers }) => /^[0-9a-f]{32}$/.test(headers['idempotency-key'])));
});

test('programs and requirements that a miner named stay as they are, lists of the API do not', async () => {
  const python = { packages: ['numpy'], programs: { 'my_prog/model.py': { uses_gpu: false } } };
  server.answers = [
    { body: { miner_id: 'm', python } },
    { body: { offer_id: 'o', requirements: { own_key: 'x_y' } } },
    { body: { service_id: 's', requirements: [{ component: 'gpu', unit_name: 'GiB' }] } },
  ];
  const client = clientOf();
  const miner = await client.miners.get('m');
  assert.deepEqual(Object.keys(miner.python.programs), ['my_prog/model.py']);
  assert.deepEqual((await client.marketplace.getOffer('o')).requirements, { own_key: 'x_y' });
  assert.equal((await client.registry.requirements('s')).requirements[0].unitName, 'GiB');
});

test('a refusal names the fields at fault', async () => {
  const errors = [{ pointer: '/ttl_seconds', code: 'OUT_OF_RANGE', detail: 'must be 1 or more' }];
  server.answers = [{ status: 400, body: { detail: 'no', error_code: 'VALIDATION_ERROR', errors } }];
  const error = await clientOf().jobs.create({}).catch((caught) => caught);
  assert.deepEqual(error.errors, errors);
});

test('who was refused together does not come back together', async () => {
  const asked = [];
  const fetch = async () => {
    asked.push(performance.now());
    const refused = { status: 429, headers: { 'Retry-After': '0' } };
    return asked.length === 1 ? new Response('{}', refused) : new Response('{}');
  };
  await clientOf({ fetch, retry: { baseMs: 40 } }).stats();
  assert.ok(asked[1] - asked[0] >= 19, 'jitter is added to what the node asks for');
});
