"""Bundles to refuse at the steps behind `certificate`: what is said to be in a final block.

One is a block that a quorum forged: the sender's signature counts even then.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from ledger.actions import PostReceipt
from ledger.block import Header, block_id
from ledger.certificates import Certificate
from ledger.codec import encode
from ledger.hashing import sha256
from ledger.merkle import merkle_root, transaction_leaf
from ledger.proofs import account_part
from ledger.records import Account
from ledger.statements import Finalize
from ledger.transaction import SignedTransaction
from ledger.types import Height
from tests.vectors.proof_chain import ProofChain, Story
from tests.vectors.proof_cuts import (
    ABSENT,
    ACCOUNT,
    CERTIFICATE,
    HEADER,
    OUTCOME,
    RECEIPT,
    REMOVED,
    TRANSACTION,
    At,
    Refusal,
    bytes_at,
    flip,
)
from tests.vectors.world import CLIENT

Bundles = Mapping[str, Any]


def contents(story: Story, bundles: Bundles) -> Iterator[Refusal]:
    """Yield them all."""
    yield from _transactions(story, bundles)
    yield from _paths(story, bundles)
    yield from _outcomes(bundles)
    yield from _accounts(story, bundles)


def _transactions(story: Story, bundles: Bundles) -> Iterator[Refusal]:
    chain, at = story.chain, story.first_receipt
    block = chain.blocks[at]
    place = ("receipt", "signed")
    data = bytes_at(bundles[RECEIPT], *place)
    index = len(block.body) - 1
    for name, value in [
        ("a transaction, cut off", data[:-1]),
        ("a transaction that goes on", data + b"\x00"),
        ("no transaction", b""),
    ]:
        yield Refusal(name, RECEIPT, [(place, value)], "inclusion", "TRANSACTION_MALFORMED")
    dearer = block.body[index].transaction
    assert isinstance(dearer.action, PostReceipt)
    higher = replace(dearer, action=replace(dearer.action, price=dearer.action.price + 1))
    for name, change in [
        ("a bit of the transaction's signature", flip(bundles[RECEIPT], *place)),
        ("a receipt of a higher price", (place, replace(block.body[index], transaction=higher))),
        ("a transaction of another block", (place, chain.blocks[story.second_receipt].body[-1])),
        ("a transaction beside it", (place, block.body[0])),
    ]:
        yield Refusal(name, RECEIPT, [change], "inclusion", "INCLUSION_MISMATCH")
    transfer = [
        (("receipt", "signed"), encode(block.body[0]).hex()),
        (("receipt", "index"), "0"),
        (("receipt", "path"), [leaf.hex() for leaf in _path_of_first(chain, at)]),
    ]
    yield Refusal("a transfer for a receipt", RECEIPT, transfer, "receipt", "NOT_A_RECEIPT")
    forged = SignedTransaction(dearer, bytes(63) + b"\x01")
    patch = [*_forged_block(chain, at, forged), (place, forged)]
    yield Refusal(
        "a quorum included what nobody signed",
        RECEIPT,
        [*patch, (("receipt", "index"), "0"), (("receipt", "path"), [])],
        "signature",
        "SIGNATURE_INVALID",
    )


def _path_of_first(chain: ProofChain, at: Height) -> list[bytes]:
    """Return the siblings of the first of three leaves."""
    hashes = [sha256(b"\x00" + leaf) for leaf in chain.blocks[at].leaves(chain.tags)]
    assert len(hashes) == 3
    return hashes[1:]


def _forged_block(
    chain: ProofChain, at: Height, only: SignedTransaction
) -> list[tuple[At, object]]:
    """Return a block with one transaction, and a quorum's finalization of it."""
    leaf = transaction_leaf(chain.id_of(only), only.transaction.valid_until_ms, only.signature)
    header = replace(
        chain.blocks[at].header, transaction_root=merkle_root([leaf]), transaction_count=1
    )
    return [(HEADER, header), (CERTIFICATE, _finalization(chain, at, header))]


def _finalization(chain: ProofChain, at: Height, header: Header) -> Certificate:
    final = Finalize(header.epoch, header.view, header.parent_view, block_id(chain.tags, header))
    return chain.certify(final, chain.blocks[at].members, range(3))


def _paths(story: Story, bundles: Bundles) -> Iterator[Refusal]:
    bundle = bundles[TRANSACTION]
    path: list[str] = bundle["transaction"]["path"]
    where, index = ("transaction", "path"), ("transaction", "index")
    count = len(story.chain.blocks[story.transfers].body)
    cases: list[tuple[str, tuple[At, object]]] = [
        ("a bit of a sibling", flip(bundle, *where, 1)),
        ("siblings in another order", (where, path[::-1])),
        ("a sibling less", ((*where, len(path) - 1), REMOVED)),
        ("a sibling more", ((*where, len(path)), path[0])),
        ("no path", (where, [])),
        ("another index", (index, "2")),
        ("an index beyond the body", (index, str(count))),
        ("the largest index", (index, str(2**63 - 1))),
    ]
    for name, change in cases:
        yield Refusal(name, TRANSACTION, [change], "inclusion", "INCLUSION_MISMATCH")


def _outcomes(bundles: Bundles) -> Iterator[Refusal]:
    bundle, place = bundles[OUTCOME], ("outcome", "record")
    data = bytes_at(bundle, *place)
    yield Refusal(
        "an outcome, cut off", OUTCOME, [(place, data[:-1])], "inclusion", "OUTCOME_MALFORMED"
    )
    yield Refusal(
        "an outcome of an unknown kind",
        OUTCOME,
        [(place, data[:1] + b"\x7f" + data[2:])],
        "inclusion",
        "OUTCOME_MALFORMED",
    )
    yield Refusal("a nait more", OUTCOME, [flip(bundle, *place)], "inclusion", "INCLUSION_MISMATCH")
    yield Refusal(
        "another outcome's index",
        OUTCOME,
        [(("outcome", "index"), "0")],
        "inclusion",
        "INCLUSION_MISMATCH",
    )


def _accounts(story: Story, bundles: Bundles) -> Iterator[Refusal]:
    bundle = bundles[ACCOUNT]
    record, blob, siblings = (("account", name) for name in ("record", "blob", "siblings"))
    entries = bytes_at(bundle, *blob)
    rows: list[str] = bundle["account"]["siblings"]
    key = sha256(b"\x03" + CLIENT.address)
    own = entries.index(key)
    data = bytes_at(bundle, *record)
    yield Refusal(
        "an account's record that goes on",
        ACCOUNT,
        [(record, data + b"\x00")],
        "state",
        "RECORD_MALFORMED",
    )
    early = account_part(story.chain.blocks[0].view.state, CLIENT.address)
    cases: list[tuple[str, str, list[tuple[At, object]]]] = [
        ("a nait more in the account", ACCOUNT, [flip(bundle, *record)]),
        ("absence of an account that is there", ACCOUNT, [(record, None)]),
        (
            "absence of an account whose entry is cut out",
            ACCOUNT,
            [(record, None), (blob, entries[:own] + entries[own + 64 :])],
        ),
        ("absence from an empty bucket", ACCOUNT, [(record, None), (blob, "")]),
        ("units of an account that is not there", ABSENT, [(record, Account(1))]),
        ("another account", ACCOUNT, [flip(bundle, "account", "address")]),
        ("a bit of an entry", ACCOUNT, [flip(bundle, *blob)]),
        ("a bit of the state's siblings", ACCOUNT, [flip(bundle, *siblings, 0)]),
        ("the state's siblings in another order", ACCOUNT, [(siblings, rows[::-1])]),
        ("a level of the state less", ACCOUNT, [((*siblings, 1), REMOVED)]),
        ("a level of the state more", ACCOUNT, [((*siblings, 2), rows[0])]),
        ("a level of the state that is too narrow", ACCOUNT, [((*siblings, 0), rows[0][64:])]),
        (
            "what the account held at the beginning",
            ACCOUNT,
            [
                (record, early.record),
                (blob, early.blob),
                (siblings, list(early.siblings)),
            ],
        ),
    ]
    for name, base, patch in cases:
        yield Refusal(name, base, patch, "state", "STATE_MISMATCH")
