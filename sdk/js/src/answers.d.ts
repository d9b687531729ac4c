/** Types of what the API answers and takes, in the names of JavaScript. */

/** Any value of JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** An object of JSON whose keys belong to whoever made it. */
export type JsonObject = { [key: string]: Json };

/** An answer of the API: its documented members, and what later releases add. */
export type Answer<Known = object> = Known & { [member: string]: unknown };

/** What chooses among the items of a list. */
export type Query = { [parameter: string]: string | number | boolean | undefined };

/** A body in the shape of the client's version, in either spelling. */
export type Body = { [member: string]: unknown };

/** A job in the shape of the client's version: its id, and `status` or `state`. */
export type Job = Answer<{ jobId: string; status?: string; state?: string }>;

export type JobPage = Answer<{ jobs: Job[]; total: number; limit: number; offset: number }>;

export type JobResults = Answer<{
  jobId: string;
  status: string;
  /** What the program or the model answered, its keys as they are. */
  results: JsonObject;
  completedAt: string;
}>;

/** What `verifyResult` checks. */
export interface ResultProof {
  resultDigest: string;
  salt: string;
  attempt: number;
  document: string;
}

export type JobResult = Answer<{
  result: { output: string; metadata: JsonObject };
  receipt: Answer<{ jobId: string; minerId: string; signature: string }>;
  proof: ResultProof;
}>;

export type Quote = Answer<{
  service: string;
  model: string;
  isPossible: boolean;
  price: string | null;
  maxPrice: string;
  fee: string;
  eligibleMiners: number;
  exclusions: { [code: string]: number };
}>;

export type JobEvent =
  | { id: string; type: 'state'; data: Job & { seq: number; timestamp: string; attempt: number } }
  | { id: string; type: 'text'; data: { jobId: string; attempt: number; offset: number; text: string } };

/** A message of `AITBCClient.listen`. */
export interface Message {
  type: string;
  data: { [member: string]: unknown };
  seq: number;
}

/** The money of a job. */
export type Payment = Answer<{
  paymentId: string;
  jobId: string;
  amount: number;
  status: string;
  paid: number;
  refunded: number;
  fee: number;
  /** Until when the client may dispute the receipt; null where it may not. */
  disputeUntil: string | null;
}>;

/** Why a receipt is disputed. */
export type DisputeReason =
  | 'UNSPECIFIED'
  | 'RESULT_NOT_DELIVERED'
  | 'RESULT_MALFORMED'
  | 'PAYLOAD_MISMATCH';
