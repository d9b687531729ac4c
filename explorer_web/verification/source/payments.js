/** Whether a page shows the payment that a final block made: the last step of a receipt's check. */

import { moneyText } from './words.js';

/** Add a step for the payment of `proved.py`, if any; not run where its proof cannot be had. */
export async function withPayment(verdict, payment, prove) {
  if (!payment || verdict.steps.some((step) => step.verdict !== 'passed')) return verdict;
  const step = await stepOf(verdict, payment, prove);
  return { ...verdict, steps: [...verdict.steps, { name: 'payment', ...step }] };
}

async function stepOf({ claims }, payment, prove) {
  let found;
  try {
    found = await prove(payment.url);
  } catch (error) {
    return { verdict: 'not run', detail: error.message };
  }
  if (!found.valid) {
    const { name, code, reason } = found.steps.find((step) => step.verdict === 'failed');
    return failed(code, `${name}: ${reason}`);
  }
  return isOfThis(found, claims, payment)
    ? judged(payment, paidBy(found.claims.outcome))
    : failed('OTHER_OBJECT', 'the bundle proves something else than what was asked for');
}

/** Whether both proofs are of one chain and one job. */
function isOfThis({ claims }, { genesisDigest }, { jobId, end }) {
  return claims.genesisDigest === genesisDigest
    && claims.outcome?.objectId === jobId
    && claims.outcome.kind === end;
}

/** To whom a job's escrow went: only who settles pays others than the client. */
function paidBy({ kind, amountsNait }) {
  const [miner, coordinator] = kind === 'job_settled' ? amountsNait : [0n, 0n];
  return { miner, coordinator, client: amountsNait.at(-1) };
}

function judged({ paid }, proved) {
  const all = Object.keys(proved);
  const other = all.filter((who) => paid[who] !== String(proved[who]));
  const told = (each, of) => each.map((who) => `${who} ${moneyText(of[who])}`).join(', ');
  if (other.length > 0) {
    return failed('OTHER_VALUES', `${told(other, paid)} here, proved ${told(other, proved)}`);
  }
  return { verdict: 'passed', detail: `As proved: ${told(all, proved)}.` };
}

function failed(code, reason) {
  return { verdict: 'failed', code, reason };
}
