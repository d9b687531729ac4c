"""Errors about leases."""

from coordinator.errors import Conflict


class MinerDraining(Conflict):
    """The miner asked for no further jobs."""

    code = "MINER_DRAINING"
