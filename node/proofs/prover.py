"""Makes proof bundles of what is final here.

A bundle is made of what the database holds, and not checked: on a damaged or altered database it
fails at its reader, who is told at which step. Each costs reading one block, a path of headers to
the next certificate, and the chain of validator sets, which is read once.
"""

from typing import Final

from coordinator.errors import ReceiptNotFound
from genesis import Genesis
from genesis.spec import canonical_bytes
from ledger.actions import PostReceipt
from ledger.errors import CodecError
from ledger.proofs import (
    HEADERS_MAX,
    SPECIFICATION_BYTES_MAX,
    AccountPart,
    Foundation,
    GenesisPart,
    account_bundle,
    finality_part,
    genesis_part,
    outcome_bundle,
    receipt_bundle,
    transaction_bundle,
    validators_bundle,
)
from ledger.records import ValidatorSet
from ledger.store import ChainReader, IndexReader
from ledger.transaction import CODEC
from ledger.types import Epoch, Hash, Height
from node.proofs.boundaries import BoundaryChain
from node.proofs.contents import Contents, contents_of
from node.proofs.errors import EpochNotFound, OutcomeNotFound, ProofNotYet, ProofPruned

_ALLOCATION_BYTES_MIN: Final = 24
"""Least that an allocation takes in a specification."""


class Prover:
    """Makes bundles; blocking, for any thread."""

    def __init__(self, store: ChainReader, index: IndexReader, genesis: Genesis) -> None:
        """Prepare.

        Args:
            store: the durable chain.
            index: says where a transaction is.
            genesis: of the chain.
        """
        self._store = store
        self._index = index
        self._genesis = _genesis_part(genesis)
        self._boundaries = BoundaryChain(store, genesis.validators)

    def transaction(
        self, height: Height, transaction_id: Hash, since: Epoch, *, as_receipt: bool = False
    ) -> bytes:
        """Return the bundle of a transaction.

        Args:
            height: of its block, which is final.
            transaction_id: its id.
            since: epoch whose validator set the reader knows; 0 for the genesis.
            as_receipt: whether the bundle is of the kind `receipt`.

        Raises:
            ReceiptNotFound: a receipt is asked for, and it is another transaction.
            ProofPruned, ProofTooLong: there is none here.
        """
        contents = contents_of(self._store, height)
        index = self._index_of(contents, transaction_id)
        signed = None if index is None else contents.signed[index]
        if index is None or signed is None or contents.leaves is None:
            raise ProofPruned(
                f"This node has pruned block {height}: it keeps the transactions of jobs and "
                "ballots of such blocks, and no transfers"
            )
        if as_receipt and not _may_be_receipt(signed):
            raise ReceiptNotFound
        make = receipt_bundle if as_receipt else transaction_bundle
        return make(self._base(height, contents.epoch, since), signed, contents.leaves, index)

    def outcome(self, height: Height, index: int, since: Epoch) -> bytes:
        """Return the bundle of an outcome of the final block at a height.

        Raises:
            OutcomeNotFound: the block has fewer.
            ProofPruned, ProofTooLong: there is none here.
        """
        contents = contents_of(self._store, height)
        if contents.outcomes is None:
            raise ProofPruned(f"This node does not keep the outcomes of block {height}")
        if index >= len(contents.outcomes):
            raise OutcomeNotFound(f"Block {height} has {len(contents.outcomes)} outcomes")
        base = self._base(height, contents.epoch, since)
        return outcome_bundle(base, contents.outcomes, index)

    def account(self, account: AccountPart, height: Height, epoch: Epoch, since: Epoch) -> bytes:
        """Return the bundle of an account.

        Args:
            account: of the state after the final block at `height`.
            height: of that block.
            epoch: its epoch.
            since: see `transaction`.

        Raises:
            ProofNotYet: its finalization is not stored yet.
            ProofTooLong: ask in stages.
        """
        return account_bundle(self._base(height, epoch, since), account)

    def validators(self, height: Height, epoch: Epoch, since: Epoch) -> bytes:
        """Return the bundle of the validator set of the epoch of a final block.

        Args:
            height: of the block.
            epoch: its epoch.
            since: see `transaction`.

        Raises:
            ProofNotYet, ProofPruned, ProofTooLong: there is none.
        """
        return validators_bundle(self._base(height, epoch, since))

    def members_of(self, epoch: Epoch) -> ValidatorSet:
        """Return the validator set of an epoch that has begun, as the ends of epochs say."""
        return self._boundaries.members_of(epoch)

    def end_of(self, epoch: Epoch) -> Height:
        """Return the height of an epoch's last block, which is final.

        Raises:
            EpochNotFound: the epoch has not ended.
            ProofPruned: it has; this node started later, and the set did not change then.
        """
        end = self._store.epoch_end(epoch)
        if end is not None:
            return end.height
        if self._store.has_epoch_ends(epoch + 1):
            raise ProofPruned(f"This node does not hold the end of epoch {epoch}")
        raise EpochNotFound

    def _index_of(self, contents: Contents, transaction_id: Hash) -> int | None:
        """Return the position of a transaction in its block.

        A block that was altered may hold another one there. Then the index says where it was, and
        whoever checks the bundle is told that it does not hold.
        """
        index = contents.index_of(transaction_id)
        if index is None:
            row = self._index.transaction(transaction_id)
            index = None if row is None else row.index
        return index if index is not None and index < len(contents.signed) else None

    def _base(self, height: Height, epoch: Epoch, since: Epoch) -> Foundation:
        start, boundaries = self._boundaries.leading_to(epoch, since)
        finality = self._store.finality(height, HEADERS_MAX)
        if not finality.certificate:
            if finality.is_newest:
                raise ProofNotYet(f"The finalization that covers block {height} is on its way")
            raise ProofPruned(f"This node does not keep what made block {height} final")
        proof = finality_part(finality.headers, finality.certificate)
        return Foundation(self._genesis, start, boundaries, proof)


def _may_be_receipt(signed: bytes) -> bool:
    """Return whether bytes are a receipt, or no transaction at all: that is the check's to say."""
    try:
        return isinstance(CODEC.decode(signed).transaction.action, PostReceipt)
    except CodecError:
        return True


def _genesis_part(genesis: Genesis) -> GenesisPart:
    """Return which chain it is; a long specification is not even encoded."""
    if len(genesis.spec.allocations) * _ALLOCATION_BYTES_MIN > SPECIFICATION_BYTES_MAX:
        return GenesisPart(genesis.digest.hex(), None)
    return genesis_part(genesis.digest, canonical_bytes(genesis.spec))
