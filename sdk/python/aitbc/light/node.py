"""One node of several: asked for proofs, believed in nothing, and named when it fails."""

import time
from collections.abc import Callable
from typing import Final

from aitbc.calls.proofs import document
from aitbc.client import Client
from aitbc.errors import ApiError, ConnectionFailed
from aitbc.exchange import RetryPolicy
from aitbc.light.faults import FaultKind, NodeFault
from aitbc.proofs import CheckedProof

ONCE: Final = RetryPolicy(attempts=1)
"""A node that fails is not asked again: there are others."""

TOO_LONG: Final = "PROOF_TOO_LONG"
"""Code of a node whose bundle would have more changes of the set than one may have."""

NO_STAGE: Final = frozenset({TOO_LONG, "EPOCH_NOT_FOUND", "PROOF_PRUNED"})
"""Codes of a node that proves another epoch's set, maybe, but not this one's."""

Check = Callable[[bytes], CheckedProof]
"""Checks a bundle."""


class Failed(Exception):
    """A node was of no use this time."""

    def __init__(self, fault: NodeFault, code: str = "", reachable: int | None = None) -> None:
        """Carry what is held against it, and what it said itself.

        Args:
            fault: what is held against it.
            code: of the error that it answered with.
            reachable: last epoch that one bundle leads to, where it says so.
        """
        super().__init__(str(fault))
        self.fault = fault
        self.code = code
        self.reachable = reachable


class ProvingNode:
    """A node that is asked for bundles."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Remember where it is; opens no connection yet.

        Raises:
            InvalidValue: the address is none.
        """
        self.url = url
        self._timeout_s = timeout_s
        self._client = Client(url, timeout_s=timeout_s, retry=ONCE)

    def close(self) -> None:
        """Close open connections."""
        self._client.close()

    def proof(
        self,
        check: Check,
        kind: str,
        *reference: str,
        since: int | None,
        epoch: int | None = None,
    ) -> CheckedProof:
        """Return a bundle that holds.

        Args:
            check: how it is checked.
            kind: what it has to prove.
            reference: what of.
            since: epoch whose set is known.
            epoch: for validators, whose.

        Raises:
            Failed: there is none, or it does not hold.
        """
        begun = time.monotonic()
        try:
            session = self._client.http.session
            asked = document(session, kind, *reference, since=since, epoch=epoch)
            bundle = self._client.http.run(asked)
        except ConnectionFailed as error:
            # Of a node that took the question and all of the time it is said that it stalls.
            took_all = time.monotonic() - begun > self._timeout_s * 0.9
            kind_of = FaultKind.STALLS if took_all else FaultKind.UNREACHABLE
            raise self.failed(kind_of, str(error)) from None
        except ApiError as error:
            if error.status == 200:
                raise self.failed(FaultKind.LIES, error.detail) from None
            detail = f"{error.error_code}: {error.detail}"
            fault = NodeFault(self.url, FaultKind.REFUSES, detail)
            raise Failed(fault, error.error_code, error.reachable_epoch) from None
        checked = check(bundle)
        wrong = checked.failed
        if wrong is not None:
            detail = f"its proof fails at the step {wrong.name}: {wrong.code}: {wrong.detail}"
            raise self.failed(FaultKind.LIES, detail)
        if checked.kind != kind:
            raise self.failed(FaultKind.LIES, f"it proves {checked.kind}, asked for {kind}")
        return checked

    def failed(self, kind: FaultKind, detail: str) -> Failed:
        """Return the exception that names this node."""
        return Failed(NodeFault(self.url, kind, detail))
