"""A client's word on the receipt of a job that was ordered with a dispute window."""

from aitbc.answers import Payment
from aitbc.exchange import Flow, Request, Session, ask, segment


def dispute_receipt(session: Session, job_id: str, *, reason: str = "UNSPECIFIED") -> Flow[Payment]:
    """Dispute a job's receipt; answers with the payment when that is final.

    The client's wallet locks the job's bond. It is lost to the miner if authorities rule for it.

    Args:
        session: the client's.
        job_id: the job.
        reason: ``UNSPECIFIED``, ``RESULT_NOT_DELIVERED``, ``RESULT_MALFORMED`` or
            ``PAYLOAD_MISMATCH``.

    Raises:
        Conflict: there is no receipt yet, or it settled.
        InsufficientBalance: the balance does not cover bond and fee.
    """
    path = f"/v1/jobs/{segment(job_id)}/dispute"
    # A receipt that is disputed already gets the same answer.
    request = Request("POST", path, json={"reason": reason}, repeatable=True)
    return (yield from ask(session, request, Payment))


def accept_receipt(session: Session, job_id: str) -> Flow[Payment]:
    """Accept a job's receipt, which settles before its window is over; answers when that is final.

    Raises:
        Conflict: there is no receipt yet, or what was locked came back.
    """
    request = Request("POST", f"/v1/jobs/{segment(job_id)}/accept", repeatable=True)
    return (yield from ask(session, request, Payment))
