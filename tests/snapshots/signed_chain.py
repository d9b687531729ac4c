"""A chain with several validators whose blocks are made by the ledger and finalized by their keys.

Consensus does not run: each block's finalization is signed by a quorum at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from consensus import Certificate, Finalize, quorum_of
from consensus.messages import CertificateEntry, signed_bytes
from genesis import (
    Allocation,
    Genesis,
    GenesisCoordinator,
    GenesisSpec,
    GenesisValidator,
    build_genesis,
    prove_possession,
)
from ledger import BlockContext, block_time, build_block, make_final
from ledger.actions import Action, CastVote, Transfer
from ledger.codec import encode
from ledger.fees import with_least_fee
from ledger.keys import KeyPair
from ledger.motions import AddAuthority
from ledger.motions import prove_possession as prove_member
from ledger.params import Parameters
from ledger.store import ChainStore
from ledger.transaction import SignedTransaction, Transaction, sign, transaction_id
from ledger.types import Hash

START_MS = 1_770_000_000_000
EPOCH_MS = 20_000
KEYS = {bytes(key.public_key): key for key in (KeyPair(bytes([n]) * 32) for n in range(1, 30))}
VALIDATORS = tuple(KeyPair(bytes([n]) * 32) for n in range(1, 5))
FIFTH = KeyPair(b"\x05" * 32)
RICH = KeyPair(b"\x30" * 32)
PAYOUT = KeyPair(b"\x31" * 32)
COORDINATOR = KeyPair(b"\x32" * 32)


def genesis_of(name: str = "snap", others: int = 3, buckets: int = 256) -> Genesis:
    """A genesis with four validators and some accounts."""
    validators = tuple(
        GenesisValidator(f"v{at}", key.public_key, PAYOUT.address, prove_possession(key, name))
        for at, key in enumerate(VALIDATORS)
    )
    accounts = [Allocation(RICH.address, 10**15)]
    accounts += [Allocation(KeyPair(bytes([9, n]) * 16).address, 1 + n) for n in range(others)]
    spec = GenesisSpec(
        name=name,
        timestamp_ms=START_MS,
        validators=validators,
        coordinators=(GenesisCoordinator("c", COORDINATOR.address),),
        allocations=tuple(accounts),
        parameters=Parameters(epoch_ms=EPOCH_MS, heartbeat_ms=1_000, account_fee=0),
        buckets=buckets,
    )
    return build_genesis(spec)


@dataclass
class SignedChain:
    """The chain, in a store; blocks come one by one."""

    folder: Path
    genesis: Genesis = field(default_factory=genesis_of)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.view = build_genesis(self.genesis.spec).view
        self.store = ChainStore.open(f"sqlite:///{self.folder / 'chain.db'}")
        records = {key: encode(record) for key, record in self.genesis.records.items()}
        self.store.initialise(self.genesis.tags, self.genesis.block, records)
        self.in_view = 0
        self.salt = 0

    def close(self) -> None:
        self.store.close()

    def records(self) -> Mapping[bytes, bytes]:
        return {key: encode(record) for key, record in self.view.state.items()}

    def signed(self, action: Action, key: KeyPair = RICH) -> SignedTransaction:
        self.salt += 1
        transaction = Transaction(
            version=1,
            chain_id=self.genesis.chain_id,
            sender_public_key=key.public_key,
            action=action,
            fee=0,
            valid_until_ms=self.view.header.timestamp_ms + 120_000,
            salt=self.salt.to_bytes(16, "big"),
        )
        return sign(self.genesis.tags, with_least_fee(self.view.parameters, transaction), key)

    def transfer(self, amount: int = 1) -> SignedTransaction:
        return self.signed(Transfer(PAYOUT.address, amount))

    def vote_in(self, key: KeyPair) -> None:
        """Have all validators vote for a new one; it joins when the epoch ends."""
        members = [KEYS[bytes(member.public_key)] for member in self.view.validators.members]
        proof = prove_member(self.genesis.tags, key, "new", PAYOUT.address)
        motion = AddAuthority(key.public_key, "new", PAYOUT.address, proof)
        opening = self.signed(CastVote(None, motion, support=True), members[0])
        self.grow([opening])
        ballot = transaction_id(self.genesis.tags, opening.transaction)
        quorum = quorum_of(len(members))
        for member in members[1:quorum]:
            self.grow([self.signed(CastVote(ballot, None, support=True), member)])

    def grow(
        self,
        transactions: Sequence[SignedTransaction] = (),
        *,
        after_ms: int = 1_000,
        certified: bool = True,
    ) -> Hash:
        """Make the next block final; its epoch's end is whatever the ledger says."""
        parent = self.view
        self.in_view = 1 if parent.ends_epoch or parent.header.height == 0 else self.in_view + 1
        validators = parent.validators.members
        proposer = validators[(self.in_view - 1) % len(validators)].public_key
        time_ms = block_time(parent, parent.header.timestamp_ms + after_ms)
        context = BlockContext(parent.next_epoch, self.in_view, proposer, time_ms)
        built = build_block(parent, transactions, context)
        assert not built.refused, built.refused
        result = built.result
        certificate = encode(self.finalization(result.view.header, result.view.block_id))
        self.store.commit(
            result.view.block_id,
            built.block,
            certificate if certified or result.view.ends_epoch else b"",
            result.outcomes,
            result.delta,
        )
        self.view = make_final(parent, result.view)
        return self.view.block_id

    def finalization(self, header, block_id: Hash, signers: int = 3) -> Certificate:
        """Sign a block's finalization with the first members of its epoch's set."""
        members = self.view.validators.members  # Of the parent's view: the block's epoch.
        final = Finalize(header.epoch, header.view, header.parent_view, block_id)
        message = signed_bytes(self.genesis.tags, final)
        count = max(signers, quorum_of(len(members)))
        entries = tuple(
            CertificateEntry(at, KEYS[bytes(members[at].public_key)].sign(message))
            for at in range(count)
        )
        return Certificate(final, entries)
