/** What the steps of docs/proofs.md are called on a page, and how values are written. */

/** By step: its title, with others for some kinds. */
const TITLES = {
  document: 'The bundle can be read',
  genesis: 'It is of one chain, from its genesis on',
  boundaries: 'Each validator set was named by the one before it',
  headers: 'The header is that of a block',
  validators: 'The header names the validator set that this leads to',
  certificate: 'A quorum of that set made the block final',
  inclusion: 'It is in the block',
  signature: 'Its sender signed it',
  receipt: 'It is a receipt',
  state: 'It is what the state held after the block',
  asked: 'It is of what this page is about',
  shown: 'The page shows what is proved',
  payment: 'The page shows the payment that is proved',
};

const OF_KIND = {
  receipt: {
    inclusion: 'The receipt is in the block',
    signature: 'The miner signed it',
    asked: 'It is the receipt of this page',
  },
  transaction: {
    inclusion: 'The transaction is in the block',
    asked: 'It is the transaction of this page',
  },
  outcome: { inclusion: 'The block did this' },
  account: {
    state: 'The account’s record, or its absence, is under the state’s root',
    asked: 'It is the account of this page',
  },
};

/** Names of a verdict's states, and the tone of each. */
export const STATES = {
  passed: { word: 'passed', tone: 'good' },
  failed: { word: 'failed', tone: 'bad' },
  differs: { word: 'differs', tone: 'neutral' },
  running: { word: 'checking', tone: 'wait' },
  'not run': { word: 'not run', tone: 'neutral' },
};

/** Return the title of a step. */
export function titleOf(name, kind) {
  return OF_KIND[kind]?.[name] ?? TITLES[name];
}

/** Return a digest in groups that can be compared by eye. */
export function fingerprint(digest) {
  return digest.match(/.{8}/g).join(' ');
}

/** Return what was proved, as pairs of a name and a text. */
export function claimLines(kind, claims) {
  const { receipt, transaction, outcome, account } = claims;
  const lines = [
    ...(receipt ? receiptLines(receipt) : []),
    ...(transaction ? transactionLines(transaction) : []),
    ...(outcome ? outcomeLines(outcome) : []),
    ...(account ? accountLines(account) : []),
  ];
  const { chainId, height, epoch, blockId, timestampMs, validators, signers } = claims;
  const names = signers.map((at) => validators[at].name);
  return [
    ...lines,
    ['Block', `${height}, of epoch ${epoch}`],
    ['Block id', blockId],
    ['Time of the block', timeText(timestampMs)],
    ['Signed by', `${signers.length} of ${validators.length}: ${names.join(', ')}`],
    ...(kind === 'validators' ? validators.map(({ name, publicKey }) => [name, publicKey]) : []),
    ['Chain', chainId],
    ['Genesis digest', claims.genesisDigest],
  ];
}

function receiptLines(receipt) {
  return [
    ['Receipt', receipt.receiptId],
    ['Job', receipt.jobId],
    ['Miner', receipt.miner],
    ['Client', receipt.client],
    ['Price claimed', moneyText(receipt.priceNait)],
    ['Work claimed', `${microText(receipt.unitsMicro)} ${receipt.unitType.replaceAll('_', ' ')}`],
    ['Model claimed', receipt.model || 'none'],
    ['Digest of the result', receipt.resultDigest],
  ];
}

function transactionLines({ transactionId, sender, feeNait, action, fields }) {
  return [
    ['Transaction', transactionId],
    ['Sender', sender],
    ['Fee', moneyText(feeNait)],
    ['Action', action],
    ...Object.entries(fields).map(([name, value]) => [name, plainText(value)]),
  ];
}

function outcomeLines({ kind, objectId, cause, parties, amountsNait }) {
  return [
    ['Outcome', kind],
    ['Object', objectId || 'none'],
    ['Done by', cause || 'the block, by itself'],
    ...parties.map((party, at) => [party, moneyText(amountsNait[at] ?? 0n)]),
  ];
}

function accountLines({ address, exists, balanceNait }) {
  const balance = exists ? moneyText(balanceNait) : 'none: there is no such account at this height';
  return [
    ['Account', address],
    ['Balance', balance],
  ];
}

/** Return an amount in whole units. */
export function moneyText(nait) {
  return `${decimal(nait, 9)} AITBC`;
}

function microText(micro) {
  return decimal(micro, 6);
}

function decimal(value, places) {
  const digits = String(value).padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  return `${digits.slice(0, -places)}${fraction && '.'}${fraction}`;
}

function timeText(ms) {
  return new Date(ms).toISOString().replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
}

function plainText(value) {
  return Array.isArray(value) ? value.map(plainText).join(', ') : String(value);
}
