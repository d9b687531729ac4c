"""A chain whose authorities decide: verbs for ballots, epochs and evidence.

Every block is checked as in `worlds`: built, applied from bytes, and looked at by the checker.
"""

from ledger.actions import CastVote, SubmitEvidence
from ledger.authorities import evidence_log_of, pending_of, quorum_of
from ledger.ballots import find_ballot
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.keys import KeyPair
from ledger.motions import AddAuthority, Motion, prove_possession
from ledger.outcomes import Outcome, OutcomeKind
from ledger.params import Parameters
from ledger.records import Ballot, EvidenceLog, PendingChanges, Table
from ledger.statements import (
    Notarize,
    SignedStatement,
    Statement,
    signed_bytes,
)
from ledger.transition import BlockResult
from ledger.types import Epoch, Hash
from tests.ledger.worlds import PEOPLE, World, genesis_of, key_of

EPOCH_MS = 10_000
BALLOT_MS = 600_000
QUICK = Parameters(epoch_ms=EPOCH_MS, ballot_ms=BALLOT_MS, evidence_ms=100_000)
"""Short epochs; a ballot lives for sixty of them, evidence counts for ten."""

COUNCIL = PEOPLE.validators
"""Consensus keys; the first ones are the validators of genesis."""

KEYS = {key.public_key: key for key in COUNCIL}


class Council(World):
    """A chain with n validators, and verbs of theirs."""

    def __init__(self, validators: int = 4, parameters: Parameters = QUICK) -> None:
        super().__init__(genesis_of(parameters, validators=validators))

    # ------------------------------------------------------------ reads

    @property
    def members(self) -> list[KeyPair]:
        """Keys of the set that votes now, in their order."""
        return [KEYS[member.public_key] for member in self.head.validators.members]

    @property
    def numbers(self) -> list[int]:
        """Numbers of the members."""
        return [COUNCIL.index(key) for key in self.members]

    @property
    def pending(self) -> PendingChanges:
        """What waits for the epoch's end."""
        return pending_of(self.head.state)

    @property
    def evidence_log(self) -> EvidenceLog:
        """Accepted evidence."""
        return evidence_log_of(self.head.state)

    @property
    def epoch(self) -> Epoch:
        """Epoch of the next block."""
        return self.head.next_epoch

    def ballot(self, ballot_id: Hash) -> Ballot:
        """Return an open ballot."""
        return find_ballot(self.head.state, ballot_id)

    def is_open(self, ballot_id: Hash) -> bool:
        """Return whether a ballot is open."""
        return bytes((Table.BALLOT,)) + ballot_id in self.head.state.ballot_keys()

    def told(self, kind: OutcomeKind) -> list[Outcome]:
        """Return the outcomes of a kind in all blocks."""
        return [o for result in self.results for o in result.outcomes if o.kind is kind]

    # ------------------------------------------------------------ verbs

    def open(self, motion: Motion, opener: int = 0) -> Hash:
        """Open a ballot and return its id."""
        return self.act(COUNCIL[opener], CastVote(None, motion, support=True))

    def vote(self, ballot_id: Hash, voter: int, *, support: bool = True) -> Hash:
        """Vote on an open ballot."""
        return self.act(COUNCIL[voter], CastVote(ballot_id, None, support=support))

    def decide(self, motion: Motion) -> Hash:
        """Pass a motion with as many members as it takes; return the ballot's id."""
        members = self.numbers
        ballot_id = self.open(motion, members[0])
        for voter in members[1 : quorum_of(len(members))]:
            self.vote(ballot_id, voter)
        assert not self.is_open(ballot_id)
        return ballot_id

    def joining(self, number: int, **changes: object) -> AddAuthority:
        """Return the motion to add a validator, with its proof."""
        key, name = COUNCIL[number], f"validator-{number}"
        payout = key_of(f"payout-{number}").address
        proof = prove_possession(self.head.tags, key, name, payout)
        fields: dict[str, object] = {
            "public_key": key.public_key,
            "name": name,
            "payout": payout,
            "possession_proof": proof,
        }
        return AddAuthority(**(fields | changes))  # type: ignore[arg-type]

    def end_epoch(self) -> BlockResult:
        """Add the epoch's last block."""
        end_ms = self.head.next_epoch_start_ms + self.head.parameters.epoch_ms
        result = self.block(after_ms=max(end_ms - self.now_ms, 1))
        assert result.view.ends_epoch
        return result

    def accuse(self, evidence: SubmitEvidence, sender: str = "stranger") -> Hash:
        """Submit evidence, as somebody who owns nothing."""
        return self.act(key_of(sender), evidence)

    def equivocation(
        self, number: int, epoch: Epoch | None = None, view: int = 3
    ) -> SubmitEvidence:
        """Return two notarizes of one view by a validator."""
        at = self.epoch if epoch is None else epoch
        pair = (Notarize(at, view, view - 1, b"a" * 32), Notarize(at, view, view - 1, b"b" * 32))
        return evidence_against(self.head.tags, COUNCIL[number], *pair)


def said(tags: Tags, key: KeyPair, statement: Statement) -> SignedStatement:
    """Return a statement signed as a vote is."""
    return SignedStatement(statement, key.sign(signed_bytes(tags, statement)))


def evidence_against(
    tags: Tags, key: KeyPair, first: Statement, second: Statement
) -> SubmitEvidence:
    """Return evidence that a key signed both statements."""
    return SubmitEvidence(key.public_key, said(tags, key, first), said(tags, key, second))


def records_of(world: World) -> dict[bytes, bytes]:
    """Return the whole state as bytes."""
    return {key: encode(record) for key, record in world.head.state.items()}
