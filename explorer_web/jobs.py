"""The page of a job: where it is, how it got there, and where its money went."""

from collections.abc import Sequence

from explorer_web.checks import job_checks
from explorer_web.facts import Fact, Json, Kind, Section, Source, facts_json
from explorer_web.formats import money, short
from explorer_web.job_history import AttemptRow, Step, attempts_of, read_steps
from explorer_web.page import Crumb, Page, malformed, unknown
from explorer_web.references import PageKind, page_url, parse_id
from explorer_web.sentences import Sentence, account, plain
from explorer_web.trust import verification_sentences
from explorer_web.words import FINAL, PAYMENTS, PHASES, REASONS, payment_state
from ledger.actions import AttestationKind, Verification
from ledger.outcomes import OutcomeKind
from ledger.records import Job
from ledger.store import IndexReader, JobPhase, JobRow, Payment, ReceiptRow
from ledger.types import Hash, TimestampMs

NOT_YET = "not yet"
"""What a page says of what comes with a job's end, before it."""

CHECKS: dict[Verification, str] = {
    Verification.NONE: "structural checks only",
    Verification.SPOT: "structural checks, and re-runs now and then",
}
"""What a client asks for beside the structural checks."""


def job_id_of(reference: str) -> Hash:
    """Return the id in a job's address.

    Raises:
        Absent: it is none.
    """
    job_id = parse_id(PageKind.JOB, reference)
    if job_id is None:
        wanted = "a job is named by its id: 64 hex digits, with or without `job_`"
        raise malformed(PageKind.JOB, reference, wanted)
    return job_id


def job_page(index: IndexReader, job_id: Hash, live: Job | None) -> Page:
    """Return the page of a job.

    Args:
        index: where jobs are.
        job_id: its id.
        live: its record in the final state, None if it is not live; says what will happen when.

    Raises:
        Absent: there is no such job here.
    """
    job = index.job(job_id)
    if job is None:
        raise unknown(PageKind.JOB, job_id.hex(), job_id)
    steps = read_steps(index, job)
    attempts = attempts_of(job, steps)
    sections = (
        Section("Overview", _overview(job)),
        Section("Money", _money(job), _money_note(job)),
        Section("Times", _times(job, live if job.ended is None else None)),
        Section("Digests", _digests(job), "Input and result stay off the chain."),
    )
    title = f"Job {short(job_id.hex())}"
    trust = _trust(job, steps)
    sentence = _sentence(job)
    return Page(
        template="job.html",
        title=title,
        crumbs=(Crumb("Jobs", "/jobs"), Crumb(title)),
        content={
            "job": job,
            "sentence": sentence,
            "badges": (PHASES[job.phase], PAYMENTS[payment_of(job)], FINAL),
            "sections": sections,
            "steps": steps,
            "attempts": attempts,
            "trust": trust,
            "checks": job_checks(
                job_id.hex(),
                job.receipt_id.hex() if job.receipt_id else "",
                [step.row for step in steps],
            ),
        },
        twin=_twin(sentence, sections, steps, attempts, trust),
        twin_url=page_url(PageKind.JOB, job_id) + ".json",
        moves=job.ended is None,
        is_unchanging=job.ended is not None,
    )


def _sentence(job: JobRow) -> Sentence:
    """Return where a job is, in a sentence."""
    asked = (account(job.client), f" asked for {job.service} for at most {money(job.max_price)}. ")
    paid = f"the miner got {money(job.paid_miner)}, the client {money(job.paid_client)} back."
    words: dict[JobPhase, str] = {
        JobPhase.QUEUED: "The price is locked, and the job waits for a miner.",
        JobPhase.RUNNING: f"A miner works on it, in attempt {job.attempt}.",
        JobPhase.COMPLETED: "The miner's receipt is on the chain; the price is still locked.",
        JobPhase.FAILED: "The coordinator ended it without a receipt; the client has it all back.",
        JobPhase.CANCELLED: f"The client cancelled it: {paid}",
        JobPhase.EXPIRED: "Its time ran out; the client has it all back.",
    }
    if job.phase is JobPhase.COMPLETED and job.ended is not None:
        by = "Authorities ruled" if job.is_ruled else "The dispute ended"
        refunded = f"{by} against the miner; the client has it all back."
        how = "Authorities ruled for the miner" if job.is_ruled else "It was done and settled"
        is_settled = job.end_kind is OutcomeKind.JOB_SETTLED
        return *asked, f"{how}: {paid}" if is_settled else refunded
    if job.payment is Payment.DISPUTED:
        return *asked, "The miner's receipt is disputed; the price stays locked until that ends."
    return *asked, words[job.phase]


def payment_of(row: JobRow | ReceiptRow) -> str:
    """Return what became of the escrow of a job, or of a receipt's job: a key of `PAYMENTS`."""
    return payment_state(row.payment, row.paid_miner)


def _overview(job: JobRow) -> list[Fact]:
    signed, of_index = Source.SIGNED, Source.INDEX
    terms = job.terms
    return [
        Fact("job_id", "Job id", Kind.HASH, job.job_id, of_index, "Id of its transaction."),
        Fact("phase", "Phase", Kind.TEXT, PHASES[job.phase].word.lower(), of_index),
        Fact("payment", "Payment", Kind.TEXT, PAYMENTS[payment_of(job)].word.lower(), of_index),
        Fact("service", "Service", Kind.TEXT, job.service, signed),
        Fact("client", "Client", Kind.ADDRESS, job.client, signed, "Who asked and pays."),
        Fact(
            "coordinator",
            "Coordinator",
            Kind.ADDRESS,
            job.coordinator,
            signed,
            "Who hands it out and vouches for the delivery.",
        ),
        Fact("miner", "Miner", Kind.ADDRESS, job.miner, of_index, "Of the last attempt."),
        Fact("attempt", "Attempt", Kind.NUMBER, job.attempt, of_index),
        Fact("receipt_id", "Receipt", Kind.RECEIPT, job.receipt_id, of_index),
        Fact("verification", "Verification", Kind.TEXT, CHECKS[terms.verification], signed),
        Fact("streamed", "Streamed", Kind.TEXT, "yes" if terms.streamed else "no", signed),
    ]


def _money(job: JobRow) -> list[Fact]:
    signed, outcome = Source.SIGNED, Source.OUTCOME
    has_ended = job.ended is not None
    return [
        Fact("max_price", "Locked in escrow", Kind.MONEY, job.max_price, signed),
        *_dispute(job),
        Fact("price_cap", "Price cap", Kind.MONEY, job.price_cap, signed, "Of the last attempt."),
        Fact(
            "paid_miner",
            "To the miner",
            Kind.MONEY,
            job.paid_miner if has_ended else None,
            outcome,
            missing=NOT_YET,
        ),
        Fact(
            "paid_coordinator",
            "To the coordinator",
            Kind.MONEY,
            job.paid_coordinator if has_ended else None,
            outcome,
            "Its share of an attested receipt.",
            NOT_YET,
        ),
        Fact(
            "paid_client",
            "Back to the client",
            Kind.MONEY,
            job.paid_client if has_ended else None,
            outcome,
            missing=NOT_YET,
        ),
    ]


def _dispute(job: JobRow) -> list[Fact]:
    """Return who disputes the receipt, and what is at stake beside the escrow."""
    dispute, outcome = job.dispute, Source.OUTCOME
    if dispute is None:
        return []
    bond = "The client's; whoever wins the dispute gets it." if dispute.bond else _NO_BOND
    reason = REASONS[dispute.reason]
    return [
        Fact("disputed_by", "Disputed by", Kind.ADDRESS, dispute.opener, outcome),
        Fact("dispute_reason", "Objection", Kind.TEXT, reason, outcome, "As its opener says."),
        Fact("dispute_bond", "Dispute bond", Kind.MONEY, dispute.bond, outcome, bond),
        Fact("disputed_ms", "Disputed", Kind.TIME, dispute.opened.timestamp_ms, Source.HEADER),
    ]


_NO_BOND = "A coordinator disputes without one."


def _money_note(job: JobRow) -> str:
    has_bond = job.dispute is not None and job.dispute.bond > 0
    locked = "The escrow and the bond are" if has_bond else "The escrow is"
    if job.ended is None:
        return f"{locked} locked until the job ends."
    what = "The parts of escrow and bond" if has_bond else "The three parts of the escrow"
    return f"{what} add up to what was locked."


def _times(job: JobRow, live: Job | None) -> list[Fact]:
    terms, signed, state = job.terms, Source.SIGNED, Source.STATE
    started, header = job.submitted.timestamp_ms, Source.HEADER
    facts = [
        Fact("submitted_ms", "Submitted", Kind.TIME, started, header),
        Fact(
            "start_by_ms",
            "Start by",
            Kind.TIME,
            terms.start_by_ms,
            signed,
            "Without an assignment by then it expires.",
        ),
        Fact("lease_end_ms", "Lease end", Kind.TIME, job.lease_end_ms, signed, "Last attempt."),
        Fact("deadline_ms", "Deadline", Kind.TIME, terms.deadline_ms, signed),
        Fact("dispute_ms", "Dispute window", Kind.DURATION, terms.dispute_ms, signed),
        Fact(
            "ended_ms",
            "Ended",
            Kind.TIME,
            job.ended and job.ended.timestamp_ms,
            header,
            missing=NOT_YET,
        ),
    ]
    if live is not None:
        facts += _live_times(live, state)
    return facts


def _live_times(live: Job, state: Source) -> list[Fact]:
    """Return what the ledger will do by itself, and when."""
    grace, due = live.deadline_ms + live.receipt_grace_ms, _due_ms(live)
    hint = "Grace beyond the deadline, fixed when the job was locked."
    return [
        Fact("receipt_until_ms", "Receipt valid until", Kind.TIME, grace, state, hint),
        Fact("ends_by_itself_ms", "Ends by itself", Kind.TIME, due, state, _ENDING),
    ]


_ENDING = "The ledger pays the receipt then, or refunds a disputed one that is not attested."


def _due_ms(live: Job) -> TimestampMs | None:
    if live.dispute is not None:
        return live.dispute.due_ms
    return live.receipt.due_ms if live.receipt is not None else None


def _digests(job: JobRow) -> list[Fact]:
    hint = "SHA-256 of the input with a random blind, so that short inputs cannot be guessed."
    source = Source.SIGNED
    return [Fact("payload_digest", "Input", Kind.HASH, job.terms.payload_digest, source, hint)]


def _trust(job: JobRow, steps: Sequence[Step]) -> list[str]:
    """Return how far the result was checked; nothing before there is a receipt."""
    if job.receipt_id is None:
        return []
    attested = {
        AttestationKind(step.row.outcome.code)
        for step in steps
        if step.row.outcome.kind is OutcomeKind.RECEIPT_ATTESTED
    }
    accepted = any(step.cause and step.cause.action == "accept_receipt" for step in steps)
    is_over = job.ended is not None
    return verification_sentences(job.terms, attested, accepted=accepted, is_over=is_over)


def _twin(
    sentence: Sentence,
    sections: Sequence[Section],
    steps: Sequence[Step],
    attempts: Sequence[AttemptRow],
    trust: Sequence[str],
) -> Json:
    return {
        **facts_json(sections),
        "sentence": plain(sentence),
        "timeline": [step.json for step in steps],
        "attempts": [attempt.json for attempt in attempts],
        "verification_words": list(trust),
    }


def job_json(job: JobRow) -> Json:
    """Return a job's row for a JSON list."""
    return {
        "job_id": job.job_id.hex(),
        "service": job.service,
        "phase": job.phase.value.lower(),
        "payment": payment_of(job),
        "max_price": str(job.max_price),
        "submitted_ms": job.submitted.timestamp_ms,
    }
