"""Errors about transfers."""

from coordinator.errors import Conflict, NotFound


class TransferNotFound(NotFound):
    """No such transfer of this client."""

    code = "TRANSFER_NOT_FOUND"
    text = "Transfer not found"


class MinerKeepsItsKey(Conflict):
    """The miner's account belongs to a key that is not kept here: only its holder can send."""

    code = "MINER_KEEPS_ITS_KEY"
