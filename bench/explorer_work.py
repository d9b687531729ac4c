"""What happens on a generated chain: transfers, and jobs that end in most of the ways there are."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from genesis import Genesis
from ledger import ChainView, with_least_fee
from ledger.actions import (
    Action,
    AssignJob,
    AttestationKind,
    AttestReceipt,
    CancelJob,
    Custody,
    FailJob,
    PostOffer,
    PostReceipt,
    Reason,
    RegisterMiner,
    ReleaseJob,
    SubmitJob,
    Transfer,
    UnitType,
    Verification,
)
from ledger.block import Block
from ledger.hashing import sha256
from ledger.keys import KeyPair
from ledger.params import NAIT_PER_AITBC, OFFER_MS_MAX, TRANSACTION_VERSION
from ledger.transaction import SignedTransaction, Transaction, sign
from ledger.types import Attempt, Hash, TimestampMs

CLIENTS: Final = 400
"""Accounts that submit jobs and send each other units."""

MINERS: Final = 40
"""Accounts that work."""

SERVICES: Final = ("llm_inference", "audio_transcription", "image_generation", "ffmpeg_transcode")
"""Services of jobs and offers."""

TRANSFERS_SHARE: Final = 0.3
"""Part of all transactions; the rest is work."""

WORK_ON: Final = 0.76
"""How often work is on an open job, and not a new one; each takes about four transactions."""

OPEN_MAX: Final = 40
"""Open jobs, at most: each has its turn long before its time is over."""

CANCELLED: Final = 0.02
RELEASED: Final = 0.04
FAILED: Final = 0.03
"""Chances at a job's steps."""

ATTEMPTS_MAX: Final = 8
OFFERS_A_MINER: Final = 3
UNIT_PRICE: Final = 200_000
MAX_PRICE: Final = NAIT_PER_AITBC // 10
VALID_MS: Final = 120_000
START_MS: Final = 300_000
DEADLINE_MS: Final = 900_000


@dataclass(frozen=True, slots=True)
class Open:
    """A job that is not over."""

    job_id: Hash
    """Its id."""
    client: KeyPair
    """Who asked for it."""
    terms: SubmitJob
    """What was asked for."""
    attempt: Attempt = 0
    """Its newest attempt."""
    miner: KeyPair | None = None
    """Who has it."""
    receipt_id: Hash | None = None
    """The receipt that waits to be attested."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """What a transaction makes, and the job that is open after it."""

    made: str = ""
    """`job` or `receipt`; empty for neither."""
    after: Open | None = None
    """The job that it leaves open; without its own id where the transaction makes that."""


class Work:
    """Decides what the next block holds, and remembers the jobs that are open."""

    def __init__(
        self,
        genesis: Genesis,
        coordinator: KeyPair,
        clients: Sequence[KeyPair],
        miners: Sequence[KeyPair],
        chance: random.Random,
    ) -> None:
        """Begin without jobs.

        Args:
            genesis: of the chain.
            coordinator: assigns, attests, fails.
            clients: who submit.
            miners: who work; they register in the first blocks.
            chance: decides.
        """
        self.made: list[tuple[str, Hash]] = []
        """Kinds and ids of what the newest block made."""
        self._genesis = genesis
        self._coordinator = coordinator
        self._clients = clients
        self._miners = miners
        self._chance = chance
        self._to_register = list(enumerate(miners))
        self._to_offer: list[KeyPair] = []
        self._open: list[Open] = []
        self._planned: list[_Planned] = []
        self._salt = 0

    def transactions(
        self, parent: ChainView, now_ms: TimestampMs, count: int
    ) -> list[SignedTransaction]:
        """Return the signed transactions of the next block.

        Args:
            parent: the newest view.
            now_ms: time of the block.
            count: how many.
        """
        steps = [self._step(now_ms) for _ in range(count)]
        self._planned = [planned for _, _, planned in steps]
        return [self._signed(parent, now_ms, key, action) for key, action, _ in steps]

    def follow(self, block: Block, ids: Sequence[Hash]) -> None:
        """Take note of what the block that was built holds."""
        assert len(block.transactions) == len(self._planned), "the block is full"
        self.made = []
        for planned, identity in zip(self._planned, ids, strict=True):
            self.made.append(("transaction", identity))
            if planned.made:
                self.made.append((planned.made, identity))
            if planned.after is None:
                continue
            after = planned.after
            if planned.made == "job":
                after = replace(after, job_id=identity)
            elif planned.made == "receipt":
                after = replace(after, receipt_id=identity)
            self._open.append(after)

    def _step(self, now_ms: TimestampMs) -> tuple[KeyPair, Action, _Planned]:
        """Decide on one transaction: who sends it, what it does, what follows."""
        if self._to_register:
            number, miner = self._to_register.pop()
            self._to_offer += [miner] * OFFERS_A_MINER
            name = f"rack-{number:02d}"
            return miner, RegisterMiner(name, sha256(name.encode()), 0, 1, Custody.OWN), _Planned()
        if self._to_offer:
            return self._to_offer.pop(), self._offer(now_ms), _Planned()
        if self._chance.random() < TRANSFERS_SHARE:
            sender, receiver = self._chance.sample(self._clients, 2)
            return sender, Transfer(receiver.address, self._chance.randrange(1, 10**7)), _Planned()
        if self._open and (len(self._open) >= OPEN_MAX or self._chance.random() < WORK_ON):
            return self._advance(self._open.pop(0), now_ms)
        return self._submit(now_ms)

    def _submit(self, now_ms: TimestampMs) -> tuple[KeyPair, Action, _Planned]:
        client = self._chance.choice(self._clients)
        terms = SubmitJob(
            coordinator=self._coordinator.address,
            service=self._chance.choice(SERVICES),
            payload_digest=self._chance.randbytes(32),
            max_price=MAX_PRICE,
            start_by_ms=now_ms + START_MS,
            deadline_ms=now_ms + DEADLINE_MS,
            dispute_ms=0 if self._chance.random() < 0.9 else 60_000,
            streamed=False,
            verification=Verification.NONE,
        )
        return client, terms, _Planned("job", Open(bytes(32), client, terms))

    def _advance(self, job: Open, now_ms: TimestampMs) -> tuple[KeyPair, Action, _Planned]:
        """Return the next step of a job; most go well."""
        luck = self._chance.random()
        if job.receipt_id is not None:
            action = AttestReceipt(job.job_id, job.receipt_id, AttestationKind.DELIVERY)
            return self._coordinator, action, _Planned()
        if luck < CANCELLED:
            return job.client, CancelJob(job.job_id, MAX_PRICE), _Planned()
        if job.miner is not None:
            if luck < CANCELLED + RELEASED:
                released = ReleaseJob(job.job_id, job.attempt, Reason.RUNNER_FAILED)
                return job.miner, released, _Planned("", replace(job, miner=None))
            return job.miner, self._receipt(job, now_ms), _Planned("receipt", job)
        if luck < CANCELLED + FAILED or job.attempt == ATTEMPTS_MAX:
            failed = FailJob(job.job_id, job.attempt, Reason.NO_PAYLOAD)
            return self._coordinator, failed, _Planned()
        return self._assign(job)

    def _assign(self, job: Open) -> tuple[KeyPair, Action, _Planned]:
        miner = self._chance.choice(self._miners)
        action = AssignJob(
            job_id=job.job_id,
            attempt=job.attempt + 1,
            miner=miner.address,
            price_cap=MAX_PRICE,
            unit_type=UnitType.TOKENS,
            unit_price=UNIT_PRICE,
            lease_end_ms=job.terms.deadline_ms,
        )
        after = replace(job, attempt=job.attempt + 1, miner=miner)
        return self._coordinator, action, _Planned("", after)

    def _receipt(self, job: Open, now_ms: TimestampMs) -> PostReceipt:
        tokens = self._chance.randint(16, MAX_PRICE // UNIT_PRICE)
        return PostReceipt(
            job_id=job.job_id,
            attempt=job.attempt,
            client=job.client.address,
            coordinator=self._coordinator.address,
            payload_digest=job.terms.payload_digest,
            price_cap=MAX_PRICE,
            result_digest=self._chance.randbytes(32),
            units_micro=tokens * 1_000_000,
            unit_type=UnitType.TOKENS,
            price=tokens * UNIT_PRICE,
            model="smollm2-135m",
            started_ms=now_ms - self._chance.randint(300, 3_000),
            completed_ms=now_ms - 100,
        )

    def _offer(self, now_ms: TimestampMs) -> PostOffer:
        service = self._chance.choice(SERVICES)
        price = self._chance.randrange(MAX_PRICE // 10, MAX_PRICE)
        digest = sha256(service.encode())
        return PostOffer(service, price, 8, digest, now_ms + OFFER_MS_MAX // 2)

    def _signed(
        self, parent: ChainView, now_ms: TimestampMs, key: KeyPair, action: Action
    ) -> SignedTransaction:
        self._salt += 1
        unsigned = Transaction(
            version=TRANSACTION_VERSION,
            chain_id=self._genesis.chain_id,
            sender_public_key=key.public_key,
            action=action,
            fee=0,
            valid_until_ms=now_ms + VALID_MS,
            salt=sha256(self._salt.to_bytes(8, "big"))[:16],
        )
        return sign(self._genesis.tags, with_least_fee(parent.parameters, unsigned), key)
