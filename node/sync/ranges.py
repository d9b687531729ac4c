"""From an answer to a range that can be imported: headers, then proof, then bodies and signatures.

Who sends a range may be anybody, so each stage is paid for by the one before it: headers are
cheap; bodies are decoded, and signatures verified, only of what the epoch's committee made final.
While an epoch is not open here, its committee is not known, and its ranges wait as they came.

Where finality stood still for long, the next certificate may be too far above for one answer. Then
headers are paged back from it (`RangeProof`), and of each page only the block below it is kept: as
a `KnownBlock` it proves what the next page, or in the end the blocks, lead up to.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Protocol

from consensus import Certificate, Committee, EpochWrong, MessageInvalid
from ledger import IsVerified
from ledger.hashing import Tags
from ledger.transaction import IdentifiedTransaction
from ledger.types import Epoch, Height, PublicKey
from node.final_range import (
    FinalRange,
    KnownBlock,
    RangeInvalid,
    RangeOutline,
    read_bodies,
    read_headers,
    read_outline,
)
from node.importing import RangeRefused
from node.p2p import RangeAnswer, RangeProof
from node.p2p.messages import HEADERS_PER_RANGE_MAX
from node.pool_signatures import TURN_TRANSACTIONS
from node.signatures import SignatureClaim, claim_of

RANGE_BYTES: Final = 1_048_576
"""Bytes of one range that are asked for: about as much as a second of execution."""

INLINE_BYTES_MAX: Final = 32_768
"""Up to here headers or bodies are decoded on the event loop: milliseconds."""


KNOWN_MAX: Final = 4_096
"""Known blocks that are kept, the lowest ones: each stands for a page of headers."""


class Importer(Protocol):
    """Where ranges go; `node.driver.Driver` is one."""

    @property
    def handed_over(self) -> Height:
        """Height of the newest final block that was executed here."""

    async def import_final(self, content: FinalRange, verified: IsVerified) -> None:
        """Check, execute and commit; see `Driver.import_final`."""


class Verifier(Protocol):
    """Verifies signatures off the event loop; `node.signatures.SignatureVerifier` is one."""

    async def verify(self, claims: Sequence[SignatureClaim]) -> list[bool]:
        """Return for each claim whether its signature verifies."""


@dataclass(frozen=True, slots=True)
class Question:
    """A range that a peer was asked for."""

    peer: PublicKey
    """Who was asked."""
    first: Height
    """Height of the first block."""
    blocks_max: int
    """Most blocks wanted."""
    bytes_max: int
    """Most bytes of blocks wanted; the first comes whatever its size."""
    known: KnownBlock | None = None
    """The lowest block above that is known to be final without being here."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A range that can be imported."""

    content: FinalRange
    """The blocks."""
    good: frozenset[bytes]
    """Signed bytes whose signatures were verified."""

    def is_verified(self, signed: IdentifiedTransaction) -> bool:
        """Return whether a signature was verified; an `IsVerified`."""
        return signed.data in self.good


class RangeReader:
    """Reads, proves and prepares ranges; used on the event loop."""

    def __init__(
        self, tags: Tags, verifier: Verifier, known: IsVerified, next_epoch: Callable[[], Epoch]
    ) -> None:
        """Prepare; `enter_epoch` comes first.

        Args:
            tags: of the chain.
            verifier: verifies signatures.
            known: which signatures this node verified before (T3).
            next_epoch: of the block above the newest that was executed; may not be open yet.
        """
        self._tags = tags
        self._verifier = verifier
        self._known = known
        self._next_epoch = next_epoch
        self._committee: Committee | None = None
        self._checked: Certificate | None = None
        self._known_blocks: dict[Height, KnownBlock] = {}
        self._entered = asyncio.Event()

    def enter_epoch(self, committee: Committee) -> None:
        """Note the committee of the epoch that is open from now on."""
        self._committee = committee
        self._checked = None
        self._known_blocks.clear()
        self._entered.set()
        self._entered = asyncio.Event()

    def known_above(self, height: Height) -> KnownBlock | None:
        """Return the lowest block from a height on that is known to be final."""
        lowest = min((at for at in self._known_blocks if at >= height), default=None)
        return None if lowest is None else self._known_blocks[lowest]

    def passed(self, height: Height) -> None:
        """Forget known blocks up to one that is here."""
        for at in [at for at in self._known_blocks if at <= height]:
            del self._known_blocks[at]

    async def take_proof(self, question: Question, answer: RangeProof) -> bool:
        """Take headers instead of a range.

        Returns:
            Whether they are of use; not while their epoch is not open.

        Raises:
            RangeInvalid: no honest peer sends it.
            RangeRefused: the certificate is not one of the committee.
        """
        if len(answer.headers) != HEADERS_PER_RANGE_MAX:
            raise RangeInvalid(f"it has {len(answer.headers)} headers and no blocks")
        parts = (self._tags, answer.headers, answer.certificate, question.known)
        found, epoch = await asyncio.to_thread(read_headers, *parts)
        if found.height < question.first:
            raise RangeInvalid(f"its headers begin at {found.height + 1}, not above the block")
        if not self._is_proved(epoch, found.certificate):
            return False
        self._known_blocks[found.height] = found
        if len(self._known_blocks) > KNOWN_MAX:
            del self._known_blocks[max(self._known_blocks)]
        return True

    async def read(self, question: Question, answer: RangeAnswer) -> RangeOutline:
        """Return what the headers of an answer show; it has at least one block.

        Raises:
            RangeInvalid: no honest peer sends it.
        """
        blocks = [block.block for block in answer.blocks]
        _check_size(question, blocks)
        certificate = answer.blocks[-1].certificate
        parts = (self._tags, blocks, certificate, answer.headers, question.known)
        if sum(map(len, answer.headers)) > INLINE_BYTES_MAX:
            outline = await asyncio.to_thread(read_outline, *parts)
        else:
            outline = read_outline(*parts)
        if outline.first_height != question.first:
            raise RangeInvalid(f"it begins at {outline.first_height}, not at {question.first}")
        return outline

    def prove(self, outline: RangeOutline) -> bool:
        """Check the certificate of a range, if its epoch is the one that is open.

        Returns:
            Whether it is proved; if not, it has to wait for its epoch.

        Raises:
            RangeRefused: the certificate is not one of the committee.
        """
        return self._is_proved(outline.epoch, outline.certificate)

    async def prove_in_turn(self, outline: RangeOutline) -> None:
        """Check the certificate of a range that is next, once its epoch is open.

        Raises:
            RangeRefused: its epoch is not what comes next, or the certificate is none.
        """
        while not self.prove(outline):
            next_epoch = self._next_epoch()
            if outline.epoch != next_epoch:
                raise RangeRefused(EpochWrong(outline.epoch, next_epoch))
            await self._entered.wait()

    async def prepare(self, outline: RangeOutline) -> Prepared:
        """Decode the bodies of a proved range, and verify the signatures that are not known.

        Raises:
            RangeInvalid: the bodies are not what the headers commit to.
        """
        if sum(map(len, outline.blocks)) > INLINE_BYTES_MAX:
            content = await asyncio.to_thread(read_bodies, self._tags, outline)
        else:
            content = read_bodies(self._tags, outline)
        known, unknown = set[bytes](), list[IdentifiedTransaction]()
        body = chain.from_iterable(block.body for block in content.blocks)
        for number, signed in enumerate(body, start=1):
            if self._known(signed):
                known.add(signed.data)
            else:
                unknown.append(signed)
            if number % TURN_TRANSACTIONS == 0:
                await asyncio.sleep(0)  # A range holds thousands; others have their turn.
        verdicts = await self._verifier.verify(list(map(claim_of, unknown)))
        good = (each.data for each, is_good in zip(unknown, verdicts, strict=True) if is_good)
        return Prepared(content, frozenset(known.union(good)))

    def _is_proved(self, epoch: Epoch, certificate: Certificate) -> bool:
        """Check a certificate if its epoch is open; the same one may prove many ranges."""
        if self._committee is None or epoch != self._committee.epoch:
            return False
        if certificate != self._checked:
            try:
                self._committee.check_certificate(certificate)
            except MessageInvalid as fault:
                raise RangeRefused(fault) from None
            self._checked = certificate
        return True


def _check_size(question: Question, blocks: Sequence[bytes]) -> None:
    size = sum(map(len, blocks))
    if len(blocks) > question.blocks_max:
        raise RangeInvalid(f"it has {len(blocks)} blocks; {question.blocks_max} were asked for")
    if len(blocks) > 1 and size > question.bytes_max:
        raise RangeInvalid(f"it has {size} bytes; {question.bytes_max} were asked for")
