"""Load on a node that may die at any moment, and the check that nothing it reported final is lost.

Clients submit transfers and wait for finality; what a node answered is the history. After any
number of deaths the chain must agree with it: each transaction that was reported final is in
exactly one block, the same as then, and no money appeared or vanished.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import httpx
import msgspec

from ledger.keys import KeyPair, format_address
from ledger.types import Address
from tests.processes import NodeProcess
from tests.wallets import Wallet, chain_time_ms

BATCH: Final = 20
"""Transfers of one request of the batching client."""


@dataclass
class History:
    """What clients sent, and what they were told."""

    sent: dict[str, bytes] = field(default_factory=dict)
    """Signed bytes by id, before the first send (J30)."""
    final: dict[str, int] = field(default_factory=dict)
    """Height by id, as reported."""
    expired: set[str] = field(default_factory=set)
    """Ids of which nothing was reported until they could be in no block any more."""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    """Blocks as they were read, by height."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    grown: threading.Condition = field(init=False)

    def __post_init__(self) -> None:
        self.grown = threading.Condition(self.lock)

    def note_sent(self, transaction_id: str, signed: bytes) -> None:
        with self.lock:
            self.sent[transaction_id] = signed

    def note(self, outcome: dict[str, Any]) -> None:
        """Take an answer; it must not contradict an earlier one."""
        if outcome["status"] != "final":
            assert outcome["status"] in {"pooled", "duplicate"}, outcome
            return
        with self.grown:
            known = self.final.setdefault(outcome["transaction_id"], outcome["height"])
            assert known == outcome["height"], outcome
            self.grown.notify_all()

    def wait_for_final(self, number: int, timeout_s: float) -> bool:
        """Return whether `number` transactions were reported final before the time was over."""
        with self.grown:
            return self.grown.wait_for(lambda: len(self.final) >= number, timeout_s)


class Load:
    """Two clients in threads, one transfer at a time and in batches, until the node is gone."""

    def __init__(self, node: NodeProcess, senders: tuple[KeyPair, KeyPair], to: Address) -> None:
        self._node = node
        self._to = to
        self._senders = senders
        self._stop = threading.Event()
        self._faults: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def start(self, history: History) -> None:
        for send, key in zip((self._send_one, self._send_batch), self._senders, strict=True):
            thread = threading.Thread(target=self._run, args=(send, key, history), daemon=True)
            thread.start()
            self._threads.append(thread)

    def join(self) -> None:
        """Return when both clients have noticed that the node is gone; raise what they found."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"
        for fault in self._faults:
            raise fault

    def _run(self, send: Any, key: KeyPair, history: History) -> None:
        try:
            with self._node.client() as client:
                wallet = Wallet.on(client, key)
                for amount in count(1):
                    if self._stop.is_set():
                        return
                    send(client, wallet, amount, history)
        except httpx.TransportError:
            return
        except BaseException as fault:  # noqa: BLE001 - told to the test's thread
            self._faults.append(fault)

    def _send_one(
        self, client: httpx.Client, wallet: Wallet, amount: int, history: History
    ) -> None:
        signed = wallet.transfer(self._to, amount, chain_time_ms(client))
        history.note_sent(wallet.id_of(signed), signed)
        body = {"transaction": signed.hex()}
        answer = client.post("/v1/chain/transactions?wait=final", json=body).raise_for_status()
        history.note(answer.json())

    def _send_batch(
        self, client: httpx.Client, wallet: Wallet, amount: int, history: History
    ) -> None:
        now_ms = chain_time_ms(client)
        batch = [wallet.transfer(self._to, amount, now_ms) for _ in range(BATCH)]
        for signed in batch:
            history.note_sent(wallet.id_of(signed), signed)
        answer = client.post(
            "/v1/chain/transactions?wait=final",
            content=msgspec.msgpack.encode(batch),
            headers={"content-type": "application/msgpack"},
        )
        for outcome in answer.raise_for_status().json()["transactions"]:
            history.note(outcome)


def check_history(
    client: httpx.Client, history: History, owners: list[Address], supply: int
) -> None:
    """Check a running node against everything that was reported before.

    Args:
        client: of the node, after its restart.
        history: what was sent and reported.
        owners: all accounts of the chain.
        supply: what they own together, since no job is open.
    """
    _read_new_blocks(client, history)
    placed = Counter(each for block in history.blocks for each in block["transaction_ids"])
    assert set(placed) <= set(history.sent), "a transaction that nobody sent"
    assert max(placed.values(), default=1) == 1, "a transaction is in two blocks"
    assert not history.expired & set(placed), "a transaction said to have expired is in a block"
    for transaction_id, height in history.final.items():
        ids = history.blocks[height]["transaction_ids"] if height < len(history.blocks) else ()
        assert transaction_id in ids, f"{transaction_id} was reported final at {height}"
    balances = [_balance(client, owner) for owner in owners]
    assert sum(balances) == supply, "money appeared or vanished"


def resend_everything(client: httpx.Client, history: History) -> None:
    """Send all bytes again (T1): each ends in exactly one block, whatever became of it before.

    What was never reported and has outlived its validity meanwhile ends in none, and says so (T2).
    """
    unreported = [signed for key, signed in history.sent.items() if key not in history.final]
    for at in range(0, len(unreported), 100):
        body = {"transactions": [signed.hex() for signed in unreported[at : at + 100]]}
        answer = client.post("/v1/chain/transactions?wait=final", json=body).raise_for_status()
        for outcome in answer.json()["transactions"]:
            if outcome.get("code") == "TRANSACTION_EXPIRED":
                history.expired.add(outcome["transaction_id"])
                continue
            assert outcome["status"] == "final", outcome
            history.note(outcome)


def _read_new_blocks(client: httpx.Client, history: History) -> None:
    """Read what is final now; each block names its parent, so the known ones are checked too."""
    head = client.get("/v1/chain/status").raise_for_status().json()["height"]
    known = history.blocks
    assert head >= len(known) - 1, f"the chain went back from {len(known) - 1} to {head}"
    for height in range(max(0, len(known) - 1), head + 1):
        block = client.get(f"/v1/chain/blocks/{height}").raise_for_status().json()
        assert block["height"] == height
        if height < len(known):
            assert block == known[height], f"block {height} has changed"
        else:
            assert block["parent_id"] == (known[-1]["block_id"] if known else "0" * 64)
            known.append(block)


def _balance(client: httpx.Client, owner: Address) -> int:
    path = f"/v1/chain/accounts/{format_address(owner)}"
    return int(client.get(path).raise_for_status().json()["balance_nait"])
