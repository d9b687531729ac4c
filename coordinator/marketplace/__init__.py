"""The marketplace: offers of miners, accepted by clients.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.marketplace.errors import (
    BidTooLow,
    MinerNotRegistered,
    OfferForOtherJobs,
    OfferNotAvailable,
    OfferNotFound,
    PriceAboveMaximum,
    TooManyOpenOffers,
)
from coordinator.marketplace.model import (
    Acceptance,
    AcceptancePhase,
    OfferPage,
    OfferStatus,
    OfferView,
    OfferWish,
)

__all__ = [
    "Acceptance",
    "AcceptancePhase",
    "BidTooLow",
    "MinerNotRegistered",
    "OfferForOtherJobs",
    "OfferNotAvailable",
    "OfferNotFound",
    "OfferPage",
    "OfferStatus",
    "OfferView",
    "OfferWish",
    "PriceAboveMaximum",
    "TooManyOpenOffers",
]
