"""Whatever people do: money is conserved, jobs end once, no slot of an offer is sold twice."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from ledger.actions import AcceptOffer, WithdrawOffer
from ledger.keys import KeyPair
from ledger.outcomes import OutcomeKind
from ledger.records import MinerOffers, Offer, Table, state_key
from ledger.types import Hash
from tests.ledger.market import (
    ACTORS,
    CLIENTS,
    EVERYBODY,
    JOB_NUMBERS,
    MINERS,
    STEPS,
    Actor,
    Works,
)
from tests.ledger.offers import offering
from tests.ledger.worlds import AITBC, PEOPLE

BID_VERBS = ("accept", "accept", "accept", "accept", "withdraw", "misquote")


class Market(Works):
    """Everything that `Works` has, and offers."""

    def __init__(self) -> None:
        super().__init__()
        self.offered: dict[Hash, int] = {}
        self.sold: Counter[Hash] = Counter()

    @rule(
        miner=st.sampled_from(MINERS),
        price=st.integers(0, AITBC),
        capacity=st.integers(1, 2),
        open_ms=st.integers(0, 60_000),
        step=STEPS,
    )
    def a_miner_offers(
        self, miner: KeyPair, price: int, capacity: int, open_ms: int, step: int
    ) -> None:
        expires_ms = self.world.now_ms + step + open_ms
        terms = {"price": price, "capacity": capacity, "expires_ms": expires_ms}
        self._try(miner, offering(self.world, **terms), step)

    @precondition(lambda self: bool(self.offered) and bool(self._live_jobs()))
    @rule(
        number=JOB_NUMBERS,
        which=st.integers(0, 5),
        actor=ACTORS,
        verb=st.sampled_from(BID_VERBS),
        step=STEPS,
    )
    def an_offer_is_taken(
        self, number: int, which: int, actor: Actor, verb: str, step: int
    ) -> None:
        job_id, job = self._job(number)
        offer_id = list(self.offered)[-1 - which % len(self.offered)]
        found = self._open(offer_id)
        price, miner = (found.price, found.miner) if found else (0, PEOPLE.miner.address)
        if verb == "withdraw":
            owner = next(key for key in EVERYBODY if key.address == miner)
            self._try(actor or owner, WithdrawOffer(offer_id), step)
            return
        client = next(key for key in CLIENTS if key.address == job.client)
        told = price + (verb == "misquote")
        self._try(actor or client, AcceptOffer(job_id, offer_id, told), step)

    @invariant()
    def no_slot_is_sold_twice(self) -> None:
        for offer_id, capacity in self.offered.items():
            found = self._open(offer_id)
            left = found.capacity if found else 0
            assert self.sold[offer_id] + left <= capacity
            if found:
                assert self.sold[offer_id] + left == capacity

    @invariant()
    def every_miner_lists_its_own_open_offers(self) -> None:
        records = dict(self.world.head.state.items())
        listed = {k[1:]: [*r.offers] for k, r in records.items() if isinstance(r, MinerOffers)}
        opened: dict[bytes, list[bytes]] = {}
        for key, record in sorted(records.items(), key=lambda item: item[0]):
            if isinstance(record, Offer):
                opened.setdefault(record.miner, []).append(key[1:])
        assert opened == listed

    def _open(self, offer_id: Hash) -> Offer | None:
        record = self.world.head.state.get(state_key(Table.OFFER, offer_id))
        return record if isinstance(record, Offer) else None

    def _count(self, blocks: int) -> None:
        super()._count(blocks)
        for result in self.world.results[len(self.world.results) - blocks :]:
            for outcome in result.outcomes:
                if outcome.kind is OutcomeKind.OFFER_POSTED:
                    self.offered[outcome.object_id] = outcome.code
                if outcome.kind is OutcomeKind.OFFER_ACCEPTED:
                    self.sold[outcome.object_id] += 1


TestMarket = Market.TestCase
# Each example is a chain of its own; half as many of them as of other properties.
TestMarket.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=60)
