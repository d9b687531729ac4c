/** What a check of a proof bundle is given, and what it tells. */

export type ProofKind = 'receipt' | 'transaction' | 'outcome' | 'account' | 'validators';

export interface ProofQuery {
  /** Whose validators are asked for; the newest epoch's without it. */
  epoch?: bigint | number | string | undefined;
  /** An epoch whose set is known already; the chain of sets may start there. */
  since?: bigint | number | string | undefined;
}

/** SHA-256 and Ed25519, for platforms that have none; without cofactor. */
export interface Primitives {
  sha256(bytes: Uint8Array): Promise<Uint8Array>;
  verifyEd25519(
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean>;
}

/** What a reader brings along. */
export interface Trust {
  /** Pinned digest of the chain's genesis: 32 bytes in hex, from elsewhere than the bundle. */
  genesisDigest?: string | undefined;
  /** Canonical genesis specification, for bundles that leave it out. */
  specification?: Uint8Array | undefined;
  /** Hashes in hex of sets that were verified before, by epoch. */
  known?: { [epoch: string]: string } | undefined;
  /** Is told each step's result as it comes. */
  onStep?: ((step: ProofStep) => void) | undefined;
  primitives?: Primitives | undefined;
}

export type ProofStep =
  | { name: string; verdict: 'passed'; detail: string }
  | { name: string; verdict: 'failed'; code: string; reason: string }
  | { name: string; verdict: 'not run' };

export interface ProvedTransaction {
  /** 32 bytes in hex. */
  transactionId: string;
  /** Position among the block's transactions. */
  index: bigint;
  sender: string;
  publicKey: string;
  feeNait: bigint;
  validUntilMs: number;
  /** Name of what it does, such as `transfer`. */
  action: string;
  /** Fields of the action: ids and digests in hex, accounts as addresses, integers as BigInt. */
  fields: { [name: string]: unknown };
  /** The signed bytes in hex. */
  signed: string;
}

/** A miner's receipt; units, model and times are the miner's word. */
export interface ProvedReceipt {
  receiptId: string;
  jobId: string;
  attempt: bigint;
  miner: string;
  client: string;
  coordinator: string;
  payloadDigest: string;
  resultDigest: string;
  unitsMicro: bigint;
  unitType: string;
  priceNait: bigint;
  priceCapNait: bigint;
  model: string;
  startedMs: number;
  completedMs: number;
  transaction: ProvedTransaction;
}

export interface ProvedOutcome {
  index: bigint;
  /** What happened, such as `job_settled`. */
  kind: string;
  /** Its number on the chain. */
  kindNumber: bigint;
  /** Id of the transaction that did it; empty for automatic work. */
  cause: string;
  objectId: string;
  code: bigint;
  parties: string[];
  amountsNait: bigint[];
}

export interface ProvedAccount {
  address: string;
  /** Whether the state has the account; a proved absence is a balance of 0. */
  exists: boolean;
  balanceNait: bigint;
}

/** What every kind of bundle proves; the member of the kind's name is there for that kind. */
export interface ProofClaims {
  genesisDigest: string;
  chainId: string;
  blockId: string;
  height: bigint;
  epoch: bigint;
  timestampMs: number;
  validatorSetHash: string;
  /** The set that made the block final. */
  validators: { publicKey: string; name: string; payout: string }[];
  /** Who signed, by their position among the validators. */
  signers: number[];
  receipt?: ProvedReceipt;
  transaction?: ProvedTransaction;
  outcome?: ProvedOutcome;
  account?: ProvedAccount;
}

interface Checked {
  /** Whether the reader pinned a genesis digest. */
  isPinned: boolean;
  steps: ProofStep[];
}

export type ProofVerdict =
  | (Checked & { valid: true; kind: ProofKind; claims: ProofClaims })
  | (Checked & { valid: false; kind: ProofKind | null; claims: null });
