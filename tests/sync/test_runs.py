"""Runs of blocks that only a descendant's certificate makes final, longer than what fits a range.

Where finality stands still for a while, blocks go on, and the certificate that comes at last covers
them all. Here a lone validator makes the blocks, and what their rows hold as certificates is taken
out afterwards, as if they had never had any.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from consensus import CERTIFICATE_CODEC
from ledger.block import CODEC, HEADER_CODEC, ZERO_HASH, Block, Header, block_id
from ledger.codec import encode
from ledger.keys import KeyPair
from ledger.params import Parameters
from ledger.store import ChainStore, EncodedBlock
from ledger.types import Height, PublicKey
from node.block_tree import BlockTree
from node.final_range import RangeInvalid, read_range
from node.importing import RangeRefused
from node.p2p import (
    Message,
    NodeIdentity,
    Peer,
    RangeAnswer,
    RangeRequest,
    Role,
    StatusMessage,
)
from node.p2p.frames import decode_frame, encode_frame
from node.p2p.messages import RANGE_BYTES_MAX
from node.peering.answers import Answers
from tests.node.lone_node import PEER, TAGS, LoneNode, genesis
from tests.node.memory_peers import MemoryHub, MemoryPeers
from tests.node.test_network import SHORT, follower, member, reported, submitted

PARAMETERS = Parameters(account_fee=0, epoch_ms=604_800_000)
BLOCKS = 12
SERVER = KeyPair(b"\x68" * 32)
BEHIND = KeyPair(b"\x69" * 32)


async def make(folder: Path, blocks: int = BLOCKS) -> list[EncodedBlock]:
    """Make a chain in a folder."""
    async with LoneNode(folder, PARAMETERS) as node:
        for _ in range(blocks):
            await node.finalize(node.transfer(1))
        return node.store.encoded_blocks(0, blocks, 1 << 24)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> list[EncodedBlock]:
    return asyncio.run(make(tmp_path_factory.mktemp("chain")))


def change(folder: Path, changes: str, heights: Iterable[Height]) -> None:
    """Change rows of the durable chain."""
    with closing(sqlite3.connect(folder / "chain.db")) as database, database:
        rows = [(height,) for height in heights]
        database.executemany(f"UPDATE blocks SET {changes} WHERE height = ?", rows)


def opened(folder: Path) -> ChainStore:
    return ChainStore.open(f"sqlite:///{folder}/chain.db")


def header_of(block: EncodedBlock) -> Header:
    return CODEC.decode(block.data).header


def read(chain: Sequence[EncodedBlock], headers: Sequence[Header], certificate: bytes) -> object:
    return read_range(
        TAGS, [block.data for block in chain], certificate, [encode(each) for each in headers]
    )


# ---------------------------------------------------------------- what a range shows by itself


def test_headers_lead_to_the_block_that_the_certificate_names(chain: list[EncodedBlock]) -> None:
    headers = [encode(header_of(block)) for block in chain[4:9]]
    content = read_range(TAGS, [block.data for block in chain[2:4]], chain[8].certificate, headers)
    assert (content.first_height, content.last_height) == (3, 4)
    assert content.certificate == CERTIFICATE_CODEC.decode(chain[8].certificate)


def linked(headers: list[Header], certificate: bytes) -> tuple[list[Header], bytes]:
    """Return headers that follow each other again, and a certificate that nobody signed."""
    made, parent_id = [headers[0]], block_id(TAGS, headers[0])
    for header in headers[1:]:
        made.append(replace(header, parent_id=parent_id))
        parent_id = block_id(TAGS, made[-1])
    proof = CERTIFICATE_CODEC.decode(certificate)
    statement = replace(proof.statement, block_id=parent_id, epoch=made[-1].epoch)
    return made, encode(replace(proof, statement=statement))


Proof = tuple[list[Header], bytes]

FORGED: dict[str, Callable[[Proof], Proof]] = {
    "none": lambda proof: ([], proof[1]),
    "a gap": lambda proof: ([proof[0][0], *proof[0][2:]], proof[1]),
    "the first missing": lambda proof: (proof[0][1:], proof[1]),
    "the last missing": lambda proof: (proof[0][:-1], proof[1]),
    "one too many": lambda proof: ([*proof[0], proof[0][-1]], proof[1]),
    "another order": lambda proof: (proof[0][::-1], proof[1]),
    "another state root": lambda proof: (
        [proof[0][0], replace(proof[0][1], state_root=bytes(32)), *proof[0][2:]],
        proof[1],
    ),
    "another height": lambda proof: linked(
        [*proof[0][:-1], replace(proof[0][-1], height=99)], proof[1]
    ),
    "the next epoch": lambda proof: linked(
        [*proof[0][:-1], replace(proof[0][-1], epoch=1)], proof[1]
    ),
    "beyond the end of the epoch": lambda proof: linked(
        [replace(proof[0][0], next_validator_set_hash=b"\x01" * 32), *proof[0][1:]], proof[1]
    ),
    "an epoch of their own": lambda proof: linked(
        [replace(header, epoch=1) for header in proof[0]], proof[1]
    ),
}
"""Headers that do not lead from a block to what the certificate finalizes."""


@pytest.mark.parametrize("forge", FORGED.values(), ids=list(FORGED))
def test_headers_that_prove_nothing_are_refused(
    chain: list[EncodedBlock], forge: Callable[[Proof], Proof]
) -> None:
    headers, certificate = forge(([header_of(block) for block in chain[4:9]], chain[8].certificate))
    with pytest.raises(RangeInvalid):
        read(chain[2:4], headers, certificate)


@pytest.mark.parametrize("garbage", [b"", b"\x01", bytes(1_025)])
def test_bytes_that_are_no_header_are_refused(chain: list[EncodedBlock], garbage: bytes) -> None:
    with pytest.raises(RangeInvalid):
        read_range(TAGS, [chain[0].data], chain[1].certificate, [garbage])


def test_headers_may_lead_to_the_last_block_of_an_epoch_that_was_proposed_again(
    chain: list[EncodedBlock],
) -> None:
    headers = [header_of(block) for block in chain[4:9]]
    headers[-1] = replace(headers[-1], next_validator_set_hash=b"\x01" * 32)
    headers, certificate = linked(headers, chain[8].certificate)
    proof = CERTIFICATE_CODEC.decode(certificate)
    assert headers[-1].next_validator_set_hash != ZERO_HASH
    later = replace(proof, statement=replace(proof.statement, view=proof.view + 3))
    read(chain[2:4], headers, encode(later))
    earlier = replace(proof, statement=replace(proof.statement, view=proof.view - 1))
    with pytest.raises(RangeInvalid):
        read(chain[2:4], headers, encode(earlier))


async def test_blocks_under_headers_that_no_quorum_signed_are_refused(
    tmp_path: Path, chain: list[EncodedBlock]
) -> None:
    block = CODEC.decode(chain[0].data)
    bent = Block(replace(block.header, state_root=bytes(32)), block.transactions)
    headers = [replace(header_of(chain[1]), parent_id=block_id(TAGS, bent.header))]
    headers, certificate = linked([*headers, header_of(chain[2])], chain[2].certificate)
    content = read_range(TAGS, [encode(bent)], certificate, [encode(each) for each in headers])
    async with LoneNode(tmp_path, PARAMETERS) as node:
        with pytest.raises(RangeRefused):
            await node.driver.import_final(content, lambda _signed: False)
        assert node.driver.handed_over == 0
        await node.finalize(node.transfer(1))


# ---------------------------------------------------------------- what a peer answers


class Caller:
    """A peer that remembers what it was answered."""

    key: PublicKey = BEHIND.public_key
    role = Role.FOLLOWER
    is_outbound = False
    address = "memory:1"

    def __init__(self) -> None:
        self.answers: list[RangeAnswer] = []

    def send(self, message: Message) -> bool:
        again = decode_frame(encode_frame(message))[1]  # It fits a frame.
        assert isinstance(again, RangeAnswer)
        self.answers.append(again)
        return True


async def answered(store: ChainStore, request: RangeRequest) -> RangeAnswer:
    caller = Caller()
    await Answers(BlockTree(genesis(PARAMETERS)), store).final_range(caller, request)
    (answer,) = caller.answers
    return answer


@pytest.mark.parametrize("megabytes", [1, 4])
async def test_a_run_of_large_blocks_is_given_in_pieces_that_fit(
    tmp_path: Path, megabytes: int
) -> None:
    made = await make(tmp_path)
    run = range(2, BLOCKS)
    size = megabytes * 1_048_576
    change(tmp_path, "certificate = x''", run)
    change(tmp_path, f"body = zeroblob({size})", run)  # No server looks into it.
    store = opened(tmp_path)
    for height in run:
        answer = await answered(store, RangeRequest(1, height, 1_048_576, 64, 0))
        assert len(answer.blocks) == 1
        assert answer.blocks[0].certificate == made[-1].certificate
        found = [HEADER_CODEC.decode(each).height for each in answer.headers]
        assert found == list(range(height + 1, BLOCKS + 1))
    most = await answered(store, RangeRequest(1, 2, RANGE_BYTES_MAX, 1_024, 0))
    assert len(most.blocks) == (3 if megabytes == 1 else 1)
    assert sum(len(block.block) for block in most.blocks) <= RANGE_BYTES_MAX
    store.close()


async def test_blocks_up_to_the_last_certificate_that_fits_need_no_headers(tmp_path: Path) -> None:
    made = await make(tmp_path)
    change(tmp_path, "certificate = x''", [2, 3, 5, 6])
    store = opened(tmp_path)
    answer = await answered(store, RangeRequest(1, 1, 1_048_576, 6, 0))
    assert [block.certificate for block in answer.blocks] == [b"", b"", b"", made[3].certificate]
    assert answer.headers == ()
    store.close()


async def test_what_no_certificate_covers_is_not_given(tmp_path: Path) -> None:
    await make(tmp_path)
    change(tmp_path, "certificate = x''", range(4, BLOCKS + 1))
    store = opened(tmp_path)
    assert len((await answered(store, RangeRequest(1, 1, 1_048_576, 64, 0))).blocks) == 3
    assert await answered(store, RangeRequest(1, 4, 1_048_576, 64, 0)) == RangeAnswer(1, (), ())
    store.close()


async def test_a_proof_has_as_many_headers_as_may_be_and_no_gap(tmp_path: Path) -> None:
    await make(tmp_path)
    change(tmp_path, "certificate = x''", range(4, BLOCKS))
    store = opened(tmp_path)
    proof = store.encoded_proof(3, BLOCKS - 3)
    assert proof is not None
    assert len(proof.headers) == BLOCKS - 3
    assert store.encoded_proof(3, BLOCKS - 4) is None
    assert store.encoded_proof(BLOCKS, 1) is None
    change(tmp_path, "height = height + 10", [BLOCKS])
    assert store.encoded_proof(3, BLOCKS) is None
    store.close()


# ---------------------------------------------------------------- what a node makes of it


class RangeServer:
    """A peer that gives ranges of a store, as every node does, and nothing else."""

    def __init__(self, hub: MemoryHub, store: ChainStore) -> None:
        self.peers = MemoryPeers(hub, NodeIdentity(SERVER, Role.FOLLOWER), self)
        self._answers = Answers(BlockTree(genesis(PARAMETERS)), store)
        self.asked: list[Height] = []

    def connected(self, peer: Peer) -> None:
        peer.send(StatusMessage(0, 0, BLOCKS, bytes(32)))

    def disconnected(self, peer: Peer) -> None:
        """Nothing to forget."""

    async def received(self, peer: Peer, message: Message) -> None:
        if isinstance(message, RangeRequest):
            self.asked.append(message.first_height)
            await self._answers.final_range(peer, message)


async def test_a_follower_gets_past_a_run_of_which_one_block_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.sync.syncer.RANGE_BYTES", 1)  # As if each block were of 1 MiB.
    (tmp_path / "server").mkdir()
    (tmp_path / "follower").mkdir()
    made = await make(tmp_path / "server")
    change(tmp_path / "server", "certificate = x''", range(2, BLOCKS - 1))
    hub, store = MemoryHub(), opened(tmp_path / "server")
    server = RangeServer(hub, store)
    hub.up(server.peers)
    async with LoneNode(
        tmp_path / "follower", PARAMETERS, key=BEHIND, hub=hub, is_follower=True
    ) as node:
        await node.reach(BLOCKS)
        assert node.chain.balance(PEER.address) == BLOCKS
        taken = node.store.encoded_blocks(0, BLOCKS, 1 << 24)
        assert node.part is not None
        assert isinstance(node.part.peers, MemoryPeers)
        assert not node.part.peers.faults
    assert {*range(1, BLOCKS + 1)} <= {*server.asked}, "each block takes a question"
    assert [block.data for block in taken] == [block.data for block in made]
    covered = [
        b"" if 2 <= height < BLOCKS - 1 else made[height - 1].certificate
        for height in range(1, BLOCKS + 1)
    ]
    assert [block.certificate for block in taken] == covered
    store.close()


async def test_a_validator_and_a_follower_get_past_runs_and_the_ends_of_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.sync.syncer.RANGE_BYTES", 1)
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number, SHORT) for number in range(4)]
    async with nodes[0], nodes[1], nodes[2]:
        async with nodes[3]:
            await reported(nodes, await submitted(nodes[0]))
        while nodes[0].driver.status().epoch < 3:
            await reported(nodes[:3], await submitted(nodes[0]))
            await reported(nodes[:3], await submitted(nodes[0]))
            for node in nodes:
                node.clock.shift_ms += 2_500
        signed = await submitted(nodes[0])
        await reported(nodes[:3], signed)
        for number, node in enumerate(nodes[:3]):
            durable = node.store.encoded_blocks(0, 1_024, 1 << 24)
            run = [at for at, each in enumerate(durable[:-1], start=1) if not each.ends_epoch]
            change(tmp_path / str(number), "certificate = x''", run)
        again = member(hub, tmp_path, 3, SHORT)
        again.clock.shift_ms = nodes[0].clock.shift_ms
        async with again, follower(hub, tmp_path, SHORT) as behind:
            await reported([again, behind], signed)
            signed = await submitted(behind)
            await reported([again, behind, *nodes[:3]], signed)
            assert again.driver.status().signs
            assert again.driver.status().epoch >= 3
