"""Building proof bundles from what a node has: pure, and nothing is checked.

Whoever builds one on damaged data gets a bundle that fails its check; that is what it is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.codec import encode
from ledger.merkle import inclusion_path
from ledger.proofs.document import (
    FORMAT,
    SPECIFICATION_BYTES_MAX,
    AccountBundle,
    AccountPart,
    BoundaryPart,
    FinalityPart,
    GenesisPart,
    OutcomeBundle,
    OutcomePart,
    ReceiptBundle,
    SincePart,
    TransactionBundle,
    TransactionPart,
    ValidatorsBundle,
    write_document,
)
from ledger.records import Table, state_key
from ledger.state import FinalState, Overlay
from ledger.state_proof import prove_state
from ledger.types import Address, Epoch, Hash


@dataclass(frozen=True, slots=True)
class Foundation:
    """What leads from what a reader trusts to a final block; the same for every kind."""

    genesis: GenesisPart
    """Which chain it is."""
    since: SincePart | None
    """Where the chain of sets starts, if not with the genesis."""
    boundaries: tuple[BoundaryPart, ...]
    """From there to the block's epoch."""
    finality: FinalityPart
    """What makes the block final."""


def genesis_part(digest: Hash, specification: bytes) -> GenesisPart:
    """Return which chain it is, with the specification unless it is too long."""
    is_short = len(specification) <= SPECIFICATION_BYTES_MAX
    return GenesisPart(digest.hex(), specification.hex() if is_short else None)


def since_part(epoch: Epoch, validators: bytes) -> SincePart:
    """Return that the chain of sets starts with this set, given in canonical bytes."""
    return SincePart(str(epoch), validators.hex())


def boundary_part(header: bytes, certificate: bytes, next_set: bytes) -> BoundaryPart:
    """Return the end of an epoch from its canonical bytes."""
    return BoundaryPart(header.hex(), certificate.hex(), next_set.hex())


def finality_part(headers: Sequence[bytes], certificate: bytes) -> FinalityPart:
    """Return what makes the block of the first header final: the last one's certificate."""
    return FinalityPart(tuple(header.hex() for header in headers), certificate.hex())


def receipt_bundle(base: Foundation, signed: bytes, leaves: Sequence[bytes], index: int) -> bytes:
    """Return the document that proves a receipt; arguments as of `transaction_bundle`."""
    return write_document(
        ReceiptBundle(
            format=FORMAT,
            genesis=base.genesis,
            since=base.since,
            boundaries=base.boundaries,
            finality=base.finality,
            receipt=_transaction_part(signed, leaves, index),
        )
    )


def transaction_bundle(
    base: Foundation, signed: bytes, leaves: Sequence[bytes], index: int
) -> bytes:
    """Return the document that proves a transaction.

    Args:
        base: leads to its block.
        signed: its signed bytes.
        leaves: those of the block's transaction tree.
        index: its position.
    """
    return write_document(
        TransactionBundle(
            format=FORMAT,
            genesis=base.genesis,
            since=base.since,
            boundaries=base.boundaries,
            finality=base.finality,
            transaction=_transaction_part(signed, leaves, index),
        )
    )


def outcome_bundle(base: Foundation, records: Sequence[bytes], index: int) -> bytes:
    """Return the document that proves an outcome.

    Args:
        base: leads to its block.
        records: canonical bytes of all outcomes of the block.
        index: the outcome's position among them.
    """
    path = tuple(sibling.hex() for sibling in inclusion_path(records, index))
    return write_document(
        OutcomeBundle(
            format=FORMAT,
            genesis=base.genesis,
            since=base.since,
            boundaries=base.boundaries,
            finality=base.finality,
            outcome=OutcomePart(records[index].hex(), str(index), path),
        )
    )


def account_part(state: FinalState | Overlay, address: Address) -> AccountPart:
    """Return what a state says about an account, with the proof of it.

    Costs a bucket and a path, whatever the size of the state.

    Args:
        state: of a block; an overlay must be sealed.
        address: the account.
    """
    assert state.tree is not None, "an open overlay proves nothing"
    key = state_key(Table.ACCOUNT, address)
    record, proof = state.get(key), prove_state(state.tree, key)
    return AccountPart(
        address.hex(),
        None if record is None else encode(record).hex(),
        proof.blob.hex(),
        tuple(row.hex() for row in proof.siblings),
    )


def account_bundle(base: Foundation, account: AccountPart) -> bytes:
    """Return the document that proves what an account holds after a block.

    Args:
        base: leads to the block.
        account: as `account_part` made it of the state after that block.
    """
    return write_document(
        AccountBundle(
            format=FORMAT,
            genesis=base.genesis,
            since=base.since,
            boundaries=base.boundaries,
            finality=base.finality,
            account=account,
        )
    )


def validators_bundle(base: Foundation) -> bytes:
    """Return the document that proves the validator set of a block's epoch."""
    return write_document(
        ValidatorsBundle(
            format=FORMAT,
            genesis=base.genesis,
            since=base.since,
            boundaries=base.boundaries,
            finality=base.finality,
        )
    )


def _transaction_part(signed: bytes, leaves: Sequence[bytes], index: int) -> TransactionPart:
    path = tuple(sibling.hex() for sibling in inclusion_path(leaves, index))
    return TransactionPart(signed.hex(), str(index), path)
