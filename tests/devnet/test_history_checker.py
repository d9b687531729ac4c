"""The checks of scenarios find what they are for: each way in which a history can be broken."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgpack
import pytest

from aitbc import format_address
from devnet.torture.books import Books, BooksDiffer
from devnet.torture.chain_reading import ChainUnreadable, ReadBlock, decode_block
from devnet.torture.checker import (
    Violation,
    check_balances,
    check_chains,
    check_history,
    refused_by_all,
)
from devnet.torture.history import FINAL, NO_ANSWER, History, Seen, Sent, Told

DIGEST = hashlib.sha256(b"a genesis").hexdigest()
ALICE, BOB, PROPOSER = (name * 32 for name in (b"a", b"b", b"p"))
NODES = ("node-1", "node-2")


def address(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:20]


def digest(purpose: str, value: Any) -> bytes:
    tag = hashlib.sha256(f"aitbc/1/{purpose}/{DIGEST}".encode()).digest()
    return hashlib.sha256(tag + msgpack.packb(value)).digest()


def transfer(sender: bytes, to: bytes, amount: int, fee: int = 5) -> list[Any]:
    return [1, "c", sender, [1, address(to), amount], fee, 10**12, bytes([amount % 256]) * 16]


def encode_block(height: int, parent: str, transactions: list[list[Any]]) -> bytes:
    root = hashlib.sha256(b"%d" % height).digest()
    header = [1, "c", 0, height, height, bytes.fromhex(parent), max(0, height - 1)]
    header += [1_000 + height, PROPOSER if height else bytes(32), root, len(transactions)]
    header += [root, 0, root, root, bytes(32)]
    return bytes(msgpack.packb([header, [[each, bytes(64)] for each in transactions]]))


def chain_of(*bodies: list[list[Any]]) -> list[ReadBlock]:
    blocks: list[ReadBlock] = []
    for height, body in enumerate(([], *bodies)):
        parent = blocks[-1].block_id if blocks else "0" * 64
        blocks.append(decode_block(encode_block(height, parent, body), DIGEST))
    return blocks


TRANSFERS = [transfer(ALICE, BOB, 7), transfer(BOB, ALICE, 3), transfer(ALICE, BOB, 1)]
IDS = ["tx_" + digest("tx", each).hex() for each in TRANSFERS]


@dataclass
class World:
    """What a check gets: a sound world, to be spoilt in one place."""

    chains: dict[str, list[ReadBlock]] = field(
        default_factory=lambda: {
            name: chain_of([TRANSFERS[0]], [], TRANSFERS[1:]) for name in NODES
        }
    )
    history: History = field(default_factory=History)

    def __post_init__(self) -> None:
        for at, (each, transfer_id) in enumerate(zip(TRANSFERS, IDS, strict=True)):
            ends = format_address(address(each[2])), format_address(each[3][1])
            amount, fee = each[3][2], each[4]
            self.history.note_sent(Sent(at, transfer_id, *ends, amount, fee, 10**12, b""))
        self.history.note_told(Told(1.0, "node-1", IDS[0], FINAL, 1))
        self.history.note_told(Told(2.0, "node-2", IDS[1], FINAL, 3))
        self.history.note_told(Told(2.5, "node-1", IDS[2], NO_ANSWER))
        for at, height in enumerate((0, 1, 3)):
            for name in NODES:
                block_id = self.chains[name][height].block_id
                self.history.note_seen(Seen(at, name, height, block_id, 0))

    def violations(self) -> list[Violation]:
        return [*check_chains(self.chains), *check_history(self.history, self.chains)]

    def checks(self) -> set[str]:
        return {violation.check for violation in self.violations()}


def test_a_sound_history_has_no_violation() -> None:
    assert World().violations() == []


def lose_a_final_transfer(world: World) -> None:
    world.chains = {name: chain_of([], [], TRANSFERS[1:]) for name in NODES}


def lose_it_on_one_node(world: World) -> None:
    world.chains["node-2"] = chain_of([], [], TRANSFERS[1:])


def move_a_final_transfer(world: World) -> None:
    world.chains = {name: chain_of([], [TRANSFERS[0]], TRANSFERS[1:]) for name in NODES}


def take_a_transfer_twice(world: World) -> None:
    world.chains = {name: chain_of([TRANSFERS[0]], [TRANSFERS[0]], TRANSFERS) for name in NODES}


def take_a_transfer_that_nobody_sent(world: World) -> None:
    body = [*TRANSFERS[1:], transfer(BOB, ALICE, 2)]
    world.chains = {name: chain_of([TRANSFERS[0]], [], body) for name in NODES}


def fork_at_the_end(world: World) -> None:
    world.chains["node-2"] = chain_of([TRANSFERS[0]], [], TRANSFERS[1:2])


def disagree_about_the_state(world: World) -> None:
    chain = world.chains["node-2"]
    chain[3] = replace(chain[3], state_root="00" * 32)


def break_a_link(world: World) -> None:
    chain = world.chains["node-2"]
    chain[2] = replace(chain[2], parent_id=chain[0].block_id)


def repeat_a_time(world: World) -> None:
    for chain in world.chains.values():
        chain[2] = replace(chain[2], timestamp_ms=chain[1].timestamp_ms)


def take_back_a_final_block(world: World) -> None:
    world.history.note_seen(Seen(9.0, "node-1", 2, "ff" * 32, 0))


def go_back(world: World) -> None:
    world.history.note_seen(Seen(9.0, "node-1", 1, world.chains["node-1"][1].block_id, 0))


def tell_two_heights(world: World) -> None:
    world.history.note_told(Told(9.0, "node-2", IDS[0], FINAL, 3))


def answer_for_another(world: World) -> None:
    world.history.note_told(Told(9.0, "node-2", "tx_" + "00" * 32, "pooled"))


def refuse_and_take(world: World) -> None:
    world.history.told = [told for told in world.history.told if told.status != NO_ANSWER]
    world.history.note_told(Told(9.0, "node-2", IDS[2], "rejected", None, "FEE_TOO_LOW"))


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (lose_a_final_transfer, "what was final is there"),
        (lose_it_on_one_node, "what was final is there"),
        (move_a_final_transfer, "what was final is there"),
        (take_a_transfer_twice, "once"),
        (take_a_transfer_that_nobody_sent, "nobody sent it"),
        (fork_at_the_end, "one order on every node"),
        (disagree_about_the_state, "one order on every node"),
        (break_a_link, "one order on every node"),
        (repeat_a_time, "time goes on"),
        (take_back_a_final_block, "what was final is there"),
        (go_back, "final never goes back"),
        (tell_two_heights, "answers"),
        (answer_for_another, "answers"),
        (refuse_and_take, "no means no"),
    ],
)
def test_what_is_broken_is_found(spoil: Callable[[World], None], check: str) -> None:
    world = World()
    spoil(world)
    assert check in world.checks()


def test_a_node_that_lost_everything_may_begin_anew() -> None:
    world = World()
    world.history.note_wiped("node-1")
    at_s = world.history.wiped[0].at_s + 1
    world.history.note_seen(Seen(at_s, "node-1", 1, world.chains["node-1"][1].block_id, 0))
    assert world.violations() == []
    world.history.note_seen(Seen(at_s + 1, "node-1", 0, world.chains["node-1"][0].block_id, 0))
    assert world.checks() == {"final never goes back"}


def test_what_a_node_said_before_it_lost_everything_may_be_heard_later() -> None:
    world = World()
    asked_s = 1.0
    world.history.note_wiped("node-1")
    wiped_s = world.history.wiped[0].at_s
    late = Seen(wiped_s + 1, "node-1", 2, world.chains["node-1"][2].block_id, 0)
    world.history.note_seen(late, asked_s)
    anew = Seen(wiped_s + 2, "node-1", 0, world.chains["node-1"][0].block_id, 0)
    world.history.note_seen(anew, wiped_s + 1.5)
    assert world.violations() == []
    assert world.history.height_of("node-1") == 0


def test_a_transfer_without_an_answer_may_be_in_a_block_or_not() -> None:
    world = World()
    world.history.note_told(Told(9.0, "node-2", IDS[2], "rejected", None, "EXPIRED"))
    assert refused_by_all(world.history) == set()
    assert world.violations() == []


# ---------------------------------------------------------------- money


def books() -> Books:
    spec = {
        "allocations": [
            {"address": format_address(address(ALICE)), "amount": "0.0000001"},
            {"address": format_address(address(BOB)), "amount": "0.00000002"},
        ],
        "validators": [{"public_key": PROPOSER.hex(), "payout": format_address(address(PROPOSER))}],
    }
    return Books({"spec": spec})


def test_the_books_move_amounts_and_fees() -> None:
    kept = books()
    kept.enter(chain_of([TRANSFERS[0]], [], TRANSFERS[1:]))
    assert kept.balances == {
        address(ALICE): 100 - 7 - 5 + 3 - 1 - 5,
        address(BOB): 20 + 7 - 3 - 5 + 1,
        address(PROPOSER): 15,
    }


def test_the_books_enter_each_block_once() -> None:
    kept, chain = books(), chain_of([TRANSFERS[0]], [], TRANSFERS[1:])
    kept.enter(chain[:2])
    kept.enter(chain)
    kept.enter(chain)
    assert kept.entered == 4
    assert kept.balances[address(PROPOSER)] == 15


def test_a_balance_that_differs_is_found_on_its_node() -> None:
    kept = books()
    kept.enter(chain_of([TRANSFERS[0]]))
    found = {name: dict(kept.balances) for name in NODES}
    assert list(check_balances(kept.balances, found)) == []
    found["node-2"][address(BOB)] += 1
    (violation,) = check_balances(kept.balances, found)
    assert violation.check == "money is conserved"
    assert "node-2" in violation.text


def test_spending_what_is_not_there_is_found() -> None:
    with pytest.raises(BooksDiffer, match="not there"):
        books().enter(chain_of([transfer(ALICE, BOB, 96)]))


def test_an_action_that_no_scenario_sends_is_found() -> None:
    job = [1, "c", ALICE, [5, b"", 0], 5, 10**12, bytes(16)]
    with pytest.raises(BooksDiffer, match="action 5"):
        books().enter(chain_of([job]))


# ---------------------------------------------------------------- blocks


def test_a_block_is_read_and_its_ids_are_computed_from_its_bytes() -> None:
    block = chain_of([TRANSFERS[0]])[1]
    assert block.height == 1
    assert [each.transaction_id for each in block.transactions] == IDS[:1]
    assert block.transactions[0].sender == address(ALICE)


@pytest.mark.parametrize(
    "spoil", [b"", b"\xc0", b"\x92\x01\x02", encode_block(0, "00" * 32, []) + b"\x00"]
)
def test_bytes_that_are_no_block_are_refused(spoil: bytes) -> None:
    with pytest.raises(ChainUnreadable):
        decode_block(spoil, DIGEST)


def test_another_encoding_of_a_block_is_refused() -> None:
    raw = encode_block(1, "00" * 32, [])
    longer = raw.replace(b"\x92\xdc\x00\x10", b"\x92\xdd\x00\x00\x00\x10", 1)
    assert longer != raw
    with pytest.raises(ChainUnreadable, match="canonical"):
        decode_block(longer, DIGEST)
