"""Follows one job from submission to payment and tells each step as it happens."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aitbc import Client
from devnet.network.errors import DemoFailed

SETTLE_TIMEOUT_S = 30.0
"""Time from a completed job to its payment; the attestation settles in the next block."""

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to a job."""

    name: str
    """One or two words: job, escrow, assigned, …"""
    text: str
    """What happened, for a person."""
    link: str = ""
    """Explorer page that shows it."""


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How a paid job ended."""

    job_id: str
    """The job."""
    service: str
    """Service that ran."""
    result: str
    """Output text, or the name of the result artifact."""
    miner_id: str
    """Who did the work."""
    receipt_id: str
    """Receipt's id."""
    block_height: int
    """Height of the final block that holds the receipt."""
    payment: Mapping[str, Any]
    """Payment as the API shows it, status `released`."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields for `--json`."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "payment": dict(self.payment)
        }


class Journey:
    """One job's way, from `submit` to `JobOutcome`."""

    def __init__(self, client: Client, base_url: str, tell: Callable[[Step], None]) -> None:
        """Use `client`; steps go to `tell`, links begin with `base_url`."""
        self._client = client
        self._base_url = base_url
        self._tell = tell

    def run(self, title: str, payload: Mapping[str, Any], timeout_s: float) -> JobOutcome:
        """Submit a job, follow it to its payment, and return how it ended.

        Raises:
            DemoFailed: it ended otherwise, or not in time.
        """
        job = self._client.submit_job(payload, ttl_seconds=int(timeout_s) + 60)
        job_id = job["job_id"]
        self._tell(Step("job", f"{title}, submitted as {job_id}", self._link("jobs", job_id)))
        self._follow_to_completion(job_id, timeout_s)
        result = self._read_result(job_id)
        outcome = self._read_receipt(job_id, str(payload.get("service", "llm_inference")), result)
        self._tell(self._payment_step(outcome))
        return outcome

    def _follow_to_completion(self, job_id: str, timeout_s: float) -> None:
        told: set[str] = set()
        for job in self._client.watch_job(job_id, timeout_s):
            self._tell_progress(job, told)
            if job["state"] == "COMPLETED":
                return
            if job["state"] in ("FAILED", "CANCELLED", "EXPIRED"):
                reason = job.get("error") or "no reason given"
                raise DemoFailed(f"job {job_id} ended as {job['state']}: {reason}")
        raise DemoFailed(f"job {job_id} has not ended after {timeout_s:.0f} s")

    def _tell_progress(self, job: Mapping[str, Any], told: set[str]) -> None:
        job_id = job["job_id"]
        if job["payment_status"] is not None and "escrow" not in told:
            told.add("escrow")
            amount = self._client.get_payment(job_id)["amount"]
            link = self._link("transactions", job_id.removeprefix("job_"))
            self._tell(Step("escrow", f"{_amount(amount)} AITBC locked on the chain", link))
        if job["assigned_miner_id"] is not None and "assigned" not in told:
            told.add("assigned")
            text = f"miner {job['assigned_miner_id']} works on it"
            self._tell(Step("assigned", text, self._link("jobs", job_id)))

    def _read_result(self, job_id: str) -> str:
        output = str(self._client.get_job_result(job_id)["result"]["output"])
        self._tell(Step("result", output.strip()))
        return output

    def _read_receipt(self, job_id: str, service: str, result: str) -> JobOutcome:
        receipt = self._client.get_receipt(job_id)
        receipt_id = receipt["receipt_id"]
        work = f"{receipt['units']:g} {receipt['unit_type'].replace('_', ' ')}"
        text = f"{receipt_id}: {work} by {receipt['provider']}, signed by the miner"
        self._tell(Step("receipt", text, self._link("receipts", receipt_id)))
        height = self._client.get_transaction(receipt_id)["height"]
        self._tell(Step("block", f"final in block {height}", self._link("blocks", str(height))))
        return JobOutcome(
            job_id=job_id,
            service=service,
            result=result,
            miner_id=receipt["provider"],
            receipt_id=receipt_id,
            block_height=height,
            payment=self._wait_for_payment(job_id),
        )

    def _wait_for_payment(self, job_id: str) -> Mapping[str, Any]:
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while True:
            payment = self._client.get_payment(job_id)
            if payment["status"] == "released":
                return payment
            if time.monotonic() > deadline:
                raise DemoFailed(
                    f"job {job_id} is complete, but its payment is still {payment['status']} "
                    f"after {SETTLE_TIMEOUT_S:.0f} s"
                )
            time.sleep(_POLL_S)

    def _payment_step(self, outcome: JobOutcome) -> Step:
        payment = outcome.payment
        paid, rest = _amount(payment["paid"]), _amount(payment["refunded"])
        text = f"{paid} AITBC paid, {rest} AITBC back to the client"
        return Step("payment", text, self._link("jobs", outcome.job_id))

    def _link(self, *parts: str) -> str:
        return "/".join((self._base_url, *parts))


def _amount(number: float) -> str:
    """Return an amount as a person writes it, never with an exponent."""
    return format(Decimal(str(number)), "f")
