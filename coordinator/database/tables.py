"""Tables of the coordinator's own database.

What is said about money, assignment and completion is an index of the chain: the columns named in
`CHAIN_DERIVED` can be dropped and rebuilt from final blocks (K2). The rest exists only here:
payloads, results, keys, wallets, signed transactions on their way.

Times are milliseconds, amounts nait, ids and addresses raw bytes.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData()

Id: Final = LargeBinary(32)
Address: Final = LargeBinary(20)

# SQLite counts rows only in a column of type INTEGER; PostgreSQL needs eight bytes for it.
Sequence: Final = BigInteger().with_variant(Integer(), "sqlite")

chain = Table(
    "chain",
    metadata,
    Column("chain_id", String(64), primary_key=True),
    Column("height", BigInteger, nullable=False),
    Column("block_id", Id, nullable=False),
)
"""One row: which chain this database follows, and the last block whose effects it holds (K2)."""

clients = Table(
    "clients",
    metadata,
    Column("client_id", String(64), primary_key=True),
    Column("label", String(100), nullable=False),
    Column("address", Address, nullable=False, unique=True),
    Column("created_ms", BigInteger, nullable=False),
    # Turn of the last job of this client that a miner claimed; the least goes first.
    Column("served_turn", BigInteger, nullable=False, server_default="0"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(32), primary_key=True),
    Column("client_id", ForeignKey("clients.client_id"), nullable=False, index=True),
    Column("digest", Id, nullable=False),
    Column("label", String(100), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("version_pin", String(10)),
    # Requests a minute by policy, as JSON; NULL for the node's own (L1).
    Column("quotas", String(200)),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("revoked_ms", BigInteger),
    # The key's budget, in `key_budgets`; NULL without one.
    Column("budget_id", String(32), index=True),
)

wallets = Table(
    "wallets",
    metadata,
    Column("address", Address, primary_key=True),
    Column("public_key", LargeBinary(32), nullable=False),
    Column("sealed_seed", LargeBinary(200), nullable=False),
    Column("client_id", String(64), nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
)
"""Managed keys, sealed under a wrapping key that is kept outside this database (K3)."""

jobs = Table(
    "jobs",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("job_id", Id, nullable=False, unique=True),
    # NULL for a job that reached the chain without passing through this API.
    Column("client_id", String(64)),
    # Public part of the key that ordered it; NULL for the demo identity.
    Column("key_id", String(32)),
    Column("client", Address, nullable=False),
    Column("api_version", String(10), nullable=False),
    Column("service", String(32), nullable=False),
    Column("model", String(64), nullable=False),
    Column("shown_type", String(64), nullable=False),
    Column("spec", Text, nullable=False),
    Column("payload_digest", Id, nullable=False),
    Column("max_price", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("requested_ms", BigInteger, nullable=False),
    Column("deadline_ms", BigInteger, nullable=False),
    # Whether it is given to nobody until its client accepts an offer for it (S2).
    Column("is_held", Boolean, nullable=False, server_default=false()),
    # Id of a signed assignment that is not final: nobody else is assigned meanwhile.
    Column("open_assignment", Id),
    Column("phase", String(16), nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("miner", Address),
    Column("escrowed_ms", BigInteger),
    Column("receipt_id", Id),
    Column("ended_ms", BigInteger),
    Column("end_kind", Integer),
    Column("paid_miner", BigInteger, nullable=False, server_default="0"),
    Column("paid_coordinator", BigInteger, nullable=False, server_default="0"),
    Column("refunded", BigInteger, nullable=False, server_default="0"),
    Column("error_code", String(40)),
    Column("error_message", String(600)),
    Index("jobs_by_client", "client_id", "seq"),
    Index("jobs_by_phase", "phase", "service", "seq"),
    Index("jobs_live", "end_kind", "phase"),
    Index("jobs_by_key", "key_id", "requested_ms"),
    Index("jobs_live_by_key", "key_id", "end_kind", "phase", "requested_ms"),
)

payloads = Table(
    "payloads",
    metadata,
    Column("job_id", Id, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
    Column("blind", LargeBinary(32), nullable=False),
    Column("expires_ms", BigInteger, nullable=False, server_default="0", index=True),
)

attempts = Table(
    "attempts",
    metadata,
    Column("assignment_id", Id, primary_key=True),
    Column("job_id", Id, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("miner", Address, nullable=False),
    Column("has_heartbeats", Boolean, nullable=False),
    Column("price_cap", BigInteger, nullable=False),
    Column("unit_type", Integer, nullable=False),
    Column("unit_price", BigInteger, nullable=False),
    Column("lease_end_ms", BigInteger, nullable=False),
    Column("claimed_ms", BigInteger, nullable=False),
    Column("heartbeat_by_ms", BigInteger),
    Column("progress", Integer, nullable=False, server_default="0"),
    # What the miner asked for, when it gave up.
    Column("release_reason", Integer),
    Column("release_message", String(600)),
    # Why a delivery was refused, so that a dispute can name it.
    Column("refusal_reason", Integer),
    Column("phase", String(16), nullable=False),
    Column("assigned_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("end_reason", Integer),
    Index("attempts_by_job", "job_id", "attempt"),
    Index("attempts_by_miner", "miner", "phase"),
)

# What is not kept any more is not looked at again, however much of it there is.
_KEPT: Final = text("document IS NOT NULL")

results = Table(
    "results",
    metadata,
    Column("job_id", Id, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("miner", Address, nullable=False),
    # NULL after retention, and the salt is zeros; the digest stays, since the receipt names it.
    Column("document", LargeBinary),
    Column("salt", LargeBinary(32), nullable=False),
    Column("digest", Id, nullable=False),
    Column("model", String(64), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("completed_ms", BigInteger, nullable=False),
    Column("delivered_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("job_id", "attempt"),
    Index("results_kept", "expires_ms", sqlite_where=_KEPT, postgresql_where=_KEPT),
)

receipts = Table(
    "receipts",
    metadata,
    Column("receipt_id", Id, primary_key=True),
    Column("job_id", Id, nullable=False, unique=True),
    Column("attempt", Integer, nullable=False),
    Column("miner", Address, nullable=False, index=True),
    Column("client", Address, nullable=False),
    Column("digest", Id, nullable=False),
    Column("signed", LargeBinary(1024), nullable=False),
    Column("height", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    Column("is_disputed", Boolean, nullable=False),
    Index("receipts_by_place", "height", "position"),
)
"""Final receipts of jobs of this coordinator; wholly derived from the chain."""

attestations = Table(
    "attestations",
    metadata,
    Column("transaction_id", Id, primary_key=True),
    Column("receipt_id", Id, nullable=False, index=True),
    Column("kind", Integer, nullable=False),
    Column("height", BigInteger, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
)
"""Final attestations; wholly derived from the chain."""

miners = Table(
    "miners",
    metadata,
    # The name in lower case: names are unique without regard to case (M1).
    Column("name_key", String(63), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("client_id", String(64), nullable=False, index=True),
    Column("address", Address, nullable=False, unique=True),
    Column("custody", Integer, nullable=False),
    # Canonical JSON whose digest the chain holds; `wanted` replaces `document` when it does.
    Column("wanted", Text, nullable=False),
    Column("document", Text),
    Column("created_ms", BigInteger, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("registered_ms", BigInteger),
    # Whether it asked for no further jobs.
    Column("is_draining", Boolean, nullable=False, server_default=false()),
)

sponsorships = Table(
    "sponsorships",
    metadata,
    Column("transaction_id", Id, primary_key=True),
    Column("client_id", String(64), nullable=False, index=True),
    Column("address", Address, nullable=False),
    Column("amount", BigInteger, nullable=False),
)
"""Registration fees that the coordinator paid for miners (M1)."""

outbox = Table(
    "outbox",
    metadata,
    Column("transaction_id", Id, primary_key=True),
    # What it is for, such as attest:<job>:<attempt>; at most one pending row each (J30).
    Column("intent", String(200), nullable=False, index=True),
    Column("action", String(32), nullable=False),
    Column("job_id", Id, index=True),
    Column("attempt", Integer, nullable=False),
    Column("signed", LargeBinary(1024), nullable=False),
    Column("valid_until_ms", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("code", String(40), nullable=False, server_default=""),
    Index("outbox_by_state", "state", "valid_until_ms"),
)
"""Signed transactions, stored before they are sent for the first time (J30)."""

artifacts = Table(
    "artifacts",
    metadata,
    Column("digest", Id, nullable=False),
    Column("client_id", String(64), nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("digest", "client_id"),
)
"""Who keeps which file, and until when; the bytes are a file named by the digest."""

CHAIN_DERIVED: Final[Mapping[Table, Mapping[str, object]]] = {
    jobs: {
        "phase": "accepted",
        "attempt": 0,
        "miner": None,
        "escrowed_ms": None,
        "receipt_id": None,
        "ended_ms": None,
        "end_kind": None,
        "paid_miner": 0,
        "paid_coordinator": 0,
        "refunded": 0,
        "error_code": None,
        "error_message": None,
    },
    attempts: {"phase": "open", "assigned_ms": None, "ended_ms": None, "end_reason": None},
    miners: {"is_active": False, "registered_ms": None},
    outbox: {"state": "pending"},
}
"""Columns that repeat the chain, with the values they have before any block was followed."""
