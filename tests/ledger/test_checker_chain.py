"""The checker notices blocks that do not follow, roots that do not match, and other states."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import ledger.checker
from ledger.actions import Transfer
from ledger.checker import Checker, InvariantBroken
from ledger.checker.broken import Invariant
from ledger.checker.roots import state_root, tree_root
from ledger.codec import encode
from ledger.merkle import merkle_root
from ledger.params import Parameters
from ledger.records import (
    Account,
    Coordinator,
    Record,
    Table,
    Validator,
    ValidatorSet,
    state_key,
)
from ledger.seen import SeenIds
from tests.ledger.claims import Claim, assert_broken, claim_of
from tests.ledger.phases import Phase, job_in
from tests.ledger.worlds import AITBC, BUCKETS, PEOPLE, World, checker_of, genesis_of

CLIENT, OTHER = PEOPLE.client, PEOPLE.other_client.address


@pytest.fixture
def world() -> World:
    world = World()
    world.transfer(CLIENT, OTHER, 1)
    world.transfer(CLIENT, OTHER, 2)
    return world


def transfer_claim(world: World, *, full: bool = True) -> Claim:
    return claim_of(world, world.sign(CLIENT, Transfer(OTHER, AITBC)), full=full)


# ---------------------------------------------------------------- links (invariant 7)

WRONG_LINKS: dict[str, Callable[[Any], object]] = {
    "version": lambda h: 2,
    "chain_id": lambda h: "another-0123456789abcdef",
    "epoch": lambda h: h.epoch + 1,
    "view": lambda h: h.parent_view,
    "height": lambda h: h.height + 1,
    "parent_id": lambda h: bytes(32),
    "parent_view": lambda h: h.parent_view - 1,
    "timestamp_ms": lambda h: h.timestamp_ms - 1,
    "proposer": lambda h: PEOPLE.validators[1].public_key,
    "validator_set_hash": lambda h: bytes(32),
    "next_validator_set_hash": lambda h: h.validator_set_hash,
}


@pytest.mark.parametrize("field", WRONG_LINKS)
def test_a_header_that_does_not_follow_its_parent_breaks_links(world: World, field: str) -> None:
    claim = transfer_claim(world)
    claim.set_header(**{field: WRONG_LINKS[field](claim.block.header)})
    assert_broken(claim, Invariant.LINKS)


def test_a_block_that_follows_another_block_breaks_links(world: World) -> None:
    claim = transfer_claim(world)
    claim.check()
    assert_broken(claim, Invariant.LINKS)


def test_a_proposer_out_of_turn_breaks_links(world: World) -> None:
    view = world.head
    items = {key: encode(record) for key, record in view.state.items()}
    claim = transfer_claim(world)
    right, wrong = (key.public_key for key in PEOPLE.validators[:2])
    claim.checker = Checker(view.tags, view.header, items, BUCKETS, leader_of=lambda e, v: right)
    claim.check()
    claim.checker = Checker(view.tags, view.header, items, BUCKETS, leader_of=lambda e, v: wrong)
    assert_broken(claim, Invariant.LINKS)


def test_epochs_are_followed_over_their_ends() -> None:
    parameters = replace(Parameters(), epoch_ms=10_000)
    world = World(genesis_of(parameters))
    for _ in range(8):
        world.block(after_ms=4_000)
    assert world.head.header.epoch == 2
    claim = claim_of(world, after_ms=10_000)
    claim.set_header(next_validator_set_hash=bytes(32))
    assert_broken(claim, Invariant.LINKS)


# ---------------------------------------------------------------- replay (invariant 6)


def test_a_transaction_in_two_blocks_breaks_no_replay(world: World) -> None:
    again = world.blocks[-1].transactions[0]
    claim = transfer_claim(world)
    claim.checker = following(world)
    assert_broken(claim, Invariant.NO_REPLAY, lambda c: c.set_body(again))


def test_a_transaction_twice_in_a_block_breaks_no_replay(world: World) -> None:
    claim = transfer_claim(world)
    signed = claim.block.transactions[0]
    assert_broken(claim, Invariant.NO_REPLAY, lambda c: c.set_body(signed, signed))


@pytest.mark.parametrize("until", [-1, 600_001])
def test_a_transaction_outside_its_time_breaks_no_replay(world: World, until: int) -> None:
    claim = transfer_claim(world)
    until_ms = claim.block.header.timestamp_ms + until
    assert_broken(claim, Invariant.NO_REPLAY, lambda c: c.resign(CLIENT, valid_until_ms=until_ms))


def test_ids_are_forgotten_only_when_no_block_may_repeat_them(world: World) -> None:
    signed = world.sign(CLIENT, Transfer(OTHER, 1), valid_for_ms=60_000)
    until_ms = signed.transaction.valid_until_ms
    checker = checker_of(world.head)
    first = world.block(signed)
    checker.after_block(world.blocks[-1], first.outcomes, first.delta)
    last = world.block(after_ms=until_ms - world.now_ms - 1)
    checker.after_block(world.blocks[-1], last.outcomes, last.delta)
    claim = claim_of(world, after_ms=1)
    claim.checker = checker
    assert_broken(claim, Invariant.NO_REPLAY, lambda c: c.set_body(signed))


def following(world: World) -> Checker:
    """Return a checker that has followed from genesis to the parent of the newest block."""
    checker = checker_of(genesis_of())
    for block, result in zip(world.blocks[:-1], world.results[:-1], strict=True):
        checker.after_block(block, result.outcomes, result.delta)
    return checker


# ---------------------------------------------------------------- roots (invariant 8)


def test_a_quiet_block_with_another_root_breaks_root(world: World) -> None:
    claim = claim_of(world, full=False)
    claim.check()
    claim = claim_of(world, full=False)
    claim.set_header(state_root=bytes(32))
    assert_broken(claim, Invariant.ROOT)


def test_a_wrong_state_root_breaks_root_in_full_mode_only(world: World) -> None:
    claim = transfer_claim(world, full=False)
    claim.set_header(state_root=bytes(32))
    claim.check()
    with pytest.raises(InvariantBroken, match=r"invariant 8 \(root\), state root"):
        claim.checker.check_all()
    claim = transfer_claim(world, full=True)
    claim.set_header(state_root=bytes(32))
    assert_broken(claim, Invariant.ROOT)


def test_the_checkers_roots_are_the_ledgers(world: World) -> None:
    leaves = [bytes([n]) * n for n in range(20)]
    assert [tree_root(leaves[:n]) for n in range(20)] == [
        merkle_root(leaves[:n]) for n in range(20)
    ]
    items = [(key, encode(record)) for key, record in world.head.state.items()]
    assert state_root(items, BUCKETS) == world.head.state.root


# ---------------------------------------------------------------- set and parameters (invariant 10)


@pytest.mark.parametrize(
    ("table", "object_id", "record"),
    [
        (Table.PARAMETERS, b"", Parameters(fee_base=0)),
        (Table.COORDINATOR, PEOPLE.coordinator.address, None),
        (Table.COORDINATOR, PEOPLE.stranger.address, Coordinator("own")),
        (
            Table.VALIDATORS,
            b"",
            ValidatorSet((Validator(PEOPLE.stranger.public_key, "own", OTHER),)),
        ),
    ],
    ids=["parameters", "coordinator removed", "coordinator added", "validators"],
)
def test_governed_records_that_change_without_a_vote_break_set(
    world: World, table: Table, object_id: bytes, record: Record | None
) -> None:
    def forge(claim: Claim) -> None:
        claim.put(state_key(table, object_id), record)

    assert_broken(transfer_claim(world), Invariant.SET, forge)


MEMBER = Validator(PEOPLE.validators[0].public_key, "validator-0", OTHER)


@pytest.mark.parametrize(
    "record",
    [
        Parameters(heartbeat_ms=999),
        Parameters(block_weight_max=10_000_000),
        Parameters(unbond_ms=604_800_000),
        ValidatorSet(()),
        ValidatorSet((MEMBER, MEMBER)),
        ValidatorSet(tuple(replace(MEMBER, public_key=bytes([n]) * 32) for n in range(101))),
    ],
    ids=["too low", "too high", "unbond too short", "no validator", "one twice", "101"],
)
def test_rules_that_no_chain_may_have_break_set(
    world: World, record: Parameters | ValidatorSet
) -> None:
    view = world.head
    items = {key: encode(r) for key, r in view.state.items()}
    table = Table.PARAMETERS if isinstance(record, Parameters) else Table.VALIDATORS
    items[state_key(table)] = encode(record)
    with pytest.raises(InvariantBroken, match=r"invariant 10 \(set\)"):
        Checker(view.tags, view.header, items, BUCKETS)


# ---------------------------------------------------------------- other states (invariants 9, 11)


class OtherState:
    """The ledger's state with something else in it."""

    def __init__(self, world: World) -> None:
        self.root = world.head.state.root
        self.records = dict(world.head.state.items())
        self.due = list(world.head.state.due_items())

    def items(self) -> Iterator[tuple[bytes, Record]]:
        return iter(self.records.items())

    def due_items(self) -> Iterator[tuple[int, bytes]]:
        return iter(self.due)


def take_a_record(state: OtherState) -> None:
    state.records.pop(state_key(Table.ACCOUNT, OTHER))


def change_a_record(state: OtherState) -> None:
    state.records[state_key(Table.ACCOUNT, OTHER)] = Account(1)


def add_a_record(state: OtherState) -> None:
    state.records[state_key(Table.ACCOUNT, bytes(20))] = Account(1)


def change_the_root(state: OtherState) -> None:
    state.root = bytes(32)


def forget_what_is_due(state: OtherState) -> None:
    state.due.pop()


def delay_what_is_due(state: OtherState) -> None:
    state.due[0] = (state.due[0][0] + 1, state.due[0][1])


def have_it_due_twice(state: OtherState) -> None:
    state.due.append(state.due[-1])


@pytest.mark.parametrize(
    ("forge", "invariant"),
    [
        (take_a_record, Invariant.SAME_STATE),
        (change_a_record, Invariant.SAME_STATE),
        (add_a_record, Invariant.SAME_STATE),
        (change_the_root, Invariant.SAME_STATE),
        (forget_what_is_due, Invariant.DERIVED),
        (delay_what_is_due, Invariant.DERIVED),
        (have_it_due_twice, Invariant.DERIVED),
    ],
)
def test_another_state_of_the_same_block_is_noticed(
    world: World, forge: Callable[[OtherState], None], invariant: Invariant
) -> None:
    world.register()
    job_in(world, Phase.R)
    state, checker = OtherState(world), checker_of(world.head)
    checker.compare(state, world.head.seen)
    forge(state)
    with pytest.raises(InvariantBroken) as broken:
        checker.compare(state, world.head.seen)
    assert broken.value.invariant is invariant


def test_a_seen_set_that_forgot_an_id_breaks_derived(world: World) -> None:
    assert world.checker is not None
    world.checker.compare(world.head.state, world.head.seen)
    with pytest.raises(InvariantBroken, match=r"invariant 9 \(derived\)"):
        world.checker.compare(world.head.state, SeenIds())


# ---------------------------------------------------------------- independence


def test_the_checker_shares_formats_with_the_ledger_and_no_rule() -> None:
    shared = {
        "actions", "block", "checker", "codec", "errors", "hashing", "keys", "motions",
        "outcomes", "params", "records", "statements", "transaction", "types",
    }  # fmt: skip
    rules = {
        "address_of", "contradiction", "parameter_faults", "possession_message",
        "receipt_grace_ms", "signed_bytes",
    }  # fmt: skip
    folder = Path(ledger.checker.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ledger"):
                assert (node.module or "").split(".")[1] in shared, f"{path.name}: {node.module}"
                assert not {a.name for a in node.names} & rules
            assert not isinstance(node, ast.Import) or all(
                "ledger" not in a.name for a in node.names
            )
