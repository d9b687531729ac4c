// What proofs are made of: paths to roots, canonical bytes, and documents that are no bundles.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { BUNDLE_BYTES_MAX, InvalidValue, checkProof } from '@aitbc/client';

// Modules that the package ships and does not export.
const shipped = dirname(createRequire(import.meta.url).resolve('@aitbc/client'));
const inside = (name) => import(pathToFileURL(join(shipped, name)));
const { decode, encode } = await inside('msgpack.js');
const { isInState, isIncluded } = await inside('proofs/trees.js');
const { PLATFORM } = await inside('crypto.js');

const load = (name) => JSON.parse(readFileSync(join(process.env.VECTORS, name), 'utf8'));
const bytes = (text) => Uint8Array.from(Buffer.from(text, 'hex'));
const hex = (data) => Buffer.from(data).toString('hex');

test('each leaf is where its path says, and nowhere else', async () => {
  const { leaves, trees } = load('merkle_trees.json');
  let tried = 0;
  for (const { count, root, paths } of trees) {
    const tree = { root: bytes(root), count: BigInt(count) };
    for (const [at, told] of paths.entries()) {
      const path = told.map(bytes);
      const place = { leaf: bytes(leaves[at]), index: BigInt(at), path };
      const holds = (changes) => isIncluded(tree, { ...place, ...changes }, PLATFORM);
      assert.equal(await holds({}), true);
      assert.equal(await holds({ index: place.index + 1n }), false);
      assert.equal(await holds({ leaf: bytes('ff') }), false);
      assert.equal(await holds({ path: [...path, new Uint8Array(32)] }), false);
      assert.equal(path.length > 0 && (await holds({ path: path.slice(1) })), false);
      tried += 1;
    }
  }
  assert.ok(tried > 100);
});

test('state proofs get the verdicts of the vectors', async () => {
  let tried = 0;
  for (const { name, root, buckets, proofs, wrong_proofs: wrong } of load('state_trees.json')) {
    for (const [proof, verdict] of [
      ...proofs.map((each) => [each, true]),
      ...wrong.map((each) => [each, false]),
    ]) {
      const value = proof.value === null ? null : bytes(proof.value);
      const found = await isInState(
        { root: bytes(root), buckets: Number(buckets) },
        { key: bytes(proof.key), value },
        { blob: bytes(proof.blob), siblings: proof.siblings.map(bytes) },
        PLATFORM,
      );
      assert.equal(found, verdict, `${name}: ${proof.key}`);
      tried += 1;
    }
  }
  assert.ok(tried > 30);
});

test('what is read is written as the same bytes, at every length', () => {
  for (const size of [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
    for (const value of [new Uint8Array(size), 'x'.repeat(size), Array(size).fill(1n)]) {
      assert.deepEqual(decode(encode(value)), value);
    }
  }
  for (const power of [0n, 7n, 8n, 16n, 32n, 63n]) {
    for (const value of [(1n << power) - 1n, 1n << power]) {
      assert.equal(decode(encode(value)), value);
    }
  }
  for (const { bytes: header } of load('blocks.json').blocks.map((each) => ({ bytes: each.header_bytes }))) {
    assert.equal(hex(encode(decode(bytes(header)))), header);
  }
});

const first = async (document) => (await checkProof(document)).steps[0];

test('documents that are no bundles are refused at the first step, whatever they hold', async () => {
  const deep = 50_000;
  const hostile = [
    ['', 'DOCUMENT_MALFORMED'],
    ['null', 'DOCUMENT_MALFORMED'],
    ['[]', 'DOCUMENT_MALFORMED'],
    ['{"format":"aitbc-proof/1"}', 'DOCUMENT_MALFORMED'],
    ['{"format":7,"kind":"receipt"}', 'DOCUMENT_MALFORMED'],
    ['{"format":"aitbc-proof/2","kind":"receipt"}', 'FORMAT_UNKNOWN'],
    ['{"format":"aitbc-proof/1","kind":"toString"}', 'FORMAT_UNKNOWN'],
    ['{"format":"aitbc-proof/1","kind":"__proto__"}', 'FORMAT_UNKNOWN'],
    ['{"__proto__":{"format":"aitbc-proof/1","kind":"validators"}}', 'DOCUMENT_MALFORMED'],
    ['{"format":"aitbc-proof/1","kind":"validators","constructor":"x"}', 'DOCUMENT_MALFORMED'],
    ['\0{"format":"aitbc-proof/1"}', 'DOCUMENT_MALFORMED'],
    ['\ufeff{"format":"aitbc-proof/1","kind":"receipt"}', 'DOCUMENT_MALFORMED'],
    [`${'['.repeat(deep)}${']'.repeat(deep)}`, 'DOCUMENT_MALFORMED'],
    [`${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`, 'DOCUMENT_MALFORMED'],
    [`"${'a'.repeat(10_000_000)}"`, 'DOCUMENT_MALFORMED'],
    [' '.repeat(BUNDLE_BYTES_MAX + 1), 'DOCUMENT_TOO_LARGE'],
    [Uint8Array.of(0x22, 0xff, 0x22), 'DOCUMENT_MALFORMED'],
    [new Uint8Array(BUNDLE_BYTES_MAX + 1), 'DOCUMENT_TOO_LARGE'],
  ];
  for (const [document, code] of hostile) {
    const step = await first(document);
    assert.deepEqual([step.name, step.verdict, step.code], ['document', 'failed', code]);
    assert.ok(step.reason.length < 200);
  }
});

test('a pin that is no digest is the caller’s mistake', async () => {
  for (const genesisDigest of ['', 'abcd', 'AB'.repeat(32), 7, null]) {
    await assert.rejects(checkProof('{}', { genesisDigest }), InvalidValue);
  }
});
