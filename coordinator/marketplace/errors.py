"""What can be wrong with an offer or its acceptance.

The classes of `coordinator.errors` decide who reacts and with which status.
"""

from coordinator.errors import Conflict, CoordinatorError, InvalidRequest, NotFound, aitbc_text


class MinerNotRegistered(InvalidRequest):
    """The key has no registered miner, so nobody could do what is offered (S2)."""

    code = "MINER_NOT_REGISTERED"


class OfferNotFound(NotFound):
    """No offer of this id."""

    code = "OFFER_NOT_FOUND"
    text = "Offer not found"


class OfferNotAvailable(CoordinatorError):
    """All slots are taken, or the offer is withdrawn or expired (410)."""

    code = "OFFER_NOT_AVAILABLE"

    def __init__(self, why: str = "all its jobs are taken") -> None:
        """State why."""
        super().__init__(f"Offer is no longer available: {why}")


class BidTooLow(Conflict):
    """The client would pay at most less than the offer's price (S2)."""

    code = "BID_TOO_LOW"

    def __init__(self, bid: int, price: int) -> None:
        """State both, given in nait."""
        super().__init__(
            f"The offer's price is {aitbc_text(price)} AITBC, the bid {aitbc_text(bid)}: "
            "bid the price or more; the price is what is charged"
        )
        self.bid = bid
        self.price = price


class PriceAboveMaximum(Conflict):
    """The job locked less than the offer's price, so the chain could not pay it (J1)."""

    code = "PRICE_ABOVE_MAXIMUM"

    def __init__(self, price: int, max_price: int) -> None:
        """State both, given in nait."""
        super().__init__(
            f"The offer's price is {aitbc_text(price)} AITBC, the job pays at most "
            f"{aitbc_text(max_price)}: submit a job with a higher maximum"
        )
        self.price = price
        self.max_price = max_price


class OfferForOtherJobs(Conflict):
    """The offer's slug is neither the job's service nor its type or name (S2)."""

    code = "OFFER_FOR_OTHER_JOBS"

    def __init__(self, job_type: str) -> None:
        """State what the offer is for."""
        super().__init__(
            f"The offer is for jobs whose service, type or name is {job_type}: "
            "choose an offer of the job's own kind"
        )
        self.job_type = job_type


class TooManyOpenOffers(Conflict):
    """The miner has as many open offers as the chain lets it have."""

    code = "TOO_MANY_OFFERS"
