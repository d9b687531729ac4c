"""The page of a transaction: its effect in a sentence, then everything that was signed."""

import msgspec

from explorer_web.action_fields import action_facts
from explorer_web.blocks import BLOCKS
from explorer_web.checks import transaction_checks
from explorer_web.facts import Fact, Json, Kind, Section, Source, facts_json
from explorer_web.formats import grouped, short
from explorer_web.outcomes import outcome_json
from explorer_web.page import Crumb, Page, malformed, unknown
from explorer_web.proved import transaction_proof
from explorer_web.references import PageKind, page_url, parse_id
from explorer_web.sentences import plain
from explorer_web.words import APPLIED, FINAL, action_sentence
from ledger.store import IndexReader, TransactionRow


def transaction_page(index: IndexReader, reference: str) -> Page:
    """Return the page of a final transaction.

    Args:
        index: where transactions are.
        reference: its id from the address, bare or as the API writes it.

    Raises:
        Absent: there is no such transaction here.
    """
    transaction_id = parse_id(PageKind.TRANSACTION, reference)
    if transaction_id is None:
        wanted = "a transaction is named by its id: 64 hex digits, with or without `tx_`"
        raise malformed(PageKind.TRANSACTION, reference, wanted)
    row = index.transaction(transaction_id)
    if row is None:
        raise unknown(PageKind.TRANSACTION, reference, transaction_id)
    outcomes = index.outcomes_of(row)
    action = row.content.transaction.action
    sentence = action_sentence(row.sender, action)
    sections = (
        Section("Overview", _overview(row)),
        Section("What was signed", action_facts(action), "The action, decoded field by field."),
        Section("Envelope", _envelope(row)),
    )
    block = Crumb(f"Block {grouped(row.height)}", page_url(PageKind.BLOCK, row.height))
    title = f"Transaction {short(transaction_id.hex())}"
    twin: dict[str, Json] = {
        **facts_json((sections[0], sections[2])),
        "status": "final",
        "sentence": plain(sentence),
        "fields": facts_json((sections[1],)),
        "outcomes": [outcome_json(each) for each in outcomes],
        "signed": row.signed.hex(),
    }
    return Page(
        template="transaction.html",
        title=title,
        crumbs=(BLOCKS, block, Crumb(title)),
        content={
            "proof": transaction_proof(row),
            "sentence": sentence,
            "badges": (APPLIED, FINAL),
            "sections": sections,
            "outcomes": outcomes,
            "pages": _other_pages(row),
            "checks": transaction_checks(transaction_id.hex()),
            "raw": (("Signed transaction", row.signed),),
        },
        twin=twin,
        twin_url=page_url(PageKind.TRANSACTION, transaction_id) + ".json",
        is_unchanging=True,
    )


def _overview(row: TransactionRow) -> list[Fact]:
    of_index, of_header, signed = Source.INDEX, Source.HEADER, Source.SIGNED
    return [
        Fact(
            "transaction_id",
            "Transaction id",
            Kind.HASH,
            row.transaction_id,
            of_index,
            "Digest of the unsigned bytes under this chain's tag.",
        ),
        Fact("action", "Action", Kind.TEXT, row.action, signed),
        Fact("sender", "Sender", Kind.ADDRESS, row.sender, signed, "Account that acts and pays."),
        Fact("fee", "Fee", Kind.MONEY, row.fee, signed, "Paid to the block's proposer."),
        Fact("height", "Block", Kind.HEIGHT, row.height, of_index),
        Fact("block_id", "Block id", Kind.BLOCK, row.block_id, of_index),
        Fact("index", "Place in the block", Kind.NUMBER, row.index, of_index, "Counted from 0."),
        Fact("timestamp_ms", "Time of the block", Kind.TIME, row.timestamp_ms, of_header),
        Fact("job_id", "Job", Kind.JOB, row.job_id, of_index),
    ]


def _envelope(row: TransactionRow) -> list[Fact]:
    unsigned = row.content.transaction
    source = Source.SIGNED
    return [
        Fact("version", "Format version", Kind.NUMBER, unsigned.version, source),
        Fact("chain_id", "Chain", Kind.TEXT, unsigned.chain_id, source),
        Fact("sender_public_key", "Sender's key", Kind.KEY, unsigned.sender_public_key, source),
        Fact(
            "valid_until_ms",
            "Valid until",
            Kind.TIME,
            unsigned.valid_until_ms,
            source,
            "No later block may include it.",
        ),
        Fact(
            "salt",
            "Salt",
            Kind.RAW,
            unsigned.salt,
            source,
            "Random bytes that make equal transactions differ.",
        ),
        Fact("signature", "Signature", Kind.RAW, row.content.signature, source, "Ed25519."),
        Fact("size_bytes", "Size", Kind.BYTES, len(row.signed), Source.INDEX),
    ]


def _other_pages(row: TransactionRow) -> list[Crumb]:
    """Return the pages of what this transaction made; its id is theirs (J27)."""
    identity, pages = row.transaction_id, []
    if row.action == "submit_job":
        pages.append(Crumb("The job that it made", page_url(PageKind.JOB, identity)))
    elif row.job_id is not None:
        pages.append(Crumb("Its job", page_url(PageKind.JOB, row.job_id)))
    if row.action == "post_receipt":
        pages.append(Crumb("The receipt that it is", page_url(PageKind.RECEIPT, identity)))
    named = msgspec.structs.asdict(row.content.transaction.action).get("receipt_id")
    if isinstance(named, bytes):
        pages.append(Crumb("The receipt that it names", page_url(PageKind.RECEIPT, named)))
    return pages
