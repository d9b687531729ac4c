"""Every unit is somewhere, every job ends once, every transaction is there once.

Follows the final chain with arithmetic of its own, from plain MessagePack arrays by position; the
numbers of tables, actions and outcomes are written here a second time on purpose.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from devnet.simulator.checkers.objection import Objection

if TYPE_CHECKING:
    from devnet.simulator.genesis import SimGenesis
    from ledger.block import Block
    from ledger.outcomes import Outcome
    from ledger.state import StateDelta

_ACCOUNT, _MINER, _UNBONDING, _JOB = 3, 4, 6, 7
_JOB_MAX_PRICE, _JOB_DISPUTE, _DISPUTE_BOND = 4, 21, 1
_ASSIGNED, _RECEIPT = 2, 4
_LOCKED: Final = 1
_ISSUED: Final = 24
_ENDS: Final = frozenset({7, 8, 9, 10, 11})
_SIGNATURE_TRAILER: Final = 66


def _decode(data: bytes) -> list[Any]:
    fields: list[Any] = msgspec.msgpack.decode(data)
    return fields


class Money:
    """The books of the one final chain."""

    def __init__(self, genesis: SimGenesis) -> None:
        """Start at state 0."""
        self._records = dict(genesis.records)
        self._held = sum(_held_in(key, value) for key, value in self._records.items())
        self._supply = self._held
        digest = genesis.tags.genesis_digest.hex().encode()
        self._tag = hashlib.sha256(b"aitbc/1/tx/" + digest).digest()
        self.heights: dict[bytes, int] = {}
        """Height of each final transaction, by id."""
        self.issued = 0
        """Units that ballots issued."""
        self._locked: dict[bytes, int] = {}
        self._attempts: dict[bytes, int] = {}
        self._receipts: dict[bytes, int] = {}
        self.ended: dict[bytes, int] = {}
        """How each job that ended did."""

    def on_final(self, block: Block, outcomes: Sequence[Outcome], delta: StateDelta) -> None:
        """Follow the next final block."""
        height = block.header.height
        self._follow_transactions(block, height)
        for outcome in outcomes:
            self._follow_outcome(_decode(msgspec.msgpack.encode(outcome)), height)
        self._follow_records(delta, height)
        for job in self.ended:
            if bytes([_JOB]) + job in self._records:
                raise Objection("money", f"job {job.hex()[:8]} ended and is still in the state")

    def _follow_transactions(self, block: Block, height: int) -> None:
        now_ms = block.header.timestamp_ms
        ids = []
        for signed in block.transactions:
            data = msgspec.msgpack.encode(signed)
            transaction_id = hashlib.sha256(self._tag + data[1:-_SIGNATURE_TRAILER]).digest()
            ids.append(transaction_id)
            before = self.heights.setdefault(transaction_id, height)
            if before != height:
                what = transaction_id.hex()[:8]
                raise Objection("money", f"transaction {what} is at heights {before} and {height}")
            if signed.transaction.valid_until_ms < now_ms:
                raise Objection("money", f"block {height} holds an expired transaction")
        if len(ids) != len(set(ids)):
            raise Objection("money", f"block {height} holds a transaction twice")

    def _follow_records(self, delta: StateDelta, height: int) -> None:
        for key, value in delta.items():
            before = self._records.pop(key, None)
            self._held -= _held_in(key, before)
            self._held += _held_in(key, value)
            if value is not None:
                self._records[key] = value
        if self._held != self._supply:
            lost = self._supply - self._held
            raise Objection("money", f"block {height} loses {lost} of {self._supply} units")

    def _follow_outcome(self, outcome: list[Any], height: int) -> None:
        kind, _, job, code, _, amounts = outcome
        if kind == _ISSUED:
            self._supply += sum(amounts)
            self.issued += sum(amounts)
        elif kind == _LOCKED:
            if job in self._locked:
                raise Objection("money", f"job {job.hex()[:8]} is locked twice")
            self._locked[job] = sum(amounts)
        elif kind == _ASSIGNED:
            self._attempts[job] = self._attempts.get(job, 0) + 1
            if code != self._attempts[job]:
                raise Objection("money", f"job {job.hex()[:8]}: attempt {code} is out of turn")
        elif kind == _RECEIPT:
            self._receipts[job] = self._receipts.get(job, 0) + 1
            if self._receipts[job] > 1:
                raise Objection("money", f"job {job.hex()[:8]} has two receipts")
        elif kind in _ENDS:
            self._follow_end(kind, job, sum(amounts), height)

    def _follow_end(self, kind: int, job: bytes, paid: int, height: int) -> None:
        name = job.hex()[:8]
        if job in self.ended:
            raise Objection("money", f"job {name} ends a second time at height {height}")
        self.ended[job] = kind
        if paid != self._locked.get(job):
            raise Objection("money", f"job {name} locked {self._locked.get(job)} and paid {paid}")


def _held_in(key: bytes, value: bytes | None) -> int:
    """Return the units that a record holds."""
    if value is None or key[0] not in (_ACCOUNT, _MINER, _UNBONDING, _JOB):
        return 0
    fields = _decode(value)
    match key[0]:
        case 3:
            held = fields[0]
        case 4:
            held = fields[3]
        case 6:
            held = fields[1]
        case _:
            dispute = fields[_JOB_DISPUTE]
            held = fields[_JOB_MAX_PRICE] + (dispute[_DISPUTE_BOND] if dispute else 0)
    if not 0 <= held < 2**63:
        raise Objection("money", f"a record holds {held} units")
    return int(held)
