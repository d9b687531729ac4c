"""Vectors of what validators sign: votes, certificates, evidence, and proofs of possession."""

from collections.abc import Callable
from typing import Final, TypeVar

from consensus import (
    Certificate,
    CertificateEntry,
    Committee,
    Evidence,
    Finalize,
    MessageInvalid,
    Notarize,
    Nullify,
    Statement,
    Vote,
    signed_bytes,
)
from genesis.spec import possession_message, prove_possession
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.keys import KeyPair
from tests.vectors.world import CHAIN_NAME, TAGS, Json, pseudo_random

Message = TypeVar("Message", Vote, Certificate, Evidence)

EPOCH: Final = 2
VIEW: Final = 300
MEMBERS: Final = tuple(KeyPair(pseudo_random(f"member {n}")) for n in range(6))
"""Six, so that the quorum is five and 2f + 1 would be three."""
COMMITTEE: Final = Committee(TAGS, EPOCH, [key.public_key for key in MEMBERS])
FOREIGN: Final = Tags(pseudo_random("another genesis digest"))
BLOCK: Final = pseudo_random("block")
OTHER_BLOCK: Final = pseudo_random("other block")

NOTARIZE: Final = Notarize(EPOCH, VIEW, VIEW - 1, BLOCK)
NULLIFY: Final = Nullify(EPOCH, VIEW)
FINALIZE: Final = Finalize(EPOCH, VIEW, VIEW - 1, BLOCK)


def votes() -> Json:
    """Messages of a committee of six, each with the verdict that every verifier must reach."""
    return {
        "epoch": str(EPOCH),
        "quorum": str(COMMITTEE.quorum),
        "members": [
            {"seed": key.seed().hex(), "public_key": key.public_key.hex()} for key in MEMBERS
        ],
        "votes": [
            _case(name, vote, COMMITTEE.check_vote, signed=signed_bytes(TAGS, vote.statement).hex())
            for name, vote in _votes()
        ],
        "certificates": [
            _case(name, certificate, COMMITTEE.check_certificate)
            for name, certificate in _certificates()
        ],
        "evidence": [_case(name, pair, COMMITTEE.check_evidence) for name, pair in _evidence()],
        "possession": _possession(),
    }


def _case(name: str, message: Message, check: Callable[[Message], object], **more: str) -> Json:
    try:
        check(message)
        verdict = "valid"
    except MessageInvalid as error:
        verdict = error.code
    return {"name": name, "bytes": encode(message).hex(), **more, "verdict": verdict}


def _vote(signer: int, statement: Statement, tags: Tags = TAGS) -> Vote:
    return Vote(statement, signer, MEMBERS[signer].sign(signed_bytes(tags, statement)))


def _votes() -> list[tuple[str, Vote]]:
    signature = _vote(1, NOTARIZE).signature
    return [
        ("notarize", _vote(1, NOTARIZE)),
        ("nullify", _vote(5, NULLIFY)),
        ("finalize", _vote(0, FINALIZE)),
        ("notarize on the boundary block", _vote(2, Notarize(EPOCH, 1, 0, BLOCK))),
        ("signed for another chain", _vote(1, NOTARIZE, FOREIGN)),
        ("signed by another member", Vote(NOTARIZE, 2, signature)),
        ("a notarize's signature under finalize", Vote(FINALIZE, 1, signature)),
        ("another block", Vote(Notarize(EPOCH, VIEW, VIEW - 1, OTHER_BLOCK), 1, signature)),
        ("another view", Vote(Notarize(EPOCH, VIEW + 1, VIEW - 1, BLOCK), 1, signature)),
        ("another parent", Vote(Notarize(EPOCH, VIEW, VIEW - 2, BLOCK), 1, signature)),
        ("another epoch", _vote(1, Notarize(EPOCH + 1, VIEW, VIEW - 1, BLOCK))),
        ("a parent that is not earlier", _vote(1, Notarize(EPOCH, VIEW, VIEW, BLOCK))),
        ("no member", Vote(NOTARIZE, len(MEMBERS), signature)),
    ]


def _certificate(statement: Statement, *signers: int) -> Certificate:
    votes_given = [_vote(signer, statement) for signer in signers]
    return Certificate(
        statement, tuple(CertificateEntry(vote.signer, vote.signature) for vote in votes_given)
    )


def _certificates() -> list[tuple[str, Certificate]]:
    good = _certificate(FINALIZE, 0, 1, 2, 3, 5)
    forged = (*good.entries[:-1], CertificateEntry(5, good.entries[0].signature))
    stranger = (*good.entries[:-1], CertificateEntry(6, good.entries[-1].signature))
    return [
        ("notarization", _certificate(NOTARIZE, 0, 1, 2, 3, 4)),
        ("nullification", _certificate(NULLIFY, 1, 2, 3, 4, 5)),
        ("finalization", good),
        ("finalization by all", _certificate(FINALIZE, *range(6))),
        ("2f + 1 of six are too few", _certificate(FINALIZE, 0, 1, 2)),
        ("one too few", _certificate(FINALIZE, 0, 1, 2, 3)),
        ("no votes", _certificate(FINALIZE)),
        ("a member twice", Certificate(FINALIZE, (*good.entries, good.entries[-1]))),
        ("not ascending", Certificate(FINALIZE, good.entries[::-1])),
        ("a member's vote under another's index", Certificate(FINALIZE, forged)),
        ("an index that nobody has", Certificate(FINALIZE, stranger)),
        (
            "notarizes under finalize",
            Certificate(FINALIZE, _certificate(NOTARIZE, *range(6)).entries),
        ),
        (
            "votes for another block",
            Certificate(Finalize(EPOCH, VIEW, VIEW - 1, OTHER_BLOCK), good.entries),
        ),
        ("another epoch", _certificate(Finalize(EPOCH - 1, VIEW, VIEW - 1, BLOCK), *range(6))),
    ]


def _evidence() -> list[tuple[str, Evidence]]:
    other_notarize = Notarize(EPOCH, VIEW, VIEW - 1, OTHER_BLOCK)
    other_finalize = Finalize(EPOCH, VIEW, VIEW - 1, OTHER_BLOCK)
    pairs: list[tuple[str, Vote, Vote]] = [
        ("two notarizes", _vote(3, NOTARIZE), _vote(3, other_notarize)),
        ("two finalizes", _vote(3, FINALIZE), _vote(3, other_finalize)),
        ("nullify and finalize", _vote(3, NULLIFY), _vote(3, FINALIZE)),
        ("finalize and nullify", _vote(3, FINALIZE), _vote(3, NULLIFY)),
        ("notarize and nullify are legal", _vote(3, NOTARIZE), _vote(3, NULLIFY)),
        ("notarize and finalize are legal", _vote(3, NOTARIZE), _vote(3, FINALIZE)),
        ("the same vote twice", _vote(3, NOTARIZE), _vote(3, NOTARIZE)),
        ("two members", _vote(3, NOTARIZE), _vote(4, other_notarize)),
        ("two views", _vote(3, NOTARIZE), _vote(3, Notarize(EPOCH, VIEW + 1, VIEW, OTHER_BLOCK))),
        ("one of another chain", _vote(3, NOTARIZE), _vote(3, other_notarize, FOREIGN)),
    ]
    return [(name, Evidence(first, second)) for name, first, second in pairs]


def _possession() -> Json:
    """Proofs that a genesis' authority holds its key (S14), and one of another chain's name."""
    key, other = MEMBERS[:2]
    cases = [
        ("proof", key, CHAIN_NAME, prove_possession(key, CHAIN_NAME)),
        ("of another chain", key, CHAIN_NAME, prove_possession(key, CHAIN_NAME + "x")),
        ("of another key", key, CHAIN_NAME, prove_possession(other, CHAIN_NAME)),
    ]
    return [
        {
            "name": name,
            "public_key": holder.public_key.hex(),
            "chain_name": chain_name,
            "message": possession_message(holder.public_key, chain_name).hex(),
            "signature": proof.hex(),
            "verdict": "valid" if name == "proof" else "POSSESSION_UNPROVEN",
        }
        for name, holder, chain_name, proof in cases
    ]
