"""Clients that transact at every node while things happen to it, and note all that they are told.

A client that gets no answer asks another node with the same bytes, as one would that must know
(T1). It never signs the same transfer twice.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from aitbc import ChainTags, SigningKey, action_array, fee_for, format_address, sign_transaction
from devnet.torture.history import FINAL, NO_ANSWER, History, Sent, Told

ANSWER_TIMEOUT_S = 15.0
"""A node answers after 10 s at the latest, when it waits for a block that does not come."""

VALID_MS = 120_000
"""How long what is signed is valid, after the newest block that any node has named."""

AMOUNT_MAX = 1_000_000
"""Nait of one transfer; far below what an account has."""


BACK_OFF_S = 1.0
"""Pause of a client whom nobody answered."""

RESENT_AT_ONCE = 64
"""Transfers under way when what is undecided is sent again."""


@dataclass
class Endpoint:
    """A node as clients see it."""

    name: str
    """Its name."""
    client: httpx.AsyncClient
    """Connections to its API."""


@dataclass
class ChainFacts:
    """What a client has to know of the chain to sign."""

    tags: ChainTags
    """The chain."""
    fee_base: int
    """Nait per transaction."""
    fee_per_byte: int
    """Nait per byte."""
    time_ms: int
    """Time of the newest final block that was heard of."""


class Transfers:
    """Signs transfers between given accounts, and sends them."""

    def __init__(
        self, facts: ChainFacts, keys: Sequence[SigningKey], history: History, rng: random.Random
    ) -> None:
        """Sign with `keys`, and keep everything in `history`."""
        self._facts = facts
        self._keys = tuple(keys)
        self._history = history
        self._rng = rng

    def new(self) -> Sent:
        """Return a signed transfer of a small amount between two accounts, noted as sent."""
        sender, receiver = self._rng.sample(self._keys, 2)
        amount = self._rng.randint(1, AMOUNT_MAX)
        action = action_array("transfer", to=receiver.address, amount=amount)
        facts = self._facts
        fee = fee_for(action, facts.fee_base, facts.fee_per_byte)
        signed = sign_transaction(
            facts.tags,
            sender,
            action,
            fee=fee,
            valid_until_ms=facts.time_ms + VALID_MS,
            salt=self._rng.randbytes(16),
        )
        sent = Sent(
            at_s=time.monotonic(),
            transaction_id="tx_" + signed.transaction_id.hex(),
            sender=format_address(sender.address),
            receiver=format_address(receiver.address),
            amount=amount,
            fee=fee,
            valid_until_ms=signed.valid_until_ms,
            signed=signed.signed,
        )
        self._history.note_sent(sent)
        return sent

    async def send(self, sent: Sent, to: Endpoint) -> Told:
        """Send a transfer to a node, wait until it is final there, and return what was said."""
        try:
            answer = await to.client.post(
                "/v1/chain/transactions?wait=final",
                json={"transaction": sent.signed.hex()},
                timeout=ANSWER_TIMEOUT_S,
            )
            body = answer.json() if answer.is_success else {}
        except (httpx.HTTPError, ValueError):
            body = {}
        told = Told(
            at_s=time.monotonic(),
            node=to.name,
            transaction_id=sent.transaction_id,
            status=body.get("status", NO_ANSWER),
            height=body.get("height"),
            code=body.get("code"),
        )
        self._history.note_told(told)
        return told


class Client:
    """Sends one transfer after the other to its own node."""

    def __init__(
        self,
        transfers: Transfers,
        home: Endpoint,
        others: Sequence[Endpoint],
        rng: random.Random,
        pause_s: float,
    ) -> None:
        """Use `home`, and one of `others` when it does not answer."""
        self._transfers = transfers
        self._home = home
        self._others = tuple(others)
        self._rng = rng
        self._pause_s = pause_s

    async def run(self) -> None:
        """Transact until cancelled."""
        while True:
            sent = self._transfers.new()
            told = await self._transfers.send(sent, self._home)
            if told.status == NO_ANSWER and self._others:
                told = await self._transfers.send(sent, self._rng.choice(self._others))
            pause_s = BACK_OFF_S if told.status == NO_ANSWER else self._pause_s
            await asyncio.sleep(pause_s * self._rng.uniform(0.5, 1.5))


async def resend_undecided(
    transfers: Transfers, history: History, endpoints: Sequence[Endpoint], rng: random.Random
) -> int:
    """Send again whatever no node called final (T1), and return how many are still undecided.

    Each has to end: final, or refused because its time is over.
    """
    gate = asyncio.Semaphore(RESENT_AT_ONCE)

    async def resend(sent: Sent) -> bool:
        async with gate:
            told = await transfers.send(sent, rng.choice(endpoints))
        return told.status == FINAL or (told.status == "rejected" and told.code is not None)

    answers = await asyncio.gather(*(resend(sent) for sent in list(history.undecided())))
    return sum(not is_decided for is_decided in answers)
