"""How a node continues after any stop: the store's head, then the journal above it.

What the two must agree on, for the epoch of the next block:

    the journal reaches the store's head    else votes are missing: refused (`JournalBehindStore`)
    the store reaches the journal's floor   else final blocks are missing (`StoreBehindJournal`): a
                                            lone validator is refused; one of several is silent
                                            until its peers have given it those blocks
    there is a journal, or none can have    else it was lost, and the validator does not sign until
    been written                            the next epoch (S10)

A crash leaves the journal ahead of the store: finality is journalled before it is committed. What
lies between is executed again and committed again, which changes nothing if it was. Only a lone
validator writes both side by side, and its journal may lack the votes for the store's head: they
convinced nobody else, and the head's view is over (`recovery_checks.check_reach`).

A member that was none in the epoch before and has no journal says nothing by that: this is its
first start, or its disk was lost. It stays silent then until `EpochOpener.vouch` (see
`node.peering.first_votes`), or until an epoch starts that is younger than its process. In the first
epoch everybody is new.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import structlog

from consensus import (
    CERTIFICATE_CODEC,
    BlockRef,
    Certificate,
    CertificateSeen,
    Committee,
    Core,
    SignatureCheck,
    Signer,
    Started,
    Timing,
    Vote,
    VoteSeen,
    leader_shift,
)
from consensus.messages import votes_of
from ledger import ChainView, IsVerified, keys, restored_view
from ledger.block import Header
from ledger.block_steps import check_protocol_known
from ledger.codec import Codec
from ledger.params import TIMESTAMP_DRIFT_MS
from ledger.records import RECORD_BYTES_MAX, ValidatorSet
from ledger.seen import SeenIds
from ledger.store import StoredHead
from ledger.types import Epoch, PublicKey, TimestampMs, View
from node.block_tree import BlockTree
from node.journal import Journal
from node.journal_folder import JournalFolder
from node.journal_format import FloorMark, KeptBlock
from node.ports import Clock, FinalStore
from node.recovery_checks import check_finality, check_reach, execute_kept, finality_words
from node.recovery_errors import JournalLost, JournalPutAside, StoreBehindJournal

UNPROVED_START: Final = (
    "this validator has no journal of epoch {}: it signs as soon as a quorum of the validators has "
    "given its word to hold no vote of its key"
)
"""Why a validator waits that need not wait for the next epoch (S10)."""

SET_CODEC: Final = Codec(ValidatorSet, RECORD_BYTES_MAX, "validator set")
"""Reads the sets that the store keeps."""

log = structlog.get_logger(__name__)


class EndOfEpoch(Protocol):
    """Where an epoch ended; `ledger.store` has them."""

    @property
    def epoch(self) -> Epoch:
        """The epoch."""

    @property
    def next_set(self) -> bytes:
        """Canonical `ValidatorSet` that the next epoch changed to; empty if the set stayed."""


class EpochStore(FinalStore, Protocol):
    """Durable final blocks, and where epochs ended."""

    def epoch_ends(self) -> Sequence[EndOfEpoch]:
        """Return all ends of epochs, oldest first."""


@dataclass(frozen=True, slots=True)
class OpenedJournal:
    """What a node may write, and whether it may sign, in one epoch."""

    journal: Journal | None = None
    """Where records go; None for a follower, and where there must be none (S10)."""
    silent_because: str = ""
    """Why a member of the set does not sign for now; empty if it does, and for others."""
    resumes_at: View | None = None
    """View of this epoch whose durable finality is a reason to open the journal again."""
    can_be_vouched: bool = False
    """Whether `EpochOpener.vouch` would let it sign."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs one epoch."""

    committee: Committee
    """The epoch's validators."""
    core: Core
    """Consensus; takes `started` first."""
    opened: OpenedJournal
    """Its journal, and why it does not sign if so."""
    started: Started
    """The core's first event."""
    rule_out: Callable[[], None]
    """Notes on disk that the key voted in this epoch, and that nobody here knows what (S10).

    Raises:
        OSError: it cannot.
    """

    @property
    def waits_for_word(self) -> bool:
        """Whether the node would sign if it were known that it never voted in this epoch."""
        return self.opened.can_be_vouched

    @property
    def knows_its_view(self) -> bool:
        """Whether the core's view and floor are where this node was before a restart."""
        is_fresh = not self.started.records and self.started.final.view == 0
        return is_fresh or self.core.is_started

    def remembered_votes(self) -> Iterator[Vote]:
        """Yield the votes of all members that were durable here when the epoch was opened."""
        if self.started.certificate:
            yield from votes_of(self.started.certificate)
        for record in self.started.records:
            match record:
                case VoteSeen(vote=vote):
                    yield vote
                case CertificateSeen(certificate=certificate):
                    yield from votes_of(certificate)


def load_final_view(store: FinalStore, buckets: int) -> ChainView:
    """Return the newest durable block with its state, checked against the header's state root.

    Args:
        store: initialised with the genesis block.
        buckets: size of the state tree, a genesis parameter.

    Raises:
        StateRootMismatch: the store is damaged.
    """
    head, records = store.load_records()
    return restored_view(
        tags=store.tags,
        header=head.header,
        records=records,
        seen=SeenIds(store.recent_ids(head.header.timestamp_ms)),
        epoch_start_ms=_boundary_of(store, head.header).header.timestamp_ms,
        buckets=buckets,
    )


def _boundary_of(store: FinalStore, header: Header) -> StoredHead:
    """Return the last block of the epoch before a header's, or block 0 (E3)."""
    found = store.epoch_end_before(header.epoch) or store.header_at(0)
    assert found is not None, "block 0 and the ends of epochs are never forgotten"
    return found


class EpochOpener:
    """Opens what runs the epoch of the next block."""

    def __init__(
        self,
        store: EpochStore,
        journals: JournalFolder | None,
        signer: Signer | None,
        genesis_set: ValidatorSet,
        clock: Clock,
        *,
        never_voted_in_epoch: Epoch | None = None,
        check: SignatureCheck = keys.verify,
    ) -> None:
        """Prepare.

        Args:
            store: durable final blocks.
            journals: folder of the key's journals; None for a follower.
            signer: the validator's key; None for a follower.
            genesis_set: the validators of the first epoch.
            clock: says how old this process, which has just started, is by then.
            never_voted_in_epoch: the operator's word that the key never voted in it (S10).
            check: how votes are verified; simulations pass a cheaper one.
        """
        assert (journals is None) == (signer is None)
        self._store = store
        self._journals = journals
        self._signer = signer
        self._genesis_set = genesis_set
        self._clock = clock
        self._started_ms = clock.wall_ms()
        self._started_monotonic_ms = clock.monotonic_ms()
        self._never_voted_in_epoch = never_voted_in_epoch
        self._check = check

    def open_journal(self, view: ChainView) -> OpenedJournal:
        """Return the journal of the epoch of a final view's child; touches the disk only.

        Raises:
            JournalError: the journal cannot be used; see the module.
        """
        members = [member.public_key for member in view.validators.members]
        if self._journals is None or self._signer is None:
            return OpenedJournal()
        if self._signer.public_key not in members:
            return OpenedJournal()  # Its vote counts for nothing in this epoch.
        epoch, is_alone = view.next_epoch, len(members) == 1
        known = self._journals.epochs()
        later = max(known, default=epoch)
        if later > epoch and (is_alone or epoch not in known):
            behind = StoreBehindJournal(f"blocks of epoch {later}")
            if is_alone:
                raise behind
            return OpenedJournal(silent_because=str(behind))
        if epoch in known:
            return self._open_known(epoch, view, is_alone=is_alone)
        if self._journals.was_put_aside(epoch):
            # Nobody's word makes up for votes that are known and forgotten.
            if is_alone:
                raise JournalPutAside(epoch)
            return OpenedJournal(silent_because=str(JournalPutAside(epoch)))
        if self._never_voted_in_epoch == epoch:
            return OpenedJournal(self._create_vouched(epoch, view.next_parent_view))
        if self._is_first_start(view, known, is_alone=is_alone):
            return OpenedJournal(self._journals.create(epoch))
        if is_alone:
            raise JournalLost(epoch)
        if self._is_new(epoch, self._signer.public_key):
            return OpenedJournal(silent_because=UNPROVED_START.format(epoch), can_be_vouched=True)
        return OpenedJournal(silent_because=str(JournalLost(epoch)))

    def open(
        self, tree: BlockTree, opened: OpenedJournal, verified: IsVerified, now_ms: int
    ) -> Engine:
        """Return the engine of the next block's epoch, with the journal's blocks executed.

        Args:
            tree: stands at the final view, which is the store's head.
            opened: what `open_journal` gave for that view.
            verified: see `ledger.IsVerified`.
            now_ms: monotonic time.

        Raises:
            JournalError: what the journal holds does not fit the store; see the module.
            ProtocolVersionUnknown: the epoch's rules are newer than this program (S13).
        """
        view, journal = tree.final_view, opened.journal
        check_protocol_known(view)
        committee = self._committee(view)
        final = BlockRef(view.next_parent_view, view.block_id)
        # What it holds is of use once the store has reached its floor.
        entries = journal.take_entries() if journal and opened.resumes_at is None else ()
        enders = execute_kept(tree, entries, final, verified)
        if journal:
            check_finality(tree, entries, final, committee)
        log.info("epoch_opened", epoch=committee.epoch, validators=committee.size)
        if opened.silent_because:
            report = log.info if opened.can_be_vouched else log.error
            report("not_signing", reason=opened.silent_because)
        return Engine(
            committee=committee,
            core=Core(committee, None if opened.silent_because else self._signer, _timing(view)),
            opened=opened,
            started=Started(
                now_ms=now_ms,
                final=final,
                certificate=self._head_certificate(final),
                records=tuple(e for e in entries if not isinstance(e, KeptBlock | FloorMark)),
                ends_epoch=enders,
            ),
            rule_out=partial(self.distrust, committee.epoch),
        )

    def vouch(self, epoch: Epoch) -> None:
        """Take it as known that this validator's key never voted in an epoch (S10)."""
        self._never_voted_in_epoch = epoch

    def distrust(self, epoch: Epoch) -> None:
        """Put the epoch's journal, closed by the caller, aside: it does not know all votes (E10).

        Neither a restart nor the next epoch then takes its presence, nor a quorum's word its
        absence, for proof that nothing is lost.
        """
        if self._journals:
            self._journals.put_aside(epoch)

    def forget_earlier_epochs(self, epoch: Epoch) -> None:
        """Remove the journals of earlier epochs, now that this one has a final block."""
        if self._journals:
            self._journals.remove_before(epoch)

    def close(self) -> None:
        """Release the folder's lock."""
        if self._journals:
            self._journals.close()

    def _committee(self, view: ChainView) -> Committee:
        members = tuple(member.public_key for member in view.validators.members)
        shift = 0
        if view.next_epoch > 0:
            boundary_id = view.block_id
            if not view.ends_epoch:
                boundary_id = _boundary_of(self._store, view.header).block_id
            shift = leader_shift(boundary_id, len(members))
        return Committee(view.tags, view.next_epoch, members, shift=shift, check=self._check)

    def _head_certificate(self, final: BlockRef) -> Certificate | None:
        head = self._store.head()
        assert head is not None
        if final.view == 0 or not head.certificate:
            return None
        return CERTIFICATE_CODEC.decode(head.certificate)

    def _open_known(self, epoch: Epoch, view: ChainView, *, is_alone: bool) -> OpenedJournal:
        assert self._journals is not None
        journal, head_view = self._journals.open(epoch), view.next_parent_view
        is_within = is_alone and not view.ends_epoch
        check_reach(journal, epoch, view.header.parent_view if is_within else head_view, head_view)
        if journal.torn:
            log.warning("journal_tail_cut", epoch=epoch, dropped_bytes=journal.torn.dropped_bytes)
        if journal.floor_mark <= head_view:
            return OpenedJournal(journal)
        behind = StoreBehindJournal(finality_words(epoch, journal.floor_mark))
        if is_alone:
            raise behind
        return OpenedJournal(journal, str(behind), resumes_at=journal.floor_mark)

    def _create_vouched(self, epoch: Epoch, head_view: View) -> Journal:
        assert self._journals is not None
        log.warning("signing_without_journal", epoch=epoch, view=head_view)
        return self._journals.create(epoch, floor=head_view)

    def _is_first_start(self, view: ChainView, known: set[Epoch], *, is_alone: bool) -> bool:
        """Return whether no journal of the next block's epoch can have been written before.

        At genesis of a lone validator; when the journal of the epoch before is here, so the folder
        was not lost; or when this process, the only one with the key, is older than the epoch.
        """
        if view.next_parent_view != 0:
            return False
        if view.header.height == 0:
            return is_alone
        return view.header.epoch in known or self._is_older_than(view.header.timestamp_ms)

    def _is_older_than(self, epoch_start_ms: TimestampMs) -> bool:
        """Return whether this process started before an epoch did.

        The wall clock may have been slow when it started, or be slow now. So the start is what the
        clock said then or, if later, what it says now less the time that has passed; and an epoch
        of the future proves a slow clock, not an old process.
        """
        now_ms = self._clock.wall_ms()
        age_ms = self._clock.monotonic_ms() - self._started_monotonic_ms
        started_ms = max(self._started_ms, now_ms - age_ms)
        return started_ms + TIMESTAMP_DRIFT_MS < epoch_start_ms <= now_ms + TIMESTAMP_DRIFT_MS

    def _is_new(self, epoch: Epoch, key: PublicKey) -> bool:
        """Return whether a member of an epoch was none in the one before; all are in the first."""
        if epoch == 0:
            return True
        before = self._genesis_set
        for end in self._store.epoch_ends():
            if end.next_set and end.epoch < epoch - 1:
                before = SET_CODEC.decode_trusted(end.next_set)
        return all(member.public_key != key for member in before.members)


def _timing(view: ChainView) -> Timing:
    return Timing(view.parameters.delta_ms, view.parameters.heartbeat_ms)
