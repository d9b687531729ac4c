"""Specification → digest, chain id, first state and block 0. Pure: no clock, no files (S14)."""

from dataclasses import dataclass
from functools import cached_property

from genesis.checks import check_spec
from genesis.spec import GenesisSpec, genesis_digest
from ledger.block import Block, block_id
from ledger.hashing import Tags, chain_id_of
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
from ledger.transition import ChainView, genesis_view
from ledger.types import Amount, ChainId, Hash


@dataclass(frozen=True)
class Genesis:
    """What follows from a specification; every node of a chain computes the same.

    State 0 and its tree are computed when somebody asks: a node whose store has them never does.
    """

    spec: GenesisSpec
    """The checked specification."""
    tags: Tags
    """Tags of the chain (T4); hold the digest."""
    chain_id: ChainId
    """Name and the digest's first 16 hex digits."""

    @cached_property
    def records(self) -> dict[bytes, Record]:
        """State 0, by state key."""
        return genesis_records(self.spec)

    @cached_property
    def view(self) -> ChainView:
        """Block 0 and the state after it."""
        spec = self.spec
        return genesis_view(self.tags, self.chain_id, self.records, spec.timestamp_ms, spec.buckets)

    @property
    def validators(self) -> ValidatorSet:
        """The first validator set."""
        return validator_set_of(self.spec)

    @property
    def digest(self) -> Hash:
        """SHA-256 of the canonical specification without its proofs."""
        return self.tags.genesis_digest

    @property
    def block(self) -> Block:
        """Block 0: a header and no transactions."""
        return Block(self.view.header, ())

    @property
    def block_id(self) -> Hash:
        """Id of block 0."""
        return block_id(self.tags, self.view.header)

    @property
    def supply(self) -> Amount:
        """Nait that the allocations sum to."""
        return supply_of(self.spec)


def supply_of(spec: GenesisSpec) -> Amount:
    """Return the nait that the allocations of a specification sum to."""
    return sum(allocation.amount for allocation in spec.allocations)


def validator_set_of(spec: GenesisSpec) -> ValidatorSet:
    """Return the validators that a specification names, in the order of leader rotation."""
    return ValidatorSet(tuple(Validator(v.public_key, v.name, v.payout) for v in spec.validators))


def build_genesis(spec: GenesisSpec) -> Genesis:
    """Check a specification and derive its chain.

    Raises:
        GenesisError: the specification is refused (S14).
    """
    check_spec(spec)
    return genesis_of(spec, genesis_digest(spec))


def genesis_of(spec: GenesisSpec, digest: Hash) -> Genesis:
    """Return the genesis of a specification that was checked before, with its digest."""
    return Genesis(spec, Tags(digest), chain_id_of(spec.name, digest))


def genesis_records(spec: GenesisSpec) -> dict[bytes, Record]:
    """Return state 0 of a checked specification.

    It holds parameters, validators, coordinators, accounts and what these sum to.
    """
    records: dict[bytes, Record] = {
        state_key(Table.PARAMETERS): spec.parameters,
        state_key(Table.VALIDATORS): validator_set_of(spec),
        state_key(Table.SUPPLY): Supply(supply_of(spec), 0),
    }
    for coordinator in spec.coordinators:
        records[state_key(Table.COORDINATOR, coordinator.address)] = Coordinator(coordinator.name)
    for allocation in spec.allocations:
        records[state_key(Table.ACCOUNT, allocation.address)] = Account(allocation.amount)
    return records
