"""Ranges of final blocks from the store, with what proves them; see `node.p2p.RangeRequest`."""

from ledger.store import ChainReader, EncodedBlock, EncodedProof
from ledger.types import Height
from node.p2p import FinalBlock, RangeAnswer, RangeProof, RangeRequest
from node.p2p.messages import ENCODED_BLOCK_BYTES_MAX, HEADERS_PER_RANGE_MAX


class FinalRanges:
    """Answers questions for ranges; any thread asks."""

    def __init__(self, store: ChainReader) -> None:
        """Read from this store."""
        self._store = store
        self._stretch: tuple[Height, Height] = (0, 0)

    def answer(self, request: RangeRequest) -> RangeAnswer | RangeProof:
        """Return blocks that a certificate or a known block proves, or headers on the way to it."""
        above, bytes_max = request.first_height - 1, min(request.bytes_max, ENCODED_BLOCK_BYTES_MAX)
        found = _of_one_epoch(self._store.encoded_blocks(above, request.blocks_max, bytes_max))
        for end in range(len(found), 0, -1):
            certificate = found[end - 1].certificate
            if certificate:
                return _blocks(request, found[:end], EncodedProof((), certificate))
        # An epoch's last block has a certificate, since no other block can follow it there.
        if not found or found[-1].ends_epoch:
            return _nothing(request)
        if above < request.known_height <= above + len(found):
            return _blocks(request, found[: request.known_height - above], EncodedProof((), b""))
        proof = self._near_proof(above + len(found), request.known_height)
        return _blocks(request, found, proof) if proof else self._far_proof(request)

    def _near_proof(self, last: Height, known: Height) -> EncodedProof | None:
        """Return the headers from a block to what proves it, if they fit one answer."""
        if last < known <= last + HEADERS_PER_RANGE_MAX:
            headers = self._store.encoded_headers(last + 1, known)
            return EncodedProof(headers, b"") if len(headers) == known - last else None
        if self._is_far_below_certificate(last):
            return None
        return self._store.encoded_proof(last, HEADERS_PER_RANGE_MAX)

    def _far_proof(self, request: RangeRequest) -> RangeAnswer | RangeProof:
        """Return the uppermost headers that are not known to be final yet."""
        top, certificate = request.known_height, b""
        if not top:
            top = self._certified_above(request.first_height)
            head = self._store.header_at(top) if top else None
            certificate = head.certificate if head else b""
        if top < request.first_height + HEADERS_PER_RANGE_MAX:
            return _nothing(request)
        headers = self._store.encoded_headers(top - HEADERS_PER_RANGE_MAX + 1, top)
        if len(headers) != HEADERS_PER_RANGE_MAX:
            return _nothing(request)
        return RangeProof(request.number, headers, certificate)

    def _is_far_below_certificate(self, height: Height) -> bool:
        first, top = self._stretch
        return first <= height < top - HEADERS_PER_RANGE_MAX

    def _certified_above(self, height: Height) -> Height:
        """Return the lowest height from one on that has a certificate; 0 if there is none.

        The search may be long, and is repeated for each question, so the last one is remembered.
        """
        first, top = self._stretch
        if not first <= height <= top:
            first, top = height, self._store.next_certified(height - 1) or 0
            if top:
                self._stretch = (first, top)
        return top


def size_of(answer: RangeAnswer | RangeProof) -> int:
    """Return the bytes of an answer that count."""
    blocks = answer.blocks if isinstance(answer, RangeAnswer) else ()
    return sum(len(block.block) for block in blocks) + sum(map(len, answer.headers))


def _of_one_epoch(blocks: list[EncodedBlock]) -> list[EncodedBlock]:
    """Return blocks up to the first that ends its epoch."""
    ends = (at for at, block in enumerate(blocks, start=1) if block.ends_epoch)
    return blocks[: next(ends, len(blocks))]


def _blocks(request: RangeRequest, blocks: list[EncodedBlock], proof: EncodedProof) -> RangeAnswer:
    """Return an answer whose last block bears the certificate."""
    final = [FinalBlock(block.data, b"") for block in blocks[:-1]]
    final.append(FinalBlock(blocks[-1].data, proof.certificate))
    return RangeAnswer(request.number, tuple(final), proof.headers)


def _nothing(request: RangeRequest) -> RangeAnswer:
    return RangeAnswer(request.number, (), ())
