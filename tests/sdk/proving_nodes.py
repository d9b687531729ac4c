"""Nodes for light clients: they serve proofs of a chain that the ledger made, honestly or not."""

import json
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ledger.codec import encode
from ledger.keys import parse_address
from ledger.proofs import account_bundle, account_part, receipt_bundle, validators_bundle
from tests.sdk.scripted_server import Asked, Reply, Script
from tests.vectors.proof_chain import ProofChain

Lie = Callable[[dict[str, Any]], object]
"""Changes a bundle before it is served."""


@dataclass
class ProvingNode:
    """Answers questions for proofs from a chain, whose newest block for it is `tip`."""

    chain: ProofChain
    tip: int
    """Height of its newest final block."""
    receipts: Mapping[str, int] = field(default_factory=dict)
    """Heights of receipts by id."""
    lie: Lie | None = None
    """How it lies, if it does."""
    reply: Reply | None = None
    """What it answers instead, if anything."""
    keeps_since: bool = True
    """Whether it starts where it is asked to."""
    boundaries_max: int = 1_024
    """How many changes of the set it puts into one bundle."""
    says_reach: bool = True
    """Whether it says how far a bundle leads, if that is not far enough."""

    def __call__(self, asked: Asked) -> Reply:
        if self.reply is not None:
            return self.reply
        parts = urlsplit(asked.path)
        kind, *reference = parts.path.removeprefix("/v1/proofs/").split("/")
        told = parse_qs(parts.query).get("since")
        since = int(told[0]) if told and self.keeps_since else None
        if since is not None and since > self.epoch:
            since = None
        stage = parse_qs(parts.query).get("epoch")
        if stage is not None and int(stage[0]) > self.epoch:
            return Reply(404, {"error_code": "EPOCH_NOT_FOUND", "detail": "it has not ended"})
        document = (
            self._document(kind, reference, since)
            if stage is None
            else self._end_of(int(stage[0]), since)
        )
        if document is None:
            return Reply(404, {"error_code": "PROOF_NOT_FOUND", "detail": "not known here"})
        if len(json.loads(document)["boundaries"]) > self.boundaries_max:
            error = {"error_code": "PROOF_TOO_LONG", "detail": "walk it in stages"}
            return Reply(400, error | self.said(since))
        if self.lie is None:
            return Reply(200, document)
        bundle = json.loads(document)
        self.lie(bundle)
        return Reply(200, bundle)

    @property
    def epoch(self) -> int:
        """The epoch of its newest block."""
        return self.chain.blocks[self.tip].header.epoch

    def said(self, since: int | None) -> dict[str, int]:
        """Return what it says of how far a bundle leads: every epoch changes the set here."""
        return {"reachable_epoch": (since or 0) + self.boundaries_max} if self.says_reach else {}

    def _end_of(self, epoch: int, since: int | None) -> bytes:
        """Return the proof of an epoch's set, by its last block."""
        at = self.tip if epoch == self.epoch else self.chain.ends()[epoch]
        return validators_bundle(self.chain.base(at, since=since))

    def _document(self, kind: str, reference: list[str], since: int | None) -> bytes | None:
        chain = self.chain
        if kind == "validators":
            return validators_bundle(chain.base(self.tip, since=since))
        if kind == "account":
            part = account_part(chain.blocks[self.tip].view.state, parse_address(reference[0]))
            return account_bundle(chain.base(self.tip, since=since), part)
        at = self.receipts.get(reference[0], self.tip + 1)
        if at > self.tip:
            return None
        block = chain.blocks[at]
        last = len(block.body) - 1
        # The block is older than the set that the reader knows: from the genesis then.
        base = chain.base(at)
        return receipt_bundle(base, encode(block.body[last]), block.leaves(chain.tags), last)


def lying_proxy(url: str, lie: Lie) -> Script:
    """Return a node that asks a real one, and changes what that proves."""

    def script(asked: Asked) -> Reply:
        with urllib.request.urlopen(f"{url}{asked.path}") as answer:
            bundle = json.load(answer)
        lie(bundle)
        return Reply(200, bundle)

    return script
