"""What was announced to a peer, and what was asked of any, so that nothing is answered twice."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from node.gossip.budgets import PeerBudget

ANNOUNCED_MAX: Final = 8_192
"""References announced to one peer that it can still ask for."""

ASKED_MAX: Final = 20_000
"""References that were asked for lately."""

ASKED_SECONDS: Final = 2.0
"""How long an answer is waited for before somebody else is asked."""


class Conversation:
    """With one peer."""

    __slots__ = ("_announced", "budget")

    def __init__(self, budget: PeerBudget) -> None:
        """Begin with nothing said."""
        self.budget = budget
        """What its transactions may cost."""
        self._announced: OrderedDict[bytes, None] = OrderedDict()

    def announce(self, references: Iterable[bytes]) -> None:
        """Note that these are announced to the peer now."""
        for reference in references:
            self._announced[reference] = None
            self._announced.move_to_end(reference)
        while len(self._announced) > ANNOUNCED_MAX:
            self._announced.popitem(last=False)

    def redeem(self, reference: bytes) -> bool:
        """Return whether the peer may have what it asks for; an announcement is good for once."""
        if reference not in self._announced:
            return False
        del self._announced[reference]
        return True


class Questions:
    """Which references were asked for lately, whomever."""

    def __init__(self) -> None:
        self._asked: OrderedDict[bytes, float] = OrderedDict()

    def ask(self, reference: bytes, now: float) -> bool:
        """Return whether to ask now, and note it; False while an answer may still come."""
        while self._asked:
            first = next(iter(self._asked))
            if self._asked[first] > now and len(self._asked) < ASKED_MAX:
                break
            del self._asked[first]
        if reference in self._asked:
            return False
        self._asked[reference] = now + ASKED_SECONDS
        return True
