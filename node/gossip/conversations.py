"""What was offered to a peer, and what was asked of any: so that no question is answered twice."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from node.gossip.budgets import PeerBudget

OFFERED_MAX: Final = 8_192
"""References offered to one peer that it can still ask for."""

ASKED_MAX: Final = 20_000
"""References that were asked for lately."""

ASKED_SECONDS: Final = 2.0
"""How long an answer is waited for before somebody else is asked."""


class Conversation:
    """With one peer."""

    __slots__ = ("_offered", "budget")

    def __init__(self) -> None:
        """Begin with nothing said."""
        self.budget = PeerBudget()
        """What its transactions may cost."""
        self._offered: OrderedDict[bytes, None] = OrderedDict()

    def offer(self, references: Iterable[bytes]) -> None:
        """Note that these are offered to the peer now."""
        for reference in references:
            self._offered[reference] = None
            self._offered.move_to_end(reference)
        while len(self._offered) > OFFERED_MAX:
            self._offered.popitem(last=False)

    def redeem(self, reference: bytes) -> bool:
        """Return whether the peer may have what it asks for; an offer is good for once."""
        if reference not in self._offered:
            return False
        del self._offered[reference]
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
