"""A small chain of three epochs with keys, in memory: what the vectors of proofs are cut from.

Its blocks are made by the ledger and finalized by the members' keys; consensus does not run. Two
members join, one at the end of each epoch; jobs are done and paid in the first and in the third.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consensus import Certificate, Committee, Finalize, Statement, leader_shift, signed_bytes
from genesis import (
    Allocation,
    Genesis,
    GenesisCoordinator,
    GenesisSpec,
    GenesisValidator,
    build_genesis,
    prove_possession,
)
from genesis.spec import canonical_bytes
from ledger import BlockContext, ChainView, StateDelta, block_time, build_block
from ledger import actions as acts
from ledger.block import Block, Header
from ledger.certificates import CertificateEntry
from ledger.codec import encode
from ledger.fees import with_least_fee
from ledger.hashing import Tags
from ledger.keys import KeyPair
from ledger.merkle import transaction_leaf
from ledger.motions import AddAuthority
from ledger.motions import prove_possession as prove_member
from ledger.outcomes import Outcome
from ledger.params import Parameters
from ledger.proofs import Foundation, boundary_part, finality_part, genesis_part, since_part
from ledger.records import ValidatorSet
from ledger.transaction import SignedTransaction, Transaction, sign, transaction_id
from ledger.types import Epoch, Hash, Height
from tests.vectors.world import CLIENT, COORDINATOR, KEYS, MINER, NOW_MS, pseudo_random

NAME: Final = "vectors-proofs"
EPOCH_MS: Final = 20_000
MEMBERS: Final = tuple(KeyPair(pseudo_random(f"proof member {n}")) for n in range(6))
BY_KEY: Final = {bytes(key.public_key): key for key in MEMBERS}
PAYOUT: Final = KEYS["payout"].address
STRANGER: Final = KEYS["other"].address


def genesis_of(name: str = NAME) -> Genesis:
    """Return the genesis: four members, a client with units, a coordinator."""
    members = tuple(
        GenesisValidator(f"member-{n}", key.public_key, PAYOUT, prove_possession(key, name))
        for n, key in enumerate(MEMBERS[:4])
    )
    few = tuple(Allocation(pseudo_random(f"account {n}", 20), 1_000 + n) for n in range(60))
    spec = GenesisSpec(
        name=name,
        timestamp_ms=NOW_MS,
        validators=members,
        coordinators=(GenesisCoordinator("main", COORDINATOR.address),),
        allocations=(Allocation(CLIENT.address, 10**15), Allocation(MINER.address, 10**12), *few),
        parameters=Parameters(epoch_ms=EPOCH_MS, heartbeat_ms=5_000, account_fee=0),
        buckets=256,
    )
    return build_genesis(spec)


@dataclass(frozen=True)
class ChainBlock:
    """A block with everything that proofs of it need."""

    view: ChainView
    """Header, id, and the state after it."""
    body: tuple[SignedTransaction, ...]
    """Its transactions."""
    outcomes: tuple[Outcome, ...]
    """What it did."""
    members: ValidatorSet
    """The set of its epoch."""
    delta: StateDelta
    """What it changed."""

    @property
    def block(self) -> Block:
        return Block(self.view.header, self.body)

    @property
    def header(self) -> Header:
        return self.view.header

    def leaves(self, tags: Tags) -> list[bytes]:
        return [
            transaction_leaf(
                transaction_id(tags, each.transaction),
                each.transaction.valid_until_ms,
                each.signature,
            )
            for each in self.body
        ]


class ProofChain:
    """The chain, and certificates for any statement about it."""

    def __init__(self, name: str = NAME) -> None:
        self.genesis = genesis_of(name)
        self.tags = self.genesis.tags
        self.specification = canonical_bytes(self.genesis.spec)
        self.blocks = [
            ChainBlock(self.genesis.view, (), (), self.genesis.validators, {}),
        ]
        self._salt = 0

    # ------------------------------------------------------------------ making blocks

    def signed(self, key: KeyPair, action: acts.Action) -> SignedTransaction:
        self._salt += 1
        head = self.blocks[-1].view
        transaction = Transaction(
            version=1,
            chain_id=self.genesis.chain_id,
            sender_public_key=key.public_key,
            action=action,
            fee=0,
            valid_until_ms=head.header.timestamp_ms + 120_000,
            salt=self._salt.to_bytes(16, "big"),
        )
        return sign(self.tags, with_least_fee(head.parameters, transaction), key)

    def id_of(self, signed: SignedTransaction) -> Hash:
        return transaction_id(self.tags, signed.transaction)

    def grow(self, *body: SignedTransaction, after_ms: int = 500) -> ChainBlock:
        """Make the next block; its epoch's end is whatever the ledger says."""
        parent = self.blocks[-1].view
        starts = parent.ends_epoch or parent.header.height == 0
        view = 1 if starts else parent.header.view + 1
        members = parent.validators
        keys = [member.public_key for member in members.members]
        boundary = next(
            (at.view.block_id for at in reversed(self.blocks) if at.view.ends_epoch), None
        )
        shift = 0 if boundary is None else leader_shift(boundary, len(keys))
        committee = Committee(self.tags, parent.next_epoch, keys, shift=shift)
        time_ms = block_time(parent, parent.header.timestamp_ms + after_ms)
        context = BlockContext(parent.next_epoch, view, committee.leader_key(view), time_ms)
        built = build_block(parent, body, context)
        assert not built.refused, built.refused
        result = built.result
        made = ChainBlock(
            result.view, built.block.transactions, tuple(result.outcomes), members, result.delta
        )
        self.blocks.append(made)
        return made

    def end_epoch(self) -> ChainBlock:
        while not (made := self.grow(after_ms=5_000)).view.ends_epoch:
            pass
        return made

    def vote_in(self, number: int) -> None:
        """Have a quorum vote for a new member; it joins when the epoch ends."""
        key, name = MEMBERS[number], f"member-{number}"
        members = [BY_KEY[m.public_key] for m in self.blocks[-1].view.validators.members]
        motion = AddAuthority(
            key.public_key, name, PAYOUT, prove_member(self.tags, key, name, PAYOUT)
        )
        opening = self.signed(members[0], acts.CastVote(None, motion, support=True))
        self.grow(opening)
        ballot = self.id_of(opening)
        quorum = len(members) - (len(members) - 1) // 3
        self.grow(
            *(
                self.signed(member, acts.CastVote(ballot, None, support=True))
                for member in members[1:quorum]
            )
        )

    # ------------------------------------------------------------------ proving them

    def certificate(
        self,
        at: Height,
        signers: Sequence[int] | None = None,
        *,
        view: int | None = None,
        tags: Tags | None = None,
    ) -> Certificate:
        """Return a block's finalization by a quorum of its epoch, or as the arguments say."""
        header, members = self.blocks[at].header, self.blocks[at].members
        finalize = Finalize(
            header.epoch,
            header.view if view is None else view,
            header.parent_view,
            self.blocks[at].view.block_id,
        )
        size = len(members.members)
        chosen = range(size - (size - 1) // 3) if signers is None else signers
        return self.certify(finalize, members, chosen, tags=tags)

    def certify(
        self,
        statement: Statement,
        members: ValidatorSet,
        signers: Sequence[int],
        *,
        signs: Statement | None = None,
        tags: Tags | None = None,
    ) -> Certificate:
        """Return members' signatures under a statement, over it or over another one."""
        message = signed_bytes(tags or self.tags, statement if signs is None else signs)
        return Certificate(
            statement,
            tuple(
                CertificateEntry(at, BY_KEY[members.members[at].public_key].sign(message))
                for at in signers
            ),
        )

    def earlier_certificate(self, at: Height) -> Certificate:
        """Return what a quorum must never sign: a block's finalization in an earlier view."""
        header, members = self.blocks[at].header, self.blocks[at].members
        final = Finalize(header.epoch, header.view - 1, 0, self.blocks[at].view.block_id)
        return self.certify(final, members, range(len(members.members)))

    def ends(self) -> list[Height]:
        """Return the heights of the epochs' last blocks."""
        return [at for at, block in enumerate(self.blocks) if block.view.ends_epoch]

    def base(self, at: Height, *, through: int = 0, since: Epoch | None = None) -> Foundation:
        """Return what leads to a block.

        Args:
            at: its height.
            through: how many headers above it there are; the last one's block is certified.
            since: epoch whose set the reader knows.
        """
        ends = [end for end in self.ends() if self.blocks[end].header.epoch >= (since or 0)]
        known = [block.members for block in self.blocks if block.header.epoch == since]
        return Foundation(
            genesis=genesis_part(self.genesis.digest, self.specification),
            since=None if since is None else since_part(since, encode(known[0])),
            boundaries=tuple(
                boundary_part(
                    encode(self.blocks[end].header),
                    encode(self.boundary_certificate(end)),
                    encode(self.blocks[end].view.validators),
                )
                for end in ends
                if end < at
            ),
            finality=finality_part(
                [encode(self.blocks[at + n].header) for n in range(through + 1)],
                encode(self.boundary_certificate(at + through)),
            ),
        )

    def boundary_certificate(self, at: Height) -> Certificate:
        """Return the finalization; that of epoch 1's last block is of a later view (E7)."""
        header = self.blocks[at].header
        is_late = self.blocks[at].view.ends_epoch and header.epoch == 1
        return self.certificate(at, view=header.view + 3 if is_late else None)


@dataclass(frozen=True)
class Story:
    """The chain, and where in it what is."""

    chain: ProofChain
    first_receipt: Height
    settled: Height
    transfers: Height
    second_receipt: Height


def tell() -> Story:
    """Make the chain."""
    chain = ProofChain()
    register = acts.RegisterMiner(
        "Lab-7.gpu_0", pseudo_random("capabilities"), 1_000, 10**9, acts.Custody.OWN
    )
    chain.grow(chain.signed(MINER, register))
    first_receipt, settled = _job(chain)
    chain.vote_in(4)
    chain.end_epoch()
    transfers = chain.grow(
        *(
            chain.signed(CLIENT, acts.Transfer(pseudo_random(f"account {n}", 20), 10**9 + n))
            for n in range(5)
        )
    ).header.height
    chain.vote_in(5)
    chain.end_epoch()
    second_receipt, _ = _job(chain)
    for _ in range(3):
        chain.grow()
    return Story(chain, first_receipt, settled, transfers, second_receipt)


def _job(chain: ProofChain) -> tuple[Height, Height]:
    """Have a job done and paid; return the heights of its receipt and of its settlement."""
    now_ms = chain.blocks[-1].header.timestamp_ms
    order = acts.SubmitJob(
        COORDINATOR.address,
        "llm_inference",
        pseudo_random("payload digest"),
        5_000_000,
        now_ms + 60_000,
        now_ms + 600_000,
        0,
        streamed=False,
        verification=acts.Verification.NONE,
    )
    submit = chain.signed(CLIENT, order)
    chain.grow(submit, chain.signed(CLIENT, acts.Transfer(STRANGER, 1_000_000)))
    job_id = chain.id_of(submit)
    assign = acts.AssignJob(
        job_id, 1, MINER.address, 4_000_000, acts.UnitType.TOKENS, 25_000, now_ms + 120_000
    )
    chain.grow(chain.signed(COORDINATOR, assign))
    receipt = chain.signed(
        MINER,
        acts.PostReceipt(
            job_id,
            1,
            CLIENT.address,
            COORDINATOR.address,
            order.payload_digest,
            assign.price_cap,
            pseudo_random("result digest"),
            128_000_000,
            acts.UnitType.TOKENS,
            3_200_000,
            "smollm2-135m",
            now_ms + 500,
            now_ms + 900,
        ),
    )
    others = [chain.signed(CLIENT, acts.Transfer(STRANGER, n + 1)) for n in range(2)]
    posted = chain.grow(*others, receipt)
    attest = acts.AttestReceipt(job_id, chain.id_of(receipt), acts.AttestationKind.DELIVERY)
    settled = chain.grow(chain.signed(COORDINATOR, attest))
    return posted.header.height, settled.header.height
