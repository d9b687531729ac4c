// What a program in TypeScript may write, and what the compiler has to refuse.

import {
  AITBCClient,
  AitbcError,
  ApiError,
  ChainTags,
  JobFailed,
  JobTimeout,
  PROOF_STEPS,
  checkProof,
  verifyReceipt,
  verifyResult,
  verifyWebhook,
  type ClientSettings,
  type JobEvent,
} from '@aitbc/client';
import * as everything from '@aitbc/client';

const settings: ClientSettings = { apiKey: 'your_key', version: '2026-05-11', timeoutMs: 5_000 };
const client = new AITBCClient(settings);
new AITBCClient();

export async function order(): Promise<string> {
  const { signal } = new AbortController();
  const job = await client.jobs.create({ payload: { prompt: 'Hello' } }, { signal });
  const id: string = job.jobId;
  for await (const event of client.jobs.events(id, { timeoutMs: 1_000 })) {
    show(event);
  }
  for await (const { type, seq } of client.listen()) {
    const known: [string, number] = [type, seq];
    void known;
  }
  const { results } = await client.jobs.getResults(id);
  const { result, proof } = await client.jobs.getResult(id, { timeoutMs: 1_000 });
  const chain = new ChainTags({ chainId: 'a', genesisDigest: 'b' });
  const { transaction } = await client.receipts.transaction(id);
  const verdict = await verifyReceipt({ transaction, chain });
  if (verdict.valid) {
    const price: bigint = verdict.priceNait;
    void price;
    const { miner, publicKey } = verdict;
    await client.receipts.check(id, { chain, miner, publicKey, signal });
  } else {
    const reason: string = verdict.reason;
    void reason;
  }
  await verifyResult({ proof, verdict, chain });
  await verifyWebhook({ body: '{}', headers: new Headers(), secret: 'whsec_' });
  return `${result.output} ${results['any_key']}`;
}

function show(event: JobEvent): void {
  if (event.type === 'text') {
    const text: string = event.data.text;
    void text;
  } else {
    const seq: number = event.data.seq;
    void seq;
  }
}

export function explain(error: unknown): string {
  if (error instanceof JobFailed) return error.reason;
  if (error instanceof JobTimeout) return `${error.timeoutMs}`;
  if (error instanceof ApiError && error.errors[0]) {
    const fault: string = error.errors[0].detail;
    return fault;
  }
  if (error instanceof ApiError) return `${error.status} ${error.errorCode} ${error.retryAfterS}`;
  return error instanceof AitbcError ? error.message : 'unknown';
}

export async function lookFirst(): Promise<number> {
  const { jobId } = await client.jobs.create({ payload: {} }, { strict: true, waitMs: 20_000 });
  const { disputeUntil, status } = await client.jobs.payment(jobId);
  if (disputeUntil !== null && status === 'escrowed') {
    await client.jobs.dispute(jobId, { reason: 'RESULT_MALFORMED' });
  }
  let offers = 0;
  for await (const { offerId } of client.marketplace.iterateOffers({ limit: 10 })) {
    offers += offerId.length;
  }
  return offers;
}

export async function proved(id: string, genesisDigest: string): Promise<bigint | undefined> {
  const verdict = await client.proofs.checkReceipt(id, { genesisDigest, timeoutMs: 5_000 });
  if (!verdict.valid) return undefined;
  const again = await checkProof(await client.proofs.fetch('receipt', id), { genesisDigest });
  const names: readonly string[] = PROOF_STEPS.receipt;
  void [again.steps, names];
  return verdict.claims.receipt?.priceNait;
}

// @ts-expect-error a digest is a text
void checkProof('', { genesisDigest: new Uint8Array(32) });
// @ts-expect-error a version is one of three
new AITBCClient({ version: '2025-01-01' });
// @ts-expect-error a job is named by a text
void client.jobs.get(7);
// @ts-expect-error a reason is one of the codes
void client.jobs.dispute('job_1', { reason: 'I am unhappy' });
// @ts-expect-error the wire says `detail`
void new ApiError({ status: 400, errorCode: '', detail: '' }).errors[0]?.message;
// @ts-expect-error there is no such call
void client.jobs.submit({});
// @ts-expect-error the chain is needed to check what was signed for it
void verifyReceipt({ transaction: '' });
// @ts-expect-error a miner is expected by its address
void client.receipts.check('job_1', { miner: 7 });
// @ts-expect-error resources are made by the client, and not exported
new everything.Jobs();
