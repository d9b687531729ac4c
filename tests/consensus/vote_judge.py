"""What no run may show, checked without any code of `consensus`.

Every vote that leaves a node is remembered for ever and compared with all others of its signer;
certificates of a view must not exclude each other; final blocks are on one chain.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from consensus import BlockRef, Certificate, Finalize, Notarize, Record, Vote
from tests.consensus.sound_fakes import BOUNDARY, Block


@dataclass
class Disk:
    """What survives a crash."""

    records: list[Record] = field(default_factory=list)
    votes: set[Vote] = field(default_factory=set)
    """All votes that were ever durable."""
    blocks: dict[bytes, Block] = field(default_factory=dict)
    final: BlockRef = BOUNDARY
    certificate: Certificate | None = None


class Judge:
    """Sees everything that honest nodes send and make final."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.said: dict[tuple[int, int], dict[str, object]] = {}
        self.certified: dict[int, dict[str, object]] = {}
        self.final: dict[int, bytes] = {}
        """Block id by height."""

    def on_sent(self, sender: int, disk: Disk, message: Vote | Certificate) -> None:
        """A message leaves an honest node."""
        if isinstance(message, Certificate):
            self.on_certificate(message)
            return
        statement = message.statement
        assert message.signer == sender, "a node sends its own votes only"
        assert message in disk.votes, "a vote left before it was durable"
        if isinstance(statement, Notarize | Finalize):
            assert statement.block_id in disk.blocks, "a block is vouched for and not durable"
        said = self.said.setdefault((sender, statement.view), {})
        kind = type(statement).__name__
        assert said.setdefault(kind, statement) == statement, f"two {kind} of one view"
        assert not {"Nullify", "Finalize"} <= said.keys(), "nullify and finalize of one view"

    def on_certificate(self, certificate: Certificate) -> None:
        """A certificate exists."""
        statement = certificate.statement
        voters = {entry.signer for entry in certificate.entries}
        assert 3 * (self.size - len(voters)) < self.size or self.size == 1, "fewer than n - f"
        found = self.certified.setdefault(statement.view, {})
        kind = type(statement).__name__
        assert found.setdefault(kind, statement) == statement, f"two {kind} quorums in a view"
        assert not {"Nullify", "Finalize"} <= found.keys(), "a view is nullified and final"

    def on_final(self, blocks: Mapping[bytes, Block], ref: BlockRef) -> None:
        """A node made a block final: every node's final chain is a prefix of one order."""
        block_id = ref.block_id
        while block_id != BOUNDARY.block_id:
            block = blocks[block_id]
            if self.final.get(block.height) == block_id:
                return  # Its ancestors were compared when it was.
            known = self.final.setdefault(block.height, block_id)
            assert known == block_id, f"two final blocks at height {block.height}"
            block_id = block.parent.block_id
