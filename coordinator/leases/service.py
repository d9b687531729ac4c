"""The miner's side of jobs: find, claim, keep, give up, complete."""

from coordinator.clients.model import Principal
from coordinator.jobs.model import JobView
from coordinator.leases.model import Completion, GiveUp, HeartbeatReply, Lease, PollReply
from coordinator.receipts.model import ReceiptView
from ledger.types import Attempt, Hash


class LeaseService:
    """Claims and what follows them.

    Every method takes the miner's name, which must belong to the caller.

    Raises (all methods):
        Forbidden: no scope `miner`, or the miner belongs to another (A3).
        MinerNotFound: no miner of this name.
    """

    async def available(self, principal: Principal, miner: str) -> JobView | None:
        """Return a job that the miner may claim, None if nothing fits; assigns nothing (M2).

        The input is there for managed miners; for others `spec.input` and `spec.params` are empty.
        """
        raise NotImplementedError

    async def poll(self, principal: Principal, miner: str, wait_s: float) -> PollReply:
        """Wait up to `wait_s` (at most 30) for a job that the miner may claim; assigns nothing."""
        raise NotImplementedError

    async def claim(
        self, principal: Principal, miner: str, job_id: Hash, *, heartbeats: bool
    ) -> Lease:
        """Assign a job to the miner; answers when the assignment is final (J9).

        The same miner claiming again gets the same lease.

        Args:
            principal: the miner's owner.
            miner: its name.
            job_id: the job.
            heartbeats: whether the miner will send heartbeats; otherwise the lease is the
                attempt's limit (M3).

        Raises:
            JobNotFound: no such job.
            JobAlreadyClaimed: another miner has it.
            JobNotClaimable: finished, out of time or not yet in escrow.
            JobNotForMiner: it asks for what the miner did not declare.
            MinerBusy: the miner holds too many leases.
            Unavailable: not final in time; repeat.
        """
        raise NotImplementedError

    async def heartbeat(
        self,
        principal: Principal,
        miner: str,
        job_id: Hash,
        attempt: Attempt | None,
        progress: int | None,
    ) -> HeartbeatReply:
        """Keep a lease and report progress (0 … 100).

        Raises:
            JobNotFound: no such job.
            LeaseLost: the attempt is not the miner's current one.
        """
        raise NotImplementedError

    async def release(
        self, principal: Principal, miner: str, job_id: Hash, give_up: GiveUp
    ) -> JobView:
        """End the attempt; the job is queued again, or fails if the input was bad (J8).

        `/fail` and `/release` of the wire are both this; `give_up.reason` decides. Answers when
        final if the release is signed (managed miner, or `give_up.transaction`); otherwise the
        job is taken back once its lease ran out.

        Raises:
            JobNotFound: no such job.
            LeaseLost: the attempt is not the miner's current one.
            TransactionInvalid: the signed release is not of this job, attempt and reason.
            InvalidRequest: the reason is none.
            Unavailable: not final in time; repeat.
        """
        raise NotImplementedError

    async def complete(
        self, principal: Principal, miner: str, job_id: Hash, completion: Completion
    ) -> ReceiptView:
        """Deliver a result; answers with the receipt when that is final (M4).

        The same delivery again gets the same answer.

        Raises:
            JobNotFound: no such job.
            LeaseLost: the attempt is not the miner's current one; nothing is paid.
            JobAlreadyCompleted: another result was delivered for it.
            ReceiptInvalid: the signed receipt contradicts job, attempt, terms or result.
            ResultMalformed: the result fails the structural checks (L0).
            Unavailable: not final in time; repeat.
        """
        raise NotImplementedError
