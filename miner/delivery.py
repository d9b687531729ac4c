"""Delivers finished work until it is acknowledged or refused for good (J8, J30)."""

import threading
from collections.abc import Sequence
from enum import Enum

from aitbc import AitbcError, ApiError, Client
from miner.log import Log
from miner.node_api import NodeApi
from miner.spool import Spool, SpoolEntry

RETRY_FIRST_S = 0.5
RETRY_MAX_S = 15.0
NODES_PER_RECEIPT = 2
"""Nodes that a receipt is sent to before its result (J8)."""

_FINAL_STATUSES = frozenset({400, 403, 404, 409, 410, 413, 422})
"""Refusals that repetition does not change."""


class Delivered(Enum):
    """What became of an entry."""

    PAID = "paid"
    REFUSED = "refused"
    LATER = "later"


class Courier:
    """Sends spool entries in the background of the miner's work."""

    def __init__(self, api: NodeApi, nodes: Sequence[Client], spool: Spool, log: Log) -> None:
        """Deliver to `api`; receipts go to the chain at `nodes` too."""
        self._api = api
        self._nodes = nodes[:NODES_PER_RECEIPT]
        self._spool = spool
        self._log = log

    def deliver_all(self, stopping: threading.Event) -> None:
        """Deliver what an earlier run left, until done or told to stop."""
        for entry in self._spool.entries():
            self._log.info("resumes delivery", job_id=entry.job_id, attempt=entry.attempt)
            self.deliver(entry, stopping)

    def deliver(self, entry: SpoolEntry, stopping: threading.Event) -> Delivered:
        """Deliver an entry that is in the spool, repeating while nobody answers."""
        pause_s = RETRY_FIRST_S
        while True:
            outcome = self._try(entry)
            if outcome is not Delivered.LATER:
                self._spool.remove(entry)
                return outcome
            if stopping.wait(pause_s):
                return outcome
            pause_s = min(RETRY_MAX_S, pause_s * 2)

    def _try(self, entry: SpoolEntry) -> Delivered:
        log = self._log.bind(job_id=entry.job_id, attempt=entry.attempt)
        self._send_receipt(entry, log)
        try:
            receipt = self._api.complete(entry.job_id, entry.body)
        except ApiError as error:
            if error.status in _FINAL_STATUSES:
                log.warning("result refused", code=error.error_code, detail=error.detail)
                return Delivered.REFUSED
            log.warning("delivery failed", code=error.error_code, detail=error.detail)
            return Delivered.LATER
        except AitbcError as error:
            log.warning("delivery failed", error=str(error))
            return Delivered.LATER
        log.info("receipt final", receipt_id=receipt.get("receipt_id"), price=receipt.get("price"))
        return Delivered.PAID

    def _send_receipt(self, entry: SpoolEntry, log: Log) -> None:
        """Send the receipt to the chain itself, so that no coordinator can hold it back (J8)."""
        for node in self._nodes:
            try:
                answer = node.send_transaction(bytes.fromhex(entry.transaction))
            except AitbcError as error:
                log.warning("receipt not sent", node=node.http.base_url, error=str(error))
                continue
            if answer.get("status") == "rejected":
                log.warning("receipt rejected", code=answer.get("code"), node=node.http.base_url)
