/** What transactions do: number, name and fields of each action, as the chain encodes them. */

import { InvalidValue } from './errors.js';
import { COUNT_MAX, TIME_MAX, anyArray, bytesOf, integerTo, structOf, textLike } from './shapes.js';

/** What a receipt counts, by its number on the chain. */
export const UNIT_TYPES = Object.freeze([
  'none',
  'tokens',
  'audio_seconds',
  'images',
  'video_seconds',
  'frames',
  'compute_seconds',
]);

const hash = bytesOf(32);
const address = bytesOf(20);
const amount = integerTo(COUNT_MAX);
const time = integerTo(TIME_MAX);
const reason = integerTo(11n);
const unitType = integerTo(BigInt(UNIT_TYPES.length - 1));
const service = textLike(/^[a-z0-9][a-z0-9_-]{0,31}$/);

const JOB = [['jobId', hash]];
const ATTEMPT = [...JOB, ['attempt', amount]];
const RECEIPT = [...JOB, ['receiptId', hash]];

/** By number: name, then each field's name and check. */
const ACTIONS = new Map([
  [1n, ['transfer', [['to', address], ['amount', amount]]]],
  [
    2n,
    [
      'register_miner',
      [
        ['name', textLike(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)],
        ['capabilitiesDigest', hash],
        ['priceFloor', amount],
        ['bond', amount],
        ['custody', integerTo(1n)],
      ],
    ],
  ],
  [3n, ['update_miner', [['capabilitiesDigest', hash], ['priceFloor', amount]]]],
  [4n, ['retire_miner', []]],
  [
    5n,
    [
      'submit_job',
      [
        ['coordinator', address],
        ['service', service],
        ['payloadDigest', hash],
        ['maxPrice', amount],
        ['startByMs', time],
        ['deadlineMs', time],
        ['disputeMs', time],
        ['streamed', yesOrNo],
        ['verification', integerTo(1n)],
      ],
    ],
  ],
  [
    6n,
    [
      'assign_job',
      [
        ...ATTEMPT,
        ['miner', address],
        ['priceCap', amount],
        ['unitType', unitType],
        ['unitPrice', amount],
        ['leaseEndMs', time],
      ],
    ],
  ],
  [7n, ['release_job', [...ATTEMPT, ['reason', reason]]]],
  [
    8n,
    [
      'post_receipt',
      [
        ...ATTEMPT,
        ['client', address],
        ['coordinator', address],
        ['payloadDigest', hash],
        ['priceCap', amount],
        ['resultDigest', hash],
        ['unitsMicro', amount],
        ['unitType', unitType],
        ['price', amount],
        ['model', textLike(/^[A-Za-z0-9._:/+-]{0,64}$/)],
        ['startedMs', time],
        ['completedMs', time],
      ],
    ],
  ],
  [9n, ['attest_receipt', [...RECEIPT, ['kind', from(1n, 2n)]]]],
  [10n, ['accept_receipt', RECEIPT]],
  [11n, ['dispute_receipt', [...RECEIPT, ['reason', reason], ['bond', amount]]]],
  [12n, ['fail_job', [...ATTEMPT, ['reason', reason]]]],
  [13n, ['cancel_job', [...JOB, ['compensationMax', amount]]]],
  [
    14n,
    [
      'post_offer',
      [
        ['service', service],
        ['price', amount],
        ['capacity', from(1n, 1_000_000n)],
        ['requirementsDigest', hash],
        ['expiresMs', time],
      ],
    ],
  ],
  [15n, ['withdraw_offer', [['offerId', hash]]]],
  [16n, ['accept_offer', [...JOB, ['offerId', hash], ['price', amount]]]],
  [
    17n,
    [
      'cast_vote',
      [['ballotId', orNothing(hash)], ['motion', orNothing(array)], ['support', yesOrNo]],
    ],
  ],
  [18n, ['submit_evidence', [['authority', hash], ['first', array], ['second', array]]]],
]);

/**
 * Return the name and the fields of an action; integers as BigInt. Motions and the statements of
 * evidence stay the arrays that they are.
 *
 * @throws {InvalidValue} there is no such action, or a field is out of range.
 */
export function actionFields(action) {
  const [number, ...values] = anyArray(action, 'action');
  const known = ACTIONS.get(number);
  if (known === undefined) {
    throw new InvalidValue('action', 'has an unknown number');
  }
  return { name: known[0], fields: structOf(values, known[1], 'action') };
}

function yesOrNo(field, value) {
  if (typeof value !== 'boolean') {
    throw new InvalidValue(field, 'must be true or false');
  }
  return value;
}

function array(field, value) {
  return anyArray(value, field);
}

function orNothing(check) {
  return (field, value) => (value === null ? null : check(field, value));
}

function from(least, most) {
  return (field, value) => {
    if (integerTo(most)(field, value) < least) {
      throw new InvalidValue(field, `must be at least ${least}`);
    }
    return value;
  };
}
