"""How far a result was checked, and by whom: said as it is, with what it leaves open."""

from collections.abc import Collection

from explorer_web.formats import duration
from ledger.actions import AttestationKind, SubmitJob, Verification


def verification_sentences(
    terms: SubmitJob, attested: Collection[AttestationKind], *, accepted: bool, is_over: bool
) -> list[str]:
    """Return what is known about a result's worth.

    Args:
        terms: what the client asked for.
        attested: what the coordinator vouched for.
        accepted: whether the client accepted the receipt.
        is_over: whether the job has ended; until then attestations can still come (J3).
    """
    sentences = [_level(terms.verification, attested, is_over=is_over)]
    if AttestationKind.DELIVERY in attested:
        sentences.append(
            "The coordinator vouches that the result arrived and matches the receipt's digest. "
            "That is its word; the chain holds digests and cannot judge a result."
        )
    else:
        yet = "" if is_over else ", so far"
        sentences.append(f"The coordinator has not vouched for the delivery of the result{yet}.")
    if accepted:
        sentences.append("The client accepted the receipt, which settles it without anybody else.")
    sentences.append(_window(terms, attested))
    return sentences


def _level(asked: Verification, attested: Collection[AttestationKind], *, is_over: bool) -> str:
    if AttestationKind.RERUN in attested:
        return "Re-run: the coordinator vouches that a second run of the job agreed."
    if asked is Verification.SPOT:
        return (
            "Spot checks: the client asked that jobs like this be run again now and then. "
            f"This one was not{'' if is_over else ', so far'}."
        )
    if not is_over:
        return "Structural checks only, so far: nobody has vouched for a second run of the job."
    return "Structural checks only: nobody ran the job a second time."


def _window(terms: SubmitJob, attested: Collection[AttestationKind]) -> str:
    if terms.dispute_ms == 0 and AttestationKind.DELIVERY in attested:
        return (
            "The client chose a dispute window of 0, so the attestation settled the job at once: "
            "the client trusted the coordinator."
        )
    if terms.dispute_ms == 0:
        return (
            "The client chose a dispute window of 0: an attestation settles the job at once, "
            "without time to object."
        )
    return (
        f"The client chose a dispute window of {duration(terms.dispute_ms)}: an attested job "
        "settles no earlier than that after its receipt, unless the client accepts it."
    )
