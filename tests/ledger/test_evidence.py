"""Evidence: what convicts a validator, what does not, and what follows (E5, E9, T4, T11)."""

import pytest
from msgspec.structs import replace

from ledger.actions import SubmitEvidence
from ledger.block_steps import weight_of
from ledger.errors import TransactionRejected
from ledger.evidence import ACCUSATIONS_MAX
from ledger.fees import fee_free_slot
from ledger.governance_rejections import (
    AuthorityUnknown,
    EvidenceKnown,
    EvidenceLegal,
    EvidenceOfFuture,
    EvidenceSignatureInvalid,
    EvidenceTooOld,
    EvidenceWithoutContradiction,
)
from ledger.hashing import Tags
from ledger.motions import RemoveAuthority, SetParameter
from ledger.outcomes import OutcomeKind
from ledger.params import SIGNATURE_WEIGHT_US
from ledger.records import Accusation, EvidenceLog, SetChangeKind, Table, state_key
from ledger.rejections import FeeNotAllowed
from ledger.statements import Finalize, Notarize, Nullify, Statement
from ledger.views import genesis_view
from tests.ledger.councils import (
    COUNCIL,
    EPOCH_MS,
    QUICK,
    Council,
    evidence_against,
    records_of,
    said,
)
from tests.ledger.worlds import BUCKETS, PEOPLE, checker_of, key_of

K = OutcomeKind
A, B = b"a" * 32, b"b" * 32

FORMS: dict[str, tuple[Statement, Statement]] = {
    "two notarizes": (Notarize(0, 5, 4, A), Notarize(0, 5, 4, B)),
    "two notarizes of one block on two parents": (Notarize(0, 5, 4, A), Notarize(0, 5, 3, A)),
    "two finalizes": (Finalize(0, 5, 4, A), Finalize(0, 5, 4, B)),
    "nullify and finalize": (Nullify(0, 5), Finalize(0, 5, 4, A)),
}

INNOCENT: dict[str, tuple[Statement, Statement, type[TransactionRejected]]] = {
    "notarize and nullify": (Notarize(0, 5, 4, A), Nullify(0, 5), EvidenceLegal),
    "notarize and finalize": (
        Notarize(0, 5, 4, A),
        Finalize(0, 5, 4, B),
        EvidenceWithoutContradiction,
    ),
    "the same twice": (Nullify(0, 5), Nullify(0, 5), EvidenceWithoutContradiction),
    "two views": (
        Notarize(0, 5, 4, A),
        Notarize(0, 6, 4, B),
        EvidenceWithoutContradiction,
    ),
    "two epochs": (
        Notarize(0, 5, 4, A),
        Notarize(1, 5, 4, B),
        EvidenceWithoutContradiction,
    ),
    "nullify of an earlier view": (
        Nullify(0, 4),
        Finalize(0, 5, 4, A),
        EvidenceWithoutContradiction,
    ),
}


def convict(world: Council, number: int, pair: tuple[Statement, Statement]) -> SubmitEvidence:
    return evidence_against(world.head.tags, COUNCIL[number], *pair)


# ---------------------------------------------------------------- what convicts


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("turned", [False, True])
def test_each_form_removes_the_signer_at_the_next_boundary(form: str, *, turned: bool) -> None:
    world, pair = Council(4), FORMS[form]
    evidence_id = world.accuse(convict(world, 2, pair[::-1] if turned else pair))
    told = world.told(K.VALIDATOR_ACCUSED)[0]
    assert (told.object_id, told.cause) == (COUNCIL[2].public_key, evidence_id)
    assert world.numbers == [0, 1, 2, 3]
    assert [change.kind for change in world.pending.set_changes] == [SetChangeKind.EVICT]
    assert world.head.next_due_ms == world.head.next_epoch_start_ms + EPOCH_MS
    world.end_epoch()
    assert world.numbers == [0, 1, 3]
    assert world.told(K.VALIDATOR_REMOVED)[0].code == SetChangeKind.EVICT


@pytest.mark.parametrize("case", INNOCENT)
def test_what_an_honest_validator_may_sign_convicts_nobody(case: str) -> None:
    world = Council(4)
    first, second, refusal = INNOCENT[case]
    for pair in ((first, second), (second, first)):
        with pytest.raises(refusal):
            world.accuse(convict(world, 2, pair))


def test_nobody_is_convicted_by_what_another_signed() -> None:
    world = Council(4)
    first, second = FORMS["two notarizes"]
    tags, victim, attacker = world.head.tags, COUNCIL[2], COUNCIL[3]
    for forged in (
        SubmitEvidence(victim.public_key, said(tags, victim, first), said(tags, attacker, second)),
        SubmitEvidence(victim.public_key, said(tags, attacker, first), said(tags, victim, second)),
        SubmitEvidence(
            victim.public_key, said(tags, attacker, first), said(tags, attacker, second)
        ),
    ):
        with pytest.raises(EvidenceSignatureInvalid):
            world.accuse(forged)


def test_votes_of_another_genesis_convict_nobody() -> None:
    world = Council(4)
    first, second = FORMS["two notarizes"]
    here, there = world.head.tags, Tags(b"\x07" * 32)
    key = COUNCIL[2]
    replayed = SubmitEvidence(key.public_key, said(here, key, first), said(there, key, second))
    with pytest.raises(EvidenceSignatureInvalid, match="second"):
        world.accuse(replayed)


def test_a_vote_of_one_kind_is_not_one_of_another() -> None:
    """The bytes of notarize and finalize differ in a number only; their tags differ too (T5)."""
    world = Council(4)
    notarize = said(world.head.tags, COUNCIL[2], Notarize(0, 5, 4, A))
    relabelled = replace(notarize, statement=Finalize(0, 5, 4, A))
    nullify = said(world.head.tags, COUNCIL[2], Nullify(0, 5))
    with pytest.raises(EvidenceSignatureInvalid):
        world.accuse(SubmitEvidence(COUNCIL[2].public_key, nullify, relabelled))


def test_evidence_is_free_and_anyones_and_weighs_its_signatures() -> None:
    world = Council(4)
    evidence = world.equivocation(2)
    with pytest.raises(FeeNotAllowed):
        world.block(world.sign(PEOPLE.client, evidence, fee=1))
    one, other = (world.sign(key_of(name), evidence) for name in ("nobody", "somebody"))
    assert fee_free_slot(one.transaction) == fee_free_slot(other.transaction)
    transfer_like = weight_of(world.sign(COUNCIL[0], world.equivocation(1)))
    assert transfer_like >= 3 * SIGNATURE_WEIGHT_US
    world.block(one)


# ---------------------------------------------------------------- once, and not too late


def test_one_piece_per_validator_and_epoch_is_accepted() -> None:
    world = Council(4)
    world.accuse(world.equivocation(2, view=3))
    for again in (world.equivocation(2, view=3), world.equivocation(2, view=4)):
        with pytest.raises(EvidenceKnown):
            world.accuse(again)
    world.end_epoch()
    with pytest.raises(AuthorityUnknown):
        world.accuse(world.equivocation(2, epoch=0, view=5))
    world.decide(world.joining(2))
    world.end_epoch()
    assert 2 in world.numbers, "it was voted in again"
    with pytest.raises(EvidenceKnown):
        world.accuse(world.equivocation(2, epoch=0, view=5))
    world.accuse(world.equivocation(2, epoch=1))


def test_only_members_are_accused() -> None:
    world = Council(4)
    for number in (5, 11):
        with pytest.raises(AuthorityUnknown):
            world.accuse(world.equivocation(number))


def test_evidence_of_an_epoch_that_has_not_begun_is_refused() -> None:
    world = Council(4)
    with pytest.raises(EvidenceOfFuture):
        world.accuse(world.equivocation(2, epoch=1))
    world.end_epoch()
    world.accuse(world.equivocation(2, epoch=1))


def test_evidence_counts_for_its_window_and_no_longer() -> None:
    world = Council(4, replace(QUICK, evidence_ms=3 * EPOCH_MS))
    for _ in range(4):
        world.end_epoch()
    # Epoch 0 ended three whole epochs before this one began, which is 3 × EPOCH_MS + 1 ms ago now.
    with pytest.raises(EvidenceTooOld):
        world.accuse(world.equivocation(2, epoch=0))
    world.accuse(world.equivocation(2, epoch=1))


def test_a_longer_epoch_does_not_make_evidence_older_than_it_is() -> None:
    """Attack: raise `epoch_ms` so that a fresh contradiction counts as many long epochs old."""
    world = Council(4)
    for _ in range(3):
        world.end_epoch()
    world.decide(SetParameter("epoch_ms", 100 * EPOCH_MS))
    world.end_epoch()
    assert world.evidence_log.steady_epoch == world.epoch == 4
    world.accuse(world.equivocation(2, epoch=0))


def test_a_shorter_epoch_does_not_keep_old_evidence_young() -> None:
    world = Council(4, replace(QUICK, epoch_ms=10 * EPOCH_MS, evidence_ms=2 * EPOCH_MS))
    world.decide(SetParameter("epoch_ms", EPOCH_MS))
    world.end_epoch()
    for _ in range(2):
        world.end_epoch()
    world.run_to(world.now_ms + 5_000)
    with pytest.raises(EvidenceTooOld):
        world.accuse(world.equivocation(2, epoch=0))


def test_what_was_accepted_stays_closed_when_the_window_grows() -> None:
    """Attack: wait until accepted evidence is forgotten, then make it young enough again."""
    world = Council(7, replace(QUICK, evidence_ms=EPOCH_MS))
    world.accuse(world.equivocation(2, epoch=0))
    world.end_epoch()
    world.decide(world.joining(2))
    for _ in range(3):
        world.end_epoch()
    world.accuse(world.equivocation(3))
    assert [a.authority for a in world.evidence_log.accepted] == [COUNCIL[3].public_key]
    assert world.evidence_log.floor_epoch == 1
    world.decide(SetParameter("evidence_ms", 1_000_000))
    world.end_epoch()
    with pytest.raises(EvidenceTooOld):
        world.accuse(world.equivocation(2, epoch=0))
    world.accuse(world.equivocation(2, epoch=1))


def test_the_memory_of_accepted_evidence_is_bounded() -> None:
    start = Council(4)
    remembered = tuple(
        Accusation(bytes([n % 256, n // 256]) + bytes(30), n) for n in range(ACCUSATIONS_MAX)
    )
    log = EvidenceLog(0, 0, 0, remembered)
    records = dict(start.head.state.items()) | {state_key(Table.EVIDENCE): log}
    header = start.head.header
    view = genesis_view(start.head.tags, header.chain_id, records, header.timestamp_ms, BUCKETS)
    world = Council(4)
    world.final = world.head = view
    world.checker = checker_of(view)
    world.accuse(world.equivocation(2))
    assert len(world.evidence_log.accepted) == ACCUSATIONS_MAX
    assert world.evidence_log.floor_epoch == 1


# ---------------------------------------------------------------- what follows


@pytest.mark.parametrize("validators", [2, 3, 4])
def test_there_is_no_size_below_which_an_equivocator_stays(validators: int) -> None:
    world = Council(validators)
    world.accuse(world.equivocation(0))
    world.end_epoch()
    assert world.numbers == list(range(1, validators))


def test_the_last_validator_stays_until_another_one_is_there() -> None:
    world = Council(1)
    world.accuse(world.equivocation(0))
    with pytest.raises(EvidenceKnown):
        world.accuse(world.equivocation(0, view=9))
    for _ in range(3):
        world.end_epoch()
        assert world.numbers == [0]
    world.decide(world.joining(1))
    world.end_epoch()
    assert world.numbers == [0, 1]
    world.end_epoch()
    assert world.numbers == [1]
    assert not world.pending.set_changes


def test_an_eviction_comes_before_what_was_voted() -> None:
    world = Council(4)
    for number in (5, 6):
        world.decide(world.joining(number))
    world.accuse(world.equivocation(3))
    world.accuse(world.equivocation(1))
    order = [(c.kind.name, c.validator.name) for c in world.pending.set_changes]
    assert order == [
        ("EVICT", "validator-3"),
        ("EVICT", "validator-1"),
        ("ADD", "validator-5"),
        ("ADD", "validator-6"),
    ]
    world.end_epoch()
    assert world.numbers == [0, 1, 2], "one change while f = 1 (E2)"
    world.end_epoch()
    assert world.numbers == [0, 2]
    world.end_epoch()
    assert world.numbers == [0, 2, 5]


def test_an_eviction_replaces_the_removal_that_was_voted() -> None:
    world = Council(7)
    for number in (1, 2, 3):
        world.decide(RemoveAuthority(COUNCIL[number].public_key))
    world.accuse(world.equivocation(3))
    changes = [(c.kind.name, c.validator.name) for c in world.pending.set_changes]
    assert changes == [
        ("EVICT", "validator-3"),
        ("REMOVE", "validator-1"),
        ("REMOVE", "validator-2"),
    ]
    world.end_epoch()
    assert world.numbers == [0, 2, 4, 5, 6]


def test_refused_evidence_changes_nothing() -> None:
    world = Council(4)
    before = records_of(world)
    for action in (world.equivocation(9), world.equivocation(2, epoch=7)):
        with pytest.raises(TransactionRejected):
            world.accuse(action)
    assert records_of(world) == before
