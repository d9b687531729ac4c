"""Final blocks are one chain, the same everywhere, and each stands where the rules put it.

Headers are read with a plain MessagePack decoder, by position; nothing of the ledger or of
consensus judges them here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from devnet.simulator.checkers.objection import Objection

if TYPE_CHECKING:
    from devnet.simulator.genesis import SimGenesis
    from devnet.simulator.machine import Machine
    from ledger.block import Block
    from ledger.state import StateDelta

_SET_KEY: Final = b"\x01"
"""State key of the validator set."""

_ZERO: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Header:
    """A header's fields, by position in its array."""

    version: int
    chain_id: str
    epoch: int
    view: int
    height: int
    parent_id: bytes
    parent_view: int
    timestamp_ms: int
    proposer: bytes
    transaction_root: bytes
    transaction_count: int
    outcome_root: bytes
    outcome_count: int
    state_root: bytes
    set_hash: bytes
    next_set_hash: bytes


@dataclass(frozen=True, slots=True)
class FinalBlock:
    """A final block."""

    block_id: bytes
    header: Header


class Order:
    """The one chain of final blocks, as any machine made it known first."""

    def __init__(self, genesis: SimGenesis, byzantine_keys: frozenset[bytes]) -> None:
        """Start at block 0."""
        header = _header_of(msgspec.msgpack.encode(genesis.view.header))
        self.chain: list[FinalBlock] = [FinalBlock(genesis.view.block_id, header)]
        """Final blocks by height."""
        self._header_tag = hashlib.sha256(
            b"aitbc/1/header/" + genesis.tags.genesis_digest.hex().encode()
        ).digest()
        self._members: list[tuple[bytes, ...]] = [_members_of(genesis.records[_SET_KEY])]
        """Keys of each epoch's set."""
        self._boundary: list[bytes] = [_ZERO]
        """Id of the block before each epoch's first."""
        self._byzantine = byzantine_keys

    def members_of(self, epoch: int) -> tuple[bytes, ...]:
        """Return the keys of an epoch's validators, in order."""
        if epoch >= len(self._members):
            raise Objection("order", f"somebody works in epoch {epoch} before it begins")
        return self._members[epoch]

    def is_honest(self, key: bytes) -> bool:
        """Return whether the key's owner keeps the rules, and is one machine."""
        return key not in self._byzantine

    @property
    def epoch(self) -> int:
        """Epoch of the newest of them."""
        return self.chain[-1].header.epoch

    @property
    def height(self) -> int:
        """Greatest height that is durable on any machine."""
        return len(self.chain) - 1

    def on_durable(
        self, machine: Machine, block: Block, delta: StateDelta, certificate: bytes
    ) -> bool:
        """Compare a machine's next final block with the chain; return whether it is new to all."""
        data = msgspec.msgpack.encode(block.header)
        header, block_id = _header_of(data), hashlib.sha256(self._header_tag + data).digest()
        if certificate:
            self._check_proof(machine, certificate, block_id, header)
        if header.height <= self.height:
            if self.chain[header.height].block_id != block_id:
                raise Objection(
                    "order", f"two final blocks at height {header.height}; {machine.name}'s is new"
                )
            return False
        self._check_place(header)
        self.chain.append(FinalBlock(block_id, header))
        if header.next_set_hash != _ZERO:
            new = delta.get(_SET_KEY)
            self._members.append(_members_of(new) if new else self._members[-1])
            self._boundary.append(block_id)
        elif _SET_KEY in delta:
            raise Objection("order", f"the set changes inside epoch {header.epoch}")
        return True

    def _check_place(self, header: Header) -> None:
        parent = self.chain[-1]
        above = parent.header
        starts_epoch = above.next_set_hash != _ZERO
        expected = {
            "height": (header.height, above.height + 1),
            "parent": (header.parent_id, parent.block_id),
            "chain": (header.chain_id, above.chain_id),
            "epoch": (header.epoch, above.epoch + starts_epoch),
            "parent view": (header.parent_view, 0 if starts_epoch else above.view),
        }
        for what, (found, right) in expected.items():
            if found != right:
                raise Objection("order", f"block {header.height}: {what} {found!r}, not {right!r}")
        if header.timestamp_ms <= above.timestamp_ms:
            raise Objection("order", f"block {header.height}: time does not rise")
        if (header.epoch, header.view) <= (above.epoch, above.view):
            raise Objection("order", f"block {header.height}: epoch and view do not rise")
        members = self._members[header.epoch]
        shift = int.from_bytes(self._boundary[header.epoch][:8], "big") if header.epoch else 0
        leader = members[(header.view - 1 + shift) % len(members)]
        if header.proposer != leader:
            raise Objection("order", f"block {header.height} is not its view's leader's")

    def _check_proof(
        self, machine: Machine, certificate: bytes, block_id: bytes, header: Header
    ) -> None:
        """E7: of this block, this epoch, this view or for an epoch's last block a later one."""
        statement, _ = msgspec.msgpack.decode(certificate)
        kind, epoch, view, _, proved = statement
        ends_epoch = header.next_set_hash != _ZERO
        is_right_view = view == header.view or (ends_epoch and view > header.view)
        if kind != 3 or epoch != header.epoch or proved != block_id or not is_right_view:
            raise Objection(
                "order", f"{machine.name} holds a proof of another block at height {header.height}"
            )


def _header_of(data: bytes) -> Header:
    fields: list[Any] = msgspec.msgpack.decode(data)
    return Header(*fields)


def _members_of(record: bytes) -> tuple[bytes, ...]:
    members: list[Any] = msgspec.msgpack.decode(record)[0]
    return tuple(member[0] for member in members)
