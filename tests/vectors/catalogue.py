"""Which vector files there are, and what each must contain."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.vectors import council, identities, malformed, peers, proofs, trees, votes, wire
from tests.vectors.world import Json

FOLDER: Final = Path(__file__).parent

FILES: Final[dict[str, Callable[[], Json]]] = {
    "chain.json": identities.chain,
    "addresses.json": identities.addresses,
    "public_keys.json": identities.public_keys,
    "signatures.json": identities.signatures,
    "transactions.json": wire.transactions,
    "digests.json": wire.digests,
    "blocks.json": wire.blocks,
    "outcomes.json": wire.outcomes,
    "records.json": wire.records,
    "evidence.json": council.evidence,
    "votes.json": votes.votes,
    "peers.json": peers.peers,
    "malformed.json": malformed.malformed,
    "merkle_trees.json": trees.merkle_trees,
    "state_trees.json": trees.state_trees,
    "proofs.json": proofs.proofs,
}
"""File name and the function that makes its content."""


def contents(name: str) -> str:
    """Return the text that a vector file must have."""
    return json.dumps(FILES[name](), indent=1, ensure_ascii=True, sort_keys=False) + "\n"


def changed_files() -> list[str]:
    """Return the names of the files that are missing or differ from what the ledger gives."""
    return [name for name in FILES if not _is_current(name)]


def _is_current(name: str) -> bool:
    path = FOLDER / name
    return path.exists() and path.read_text(encoding="utf-8") == contents(name)
