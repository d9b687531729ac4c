"""What a checker says when a run shows what no run may show."""

from devnet.simulator.world import Interruption


class Objection(Interruption):
    """A run broke a rule that holds whatever the network and the machines do."""

    def __init__(self, checker: str, what: str) -> None:
        """State which checker objects, and to what."""
        super().__init__(f"{checker}: {what}")
        self.checker = checker
        self.what = what
