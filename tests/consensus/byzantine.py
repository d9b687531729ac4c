"""A member that says everything: whatever it hears, it signs votes that contradict each other."""

import hashlib

from consensus import BlockRef, Certificate, Finalize, Notarize, Nullify, Vote
from tests.consensus.small_network import Network
from tests.consensus.sound_fakes import BOUNDARY, Block, vote_of


class Liar:
    """Takes the place of one node. Sends different members different things, at random."""

    def __init__(self, network: Network, number: int) -> None:
        self.network = network
        self.number = number
        self.spoken: set[int] = set()
        self.parents = [BOUNDARY]
        network.byzantine.add(number)
        network.on_message = self.hear

    def hear(self, member: int, message: Vote | Certificate, block: Block | None) -> None:
        view = message.statement.view
        if block is not None:
            self.network.later(1, self.vote_for, block)
        if isinstance(message, Certificate):
            view += 1
            if isinstance(message.statement, Notarize):
                ref = BlockRef(message.statement.view, message.statement.block_id)
                self.parents = [*self.parents[-3:], ref]
        if self.network.committee.leader(view) == self.number and view not in self.spoken:
            self.spoken.add(view)
            self.propose_two(view)
        elif self.network.random.random() < 0.2:
            self.tell_some(Nullify(0, view), None)

    def propose_two(self, view: int) -> None:
        """Equivocate, on parents that may be long overtaken."""
        known = self.network.nodes[self.number].blocks
        for branch in ("a", "b"):
            parent = self.network.random.choice([p for p in self.parents if p.view < view])
            data = f"{view}{branch}{parent.block_id.hex()}".encode()
            height = 1 + (known[parent.block_id].height if parent.block_id in known else 0)
            block = Block(hashlib.sha256(data).digest(), view, parent, height)
            known[block.block_id] = block
            self.tell_some(Notarize(0, view, parent.view, block.block_id), block)

    def vote_for(self, block: Block) -> None:
        """Support any proposal, finalize it early, and sometimes deny it as well."""
        self.network.nodes[self.number].blocks[block.block_id] = block
        proposal = Notarize(0, block.view, block.parent.view, block.block_id)
        final = Finalize(0, block.view, block.parent.view, block.block_id)
        for statement in (proposal, final, Nullify(0, block.view)):
            if self.network.random.random() < 0.6:
                self.tell_some(statement, None)

    def tell_some(self, statement: Notarize | Nullify | Finalize, block: Block | None) -> None:
        me = self.network.nodes[self.number]
        for peer in self.network.honest():
            if self.network.random.random() < 0.6:
                self.network.send(me, peer.number, vote_of(self.number, statement), block)
