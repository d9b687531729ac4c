"""The page of a receipt: who asked, who computed, what it cost, and how far it was checked."""

from collections.abc import Sequence
from dataclasses import dataclass

from explorer_web.checks import receipt_checks
from explorer_web.facts import Fact, Json, Kind, Section, Source, facts_json, to_json
from explorer_web.formats import UNIT_NAMES, money, short, units_of
from explorer_web.job_history import Step, read_steps
from explorer_web.jobs import CHECKS, NOT_YET, payment_of
from explorer_web.outcomes import TITLES
from explorer_web.page import Crumb, Page, malformed, unknown
from explorer_web.proved import receipt_proof
from explorer_web.references import PageKind, page_url, parse_id
from explorer_web.sentences import Ref, Sentence, account, plain
from explorer_web.trust import verification_sentences
from explorer_web.words import ATTESTATIONS, CUSTODIES, FINAL, PAYMENTS, Badge, Tone
from ledger.outcomes import JOB_ENDS, OutcomeKind
from ledger.store import IndexReader, JobRow, Moment, ReceiptRow
from ledger.types import Hash

POSTED = Badge("Posted", Tone.GOOD, "The miner signed it, and the ledger accepted its terms.")


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain of custody."""

    title: str
    """What it is."""
    ref: Ref
    """The object, with a page."""
    at: Moment
    """When."""
    words: Sentence
    """What it fixes for the next link."""

    @property
    def json(self) -> Json:
        """The link in the JSON twin."""
        return {
            "title": self.title,
            "words": plain(self.words),
            "kind": self.ref.kind.value,
            "id": to_json(self.ref.kind, self.ref.value),
            "height": self.at.height,
            "timestamp_ms": self.at.timestamp_ms,
        }


def receipt_page(index: IndexReader, reference: str) -> Page:
    """Return the page of a receipt.

    Args:
        index: where receipts are.
        reference: its id from the address, bare or as the API writes it.

    Raises:
        Absent: there is no such receipt here.
    """
    receipt_id = parse_id(PageKind.RECEIPT, reference)
    if receipt_id is None:
        wanted = "a receipt is named by its id: 64 hex digits, with or without `receipt_`"
        raise malformed(PageKind.RECEIPT, reference, wanted)
    receipt = index.receipt(receipt_id)
    if receipt is None:
        raise unknown(PageKind.RECEIPT, reference, receipt_id)
    job = index.job(receipt.job_id)
    block = index.block_at(receipt.height)
    assert job is not None, "the index writes a job before its receipt"
    assert block is not None, "the index has the block of what it has indexed"
    steps = read_steps(index, job)
    sections = (
        Section("Parties", _parties(receipt)),
        Section("Work", _work(receipt, job)),
        Section("Money", _money(receipt)),
        Section("Digests", _digests(receipt), "Input and result stay off the chain."),
    )
    custody = _custody(receipt, job, block.block_id, steps)
    title, job_title = f"Receipt {short(receipt_id.hex())}", f"Job {short(job.job_id.hex())}"
    sentence = _sentence(receipt, job)
    trust = _trust(receipt, job, steps)
    return Page(
        template="receipt.html",
        title=title,
        crumbs=(Crumb(job_title, page_url(PageKind.JOB, job.job_id)), Crumb(title)),
        content={
            "checks": receipt_checks(receipt_id.hex(), [step.row for step in steps]),
            "proof": receipt_proof(receipt, [step.row for step in steps]),
            "sentence": sentence,
            "badges": (POSTED, PAYMENTS[payment_of(receipt)], FINAL),
            "sections": sections,
            "custody": custody,
            "attestations": [(row, ATTESTATIONS[row.kind]) for row in receipt.attestations],
            "trust": trust,
        },
        twin=_twin(receipt, sentence, sections, custody, trust),
        twin_url=page_url(PageKind.RECEIPT, receipt_id) + ".json",
        moves=receipt.settled is None,
        is_unchanging=receipt.settled is not None,
    )


def _sentence(receipt: ReceiptRow, job: JobRow) -> Sentence:
    content = receipt.content
    model = f" with {content.model}" if content.model else ""
    work = units_of(content.units_micro, content.unit_type)
    did = f"Miner {receipt.miner_name} claims {work} of {job.service}{model} for "
    return did, account(receipt.client), f", at {money(content.price)}."


def _parties(receipt: ReceiptRow) -> list[Fact]:
    signed, of_index = Source.SIGNED, Source.INDEX
    content = receipt.content
    return [
        Fact("receipt_id", "Receipt id", Kind.HASH, receipt.receipt_id, of_index),
        Fact("job_id", "Job", Kind.JOB, receipt.job_id, signed),
        Fact("client", "Who asked", Kind.ADDRESS, content.client, signed),
        Fact("miner_name", "Who computed", Kind.TEXT, receipt.miner_name, of_index),
        Fact("miner", "Its address", Kind.ADDRESS, receipt.miner, signed),
        Fact(
            "custody",
            "Custody of its key",
            Kind.TEXT,
            CUSTODIES[receipt.custody],
            Source.STATE,
            "As registered when the receipt was posted.",
        ),
        Fact("coordinator", "Coordinator", Kind.ADDRESS, content.coordinator, signed),
        Fact("height", "Block", Kind.HEIGHT, receipt.height, of_index),
        Fact("timestamp_ms", "Time of the block", Kind.TIME, receipt.timestamp_ms, Source.HEADER),
    ]


def _work(receipt: ReceiptRow, job: JobRow) -> list[Fact]:
    claimed, content = Source.CLAIMED, receipt.content
    took = content.completed_ms - content.started_ms
    return [
        Fact("service", "Service", Kind.TEXT, job.service, Source.SIGNED),
        Fact("model", "Model", Kind.TEXT, content.model or None, claimed),
        Fact("attempt", "Attempt", Kind.NUMBER, content.attempt, Source.SIGNED),
        Fact("units_micro", "Units", Kind.UNITS, content.units_micro, claimed),
        Fact("unit_type", "Unit of work", Kind.TEXT, UNIT_NAMES[content.unit_type][0], claimed),
        Fact("started_ms", "Began", Kind.TIME, content.started_ms, claimed),
        Fact("completed_ms", "Ended", Kind.TIME, content.completed_ms, claimed),
        Fact("took_ms", "Took", Kind.DURATION, took, claimed),
        Fact(
            "verification",
            "Verification",
            Kind.TEXT,
            CHECKS[job.terms.verification],
            Source.SIGNED,
            "What the client asked for.",
        ),
    ]


def _money(receipt: ReceiptRow) -> list[Fact]:
    content, outcome = receipt.content, Source.OUTCOME
    is_settled = receipt.settled is not None
    paid = (receipt.paid_miner, receipt.paid_coordinator, receipt.paid_client)
    miner, coordinator, client = paid if is_settled else (None, None, None)
    settled_ms = receipt.settled.timestamp_ms if receipt.settled else None
    cap_hint = "Agreed when the job was assigned."
    return [
        Fact("price", "Price claimed", Kind.MONEY, content.price, Source.CLAIMED),
        Fact("price_cap", "Price cap", Kind.MONEY, content.price_cap, Source.SIGNED, cap_hint),
        Fact("paid_miner", "To the miner", Kind.MONEY, miner, outcome, missing=NOT_YET),
        Fact(
            "paid_coordinator",
            "To the coordinator",
            Kind.MONEY,
            coordinator,
            outcome,
            missing=NOT_YET,
        ),
        Fact("paid_client", "Back to the client", Kind.MONEY, client, outcome, missing=NOT_YET),
        Fact("settled_ms", "Ended", Kind.TIME, settled_ms, Source.HEADER, _ENDED, NOT_YET),
    ]


_ENDED = "When the escrow was paid out, or went back."


def _digests(receipt: ReceiptRow) -> list[Fact]:
    content = receipt.content
    return [
        Fact(
            "payload_digest",
            "Input",
            Kind.HASH,
            content.payload_digest,
            Source.SIGNED,
            "The client's, repeated by the miner; the ledger checked that they are equal.",
        ),
        Fact(
            "result_digest",
            "Result",
            Kind.HASH,
            content.result_digest,
            Source.CLAIMED,
            "Salted, and bound to job, attempt and miner.",
        ),
    ]


def _custody(receipt: ReceiptRow, job: JobRow, block_id: Hash, steps: Sequence[Step]) -> list[Link]:
    """Return the way from the job to the block that holds the receipt, and on to its pay."""
    posted = Moment(receipt.height, receipt.timestamp_ms)
    links = [Link("Job", Ref(Kind.JOB, job.job_id), job.submitted, ("Price locked, input fixed.",))]
    links += [
        _link(step, ("Miner and price cap fixed.",))
        for step in steps
        if step.row.outcome.kind is OutcomeKind.JOB_ASSIGNED
        and step.row.outcome.code == receipt.content.attempt
    ]
    signed = Ref(Kind.TRANSACTION, receipt.receipt_id)
    signed_words = "Result, work and price signed by the miner."
    block_words = "The header commits to the receipt; final."
    links.append(Link("Receipt", signed, posted, (signed_words,)))
    in_block = Ref(Kind.BLOCK, block_id)
    links.append(Link("Block", in_block, posted, (block_words,)))
    after = {OutcomeKind.RECEIPT_ATTESTED, OutcomeKind.RECEIPT_DISPUTED} | JOB_ENDS
    return links + [_link(step, step.words) for step in steps if step.row.outcome.kind in after]


def _link(step: Step, words: Sentence) -> Link:
    """Return a step as a link; automatic work leads to its block."""
    at = Moment(step.row.height, step.row.timestamp_ms)
    if step.cause is None:
        here = Ref(Kind.HEIGHT, step.row.height)
        return Link(TITLES[step.row.outcome.kind], here, at, words)
    ref = Ref(Kind.TRANSACTION, step.cause.transaction_id)
    return Link(TITLES[step.row.outcome.kind], ref, at, words)


def _trust(receipt: ReceiptRow, job: JobRow, steps: Sequence[Step]) -> list[str]:
    accepted = any(step.cause and step.cause.action == "accept_receipt" for step in steps)
    attested = {row.kind for row in receipt.attestations}
    is_over = job.ended is not None
    return verification_sentences(job.terms, attested, accepted=accepted, is_over=is_over)


def _twin(
    receipt: ReceiptRow,
    sentence: Sentence,
    sections: Sequence[Section],
    custody: Sequence[Link],
    trust: Sequence[str],
) -> Json:
    attestations: list[Json] = [
        {
            "kind": row.kind.name.lower(),
            "height": row.at.height,
            "timestamp_ms": row.at.timestamp_ms,
            "transaction_id": row.transaction_id.hex(),
        }
        for row in receipt.attestations
    ]
    return {
        **facts_json(sections),
        "sentence": plain(sentence),
        "payment": payment_of(receipt),
        "attestations": attestations,
        "custody_chain": [link.json for link in custody],
        "verification_words": list(trust),
    }


def receipt_json(receipt: ReceiptRow) -> Json:
    """Return a receipt's row for a JSON list."""
    return {
        "receipt_id": receipt.receipt_id.hex(),
        "job_id": receipt.job_id.hex(),
        "miner_name": receipt.miner_name,
        "model": receipt.content.model,
        "price": str(receipt.content.price),
        "payment": payment_of(receipt),
        "timestamp_ms": receipt.timestamp_ms,
    }
