"""The books of a chain of transfers and ballots, kept a second time with arithmetic of its own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from aitbc import parse_address
from devnet.torture.chain_reading import ReadBlock

TRANSFER, CAST_VOTE, SUBMIT_EVIDENCE = 1, 17, 18
ADD_AUTHORITY = 1
NAIT_PER_AITBC = 10**9


class BooksDiffer(Exception):
    """The chain holds what no books can: an unknown action, or spending what is not there."""


class Books:
    """Balances after the blocks that were entered."""

    def __init__(self, genesis: Mapping[str, Any]) -> None:
        """Begin with the allocations of a genesis file's document."""
        spec = genesis["spec"]
        self.balances: Counter[bytes] = Counter()
        """Nait by address."""
        for each in spec["allocations"]:
            nait = Decimal(each["amount"]) * NAIT_PER_AITBC
            self.balances[parse_address(each["address"])] += int(nait)
        self.supply = self.balances.total()
        """Nait that exist."""
        self.entered = 0
        """Blocks that were entered."""
        self._payouts = {
            bytes.fromhex(each["public_key"]): parse_address(each["payout"])
            for each in spec["validators"]
        }

    def enter(self, blocks: Sequence[ReadBlock]) -> None:
        """Enter the blocks of a chain, from height 0 on, that were not entered yet.

        Raises:
            BooksDiffer: a block holds what cannot be entered.
        """
        for block in blocks[self.entered :]:
            for transaction in block.transactions:
                self._learn_payout(transaction.action)
                if transaction.action[0] == TRANSFER:
                    _, to, amount = transaction.action
                    self.balances[transaction.sender] -= amount
                    self.balances[to] += amount
                elif transaction.action[0] not in (CAST_VOTE, SUBMIT_EVIDENCE):
                    raise BooksDiffer(
                        f"{transaction.transaction_id} has action {transaction.action[0]}, "
                        "which no scenario sends"
                    )
                if transaction.fee:
                    self.balances[transaction.sender] -= transaction.fee
                    self.balances[self._payouts[block.proposer]] += transaction.fee
                if self.balances[transaction.sender] < 0:
                    raise BooksDiffer(f"{transaction.transaction_id} spends what is not there")
            self.entered += 1
        if self.balances.total() != self.supply:
            raise BooksDiffer(f"{self.balances.total()} nait exist, not {self.supply}")

    def _learn_payout(self, action: Sequence[Any]) -> None:
        """Learn where a validator is paid that a ballot proposes."""
        if action[0] == CAST_VOTE and action[2] is not None and action[2][0] == ADD_AUTHORITY:
            self._payouts[action[2][1]] = action[2][3]
