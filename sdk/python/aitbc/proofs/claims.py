"""What a proof bundle proves, once all of its steps have passed."""

from dataclasses import dataclass
from typing import TypeAlias

from aitbc.keys import format_address
from aitbc.proofs.records import Outcome
from aitbc.proofs.validators import ValidatorSet
from aitbc.transactions import ReadTransaction
from aitbc.verification import VerifiedReceipt


@dataclass(frozen=True)
class ProvenBlock:
    """A final block of a chain."""

    genesis_digest: bytes
    """The chain: nothing of another one can pass for it."""
    chain_id: str
    """Its name and the first 16 hex digits of the digest."""
    block_id: bytes
    """Id of the block."""
    height: int
    """Its height."""
    epoch: int
    """Its epoch."""
    timestamp_ms: int
    """Its time, as its proposer's clock had it."""
    validators: ValidatorSet
    """The set that made it final."""
    signers: tuple[str, ...]
    """Names of the members whose signatures are in the certificate."""


@dataclass(frozen=True)
class TransactionProof:
    """A signed transaction in a final block."""

    block: ProvenBlock
    """The block."""
    index: int
    """Place in the block."""
    transaction: ReadTransaction
    """What was signed."""


@dataclass(frozen=True)
class ReceiptProof:
    """A miner's receipt in a final block."""

    block: ProvenBlock
    """The block: that the job was assigned to this miner at this attempt, it has checked."""
    index: int
    """Place in the block."""
    receipt: VerifiedReceipt
    """What the miner signed; its times are the miner's claim."""


@dataclass(frozen=True)
class OutcomeProof:
    """Something that a final block did."""

    block: ProvenBlock
    """The block."""
    index: int
    """Place among the block's outcomes."""
    outcome: Outcome
    """What it did."""


@dataclass(frozen=True)
class BalanceProof:
    """What an account held after a final block; it may have moved since."""

    block: ProvenBlock
    """The block."""
    address: bytes
    """The account."""
    balance: int
    """Nait; 0 where the state has no such account."""
    is_live: bool
    """Whether the state has the account; one of zeros is not in it."""

    @property
    def address_text(self) -> str:
        """The address, ``ait1…``."""
        return format_address(self.address)


@dataclass(frozen=True)
class ValidatorsProof:
    """Who agrees on the blocks of an epoch."""

    block: ProvenBlock
    """A final block of that epoch; `block.validators` is the set."""


Claims: TypeAlias = TransactionProof | ReceiptProof | OutcomeProof | BalanceProof | ValidatorsProof
"""What a bundle proves."""
