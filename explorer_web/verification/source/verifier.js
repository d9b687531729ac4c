/** The verifier: on /verify, on the pages of what can be proved, and as one file that asks nobody for anything. */

import { canVerify } from 'sdk/crypto.js';
import { compared } from 'sdk/proofs/asked.js';

import { fetched } from './bundles.js';
import { attachForm } from './form.js';
import { Panel } from './panel.js';

/** What the claims of each kind call the object of a page. */
const OBJECTS = {
  receipt: ({ receipt }) => receipt.receiptId,
  transaction: ({ transaction }) => transaction.transactionId,
  account: ({ account }) => account.address,
};

/** Give life to a section of the site; `app.js` calls this when a reader begins to use it. */
export function attach(holder) {
  const { fallback, bundle, kind, asked } = holder.dataset;
  const panel = new Panel(holder, async () => {
    if (await canVerify()) return undefined;
    holder.querySelector('[data-part="no-crypto"]').hidden = false;
    return (await import(fallback)).FALLBACK;
  });
  const form = holder.querySelector('form');
  if (form !== null) attachForm(form, panel);
  holder.querySelector('[data-part="start"]')?.addEventListener('click', () => {
    holder.querySelector('[data-part="trust"]').hidden = false;
    const isSame = (claims) => OBJECTS[kind](claims) === asked;
    panel.check(() => fetched(bundle), kind, (verdict) => compared(verdict, kind, isSame));
  });
}

/** Give life to the saved file; `fallback` is what checks are done with where there is no WebCrypto. */
export function attachSaved(holder, fallback) {
  const panel = new Panel(holder, async () => ((await canVerify()) ? undefined : fallback));
  attachForm(holder.querySelector('form'), panel);
}
