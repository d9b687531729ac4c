"""Block 0 of a simulated chain."""

from dataclasses import dataclass

from devnet.simulator.people import CLIENTS, key_of, payout_key, validator_key
from devnet.simulator.store import MemoryStore
from ledger.block import Block
from ledger.codec import encode
from ledger.hashing import Tags, chain_id_of, sha256
from ledger.params import NAIT_PER_AITBC, Parameters
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
from ledger.types import ChainId
from ledger.views import ChainView, genesis_view

GENESIS_MS = 1_700_000_000_000
"""Wall-clock time at which a simulation starts."""

BUCKETS = 256
"""As few as the format allows: the tree is tested elsewhere, and each node builds one."""

BALANCE = 1_000 * NAIT_PER_AITBC
"""What each client, the coordinator and the miner begin with."""


@dataclass(frozen=True, slots=True)
class SimGenesis:
    """What every node of a simulated chain starts from."""

    tags: Tags
    """Tags of the chain."""
    chain_id: ChainId
    """Its id."""
    view: ChainView
    """Block 0 with the state after it; its overlays are nobody's."""
    records: dict[bytes, bytes]
    """State 0, canonical."""

    def store(self) -> MemoryStore:
        """Return the database of a machine that has just been set up."""
        block = Block(self.view.header, ())
        return MemoryStore(self.tags, self.view.block_id, block, self.records)


def make_genesis(seed: int, validators: int, parameters: Parameters) -> SimGenesis:
    """Return the genesis of a run; each seed has a chain of its own.

    Args:
        seed: of the run.
        validators: size of the first set: the validators 0 … n-1.
        parameters: rules in force; times may be shorter than outside.
    """
    tags = Tags(sha256(b"simulator/%d" % seed))
    chain_id = chain_id_of("sim", tags.genesis_digest)
    members = tuple(
        Validator(validator_key(n).public_key, f"v{n}", payout_key(n).address)
        for n in range(validators)
    )
    records: dict[bytes, Record] = {
        state_key(Table.PARAMETERS): parameters,
        state_key(Table.VALIDATORS): ValidatorSet(members),
        state_key(Table.COORDINATOR, key_of("coordinator").address): Coordinator("sim"),
    }
    rich = [key_of(f"client-{n}") for n in range(CLIENTS)]
    for key in (*rich, key_of("coordinator"), key_of("miner")):
        records[state_key(Table.ACCOUNT, key.address)] = Account(BALANCE)
    granted = BALANCE * (len(rich) + 2)
    records[state_key(Table.SUPPLY)] = Supply(genesis=granted, issued=0)
    view = genesis_view(tags, chain_id, records, GENESIS_MS, BUCKETS)
    return SimGenesis(tags, chain_id, view, {key: encode(r) for key, r in records.items()})
