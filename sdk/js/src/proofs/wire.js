/** What nodes exchange, decoded: headers, certificates, validator sets, records (T3). */

import { isSoundKey } from '../crypto.js';
import { InvalidValue } from '../errors.js';
import { decode, encode } from '../msgpack.js';
import {
  COUNT_MAX,
  TIME_MAX,
  anyArray,
  anyBytes,
  anyText,
  arrayOf,
  bytesOf,
  integerTo,
  structOf,
  textLike,
} from '../shapes.js';
import { CHAIN_ID } from '../transactions.js';
import { reading, require } from './refusal.js';

const VALIDATORS_MAX = 100;
const BUCKETS_MIN = 2n ** 8n;
const BUCKETS_MAX = 2n ** 20n;

/** Stands where there is no hash (S13). */
const ZERO_HASH = new Uint8Array(32);

/** What happened to an object, by the first number of an outcome record (J28). */
export const OUTCOME_KINDS = new Map([
  [1n, 'job_locked'],
  [2n, 'job_assigned'],
  [3n, 'job_released'],
  [4n, 'receipt_posted'],
  [5n, 'receipt_attested'],
  [6n, 'receipt_disputed'],
  [7n, 'job_settled'],
  [8n, 'job_refunded'],
  [9n, 'job_failed'],
  [10n, 'job_cancelled'],
  [11n, 'job_expired'],
  [20n, 'miner_registered'],
  [21n, 'miner_updated'],
  [22n, 'miner_retired'],
  [23n, 'bond_returned'],
  [24n, 'units_issued'],
  [25n, 'offer_posted'],
  [26n, 'offer_accepted'],
  [27n, 'offer_withdrawn'],
  [28n, 'offer_expired'],
  [30n, 'ballot_opened'],
  [31n, 'ballot_voted'],
  [32n, 'ballot_passed'],
  [33n, 'ballot_expired'],
  [34n, 'validator_added'],
  [35n, 'validator_removed'],
  [36n, 'validator_accused'],
  [37n, 'coordinator_added'],
  [38n, 'coordinator_removed'],
  [39n, 'parameter_changed'],
]);

/** Kinds of votes, by the first number of a statement. */
export const VOTES = new Map([
  [1n, 'notarize'],
  [2n, 'nullify'],
  [3n, 'finalize'],
]);

const hash = bytesOf(32);
const address = bytesOf(20);
const count = integerTo(COUNT_MAX);

const HEADER = [
  ['version', integerTo(COUNT_MAX)],
  ['chainId', textLike(CHAIN_ID)],
  ['epoch', count],
  ['view', count],
  ['height', count],
  ['parentId', hash],
  ['parentView', count],
  ['timestampMs', integerTo(TIME_MAX)],
  ['proposer', hash],
  ['transactionRoot', hash],
  ['transactionCount', count],
  ['outcomeRoot', hash],
  ['outcomeCount', count],
  ['stateRoot', hash],
  ['validatorSetHash', hash],
  ['nextValidatorSetHash', hash],
];

const PUBLIC_KEY = ['publicKey', hash];
const NAME = ['name', anyText];
const PAYOUT = ['payout', address];

const STATEMENT = [
  ['kind', count],
  ['epoch', count],
  ['view', votedView],
  ['parentView', count],
  ['blockId', hash],
];

const OUTCOME = [
  ['kind', count],
  ['cause', anyBytes],
  ['objectId', anyBytes],
  ['code', count],
  ['parties', listOf(address)],
  ['amounts', listOf(count)],
];

/** Return a header with its `bytes`, and whether it `endsEpoch`. */
export function readHeader(bytes) {
  return reading('HEADER_MALFORMED', () => {
    const header = structOf(decode(bytes, 'header'), HEADER, 'header');
    if (header.version !== 1n) {
      throw new InvalidValue('header', `version must be 1, not ${header.version}`);
    }
    const endsEpoch = header.nextValidatorSetHash.some((byte, at) => byte !== ZERO_HASH[at]);
    return { ...header, bytes, endsEpoch };
  });
}

/** Return a certificate: its statement's fields and `entries`, each with signer and signature. */
export function readCertificate(bytes) {
  return reading('CERTIFICATE_MALFORMED', () => {
    const [said, entries] = arrayOf(decode(bytes, 'certificate'), 2, 'certificate');
    const statement = readStatement(said);
    const read = anyArray(entries, 'entries').map((entry) => {
      const [signer, signature] = arrayOf(entry, 2, 'entry');
      return {
        signer: Number(integerTo(BigInt(VALIDATORS_MAX - 1))('signer', signer)),
        signature: bytesOf(64)('signature', signature),
      };
    });
    if (read.length > VALIDATORS_MAX) {
      throw new InvalidValue('entries', `must be at most ${VALIDATORS_MAX}`);
    }
    return { statement, entries: read, statementBytes: encode(said) };
  });
}

function readStatement(said) {
  const kind = VOTES.get(anyArray(said, 'statement')[0]);
  if (kind === undefined) {
    throw new InvalidValue('statement', 'is of an unknown kind');
  }
  const fields = kind === 'nullify' ? STATEMENT.slice(0, 3) : STATEMENT;
  const statement = structOf(said, fields, 'statement');
  return { ...statement, kind };
}

/** Return the members of a validator set, with its `bytes`. */
export function readSet(bytes) {
  const members = reading('SET_MALFORMED', () => {
    const [listed] = arrayOf(decode(bytes, 'set'), 1, 'set');
    return readMembers(listed, [PUBLIC_KEY, NAME, PAYOUT]);
  });
  return checkedSet(members, bytes);
}

/** Return the name, the buckets and the first set of a canonical specification (S14). */
export function readSpecification(bytes) {
  const { name, buckets, members } = reading('GENESIS_MALFORMED', () => {
    const values = arrayOf(decode(bytes, 'specification'), 8, 'specification');
    if (values[0] !== 1n) {
      throw new InvalidValue('specification', 'is of an unknown version');
    }
    return {
      name: textLike(/^[a-z0-9-]{1,32}$/)('name', values[1]),
      buckets: readBuckets(values[3]),
      members: readMembers(values[5], [NAME, PUBLIC_KEY, PAYOUT]),
    };
  });
  // A set has the members' fields in another order.
  const wire = [members.map(({ publicKey, name: shown, payout }) => [publicKey, shown, payout])];
  return { name, buckets, set: checkedSet(members, encode(wire)) };
}

function readBuckets(value) {
  const buckets = integerTo(BUCKETS_MAX)('buckets', value);
  if (buckets < BUCKETS_MIN || (buckets & (buckets - 1n)) !== 0n) {
    throw new InvalidValue('buckets', 'must be a power of two in 2^8 … 2^20');
  }
  return Number(buckets);
}

function readMembers(listed, fields) {
  return anyArray(listed, 'members').map((member) => structOf(member, fields, 'member'));
}

function checkedSet(members, bytes) {
  const isSized = members.length >= 1 && members.length <= VALIDATORS_MAX;
  require(isSized, 'SET_MALFORMED', `a set has 1 to ${VALIDATORS_MAX} members`);
  const keys = new Set(members.map(({ publicKey }) => publicKey.join()));
  require(keys.size === members.length, 'SET_MALFORMED', 'a key is in the set twice');
  const areSound = members.every(({ publicKey }) => isSoundKey(publicKey));
  require(areSound, 'SET_KEY_INVALID', 'a key is not canonical, or of small order');
  return { members, bytes };
}

/** Return an outcome record; `kind` is its name. */
export function readOutcome(bytes) {
  return reading('OUTCOME_MALFORMED', () => {
    const outcome = structOf(decode(bytes, 'outcome'), OUTCOME, 'outcome');
    const kind = OUTCOME_KINDS.get(outcome.kind);
    if (kind === undefined) {
      throw new InvalidValue('kind', 'is unknown');
    }
    return { ...outcome, kind, kindNumber: outcome.kind };
  });
}

/** Return the balance of an account's record. */
export function readAccount(bytes) {
  return reading('RECORD_MALFORMED', () => {
    const { balance } = structOf(decode(bytes, 'record'), [['balance', count]], 'record');
    return balance;
  });
}

function votedView(field, value) {
  if (count(field, value) === 0n) {
    throw new InvalidValue(field, 'must be at least 1');
  }
  return value;
}

function listOf(check) {
  return (field, value) => anyArray(value, field).map((each) => check(field, each));
}
