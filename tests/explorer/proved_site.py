"""The explorer and the proofs of a node over the chain of the proof vectors, on one address."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from explorer_web import ExplorerReads, build_explorer
from ledger.types import Hash
from node.explorer_part import ExplorerAnswers
from node.http.application import build_application
from node.http.proof_routes import proof_handlers
from node.metrics import NodeMetrics
from tests.explorer.serving import listening
from tests.node.proved_node import ProvedNode, StoryClock
from tests.vectors.proof_chain import tell


@dataclass(frozen=True)
class ProvedSite:
    """A site whose receipts can be proved."""

    url: str
    genesis_digest: str
    receipt: Hash
    """Of the last epoch, in a block that a later one's certificate covers."""
    other_receipt: Hash
    """Of the first epoch."""


@contextmanager
def proved_site(
    folder: Path, *, alter: Callable[[Path, ProvedNode], None] | None = None, behind: int = 0
) -> Iterator[ProvedSite]:
    """Serve it until the block ends.

    Args:
        folder: empty.
        alter: is given the index of the pages and the node; the chain stays as it is.
        behind: how many blocks the pages are behind the proofs.
    """
    story = tell()
    blocks = len(story.chain.blocks) - behind
    with ExitStack() as opened:
        node = opened.enter_context(closing(ProvedNode(folder / "chain", story)))
        shown = node
        if alter is not None or behind:
            shown = ProvedNode(folder / "pages", story, blocks=blocks)
            opened.enter_context(closing(shown))
        if alter is not None:
            alter(folder / "pages" / "index.db", shown)
        handlers = [
            *build_explorer(reads_of(shown)).handlers,
            *proof_handlers(node.chain, node.prover),
        ]
        with listening(build_application(handlers, None, NodeMetrics())) as url:
            yield ProvedSite(
                url=url,
                genesis_digest=story.chain.genesis.digest.hex(),
                receipt=node.receipt_at(story.second_receipt),
                other_receipt=node.receipt_at(story.first_receipt),
            )


def reads_of(node: ProvedNode) -> ExplorerReads:
    """Return what pages ask; of a whole node there is what they need."""
    parts = SimpleNamespace(
        chain=node.chain,
        pool=node.chain.pool,
        store=node.store,
        prover=node.prover,
        index_process=SimpleNamespace(fault=""),
        network=None,
        watch=SimpleNamespace(report=lambda: SimpleNamespace(validators=())),
    )
    now_ms = node.chain.tree.final_view.header.timestamp_ms
    answers = ExplorerAnswers(cast("Any", parts), cast("Any", StoryClock(now_ms)))
    return ExplorerReads(node.index, answers)
