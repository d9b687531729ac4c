// Webhooks as Standard Webhooks 1.0 signs them.

import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';

import { WebhookInvalid, verifyWebhook } from '@aitbc/client';

// The example of the standard's own libraries.
const EXAMPLE = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  body: '{"test": 2432232314}',
  headers: {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  },
  now: () => 1614265330_000,
};

test("the standard's example is accepted, and each change of it refused", async () => {
  assert.deepEqual(await verifyWebhook(EXAMPLE), { test: 2432232314 });
  const bytes = { ...EXAMPLE, body: new TextEncoder().encode(EXAMPLE.body) };
  assert.deepEqual(await verifyWebhook(bytes), { test: 2432232314 });
  const asHeaders = { ...EXAMPLE, headers: new Headers(EXAMPLE.headers) };
  assert.deepEqual(await verifyWebhook(asHeaders), { test: 2432232314 });

  const wrong = [
    { body: '{"test": 2432232315}' },
    { secret: 'whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw' },
    ...Object.keys(EXAMPLE.headers).map((name) => ({ headers: { ...EXAMPLE.headers, [name]: '1' } })),
    ...Object.keys(EXAMPLE.headers).map((name) => ({ headers: { ...EXAMPLE.headers, [name]: '' } })),
    { headers: { ...EXAMPLE.headers, 'webhook-timestamp': 'soon' } },
  ];
  for (const change of wrong) {
    await assert.rejects(verifyWebhook({ ...EXAMPLE, ...change }), WebhookInvalid);
  }
});

test('what is older or newer than the tolerance is refused', async () => {
  const at = (seconds) => verifyWebhook({ ...EXAMPLE, now: () => 1614265330_000 + seconds * 1000 });
  await at(300);
  await at(-300);
  await assert.rejects(at(301), /too far/);
  await assert.rejects(at(-301), /too far/);
  const patient = { ...EXAMPLE, toleranceS: 1000, now: () => 1614266000_000 };
  assert.deepEqual(await verifyWebhook(patient), { test: 2432232314 });
  await assert.rejects(verifyWebhook({ ...EXAMPLE, now: undefined }), /too far/);
});

test('one good signature among several is enough, while secrets change', async () => {
  const signature = EXAMPLE.headers['webhook-signature'];
  const several = `v1,bm90IGl0 v1a,bm90IGl0 v2,what v1,* ${signature}`;
  const headers = { ...EXAMPLE.headers, 'Webhook-Signature': several };
  delete headers['webhook-signature'];
  assert.deepEqual(await verifyWebhook({ ...EXAMPLE, headers }), { test: 2432232314 });
});

test('a signature by a key is accepted with the public key, and only then', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url');
  const content = `msg_1.1614265330.${EXAMPLE.body}`;
  const signature = sign(null, Buffer.from(content), privateKey).toString('base64');
  const signed = {
    ...EXAMPLE,
    secret: `whpk_${raw.toString('base64')}`,
    headers: { ...EXAMPLE.headers, 'webhook-id': 'msg_1', 'webhook-signature': `v1a,${signature}` },
  };
  assert.deepEqual(await verifyWebhook(signed), { test: 2432232314 });
  await assert.rejects(verifyWebhook({ ...signed, body: '{}' }), WebhookInvalid);
  // A secret of bytes that happen to be the public key must not make a keyed digest of it.
  const keyed = createHmac('sha256', raw).update(content).digest('base64');
  const forged = { ...signed.headers, 'webhook-signature': `v1,${keyed}` };
  await assert.rejects(verifyWebhook({ ...signed, headers: forged }), WebhookInvalid);
});
