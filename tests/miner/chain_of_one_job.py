"""A lease as a coordinator would give it, with the client's escrow that it must agree with."""

import os
from dataclasses import dataclass, replace
from typing import Any

from aitbc import ChainTags, Client, RetryPolicy, SigningKey, action_array, canonical_json
from aitbc import sign_transaction as sign
from aitbc.transactions import SignedTransaction
from miner.node_api import Lease
from miner.signing import ChainClock, Signer

NOW_MS = 1_760_000_000_000
DIGEST = bytes(range(32))
TAGS = ChainTags(f"tests-{DIGEST[:8].hex()}", DIGEST)
COORDINATOR = bytes(20)
ONCE = RetryPolicy(attempts=1)


@dataclass(frozen=True)
class OneJob:
    """A job in escrow and its lease."""

    escrow: SignedTransaction
    lease: Lease

    @classmethod
    def make(cls, *, prompt: str = "hi", max_price: int = 1_000, price_cap: int = 900) -> "OneJob":
        document: dict[str, Any] = {
            "input": {"prompt": prompt},
            "model": "m",
            "params": {"max_tokens": 4},
            "service": "llm_inference",
        }
        payload, blind, client = canonical_json(document), os.urandom(32), SigningKey.generate()
        digest = TAGS.payload_digest(payload, blind)
        action = action_array(
            "submit_job",
            coordinator=COORDINATOR,
            service="llm_inference",
            payload_digest=digest,
            max_price=max_price,
            start_by_ms=NOW_MS + 10_000,
            deadline_ms=NOW_MS + 60_000,
            dispute_ms=0,
            streamed=False,
            verification=0,
        )
        escrow = sign(TAGS, client, action, fee=1, valid_until_ms=NOW_MS + 1_000)
        lease = Lease(
            job_id=f"job_{escrow.transaction_id.hex()}",
            attempt=1,
            service="llm_inference",
            model="m",
            input=document["input"],
            params=document["params"],
            payload=payload,
            blind=blind,
            heartbeat_interval_s=30.0,
            client=client.address,
            coordinator=COORDINATOR,
            payload_digest=digest,
            price_cap=price_cap,
            unit_type="none",
            unit_price=0,
            deadline_ms=NOW_MS + 60_000,
        )
        return cls(escrow, lease)

    def with_lease(self, **changes: Any) -> "OneJob":
        return replace(self, lease=replace(self.lease, **changes))


def signer_at(client: Client, key: SigningKey) -> Signer:
    return Signer(key, TAGS, ChainClock(client, NOW_MS))
