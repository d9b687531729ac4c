/** Types of `@aitbc/client`. */

import type {
  Answer,
  Body,
  DisputeReason,
  Job,
  JobEvent,
  JobPage,
  JobResult,
  JobResults,
  JsonObject,
  Message,
  Payment,
  Query,
  Quote,
  ResultProof,
} from './answers.js';
import type { ProofKind, ProofQuery, ProofVerdict, Trust } from './proofs/verdicts.js';
import type { ExpectedMiner, ReceiptVerdict } from './receipt_verdicts.js';

export type * from './answers.js';
export type * from './proofs/verdicts.js';
export type * from './receipt_verdicts.js';

export type {
  Primitives,
  ProofClaims,
  ProofKind,
  ProofQuery,
  ProofStep,
  ProofVerdict,
  ProvedAccount,
  ProvedOutcome,
  ProvedReceipt,
  ProvedTransaction,
  Trust,
} from './proofs/verdicts.js';

export type ApiVersion = '2024-01-01' | '2026-01-24' | '2026-05-11';

export const API_VERSIONS: readonly ApiVersion[];
export const PRODUCTION_URL: string;
export const CALL_TIMEOUT_MS: number;
export const JOB_TIMEOUT_MS: number;
export const STREAM_TIMEOUT_MS: number;
export const WEBHOOK_TOLERANCE_S: number;

/** Options of every call. */
export interface CallOptions {
  /** Limit of the call with its repetitions, milliseconds. */
  timeoutMs?: number;
  /** Gives the call up. */
  signal?: AbortSignal;
  /** Key of a POST; a random one by default. The same key and body are one order. */
  idempotencyKey?: string;
}

/** Options of what orders a job. */
export interface OrderOptions extends CallOptions {
  /** Refuse what no registered miner could be given; else it waits for one. */
  strict?: boolean;
  /** Resolve when the job ended, or after so many milliseconds, at most 30 000. */
  waitMs?: number;
}

/** Options of what waits for a job. */
export interface WaitOptions {
  /** Limit of the wait, milliseconds; 300 000 by default. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface StreamOptions extends WaitOptions {
  /** Where a stream that was left goes on. */
  since?: string | number;
}

export interface RetryPolicy {
  /** Attempts in all; 4. */
  attempts?: number;
  /** First pause, milliseconds; it doubles, with jitter. */
  baseMs?: number;
  /** Longest pause, milliseconds. */
  pauseMaxMs?: number;
  /**
   * How long a wait for a job, or a stream that had begun, outlasts that the node does not answer,
   * milliseconds: it may be starting again. 60,000.
   */
  reconnectMs?: number;
}

export interface ClientSettings {
  apiKey?: string;
  baseUrl?: string;
  version?: ApiVersion;
  timeoutMs?: number;
  retry?: RetryPolicy;
  fetch?: typeof fetch;
  WebSocket?: new (url: string) => unknown;
}

export interface Jobs {
  quote(body: Body, options?: CallOptions): Promise<Quote>;
  create(body: Body, options?: OrderOptions): Promise<Job>;
  get(jobId: string, options?: CallOptions): Promise<Job>;
  /** A page, or in version 2026-01-24 a bare array. */
  list(query?: Query, options?: CallOptions): Promise<JobPage>;
  /** All jobs; `limit` is the size of a page. */
  iterate(query?: Query, options?: CallOptions): AsyncGenerator<Job, void, void>;
  cancel(jobId: string, options?: CallOptions): Promise<Job>;
  deleteData(jobId: string, options?: CallOptions): Promise<unknown>;
  payment(jobId: string, options?: CallOptions): Promise<Payment>;
  receipt(jobId: string, options?: CallOptions): Promise<Answer>;
  receipts(jobId: string, options?: CallOptions): Promise<Answer[]>;
  dispute(jobId: string, given?: CallOptions & { reason?: DisputeReason }): Promise<Payment>;
  accept(jobId: string, options?: CallOptions): Promise<Payment>;
  wait(jobId: string, options?: WaitOptions): Promise<Job>;
  getResults(jobId: string, options?: WaitOptions): Promise<JobResults>;
  getResult(jobId: string, options?: WaitOptions): Promise<JobResult>;
  events(jobId: string, options?: StreamOptions): AsyncGenerator<JobEvent, void, void>;
  watch(jobId: string, options?: StreamOptions): AsyncGenerator<Job & { seq: number }, void, void>;
}

/** What has to be known of a chain to check what was signed for it. */
export interface ChainIdentity {
  chainId: string;
  /** 32 bytes in hex. */
  genesisDigest: string;
}

export interface Chain {
  status(options?: CallOptions): Promise<Answer<ChainIdentity>>;
  identity(options?: CallOptions): Promise<ChainIdentity>;
  /** By the chain's names; amounts in nait. */
  parameters(options?: CallOptions): Promise<{ [name: string]: bigint }>;
  validators(options?: CallOptions): Promise<Answer>;
  ballots(query?: Query, options?: CallOptions): Promise<Answer>;
  ballot(ballotId: string, options?: CallOptions): Promise<Answer>;
  account(address: string, options?: CallOptions): Promise<Answer>;
  transaction(transactionId: string, options?: CallOptions): Promise<Answer<{ status: string }>>;
  send(
    signed: Uint8Array | string,
    options?: CallOptions & { waitFinal?: boolean },
  ): Promise<Answer<{ transactionId: string; status: string }>>;
  /** Final blocks as they come, for a day unless told otherwise; `since` is a height. */
  followBlocks(options?: StreamOptions): AsyncGenerator<FinalBlock, void, void>;
  /** Where a transaction is, until it is final or rejected. */
  followTransaction(transactionId: string, options?: WaitOptions): AsyncGenerator<TransactionState, void, void>;
}

export type FinalBlock = Answer<{ height: number; blockId: string; timestampMs: number; transactionCount: number }>;

export type TransactionState = Answer<{ transactionId: string; status: string; code?: string; height?: number }>;

export type Receipt = Answer<{ jobId: string; receiptId?: string }>;

export interface Receipts {
  get(id: string, options?: CallOptions): Promise<Receipt>;
  list(query?: Query, options?: CallOptions): Promise<Receipt[]>;
  iterate(query?: Query, options?: CallOptions): AsyncGenerator<Receipt, void, void>;
  transaction(id: string, options?: CallOptions): Promise<Answer<{ transaction: string }>>;
  verify(receipt: object, options?: CallOptions): Promise<Answer<{ valid: boolean }>>;
  check(
    id: string,
    options?: CallOptions & ExpectedMiner & { chain?: ChainIdentity | ChainTags },
  ): Promise<ReceiptVerdict>;
}

export interface Proofs {
  /** A bundle as the node sends it. */
  fetch(kind: ProofKind, ...given: (string | (CallOptions & ProofQuery))[]): Promise<string>;
  checkReceipt(id: string, options?: CallOptions & Trust): Promise<ProofVerdict>;
  checkTransaction(id: string, options?: CallOptions & Trust): Promise<ProofVerdict>;
  checkOutcome(
    height: bigint | number | string,
    index: bigint | number | string,
    options?: CallOptions & Trust,
  ): Promise<ProofVerdict>;
  checkAccount(address: string, options?: CallOptions & Trust): Promise<ProofVerdict>;
  checkValidators(options?: CallOptions & Trust & ProofQuery): Promise<ProofVerdict>;
}

export interface Marketplace {
  createOffer(body: Body, options?: CallOptions): Promise<Answer<{ offerId: string }>>;
  listOffers(query?: Query, options?: CallOptions): Promise<Answer<{ offers: Answer[] }>>;
  iterateOffers(query?: Query, options?: CallOptions): AsyncGenerator<Answer<{ offerId: string }>, void, void>;
  getOffer(offerId: string, options?: CallOptions): Promise<Answer<{ offerId: string }>>;
  withdrawOffer(offerId: string, options?: CallOptions): Promise<Answer>;
  acceptOffer(offerId: string, body: Body, options?: CallOptions): Promise<Answer>;
  stats(options?: CallOptions): Promise<Answer>;
}

export interface Miners {
  list(query?: Query, options?: CallOptions): Promise<Answer>;
  iterate(query?: Query, options?: CallOptions): AsyncGenerator<Answer<{ minerId: string }>, void, void>;
  get(minerId: string, options?: CallOptions): Promise<Answer<{ minerId: string }>>;
  stats(minerId: string, options?: CallOptions): Promise<Answer<{ minerId: string }>>;
}

export interface Services {
  transcribe(body: Body, options?: OrderOptions): Promise<Job>;
  generateImage(body: Body, options?: OrderOptions): Promise<Job>;
  infer(body: Body, options?: OrderOptions): Promise<Job>;
  transcode(body: Body, options?: OrderOptions): Promise<Job>;
  render(body: Body, options?: OrderOptions): Promise<Job>;
}

export interface Registry {
  list(query?: Query, options?: CallOptions): Promise<Answer<{ services: Answer[]; total: number }>>;
  definition(serviceId: string, options?: CallOptions): Promise<Answer<{ id: string }>>;
  schema(serviceId: string, options?: CallOptions): Promise<JsonObject>;
  requirements(serviceId: string, options?: CallOptions): Promise<Answer<{ serviceId: string }>>;
  validate(
    request: { serviceId: string; requestData: JsonObject },
    options?: CallOptions,
  ): Promise<Answer<{ valid: boolean; errors: Answer[]; warnings: unknown[] }>>;
}

export interface Artifacts {
  upload(bytes: Uint8Array, options?: CallOptions): Promise<string>;
  download(name: string, options?: CallOptions & { bytesMax?: number }): Promise<Uint8Array>;
  iterate(options?: CallOptions): AsyncGenerator<Answer<{ artifact: string; size: number }>, void, void>;
  delete(name: string, options?: CallOptions): Promise<unknown>;
}

export interface Me {
  register(label?: string, options?: CallOptions): Promise<Answer<{ clientId: string; apiKey: string }>>;
  get(options?: CallOptions): Promise<Answer<{ clientId: string; address: string }>>;
  balance(options?: CallOptions): Promise<Answer<{ available: string; reserved: string }>>;
  statement(query?: Query, options?: CallOptions): Promise<Answer<{ lines: Answer[] }>>;
  /** All lines of a period, oldest first. */
  statementLines(query?: Query, options?: CallOptions): AsyncGenerator<Answer<{ kind: string }>, void, void>;
  /** All lines of a period in one sheet. */
  statementCsv(query?: Query, options?: CallOptions): Promise<string>;
}

export type Transfer = Answer<{
  transactionId: string;
  status: 'pooled' | 'final' | 'expired';
  sender: string;
  to: string;
  amount: string;
  fee: string;
  /** Null until it is final. */
  proof: string | null;
}>;

export interface Transfers {
  /** The key needs the scope `wallet`. */
  send(
    body: { to: string; amount: string | number; minerId?: string },
    options?: CallOptions & { waitMs?: number },
  ): Promise<Transfer>;
  get(transactionId: string, options?: CallOptions): Promise<Transfer>;
  iterate(query?: Query, options?: CallOptions): AsyncGenerator<Transfer, void, void>;
}

export interface Keys {
  list(query?: Query, options?: CallOptions): Promise<Answer<{ keys: Answer[] }>>;
  iterate(query?: Query, options?: CallOptions): AsyncGenerator<Answer<{ keyId: string }>, void, void>;
  create(body: Body, options?: CallOptions): Promise<Answer<{ keyId: string; apiKey: string }>>;
  rotate(keyId: string, body?: Body, options?: CallOptions): Promise<Answer<{ keyId: string; apiKey: string }>>;
  revoke(keyId: string, options?: CallOptions): Promise<unknown>;
  usage(keyId: string, options?: CallOptions): Promise<Answer<{ keyId: string }>>;
}

export type Webhook = Answer<{ id: string; url: string; events: string[]; status: string; publicKey: string }>;

export interface Webhooks {
  create(body: { url: string; events: string[] }, options?: CallOptions): Promise<Webhook & { secret: string }>;
  list(query?: Query, options?: CallOptions): Promise<Answer<{ webhooks: Webhook[] }>>;
  iterate(query?: Query, options?: CallOptions): AsyncGenerator<Webhook, void, void>;
  get(webhookId: string, options?: CallOptions): Promise<Webhook>;
  update(
    webhookId: string,
    body: { url?: string; events?: string[]; status?: 'active' | 'disabled' },
    options?: CallOptions,
  ): Promise<Webhook>;
  delete(webhookId: string, options?: CallOptions): Promise<unknown>;
  test(webhookId: string, options?: CallOptions): Promise<Answer>;
  deliveries(webhookId: string, query?: Query, options?: CallOptions): Promise<Answer<{ deliveries: Answer[] }>>;
  iterateDeliveries(webhookId: string, query?: Query, options?: CallOptions): AsyncGenerator<Answer<{ id: string }>, void, void>;
  redeliver(webhookId: string, messageId: string, options?: CallOptions): Promise<Answer>;
}

/** A client of one node. Making one opens no connection. */
export class AITBCClient {
  constructor(settings?: ClientSettings);
  readonly jobs: Jobs;
  readonly chain: Chain;
  readonly receipts: Receipts;
  readonly proofs: Proofs;
  readonly marketplace: Marketplace;
  readonly miners: Miners;
  readonly services: Services;
  readonly registry: Registry;
  readonly artifacts: Artifacts;
  readonly me: Me;
  readonly keys: Keys;
  readonly transfers: Transfers;
  readonly webhooks: Webhooks;
  listen(options?: StreamOptions): AsyncGenerator<Message, void, void>;
  health(options?: CallOptions): Promise<Answer<{ status: string; version: string }>>;
  stats(options?: CallOptions): Promise<Answer>;
}

export class ChainTags implements ChainIdentity {
  constructor(chain: ChainIdentity);
  readonly chainId: string;
  readonly genesisDigest: string;
  tag(purpose: string): Promise<Uint8Array>;
  digest(purpose: string, ...parts: Uint8Array[]): Promise<Uint8Array>;
  payloadDigest(payload: Uint8Array, blind: Uint8Array): Promise<Uint8Array>;
  resultDigest(
    place: { jobId: Uint8Array; attempt: bigint | number | string; miner: Uint8Array; salt: Uint8Array },
    result: Uint8Array,
  ): Promise<Uint8Array>;
}

export function canonicalJson(value: unknown): Uint8Array;
export function formatAddress(bytes: Uint8Array): string;
export function parseAddress(text: string): Uint8Array;
export function verifySignature(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean>;
/**
 * Resolve to what a signed receipt says, or to why it is none. Valid means that the holder of
 * `publicKey` signed exactly these bytes for this job on this chain, and not that the job was
 * assigned to that miner or that a final block holds the receipt.
 */
export function verifyReceipt(
  given: ExpectedMiner & {
    transaction: string;
    chain: ChainIdentity | ChainTags;
    receipt?: object;
  },
): Promise<ReceiptVerdict>;
export function verifyResult(given: {
  proof: Pick<ResultProof, 'document' | 'salt'>;
  verdict: ReceiptVerdict;
  chain: ChainIdentity | ChainTags;
}): Promise<boolean>;
/**
 * Resolve to whether a bundle proves what it claims, and to what that is. Nobody is asked. Without
 * `genesisDigest` it proves something of some chain, and `isPinned` is false.
 */
export function checkProof(bundle: string | Uint8Array, trust?: Trust): Promise<ProofVerdict>;
/** Names of the steps of each kind, in their order. */
export const PROOF_STEPS: { readonly [kind in ProofKind]: readonly string[] };
/** Bytes of the longest bundle. */
export const BUNDLE_BYTES_MAX: number;
export function verifyWebhook(given: {
  body: string | Uint8Array;
  headers: Headers | { [name: string]: string | string[] | undefined };
  secret: string;
  toleranceS?: number;
  now?: () => number;
}): Promise<Answer<{ type: string }>>;

export class AitbcError extends Error {}
export class InvalidValue extends AitbcError {
  constructor(field: string, reason: string);
  readonly field: string;
}
export class ConnectionFailed extends AitbcError {}
export class CallTimeout extends ConnectionFailed {}
export class ApiError extends AitbcError {
  constructor(parts: { status: number; errorCode: string; detail: string });
  readonly status: number;
  /** Stable code such as `JOB_NOT_FOUND`. */
  readonly errorCode: string;
  readonly detail: string;
  readonly requestId: string;
  readonly retryAfterS: number | null;
  readonly errors: { pointer: string; code: string; detail: string }[];
}
export class JobFailed extends AitbcError {
  constructor(jobId: string, state: string, reason: string);
  readonly jobId: string;
  readonly state: string;
  readonly reason: string;
}
export class JobTimeout extends AitbcError {
  constructor(jobId: string, timeoutMs: number);
  readonly jobId: string;
  readonly timeoutMs: number;
}
export class WebhookInvalid extends AitbcError {}
