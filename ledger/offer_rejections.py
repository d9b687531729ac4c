"""Why an action on an offer is refused, in the order of the checks.

::

    TransactionRejected
    ├── the offer   OfferUnknown
    ├── the role    NotOfferMiner
    └── terms       OfferExpiryInvalid, OfferBelowFloor, TooManyOffers, OfferPriceMismatch

An offer whose time is over but that is still there is DEADLINE_PASSED, as everywhere (J16).
"""

from ledger.errors import TransactionRejected
from ledger.keys import format_address
from ledger.types import Address, Amount, Hash, TimestampMs


class OfferUnknown(TransactionRejected):
    """No open offer has this id: it never was, or it is used up, withdrawn or expired."""

    code = "OFFER_UNKNOWN"

    def __init__(self, offer_id: Hash) -> None:
        """State the id."""
        super().__init__(f"offer {offer_id.hex()} is not open")
        self.offer_id = offer_id


class NotOfferMiner(TransactionRejected):
    """Only the miner that made the offer may withdraw it."""

    code = "NOT_OFFER_MINER"

    def __init__(self, sender: Address) -> None:
        """State who tried."""
        super().__init__(f"{format_address(sender)} did not make this offer")
        self.sender = sender


class OfferExpiryInvalid(TransactionRejected):
    """The offer's expiry is over already, or too far ahead."""

    code = "OFFER_EXPIRY_INVALID"

    def __init__(self, expires_ms: TimestampMs, earliest_ms: int, latest_ms: int) -> None:
        """State the time and the bounds."""
        super().__init__(f"expires_ms {expires_ms} is outside {earliest_ms} … {latest_ms}")
        self.expires_ms = expires_ms
        self.earliest_ms = earliest_ms
        self.latest_ms = latest_ms


class OfferBelowFloor(TransactionRejected):
    """Nobody could accept the offer: its price is below the miner's own floor (J1)."""

    code = "OFFER_BELOW_FLOOR"

    def __init__(self, price: Amount, floor: Amount) -> None:
        """State both in nait."""
        super().__init__(f"price {price} is below the miner's floor {floor}: lower the floor first")
        self.price = price
        self.floor = floor


class TooManyOffers(TransactionRejected):
    """The miner has as many open offers as it may have."""

    code = "TOO_MANY_OFFERS"

    def __init__(self, limit: int) -> None:
        """State the limit."""
        super().__init__(f"the miner has {limit} open offers, the most there may be: withdraw one")
        self.limit = limit


class OfferPriceMismatch(TransactionRejected):
    """The client names another price than the offer's (J25)."""

    code = "OFFER_PRICE_MISMATCH"

    def __init__(self, named: Amount, price: Amount) -> None:
        """State both in nait."""
        super().__init__(f"the offer's price is {price} nait, not {named}")
        self.named = named
        self.price = price
