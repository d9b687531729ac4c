"""Delivers finished work until it is acknowledged or refused for good (J8, J30)."""

import threading
from collections.abc import Sequence
from enum import Enum
from typing import Final

from aitbc import (
    AitbcError,
    ApiError,
    Client,
    ConnectionFailed,
    InvalidValue,
    action_array,
    read_transaction,
)
from aitbc.transactions import ReadTransaction
from miner.log import Log
from miner.node_api import NodeApi
from miner.signing import Signer
from miner.spool import Spool, SpoolEntry

RETRY_FIRST_S: Final = 0.5
RETRY_MAX_S: Final = 15.0
NODES_PER_RECEIPT: Final = 2
"""Nodes that a receipt is sent to before its result (J8)."""

KEEP_MS: Final = 86_400_000
"""How long after its job's deadline an entry is kept: a receipt's grace is far shorter (J11)."""

_FINAL_STATUSES: Final = frozenset({400, 403, 404, 409, 410, 413, 422})
"""Refusals that repetition does not change."""

_OUT_OF_TIME: Final = "/transaction/valid_until_ms"
"""Pointer of the one fault that signing anew mends."""

_UNAVAILABLE: Final = 503
_STANDING: Final = frozenset({"pooled", "included", "final"})


class Delivered(Enum):
    """What became of an entry."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    LATER = "later"
    UNREACHABLE = "unreachable"


class Courier:
    """Sends what is in the spool."""

    def __init__(
        self, api: NodeApi, nodes: Sequence[Client], spool: Spool, signer: Signer, log: Log
    ) -> None:
        """Deliver to `api`; receipts go to the chain at `nodes` too."""
        self._api = api
        self._nodes = nodes[:NODES_PER_RECEIPT]
        self._spool = spool
        self._signer = signer
        self._log = log

    def deliver_spooled(self, stopping: threading.Event) -> None:
        """Deliver what earlier tries left, in turn, while the node answers."""
        for entry in self._spool.entries():
            if stopping.is_set():
                return
            self._log.info("resumes delivery", job_id=entry.job_id, attempt=entry.attempt)
            self.deliver(entry, stopping)

    def deliver(self, entry: SpoolEntry, stopping: threading.Event) -> Delivered:
        """Deliver an entry that was added to the spool.

        While nobody answers it is tried again: there is no other work then. An entry that the node
        fails on stays in the spool for later.
        """
        pause_s = RETRY_FIRST_S
        while True:
            outcome = self._try(entry)
            if outcome in {Delivered.ACKNOWLEDGED, Delivered.REFUSED}:
                self._spool.remove(entry)
            if outcome is not Delivered.UNREACHABLE or stopping.wait(pause_s):
                return outcome
            pause_s = min(RETRY_MAX_S, pause_s * 2)

    def _try(self, entry: SpoolEntry) -> Delivered:
        log = self._log.bind(job_id=entry.job_id, attempt=entry.attempt)
        try:
            current = self._in_time(entry, log)
            if current is None:
                return Delivered.REFUSED
            self._send_receipt(current, log)
            receipt = self._api.complete(current.job_id, current.body)
        except ApiError as error:
            log.warning("delivery failed", code=error.error_code, detail=error.detail)
            return _outcome_of(error)
        except AitbcError as error:
            log.warning("delivery failed", error=error)
            return _outcome_of(error)
        log.info("receipt final", receipt_id=receipt.get("receipt_id"), price=receipt.get("price"))
        return Delivered.ACKNOWLEDGED

    def _in_time(self, entry: SpoolEntry, log: Log) -> SpoolEntry | None:
        """Return the entry with a receipt that can still be included, None if it is too late."""
        now_ms = self._signer.clock.read_ms()
        if now_ms < entry.valid_until_ms:
            return entry
        if now_ms > entry.deadline_ms + KEEP_MS:
            log.warning("too late to be paid", deadline_ms=entry.deadline_ms)
            return None
        receipt = self._read(entry)
        if self._is_standing(receipt.transaction_id):
            return entry
        # A final block is later than the validity and does not hold the receipt (J30).
        signed = self._signer.sign(action_array(receipt.action, **receipt.fields))
        renewed = entry.with_receipt(signed.signed.hex(), signed.valid_until_ms)
        try:
            self._spool.add(renewed)
        except OSError as error:
            # What was there can never be included: to wait for room would lose the pay.
            log.warning("could not keep finished work on disk", error=error)
        log.info("receipt signed anew", valid_until_ms=signed.valid_until_ms)
        return renewed

    def _read(self, entry: SpoolEntry) -> ReadTransaction:
        return read_transaction(self._signer.tags, bytes.fromhex(entry.transaction))

    def _is_standing(self, transaction_id: bytes) -> bool:
        try:
            answer = self._api.client.get_transaction(transaction_id.hex())
        except ApiError as error:
            if error.error_code == "TRANSACTION_NOT_FOUND":
                return False
            raise
        return answer["status"] in _STANDING

    def _send_receipt(self, entry: SpoolEntry, log: Log) -> None:
        """Send the receipt to the chain itself, so that no coordinator can hold it back (J8)."""
        for node in self._nodes:
            try:
                answer = node.send_transaction(bytes.fromhex(entry.transaction))
            except AitbcError as error:
                log.warning("receipt not sent", node=node.http.base_url, error=error)
                continue
            if answer.get("status") == "rejected":
                log.warning("receipt rejected", code=answer.get("code"), node=node.http.base_url)


def _outcome_of(error: AitbcError) -> Delivered:
    if isinstance(error, ConnectionFailed):
        return Delivered.UNREACHABLE
    if isinstance(error, InvalidValue):
        return Delivered.REFUSED  # The entry belongs to another chain.
    if not isinstance(error, ApiError) or _OUT_OF_TIME in error.pointers:
        return Delivered.LATER
    if error.status == _UNAVAILABLE:
        return Delivered.UNREACHABLE
    # An answer without a code of this API comes from something on the way.
    is_final = error.status in _FINAL_STATUSES and not error.error_code.startswith("HTTP_")
    return Delivered.REFUSED if is_final else Delivered.LATER
