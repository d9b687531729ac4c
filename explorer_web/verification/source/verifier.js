/** The verifier: on /verify, on the pages of what can be proved, and as one file that asks nobody for anything. */

import { canVerify } from 'sdk/crypto.js';

import { fetched } from './bundles.js';
import { attachForm } from './form.js';
import { Panel } from './panel.js';
import { withPayment } from './payments.js';
import { IN_BROWSER, WHILE_OPEN } from './pin.js';
import { comparedWithPage } from './shown.js';

/** Give life to a section of the site; `app.js` calls this when a reader begins to use it. */
export function attach(holder) {
  const { fallback, bundle, kind, asked, shown, payment } = holder.dataset;
  const panel = new Panel(holder, async () => {
    if (await canVerify()) return undefined;
    holder.querySelector('[data-part="no-crypto"]').hidden = false;
    return (await import(fallback)).FALLBACK;
  }, IN_BROWSER);
  const form = holder.querySelector('form');
  if (form !== null) attachForm(form, panel);
  holder.querySelector('[data-part="start"]')?.addEventListener('click', () => {
    holder.querySelector('[data-part="trust"]').hidden = false;
    const page = { kind, asked, shown: JSON.parse(shown) };
    const paid = payment && JSON.parse(payment);
    panel.check(() => fetched(bundle), kind, (verdict, judge) => withPayment(
      comparedWithPage(verdict, page),
      paid,
      async (url) => judge(await fetched(url)),
    ));
  });
}

/** Give life to the saved file; `fallback` is what checks are done with where there is no WebCrypto. */
export function attachSaved(holder, fallback) {
  const primitives = async () => ((await canVerify()) ? undefined : fallback);
  const panel = new Panel(holder, primitives, WHILE_OPEN);
  attachForm(holder.querySelector('form'), panel);
}
