"""Bundles to refuse at the steps `headers`, `validators` and `certificate`."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec.structs import replace

from ledger.block import block_id
from ledger.certificates import Certificate, CertificateEntry
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.statements import Finalize, Notarize, Nullify
from tests.vectors.proof_chain import Story
from tests.vectors.proof_cuts import (
    BOUNDARY,
    CERTIFICATE,
    HEADER,
    LATER,
    RECEIPT,
    REMOVED,
    VALIDATORS,
    At,
    Refusal,
    bytes_at,
    flip,
)
from tests.vectors.world import pseudo_random

Bundles = Mapping[str, Any]

GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493


def forgeries(story: Story, bundles: Bundles) -> Iterator[Refusal]:
    """Yield them all."""
    yield from _headers(story, bundles)
    yield from _sets(story, bundles)
    yield from _statements(story, bundles)
    yield from _other_blocks(story, bundles)
    yield from _signers(story, bundles)
    yield from _signatures(story, bundles)


def _headers(story: Story, bundles: Bundles) -> Iterator[Refusal]:
    chain = story.chain
    data = bytes_at(bundles[RECEIPT], *HEADER)
    header = chain.blocks[story.first_receipt].header
    for name, value in [
        ("a header, cut off", data[:-1]),
        ("a header that goes on", data + b"\x00"),
        ("a header of another version", encode(replace(header, version=2))),
        ("a header whose numbers are not minimal", data.replace(b"\x01", b"\xcc\x01", 1)),
        ("no header", b""),
        ("a header of height 2^63", encode(replace(header, height=2**63))),
        ("2^63 transactions", encode(replace(header, transaction_count=2**63))),
        ("fewer transactions than none", encode(replace(header, transaction_count=-1))),
        ("2^63 outcomes", encode(replace(header, outcome_count=2**63))),
        ("fewer outcomes than none", encode(replace(header, outcome_count=-1))),
        ("a header whose parent's id has 31 bytes", encode(replace(header, parent_id=bytes(31)))),
    ]:
        yield Refusal(name, RECEIPT, [(HEADER, value)], "headers", "HEADER_MALFORMED")
    headers = bundles[LATER]["finality"]["headers"]
    places = ("finality", "headers")
    boundary, first = chain.ends()[1], chain.blocks[chain.ends()[1] + 1]
    unlinked: list[tuple[str, str, list[tuple[At, object]]]] = [
        ("a header between is missing", LATER, [((*places, 1), REMOVED)]),
        ("headers in another order", LATER, [(places, [headers[0], *headers[:0:-1]])]),
        ("a header twice", LATER, [(places, [headers[0], *headers])]),
        ("a bit of the proved header", LATER, [flip(bundles[LATER], *HEADER)]),
        (
            "a header of the next epoch",
            BOUNDARY,
            [
                ((*places, 1), first.header),
                (CERTIFICATE, chain.certificate(boundary + 1)),
            ],
        ),
    ]
    for name, base, patch in unlinked:
        yield Refusal(name, base, patch, "headers", "HEADERS_UNLINKED")


def _sets(story: Story, bundles: Bundles) -> Iterator[Refusal]:
    boundaries = bundles[LATER]["boundaries"]
    cases: list[tuple[str, str, list[tuple[At, object]], str]] = [
        ("the last boundary left out", LATER, [(("boundaries", 1), REMOVED)], "SET_OTHER"),
        ("no boundaries", LATER, [(("boundaries",), [])], "SET_OTHER"),
        ("no boundaries to a set", VALIDATORS, [(("boundaries",), [])], "SET_OTHER"),
        (
            "boundaries of later epochs",
            RECEIPT,
            [(("boundaries",), boundaries)],
            "EPOCH_TOO_EARLY",
        ),
    ]
    for name, base, patch, code in cases:
        yield Refusal(name, base, patch, "validators", code)
    # The proved header names the right set; the one that the certificate names does not.
    chain, at = story.chain, story.second_receipt
    child = replace(chain.blocks[at + 1].header, validator_set_hash=bytes(32))
    final = Finalize(child.epoch, child.view, child.parent_view, block_id(chain.tags, child))
    certificate = chain.certify(final, chain.blocks[at].members, range(5))
    headers = [chain.blocks[at].header, child]
    yield Refusal(
        "a child that names another set",
        LATER,
        [
            (("finality", "headers"), [encode(header).hex() for header in headers]),
            (CERTIFICATE, certificate),
        ],
        "validators",
        "SET_OTHER",
    )


def _statements(story: Story, bundles: Bundles) -> Iterator[Refusal]:
    chain, at = story.chain, story.first_receipt
    header, members = chain.blocks[at].header, chain.blocks[at].members
    identity = chain.blocks[at].view.block_id
    place = (header.epoch, header.view, header.parent_view)
    final = Finalize(*place, identity)
    three = range(3)
    data = bytes_at(bundles[RECEIPT], *CERTIFICATE)
    cases: list[tuple[str, object, str]] = [
        ("a certificate, cut off", data[:-1], "CERTIFICATE_MALFORMED"),
        ("a certificate that goes on", data + b"\x00", "CERTIFICATE_MALFORMED"),
        (
            "a parent's view that is not earlier",
            chain.certify(replace(final, parent_view=header.view), members, three),
            "CERTIFICATE_MALFORMED",
        ),
        (
            "notarizations",
            chain.certify(Notarize(*place, identity), members, three),
            "CERTIFICATE_NOT_FINALIZE",
        ),
        (
            "nullifications",
            chain.certify(Nullify(header.epoch, header.view), members, three),
            "CERTIFICATE_NOT_FINALIZE",
        ),
        ("of the block after", chain.certificate(at + 1), "CERTIFICATE_OTHER_BLOCK"),
        (
            "of another epoch",
            chain.certify(replace(final, epoch=header.epoch + 1), members, three),
            "CERTIFICATE_OTHER_EPOCH",
        ),
        (
            "a later view, of a block inside its epoch",
            chain.certificate(at, view=header.view + 1),
            "CERTIFICATE_OTHER_VIEW",
        ),
        (
            "an earlier view",
            chain.certify(Finalize(header.epoch, header.view - 1, 0, identity), members, three),
            "CERTIFICATE_OTHER_VIEW",
        ),
    ]
    for name, value, code in cases:
        yield Refusal(name, RECEIPT, [(CERTIFICATE, value)], "certificate", code)


def _other_blocks(story: Story, bundles: Bundles) -> Iterator[Refusal]:
    chain = story.chain
    yield Refusal(
        "a bit of the header",
        RECEIPT,
        [flip(bundles[RECEIPT], *HEADER, byte=-80)],
        "certificate",
        "CERTIFICATE_OTHER_BLOCK",
    )
    end = chain.ends()[1]
    early = chain.earlier_certificate(end)
    yield Refusal(
        "an earlier view, of an epoch's last block",
        BOUNDARY,
        [(CERTIFICATE, early)],
        "certificate",
        "CERTIFICATE_OTHER_VIEW",
    )


def _signers(story: Story, bundles: Bundles) -> Iterator[Refusal]:
    chain, at = story.chain, story.first_receipt
    good = chain.certificate(at)
    later = chain.certificate(story.second_receipt + 3, range(6))
    former = chain.certificate(story.second_receipt + 3, range(4))
    cases: list[tuple[str, str, Certificate, str]] = [
        ("a signer twice", RECEIPT, _with(good, [0, 1, 1]), "SIGNERS_NOT_ASCENDING"),
        ("signers in another order", RECEIPT, _with(good, [1, 0, 2]), "SIGNERS_NOT_ASCENDING"),
        ("a signer is missing", RECEIPT, _with(good, [0, 1]), "QUORUM_MISSING"),
        ("nobody signed", RECEIPT, _with(good, []), "QUORUM_MISSING"),
        ("2f + 1 of six", LATER, _with(later, [0, 1, 2]), "QUORUM_MISSING"),
        ("the first epoch's members only", LATER, former, "QUORUM_MISSING"),
        (
            "a signer beyond the largest set",
            RECEIPT,
            Certificate(good.statement, (*good.entries[:2], replace(good.entries[2], signer=100))),
            "CERTIFICATE_MALFORMED",
        ),
        (
            "a signer that is no member yet",
            RECEIPT,
            Certificate(good.statement, (*good.entries[:2], replace(good.entries[2], signer=4))),
            "SIGNER_UNKNOWN",
        ),
    ]
    for name, base, certificate, code in cases:
        yield Refusal(name, base, [(CERTIFICATE, certificate)], "certificate", code)


def _signatures(story: Story, bundles: Bundles) -> Iterator[Refusal]:
    chain, at = story.chain, story.first_receipt
    header, members = chain.blocks[at].header, chain.blocks[at].members
    good = chain.certificate(at)
    assert isinstance(good.statement, Finalize)
    notarize = Notarize(
        header.epoch, header.view, header.parent_view, chain.blocks[at].view.block_id
    )
    last = good.entries[-1]
    scalar = int.from_bytes(last.signature[32:], "little") + GROUP_ORDER
    identity = (1).to_bytes(32, "little")
    cases: list[tuple[str, Certificate]] = [
        (
            "notarizes under a finalize",
            chain.certify(good.statement, members, range(3), signs=notarize),
        ),
        (
            "signed for another chain",
            chain.certificate(at, tags=Tags(pseudo_random("another genesis digest"))),
        ),
        ("another member's signature", _last(good, good.entries[0].signature)),
        ("S + L", _last(good, last.signature[:32] + scalar.to_bytes(32, "little"))),
        ("R of small order", _last(good, identity + bytes(32))),
        (
            "a bad signature beyond the quorum",
            _last(chain.certificate(at, range(4)), bytes(64)),
        ),
    ]
    for name, certificate in cases:
        yield Refusal(
            name, RECEIPT, [(CERTIFICATE, certificate)], "certificate", "SIGNATURE_INVALID"
        )
    yield Refusal(
        "a bit of a signature",
        RECEIPT,
        [flip(bundles[RECEIPT], *CERTIFICATE)],
        "certificate",
        "SIGNATURE_INVALID",
    )
    wrong_set = chain.certify(good.statement, chain.blocks[-1].members, [0, 1, 2])
    swapped = Certificate(
        good.statement,
        tuple(
            CertificateEntry(at, entry.signature)
            for at, entry in enumerate((wrong_set.entries[1], wrong_set.entries[0], last))
        ),
    )
    yield Refusal(
        "signatures under each other's index",
        RECEIPT,
        [(CERTIFICATE, swapped)],
        "certificate",
        "SIGNATURE_INVALID",
    )


def _with(certificate: Certificate, which: list[int]) -> Certificate:
    """Return a certificate with these of its entries."""
    return Certificate(certificate.statement, tuple(certificate.entries[at] for at in which))


def _last(certificate: Certificate, signature: bytes) -> Certificate:
    """Return a certificate whose last signature is another."""
    *others, last = certificate.entries
    return Certificate(certificate.statement, (*others, replace(last, signature=signature)))
