"""What ballots can ask: what each motion does, and what is refused (E4, E6, J15, K5)."""

import pytest

from ledger.errors import TransactionRejected
from ledger.governance_rejections import (
    AuthorityExists,
    AuthorityKeyInvalid,
    AuthorityNameTaken,
    AuthorityUnknown,
    CoordinatorExists,
    KeyRolesMixed,
    LastAuthority,
    ParameterInvalid,
    ParameterUnchanged,
    ParameterUnknown,
    PossessionUnproven,
    SetChangePending,
    VersionNotNewer,
)
from ledger.hashing import Tags
from ledger.job_rejections import JobUnknown, NotCoordinator, NotDisputed
from ledger.motions import (
    AddCoordinator,
    IssueUnits,
    Motion,
    RemoveAuthority,
    RemoveCoordinator,
    ResolveDispute,
    SetParameter,
    SetProtocolVersion,
    prove_possession,
)
from ledger.outcomes import OutcomeKind
from ledger.params import PARAMETER_BOUNDS
from ledger.rejections import AmountZero, CoordinatorUnknown, SupplyExceeded
from ledger.types import SUPPLY_MAX
from tests.ledger.councils import COUNCIL, Council
from tests.ledger.worlds import PEOPLE, key_of

K = OutcomeKind

FEE = SetParameter("fee_base", 2_000)


# ---------------------------------------------------------------- motions about authorities


def test_a_new_authority_proves_that_it_holds_its_key() -> None:
    world, other_chain = Council(4), Tags(bytes(32))
    good = world.joining(4)
    key, payout = COUNCIL[4], key_of("payout-4").address
    tags = world.head.tags
    wrong = {
        "nothing": bytes(64),
        "another key": prove_possession(tags, COUNCIL[5], "validator-4", payout),
        "another chain": prove_possession(other_chain, key, "validator-4", payout),
        "another name": prove_possession(tags, key, "validator-5", payout),
        "another payout": prove_possession(tags, key, "validator-4", key_of("thief").address),
    }
    for proof in wrong.values():
        with pytest.raises(PossessionUnproven):
            world.open(world.joining(4, possession_proof=proof))
    with pytest.raises(PossessionUnproven):
        world.open(world.joining(4, payout=key_of("thief").address))
    world.open(good)


@pytest.mark.parametrize(
    "key", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32, b"\xed" + b"\xff" * 30 + b"\x7f"]
)
def test_a_key_that_libraries_disagree_about_is_refused(key: bytes) -> None:
    world = Council(4)
    with pytest.raises(AuthorityKeyInvalid):
        world.open(world.joining(4, public_key=key))


def test_consensus_keys_and_accounts_differ() -> None:
    world = Council(4)
    for motion in (
        world.joining(4, payout=COUNCIL[4].address),
        _proven(world, 4, payout=COUNCIL[0].address),
        AddCoordinator(COUNCIL[0].address, "coordinator"),
        IssueUnits(COUNCIL[0].address, 1),
    ):
        with pytest.raises(KeyRolesMixed):
            world.open(motion)
    world.decide(AddCoordinator(COUNCIL[5].address, "coordinator"))
    with pytest.raises(KeyRolesMixed):
        world.open(_proven(world, 5))


def test_a_validator_is_added_once_and_names_are_its_own() -> None:
    world = Council(4)
    with pytest.raises(AuthorityExists):
        world.open(world.joining(0))
    with pytest.raises(AuthorityNameTaken):
        world.open(_proven(world, 4, name="validator-0"))
    rival = world.open(world.joining(4), opener=1)
    world.decide(world.joining(4))
    with pytest.raises(SetChangePending):
        world.open(world.joining(4))
    with pytest.raises(SetChangePending):
        world.vote(rival, 2)
    with pytest.raises(AuthorityNameTaken):
        world.open(_proven(world, 5, name="validator-4"))
    world.end_epoch()
    with pytest.raises(AuthorityExists):
        world.vote(rival, 2)


def test_the_last_authority_is_not_removed_nor_an_unknown_one() -> None:
    world = Council(2)
    with pytest.raises(AuthorityUnknown):
        world.open(RemoveAuthority(COUNCIL[5].public_key))
    world.decide(RemoveAuthority(COUNCIL[1].public_key))
    with pytest.raises(LastAuthority):
        world.open(RemoveAuthority(COUNCIL[0].public_key))
    world.decide(world.joining(2))
    world.open(RemoveAuthority(COUNCIL[0].public_key))


# ---------------------------------------------------------------- other motions


def test_a_removed_coordinator_is_refused_and_its_jobs_end_by_themselves() -> None:
    world = Council(1)
    world.register()
    job_id = world.submit()
    world.assign(job_id)
    world.open(RemoveCoordinator(PEOPLE.coordinator.address))
    receipt_id = world.post(job_id)
    with pytest.raises(NotCoordinator):
        world.attest(job_id, receipt_id)
    with pytest.raises(CoordinatorUnknown):
        world.submit()
    world.accept(job_id, receipt_id)
    assert world.told(K.JOB_SETTLED)[0].amounts == (950_000_000, 0, 50_000_000)


def test_a_coordinator_is_added_at_once() -> None:
    world = Council(1)
    new = key_of("new-coordinator").address
    with pytest.raises(CoordinatorUnknown):
        world.submit(coordinator=new)
    world.open(AddCoordinator(new, "second"))
    world.submit(coordinator=new)
    with pytest.raises(CoordinatorExists):
        world.open(AddCoordinator(new, "again"))
    with pytest.raises(CoordinatorUnknown):
        world.open(RemoveCoordinator(key_of("nobody").address))


@pytest.mark.parametrize("name", sorted(set(PARAMETER_BOUNDS) - {"protocol_version"}))
def test_a_parameter_stays_within_its_bounds(name: str) -> None:
    world = Council(1)
    low, high = PARAMETER_BOUNDS[name]
    for value in (low - 1, high + 1):
        if value >= 0:
            with pytest.raises(ParameterInvalid, match=name):
                world.open(SetParameter(name, value))


def test_parameters_agree_with_each_other_and_with_what_is_decided() -> None:
    world = Council(1)
    with pytest.raises(ParameterInvalid, match="unbond_ms"):
        world.open(SetParameter("resolve_ms", 700_000_000))
    with pytest.raises(ParameterInvalid, match="block_weight_max"):
        world.open(SetParameter("delta_ms", 199))
    world.open(SetParameter("unbond_ms", 1_304_800_000))
    world.open(SetParameter("resolve_ms", 700_000_000))
    with pytest.raises(ParameterInvalid, match="unbond_ms"):
        world.open(SetParameter("unbond_ms", 1_304_799_999))
    with pytest.raises(ParameterUnchanged):
        world.open(SetParameter("resolve_ms", 700_000_000))
    world.end_epoch()
    assert world.head.parameters.resolve_ms == 700_000_000


@pytest.mark.parametrize("name", ["protocol_version", "mint", "buckets"])
def test_only_parameters_are_set_as_parameters(name: str) -> None:
    with pytest.raises(ParameterUnknown):
        Council(1).open(SetParameter(name, 2))


def test_the_protocol_version_only_rises() -> None:
    world = Council(1)
    with pytest.raises(VersionNotNewer):
        world.open(SetProtocolVersion(1))
    world.open(SetProtocolVersion(3))
    with pytest.raises(VersionNotNewer):
        world.open(SetProtocolVersion(2))


def test_rulings_and_issues_are_checked_when_the_ballot_opens() -> None:
    world = Council(4)
    world.register()
    job_id = world.submit()
    with pytest.raises(JobUnknown):
        world.open(ResolveDispute(bytes(32), for_miner=True))
    with pytest.raises(NotDisputed):
        world.open(ResolveDispute(job_id, for_miner=True))
    with pytest.raises(AmountZero):
        world.open(IssueUnits(PEOPLE.client.address, 0))
    with pytest.raises(SupplyExceeded):
        world.open(IssueUnits(PEOPLE.client.address, SUPPLY_MAX))


def test_a_ruling_comes_too_late_for_a_job_that_has_ended() -> None:
    world = Council(4)
    world.register()
    job_id = world.submit(dispute_ms=60_000)
    world.assign(job_id)
    receipt_id = world.post(job_id)
    world.dispute(job_id, receipt_id)
    ballot_id = world.open(ResolveDispute(job_id, for_miner=False))
    world.vote(ballot_id, 1)
    world.accept(job_id, receipt_id)
    with pytest.raises(JobUnknown):
        world.vote(ballot_id, 2)
    assert world.is_open(ballot_id), "it stays until it expires"
    assert len(world.told(K.JOB_SETTLED)) == 1


def test_a_ruling_pays_or_refunds_with_the_vote_that_passes_it() -> None:
    for for_miner, kind in ((True, K.JOB_SETTLED), (False, K.JOB_REFUNDED)):
        world = Council(4)
        world.register()
        job_id = world.submit(dispute_ms=60_000)
        world.assign(job_id)
        world.dispute(job_id, world.post(job_id))
        world.decide(ResolveDispute(job_id, for_miner=for_miner))
        kinds = [outcome.kind for outcome in world.results[-1].outcomes]
        assert kinds == [K.BALLOT_VOTED, K.BALLOT_PASSED, kind]


def test_a_refused_vote_changes_nothing() -> None:
    world = Council(4)
    world.open(FEE)
    root = world.head.state.root
    refused: list[Motion] = [world.joining(0), SetParameter("mint", 1), IssueUnits(bytes(20), 0)]
    for motion in refused:
        with pytest.raises(TransactionRejected):
            world.open(motion)
    assert world.head.state.root == root


def test_a_job_keeps_the_rules_that_it_was_locked_with() -> None:
    world = Council(1)
    before = world.job(world.submit())
    world.open(SetParameter("coordinator_share_bp", 1_000))
    same_epoch = world.job(world.submit())
    world.end_epoch()
    after = world.job(world.submit())
    assert (before.share_bp, same_epoch.share_bp, after.share_bp) == (500, 500, 1_000)


def _proven(world: Council, number: int, **changes: object) -> Motion:
    """Return the motion to add a validator, its proof made for the changed fields."""
    motion = world.joining(number, **changes)
    proof = prove_possession(world.head.tags, COUNCIL[number], motion.name, motion.payout)
    return world.joining(number, **(changes | {"possession_proof": proof}))
