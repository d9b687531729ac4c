"""Bodies of the chain routes: what wallets and tools read about the chain.

Amounts are AITBC as decimal text; where arithmetic is likely, nait stand beside them as text,
because numbers of JSON lose digits above 2^53.
"""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from coordinator.http.money import format_text
from coordinator.ports import SubmitOutcome, TransactionStatus
from coordinator.wire import MoneyText, View, transaction_text
from ledger.actions import action_name
from ledger.block import Header
from ledger.codec import encode
from ledger.errors import LedgerError
from ledger.keys import format_address
from ledger.store import StoredBlock
from ledger.transaction import SignedTransaction
from ledger.types import Amount, Hash, Height
from ledger.views import ChainView
from node.http.status_views import ConsensusView, CoordinatorView, IndexView, SyncView


class HeadView(View, frozen=True):
    """A block by its place."""

    height: int
    """Distance from genesis."""
    block_id: str
    """Its id, hex."""
    timestamp_ms: int
    """Its time, milliseconds since the Unix epoch."""


class PoolView(View, frozen=True):
    """How full the pool is."""

    transactions: int
    """Transactions that wait."""
    bytes: int
    """Bytes of them."""


class ChainStatusView(View, frozen=True):
    """Where the node stands."""

    chain_id: str
    """Id of the chain."""
    genesis_digest: str
    """Digest that tags and chain id follow from, hex; pin it to trust no node for it."""
    protocol_version: int
    """Rules in force."""
    height: int
    """Height of the newest final block."""
    block_id: str
    """Its id, hex."""
    timestamp_ms: int
    """Its time; `valid_until_ms` of new transactions derives from it (J26)."""
    epoch: int
    """Its epoch."""
    head: HeadView
    """The newest executed block, final or not."""
    validators: int
    """Size of the validator set."""
    pool: PoolView
    """The pool."""
    indexed_height: int
    """Height up to which lists and pages are complete; may lag."""
    index: IndexView
    """How far that is behind, and why if it stands still."""
    consensus: ConsensusView
    """What the chain waits for, as this node sees it."""
    peers: Mapping[str, int]
    """Connected peers by role."""
    sync: SyncView | UnsetType = UNSET
    """How far the peers are ahead; left out on a node without peers."""
    coordinator: CoordinatorView | UnsetType = UNSET
    """How the coordinator follows the chain; left out on a node without one."""


class ParametersView(View, frozen=True):
    """Parameters in force, amounts in nait."""

    as_of_height: int
    """Final height that they hold at."""
    parameters: Mapping[str, int]
    """By name; `docs` and `ledger/params.py` say what each is."""


class AccountView(View, frozen=True):
    """An account."""

    address: str
    """Its address."""
    balance: MoneyText
    """Final balance in AITBC."""
    balance_nait: str
    """The same in nait."""
    spendable: MoneyText
    """Final balance less what pooled transactions would spend, in AITBC."""
    spendable_nait: str
    """The same in nait."""
    as_of_height: int
    """Final height that the balance holds at."""


class HeaderView(View, frozen=True):
    """What a block commits to; hashes in hex."""

    height: int
    block_id: str
    parent_id: str
    epoch: int
    view: int
    parent_view: int
    timestamp_ms: int
    proposer: str
    transaction_root: str
    transaction_count: int
    outcome_root: str
    outcome_count: int
    state_root: str
    validator_set_hash: str
    next_validator_set_hash: str
    header: str
    """Canonical bytes, hex: the id is their tagged hash."""


class BlockView(HeaderView, frozen=True):
    """A final block."""

    transaction_ids: list[str]
    """Ids of the body, in order."""
    certificate: str
    """Finality certificate, hex; empty for genesis and where a descendant's finalizes it."""


class TransactionView(View, frozen=True):
    """Where a transaction is."""

    transaction_id: str
    """Its id."""
    status: str
    """`pooled`, `included` (in a block that is not final yet), `final` or `rejected`."""
    height: int | UnsetType = UNSET
    """Height of its final block."""
    block_id: str | UnsetType = UNSET
    """Id of that block, hex."""
    index: int | UnsetType = UNSET
    """Its place in that block."""
    timestamp_ms: int | UnsetType = UNSET
    """Time of that block."""
    action: str | UnsetType = UNSET
    """What it does."""
    sender: str | UnsetType = UNSET
    """Address of who signed it."""
    fee: str | UnsetType = UNSET
    """Fee in AITBC."""
    signed: str | UnsetType = UNSET
    """Canonical signed bytes, hex."""
    code: str | UnsetType = UNSET
    """Why it was dropped: a stable code."""
    detail: str | UnsetType = UNSET
    """Why it was dropped, for a person."""


class SubmittedView(View, frozen=True):
    """What became of a submitted transaction."""

    transaction_id: str
    """Its id; empty when the bytes are no transaction."""
    status: str
    """`pooled`, `duplicate` (known already), `rejected`, `full`, or after waiting `final`."""
    height: int | UnsetType = UNSET
    """Height of its final block."""
    code: str | UnsetType = UNSET
    """Stable code of a rejection."""
    detail: str | UnsetType = UNSET
    """What is wrong and how to mend it."""


class SubmittedBatchView(View, frozen=True):
    """What became of a batch, in its order."""

    transactions: list[SubmittedView]
    """One for each."""


def header_fields(view_id: bytes, header: Header) -> dict[str, object]:
    """Return the members of `HeaderView` for a header."""
    fields = {
        name: value.hex() if isinstance(value, bytes) else value
        for name in header.__struct_fields__
        if name not in {"version", "chain_id"}
        for value in (getattr(header, name),)
    }
    return {**fields, "block_id": view_id.hex(), "header": encode(header).hex()}


def header_view(view: ChainView) -> HeaderView:
    """Return the header of a block with its state."""
    return msgspec.convert(header_fields(view.block_id, view.header), HeaderView)


def block_view(block: StoredBlock) -> BlockView:
    """Return a durable block."""
    fields = header_fields(block.block_id, block.header)
    fields["transaction_ids"] = [transaction_text(each) for each in block.transaction_ids]
    fields["certificate"] = block.certificate.hex()
    return msgspec.convert(fields, BlockView)


def account_view(address: bytes, balance: Amount, spendable: Amount, height: Height) -> AccountView:
    """Return an account; one that nothing was ever paid to has a balance of 0."""
    return AccountView(
        address=format_address(address),
        balance=format_text(balance),
        balance_nait=str(balance),
        spendable=format_text(spendable),
        spendable_nait=str(spendable),
        as_of_height=height,
    )


def final_view(block: StoredBlock, index: int) -> TransactionView:
    """Return a transaction of a durable block."""
    signed: SignedTransaction = block.transactions[index]
    transaction = signed.transaction
    return TransactionView(
        transaction_id=transaction_text(block.transaction_ids[index]),
        status="final",
        height=block.height,
        block_id=block.block_id.hex(),
        index=index,
        timestamp_ms=block.header.timestamp_ms,
        action=action_name(transaction.action),
        sender=format_address(transaction.sender),
        fee=format_text(transaction.fee),
        signed=block.signed[index].hex(),
    )


def submitted_view(outcome: SubmitOutcome) -> SubmittedView:
    """Return the pool's answer."""
    is_known = any(outcome.transaction_id)
    return SubmittedView(
        transaction_id=transaction_text(outcome.transaction_id) if is_known else "",
        status=outcome.status.value,
        code=outcome.code or UNSET,
        detail=outcome.detail or UNSET,
    )


def included_view(transaction_id: Hash, height: Height) -> SubmittedView:
    """Return that a transaction is final."""
    status = TransactionStatus.FINAL.value
    return SubmittedView(transaction_text(transaction_id), status, height=height)


def dropped_view(transaction_id: Hash, reason: LedgerError) -> SubmittedView:
    """Return why a transaction left the pool without being final."""
    return SubmittedView(
        transaction_id=transaction_text(transaction_id),
        status=TransactionStatus.REJECTED.value,
        code=reason.code,
        detail=str(reason),
    )
