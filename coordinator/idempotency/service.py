"""Who may have the effect of a request now, and what was answered before."""

from coordinator.batches import in_batches
from coordinator.database import Database
from coordinator.idempotency import store
from coordinator.idempotency.claim import Claim, open_answer
from coordinator.idempotency.errors import (
    IdempotencyKeyInFlight,
    IdempotencyKeyReused,
    IdempotencyKeysExhausted,
)
from coordinator.idempotency.model import (
    RETENTION_MS,
    Allowance,
    Kept,
    KeptAnswer,
    Record,
    Request,
)
from coordinator.moment import Moments
from coordinator.wallets import Vault
from ledger.types import Hash


class Idempotency:
    """One for a coordinator: the only process that writes its database.

    Requests in flight are therefore known here, in memory, and a process that dies leaves none.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        moments: Moments,
        allowance: Allowance | None = None,
    ) -> None:
        """Keep keys in a database, of one owner no more than an allowance."""
        self._allowance = allowance or Allowance()
        self._kept: dict[str, Kept] = {}
        self._database = database
        self._vault = vault
        self._moments = moments
        self._in_flight: dict[tuple[str, Hash], Hash] = {}

    async def claim(self, request: Request) -> Claim | KeptAnswer:
        """Return the right to have the effect of a request, or the answer that it had.

        The caller releases the claim once it has answered.

        Raises:
            IdempotencyKeyInFlight: the same request is being answered.
            IdempotencyKeyReused: the key belongs to another request.
            IdempotencyKeysExhausted: the key is new, and there is no room for another of its owner.
        """
        place = (request.owner, request.key_digest)
        standing = self._in_flight.get(place)
        if standing is not None:
            if standing != request.fingerprint:
                raise IdempotencyKeyReused
            raise IdempotencyKeyInFlight
        # Taken before the first wait, so that of many at once one comes through.
        self._in_flight[place] = request.fingerprint
        try:
            found = await self._claim(request)
        except BaseException:
            del self._in_flight[place]
            raise
        if isinstance(found, KeptAnswer):
            del self._in_flight[place]
        return found

    async def forget_old(self) -> None:
        """Forget keys past their retention, in many short transactions."""
        before_ms = self._moments.clock_ms() - RETENTION_MS
        await in_batches(
            lambda: self._database.write(lambda c: store.forget_older(c, before_ms)),
            store.FORGOTTEN_MAX,
        )
        # Counted anew when they come again: notes without an answer are only found there.
        self._kept.clear()

    async def _claim(self, request: Request) -> Claim | KeptAnswer:
        now_ms = self._moments.clock_ms()
        record = await self._database.read(lambda c: store.find(c, request))
        if record is not None and record.created_ms < now_ms - RETENTION_MS:
            record = None
        if record is None:
            await self._check_room(request.owner)
            return self._hold(request, Record(request.fingerprint, None, None, now_ms))
        if record.fingerprint != request.fingerprint:
            raise IdempotencyKeyReused
        if record.sealed_answer is None:
            return self._hold(request, record)
        return open_answer(self._vault, record.sealed_answer)

    async def _check_room(self, owner: str) -> None:
        kept = self._kept.get(owner)
        if kept is None:
            kept = await self._database.read(lambda c: store.kept_of(c, owner))
            self._kept[owner] = kept
        if kept.fills(self._allowance):
            raise IdempotencyKeysExhausted

    def _note_kept(self, owner: str, size: int) -> None:
        kept = self._kept.get(owner)
        if kept is not None:
            kept.keys += 1
            kept.size += size

    def _hold(self, request: Request, record: Record) -> Claim:
        place = (request.owner, request.key_digest)
        return Claim(
            request,
            record.effect,
            record.created_ms,
            database=self._database,
            vault=self._vault,
            release=lambda: self._release(place),
            on_kept=lambda size: self._note_kept(request.owner, size),
        )

    def _release(self, place: tuple[str, Hash]) -> None:
        self._in_flight.pop(place, None)
