"""Byzantine strategies by name."""

from devnet.simulator.conduct import Conduct

STRATEGIES: dict[str, type[Conduct]] = {}
