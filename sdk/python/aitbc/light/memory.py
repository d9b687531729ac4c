"""What a light client has verified and keeps: its newest block, the set, and what to compare with.

All that is remembered is proved. A later proof has to agree with it: the same block at each height,
the same end of each epoch, the same set in each epoch that its chain of sets leads over. So keys of
validators who have left make no balance, no newest block and no set that is believed by a client
that knows their successors. Of a block of their own epoch there may be nothing to compare with:
what only they vouch for is compared, and is not remembered, since it could be theirs of today.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from aitbc.digests import ChainTags
from aitbc.light.faults import Contradiction
from aitbc.proofs import CheckedProof, Header, ValidatorSet

RECENT_MAX: Final = 256
"""Newest blocks of which the id is kept."""

ENDS_MAX: Final = 1_024
"""Newest ends of epochs of which the id is kept."""

SETS_MAX: Final = 1_024
"""Newest epochs of which the hash of the set is kept."""


@dataclass(frozen=True)
class VerifiedHead:
    """The newest block that was verified."""

    height: int
    """Its height."""
    block_id: bytes
    """Its id."""
    epoch: int
    """Its epoch, whose set is `Memory.validators`."""
    timestamp_ms: int
    """Its time."""


@dataclass(frozen=True)
class Memory:
    """What was verified. Immutable: each proof makes a new one."""

    genesis_digest: bytes
    """The chain."""
    head: VerifiedHead | None = None
    """The newest block; None before the first proof."""
    validators: ValidatorSet | None = None
    """The set of its epoch."""
    recent: Mapping[int, bytes] = field(default_factory=dict)
    """Ids of blocks that were verified, by height."""
    ends: Mapping[int, bytes] = field(default_factory=dict)
    """Ids of last blocks of epochs, by epoch."""
    sets: Mapping[int, bytes] = field(default_factory=dict)
    """Hashes of sets, by epoch: of epochs of which a final block names the set."""

    def known(self, tags: ChainTags) -> dict[int, bytes]:
        """Return the set that proofs may start with, as `check_proof` takes it."""
        if self.head is None or self.validators is None:
            return {}
        return {self.head.epoch: self.validators.hash(tags)}

    def with_proof(self, proof: CheckedProof, url: str) -> "Memory":
        """Return the memory with what one more proof has shown.

        A proof for which only former validators vouch adds nothing: see `vouches_for`.

        Args:
            proof: all of its steps passed.
            url: who gave it.

        Raises:
            Contradiction: it excludes what was verified before.
        """
        assert proof.claims is not None
        block, headers = proof.claims.block, proof.headers
        shown = Memory(
            self.genesis_digest,
            VerifiedHead(block.height, block.block_id, block.epoch, block.timestamp_ms),
            block.validators,
            {header.height: header.block_id for header in headers},
            {header.epoch: header.block_id for header in headers if header.ends_epoch},
            _walked(proof) | {header.epoch: header.validator_set_hash for header in headers},
        )
        merged = self.merged(shown, url)
        self._check_order(headers, url)
        self._check_walk(proof, shown.sets, url)
        return merged if self.vouches_for(proof) else self

    def vouches_for(self, proof: CheckedProof) -> bool:
        """Return whether more than keys of former validators is behind a proof's block.

        That is so if its set is the newest that is known, or if its headers lead to a block that
        was verified before: each header names its parent.

        Args:
            proof: all of its steps passed.
        """
        assert proof.claims is not None
        head, epoch = self.head, proof.claims.block.epoch
        if head is None or epoch >= head.epoch:
            return True
        # The bundle's boundaries, which may leave blocks out, are all of earlier epochs.
        path = [header for header in proof.headers if header.epoch == epoch]
        if path[0].validator_set_hash == self.sets.get(head.epoch):
            return True
        return any(
            header.block_id in (self.recent.get(header.height), self.ends.get(epoch))
            for header in path
        )

    def merged(self, other: "Memory", url: str) -> "Memory":
        """Return what either has verified.

        Args:
            other: of the same chain.
            url: where the other one is from.

        Raises:
            Contradiction: they exclude each other.
        """
        joined = replace(
            self,
            recent=_joined(self.recent, other.recent, RECENT_MAX, _block_at, url),
            ends=_joined(self.ends, other.ends, ENDS_MAX, _end_of, url),
            sets=_joined(self.sets, other.sets, SETS_MAX, _set_of, url),
        )
        mine, theirs = self.head, other.head
        if theirs is None or (mine is not None and theirs.height <= mine.height):
            return joined
        return replace(joined, head=theirs, validators=other.validators)

    def _check_order(self, headers: Iterable[Header], url: str) -> None:
        """Check that epochs follow each other as heights do.

        Raises:
            Contradiction: a block is higher than the newest one and of an earlier epoch, or the
                reverse.
        """
        head = self.head
        if head is None:
            return
        is_end = self.ends.get(head.epoch) == head.block_id
        for header in headers:
            above = header.height > head.height
            least, most = (head.epoch + is_end, header.epoch) if above else (0, head.epoch)
            if not least <= header.epoch <= most:
                where = f"block {head.height} of epoch {head.epoch} and block {header.height}"
                where += f" of epoch {header.epoch}"
                what = "blocks are proved final of which no chain has both,"
                raise Contradiction(where, head.block_id, header.block_id, url, what=what)

    def _check_walk(self, proof: CheckedProof, shown: Mapping[int, bytes], url: str) -> None:
        """Check that a proof's chain of sets and the one that was verified before are one.

        Boundaries may be left out where the set did not change. So whoever has the keys of a set of
        long ago can show it in force in any later epoch, unless every epoch is compared that one
        of both chains leads over and the other one has a block of.

        Args:
            proof: the proof.
            shown: hashes of the sets that its blocks name, by epoch.
            url: who gave it.

        Raises:
            Contradiction: in some epoch another set is in force.
        """
        last = max(header.epoch for header in proof.headers)
        told = _in_force(_walked(proof), last, self.sets)
        known = _in_force(self.sets, max(self.sets, default=-1), shown)
        for epoch in sorted(told.keys() | known.keys()):
            before, after = (
                known.get(epoch, self.sets.get(epoch)),
                told.get(epoch, shown.get(epoch)),
            )
            assert before is not None
            assert after is not None
            _check_same(before, after, _set_of(epoch), url)


@dataclass(frozen=True)
class _Place:
    """Where two proofs may exclude each other."""

    name: str
    """The place."""
    is_set: bool = False
    """Whether a set is there, not a block."""


def _block_at(height: int) -> _Place:
    return _Place(f"block {height}")


def _end_of(epoch: int) -> _Place:
    return _Place(f"the last block of epoch {epoch}")


def _set_of(epoch: int) -> _Place:
    return _Place(f"epoch {epoch}", is_set=True)


def _walked(proof: CheckedProof) -> dict[int, bytes]:
    """Return the hashes of the sets that a proof leads over, by the first epoch of each."""
    walked = {proof.start: proof.headers[0].validator_set_hash}
    for header in proof.headers:
        if header.ends_epoch:
            walked[header.epoch + 1] = header.next_validator_set_hash
    return walked


def _in_force(walk: Mapping[int, bytes], last: int, epochs: Iterable[int]) -> dict[int, bytes]:
    """Return the sets that are in force in those of the epochs that a chain of sets leads over.

    Args:
        walk: hashes of sets, by the first epoch of each.
        last: last epoch that it leads over.
        epochs: the epochs that are asked for.
    """
    firsts = sorted(walk)
    return {
        epoch: walk[firsts[bisect_right(firsts, epoch) - 1]]
        for epoch in epochs
        if firsts and firsts[0] <= epoch <= last
    }


def _joined(
    known: Mapping[int, bytes],
    told: Mapping[int, bytes],
    count: int,
    place: Callable[[int], _Place],
    url: str,
) -> dict[int, bytes]:
    """Return the newest of both."""
    for at in sorted(known.keys() & told.keys()):
        _check_same(known[at], told[at], place(at), url)
    both = {**known, **told}
    return {at: both[at] for at in sorted(both)[-count:]}


def _check_same(known: bytes, told: bytes, place: _Place, url: str) -> None:
    if known == told:
        return
    if not place.is_set:
        raise Contradiction(place.name, known, told, url)
    what = "two different validator sets are shown for"
    cause = "Keys of former validators signed, or the node left out a change of the set"
    raise Contradiction(place.name, known, told, url, what=what, cause=cause)
