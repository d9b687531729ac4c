"""Steps that judging a block (`transition`) and building one (`proposal`) have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger.accounts import credit
from ledger.actions import Transfer, nested_signatures
from ledger.admission import (
    check_transaction_sanity,
    check_transaction_time,
    check_transaction_unseen,
)
from ledger.authorities import unknown_protocol_version
from ledger.block import ZERO_HASH, Header, block_id
from ledger.block_errors import ProposerUnknown
from ledger.boundary import apply_boundary, boundary_weight
from ledger.codec import encode
from ledger.environment import Environment
from ledger.errors import ProtocolVersionUnknown
from ledger.hashing import Tags
from ledger.merkle import merkle_root, root_of_hashes, transaction_leaf_hashes
from ledger.outcomes import Outcome
from ledger.params import (
    ACTION_WEIGHT_US,
    DUE_ITEM_WEIGHT_US,
    PROTOCOL_VERSION,
    SIGNATURE_WEIGHT_US,
)
from ledger.records import Validator, ValidatorSet
from ledger.rejections import AlreadyIncluded
from ledger.state import StateDelta
from ledger.steps import UNITS_PER_STEP, Steps
from ledger.sweep import apply_sweep
from ledger.transaction import IdentifiedTransaction, SignedTransaction, identify_each
from ledger.types import Hash, PublicKey, TimestampMs
from ledger.views import ChainView, validator_set_hash, validators_of


@dataclass(frozen=True, slots=True)
class BlockResult:
    """What a valid block did."""

    view: ChainView
    """The block and the state after it."""
    body: tuple[IdentifiedTransaction, ...]
    """The block's transactions with their bytes and ids, in order."""
    outcomes: tuple[Outcome, ...]
    """Outcome records, automatic ones first (J28)."""
    delta: StateDelta
    """State keys that changed, with their new canonical records."""

    @property
    def transaction_ids(self) -> tuple[Hash, ...]:
        """Ids of the body, in order."""
        return tuple(signed.transaction_id for signed in self.body)


_TRANSFER_WEIGHT_US: Final = SIGNATURE_WEIGHT_US + ACTION_WEIGHT_US[Transfer]


def weight_of(transaction: SignedTransaction) -> int:
    """Return a transaction's measured cost in microseconds, all its signatures included (S7)."""
    action = transaction.transaction.action
    if type(action) is Transfer:
        return _TRANSFER_WEIGHT_US
    signatures = 1 + nested_signatures(action)
    return signatures * SIGNATURE_WEIGHT_US + ACTION_WEIGHT_US[type(action)]


def check_protocol_known(parent: ChainView) -> None:
    """Check that this program knows the rules that a child of this block follows (S13).

    Raises:
        ProtocolVersionUnknown: it does not; it keeps its state and stops here.
    """
    version = unknown_protocol_version(parent.state)
    if version is not None:
        raise ProtocolVersionUnknown(version, PROTOCOL_VERSION)


def automatic_weight(parent: ChainView, timestamp_ms: TimestampMs, due_count: int) -> int:
    """Return the cost of the work that a child must begin with, in microseconds (S4, S7)."""
    weight = due_count * DUE_ITEM_WEIGHT_US
    if parent.next_block_ends_epoch(timestamp_ms):
        weight += boundary_weight(parent.state, parent.parameters)
    return weight


def apply_automatic(parent: ChainView, env: Environment, due: list[bytes]) -> None:
    """End what is due (J17, S4), and at an epoch's end let what was decided take effect (E3)."""
    apply_sweep(env, due)
    if parent.next_block_ends_epoch(env.now_ms):
        apply_boundary(env)


def check_transaction_here(
    parent: ChainView, env: Environment, signed: IdentifiedTransaction, seen_here: set[Hash]
) -> None:
    """Check chain, version, time and id of a transaction of this block (T1, T4).

    Raises:
        TransactionRejected: it cannot stand here.
    """
    transaction = signed.content.transaction
    check_transaction_sanity(parent.header.chain_id, transaction)
    check_transaction_time(env.parameters, transaction, env.now_ms)
    check_transaction_unseen(parent.seen, signed.transaction_id, transaction.valid_until_ms)
    if signed.transaction_id in seen_here:
        raise AlreadyIncluded(signed.transaction_id)


def proposer_of(validators: ValidatorSet, proposer: PublicKey) -> Validator:
    """Return the member of the set with this key.

    Raises:
        ProposerUnknown: there is none.
    """
    for member in validators.members:
        if member.public_key == proposer:
            return member
    raise ProposerUnknown(proposer)


def credit_fees(env: Environment, proposer: Validator) -> None:
    """Credit the block's fees to the proposer's payout account; writes nothing when 0 (T9)."""
    credit(env.state, proposer.payout, env.fees)


def root_in_steps(body: Sequence[IdentifiedTransaction]) -> Steps[Hash]:
    """Return the root over the leaves of T1."""
    leaves: list[Hash] = []
    for at in range(0, len(body), UNITS_PER_STEP):
        some = body[at : at + UNITS_PER_STEP]
        leaves += transaction_leaf_hashes(
            [
                (
                    signed.transaction_id,
                    signed.content.transaction.valid_until_ms,
                    signed.content.signature,
                )
                for signed in some
            ]
        )
        yield len(some)
    return root_of_hashes(leaves)


def outcome_root(outcomes: Sequence[Outcome]) -> Hash:
    """Return the root over canonical outcome records (J28)."""
    return merkle_root([encode(outcome) for outcome in outcomes])


def next_set_hash(parent: ChainView, env: Environment) -> Hash:
    """Return what a header says of the next epoch's set: zero but at an epoch's end (S13).

    The state after an epoch's last block holds the next epoch's set (E2).
    """
    if not parent.next_block_ends_epoch(env.now_ms):
        return ZERO_HASH
    return validator_set_hash(parent.tags, validators_of(env.state))


def identify_in_steps(
    tags: Tags, content: Sequence[SignedTransaction]
) -> Steps[tuple[IdentifiedTransaction, ...]]:
    """Return transactions with their bytes and ids."""
    found: list[IdentifiedTransaction] = []
    for at in range(0, len(content), UNITS_PER_STEP):
        some = content[at : at + UNITS_PER_STEP]
        found += identify_each(tags, some)
        yield len(some)
    return tuple(found)


def result_of(
    parent: ChainView,
    env: Environment,
    delta: StateDelta,
    header: Header,
    body: tuple[IdentifiedTransaction, ...],
) -> BlockResult:
    """Return what a block did, once its state is sealed and its header known to be right."""
    seen = [(each.transaction_id, each.content.transaction.valid_until_ms) for each in body]
    view = ChainView(
        tags=parent.tags,
        block_id=block_id(parent.tags, header),
        header=header,
        state=env.state,
        seen=parent.seen.overlay(seen),
        epoch_start_ms=parent.next_epoch_start_ms,
    )
    return BlockResult(view, body, tuple(env.outcomes), delta)
