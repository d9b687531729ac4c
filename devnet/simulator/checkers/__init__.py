"""What no run may show, judged with no function of the program that is judged."""

from devnet.simulator.checkers.checkers import Checkers
from devnet.simulator.checkers.liveness import liveness_bound_ms
from devnet.simulator.checkers.objection import Objection

__all__ = ["Checkers", "Objection", "liveness_bound_ms"]
