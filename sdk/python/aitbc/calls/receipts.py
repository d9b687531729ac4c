"""Receipts: the miners' signed statements of what was done for which price."""

from collections.abc import Mapping
from dataclasses import replace

from aitbc.answers import Receipt, ReceiptTransaction, Verification
from aitbc.calls import proofs
from aitbc.calls.chain import chain_tags
from aitbc.digests import ChainTags
from aitbc.errors import NotFound, ReceiptInvalid
from aitbc.exchange import Flow, Request, Session, ask, ask_list, segment
from aitbc.json_values import JsonValue
from aitbc.verification import VerifiedReceipt, verify_receipt

_VERSION = {"AITBC-Version": "2026-01-24"}
"""The version whose receipts name units and price."""


def get_receipt(session: Session, receipt_id: str) -> Flow[Receipt]:
    """Return a receipt by its id or its job's."""
    request = Request("GET", f"/v1/receipts/{segment(receipt_id)}", headers=_VERSION)
    return (yield from ask(session, request, Receipt))


def list_receipts(
    session: Session,
    *,
    client: str | None = None,
    provider: str | None = None,
    limit: int = 20,
) -> Flow[list[Receipt]]:
    """Return final receipts, newest first.

    Args:
        session: the client's.
        client: only those that this address pays.
        provider: only those of this miner, by name or address.
        limit: most to return, at most 100.
    """
    params: dict[str, str | int] = {"limit": limit}
    params |= {name: value for name, value in (("client", client), ("provider", provider)) if value}
    request = Request("GET", "/v1/receipts", params=params, headers=_VERSION)
    return (yield from ask_list(session, request, Receipt))


def get_receipt_transaction(session: Session, receipt_id: str) -> Flow[ReceiptTransaction]:
    """Return the signed transaction that a receipt is; `aitbc.verify_receipt` checks it."""
    request = Request("GET", f"/v1/receipts/{segment(receipt_id)}/transaction")
    return (yield from ask(session, request, ReceiptTransaction))


def verify(session: Session, receipt: Mapping[str, JsonValue]) -> Flow[Verification]:
    """Ask the node whether a receipt is authentic; see `check` for checking it here.

    Args:
        session: the client's.
        receipt: the receipt, in any version's shape.
    """
    request = Request("POST", "/v1/receipts/verify", json={"receipt": receipt}, repeatable=True)
    return (yield from ask(session, request, Verification))


def check(
    session: Session,
    receipt_id: str,
    *,
    tags: ChainTags | None = None,
    miner: str | None = None,
    public_key: bytes | str | None = None,
) -> Flow[VerifiedReceipt]:
    """Fetch a receipt, the transaction that it is, and the proof that a final block holds it.

    All three are checked here. `VerifiedReceipt.block` is the block that was proved to hold the
    receipt, and with that, that the chain assigned the job to this miner. It is None where the node
    has no proof: then see `aitbc.verify_receipt` for what the signature alone proves.

    Args:
        session: the client's.
        receipt_id: the receipt, or its job.
        tags: the chain that is trusted; when None the node is asked for it, and trusted in that.
        miner: address of the only miner whose receipt is accepted. When None anybody's is: a node
            that lies can sign one itself.
        public_key: the only key whose receipt is accepted: 32 bytes, or their base64.

    Raises:
        ReceiptInvalid: the node shows something else than what this miner signed for this id;
            ``field`` names what.
        ProofInvalid: the node's proof does not hold, or is of another receipt.
        InvalidValue: `miner` is no address, or `public_key` no key.
    """
    trusted = tags if tags is not None else (yield from chain_tags(session))
    receipt = yield from get_receipt(session, receipt_id)
    answer = yield from get_receipt_transaction(session, receipt_id)
    signed = str(answer["transaction"])
    found = verify_receipt(trusted, signed, receipt, miner=miner, public_key=public_key)
    if receipt_id not in {found.receipt_id, found.job_id}:
        raise ReceiptInvalid("receipt_id", f"the node shows {found.receipt_id} instead")
    digest = trusted.genesis_digest
    try:
        proof = yield from proofs.receipt(session, found.receipt_id, genesis=digest)
    except NotFound:
        return found
    return replace(found, block=proof.block)
