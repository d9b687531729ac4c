"""The right of one request to have its effect under a key."""

from collections.abc import Callable

import msgspec
from sqlalchemy import Connection

from coordinator.database import Database
from coordinator.idempotency import store
from coordinator.idempotency.model import ANSWER_BYTES_MAX, KeptAnswer, Record, Request
from coordinator.wallets import Vault
from ledger.types import TimestampMs

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(tuple[int, tuple[tuple[str, str], ...], bytes])


class Claim:
    """Held while a request is answered; nobody else holds one for its key meanwhile.

    A service that makes something notes it in the transaction that makes it. When the process dies
    before the answer, the repeated request finds the note: `effect` is then what to answer with.
    """

    def __init__(
        self,
        request: Request,
        effect: str | None,
        created_ms: TimestampMs,
        *,
        database: Database,
        vault: Vault,
        release: Callable[[], None],
        on_kept: Callable[[int], None],
    ) -> None:
        """Hold a key.

        Args:
            request: the request.
            effect: what an earlier sending of it made, if anything.
            created_ms: when it came first.
            database: where answers are kept.
            vault: seals them.
            release: lets others have the key.
            on_kept: told the bytes of an answer that was stored.
        """
        self.effect = effect
        """Id of what was made under the key; None before."""
        self.about: str | None = None
        """Id of the job that the answer is about, if it makes nothing; deleted with its content."""
        self._request = request
        self._created_ms = created_ms
        self._database = database
        self._vault = vault
        self._on_kept = on_kept
        self.release = release
        """To be called when the request is answered, however."""

    def note(self, connection: Connection, effect: str) -> None:
        """Write down what the request makes, in the transaction that makes it."""
        store.put(connection, self._request, self._record(effect, None))
        self.effect = effect

    def forget(self, connection: Connection) -> None:
        """Take the note back, in the transaction that unmakes what was made."""
        store.remove(connection, self._request)
        self.effect = None

    async def keep(self, answer: KeptAnswer) -> None:
        """Store the answer, before it is given."""
        if len(answer.body) > ANSWER_BYTES_MAX:
            return
        sealed = seal_answer(self._vault, answer)
        record = self._record(self.effect or self.about, sealed)
        await self._database.write(lambda c: store.put(c, self._request, record))
        self._on_kept(len(sealed))

    def _record(self, effect: str | None, sealed: bytes | None) -> Record:
        return Record(self._request.fingerprint, effect, sealed, self._created_ms)


def seal_answer(vault: Vault, answer: KeptAnswer) -> bytes:
    """Return an answer as it is stored."""
    return vault.seal_bytes(_ENCODER.encode((answer.status, answer.headers, answer.body)))


def open_answer(vault: Vault, sealed: bytes) -> KeptAnswer:
    """Return a stored answer.

    Raises:
        SealBroken: it was sealed under another wrapping key.
    """
    return KeptAnswer(*_DECODER.decode(vault.open_bytes(sealed)))
