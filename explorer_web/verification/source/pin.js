/** The genesis digest that a reader trusts, kept in this browser and nowhere else. */

const PLACE = 'aitbc.genesis';
const DIGEST = /^[0-9a-f]{64}$/;

/** Return the pinned digest, undefined if there is none. */
export function pinned() {
  try {
    return digestIn(localStorage.getItem(PLACE) ?? '');
  } catch {
    return undefined; // Storage is refused to this page.
  }
}

/** Keep a digest, or none; return whether the browser keeps it. */
export function keep(digest) {
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
