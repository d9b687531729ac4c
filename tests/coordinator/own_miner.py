"""A miner with its own key, which builds and signs everything itself."""

from dataclasses import dataclass, field
from typing import Any

from coordinator.clients import Principal
from coordinator.jobs.documents import result_digest
from coordinator.jobs.results import result_document
from coordinator.leases import Completion, Lease, Output
from coordinator.miners import MinerRegistration, MinerView, OwnKey
from coordinator.miners.capabilities import digest_of_document, document_of
from ledger import with_least_fee
from ledger.actions import (
    Action,
    Custody,
    PostReceipt,
    Reason,
    RegisterMiner,
    ReleaseJob,
    UnitType,
    UpdateMiner,
)
from ledger.codec import encode
from ledger.hashing import Purpose, sha256
from ledger.keys import KeyPair
from ledger.transaction import Transaction, sign
from tests.coordinator.world import CLIENT, World, registration

SALT = bytes(range(32))


@dataclass
class OwnMiner:
    """One miner; `world` is where it works."""

    world: World
    name: str = "own-1"
    principal: Principal = CLIENT
    key: KeyPair = field(default_factory=lambda: KeyPair(sha256(b"own miner")))

    # ------------------------------------------------------------ registration

    async def register(self, **changes: object) -> MinerView:
        return await self.world.services.miners.register(
            self.principal, await self.registration(**changes)
        )

    async def registration(self, **changes: object) -> MinerRegistration:
        wanted = registration(self.name, **changes)
        digest = digest_of_document(document_of(wanted))
        action: Action
        if self.world.chain.miner(self.key.address) is None:
            action = RegisterMiner(
                name=self.name,
                capabilities_digest=digest,
                price_floor=wanted.price or 0,
                bond=0,
                custody=Custody.OWN,
            )
        else:
            action = UpdateMiner(capabilities_digest=digest, price_floor=wanted.price or 0)
        own_key = await self.answer(self.sign(action))
        return registration(self.name, **changes, own_key=own_key)

    async def answer(self, transaction: bytes) -> OwnKey:
        """Ask for a challenge and sign what this miner builds of it (T6)."""
        given = await self.world.services.miners.challenge(self.key.public_key)
        content = [
            given.chain_id,
            given.coordinator,
            self.key.public_key,
            given.nonce,
            given.expires_at_ms,
        ]
        tag = self.world.chain.tags[Purpose.CHALLENGE]
        return OwnKey(
            public_key=self.key.public_key,
            nonce=given.nonce,
            expires_at_ms=given.expires_at_ms,
            signature=self.key.sign(tag + encode(content)),
            transaction=transaction,
        )

    def sign(
        self, action: Action, *, salt: bytes = b"0123456789abcdef", valid_s: int = 120
    ) -> bytes:
        chain = self.world.chain
        unsigned = Transaction(
            version=1,
            chain_id=chain.chain_id,
            sender_public_key=self.key.public_key,
            action=action,
            fee=0,
            valid_until_ms=chain.head().timestamp_ms + valid_s * 1_000,
            salt=salt,
        )
        unsigned = with_least_fee(chain.parameters(), unsigned)
        return encode(sign(chain.tags, unsigned, self.key))

    # ------------------------------------------------------------ work

    async def claim(self, job_id: bytes) -> Lease:
        return await self.world.services.leases.claim(
            self.principal, self.name, job_id, heartbeats=True
        )

    def receipt(self, lease: Lease, output: Output, **changes: object) -> PostReceipt:
        """Return the receipt of an output, with changes that a test wants to be wrong."""
        place = (lease.job.job_id, lease.attempt, self.key.address)
        fields: dict[str, object] = {
            "job_id": lease.job.job_id,
            "attempt": lease.attempt,
            "client": lease.terms.client,
            "coordinator": lease.terms.coordinator,
            "payload_digest": lease.terms.payload_digest,
            "price_cap": lease.terms.price_cap,
            "result_digest": result_digest(
                self.world.chain.tags, place, SALT, result_document(output)
            ),
            "units_micro": 42_000_000,
            "unit_type": UnitType.TOKENS,
            "price": lease.terms.price_cap,
            "model": "smollm2-135m",
            "started_ms": self.world.clock(),
            "completed_ms": self.world.clock() + 400,
        }
        return PostReceipt(**{**fields, **changes})  # type: ignore[arg-type]

    def completion(self, lease: Lease, text: str = "An answer.", **changes: Any) -> Completion:
        output = Output(text=text, metadata={"tokens": 42})
        return Completion(
            output,
            attempt=lease.attempt,
            salt=SALT,
            transaction=self.sign(self.receipt(lease, output, **changes)),
        )

    def released(self, lease: Lease, reason: Reason) -> bytes:
        """Return a signed release."""
        return self.given_back(lease.job.job_id, lease.attempt, reason)

    def given_back(self, job_id: bytes, attempt: int, reason: Reason) -> bytes:
        """Return a signed release of what was never handed out."""
        return self.sign(ReleaseJob(job_id=job_id, attempt=attempt, reason=reason))


__all__ = ["SALT", "OwnMiner"]
