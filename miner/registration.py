"""Registration with a key of one's own: proof of possession and the chain's entry (T6, M1)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aitbc import (
    JsonValue,
    SigningKey,
    action_array,
    canonical_json,
    fee_for,
    format_address,
    sign_transaction,
)
from aitbc.field_checks import FieldValue
from miner.node_api import Challenge, NodeApi
from miner.signing import VALIDITY_MS


@dataclass(frozen=True)
class Capabilities:
    """What a miner says that it can do."""

    entries: Sequence[str]
    """Service ids and model names."""
    aliases: Mapping[str, str]
    """Model names that a model of this miner answers for (S3)."""
    gpu_info: Mapping[str, JsonValue]
    """Name and memory of the GPU; empty without one."""
    price: str | None
    """Asked price of a job, a decimal text of AITBC; None takes the service's own."""
    price_floor: int
    """The same in nait, 0 for None: least price cap of a job (J1)."""
    python: Mapping[str, JsonValue] | None = None
    """What it can run of Python programs; None without a runner for them."""

    def document(self) -> dict[str, JsonValue]:
        """Return the document whose digest the chain holds."""
        document: dict[str, JsonValue] = {
            "aliases": dict(self.aliases),
            "capabilities": list(self.entries),
            "gpu_info": dict(self.gpu_info),
            "price": self.price,
        }
        if self.python is not None:
            document["python"] = dict(self.python)
        return document

    def digest(self) -> bytes:
        """Return SHA-256 of the canonical document."""
        return hashlib.sha256(canonical_json(self.document())).digest()


def register(api: NodeApi, key: SigningKey, capabilities: Capabilities) -> Challenge:
    """Register the miner, or update its registration, and return what is known of the chain.

    Raises:
        ApiError: refused; `MINER_ALREADY_REGISTERED` when the name is another's.
    """
    challenge = api.challenge(key.public_key)
    is_update = api.registered_address() == format_address(key.address)
    message = challenge.tags.challenge_message(
        challenge.coordinator, key.public_key, challenge.nonce, challenge.expires_at_ms
    )
    api.register(
        capabilities.document()
        | {
            "own_key": {
                "public_key": key.public_key.hex(),
                "nonce": challenge.nonce.hex(),
                "expires_at_ms": challenge.expires_at_ms,
                "signature": key.sign(message).hex(),
                "transaction": _entry(api, key, capabilities, challenge, is_update=is_update).hex(),
            }
        }
    )
    return challenge


def _entry(
    api: NodeApi,
    key: SigningKey,
    capabilities: Capabilities,
    challenge: Challenge,
    *,
    is_update: bool,
) -> bytes:
    terms: dict[str, FieldValue] = {
        "capabilities_digest": capabilities.digest(),
        "price_floor": capabilities.price_floor,
    }
    if is_update:
        action = action_array("update_miner", **terms)
    else:
        action = action_array(
            "register_miner", name=api.miner_id, bond=challenge.bond_min, custody=0, **terms
        )
    return sign_transaction(
        challenge.tags,
        key,
        action,
        fee=fee_for(action, challenge.fee_base, challenge.fee_per_byte),
        valid_until_ms=challenge.chain_time_ms + min(VALIDITY_MS, challenge.horizon_ms),
    ).signed
