"""What must hold after a scenario, judged from the history and every node's chain.

The checks use no code of the node: blocks are decoded and hashed in `chain_reading`, money is
counted in `books`. Each check has a name, and returns what it found wrong.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from devnet.torture.books import TRANSFER
from devnet.torture.chain_reading import ReadBlock
from devnet.torture.history import FINAL, History

REFUSALS = {"rejected", "full"}
"""Answers by which a node says that it has not taken a transfer."""

Chains = Mapping[str, Sequence[ReadBlock]]
"""The chain of each node by the node's name, from height 0 on."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be."""

    check: str
    """The check's name."""
    text: str
    """What was found."""


def check_chains(chains: Chains) -> Iterator[Violation]:
    """Check that every chain is one, and that all are the same."""
    for name, blocks in chains.items():
        yield from _check_links(name, blocks)
    (first, blocks), *others = chains.items()
    for name, theirs in others:
        for mine, other in zip(blocks, theirs, strict=False):
            if (mine.block_id, mine.state_root) != (other.block_id, other.state_root):
                yield Violation(
                    "one order on every node",
                    f"block {mine.height} is {mine.block_id} on {first}, {other.block_id} on "
                    f"{name}; state roots {mine.state_root}, {other.state_root}",
                )
                break


def check_history(history: History, chains: Chains) -> Iterator[Violation]:
    """Check that whatever was reported final is there: once, unchanged, on every node."""
    for name, blocks in chains.items():
        yield from _check_transfers(name, blocks, history)
        yield from _check_seen(name, blocks, history)
    yield from _check_told(history)


def check_balances(
    expected: Mapping[bytes, int], found: Mapping[str, Mapping[bytes, int]]
) -> Iterator[Violation]:
    """Check each node's balances against the books.

    Args:
        expected: nait by address, from the books.
        found: nait by address, from each node.
    """
    for name, balances in found.items():
        for address, balance in balances.items():
            if balance != expected.get(address, 0):
                yield Violation(
                    "money is conserved",
                    f"{name} says that {address.hex()} has {balance} nait, the books say "
                    f"{expected.get(address, 0)}",
                )


def _check_links(name: str, blocks: Sequence[ReadBlock]) -> Iterator[Violation]:
    parent_id, before_ms = "0" * 64, -1
    for height, block in enumerate(blocks):
        if (block.height, block.parent_id) != (height, parent_id):
            yield Violation(
                "one order on every node",
                f"on {name}, block {block.height} with parent {block.parent_id} stands where "
                f"{height} with parent {parent_id} should",
            )
        if block.timestamp_ms <= before_ms:
            yield Violation("time goes on", f"block {height} on {name} is no later than its parent")
        parent_id, before_ms = block.block_id, block.timestamp_ms


def _check_transfers(
    name: str, blocks: Sequence[ReadBlock], history: History
) -> Iterator[Violation]:
    placed = Counter(each.transaction_id for block in blocks for each in block.transactions)
    height_of = {
        each.transaction_id: block.height for block in blocks for each in block.transactions
    }
    for transaction_id, times in placed.items():
        if times > 1:
            yield Violation("once", f"{transaction_id} is in {times} blocks of {name}")
    for block in blocks:
        for each in block.transactions:
            if each.action[0] == TRANSFER and each.transaction_id not in history.sent:
                yield Violation("nobody sent it", f"{each.transaction_id} in {block.height}")
    for transaction_id, height in history.final.items():
        if height_of.get(transaction_id) != height:
            yield Violation(
                "what was final is there",
                f"{transaction_id} was called final at {height}; on {name} it is "
                + (f"at {height_of[transaction_id]}" if transaction_id in height_of else "nowhere"),
            )
    for transaction_id in refused_by_all(history):
        if transaction_id in height_of:
            yield Violation(
                "no means no",
                f"{transaction_id} was refused wherever it was sent, and is in block "
                f"{height_of[transaction_id]} of {name}",
            )


def _check_seen(name: str, blocks: Sequence[ReadBlock], history: History) -> Iterator[Violation]:
    """Check what all nodes called final against one node's chain; and that none went back."""
    highest = -1
    beginnings = sorted(wiped.at_s for wiped in history.wiped if wiped.node == name)
    for seen in history.seen:
        if beginnings and seen.at_s > beginnings[0]:
            highest = -1
            del beginnings[0]
        there = blocks[seen.height].block_id if seen.height < len(blocks) else "missing"
        if there != seen.block_id:
            yield Violation(
                "what was final is there",
                f"{seen.node} called {seen.block_id} final at {seen.height}; on {name} it is "
                f"{there}",
            )
        if seen.node == name:
            if seen.height < highest:
                yield Violation(
                    "final never goes back", f"{name} went back from {highest} to {seen.height}"
                )
            highest = max(highest, seen.height)


def _check_told(history: History) -> Iterator[Violation]:
    """Check that no two answers contradict each other."""
    for told in history.told:
        if told.transaction_id not in history.sent:
            yield Violation("answers", f"{told.node} answered for {told.transaction_id}, not sent")
        first = history.final.get(told.transaction_id)
        if told.status == FINAL and told.height != first:
            yield Violation(
                "answers",
                f"{told.transaction_id} was called final at {first} and by {told.node} at "
                f"{told.height}",
            )


def refused_by_all(history: History) -> set[str]:
    """Return the transfers that got answers, and each of them a refusal."""
    statuses: dict[str, set[str]] = {}
    for told in history.told:
        statuses.setdefault(told.transaction_id, set()).add(told.status)
    return {each for each, known in statuses.items() if known <= REFUSALS}
