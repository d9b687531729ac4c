/** Whether a page shows what is proved: the last two steps of a page's check. */

import { compared } from 'sdk/proofs/asked.js';

import { moneyText } from './words.js';

/** Values named in a reason. */
const NAMED_MAX = 3;

/** Characters of a value in a reason. */
const CUT = 80;

/** What the claims of each kind call the object of a page. */
const OBJECTS = {
  receipt: ({ receipt }) => receipt.receiptId,
  transaction: ({ transaction }) => transaction.transactionId,
  account: ({ account }) => account.address,
};

/** What is proved, by the names of `proved.py`. */
const PROVED = {
  receipt: ({ receipt }) => ({
    ...receipt.transaction.fields,
    miner: receipt.miner,
    unitType: receipt.unitType,
  }),
  transaction: ({ transaction }) => ({ ...transaction, fee: transaction.feeNait }),
};

/**
 * Return a verdict that also tells whether the bundle is of the page's object, and whether the
 * page shows what it proves. Other values are no fault of the bundle: it stays valid, with claims.
 *
 * @param {object} verdict of `checkProof`.
 * @param {object} page its `kind`, the object's name (`asked`), and texts by name (`shown`).
 */
export function comparedWithPage(verdict, { kind, asked, shown }) {
  const found = compared(verdict, kind, (claims) => OBJECTS[kind](claims) === asked);
  if (!found.valid) return found;
  const step = kind === 'account' ? ofAccount(found.claims, shown) : ofSigned(found, shown);
  return { ...found, steps: [...found.steps, { name: 'shown', ...step }] };
}

function ofSigned({ kind, claims }, shown) {
  const { height, blockId, timestampMs } = claims;
  const proved = { ...PROVED[kind](claims), height, blockId, timestampMs };
  return verdictOn(shown, proved);
}

/** An account moves on: only of one and the same block can there be a contradiction. */
function ofAccount({ account, height }, shown) {
  const proved = { height, balance: account.balanceNait };
  if (shown.height === String(height)) return verdictOn(shown, proved);
  const was = `The page showed ${moneyText(shown.balance)} after block ${shown.height}`;
  const now = `proved is ${moneyText(account.balanceNait)} after block ${height}`;
  const verdict = shown.balance === String(account.balanceNait) ? 'passed' : 'differs';
  return { verdict, detail: `${was}; ${now}.` };
}

function verdictOn(shown, proved) {
  const said = Object.entries(shown);
  const other = said.filter(([name, text]) => text !== provedText(proved, name));
  if (said.length > 0 && other.length === 0) {
    const names = said.map(([name]) => wordsOf(name)).join(', ');
    return { verdict: 'passed', detail: `As proved: ${names}.` };
  }
  const reason = other
    .slice(0, NAMED_MAX)
    .map(([name, text]) => `${wordsOf(name)}: ${cut(text)} here, proved ${cut(provedText(proved, name))}`);
  return { verdict: 'failed', code: 'OTHER_VALUES', reason: reason.join('; ') };
}

function provedText(proved, name) {
  const member = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  return Object.hasOwn(proved, member) ? String(proved[member]) : 'not proved';
}

function cut(text) {
  return text.length > CUT ? `${text.slice(0, CUT)}…` : text;
}

function wordsOf(name) {
  return name.replace(/_(ms|micro)$/, '').replaceAll('_', ' ');
}
