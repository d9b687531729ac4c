"""One turn of the driver: what a few events lead to, before anything of it is done."""

from collections import deque
from dataclasses import dataclass, field

from consensus import (
    Broadcast,
    BroadcastProposal,
    Certify,
    Commit,
    Core,
    Effect,
    Event,
    Persist,
    Send,
    Verify,
)
from node.application import Application
from node.block_tree import BlockTree
from node.journal_format import Entry, KeptBlock


@dataclass(slots=True)
class Turn:
    """Collects what the events of one turn persist, and what can be done once that is durable."""

    entries: list[Entry] = field(default_factory=list)
    """For the journal, in order."""
    visible: list[Effect] = field(default_factory=list)
    """Everything else that the core wants done, in order."""

    @property
    def shows(self) -> bool:
        """Whether anything of it can be seen from outside this process."""
        kinds = Broadcast | BroadcastProposal | Send | Commit
        return any(isinstance(effect, kinds) for effect in self.visible)

    async def feed(
        self, event: Event, core: Core, application: Application, tree: BlockTree
    ) -> None:
        """Have the core handle an event, and answer its questions about blocks before another."""
        events = deque([event])
        while events:
            for effect in core.handle(events.popleft()):
                match effect:
                    case Persist():
                        self.entries += _entries_of(effect, tree)
                    case Verify():
                        events.append(await application.verify(effect))
                    case Certify():
                        events.append(await application.certify(effect))
                    case _:
                        self.visible.append(effect)


def _entries_of(persist: Persist, tree: BlockTree) -> list[Entry]:
    entries: list[Entry] = []
    for ref in persist.blocks:
        block = tree.get(ref.block_id)
        assert block is not None, "a block that is vouched for is in the tree"
        entries.append(KeptBlock(ref.view, ref.block_id, block.data))
    return [*entries, *persist.records]
