"""Vectors of what peers say before anything else: the hello (E11), and records of addresses."""

from typing import Final

from ledger.codec import encode
from ledger.hashing import Tags, sha256
from ledger.keys import KeyPair
from node.p2p import NodeIdentity, Role
from node.p2p.errors import LinkEnded
from node.p2p.frames import encode_frame
from node.p2p.hello import OPENING_CODEC, Channel, Hello, Opening, Side, Statement, signed_bytes
from node.p2p.messages import PeerRecord, PeerRecords
from node.p2p.records import RECORD_MS, RecordBook
from tests.vectors.world import KEYS, NOW_MS, TAGS, Json, pseudo_random

DIALLER: Final = NodeIdentity(KEYS["validator"], Role.VALIDATOR)
LISTENER: Final = NodeIdentity(KEYS["other"], Role.FOLLOWER)
DIALLER_CERTIFICATE: Final = sha256(b"the dialler's certificate")
LISTENER_CERTIFICATE: Final = sha256(b"the listener's certificate")
FOREIGN: Final = Tags(pseudo_random("another genesis digest"))
ADDRESS: Final = "192.0.2.4:7011"


def peers() -> Json:
    """A whole hello with proofs to refuse, and records of addresses with verdicts."""
    return {"now_ms": str(NOW_MS), "hello": _hello(), "records": _records()}


def _end(identity: NodeIdentity, side: Side, tags: Tags = TAGS, nonce: str = "") -> Hello:
    own, other = DIALLER_CERTIFICATE, LISTENER_CERTIFICATE
    if side is Side.LISTENER:
        own, other = other, own
    return Hello(
        identity, tags, Channel(side, own, other), pseudo_random(f"nonce {side.name}{nonce}")
    )


def _hello() -> Json:
    dialler, listener = _end(DIALLER, Side.DIALLER), _end(LISTENER, Side.LISTENER)
    return {
        "dialler_certificate": DIALLER_CERTIFICATE.hex(),
        "listener_certificate": LISTENER_CERTIFICATE.hex(),
        "dialler": _side(DIALLER, dialler, listener),
        "listener": _side(LISTENER, listener, dialler),
        "proofs": _proofs(dialler, listener),
    }


def _opening(hello: Hello) -> Opening:
    return OPENING_CODEC.decode(hello.opening())


def _side(identity: NodeIdentity, own: Hello, other: Hello) -> Json:
    opening, answer = _opening(own), _opening(other)
    proof = own.proof(answer, NOW_MS)
    is_dialler = identity is DIALLER
    statement = Statement(
        opening.version,
        Side.DIALLER if is_dialler else Side.LISTENER,
        opening.role,
        opening.key,
        answer.key,
        opening.nonce,
        answer.nonce,
        LISTENER_CERTIFICATE,
        DIALLER_CERTIFICATE,
        NOW_MS + 60_000,
    )
    return {
        "seed": identity.keys.seed().hex(),
        "role": str(int(identity.role)),
        "nonce": opening.nonce.hex(),
        "opening": own.opening().hex(),
        "signed": signed_bytes(TAGS, statement).hex(),
        "proof": proof.hex(),
    }


def _proofs(dialler: Hello, listener: Hello) -> Json:
    """Proofs as the listener gets them behind the dialler's opening."""
    opening, answer = _opening(dialler), _opening(listener)
    late_ms, early_ms = NOW_MS + 10 * 86_400_000, NOW_MS - 10 * 86_400_000
    other_channel = Hello(
        DIALLER,
        TAGS,
        Channel(Side.DIALLER, DIALLER_CERTIFICATE, sha256(b"another listener's certificate")),
        opening.nonce,
    )
    cases = [
        ("proof", dialler.proof(answer, NOW_MS)),
        ("over another connection", other_channel.proof(answer, NOW_MS)),
        ("with another nonce", _end(DIALLER, Side.DIALLER, nonce=" 2").proof(answer, NOW_MS)),
        ("for another chain", _end(DIALLER, Side.DIALLER, FOREIGN).proof(answer, NOW_MS)),
        ("by another key", _end(_stranger(), Side.DIALLER).proof(answer, NOW_MS)),
        ("the listener's own, sent back", listener.proof(opening, NOW_MS)),
        ("expired long ago", dialler.proof(answer, early_ms)),
        ("from a clock that is days ahead", dialler.proof(answer, late_ms)),
        ("cut short", dialler.proof(answer, NOW_MS)[:-1]),
    ]
    return [
        {"name": name, "bytes": proof.hex(), "verdict": _verdict(listener, opening, proof)}
        for name, proof in cases
    ]


def _stranger() -> NodeIdentity:
    return NodeIdentity(KEYS["client"], DIALLER.role)


def _verdict(listener: Hello, opening: Opening, proof: bytes) -> str:
    try:
        listener.check_proof(opening, proof, NOW_MS)
    except LinkEnded as error:
        return error.code
    return "valid"


def _record(keys: KeyPair, tags: Tags = TAGS, issued_ms: int = NOW_MS) -> PeerRecord:
    book = RecordBook(NodeIdentity(keys, Role.VALIDATOR), tags, ADDRESS)
    record = book.renew(issued_ms)
    assert record is not None, "a validator that advertises issues a record"
    return record


def _records() -> Json:
    """Records as a follower takes them that knows one validator."""
    keys = DIALLER.keys
    good = _record(keys)
    cases = [
        ("record", good),
        ("for another chain", _record(keys, FOREIGN)),
        ("another address", _replaced(good, address="192.0.2.5:7011")),
        ("of nobody in the set", _record(KEYS["client"])),
        ("expired", _record(keys, issued_ms=NOW_MS - RECORD_MS)),
        ("counts for too long", _replaced(good, expires_ms=good.expires_ms + 1)),
    ]
    return [
        {
            "name": name,
            "bytes": encode(record).hex(),
            "frame": encode_frame(PeerRecords((record,))).hex(),
            "verdict": _learned(record),
        }
        for name, record in cases
    ]


def _replaced(record: PeerRecord, address: str = "", expires_ms: int = 0) -> PeerRecord:
    return PeerRecord(
        record.key,
        address or record.address,
        record.issued_ms,
        expires_ms or record.expires_ms,
        record.signature,
    )


def _learned(record: PeerRecord) -> str:
    book = RecordBook(LISTENER, TAGS, None)
    book.set_validators(frozenset({DIALLER.keys.public_key}))
    try:
        return "valid" if book.learn(record, NOW_MS) else "ignored"
    except LinkEnded as error:
        return error.code
