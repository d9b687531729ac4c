// Signs Ethereum transfers for the comparison. Standard input: one JSON object with the members
// `accounts`, `connections`, `batch`, `first`, `count` and `chainId`. Standard output: one with
// `addresses` and `transactions`. Batches go over connections in turn, and each connection has
// senders of its own: account S belongs to connection S modulo `connections`, so that an account's
// transfers, which have an order, go over one connection. Keys follow from numbers; their chain
// exists for a minute and is worth nothing.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Transaction, addr } from 'micro-eth-signer';

const STRIDE = 7919; // Receivers are far apart, as in bench/wallets.py.
const GWEI = 10n ** 9n;
const { accounts, connections, batch, first, count, chainId } = JSON.parse(readFileSync(0, 'utf8'));

const digest = (text) => createHash('sha256').update(text).digest();
const keys = Array.from({ length: accounts }, (_, number) => digest(`bench/key/${number}`));
const addresses = keys.map((key) => addr.fromPrivateKey(key).toLowerCase());
const senders = Math.floor(accounts / connections); // Of one connection.

const transactions = Array.from({ length: count }, (_, at) => {
  const number = first + at;
  const batchNumber = Math.floor(number / batch);
  const connection = batchNumber % connections;
  // Which of its connection's transfers it is.
  const turn = Math.floor(batchNumber / connections) * batch + (number % batch);
  const unsigned = Transaction.prepare({
    to: addresses[(number * STRIDE + 1) % accounts],
    value: 1n,
    nonce: BigInt(Math.floor(turn / senders)),
    gasLimit: 21000n,
    maxFeePerGas: 100n * GWEI,
    maxPriorityFeePerGas: GWEI,
    chainId: BigInt(chainId),
  });
  return unsigned.signBy(keys[(turn % senders) * connections + connection], false).toHex();
});

process.stdout.write(JSON.stringify({ addresses, transactions }));
