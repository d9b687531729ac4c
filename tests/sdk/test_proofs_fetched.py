"""Proofs fetched and checked in one call, blocking and awaited, from nodes honest or not."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from aitbc import ChainTags, InvalidValue, NotFound, ProofInvalid, verify_receipt
from tests.sdk.scripted_server import Asked, Reply, Script, serving
from tests.sdk.vectors import load
from tests.sdk.ways import WAYS, Way

VECTORS = load("proofs.json")
BUNDLES = {each["name"]: each for each in VECTORS["bundles"]}
DIGEST = bytes.fromhex(VECTORS["trusts"]["pinned"]["genesis_digest"])
KNOWN = {
    int(epoch): bytes.fromhex(told)
    for epoch, told in VECTORS["trusts"]["follower"]["known"].items()
}
RECEIPT = BUNDLES["receipt"]["claims"]["claim"]
RECEIPT_ID = f"receipt_{RECEIPT['transaction_id']}"
TRANSACTION_ID = BUNDLES["transaction"]["claims"]["claim"]["transaction_id"]
OUTCOME = BUNDLES["outcome"]["claims"]
ADDRESS = BUNDLES["account"]["claims"]["claim"]["address"]
STRANGER = BUNDLES["account that does not exist"]["claims"]["claim"]["address"]


def node_with(name: str) -> Script:
    """Return a node that has one bundle, and gives it whatever proof it is asked for."""

    def script(asked: Asked) -> Reply:
        if asked.path.startswith("/v1/proofs/"):
            return Reply(200, json.dumps(BUNDLES[name]["bundle"]).encode())
        return Reply(404)

    return script


def fetched(way: Way, bundle: str, call: str, *args: Any, **options: Any) -> Any:
    """Return what a call returns, asked of a node with one bundle."""
    with serving(node_with(bundle)) as server:
        return way(
            server.url,
            lambda client: getattr(client.proofs, call)(*args, genesis=DIGEST, **options),
        )


@pytest.mark.parametrize("way", WAYS)
def test_each_kind_is_fetched_and_proved_in_one_call(way: Way) -> None:
    receipt = fetched(way, "receipt", "receipt", RECEIPT_ID)
    assert receipt.receipt.receipt_id == RECEIPT_ID
    transaction = fetched(way, "transaction", "transaction", f"tx_{TRANSACTION_ID}")
    assert transaction.transaction.transaction_id.hex() == TRANSACTION_ID
    height, index = int(OUTCOME["height"]), int(OUTCOME["claim"]["index"])
    outcome = fetched(way, "outcome", "outcome", height, index)
    assert outcome.outcome.kind == "job settled"
    balance = fetched(way, "account", "account", ADDRESS)
    assert str(balance.balance) == BUNDLES["account"]["claims"]["claim"]["balance"]
    absent = fetched(way, "account that does not exist", "account", STRANGER)
    assert (absent.balance, absent.is_live) == (0, False)
    validators = fetched(way, "validators", "validators")
    assert len(validators.block.validators.members) == 6
    assert fetched(way, "validators of the first epoch", "validators", 0).block.epoch == 0


@pytest.mark.parametrize(
    ("bundle", "call", "args"),
    [
        ("receipt", "receipt", ["receipt_" + "ab" * 32]),
        ("transaction", "transaction", ["ab" * 32]),
        ("outcome", "outcome", [1, 0]),
        ("account", "account", [STRANGER]),
        ("transaction", "receipt", [TRANSACTION_ID]),
        ("validators", "account", [ADDRESS]),
        ("account", "validators", []),
        ("validators", "validators", [0]),
    ],
)
def test_a_proof_of_something_else_is_no_answer(bundle: str, call: str, args: list[Any]) -> None:
    for way in WAYS:
        with pytest.raises(ProofInvalid) as refusal:
            fetched(way, bundle, call, *args)
        assert (refusal.value.step, refusal.value.code) == ("asked", "PROOF_OF_OTHER")


@pytest.mark.parametrize("way", WAYS)
def test_what_was_verified_before_is_named_and_need_not_be_proved_again(way: Way) -> None:
    name = "account of a reader that knows the set of epoch 2"
    with serving(node_with(name)) as server:
        found = way(
            server.url,
            lambda client: client.proofs.account(ADDRESS, genesis=DIGEST, known=KNOWN),
        )
        (asked,) = server.asked
    assert found.block.epoch == 2
    assert parse_qs(urlsplit(asked.path).query) == {"since": [str(max(KNOWN))]}
    with pytest.raises(ProofInvalid, match="SINCE_UNKNOWN"):
        fetched(way, name, "account", ADDRESS)


def test_a_document_is_returned_as_it_is_and_its_kind_is_checked() -> None:
    for way in WAYS:
        with serving(node_with("outcome")) as server:
            found = way(server.url, lambda client: client.proofs.document("outcome", 6, 1, since=3))
            assert json.loads(found) == BUNDLES["outcome"]["bundle"]
            assert [asked.path for asked in server.asked] == ["/v1/proofs/outcome/6/1?since=3"]
            with pytest.raises(InvalidValue, match="kind"):
                way(server.url, lambda client: client.proofs.document("promise", "x"))


def test_what_a_node_does_not_have_is_not_found() -> None:
    with serving(lambda _: Reply(404)) as server, pytest.raises(NotFound):
        WAYS[0](server.url, lambda client: client.proofs.receipt(RECEIPT_ID, genesis=DIGEST))


# ---------------------------------------------------------------- receipts.check

CHAIN = ChainTags(BUNDLES["receipt"]["claims"]["chain_id"], DIGEST)
SIGNED = BUNDLES["receipt"]["bundle"]["receipt"]["signed"]


def node_of_the_receipt(bundle: str) -> Script:
    """Return a node that shows the receipt, and proves it with a bundle."""
    found = verify_receipt(CHAIN, SIGNED)

    def script(asked: Asked) -> Reply:
        if asked.path.startswith("/v1/proofs/"):
            return Reply(200, json.dumps(BUNDLES[bundle]["bundle"]).encode())
        if asked.path.endswith("/transaction"):
            return Reply(200, {"receipt_id": found.receipt_id, "transaction": SIGNED})
        return Reply(200, {"receipt_id": found.receipt_id, "job_id": found.job_id})

    return script


@pytest.mark.parametrize("way", WAYS)
def test_a_checked_receipt_names_the_final_block_that_holds_it(way: Way) -> None:
    with serving(node_of_the_receipt("receipt")) as server:
        found = way(server.url, lambda client: client.receipts.check(RECEIPT_ID, tags=CHAIN))
    assert found.block.height == int(BUNDLES["receipt"]["claims"]["height"])
    other = "receipt for a reader that knows the set of epoch 1"
    for wrong in (other, "transaction"):
        with serving(node_of_the_receipt(wrong)) as server, pytest.raises(ProofInvalid):
            way(server.url, lambda client: client.receipts.check(RECEIPT_ID, tags=CHAIN))
