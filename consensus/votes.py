"""Counting votes of one kind in one view."""

from collections.abc import KeysView

from consensus.messages import Certificate, CertificateEntry, Statement, Vote


class Tally:
    """The first vote of each member, counted by what it says.

    A later vote of the same member never replaces the first: a copy with another signature must
    not displace one that was checked, and a contradicting one must not count at all.
    """

    __slots__ = ("_counts", "_votes")

    def __init__(self) -> None:
        self._votes: dict[int, Vote] = {}
        self._counts: dict[Statement, int] = {}

    def voters(self) -> KeysView[int]:
        """Return who has voted."""
        return self._votes.keys()

    def vote_of(self, signer: int) -> Vote | None:
        """Return a member's first vote."""
        return self._votes.get(signer)

    def add(self, vote: Vote) -> bool:
        """Count a checked vote; return False if the member has voted already."""
        if vote.signer in self._votes:
            return False
        self._votes[vote.signer] = vote
        self._counts[vote.statement] = self._counts.get(vote.statement, 0) + 1
        return True

    def certificate(self, quorum: int) -> Certificate | None:
        """Return a certificate if a quorum of distinct members says the same."""
        for statement, count in self._counts.items():
            if count >= quorum:
                return Certificate(
                    statement,
                    tuple(
                        CertificateEntry(signer, vote.signature)
                        for signer, vote in sorted(self._votes.items())
                        if vote.statement == statement
                    ),
                )
        return None
