"""What the tests of the light client stand on: a chain, nodes that prove it, a clock."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from aitbc.light import FaultKind, LightClient, NodeFault
from aitbc.proofs import GenesisFacts
from tests.sdk.proving_nodes import ProvingNode
from tests.sdk.scripted_server import ScriptedServer, serving
from tests.vectors.proof_chain import ProofChain, Story


@dataclass
class World:
    """A chain, the genesis that is trusted, and nodes."""

    story: Story
    genesis: GenesisFacts
    receipts: dict[str, int]
    stack: ExitStack

    @property
    def chain(self) -> ProofChain:
        return self.story.chain

    @property
    def tip(self) -> int:
        return len(self.chain.blocks) - 1

    def time_s(self, at: int) -> float:
        return self.chain.blocks[at].header.timestamp_ms / 1_000

    def node(self, tip: int | None = None, chain: ProofChain | None = None) -> ProvingNode:
        height = self.tip if tip is None else tip
        return ProvingNode(chain or self.chain, height, receipts=self.receipts)

    def serve(self, *nodes: ProvingNode) -> list[ScriptedServer]:
        return [self.stack.enter_context(serving(node)) for node in nodes]

    def light(self, *urls: str, timeout_s: float = 60.0, **options: Any) -> LightClient:
        """Return a light client whose clock is a second after the newest block."""
        now_s = self.time_s(self.tip) + 1.0
        client = LightClient(
            self.genesis, urls, clock=lambda: now_s, timeout_s=timeout_s, **options
        )
        return self.stack.enter_context(client)


def kinds(faults: tuple[NodeFault, ...]) -> list[FaultKind]:
    return [fault.kind for fault in faults]
