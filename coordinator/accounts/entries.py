"""From final blocks to entries: what moved on the accounts that belong to clients.

A block's outcome records say what it credited, its transactions what they spent (J28). An entry
carries the sum of its account's entries, so that a balance at any time is one row and not a sum
over the history. For a managed account that sum is its balance on the chain, which
`check_invariants` compares; the account of a miner with its own key may have had a balance before
it registered here, and its entries begin with that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BindParameter, Connection, Select, insert, select, union

from coordinator.accounts.model import EntryKind
from coordinator.database.account_tables import account_entries
from coordinator.database.listed import Listed
from coordinator.database.prepared import Prepared, Value
from coordinator.database.tables import miners, wallets
from coordinator.ports import FinalBlock
from ledger import spend_of
from ledger.actions import DisputeReceipt, RegisterMiner, SubmitJob, Transfer
from ledger.outcomes import JOB_ENDS, Outcome, OutcomeKind
from ledger.types import Address, Hash

BY_ITSELF: Final = -1
"""Position of what the chain does without a transaction; it stands before all of them."""


def _ours(addresses: Sequence[BindParameter[bytes]]) -> Select[tuple[object, ...]]:
    """Return those addresses that belong to clients, each with the balance of its newest entry."""
    mine = (select(t.c.address).where(t.c.address.in_(addresses)) for t in (wallets, miners))
    found = union(*mine).subquery()
    newest = (
        select(account_entries.c.balance)
        .where(account_entries.c.address == found.c.address)
        .order_by(account_entries.c.timestamp_ms.desc(), account_entries.c.seq.desc())
        .limit(1)
    )
    return select(found.c.address, newest.scalar_subquery().label("balance"))


_OURS: Final = Listed(_ours)

_ADD: Final = Prepared(
    insert(account_entries).inline(),
    (
        "address",
        "height",
        "position",
        "outcome",
        "timestamp_ms",
        "kind",
        "amount",
        "fee",
        "balance",
        "transaction_id",
        "job_id",
    ),
)

_SPENT: Final = {
    SubmitJob: EntryKind.ESCROW,
    Transfer: EntryKind.SENT,
    RegisterMiner: EntryKind.BOND,
    DisputeReceipt: EntryKind.BOND,
}
"""What an amount is that an action takes; with others only the fee goes."""

_OTHER_CREDITS: Final = {
    OutcomeKind.BOND_RETURNED: EntryKind.BOND_RETURNED,
    OutcomeKind.UNITS_ISSUED: EntryKind.ISSUED,
}


@dataclass(frozen=True, slots=True)
class _Move:
    address: Address
    kind: EntryKind
    amount: int
    fee: int
    position: int
    outcome: int | None = None
    transaction_id: Hash | None = None
    job_id: Hash | None = None


def record_entries(connection: Connection, block: FinalBlock) -> None:
    """Store what a final block moved on accounts that belong to clients."""
    moves = list(_moves(block))
    balances = _balances(connection, {move.address for move in moves})
    rows: list[dict[str, Value]] = []
    for move in moves:
        if move.address not in balances:
            continue
        balance = balances[move.address] + move.amount - move.fee
        balances[move.address] = balance
        rows.append(
            {
                "address": move.address,
                "height": block.header.height,
                "position": move.position,
                "outcome": move.outcome,
                "timestamp_ms": block.header.timestamp_ms,
                "kind": move.kind.value,
                "amount": move.amount,
                "fee": move.fee,
                "balance": balance,
                "transaction_id": move.transaction_id,
                "job_id": move.job_id,
            }
        )
    _ADD.run_all(connection, rows)


def _moves(block: FinalBlock) -> Iterator[_Move]:
    """Yield what a block moved, in the order in which it did."""
    caused: dict[Hash, list[tuple[int, Outcome]]] = {}
    for place, outcome in enumerate(block.outcomes):
        if outcome.cause:
            caused.setdefault(outcome.cause, []).append((place, outcome))
        else:
            yield from _credits(place, outcome, BY_ITSELF)
    for position, transaction_id in enumerate(block.transaction_ids):
        yield from _spends(block, position, transaction_id)
        for place, outcome in caused.get(transaction_id, ()):
            yield from _credits(place, outcome, position)


def _spends(block: FinalBlock, position: int, transaction_id: Hash) -> Iterator[_Move]:
    content = block.transactions[position].transaction
    action, fee = content.action, content.fee
    amount = spend_of(content) - fee
    if amount or fee:
        yield _Move(
            address=content.sender,
            kind=_SPENT.get(type(action), EntryKind.FEE) if amount else EntryKind.FEE,
            amount=-amount,
            fee=fee,
            position=position,
            transaction_id=transaction_id,
            job_id=transaction_id if type(action) is SubmitJob else getattr(action, "job_id", None),
        )
    if isinstance(action, Transfer):
        yield _Move(
            address=action.to,
            kind=EntryKind.RECEIVED,
            amount=action.amount,
            fee=0,
            position=position,
            transaction_id=transaction_id,
        )


def _credits(place: int, outcome: Outcome, position: int) -> Iterator[_Move]:
    is_end = outcome.kind in JOB_ENDS
    if not is_end and outcome.kind not in _OTHER_CREDITS:
        return
    for index, (party, amount) in enumerate(zip(outcome.parties, outcome.amounts, strict=True)):
        if not amount:
            continue
        yield _Move(
            address=party,
            kind=_end_kind(outcome, index) if is_end else _OTHER_CREDITS[outcome.kind],
            amount=amount,
            fee=0,
            position=position,
            outcome=place,
            transaction_id=outcome.cause or None,
            job_id=outcome.object_id if is_end else None,
        )


def _end_kind(outcome: Outcome, index: int) -> EntryKind:
    """Return what a party of a job's end was credited with: the client stands last."""
    is_client = index == len(outcome.parties) - 1
    return EntryKind.REFUND if is_client else EntryKind.EARNING


def _balances(connection: Connection, addresses: set[Address]) -> dict[Address, int]:
    """Return the sums of what is stored for those of some accounts that belong to clients."""
    return {row.address: row.balance or 0 for row in _OURS.all(connection, addresses)}


def newest_balances(connection: Connection) -> dict[Address, int]:
    """Return the sum of the entries of every managed account that has any."""
    newest = account_entries.alias("newest")
    last = (
        select(newest.c.seq)
        .where(newest.c.address == wallets.c.address)
        .order_by(newest.c.timestamp_ms.desc(), newest.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    of_wallets = wallets.join(account_entries, account_entries.c.seq == last)
    query = select(wallets.c.address, account_entries.c.balance).select_from(of_wallets)
    return {row.address: row.balance for row in connection.execute(query)}
