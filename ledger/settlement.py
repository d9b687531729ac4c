"""Who gets what when a job ends: the arithmetic table of ledger-rules.md, exact (S8).

M is the locked maximum, A the price cap, p the receipt's price, B the dispute bond, all in nait; s
and c are the coordinator's share and the compensation for cancelling, in 1/10 000, fixed at lock.
Products are computed before quotients; a share rounds down, a compensation up.

======================================== ============= =========== ==============
end                                      miner         coordinator client
======================================== ============= =========== ==============
settled, attested                        p − share     share       M − p + B
settled, not attested                    p − share     0           M − p + share + B
dispute, for the miner                   as above + B  as above    as above − B
dispute, for the client                  0             0           M + B
dispute, no ruling, attested             p − share     share       M − p + B
dispute, no ruling, not attested         0             0           M + B
failed, expired, cancelled in Q          0             0           M
cancelled in R                           comp          0           M − comp
======================================== ============= =========== ==============

Without a dispute, and in a coordinator's, B is 0. A ruling for the miner gives it the bond on top
of what it gets when the job settles, attested or not.
"""

from dataclasses import dataclass

from ledger.errors import AmountOutOfRange
from ledger.types import AMOUNT_MAX, Amount, BasisPoints

BP_WHOLE = 10_000
"""Basis points in a whole."""

UNIT_MICRO = 1_000_000
"""Micro-units in a unit."""


@dataclass(frozen=True, slots=True)
class Split:
    """Nait that a job's end credits to each party; together what was locked."""

    miner: Amount
    """To the miner of the current attempt."""
    coordinator: Amount
    """To the job's coordinator."""
    client: Amount
    """Back to the client."""


def check_amount(what: str, value: int) -> Amount:
    """Return a computed amount that is in range.

    Raises:
        AmountOutOfRange: it is below 0 or above 2^63−1 (S8).
    """
    if not 0 <= value <= AMOUNT_MAX:
        raise AmountOutOfRange(what, value)
    return value


def share_of(price: Amount, share_bp: BasisPoints) -> Amount:
    """Return the coordinator's part of a price: floor(p·s / 10 000)."""
    return price * share_bp // BP_WHOLE


def compensation(price_cap: Amount, cancel_bp: BasisPoints, *, lease_over: bool) -> Amount:
    """Return what cancelling owes a running miner: ceil(A·c / 10 000), 0 after its lease (J6)."""
    return 0 if lease_over else -(-price_cap * cancel_bp // BP_WHOLE)


def price_of_units(units_micro: Amount, unit_price: Amount, price_cap: Amount) -> Amount:
    """Return min(cap, ceil(units_micro × unit_price / 10^6)), the price by unit (J1)."""
    return min(price_cap, -(-units_micro * unit_price // UNIT_MICRO))


def settled(
    locked: Amount,
    price: Amount,
    share_bp: BasisPoints,
    *,
    attested: bool,
    bond: Amount = 0,
    bond_lost: bool = False,
) -> Split:
    """Split the escrow of a job whose receipt is paid.

    Without a delivery attestation the coordinator's share goes back to the client, however the
    job settles (J14). A dispute bond returns to the client, but after a ruling against it (J13).
    """
    share = share_of(price, share_bp)
    earned = share if attested else 0
    won = bond if bond_lost else 0
    return _split(locked, bond, miner=price - share + won, coordinator=earned)


def refunded(locked: Amount, bond: Amount = 0) -> Split:
    """Return all of the escrow, and a dispute bond, to the client."""
    return _split(locked, bond, miner=0, coordinator=0)


def cancelled(locked: Amount, owed: Amount) -> Split:
    """Split the escrow of a job that its client cancels; `owed` is the miner's compensation."""
    return _split(locked, 0, miner=owed, coordinator=0)


def _split(locked: Amount, bond: Amount, *, miner: int, coordinator: int) -> Split:
    """Give the client what is left, and check every part's range."""
    return Split(
        check_amount("miner's part", miner),
        check_amount("coordinator's part", coordinator),
        check_amount("client's part", locked + bond - miner - coordinator),
    )
