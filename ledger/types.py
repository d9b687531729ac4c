"""Small value types that the whole system shares.

They are aliases with bounds: msgspec enforces the bounds whenever bytes from outside are
decoded, so code behind a decoder may rely on them.
"""

from typing import Annotated

from msgspec import Meta

AMOUNT_MAX = 2**63 - 1
"""Largest amount of any kind, in nait (S8)."""

SUPPLY_MAX = 2**62
"""Largest total supply, in nait (S8); two supplies still fit a signed 64-bit integer."""

TIMESTAMP_MS_MAX = 2**48 - 1
"""Largest timestamp, in milliseconds since the Unix epoch (S5)."""

COUNT_MAX = 2**63 - 1
"""Largest height, view, epoch or attempt that an encoding may carry."""

Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
"""A SHA-256 digest; also every id of a transaction, block, job and receipt (J27)."""

Address = Annotated[bytes, Meta(min_length=20, max_length=20)]
"""First 20 bytes of SHA-256(public key). Its text form is bech32m with prefix ``ait``."""

PublicKey = Annotated[bytes, Meta(min_length=32, max_length=32)]
"""An Ed25519 public key. Bounds only: `keys.check_public_key` decides whether it is usable."""

Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
"""An Ed25519 signature."""

Salt = Annotated[bytes, Meta(min_length=16, max_length=16)]
"""Random bytes that make two otherwise equal transactions differ."""

Amount = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
"""A non-negative amount of nait; 1 AITBC = 10^9 nait."""

TimestampMs = Annotated[int, Meta(ge=0, le=TIMESTAMP_MS_MAX)]
"""A point in time, milliseconds since the Unix epoch."""

DurationMs = Annotated[int, Meta(ge=0, le=TIMESTAMP_MS_MAX)]
"""A length of time in milliseconds."""

BasisPoints = Annotated[int, Meta(ge=0, le=10_000)]
"""A share in 1/10 000."""

Height = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
"""Distance of a block from genesis, whose height is 0."""

View = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
"""A consensus view; counts from 1 in each epoch, 0 is the epoch's first block (genesis)."""

Epoch = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
"""An epoch number; counts from 0."""

Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
"""Number of leaves of a tree."""

Attempt = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
"""Fencing token of an assignment: 0 before the first, then growing by 1 (J9)."""

Capacity = Annotated[int, Meta(ge=1, le=1_000_000)]
"""How many jobs an offer takes."""

Slug = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"\A[a-z0-9][a-z0-9_-]*\Z")]
"""A service id on the chain, such as ``llm_inference``."""

MinerName = Annotated[
    str, Meta(min_length=1, max_length=63, pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
]
"""A miner's name as it is shown; unique without regard to case (M1)."""

ModelName = Annotated[str, Meta(max_length=64, pattern=r"\A[A-Za-z0-9._:/+-]*\Z")]
"""Name of the model that ran, empty when the service has none."""

ChainId = Annotated[str, Meta(min_length=18, max_length=49, pattern=r"\A[a-z0-9-]+\Z")]
"""Chain name, a hyphen, and the first 16 hex digits of the genesis digest (T4)."""
