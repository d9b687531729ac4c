/** Where bundles come from: the node, a file, or what somebody pasted. */

import { BUNDLE_BYTES_MAX } from 'sdk/proofs/document.js';

/** Resolve to the bytes of the node's answer; no more is read than a bundle may have. */
export async function fetched(url) {
  const answer = await fetch(url, { headers: { Accept: 'application/json' } });
  if (!answer.ok) {
    const told = await answer.json().catch(() => null);
    throw new Error(`The node answered ${answer.status}. ${String(told?.detail ?? '').slice(0, 300)}`);
  }
  const parts = [];
  let size = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    if (size > BUNDLE_BYTES_MAX) {
      await reader.cancel();
      break;
    }
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Resolve to the bytes of a file; of one that is too long, no more than shows that it is. */
export async function readFile(file) {
  return new Uint8Array(await file.slice(0, BUNDLE_BYTES_MAX + 1).arrayBuffer());
}
