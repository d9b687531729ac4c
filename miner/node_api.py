"""The miner protocol: what a miner asks of a node, typed where the answers are used.

The answers are a stranger's words: each field that money depends on is checked here, and against
the chain's own terms before work starts (K4).
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aitbc import ApiError, ChainTags, Client, parse_address
from aitbc.errors import InvalidValue

CLAIM_TIMEOUT_S = 30.0
COMPLETE_TIMEOUT_S = 60.0
_POLL_MARGIN_S = 10.0


@dataclass(frozen=True)
class Challenge:
    """What a registration needs to know of the chain and the coordinator."""

    tags: ChainTags
    """Tags of the chain."""
    coordinator: bytes
    """Coordinator's address, the counterpart of the challenge."""
    nonce: bytes
    """The coordinator's random 32 bytes."""
    expires_at_ms: int
    """When the challenge ends."""
    chain_time_ms: int
    """Time of the newest final block (J26)."""
    fee_base: int
    """Nait per transaction."""
    fee_per_byte: int
    """Nait per byte."""
    bond_min: int
    """Least bond in nait."""
    horizon_ms: int
    """Furthest `valid_until_ms` ahead of block time."""


@dataclass(frozen=True)
class Lease:
    """One attempt at a job, with the terms that the assignment fixed on the chain."""

    job_id: str
    """Wire id, ``job_…``."""
    attempt: int
    """Fencing token (J9)."""
    service: str
    """Service that is asked for."""
    model: str
    """Model that is asked for."""
    input: Mapping[str, Any]
    """Input of the job."""
    params: Mapping[str, Any]
    """Parameters of the job."""
    payload: bytes
    """Bytes whose blinded digest the chain holds."""
    blind: bytes
    """The blind (J20)."""
    heartbeat_interval_s: float
    """How often to send a heartbeat."""
    client: bytes
    """Client's address."""
    coordinator: bytes
    """Coordinator's address."""
    payload_digest: bytes
    """Digest that the chain holds."""
    price_cap: int
    """Most nait that the receipt may claim (J1)."""
    unit_type: str
    """What `unit_price` counts, ``none`` if the price is not by unit."""
    unit_price: int
    """Nait per whole unit."""

    @property
    def job_digest(self) -> bytes:
        """The job's 32-byte id on the chain (J27)."""
        return bytes.fromhex(self.job_id.removeprefix("job_"))


class NodeApi:
    """The miner's calls to one node."""

    def __init__(self, client: Client, miner_id: str) -> None:
        """Speak for the miner named `miner_id`."""
        self.client = client
        self.miner_id = miner_id

    def challenge(self, public_key: bytes) -> Challenge:
        """Ask for a registration challenge for a key."""
        path = f"/v1/miners/challenge?public_key={public_key.hex()}"
        answer = self._call("GET", path)
        try:
            parameters = answer["parameters"]
            return Challenge(
                tags=ChainTags(answer["chain_id"], bytes.fromhex(answer["genesis_digest"])),
                coordinator=parse_address(answer["coordinator"]),
                nonce=bytes.fromhex(answer["nonce"]),
                expires_at_ms=int(answer["expires_at_ms"]),
                chain_time_ms=int(answer["chain_time_ms"]),
                fee_base=int(parameters["fee_base"]),
                fee_per_byte=int(parameters["fee_per_byte"]),
                bond_min=int(parameters["miner_bond_min"]),
                horizon_ms=int(parameters["horizon_ms"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _unexpected("challenge", error) from None

    def register(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Register, or update the registration; answers when it is final on the chain."""
        return self._call(
            "POST",
            "/v1/miners/register",
            {"miner_id": self.miner_id, **body},
            timeout_s=COMPLETE_TIMEOUT_S,
        )

    def poll(self, wait_s: int) -> tuple[str | None, dict[str, int]]:
        """Wait for work; return a job's id or None, and why there is none, counted by reason."""
        answer = self._call(
            "POST",
            "/v1/miners/poll",
            {"miner_id": self.miner_id, "wait_s": wait_s},
            timeout_s=wait_s + _POLL_MARGIN_S,
        )
        job = answer.get("job")
        return (str(job["job_id"]) if job else None), dict(answer.get("reasons", {}))

    def claim(self, job_id: str) -> Lease:
        """Claim a job; answers when the assignment is final, with the input (J9)."""
        answer = self._call(
            "POST",
            f"/v1/jobs/{job_id}/claim",
            {"miner_id": self.miner_id, "heartbeat": True},
            timeout_s=CLAIM_TIMEOUT_S,
        )
        try:
            return _lease(answer)
        except (KeyError, TypeError, ValueError, InvalidValue, binascii.Error) as error:
            raise _unexpected("lease", error) from None

    def heartbeat(self, lease: Lease, progress: int) -> bool:
        """Report progress; return whether the work is to be stopped."""
        body = {"miner_id": self.miner_id, "attempt": lease.attempt, "progress": progress}
        return bool(self._call("POST", f"/v1/jobs/{lease.job_id}/heartbeat", body).get("cancel"))

    def give_up(
        self, lease: Lease, verb: str, reason: str, message: str, transaction: bytes
    ) -> None:
        """End an attempt without a result: `verb` is ``release`` or ``fail`` (J8)."""
        body = {
            "miner_id": self.miner_id,
            "attempt": lease.attempt,
            "reason": reason,
            "message": message,
            "transaction": transaction.hex(),
        }
        self._call("POST", f"/v1/jobs/{lease.job_id}/{verb}", body, timeout_s=CLAIM_TIMEOUT_S)

    def complete(self, job_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Deliver a result with its receipt; answers when the receipt is final."""
        return self._call(
            "POST",
            f"/v1/jobs/{job_id}/complete",
            {"miner_id": self.miner_id, **body},
            timeout_s=COMPLETE_TIMEOUT_S,
        )

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        # Every call of the protocol may be repeated: the attempt number fences it (J9).
        answer = self.client.http.exchange(
            method,
            path,
            json=dict(body) if body is not None else None,
            timeout_s=timeout_s,
            repeatable=True,
        ).json()
        if not isinstance(answer, dict):
            raise _unexpected(path, TypeError("not an object"))
        return answer


def _lease(answer: Mapping[str, Any]) -> Lease:
    terms = answer["terms"]
    return Lease(
        job_id=str(answer["job_id"]),
        attempt=int(answer["attempt"]),
        service=str(answer["service"]),
        model=str(answer["model"] or ""),
        input=dict(answer["input"]),
        params=dict(answer["params"]),
        payload=base64.b64decode(answer["payload"], validate=True),
        blind=bytes.fromhex(answer["blind"]),
        heartbeat_interval_s=max(0.2, float(answer["heartbeat_interval_s"])),
        client=parse_address(terms["client"]),
        coordinator=parse_address(terms["coordinator"]),
        payload_digest=bytes.fromhex(terms["payload_digest"]),
        price_cap=int(terms["price_cap"]),
        unit_type=str(terms["unit_type"]),
        unit_price=int(terms["unit_price"]),
    )


def _unexpected(what: str, error: Exception) -> ApiError:
    return ApiError(200, "UNEXPECTED_ANSWER", f"the node's {what} cannot be used: {error!r}")
