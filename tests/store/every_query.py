"""Every question that an index answers, and the statements that are run for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from ledger.store import IndexReader, JobPhase, OfferStatus
from tests.store.chains import CLIENT, MINERS, START_MS


def every_query(reader: IndexReader) -> None:
    """Ask a reader everything that it answers."""
    before = (40, 3)
    some = reader.transactions(limit=1)[0]
    reader.indexed_height()
    reader.first_height()
    reader.blocks()
    reader.blocks(before_height=40)
    reader.block_at(3)
    reader.block_by_id(bytes(32))
    for bound in (None, before):
        reader.transactions(bound)
        reader.transactions(bound, height=20)
        reader.transactions(bound, address=CLIENT.address)
        reader.outcomes(bound)
        reader.outcomes(bound, height=20)
        reader.outcomes(bound, object_id=bytes(32))
        reader.account_activity(CLIENT.address, bound)
        reader.miners(bound)
        for phase in (None, JobPhase.QUEUED):
            reader.jobs(bound, phase=phase)
            reader.jobs(bound, phase=phase, client=CLIENT.address)
            reader.jobs(bound, phase=phase, miner=MINERS[0].address)
        for client in (None, CLIENT.address):
            reader.receipts(bound, client=client)
            reader.receipts(bound, client=client, provider=MINERS[0].address)
    reader.transaction(bytes(32))
    reader.outcomes_of(some)
    reader.causes_of(reader.outcomes())
    reader.completed_jobs(MINERS[0].address)
    reader.job(bytes(32))
    reader.receipt(bytes(32))
    reader.receipt_of_job(bytes(32))
    reader.miner(bytes(20))
    reader.miner_by_name("miner-0")
    reader.find("abcdef")
    reader.hours(before_ms=START_MS)
    reader.best_earners()
    reader.miner_days(MINERS[0].address)
    reader.reasons(START_MS)
    reader.reasons(START_MS, (START_MS, 3, 1))
    reader.reason_totals(START_MS)
    for bound in (None, before):
        reader.offers(bound)
        reader.offers(bound, status=OfferStatus.OPEN)
        reader.offers(bound, status=OfferStatus.OPEN, service="llm_inference")
    reader.cheapest_offers("llm_inference")
    reader.stats()


@contextmanager
def recorded(reader: IndexReader) -> Iterator[list[tuple[str, object]]]:
    """Collect the statements that a reader executes."""
    statements: list[tuple[str, object]] = []

    def remember(_connection, _cursor, statement, parameters, _context, _many) -> None:
        statements.append((statement, parameters))

    event.listen(reader._database._backend.reader, "before_cursor_execute", remember)
    yield statements
    event.remove(reader._database._backend.reader, "before_cursor_execute", remember)
