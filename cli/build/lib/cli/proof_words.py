"""Proofs as people read them: what was proved, and the steps of the check."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from aitbc import GenesisFacts, VerifiedReceipt, format_address, read_genesis_file
from aitbc.errors import InvalidValue
from aitbc.proofs import (
    BalanceProof,
    CheckedProof,
    Claims,
    OutcomeProof,
    ProvenBlock,
    ReceiptProof,
    TransactionProof,
)
from cli.amounts import format_aitbc
from cli.exits import CommandFailed, Exit

ADDRESS_BYTES: Final = 20

NAME_LENGTH_MAX: Final = 32
NAME: Final = re.compile("[a-z0-9-]{1,32}")
"""Names of validators, on chains that follow the rules."""

MONEY: Final = frozenset(
    {"amount", "bond", "compensation_max", "max_price", "price", "price_cap", "price_floor"}
    | {"unit_price"}
)
"""Fields of transactions that are nait."""

WORDS: Final = {True: "passed", False: "FAILED", None: "not run"}
"""What became of a step."""


def pinned_chain(genesis_file: str | None, digest: str | None) -> GenesisFacts | bytes | None:
    """Return the chain that the caller trusts, None if none was named.

    Raises:
        CommandFailed: both were named, or what was named is none.
    """
    if genesis_file is not None and digest is not None:
        text = "give --genesis or --genesis-digest, not both"
        raise CommandFailed(text, Exit.MALFORMED)
    if genesis_file is not None:
        return genesis_of(genesis_file)
    if digest is None:
        return None
    try:
        raw = bytes.fromhex(digest)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        text = f"--genesis-digest: must be 64 hex digits, not {digest!r}"
        raise CommandFailed(text, Exit.MALFORMED)
    return raw


def genesis_of(genesis_file: str) -> GenesisFacts:
    """Return what a genesis file says.

    Raises:
        CommandFailed: it is none.
    """
    try:
        return read_genesis_file(Path(genesis_file))
    except InvalidValue as error:
        raise CommandFailed(f"--genesis {genesis_file}: {error}", Exit.MALFORMED) from None


def step_lines(checked: CheckedProof) -> Iterator[str]:
    """Yield a line for each step."""
    for number, step in enumerate(checked.steps, 1):
        told = f"{step.code}: {step.detail}" if step.code else step.detail
        yield f"{number:>2}  {step.name:<12}  {WORDS[step.ok]:<8}  {told}".rstrip()


def claims_of(claims: Claims) -> dict[str, object]:
    """Return what was proved, by name; bytes as hex, amounts in AITBC."""
    match claims:
        case ReceiptProof():
            told = receipt_of(claims.receipt) | {"index": claims.index}
        case TransactionProof():
            found = claims.transaction
            told = {
                "transaction_id": found.transaction_id,
                "index": claims.index,
                "sender": format_address(found.sender),
                "action": found.action,
                "fields": dict(found.fields),
                "fee": format_aitbc(found.fee),
            }
        case OutcomeProof():
            found_outcome = claims.outcome
            told = {
                "outcome": found_outcome.kind,
                "index": claims.index,
                "cause": found_outcome.cause,
                "object_id": found_outcome.object_id,
                "code": found_outcome.code,
                "parties": [format_address(party) for party in found_outcome.parties],
                "amounts": [format_aitbc(amount) for amount in found_outcome.amounts],
            }
        case BalanceProof():
            told = {
                "address": claims.address_text,
                "balance": format_aitbc(claims.balance),
                "is_live": claims.is_live,
            }
        case _:
            members = claims.block.validators.members
            told = {
                "validators": [
                    {"name": each.name, "public_key": each.public_key.hex()} for each in members
                ]
            }
    plain = _plain(told | {"block": block_of(claims.block)})
    assert isinstance(plain, dict)
    return plain


def receipt_of(receipt: VerifiedReceipt) -> dict[str, object]:
    """Return what a miner signed by name; bytes as hex, the price in AITBC."""
    told = asdict(receipt) | {"price": format_aitbc(receipt.price)}
    del told["block"]
    return {
        name: value.hex() if isinstance(value, bytes) else value for name, value in told.items()
    }


def block_of(block: ProvenBlock) -> dict[str, object]:
    """Return a proven block by name."""
    return {
        "chain_id": block.chain_id,
        "genesis_digest": block.genesis_digest.hex(),
        "height": block.height,
        "block_id": block.block_id.hex(),
        "epoch": block.epoch,
        "timestamp_ms": block.timestamp_ms,
        "time": utc(block.timestamp_ms),
        "validators": len(block.validators.members),
        "quorum": block.validators.quorum,
        "signers": list(block.signers),
    }


def claim_lines(claims: Claims) -> Iterator[str]:
    """Yield what was proved, a line for each thing."""
    block = claims.block
    rows = list(_rows(claims))
    rows += [
        ("final in", f"block {block.height} of {block.chain_id}, {utc(block.timestamp_ms)}"),
        ("", block.block_id.hex()),
        ("signed by", ", ".join(map(_safe, block.signers))),
        ("", f"the quorum is {block.validators.quorum} of {len(block.validators.members)}"),
    ]
    for label, text in rows:
        yield f"{label:<16}{text}"


def _rows(claims: Claims) -> Iterator[tuple[str, str]]:
    match claims:
        case ReceiptProof():
            yield from _receipt_rows(claims.receipt)
        case TransactionProof():
            found = claims.transaction
            yield "transaction", found.transaction_id.hex()
            yield "sender", format_address(found.sender)
            yield "action", found.action
            for name, value in found.fields.items():
                if name in MONEY and isinstance(value, int):
                    yield f"  {name.replace('_', ' ')}", f"{format_aitbc(value)} AITBC"
                else:
                    yield f"  {name.replace('_', ' ')}", _field(value)
            yield "fee", f"{format_aitbc(found.fee)} AITBC"
        case OutcomeProof():
            outcome = claims.outcome
            yield "outcome", outcome.kind
            yield "of", outcome.object_id.hex()
            yield "by transaction", outcome.cause.hex() or "none: it is automatic"
            for party, amount in zip(outcome.parties, outcome.amounts, strict=False):
                yield "to or from", f"{format_address(party)}  {format_aitbc(amount)} AITBC"
            yield "code", str(outcome.code)
        case BalanceProof():
            yield "account", claims.address_text
            told = "" if claims.is_live else ": the state has no such account"
            yield "balance", f"{format_aitbc(claims.balance)} AITBC{told}"
        case _:
            for at, member in enumerate(claims.block.validators.members):
                label = "" if at else f"set of epoch {claims.block.epoch}"
                yield label, f"{_safe(member.name):<16}{member.public_key.hex()}"


def _receipt_rows(receipt: VerifiedReceipt) -> Iterator[tuple[str, str]]:
    whole, millionths = divmod(receipt.units_micro, 10**6)
    units = f"{whole}.{millionths:06d}".rstrip("0").rstrip(".")
    yield "receipt", receipt.receipt_id
    yield "job", f"{receipt.job_id}, attempt {receipt.attempt}"
    yield "miner", receipt.miner
    yield "client", receipt.client
    yield "coordinator", receipt.coordinator
    yield "work", f"{units} {receipt.unit_type}" if receipt.unit_type != "none" else units
    yield "price", f"{format_aitbc(receipt.price)} AITBC"
    yield "model", receipt.model or "-"
    yield "began", f"{utc(receipt.started_ms)}, as the miner claims"
    yield "ended", f"{utc(receipt.completed_ms)}, as the miner claims"
    yield "input digest", receipt.payload_digest.hex()
    yield "result digest", receipt.result_digest.hex()


def utc(timestamp_ms: int) -> str:
    """Return a time as text, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(timestamp_ms / 1_000))


def age(seconds: float) -> str:
    """Return how old something is, as a person says it."""
    if seconds < 0:
        return f"{-seconds:.0f} s ahead of this machine's clock"
    if seconds < 120:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 7_200 else f"{seconds / 3_600:.0f} h ago"


def _plain(value: object) -> object:
    """Return a value as JSON has it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _safe(name: str) -> str:
    """Return a validator's name for a terminal: where no chain was pinned it may be any text."""
    return name if NAME.fullmatch(name) else ascii(name[:NAME_LENGTH_MAX])


def _field(value: object) -> str:
    """Return a field of a transaction as text: addresses as such, other bytes as hex."""
    if isinstance(value, bytes):
        return format_address(value) if len(value) == ADDRESS_BYTES else value.hex()
    if isinstance(value, list):
        return " ".join(map(_field, value))
    return "-" if value is None else str(value)
