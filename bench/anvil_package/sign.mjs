// Signs Ethereum transfers for the comparison. Standard input: one JSON object with the members
// `accounts`, `senders`, `first`, `count` and `chainId`. Standard output: one with `addresses` and
// `transactions`. Keys follow from numbers; their chain exists for a minute and is worth nothing.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Transaction, addr } from 'micro-eth-signer';

const STRIDE = 7919; // Receivers are far apart, as in bench/wallets.py.
const GWEI = 10n ** 9n;
const { accounts, senders, first, count, chainId } = JSON.parse(readFileSync(0, 'utf8'));

const digest = (text) => createHash('sha256').update(text).digest();
const keys = Array.from({ length: senders }, (_, number) => digest(`bench/key/${number}`));
const addresses = Array.from({ length: accounts }, (_, number) =>
  number < senders
    ? addr.fromPrivateKey(keys[number]).toLowerCase()
    : `0x${digest(`bench/account/${number}`).subarray(0, 20).toString('hex')}`,
);

const transactions = Array.from({ length: count }, (_, at) => {
  const number = first + at;
  const unsigned = Transaction.prepare({
    to: addresses[(number * STRIDE + 1) % accounts],
    value: 1n,
    nonce: BigInt(Math.floor(number / senders)),
    gasLimit: 21000n,
    maxFeePerGas: 100n * GWEI,
    maxPriorityFeePerGas: GWEI,
    chainId: BigInt(chainId),
  });
  return unsigned.signBy(keys[number % senders], false).toHex();
});

process.stdout.write(JSON.stringify({ addresses, transactions }));
