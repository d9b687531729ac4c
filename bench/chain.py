"""A chain in memory for benchmarks: many accounts, one validator, limits as high as they go."""

from collections.abc import Iterable

from ledger import (
    BlockContext,
    BuiltBlock,
    ChainView,
    build_block,
    genesis_view,
    make_final,
    with_least_fee,
)
from ledger.actions import Action, Transfer
from ledger.hashing import Tags, chain_id_of, sha256
from ledger.keys import KeyPair
from ledger.params import PARAMETER_BOUNDS, TRANSACTION_VERSION, Parameters
from ledger.records import (
    Account,
    Coordinator,
    Record,
    Supply,
    Table,
    Validator,
    ValidatorSet,
    state_key,
)
from ledger.transaction import SignedTransaction, Transaction, sign
from ledger.types import Address

GENESIS_MS = 1_700_000_000_000
BALANCE = 4 * 10**12
"""Nait of each account; a million of them stay within the largest supply (S8)."""
PARAMETERS = Parameters(
    delta_ms=PARAMETER_BOUNDS["delta_ms"][1],
    block_weight_max=PARAMETER_BOUNDS["block_weight_max"][1],
    block_transactions_max=PARAMETER_BOUNDS["block_transactions_max"][1],
    block_bytes_max=PARAMETER_BOUNDS["block_bytes_max"][1],
)


def key_of(name: str) -> KeyPair:
    """Return a key that depends on its name only."""
    return KeyPair(sha256(b"bench/" + name.encode()))


def address_of_number(number: int) -> Address:
    """Return an address that nobody has the key of."""
    return sha256(number.to_bytes(8, "big"))[:20]


class BenchChain:
    """A chain that is extended block by block; everything becomes final at once."""

    def __init__(self, accounts: int, buckets: int = 65_536, validators: int = 1) -> None:
        """Make genesis with this many accounts, those of 100 known keys among them."""
        self.validator = key_of("validator")
        others = [key_of(f"validator-{number}") for number in range(1, validators)]
        self.validators = [self.validator, *others]
        self.coordinator = key_of("coordinator")
        self.senders = [key_of(f"sender-{number}") for number in range(100)]
        self.tags = Tags(sha256(b"bench/genesis"))
        self.chain_id = chain_id_of("bench", self.tags.genesis_digest)
        payout = key_of("payout").address
        members = tuple(
            Validator(key.public_key, f"bench-{number}", payout)
            for number, key in enumerate(self.validators)
        )
        self.records: dict[bytes, Record] = {
            state_key(Table.PARAMETERS): PARAMETERS,
            state_key(Table.VALIDATORS): ValidatorSet(members),
            state_key(Table.COORDINATOR, self.coordinator.address): Coordinator("bench"),
        }
        owners = [key.address for key in self.senders]
        owners += map(address_of_number, range(accounts - len(owners)))
        for owner in owners:
            self.records[state_key(Table.ACCOUNT, owner)] = Account(BALANCE)
        self.records[state_key(Table.SUPPLY)] = Supply(len(owners) * BALANCE, 0)
        self.view: ChainView = genesis_view(
            self.tags, self.chain_id, self.records, GENESIS_MS, buckets
        )
        self._salt = 0

    def sign(self, key: KeyPair, action: Action) -> SignedTransaction:
        """Sign an action for the least fee that is enough whatever the state."""
        self._salt += 1
        unsigned = Transaction(
            version=TRANSACTION_VERSION,
            chain_id=self.chain_id,
            sender_public_key=key.public_key,
            action=action,
            fee=0,
            valid_until_ms=self.view.header.timestamp_ms + 120_000,
            salt=self._salt.to_bytes(16, "big"),
        )
        fitted = with_least_fee(PARAMETERS, unsigned, creates_account=isinstance(action, Transfer))
        return sign(self.tags, fitted, key)

    def build(self, transactions: Iterable[SignedTransaction]) -> BuiltBlock:
        """Build the next block as its leader; nothing may be refused."""
        parent = self.view
        context = BlockContext(
            epoch=parent.next_epoch,
            view=parent.next_parent_view + 1,
            proposer=self.validator.public_key,
            timestamp_ms=parent.header.timestamp_ms + 1,
        )
        built = build_block(parent, transactions, context)
        for _, reason in built.refused:
            raise reason
        return built

    def extend(self, view: ChainView) -> None:
        """Make a child of the newest block final."""
        self.view = make_final(self.view, view)
