"""What a lease says, held against the chain before any work is done (K4).

The terms come from the coordinator. The client's own escrow transaction is on the chain, and the
job's id is that transaction's id (J27): no node can show another one for it.
"""

from aitbc import (
    ChainTags,
    Client,
    InvalidValue,
    JsonValue,
    canonical_json,
    read_transaction,
)
from aitbc.field_checks import AMOUNT_MAX, integer_to
from miner.node_api import Lease


class PayloadMismatch(Exception):
    """The coordinator's words are not what the client put on the chain."""


def check_payload(lease: Lease, tags: ChainTags) -> None:
    """Check that input and blind are those of the digest (J20), and that the input is whole.

    Raises:
        PayloadMismatch: they are not.
    """
    document: dict[str, JsonValue] = {
        "input": dict(lease.input),
        "model": lease.model,
        "params": dict(lease.params),
        "service": lease.service,
    }
    try:
        stated = canonical_json(document)
    except InvalidValue as error:
        raise PayloadMismatch(str(error)) from None
    if stated != lease.payload:
        raise PayloadMismatch("the input is not the payload")
    if tags.payload_digest(lease.payload, lease.blind) != lease.payload_digest:
        raise PayloadMismatch("the payload does not have its digest")


def check_escrow(lease: Lease, tags: ChainTags, node: Client) -> None:
    """Check that the client's escrow on the chain agrees with the lease.

    Raises:
        PayloadMismatch: it does not, or it is no escrow.
        AitbcError: the node does not show it.
    """
    answer = node.get_transaction(lease.job_id)
    try:
        escrow = read_transaction(tags, bytes.fromhex(str(answer["signed"])))
    except (ValueError, InvalidValue) as error:
        raise PayloadMismatch(f"the escrow cannot be read: {error}") from None
    if escrow.transaction_id != lease.job_digest or escrow.action != "submit_job":
        raise PayloadMismatch("the job's id is not that of an escrow")
    fields = escrow.fields
    stated = (escrow.sender, fields["coordinator"], fields["payload_digest"], fields["service"])
    if stated != (lease.client, lease.coordinator, lease.payload_digest, lease.service):
        raise PayloadMismatch("the escrow names another client, coordinator, input or service")
    if lease.price_cap > integer_to(AMOUNT_MAX)("max_price", fields["max_price"]):
        raise PayloadMismatch("the escrow is smaller than the price cap")
