"""Whether a proof is of what was asked for: a bundle that holds may be of another object."""

import re
from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

from aitbc import parse_address
from aitbc.errors import InvalidValue
from aitbc.proofs import (
    KINDS,
    BalanceProof,
    CheckedProof,
    Claims,
    OutcomeProof,
    ReceiptProof,
    Step,
    TransactionProof,
)
from cli.exits import CommandFailed, Exit

STEP: Final = "asked"
"""Name of the step that comes last, where something was asked for."""

OTHER: Final = "PROVES_OTHER"
"""Code of that step."""

_ROOT: Final = "/v1/proofs/"
_ID: Final = re.compile(r"(?:tx_|job_|receipt_)?([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True)
class Asked:
    """What a proof should be of."""

    kind: str
    """Its kind."""
    reference: str
    """Its id, address, height and index, or epoch, as it was written; empty for the newest set."""

    @classmethod
    def by_url(cls, url: str) -> Self | None:
        """Return what the address of a node's proof names, None for any other address."""
        parts = urlsplit(url)
        _, root, path = parts.path.partition(_ROOT)
        if not root:
            return None
        kind, _, reference = path.partition("/")
        if kind == "validators":
            reference = ",".join(parse_qs(parts.query).get("epoch", []))
        return cls(kind, unquote(reference))

    @classmethod
    def by_name(cls, name: str) -> Self:
        """Return what ``KIND/REF`` names.

        Raises:
            CommandFailed: it names nothing that a proof could be of.
        """
        kind, _, reference = name.partition("/")
        asked = cls(kind, reference)
        if kind not in KINDS or asked.canonical is None:
            text = (
                f"--expect {name!a}: must be receipt/ID, transaction/ID, outcome/HEIGHT/INDEX, "
                "account/ADDRESS, validators or validators/EPOCH"
            )
            raise CommandFailed(text, Exit.MALFORMED)
        return asked

    @property
    def canonical(self) -> str | None:
        """The reference in the one form that is compared, None if it is none."""
        text = self.reference
        match self.kind:
            case "account":
                try:
                    return parse_address(text).hex()
                except InvalidValue:
                    return None
            case "receipt" | "transaction":
                match = _ID.fullmatch(text)
                return None if match is None else match[1]
            case "outcome":
                numbers = text.split("/")
                return text if len(numbers) == 2 and all(map(_is_number, numbers)) else None
        return text if not text or _is_number(text) else None

    def check(self, checked: CheckedProof) -> CheckedProof:
        """Return the verdict with one more step: that it proves what was asked for."""
        claims = checked.claims
        if claims is None:
            return replace(checked, steps=(*checked.steps, Step(STEP, None, "", "")))
        told = _reference(claims)
        wanted = told if (self.kind, self.reference) == ("validators", "") else self.canonical
        if (checked.kind, told) == (self.kind, wanted):
            step = Step(STEP, True, "", f"it is of the {self.kind} that was asked for")
            return replace(checked, steps=(*checked.steps, step))
        shown = claims.address_text if isinstance(claims, BalanceProof) else told
        named = f"{self.kind} {self.reference}"
        named = named if named.isprintable() else ascii(named)
        step = Step(STEP, False, OTHER, f"it is of {checked.kind} {shown}, not of {named}")
        return replace(checked, steps=(*checked.steps, step), claims=None, headers=())


def _reference(claims: Claims) -> str:
    """Return what a proof is of, in the form of `Asked.canonical`."""
    match claims:
        case ReceiptProof():
            return claims.receipt.receipt_id.removeprefix("receipt_")
        case TransactionProof():
            return claims.transaction.transaction_id.hex()
        case OutcomeProof():
            return f"{claims.block.height}/{claims.index}"
        case BalanceProof():
            return claims.address.hex()
    return str(claims.block.epoch)


def _is_number(text: str) -> bool:
    """Return whether text is an integer as nodes take it: without leading zeros, of any size."""
    return text.isascii() and text.isdecimal() and (text == "0" or not text.startswith("0"))
