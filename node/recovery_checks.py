"""What a journal holds, compared with the store that it continues."""

import structlog

from consensus import BlockRef, CertificateSeen, Committee, Finalize, Verdict
from ledger import IsVerified
from ledger.steps import at_once
from ledger.types import Epoch, Hash, View
from node.block_tree import BlockTree
from node.journal import Journal
from node.journal_format import Entry, KeptBlock
from node.recovery_errors import JournalBehindStore, KeptBlockWrong, StoreBehindJournal

log = structlog.get_logger(__name__)


def finality_words(epoch: Epoch, view: View) -> str:
    """Return what a journal knows, in words."""
    return f"finality up to view {view} of epoch {epoch}"


def _finalizations(entries: tuple[Entry, ...]) -> list[Finalize]:
    """Return what the journal holds finalizations of, oldest first."""
    return [
        entry.certificate.statement
        for entry in entries
        if isinstance(entry, CertificateSeen) and isinstance(entry.certificate.statement, Finalize)
    ]


def check_reach(journal: Journal, epoch: Epoch, needed: View, head_view: View) -> None:
    """Compare what journal and store say is final.

    Args:
        journal: of the epoch.
        epoch: its number.
        needed: what the journal must know to be final. The view of the store's head; of a lone
            validator, whose journal and store are written side by side, that of the head's parent.
            A crash between the two syncs loses the votes of the head's view, which nobody was
            sent. The head is final and ends that view, so they are not cast again.
        head_view: view of the store's head.

    Raises:
        JournalBehindStore: it is an older copy, and later votes may be missing from it.
    """
    views = [final.view for final in _finalizations(journal.entries)]
    reach = max(journal.floor_mark, *views, 0)
    if reach < needed:
        raise JournalBehindStore(epoch, reach, head_view)


def execute_kept(
    tree: BlockTree, entries: tuple[Entry, ...], final: BlockRef, verified: IsVerified
) -> frozenset[Hash]:
    """Execute the journal's blocks above the final one; return those that end the epoch."""
    enders = set()
    for entry in entries:
        if not isinstance(entry, KeptBlock) or entry.view <= final.view:
            continue
        if tree.offer(entry.data) != entry.block_id:
            raise KeptBlockWrong(entry.view, "its bytes are another block's")
        judgement = at_once(tree.certify(BlockRef(entry.view, entry.block_id), verified))
        if judgement.verdict is Verdict.INVALID:
            raise KeptBlockWrong(entry.view, "it was valid when it was kept, and is not now")
        if judgement.verdict is Verdict.UNKNOWN:
            log.info("kept_block_abandoned", view=entry.view, block_id=entry.block_id.hex())
        if judgement.ends_epoch:
            enders.add(entry.block_id)
    return frozenset(enders)


def check_finality(
    tree: BlockTree, entries: tuple[Entry, ...], final: BlockRef, committee: Committee
) -> None:
    """A lone validator must hold what it made final; others can ask their peers."""
    newest = _finalizations(entries)[-1:]
    for finalized in newest:
        is_above = finalized.view > final.view
        if committee.size == 1 and is_above and tree.view_of(finalized.block_id) is None:
            raise StoreBehindJournal(finality_words(committee.epoch, finalized.view))
