"""Ranges of final blocks: what is taken is what was final, whatever a peer makes of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from consensus import CERTIFICATE_CODEC, Committee
from ledger.block import CODEC, Block, block_id
from ledger.codec import encode
from ledger.keys import KeyPair
from ledger.params import Parameters
from ledger.transaction import IdentifiedTransaction
from node.block_tree import BlockTree
from node.final_range import RangeInvalid, read_outline, read_range
from node.handover import HandOver
from node.importing import Importer, ImportStopped, RangeRefused
from node.p2p import (
    FinalBlock,
    Message,
    NodeIdentity,
    Peer,
    RangeAnswer,
    RangeRequest,
    Role,
    StatusMessage,
)
from node.signatures import SignatureVerifier
from node.sync import ranges
from node.sync.ranges import RangeReader
from tests.node.lone_node import PEER, TAGS, VALIDATOR, LoneNode, genesis
from tests.node.memory_peers import MemoryHub, MemoryPeers

PARAMETERS = Parameters(account_fee=0, epoch_ms=604_800_000)
STRANGER = KeyPair(b"\x66" * 32)
LIAR = KeyPair(b"\x67" * 32)
BLOCKS = 12

Chain = list[FinalBlock]
"""Blocks 1 … of a final chain, each with its certificate."""


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return asyncio.run(made(tmp_path_factory.mktemp("chain")))


async def made(folder: Path) -> Chain:
    async with LoneNode(folder, PARAMETERS) as node:
        for _ in range(BLOCKS):
            await node.finalize(node.transfer(1))
        stored = node.store.encoded_blocks(0, BLOCKS, 1 << 20)
    return [FinalBlock(block.data, block.certificate) for block in stored]


def read(chain: Chain) -> object:
    return read_range(TAGS, [block.block for block in chain], chain[-1].certificate)


def test_a_sound_range_is_read(chain: Chain) -> None:
    content = read_range(TAGS, [block.block for block in chain[2:7]], chain[6].certificate)
    assert (content.first_height, content.last_height, content.epoch) == (3, 7, 0)


async def test_others_have_their_turn_while_a_ranges_transactions_are_looked_up(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "TURN_TRANSACTIONS", 3)
    looked_up, seen = 0, list[int]()

    def known(_signed: IdentifiedTransaction) -> bool:
        nonlocal looked_up
        looked_up += 1
        return True

    async def somebody_else() -> None:
        while looked_up < BLOCKS:
            seen.append(looked_up)
            await asyncio.sleep(0)

    reader = RangeReader(TAGS, SignatureVerifier(TAGS, 0), known, lambda: 0)
    outline = read_outline(TAGS, [block.block for block in chain], chain[-1].certificate)
    other = asyncio.create_task(somebody_else())
    prepared = await reader.prepare(outline)
    await other
    assert len(prepared.good) == BLOCKS
    assert {3, 6, 9} <= set(seen)


def bend(block: bytes, **changes: object) -> bytes:
    """Return a block with another header."""
    read = CODEC.decode(block)
    return encode(Block(replace(read.header, **changes), read.transactions))


def without_body(block: bytes) -> bytes:
    return encode(Block(CODEC.decode(block).header, ()))


def signed_by_nobody(certificate: bytes) -> bytes:
    return encode(replace(CERTIFICATE_CODEC.decode(certificate), entries=()))


def broken_signature(certificate: bytes) -> bytes:
    proof = CERTIFICATE_CODEC.decode(certificate)
    entry = replace(proof.entries[0], signature=bytes(64))
    return encode(replace(proof, entries=(entry,)))


def of_epoch(chain: Chain, epoch: int) -> Chain:
    """Return a range that is sound in itself and claims another epoch; nobody signed it."""
    made, parent_id = [], CODEC.decode(chain[0].block).header.parent_id
    for each in chain:
        block = bend(each.block, epoch=epoch, parent_id=parent_id)
        parent_id = block_id(TAGS, CODEC.decode(block).header)
        made.append(FinalBlock(block, b""))
    proof = CERTIFICATE_CODEC.decode(chain[-1].certificate)
    statement = replace(proof.statement, epoch=epoch, block_id=parent_id)
    return [*made[:-1], replace(made[-1], certificate=encode(replace(proof, statement=statement)))]


SPOILT: dict[str, Callable[[Chain], Chain]] = {
    "a gap": lambda chain: [*chain[:3], *chain[4:]],
    "another order": lambda chain: [chain[1], chain[0], *chain[2:]],
    "a body that is missing": lambda chain: [
        replace(chain[0], block=without_body(chain[0].block)),
        *chain[1:],
    ],
    "another state root": lambda chain: [
        replace(chain[0], block=bend(chain[0].block, state_root=bytes(32))),
        *chain[1:],
    ],
    "another epoch": lambda chain: [
        *chain[:-1],
        replace(chain[-1], block=bend(chain[-1].block, epoch=1)),
    ],
    "another block's certificate": lambda chain: [
        *chain[:-1],
        replace(chain[-1], certificate=chain[-2].certificate),
    ],
    "no certificate": lambda chain: [*chain[:-1], replace(chain[-1], certificate=b"")],
    "bytes that are no block": lambda chain: [replace(chain[0], block=b"\x01"), *chain[1:]],
    "a block cut short": lambda chain: [
        replace(chain[0], block=chain[0].block[:-1]),
        *chain[1:],
    ],
}
"""What shows by itself that it is no range."""

UNPROVED: dict[str, Callable[[Chain], Chain]] = {
    "a certificate without signatures": lambda chain: [
        *chain[:-1],
        replace(chain[-1], certificate=signed_by_nobody(chain[-1].certificate)),
    ],
    "a forged signature": lambda chain: [
        *chain[:-1],
        replace(chain[-1], certificate=broken_signature(chain[-1].certificate)),
    ],
    "the next epoch": lambda chain: of_epoch(chain, 1),
    "an epoch that never comes": lambda chain: of_epoch(chain, 1 << 40),
}
"""What only the committee shows to be no range."""


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=list(SPOILT))
def test_what_shows_by_itself_that_it_is_no_range_is_refused(
    chain: Chain, spoil: Callable[[Chain], Chain]
) -> None:
    with pytest.raises(RangeInvalid):
        read(spoil(chain))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_byte_never_gives_another_range(chain: Chain, data: st.DataObject) -> None:
    parts = [*(block.block for block in chain), chain[-1].certificate]
    at = data.draw(st.integers(0, len(parts) - 1))
    place = data.draw(st.integers(0, len(parts[at]) - 1))
    changed = bytearray(parts[at])
    changed[place] ^= data.draw(st.integers(1, 255))
    parts[at] = bytes(changed)
    try:
        content = read_range(TAGS, parts[:-1], parts[-1])
    except RangeInvalid:
        return
    # Only signatures of the certificate, and the view that it is of, are not bound to the blocks.
    assert at == len(chain)
    assert [block.data for block in content.blocks] == [block.block for block in chain]


@pytest.mark.parametrize(("claimed", "current"), [(0, 1), (1, 0), (2, 1), (1 << 40, 1)])
async def test_a_range_of_an_epoch_that_its_heights_are_not_in_is_refused(
    chain: Chain, claimed: int, current: int
) -> None:
    importer = Importer(BlockTree(genesis(PARAMETERS)), HandOver(0))
    claim = of_epoch(chain, claimed)
    content = read_range(TAGS, [block.block for block in claim], claim[-1].certificate)
    done = importer.add(content, lambda _signed: False)
    committee = Committee(TAGS, current, (VALIDATOR.public_key,))
    assert importer.current(committee) is None
    with pytest.raises(RangeRefused):
        await done


async def test_a_range_of_an_earlier_epoch_that_is_committed_ends_well(chain: Chain) -> None:
    importer = Importer(BlockTree(genesis(PARAMETERS)), HandOver(BLOCKS))
    content = read_range(TAGS, [block.block for block in chain], chain[-1].certificate)
    done = importer.add(content, lambda _signed: False)
    assert importer.current(Committee(TAGS, 1, (VALIDATOR.public_key,))) is None
    await done


async def test_ranges_that_are_refused_hold_up_no_block_of_consensus(
    tmp_path: Path, chain: Chain
) -> None:
    forged = broken_signature(chain[-1].certificate)
    content = read_range(TAGS, [block.block for block in chain], forged)

    async def spoil(node: LoneNode) -> None:
        with suppress(ImportStopped):
            while True:
                with suppress(RangeRefused):
                    await node.driver.import_final(content, lambda _signed: False)

    async with LoneNode(tmp_path, PARAMETERS) as node:
        spoiling = asyncio.create_task(spoil(node))
        for _ in range(3):
            # Sooner than the next heartbeat, which would make up for a block that was left behind.
            await asyncio.wait_for(node.finalize(node.transfer(1)), PARAMETERS.heartbeat_ms / 2_000)
    await spoiling


class Liar:
    """A peer that serves spoilt ranges to whoever asks."""

    def __init__(self, hub: MemoryHub, ranges: Callable[[Chain], Chain], chain: Chain) -> None:
        self.peers = MemoryPeers(hub, NodeIdentity(LIAR, Role.FOLLOWER), self)
        self._spoil = ranges
        self._chain = chain
        self.asked = 0

    def connected(self, peer: Peer) -> None:
        peer.send(StatusMessage(0, 0, BLOCKS, bytes(32)))

    def disconnected(self, peer: Peer) -> None:
        """Nothing to forget."""

    async def received(self, peer: Peer, message: Message) -> None:
        if isinstance(message, RangeRequest):
            self.asked += 1
            first = message.first_height - 1
            spoilt = self._spoil(self._chain[first:])
            peer.send(RangeAnswer(message.number, tuple(spoilt), ()))


@pytest.fixture
async def honest(tmp_path: Path) -> AsyncIterator[LoneNode]:
    (tmp_path / "honest").mkdir()
    async with LoneNode(tmp_path / "honest", PARAMETERS, hub=MemoryHub()) as node:
        for _ in range(BLOCKS):
            await node.finalize(node.transfer(1))
        yield node


LIES = {**SPOILT, **UNPROVED}


@pytest.mark.parametrize("spoil", LIES.values(), ids=list(LIES))
async def test_a_follower_reports_a_liar_and_catches_up_from_somebody_else(
    tmp_path: Path, honest: LoneNode, spoil: Callable[[Chain], Chain]
) -> None:
    stored = honest.store.encoded_blocks(0, BLOCKS, 1 << 20)
    chain = [FinalBlock(block.data, block.certificate) for block in stored]
    assert honest.hub is not None
    others = list(honest.hub.nodes)
    honest.hub.nodes.clear()
    liar = Liar(honest.hub, spoil, chain)
    honest.hub.up(liar.peers)
    (tmp_path / "follower").mkdir()
    follower = LoneNode(
        tmp_path / "follower", PARAMETERS, key=STRANGER, hub=honest.hub, is_follower=True
    )
    async with follower:
        assert follower.part is not None
        transport = follower.part.peers
        assert isinstance(transport, MemoryPeers)
        while not transport.faults:
            await follower.chain.wait_final(bytes(32), 0.01)
        assert transport.faults[0][1], "the fault is provable"
        assert liar.asked
        assert follower.chain.head().height == 0
        for other in others:
            honest.hub.join(other, transport)
        await follower.reach(BLOCKS)
        assert follower.chain.balance(PEER.address) == BLOCKS
    assert VALIDATOR.public_key in transport.validators
