"""The miner protocol: what a miner asks of a node, typed where the answers are used.

The answers are a stranger's words: each field that money depends on is checked here, and against
the chain's own terms before work starts (K4).
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aitbc import Answer, ApiError, ChainTags, Client, InvalidValue, JsonValue, parse_address
from aitbc.http import Request
from aitbc.json_values import unexpected

CLAIM_TIMEOUT_S: Final = 30.0
COMPLETE_TIMEOUT_S: Final = 60.0
HEARTBEAT_TIMEOUT_S: Final = 10.0
SAY_TIMEOUT_S: Final = 5.0
HEARTBEAT_INTERVAL_S: Final = (0.2, 60.0)
"""Least and most that a coordinator may ask for."""

_POLL_MARGIN_S: Final = 10.0
_JOB_ID: Final = re.compile(r"job_[0-9a-f]{64}", re.ASCII)
_MALFORMED: Final = (KeyError, TypeError, ValueError, InvalidValue, binascii.Error, OverflowError)


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
    deadline_ms: int
    """The job's deadline, chain time."""

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
        path = "/v1/miners/challenge"
        answer = self.client.http.call(
            Request("GET", path, params={"public_key": public_key.hex()})
        )
        try:
            parameters = answer["parameters"]
            return Challenge(
                tags=ChainTags(answer["chain_id"], bytes.fromhex(answer["genesis_digest"])),
                coordinator=parse_address(answer["coordinator"]),
                nonce=_bytes(answer["nonce"], 32),
                expires_at_ms=int(answer["expires_at_ms"]),
                chain_time_ms=int(answer["chain_time_ms"]),
                fee_base=int(parameters["fee_base"]),
                fee_per_byte=int(parameters["fee_per_byte"]),
                bond_min=int(parameters["miner_bond_min"]),
                horizon_ms=int(parameters["horizon_ms"]),
            )
        except _MALFORMED as error:
            raise unexpected(f"the node's challenge cannot be used: {error!r}") from None

    def registered_address(self) -> str | None:
        """Return the address that is registered under the miner's name, None if there is none."""
        try:
            answer = self.client.http.call(Request("GET", f"/v1/miners/{self.miner_id}"))
        except ApiError as error:
            if error.error_code == "MINER_NOT_FOUND":
                return None
            raise
        return str(answer["address"])

    def register(self, body: Mapping[str, JsonValue]) -> Answer:
        """Register, or update the registration; answers when it is final on the chain."""
        return self._call("/v1/miners/register", body, COMPLETE_TIMEOUT_S)

    def poll(self, wait_s: int) -> tuple[str | None, dict[str, int]]:
        """Wait for work; return a job's id or None, and why there is none, counted by reason."""
        answer = self._call("/v1/miners/poll", {"wait_s": wait_s}, wait_s + _POLL_MARGIN_S)
        job, reasons = answer.get("job"), answer.get("reasons")
        if job is not None:
            job_id = job.get("job_id") if isinstance(job, dict) else None
            return _checked_job_id(job_id), {}
        return None, dict(reasons) if isinstance(reasons, dict) else {}

    def claim(self, job_id: str) -> Lease:
        """Claim a job; answers when the assignment is final, with the input (J9)."""
        answer = self._call(f"/v1/jobs/{job_id}/claim", {"heartbeat": True}, CLAIM_TIMEOUT_S)
        try:
            lease = _lease(answer)
        except _MALFORMED as error:
            raise unexpected(f"the node's lease cannot be used: {error!r}") from None
        if lease.job_id != job_id:
            raise unexpected(f"the node leased {lease.job_id} instead of {job_id}")
        return lease

    def heartbeat(self, lease: Lease, progress: int) -> bool:
        """Report progress; return whether the work is to be stopped."""
        body = {"attempt": lease.attempt, "progress": progress}
        path = f"/v1/jobs/{lease.job_id}/heartbeat"
        return bool(self._call(path, body, HEARTBEAT_TIMEOUT_S).get("cancel"))

    def say(self, lease: Lease, offset: int, text: str) -> int:
        """Show what an attempt's text has from an offset on; return where to go on.

        It is for those who watch, so it is sent once and waits for nobody.
        """
        body: dict[str, JsonValue] = {
            "miner_id": self.miner_id,
            "attempt": lease.attempt,
            "offset": offset,
            "text": text,
        }
        path = f"/v1/jobs/{lease.job_id}/progress"
        request = Request("POST", path, json=body, timeout_s=SAY_TIMEOUT_S, repeatable=False)
        next_offset = self.client.http.call(request).get("next_offset")
        if not isinstance(next_offset, int) or next_offset < 0:
            raise unexpected(f"the node asks to go on at {next_offset!r:.80}")
        return next_offset

    def give_up(
        self, lease: Lease, verb: str, reason: str, message: str, transaction: bytes
    ) -> None:
        """End an attempt without a result: `verb` is ``release`` or ``fail`` (J8)."""
        body: dict[str, JsonValue] = {
            "attempt": lease.attempt,
            "reason": reason,
            "message": message,
            "transaction": transaction.hex(),
        }
        self._call(f"/v1/jobs/{lease.job_id}/{verb}", body, CLAIM_TIMEOUT_S)

    def complete(self, job_id: str, body: Mapping[str, JsonValue]) -> Answer:
        """Deliver a result with its receipt; answers when the receipt is final."""
        return self._call(f"/v1/jobs/{job_id}/complete", body, COMPLETE_TIMEOUT_S)

    def _call(self, path: str, body: Mapping[str, JsonValue], timeout_s: float) -> Answer:
        # Every call of the protocol may be repeated: the attempt number fences it (J9).
        named = {"miner_id": self.miner_id, **body}
        request = Request("POST", path, json=named, timeout_s=timeout_s, repeatable=True)
        return self.client.http.call(request)


def _lease(answer: Mapping[str, Any]) -> Lease:
    terms = answer["terms"]
    least_s, most_s = HEARTBEAT_INTERVAL_S
    return Lease(
        job_id=_checked_job_id(answer["job_id"]),
        attempt=int(answer["attempt"]),
        service=str(answer["service"]),
        model=str(answer["model"] or ""),
        input=dict(answer["input"]),
        params=dict(answer["params"]),
        payload=base64.b64decode(answer["payload"], validate=True),
        blind=_bytes(answer["blind"], 32),
        heartbeat_interval_s=min(most_s, max(least_s, float(answer["heartbeat_interval_s"]))),
        client=parse_address(terms["client"]),
        coordinator=parse_address(terms["coordinator"]),
        payload_digest=_bytes(terms["payload_digest"], 32),
        price_cap=int(terms["price_cap"]),
        unit_type=str(terms["unit_type"]),
        unit_price=int(terms["unit_price"]),
        deadline_ms=int(terms["deadline_ms"]),
    )


def _checked_job_id(value: object) -> str:
    # It becomes part of paths and of file names.
    if not isinstance(value, str) or _JOB_ID.fullmatch(value) is None:
        raise unexpected(f"the node names a job {value!r:.80}")
    return value


def _bytes(text: object, size: int) -> bytes:
    data = bytes.fromhex(text) if isinstance(text, str) else b""
    if len(data) != size:
        raise ValueError(f"{text!r:.80} is not {size} bytes in hex")
    return data
