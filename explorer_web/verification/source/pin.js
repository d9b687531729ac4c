/**
 * The genesis digest that a reader trusts, kept in this browser and nowhere else.
 *
 * Files on a disk are one site to some browsers, where any of them could write what another reads:
 * so the saved verifier keeps it while it is open, and no longer.
 */

const PLACE = 'aitbc.genesis';
const DIGEST = /^[0-9a-f]{64}$/;

/** Where pages keep it. */
export const IN_BROWSER = { pinned, keep };

/** Where the saved file does. */
export const WHILE_OPEN = { pinned: () => undefined, keep: () => false };

/** Return the pinned digest, undefined if there is none. */
function pinned() {
  try {
    return digestIn(localStorage.getItem(PLACE) ?? '');
  } catch {
    return undefined; // Storage is refused to this page.
  }
}

/** Keep a digest, or none; return whether the browser keeps it. */
function keep(digest) {
  try {
    if (digest === undefined) localStorage.removeItem(PLACE);
    else localStorage.setItem(PLACE, digest);
    return true;
  } catch {
    return false;
  }
}

/** Return the digest in what somebody typed: spaces, line breaks and capitals are forgiven. */
export function digestIn(text) {
  const bare = text.replace(/\s/g, '').toLowerCase();
  return DIGEST.test(bare) ? bare : undefined;
}
