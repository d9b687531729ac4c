/** What a check of a receipt is given, and what it tells. */

export interface VerifiedReceipt {
  valid: true;
  receiptId: string;
  jobId: string;
  attempt: bigint;
  /** Address of whoever signed. */
  miner: string;
  /** Key that signed, 32 bytes in base64. */
  publicKey: string;
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
}

export interface RefusedReceipt {
  valid: false;
  /** The step that failed, by the name of what is wrong; see `verifyReceipt`. */
  field: string;
  reason: string;
}

export type ReceiptVerdict = VerifiedReceipt | RefusedReceipt;

/** Who has to have signed a receipt; without these it may be anybody. */
export interface ExpectedMiner {
  /** Address, `ait1…`. */
  miner?: string | undefined;
  /** 32 bytes, or their base64 in either alphabet. */
  publicKey?: Uint8Array | string | undefined;
}
