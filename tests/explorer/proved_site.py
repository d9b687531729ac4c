"""The explorer and the proofs of a node over the chain of the proof vectors, on one address."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from explorer_web import ExplorerReads, explorer_handlers
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
def proved_site(folder: Path) -> Iterator[ProvedSite]:
    """Serve it until the block ends."""
    story = tell()
    with closing(ProvedNode(folder, story)) as node:
        handlers = [*explorer_handlers(reads_of(node)), *proof_handlers(node.chain, node.prover)]
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
        index_process=SimpleNamespace(fault=""),
        network=None,
        watch=SimpleNamespace(report=lambda: SimpleNamespace(validators=())),
    )
    now_ms = node.chain.tree.final_view.header.timestamp_ms
    answers = ExplorerAnswers(cast("Any", parts), cast("Any", StoryClock(now_ms)))
    return ExplorerReads(node.index, answers)
