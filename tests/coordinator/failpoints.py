"""Named points of a job's or transfer's life at which its coordinator is killed, by signal KILL.

A name is a durable step and where it is left: ``within`` a transaction of the database, ``after``
its commit and before anything else, or ``after`` the chain took a transaction. The steps of blocks
are named by what the chain did in them.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NoReturn, TypeVar

from sqlalchemy import Connection

from coordinator.follower import followed_height
from coordinator.ports import SubmitOutcome
from ledger import decode_transaction
from ledger.actions import action_name
from ledger.outcomes import OutcomeKind
from tests.coordinator.world import World

T = TypeVar("T")

STEPS: Final = {
    "JobCreation.create": "submission",
    "Claiming.claim": "claim",
    "LeaseService.heartbeat": "heartbeat",
    "Completing.complete": "complete",
    "GivingUp.release": "giving_up",
    "JobCancellation._submit": "cancellation",
    "Accepting.accept": "acceptance",
    "Sweeper.sweep": "sweep",
    "TransferService.send": "paying_out",
}
"""Steps by the method that makes them."""

BLOCK_STEPS: Final = {
    OutcomeKind.JOB_LOCKED: "escrow_final",
    OutcomeKind.JOB_ASSIGNED: "assignment_final",
    OutcomeKind.OFFER_ACCEPTED: "acceptance_final",
    OutcomeKind.JOB_RELEASED: "release_final",
    OutcomeKind.RECEIPT_POSTED: "receipt_final",
    OutcomeKind.RECEIPT_ATTESTED: "attestation_final",
    OutcomeKind.JOB_SETTLED: "settlement_final",
    OutcomeKind.JOB_FAILED: "refund_final",
    OutcomeKind.JOB_CANCELLED: "cancellation_final",
    OutcomeKind.JOB_EXPIRED: "expiry_final",
}
"""Steps by what a block did."""

POINTS: Final = {
    "paid": (
        "submission.within",
        "submission.after",
        "submit_job.after",
        "escrow_final.within",
        "escrow_final.after",
        "claim.within",
        "claim.after",
        "assign_job.after",
        "assignment_final.within",
        "assignment_final.after",
        "heartbeat.within",
        "heartbeat.after",
        "complete.within",
        "complete.after",
        "post_receipt.after",
        "receipt_final.within",
        "receipt_final.after",
        "attest_receipt.after",
        "attestation_final.within",
        "settlement_final.after",
    ),
    "offered": (
        "acceptance.within",
        "acceptance.after",
        "accept_offer.after",
        "acceptance_final.within",
        "acceptance_final.after",
    ),
    "refused": (
        "giving_up.within",
        "giving_up.after",
        "release_job.after",
        "release_final.within",
        "release_final.after",
        "fail_job.after",
        "refund_final.within",
        "refund_final.after",
    ),
    "cancelled": (
        "sweep.within",
        "cancellation.within",
        "cancellation.after",
        "cancel_job.after",
        "cancellation_final.within",
        "cancellation_final.after",
    ),
    "expired": ("expiry_final.within", "expiry_final.after"),
    "sent": ("paying_out.within", "paying_out.after", "transfer.after"),
}
"""Points by the life in which they come."""


def all_points() -> Iterator[tuple[str, str]]:
    """Yield every life with every point of it."""
    for life, points in POINTS.items():
        for point in points:
            yield life, point


class KillSwitch:
    """Kills this process when it comes to a point."""

    def __init__(self, world: World, point: str) -> None:
        self._world = world
        self._point = point
        self._database = world.services.core.database
        self._write = self._database.write
        self._submit = world.chain.submit
        self._database.write = self.write  # type: ignore[method-assign]
        world.chain.submit = self.submit  # type: ignore[method-assign]

    async def write(self, work: Callable[[Connection], T], *, forgets: bool = False) -> T:
        step = ".".join(work.__qualname__.split(".")[:2])
        steps: set[str] = {STEPS[step]} if step in STEPS else set()

        def watched(connection: Connection) -> T:
            before = followed_height(connection)
            value = work(connection)
            after = followed_height(connection)
            for block in self._world.chain.store.final_blocks(before, after - before):
                steps.update(
                    BLOCK_STEPS[outcome.kind]
                    for outcome in block.outcomes
                    if outcome.kind in BLOCK_STEPS
                )
            self._pass(steps, "within")
            return value

        value = await self._write(watched, forgets=forgets)
        self._pass(steps, "after")
        return value

    async def submit(self, signed: Sequence[bytes]) -> list[SubmitOutcome]:
        outcomes = await self._submit(signed)
        actions = (decode_transaction(data).transaction.action for data in signed)
        self._pass({action_name(action) for action in actions}, "after")
        return outcomes

    def _pass(self, steps: set[str], where: str) -> None:
        if self._point in {f"{step}.{where}" for step in steps}:
            die()


def die() -> NoReturn:
    """End this process as a power failure does, but for what the system still writes."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")
