"""Settings of the coordinator. The node's configuration file is where they come from."""

from dataclasses import dataclass, field
from pathlib import Path

from coordinator.events.places import StreamLimits
from ledger.keys import KeyPair


@dataclass(frozen=True, slots=True)
class Timings:
    """Times and counts of the queue; none of them binds other nodes."""

    lease_ms: int = 20_000
    """Chain lease of a miner with heartbeats: how long a dead miner holds a job at least (J8)."""
    heartbeat_ms: int = 5_000
    """How often such a miner shall send heartbeats."""
    heartbeat_missed_ms: int = 15_000
    """Silence after which it counts as dead."""
    transaction_validity_ms: int = 120_000
    """`valid_until` of the coordinator's transactions ahead of the chain's time."""
    assignment_validity_ms: int = 30_000
    """The same for assignments: a lost one keeps its job from being offered until then."""
    final_wait_s: float = 10.0
    """How long a request waits for its transaction to be final."""
    delivery_grace_ms: int = 60_000
    """Time from a final receipt to the dispute, if its result was not delivered (J3)."""
    payload_grace_ms: int = 60_000
    """Time from a foreign escrow to its failure, if its payload never came (J31)."""
    same_miner_pause_ms: int = 10_000
    """How long a miner that lost a job is not offered it again, so that others come first."""
    sweep_interval_s: float = 1.0
    """Time between two looks for what is overdue."""
    webhook_interval_s: float = 1.0
    """Time between two looks for messages to webhooks that are due."""
    resend_s: float = 2.0
    """Time after which a pending transaction is sent again, the same bytes (J30)."""
    result_retention_ms: int = 7 * 86_400_000
    """How long results are kept."""
    artifact_retention_ms: int = 86_400_000
    """How long artifacts are kept."""
    leases_per_miner_max: int = 16
    """Leases of one miner at a time."""
    miners_per_job_max: int = 3
    """Distinct miners on which a job may fail before it is failed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes that bound what callers make the coordinator hold."""

    payload_bytes_max: int = 262_144
    """Canonical payload of one job."""
    result_bytes_max: int = 262_144
    """Canonical result document; more belongs into artifacts."""
    artifact_bytes_max: int = 256 * 1_048_576
    """One artifact."""
    artifact_quota_bytes: int = 2 * 1024 * 1_048_576
    """Artifacts of one client."""
    open_jobs_per_client_max: int = 10_000
    """Jobs of one client that did not end."""
    sponsored_registrations_max: int = 64
    """Registration fees that the coordinator pays for one owner (M1)."""


@dataclass(frozen=True, slots=True)
class CoordinatorConfig:
    """What `build_services` needs besides the chain."""

    database_url: str
    """URL of the coordinator's own database, such as ``sqlite:////…/coordinator.db``."""
    artifact_dir: Path
    """Folder of artifact files; made if missing."""
    wrapping_key_path: Path
    """File of the key that encrypts managed wallets, mode 0600, outside the database (K3); made
    with the database, and never again: see `open_vault`."""
    account_key: KeyPair
    """Key of the coordinator's account: signs assignments, attestations and sponsored fees."""
    is_devnet: bool = False
    """Demo identity and literal keys (A2). The caller has checked that only loopback listens."""
    faucet_key: KeyPair | None = None
    """Account from which a devnet funds new managed wallets by signed transfers."""
    faucet_amount: int = 1_000 * 10**9
    """Nait that a new wallet gets."""
    webhooks_to_loopback: bool = False
    """Whether webhooks may be on this machine, with plain HTTP too; for a devnet."""
    timings: Timings = field(default_factory=Timings)
    limits: Limits = field(default_factory=Limits)
    streams: StreamLimits = field(default_factory=StreamLimits)

    @property
    def operator_key_path(self) -> Path:
        """File of the operator's API key, beside the wrapping key; made if missing."""
        return self.wrapping_key_path.with_name("operator.key")
