"""Proof bundles over HTTP: each route's bundle holds, and what has none says why."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from coordinator.ports import TransactionStatus
from ledger.codec import encode
from ledger.keys import format_address
from ledger.outcomes import OutcomeKind
from ledger.proofs import (
    Fault,
    ProofInvalid,
    Proved,
    ProvedAccount,
    ProvedOutcome,
    ProvedTransaction,
    Trust,
    check_bundle,
)
from node.proofs import ProofTooLong, Prover
from tests.node.proved_node import ProvedNode
from tests.vectors.proof_chain import tell
from tests.vectors.proofs import sets
from tests.vectors.world import CLIENT, pseudo_random

STORY = tell()
CLIENT_TEXT = format_address(CLIENT.address)
NOBODY = format_address(pseudo_random("an account that nobody has", 20))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProvedNode]:
    with closing(ProvedNode(tmp_path_factory.mktemp("proved"), STORY)) as node:
        yield node


def transaction_of(proved: Proved) -> ProvedTransaction:
    assert isinstance(proved.claim, ProvedTransaction)
    return proved.claim


async def test_a_receipt_is_proved_from_the_genesis_and_from_an_epoch_that_is_known(
    node: ProvedNode,
) -> None:
    receipt = node.receipt_at(STORY.second_receipt)
    for since in range(3):
        path = f"receipt/{receipt.hex()}?since={since}"
        bundle = (await node.get(path)).json()
        assert bundle["since"] is None if since == 0 else bundle["since"]["epoch"] == str(since)
        assert len(bundle["boundaries"]) == 2 - since
        # Its own block has no certificate, nor have the two above it.
        assert len(bundle["finality"]["headers"]) == 4
        proved = await node.proved(path, sets(STORY))
        assert transaction_of(proved).transaction_id == receipt
        assert proved.block.header.height == STORY.second_receipt


async def test_an_epoch_that_the_reader_knows_and_the_block_precedes_is_of_no_use(
    node: ProvedNode,
) -> None:
    receipt = node.receipt_at(STORY.first_receipt)
    proved = await node.proved(f"receipt/receipt_{receipt.hex()}?since=2")
    assert proved.block.header.epoch == 0


async def test_every_transaction_and_every_outcome_of_a_block_is_proved(node: ProvedNode) -> None:
    for at in (STORY.settled, STORY.chain.ends()[1], STORY.second_receipt):
        block = STORY.chain.blocks[at]
        for index, signed in enumerate(block.body):
            identity = STORY.chain.id_of(signed)
            claim = transaction_of(await node.proved(f"transaction/tx_{identity.hex()}"))
            assert (claim.transaction_id, claim.index) == (identity, index)
        for index, outcome in enumerate(block.outcomes):
            proved = await node.proved(f"outcome/{at}/{index}")
            assert proved.claim == ProvedOutcome(index, outcome)
            assert proved.block.block_id == block.view.block_id


async def test_a_balance_and_the_lack_of_one_are_proved_after_the_newest_final_block(
    node: ProvedNode,
) -> None:
    head = STORY.chain.blocks[-1]
    answer = await node.get(f"account/{format_address(CLIENT.address)}")
    assert answer.headers["aitbc-as-of-height"] == str(head.header.height)
    proved = check_bundle(answer.content, Trust(STORY.chain.genesis.digest))
    assert proved.block.header == head.header
    assert isinstance(proved.claim, ProvedAccount)
    assert proved.claim.record == head.view.state.get(b"\x03" + CLIENT.address)
    absent = await node.proved(f"account/{NOBODY}?since=2", sets(STORY))
    assert isinstance(absent.claim, ProvedAccount)
    assert absent.claim.record is None


async def test_the_set_of_every_epoch_is_proved(node: ProvedNode) -> None:
    assert len((await node.proved("validators")).block.validators.members) == 6
    for epoch, members in ((0, 4), (1, 5), (2, 6)):
        proved = await node.proved(f"validators?epoch={epoch}")
        assert proved.block.header.epoch == epoch
        assert len(proved.block.validators.members) == members
    assert await node.refused("validators?epoch=3") == (404, "EPOCH_NOT_FOUND")


async def test_a_bundle_about_an_id_may_be_kept_for_a_day_and_others_are_asked_for_again(
    node: ProvedNode,
) -> None:
    identity = node.receipt_at(STORY.first_receipt).hex()
    asked_again = "public, no-cache"
    for path, kept in (
        (f"receipt/{identity}", "public, max-age=86400"),
        (f"transaction/{identity}", "public, max-age=86400"),
        (f"outcome/{STORY.settled}/0", asked_again),
        ("validators?epoch=0", asked_again),
        ("validators", asked_again),
        (f"account/{CLIENT_TEXT}", asked_again),
    ):
        first = await node.get(path)
        assert first.headers["cache-control"] == kept
        etag = first.headers["etag"]
        again = await node.get(path, **{"if-none-match": f'"x", {etag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag


async def test_what_has_no_proof_says_why(node: ProvedNode) -> None:
    transfer = STORY.chain.id_of(STORY.chain.blocks[STORY.transfers].body[0]).hex()
    unknown = "ab" * 32
    head = len(STORY.chain.blocks) - 1
    for path, refusal in {
        f"receipt/{transfer}": (404, "RECEIPT_NOT_FOUND"),
        f"receipt/{unknown}": (404, "RECEIPT_NOT_FOUND"),
        "receipt/xyz": (404, "RECEIPT_NOT_FOUND"),
        f"transaction/{unknown}": (404, "TRANSACTION_NOT_FOUND"),
        "transaction/1": (404, "TRANSACTION_NOT_FOUND"),
        f"outcome/{head + 1}/0": (404, "OUTCOME_NOT_FOUND"),
        f"outcome/{STORY.settled}/99": (404, "OUTCOME_NOT_FOUND"),
        "outcome/0/0": (404, "OUTCOME_NOT_FOUND"),
        "outcome/latest/0": (404, "OUTCOME_NOT_FOUND"),
        "outcome/1/-1": (404, "OUTCOME_NOT_FOUND"),
        "account/ait1nothing": (400, "VALIDATION_ERROR"),
        "validators?epoch=x": (400, "VALIDATION_ERROR"),
        f"account/{NOBODY}?since=-1": (400, "VALIDATION_ERROR"),
    }.items():
        assert await node.refused(path) == refusal, path


async def test_a_transaction_that_waits_has_no_proof_yet(tmp_path: Path) -> None:
    with closing(ProvedNode(tmp_path, STORY, blocks=STORY.first_receipt)) as node:
        receipt = STORY.chain.blocks[STORY.first_receipt].body[-1]
        (outcome,) = await node.chain.submit([encode(receipt)])
        assert outcome.status is TransactionStatus.POOLED, outcome
        for kind in ("receipt", "transaction"):
            path = f"{kind}/{outcome.transaction_id.hex()}"
            assert await node.refused(path) == (409, "NOT_FINAL")


async def test_a_block_whose_certificate_is_on_its_way_has_no_proof_yet(tmp_path: Path) -> None:
    with closing(ProvedNode(tmp_path, STORY, blocks=STORY.second_receipt + 1)) as node:
        assert await node.refused("validators") == (409, "NOT_FINAL")
        assert await node.refused(f"account/{NOBODY}") == (409, "NOT_FINAL")
        assert (await node.proved(f"outcome/{STORY.settled}/0")).block.header.epoch == 0


async def test_before_the_first_block_there_is_nothing_to_prove(tmp_path: Path) -> None:
    with closing(ProvedNode(tmp_path, STORY, blocks=1)) as node:
        for path in ("validators", f"account/{NOBODY}"):
            assert await node.refused(path) == (409, "NOT_FINAL")


async def test_a_pruned_node_proves_jobs_and_outcomes_and_no_transfers(tmp_path: Path) -> None:
    with closing(ProvedNode(tmp_path, STORY)) as node:
        await _prove_what_is_kept(node)


async def _prove_what_is_kept(node: ProvedNode) -> None:
    node.prune(len(STORY.chain.blocks) - 1)
    assert node.store.first_height > STORY.transfers
    receipt = node.receipt_at(STORY.first_receipt).hex()
    assert transaction_of(await node.proved(f"receipt/{receipt}")).index == 2
    settled = STORY.chain.blocks[STORY.settled].outcomes
    index = [outcome.kind for outcome in settled].index(OutcomeKind.JOB_SETTLED)
    assert (await node.proved(f"outcome/{STORY.settled}/{index}")).claim is not None
    assert len((await node.proved("validators?epoch=0")).block.validators.members) == 4
    transfer = STORY.chain.id_of(STORY.chain.blocks[STORY.transfers].body[0]).hex()
    assert await node.refused(f"transaction/{transfer}") == (410, "PROOF_PRUNED")


@pytest.mark.parametrize(("limit", "value"), [("BOUNDARIES_MAX", 1), ("BOUNDARY_CHARS_MAX", 3_000)])
async def test_a_longer_chain_of_sets_is_walked_in_stages(
    node: ProvedNode, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(f"node.proofs.boundaries.{limit}", value)
    with pytest.raises(ProofTooLong, match="since=1"):
        node.prover.validators(25, 2, 0)
    assert await node.refused("validators") == (400, "PROOF_TOO_LONG")
    assert (await node.get("validators")).json()["reachable_epoch"] == 1
    stage = await node.proved("validators?epoch=1")
    known = {1: stage.block.header.validator_set_hash}
    assert (await node.proved("validators?since=1", known)).block.header.epoch == 2
    with pytest.raises(ProofInvalid) as refused:
        await node.proved("validators?since=1")
    assert refused.value.fault is Fault.SINCE_UNKNOWN


async def test_a_genesis_too_long_for_a_bundle_is_left_out(
    node: ProvedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.proofs.prover.SPECIFICATION_BYTES_MAX", 100)
    genesis, head = STORY.chain.genesis, STORY.chain.blocks[-1].header
    bundle = Prover(node.store, node.index, genesis).validators(head.height, head.epoch, 0)
    with pytest.raises(ProofInvalid) as refused:
        check_bundle(bundle, Trust(genesis.digest))
    assert refused.value.fault is Fault.GENESIS_MISSING
    proved = check_bundle(bundle, Trust(genesis.digest, STORY.chain.specification))
    assert proved.block.header == head


async def test_an_altered_block_is_served_and_its_proof_fails(tmp_path: Path) -> None:
    with closing(ProvedNode(tmp_path, STORY)) as node:
        receipt = node.receipt_at(STORY.first_receipt)
        body = encode(STORY.chain.blocks[STORY.first_receipt].body)
        price = encode(3_200_000)
        assert body.count(price) == 1
        with closing(sqlite3.connect(tmp_path / "chain.db")) as database, database:
            altered = body.replace(price, encode(3_200_001))
            change = "update blocks set body = ? where height = ?"
            database.execute(change, (altered, STORY.first_receipt))
        answer = await node.get(f"receipt/{receipt.hex()}")
        assert answer.status_code == 200
        with pytest.raises(ProofInvalid) as refused:
            check_bundle(answer.content, Trust(STORY.chain.genesis.digest))
        assert (refused.value.step, refused.value.fault) == ("inclusion", "INCLUSION_MISMATCH")
