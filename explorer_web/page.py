"""What a page is before it is HTML or JSON, and what stands where there is none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from explorer_web.facts import Json
from explorer_web.references import PageKind
from ledger.errors import AddressInvalid
from ledger.keys import parse_address
from ledger.types import Address, Hash


@dataclass(frozen=True, slots=True)
class Crumb:
    """A step of the way from the home page to a page."""

    text: str
    """What it is called."""
    url: str = ""
    """Its page; empty for the page itself."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page, ready to be written as HTML or JSON."""

    template: str
    """Its template."""
    title: str
    """Object and short id."""
    crumbs: tuple[Crumb, ...]
    """The way to it, itself last; empty for the home page."""
    content: Mapping[str, object] = field(default_factory=dict)
    """What its template shows."""
    twin: Json = None
    """The same as JSON; None if it has no twin."""
    twin_url: str = ""
    """Where its JSON twin is."""
    is_unchanging: bool = False
    """Whether its twin never changes and is addressed by an id, which no other chain has."""
    moves: bool = False
    """Whether later blocks may change it, and it does not follow them by itself."""
    status: int = 200
    """HTTP status."""
    nav_url: str = ""
    """Its entry of the site's navigation, where neither crumbs nor twin say."""

    @property
    def place(self) -> str:
        """The page of the site's navigation that it belongs to."""
        start = self.crumbs[0].url if self.crumbs else "/"
        return start or self.nav_url or self.twin_url.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Moved:
    """The answer is another page."""

    url: str
    """Where it is, on this site."""


class Absence(StrEnum):
    """Why there is no page."""

    MALFORMED = "malformed"
    """Nothing can be there: the address is no height and no id."""
    UNKNOWN = "unknown"
    """This node has never seen it, or has forgotten it."""
    PENDING = "pending"
    """It waits for a block."""
    NOT_FINAL = "not_final"
    """It is in a block that is not final yet."""
    NOT_INDEXED = "not_indexed"
    """It is final, and this explorer's index has not reached it yet."""
    PRUNED = "pruned"
    """It lies before what this index has."""
    UNREACHABLE = "unreachable"
    """The index does not answer."""
    DROPPED = "dropped"
    """It was refused or expired before it got into a block."""
    NO_PAGE = "no_page"
    """The site has no page at this address."""
    FAILED = "failed"
    """The node failed while it made the page."""


class Absent(Exception):
    """There is no page for what was asked."""

    def __init__(
        self,
        kind: PageKind | None,
        reference: str,
        *,
        absence: Absence,
        object_id: Hash | None = None,
        detail: str = "",
    ) -> None:
        """State what was asked for.

        Args:
            kind: what it would be; None if the site has no such address.
            reference: what stood in the address; hostile.
            absence: why there is no page, as far as the index knows.
            object_id: its id, if the address had one, so that the node can be asked.
            detail: what else is known, in a sentence.
        """
        super().__init__(f"{kind}: {absence}")
        self.kind = kind
        self.reference = reference
        self.absence = absence
        self.object_id = object_id
        self.detail = detail


def malformed(kind: PageKind, reference: str, wanted: str) -> Absent:
    """Return the error for an address that can never be one.

    Args:
        kind: what was asked for.
        reference: what stood in the address.
        wanted: what should have stood there.
    """
    return Absent(kind, reference, absence=Absence.MALFORMED, detail=wanted)


def unknown(kind: PageKind, reference: str, object_id: Hash | None) -> Absent:
    """Return the error for what the index does not have."""
    return Absent(kind, reference, absence=Absence.UNKNOWN, object_id=object_id)


def account_of(kind: PageKind, reference: str) -> Address:
    """Return the account that an address of a page or a filter names.

    Args:
        kind: an account, or a miner.
        reference: what was given; hostile.

    Raises:
        Absent: it is no account's address, and says what is wrong with it.
    """
    try:
        return parse_address(reference)
    except AddressInvalid as error:
        raise malformed(kind, reference, str(error)) from None
