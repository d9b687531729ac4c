"""Peer messages as the simulation looks at them: what vote they carry, and in words."""

from __future__ import annotations

from itertools import groupby
from typing import TypeAlias

from consensus import Certificate, Nullify, Statement, Vote
from node.p2p import (
    BlockAnswer,
    BlockRequest,
    BodyAnswer,
    BodyRequest,
    CertificateMessage,
    CertificatesRequest,
    CompactProposal,
    Message,
    ProposalMessage,
    RangeAnswer,
    RangeProof,
    RangeRequest,
    StatusMessage,
    TransactionsMessage,
    VoteMessage,
    WordAnswer,
    WordRequest,
)

Proposing: TypeAlias = ProposalMessage | CompactProposal
"""Messages that carry a leader's notarize with its block, whole or by reference."""

VOTING = (VoteMessage, ProposalMessage, CompactProposal)
PROPOSING = (ProposalMessage, CompactProposal)


def vote_in(message: Message) -> Vote | None:
    """Return the vote that a message carries."""
    return message.vote if isinstance(message, VOTING) else None


def statement_in(message: Message) -> Statement | None:
    """Return what the vote or certificate of a message says."""
    if isinstance(message, CertificateMessage):
        return message.certificate.statement
    vote = vote_in(message)
    return vote.statement if vote else None


def wire_of(message: Vote | Certificate, block: bytes | None = None) -> Message:
    """Return the message that carries a vote, a proposal or a certificate."""
    if isinstance(message, Certificate):
        return CertificateMessage(message)
    return VoteMessage(message) if block is None else ProposalMessage(message, block)


def name_of(message: Message) -> bytes:
    """Return bytes that differ for any two messages that mean different things."""
    vote = vote_in(message)
    if vote is not None:
        return vote.signature
    match message:
        case CertificateMessage(certificate=certificate):
            return b"C" + b"".join(entry.signature[:8] for entry in certificate.entries)
        case BlockAnswer(block=block):
            return block[:200]
        case _:
            return repr(message).encode()


def words_of(message: Message) -> str:
    """Return a message as a line of the story."""
    vote = vote_in(message)
    if vote is not None:
        kind = "PROPOSES " if isinstance(message, PROPOSING) else ""
        return f"{kind}{statement_words(vote.statement)} of member {vote.signer}"
    match message:
        case CertificateMessage(certificate=certificate):
            signers = ",".join(str(entry.signer) for entry in certificate.entries)
            return f"CERTIFICATE {statement_words(certificate.statement)} by {signers}"
        case CertificatesRequest(epoch=epoch, views=views):
            return f"asks for certificates of epoch {epoch}, views {_ranges(views)}"
        case StatusMessage(epoch=epoch, view=view, final_height=height):
            return f"is in epoch {epoch}, view {view}, final height {height}"
        case WordRequest(epoch=epoch):
            return f"asks for word about its votes in epoch {epoch}"
        case WordAnswer(epoch=epoch, view=view, floor=floor, vote=None):
            return f"gives its word in view {epoch}/{view} to hold no vote above {floor}"
        case WordAnswer(vote=Vote() as shown):
            return f"holds {statement_words(shown.statement)} of member {shown.signer}"
        case _:
            return _words_about_blocks(message)


def _words_about_blocks(message: Message) -> str:
    match message:
        case BlockRequest(block_id=block_id):
            return f"asks for block {block_id.hex()[:8]}"
        case BlockAnswer(block=block):
            return f"a block of {len(block)} bytes"
        case BodyRequest(block_id=block_id, positions=positions):
            return f"asks for transactions {positions} of block {block_id.hex()[:8]}"
        case BodyAnswer(block_id=block_id):
            return f"transactions of block {block_id.hex()[:8]}"
        case RangeRequest(first_height=height):
            return f"asks for final blocks from height {height}"
        case RangeAnswer(blocks=blocks, headers=headers):
            return f"{len(blocks)} final blocks, {len(headers)} headers that prove them"
        case RangeProof(headers=headers):
            return f"{len(headers)} headers on the way to final blocks"
        case TransactionsMessage(transactions=transactions):
            return f"{len(transactions)} transactions"
        case _:
            return type(message).__name__


def statement_words(statement: Statement) -> str:
    """Return a statement in words: kind, epoch/view, block and parent's view."""
    kind = type(statement).__name__.lower()
    place = f"{statement.epoch}/{statement.view}"
    if isinstance(statement, Nullify):
        return f"{kind} {place}"
    return f"{kind} {place} {statement.block_id.hex()[:8]} on view {statement.parent_view}"


def _ranges(views: tuple[int, ...]) -> str:
    """Return ascending views as '3, 7–9'."""
    groups = groupby(enumerate(views), lambda pair: pair[1] - pair[0])
    runs = [[view for _, view in group] for _, group in groups]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)
