"""What the rows of the index say about an account's money, a receipt and a failed job."""

from ledger.actions import AttestationKind, Custody, Reason
from ledger.outcomes import OutcomeKind
from ledger.store import Moment
from tests.store.chains import CLIENT, COORDINATOR, FEE, MINERS, OTHER, START_MS, Builder
from tests.store.indexes import Indexed


def test_received_and_spent_add_up_to_the_accounts_balance_change(indexed: Indexed):
    builder = Builder()
    builder.register(MINERS[0], "gpu", bond=40)
    job = builder.submit(price=1_000)
    builder.transfer(CLIENT, OTHER.address, 5)
    builder.transfer(OTHER, OTHER.address, 2)
    builder.seal()
    job.assign(MINERS[0])
    builder.seal()
    job.post_receipt(price=600)
    builder.seal()
    job.attest_and_settle()
    retirement = builder.retire(MINERS[0], bond=40)
    builder.seal()
    miner = MINERS[0].address
    builder.record(OutcomeKind.BOND_RETURNED, b"", retirement, [(miner, 40)])
    builder.seal()
    indexed.take(builder)

    def change(address: bytes) -> int:
        rows = indexed.reader.account_activity(address)
        return sum(row.received - row.spent for row in rows)

    assert change(CLIENT.address) == -1_000 - FEE - 5 - FEE + 400
    assert change(OTHER.address) == 5 - FEE
    assert change(MINERS[0].address) == -40 - FEE + 570 - FEE + 40
    assert change(COORDINATOR.address) == 30
    newest = indexed.reader.account_activity(MINERS[0].address)[0]
    assert newest.transaction is None
    assert newest.outcome.outcome.kind is OutcomeKind.BOND_RETURNED


def test_a_receipt_row_is_complete(indexed: Indexed):
    builder = Builder()
    builder.register(MINERS[1], "Lab.7")
    job = builder.submit(price=1_000)
    builder.seal()
    job.assign(MINERS[1])
    builder.seal()
    job.post_receipt(price=600)
    builder.seal()
    rerun = job.attest(AttestationKind.RERUN)
    builder.seal()
    job.attest_and_settle()
    builder.seal()
    indexed.take(builder)
    assert job.receipt_id is not None
    row = indexed.reader.receipt(job.receipt_id)
    assert (row.miner, row.miner_name, row.custody) == (MINERS[1].address, "Lab.7", Custody.OWN)
    assert (row.height, row.timestamp_ms) == (3, START_MS + 3_000)
    assert row.content == builder.sealed[3].block.transactions[0].transaction.action
    assert [each.kind for each in row.attestations] == [
        AttestationKind.RERUN,
        AttestationKind.DELIVERY,
    ]
    assert row.attestations[0].transaction_id == rerun
    assert row.attestations[1].at == Moment(5, START_MS + 5_000)
    assert row.settled == Moment(5, START_MS + 5_000)
    assert (row.paid_miner, row.paid_coordinator, row.paid_client) == (570, 30, 400)
    found = indexed.reader.job(job.job_id)
    assert found.received == Moment(3, START_MS + 3_000)
    assert found.assigned == Moment(2, START_MS + 2_000)
    assert found.end_kind is OutcomeKind.JOB_SETTLED
    assert found.end_reason is None


def test_a_failed_job_says_why(indexed: Indexed):
    builder = Builder()
    job = builder.submit()
    builder.seal()
    job.fail()
    builder.seal()
    indexed.take(builder)
    row = indexed.reader.job(job.job_id)
    assert (row.end_kind, row.end_reason) == (OutcomeKind.JOB_FAILED, Reason.BAD_INPUT)
    assert indexed.reader.receipt_of_job(job.job_id) is None
