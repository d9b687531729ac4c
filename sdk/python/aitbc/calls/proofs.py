"""Proofs: each call fetches a bundle, checks it here, and returns what it proves.

Everywhere `genesis` is the chain that is trusted: `aitbc.read_genesis_file` reads it, and where
only the 32 bytes of its digest are known, those do. Without it the node's word is taken for which
chain it is, and a node that lies can make one of its own: name it wherever something depends on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from aitbc.errors import InvalidValue, ProofInvalid
from aitbc.exchange import Flow, Request, Session, ask_bytes, segment
from aitbc.keys import parse_address
from aitbc.proofs import (
    KINDS,
    BalanceProof,
    Claims,
    GenesisFacts,
    OutcomeProof,
    ReceiptProof,
    TransactionProof,
    ValidatorsProof,
    verify_proof,
)

_Proof = TypeVar("_Proof", ReceiptProof, TransactionProof, OutcomeProof, BalanceProof)

_PATH: Final = "/v1/proofs"


@dataclass(frozen=True)
class _Trust:
    """What the caller brings."""

    genesis: GenesisFacts | bytes | None
    known: Mapping[int, bytes]

    def verify(self, document: bytes) -> Claims:
        """Check a bundle and return what it proves."""
        return verify_proof(document, genesis=self.genesis, known=self.known)

    @property
    def since(self) -> int | None:
        """The newest epoch whose set the caller knows."""
        return max(self.known, default=None)


def document(
    session: Session,
    kind: str,
    *reference: str | int,
    since: int | None = None,
    epoch: int | None = None,
) -> Flow[bytes]:
    """Return a bundle as the node has it, unchecked: to be kept, or given to somebody else.

    Args:
        session: the client's.
        kind: ``receipt``, ``transaction``, ``outcome``, ``account`` or ``validators``.
        reference: what it is of: an id, a height and an index, or an address; nothing for
            validators.
        since: an epoch whose set the reader has verified already: the bundle may start there.
        epoch: for validators, the epoch whose set is wanted; the newest block's when None.
    """
    if kind not in KINDS:
        raise InvalidValue("kind", f"must be one of {', '.join(KINDS)}")
    path = "/".join((_PATH, kind, *(segment(str(part)) for part in reference)))
    told = (("since", since), ("epoch", epoch))
    params: dict[str, str | int] = {name: value for name, value in told if value is not None}
    return (yield from ask_bytes(session, Request("GET", path, params=params or None)))


def receipt(
    session: Session,
    receipt_id: str,
    *,
    genesis: GenesisFacts | bytes | None = None,
    known: Mapping[int, bytes] | None = None,
) -> Flow[ReceiptProof]:
    """Return a receipt that is proved to be in a final block.

    The chain has checked more than a signature: that the job was assigned to this miner, at this
    attempt.

    Args:
        session: the client's.
        receipt_id: the receipt.
        genesis: the chain that is trusted: its genesis, or the 32 bytes of its digest.
        known: hashes of sets that were verified before, by epoch.

    Raises:
        ProofInvalid: the node proves nothing, or something else.
    """
    trust = _Trust(genesis, known or {})
    found = yield from _proved(session, ReceiptProof, trust, "receipt", receipt_id)
    if _bare(receipt_id) != _bare(found.receipt.receipt_id):
        raise _other(f"the receipt {found.receipt.receipt_id}")
    return found


def transaction(
    session: Session,
    transaction_id: str,
    *,
    genesis: GenesisFacts | bytes | None = None,
    known: Mapping[int, bytes] | None = None,
) -> Flow[TransactionProof]:
    """Return a transaction that is proved to be in a final block; arguments as of `receipt`.

    Args:
        session: the client's.
        transaction_id: the transaction.
        genesis: the chain that is trusted: its genesis, or the 32 bytes of its digest.
        known: hashes of sets that were verified before, by epoch.
    """
    trust = _Trust(genesis, known or {})
    found = yield from _proved(session, TransactionProof, trust, "transaction", transaction_id)
    if _bare(transaction_id) != found.transaction.transaction_id.hex():
        raise _other(f"the transaction {found.transaction.transaction_id.hex()}")
    return found


def outcome(
    session: Session,
    height: int,
    index: int,
    *,
    genesis: GenesisFacts | bytes | None = None,
    known: Mapping[int, bytes] | None = None,
) -> Flow[OutcomeProof]:
    """Return what a final block is proved to have done.

    Args:
        session: the client's.
        height: of the block.
        index: among the block's outcomes.
        genesis: the chain that is trusted: its genesis, or the 32 bytes of its digest.
        known: hashes of sets that were verified before, by epoch.
    """
    trust = _Trust(genesis, known or {})
    found = yield from _proved(session, OutcomeProof, trust, "outcome", height, index)
    if (found.block.height, found.index) != (height, index):
        raise _other(f"outcome {found.index} of block {found.block.height}")
    return found


def account(
    session: Session,
    address: str,
    *,
    genesis: GenesisFacts | bytes | None = None,
    known: Mapping[int, bytes] | None = None,
) -> Flow[BalanceProof]:
    """Return what an account is proved to have held, with the height that it held it at.

    It may have moved since: `BalanceProof.block` says when it was.

    Args:
        session: the client's.
        address: the account, ``ait1…``.
        genesis: the chain that is trusted: its genesis, or the 32 bytes of its digest.
        known: hashes of sets that were verified before, by epoch.
    """
    wanted = parse_address(address)
    trust = _Trust(genesis, known or {})
    found = yield from _proved(session, BalanceProof, trust, "account", address)
    if found.address != wanted:
        raise _other(f"the account {found.address_text}")
    return found


def validators(
    session: Session,
    epoch: int | None = None,
    *,
    genesis: GenesisFacts | bytes | None = None,
    known: Mapping[int, bytes] | None = None,
) -> Flow[ValidatorsProof]:
    """Return the validators of an epoch, proved from the genesis on.

    Args:
        session: the client's.
        epoch: whose set; that of the node's newest final block when None.
        genesis: the chain that is trusted: its genesis, or the 32 bytes of its digest.
        known: hashes of sets that were verified before, by epoch.
    """
    trust = _Trust(genesis, known or {})
    bundle = yield from document(session, "validators", since=trust.since, epoch=epoch)
    found = trust.verify(bundle)
    if not isinstance(found, ValidatorsProof):
        raise _other("something else than a set of validators")
    if epoch is not None and found.block.epoch != epoch:
        raise _other(f"the set of epoch {found.block.epoch}")
    return found


def _proved(
    session: Session, kind: type[_Proof], trust: _Trust, name: str, *reference: str | int
) -> Flow[_Proof]:
    bundle = yield from document(session, name, *reference, since=trust.since)
    found = trust.verify(bundle)
    if not isinstance(found, kind):
        raise _other("something of another kind")
    return found


def _bare(identifier: str) -> str:
    """Return an id without its prefix."""
    return identifier.rpartition("_")[2].lower()


def _other(what: str) -> ProofInvalid:
    return ProofInvalid("PROOF_OF_OTHER", f"the node proves {what} instead", "asked")
