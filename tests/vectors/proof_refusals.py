"""Bundles to refuse at the steps `document`, `genesis` and `boundaries`.

What each must be refused with is written by hand; a test lets the ledger judge.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from genesis.spec import canonical_bytes
from ledger.codec import encode
from ledger.hashing import Purpose, sha256
from ledger.records import Validator, ValidatorSet
from ledger.statements import Notarize
from tests.vectors.proof_chain import PAYOUT, ProofChain, Story, genesis_of
from tests.vectors.proof_contents import contents
from tests.vectors.proof_cuts import (
    ACCOUNT,
    BARE,
    BOUNDARY,
    CERTIFICATE,
    FIRST_SET,
    HEADER,
    LATER,
    RECEIPT,
    REMOVED,
    SINCE,
    VALIDATORS,
    At,
    Refusal,
    bytes_at,
    flip,
)
from tests.vectors.proof_forgeries import forgeries
from tests.vectors.world import Json

SMALL_ORDER_KEY: Final = (1).to_bytes(32, "little")
NOT_CANONICAL_KEY: Final = (2**255 - 19 + 3).to_bytes(32, "little")

Bundles = Mapping[str, Any]
Trusts = dict[str, Json]


def trust(
    digest: bytes, specification: bytes | None = None, known: Mapping[int, bytes] | None = None
) -> Json:
    """Return what a reader brings along; `known` has hashes of sets by their epoch."""
    return {
        "genesis_digest": digest.hex(),
        "specification": None if specification is None else specification.hex(),
        "known": {str(epoch): value.hex() for epoch, value in (known or {}).items()},
    }


def refusals(story: Story, bundles: Bundles, trusts: Trusts) -> list[Json]:
    """Return all bundles to refuse; adds to `trusts` those of readers of other chains."""
    cases = [
        *_documents(bundles),
        *_genesis(story.chain, bundles, trusts),
        *_since(story.chain, bundles, trusts),
        *_boundaries(story.chain, bundles),
        *_boundary_certificates(story.chain, bundles),
        *_boundary_sets(story.chain, bundles),
        *forgeries(story, bundles),
        *contents(story, bundles),
    ]
    return [case.plain() for case in cases]


TEXTS: Final = {
    "nothing": "",
    "no object": "[]",
    "half an object": '{"format": "aitbc-proof/1", "kind": "receipt"',
    "format and kind only": '{"format": "aitbc-proof/1", "kind": "receipt"}',
    "Latin-1": '{"format": "aitbc-proof/1", "kind": "receipt\u00ff"}',
}
"""Documents that are no bundle whatever follows."""


AHEAD: Final = {
    "a member twice, with the same value": '"since":null,',
    "a member twice, once of another type": '"since":5,',
    "a member twice, once beyond its bounds": '"boundaries":["' + "0" * 20_000 + '"],',
    "a member twice, once with an escaped name": '"\\u0073ince":null,',
    "a member twice, once with an object in which one stands twice": '"since":{"a":{},"a":{}},',
    "the format twice": '"format":"aitbc-proof/2",',
    "the kind twice": '"kind":"receipt",',
    "NaN": '"since":NaN,',
    "an infinite number": '"boundaries":-Infinity,',
    "a number that no type holds": '"since":1e999,',
    "very many digits": '"since":' + "1" * 5_000 + ",",
    "very deep brackets": '"since":' + "[" * 5_000 + "]" * 5_000 + ",",
    "half a character for a name": '"\\ud800":null,',
    "two prototypes": '"__proto__":null,"__proto__":null,',
    "a comma for nothing": ",",
}
"""Members that a bundle begins with, though it has them already or must not have them."""


def texts(bundles: Bundles) -> list[Json]:
    """Return documents, in hex, that are malformed as a whole."""
    whole = msgspec.json.encode(bundles[FIRST_SET]).decode()
    begun = {name: whole.replace("{", "{" + members, 1) for name, members in AHEAD.items()}
    begun["a member twice, further in"] = whole.replace(
        '"finality":{', '"finality":{"headers":[],', 1
    )
    begun["a mark of the order of bytes"] = "\ufeff" + whole
    begun["a line break in a name"] = whole.replace('"since"', '"si\nnce"', 1)
    data = {name: text.encode("latin-1") for name, text in TEXTS.items()}
    data |= {name: text.encode() for name, text in begun.items()}
    malformed = [_text(name, text, "DOCUMENT_MALFORMED") for name, text in data.items()]
    half = whole.replace('"validators"', '"\\ud800"', 1).encode()
    return [*malformed, _text("half a character for a kind", half, "FORMAT_UNKNOWN")]


def _text(name: str, document: bytes, code: str) -> Json:
    return {
        "name": name,
        "document": document.hex(),
        "trust": "pinned",
        "step": "document",
        "code": code,
    }


def _documents(bundles: Bundles) -> Iterator[Refusal]:
    digest: str = bundles[RECEIPT]["genesis"]["digest"]
    path: list[str] = bundles[RECEIPT]["receipt"]["path"]
    index = ("receipt", "index")
    malformed: list[tuple[str, tuple[str | int, ...], object]] = [
        ("no format", ("format",), REMOVED),
        ("a format that is a number", ("format",), 1),
        ("an unknown member", ("note",), "harmless"),
        ("an unknown member further in", ("finality", "note"), "harmless"),
        ("a member is missing", ("finality", "certificate"), REMOVED),
        ("the kind's own member is missing", ("receipt",), REMOVED),
        ("the member of another kind", ("kind",), "transaction"),
        ("hex in capitals", ("genesis", "digest"), digest.upper()),
        ("a prefix before the hex", ("genesis", "digest"), "0x" + digest[2:]),
        ("an odd number of digits", CERTIFICATE, "9"),
        ("no hex", CERTIFICATE, "zz"),
        ("a digest of 31 bytes", ("genesis", "digest"), digest[2:]),
        ("a sibling of 33 bytes", ("receipt", "path", 0), path[0] + "00"),
        ("a path of 65 siblings", ("receipt", "path"), path[:1] * 65),
        ("a header of 1,025 bytes", HEADER, "00" * 1_025),
        ("no headers", ("finality", "headers"), []),
        ("boundaries that are no list", ("boundaries",), {}),
        ("null for a certificate", CERTIFICATE, None),
        ("an index that is a number", index, 0),
        ("an index with a leading zero", index, "00"),
        ("a negative index", index, "-1"),
        ("an index of 2^63", index, str(2**63)),
        ("an index with a space", index, " 0"),
        ("an index in digits of another script", index, "\u0661"),
        ("an empty index", index, ""),
    ]
    for name, at, value in malformed:
        yield Refusal(name, RECEIPT, [(at, value)], "document", "DOCUMENT_MALFORMED")
    more: list[tuple[str, str, tuple[str | int, ...], object]] = [
        ("an entry of 63 bytes", ACCOUNT, ("account", "blob"), "00" * 63),
        ("an address of 19 bytes", ACCOUNT, ("account", "address"), "00" * 19),
        ("a claim that the kind does not have", VALIDATORS, ("validators",), {}),
    ]
    for name, base, at, value in more:
        yield Refusal(name, base, [(at, value)], "document", "DOCUMENT_MALFORMED")
    for name, at, value in [
        ("another format", ("format",), "aitbc-proof/2"),
        ("another kind", ("kind",), "promise"),
    ]:
        yield Refusal(name, RECEIPT, [(at, value)], "document", "FORMAT_UNKNOWN")


def _genesis(chain: ProofChain, bundles: Bundles, trusts: Trusts) -> Iterator[Refusal]:
    receipt = bundles[RECEIPT]
    other = genesis_of("another")
    trusts["another chain"] = trust(other.digest)
    trusts["pinned, with another chain's genesis file"] = trust(
        chain.genesis.digest, canonical_bytes(other.spec)
    )
    specification = ("genesis", "specification")
    yield Refusal(
        "the reader pins another chain", RECEIPT, [], "genesis", "GENESIS_OTHER", "another chain"
    )
    yield Refusal(
        "a bit of the digest",
        RECEIPT,
        [flip(receipt, "genesis", "digest")],
        "genesis",
        "GENESIS_OTHER",
    )
    yield Refusal("no specification", BARE, [], "genesis", "GENESIS_MISSING")
    yield Refusal(
        "a bit of the specification",
        RECEIPT,
        [flip(receipt, *specification)],
        "genesis",
        "GENESIS_DIGEST_MISMATCH",
    )
    yield Refusal(
        "another chain's specification",
        RECEIPT,
        [(specification, canonical_bytes(other.spec))],
        "genesis",
        "GENESIS_DIGEST_MISMATCH",
    )
    yield Refusal(
        "the reader's genesis file is of another chain",
        BARE,
        [],
        "genesis",
        "GENESIS_DIGEST_MISMATCH",
        "pinned, with another chain's genesis file",
    )
    for name, code, data in _specifications(chain):
        trusts[name] = trust(sha256(data))
        patch = [(("genesis", "digest"), sha256(data)), (specification, data)]
        yield Refusal(name, RECEIPT, patch, "genesis", code, name)


def _specifications(chain: ProofChain) -> Iterator[tuple[str, str, bytes]]:
    """Yield genesis specifications that no chain can have, though a reader pins them."""
    fields = msgspec.msgpack.decode(chain.specification)
    members = fields[5]

    def written(**changes: object) -> bytes:
        names = {"version": 0, "name": 1, "buckets": 3, "members": 5}
        changed = list(fields)
        for name, value in changes.items():
            changed[names[name]] = value
        return encode(changed)

    malformed = "GENESIS_MALFORMED"
    yield "a specification of another version", malformed, written(version=2)
    yield "a specification with a name in capitals", malformed, written(name="Chain")
    yield "a specification that is cut off", malformed, chain.specification[:-1]
    yield "a specification that goes on", malformed, chain.specification + b"\xc0"
    yield "buckets that are no power of two", malformed, written(buckets=300)
    yield "too few buckets", malformed, written(buckets=128)
    yield "a genesis without validators", "SET_MALFORMED", written(members=[])
    yield "a genesis with a member twice", "SET_MALFORMED", written(members=[*members, members[0]])
    for what, key in (("of small order", SMALL_ORDER_KEY), ("not canonical", NOT_CANONICAL_KEY)):
        changed = [*members[:3], [members[3][0], key, members[3][2]]]
        yield f"a genesis with a key {what}", "SET_KEY_INVALID", written(members=changed)


def _since(chain: ProofChain, bundles: Bundles, trusts: Trusts) -> Iterator[Refusal]:
    bundle = bundles[SINCE]
    empty = encode(ValidatorSet(()))
    known = {1: chain.tags.digest(Purpose.VALIDATOR_SET, empty)}
    trusts["one that believed in an empty set"] = trust(chain.genesis.digest, known=known)
    yield Refusal("a start that the reader has not verified", SINCE, [], "genesis", "SINCE_UNKNOWN")
    for name, change in [
        ("the known set, of another epoch", (("since", "epoch"), "2")),
        ("a bit of the known set", flip(bundle, "since", "set")),
        ("the known set, cut off", (("since", "set"), bytes_at(bundle, "since", "set")[:-1])),
    ]:
        yield Refusal(name, SINCE, [change], "genesis", "SINCE_UNKNOWN", "follower")
    yield Refusal(
        "a known set without members",
        SINCE,
        [(("since", "set"), empty)],
        "genesis",
        "SET_MALFORMED",
        "one that believed in an empty set",
    )
    yield Refusal(
        "a start that is followed by an older boundary",
        SINCE,
        [(("boundaries",), bundles[LATER]["boundaries"])],
        "boundaries",
        "BOUNDARY_ORDER",
        "follower",
    )


def _refused(name: str, code: str, *patch: tuple[At, object]) -> Refusal:
    return Refusal(name, LATER, patch, "boundaries", code)


def _boundaries(chain: ProofChain, bundles: Bundles) -> Iterator[Refusal]:
    first, second = bundles[LATER]["boundaries"]
    end, header = chain.ends()[0], chain.blocks[chain.ends()[0]].header
    at = ("boundaries", 0, "header")
    data = bytes_at(bundles[LATER], *at)
    for name, value in [
        ("a boundary's header, cut off", data[:-1]),
        ("a boundary's header that goes on", data + b"\x00"),
        ("a boundary of another version", encode(replace(header, version=2))),
    ]:
        yield _refused(name, "HEADER_MALFORMED", (at, value))
    yield _refused(
        "a bit of a boundary's header",
        "CERTIFICATE_OTHER_BLOCK",
        (at, replace(header, state_root=bytes(32))),
    )
    yield _refused("a boundary twice", "BOUNDARY_ORDER", (("boundaries", 1), first))
    yield _refused("boundaries in another order", "SET_OTHER", (("boundaries",), [second, first]))
    yield _refused("the first boundary left out", "SET_OTHER", (("boundaries", 0), REMOVED))
    yield _refused(
        "a block inside an epoch for a boundary",
        "BOUNDARY_NOT_LAST",
        (at, chain.blocks[end - 1].header),
        (("boundaries", 0, "certificate"), chain.certificate(end - 1)),
    )


def _boundary_certificates(chain: ProofChain, bundles: Bundles) -> Iterator[Refusal]:
    end, at = chain.ends()[0], ("boundaries", 0, "certificate")
    block, header = chain.blocks[end], chain.blocks[end].header
    notarize = Notarize(header.epoch, header.view, header.parent_view, block.view.block_id)
    finalize = chain.certificate(end).statement
    for name, code, certificate in [
        (
            "notarizations of a boundary",
            "CERTIFICATE_NOT_FINALIZE",
            chain.certify(notarize, block.members, range(3)),
        ),
        (
            "a boundary that two of four finalized",
            "QUORUM_MISSING",
            chain.certificate(end, [0, 1]),
        ),
        (
            "a boundary that the next epoch's set finalized",
            "SIGNER_UNKNOWN",
            chain.certify(finalize, chain.blocks[end + 1].members, [0, 1, 2, 4]),
        ),
    ]:
        yield _refused(name, code, (at, certificate))
    yield _refused(
        "a bit of a boundary's signature", "SIGNATURE_INVALID", flip(bundles[LATER], *at)
    )
    yield _refused(
        "an earlier view than the boundary's",
        "CERTIFICATE_OTHER_VIEW",
        (("boundaries", 1, "certificate"), chain.earlier_certificate(chain.ends()[1])),
    )


def _boundary_sets(chain: ProofChain, bundles: Bundles) -> Iterator[Refusal]:
    bundle = bundles[LATER]
    at = ("boundaries", 0, "next_set")
    data = bytes_at(bundle, *at)
    members = msgspec.msgpack.decode(data, type=ValidatorSet).members
    small = Validator(SMALL_ORDER_KEY, "small", PAYOUT)
    cases: list[tuple[str, str, object]] = [
        ("a bit of the next set", "BOUNDARY_NEXT_SET", flip(bundle, *at)[1]),
        ("a next set in another order", "BOUNDARY_NEXT_SET", ValidatorSet(members[::-1])),
        ("a next set with one member less", "BOUNDARY_NEXT_SET", ValidatorSet(members[:-1])),
        ("a next set, cut off", "SET_MALFORMED", data[:-1]),
        ("a next set that goes on", "SET_MALFORMED", data + b"\x00"),
        ("an empty next set", "SET_MALFORMED", ValidatorSet(())),
        ("a next set with a member twice", "SET_MALFORMED", ValidatorSet((*members, members[1]))),
        (
            "a next set with a key of small order",
            "SET_KEY_INVALID",
            ValidatorSet((*members[:-1], small)),
        ),
    ]
    for name, code, value in cases:
        yield Refusal(name, LATER, [(at, value)], "boundaries", code)
    yield Refusal(
        "a next set, of another boundary",
        BOUNDARY,
        [(at, bytes_at(bundles[LATER], "boundaries", 1, "next_set"))],
        "boundaries",
        "BOUNDARY_NEXT_SET",
    )
