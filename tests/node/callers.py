"""A peer for tests that only look at what it is sent."""

from dataclasses import dataclass, field

from ledger.types import PublicKey
from node.p2p import Message, Role


@dataclass(eq=False)
class Caller:
    """A peer that remembers what it was sent."""

    key: PublicKey
    role: Role = Role.VALIDATOR
    is_outbound: bool = True
    address: str = "memory:1"
    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> bool:
        self.sent.append(message)
        return True
