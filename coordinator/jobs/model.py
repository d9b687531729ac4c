"""What a job is inside the coordinator; every API version is a view of these types."""

from dataclasses import dataclass, field
from enum import StrEnum

from coordinator.values import ApiVersion, JsonValue
from ledger.types import Address, Amount, Attempt, Hash, Height, TimestampMs

TTL_S_DEFAULT = 900
"""Time to live of a job whose body names none (J5)."""

TTL_S_MAX = 86_400
"""Longest time to live (J5)."""

DISPUTE_WINDOW_S_MAX = 604_800
"""Longest dispute window: 7 days, as the chain has it; its parameter may be less (J4)."""

MODEL_DEFAULT = "llama3.2"
"""Model of an LLM job whose body names none (section 3 of the resolutions)."""


class JobPhase(StrEnum):
    """Internal state of a job, the first column of J1's table."""

    ACCEPTED = "accepted"
    """Its escrow transaction is not final yet; it is not offered. Shown as queued."""
    QUEUED = "queued"
    """Escrow locked, waiting for a miner."""
    RUNNING = "running"
    """Assigned, in a final block, to a miner."""
    COMPLETED = "completed"
    """Its receipt is final; payment is a question apart."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


ENDED_PHASES = frozenset(
    {JobPhase.COMPLETED, JobPhase.FAILED, JobPhase.CANCELLED, JobPhase.EXPIRED}
)
"""Phases in which a client stops waiting."""


class PaymentStatus(StrEnum):
    """Where the money of a job is (P4)."""

    ESCROWED = "escrowed"
    RELEASED = "released"
    REFUNDED = "refunded"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What a client asks for, in one form for all API versions (section 3 of the resolutions)."""

    service: str
    """Service id of the registry, such as ``llm_inference``."""
    api_version: ApiVersion
    """Version of the body that it came from."""
    model: str = ""
    """Model asked for; empty where the service has none. At most 64 of ``[A-Za-z0-9._:/+-]``."""
    input: dict[str, JsonValue] = field(default_factory=dict)
    """The service's input; ``prompt`` for an LLM job."""
    params: dict[str, JsonValue] = field(default_factory=dict)
    """Parameters with their defaults filled in; unknown ones are kept."""
    label: str = ""
    """The client's own name for it (2024-01-01 ``name``)."""
    shown_type: str = ""
    """Type as the client wrote it; the service id where it wrote none."""
    max_price: Amount | None = None
    """Most it may cost, in nait; None takes the service's default (P1)."""
    ttl_s: int = TTL_S_DEFAULT
    """Seconds until it expires, 1 … `TTL_S_MAX`."""
    gpu_count: int = 0
    """GPUs needed."""
    gpu_memory_mib: int = 0
    """Memory of one GPU needed, in MiB."""
    gpu_type: str = ""
    """Tokens that the GPU's name must hold, such as ``nvidia-rtx-3090`` (S6)."""
    cpu_millicores: int = 0
    """Processor needed, in thousandths of a core."""
    memory_mib: int = 0
    """Main memory needed, in MiB."""
    program: str = ""
    """Program of the miner's library that a Python job names, as ``name/entrypoint``; empty for a
    program of the client's own, and for other services (S4)."""
    requirements: tuple[str, ...] = ()
    """Packages that a Python job's program imports."""
    hold: bool = False
    """Whether it waits, given to nobody, until its client accepts an offer for it (S2)."""
    offer_id: str = ""
    """Hex id of the offer that it is taken to as soon as its escrow is final; empty for none."""
    dispute_window_s: int = 0
    """Seconds after its receipt in which its client may dispute it; 0 settles it as soon as the
    delivery is attested (J4)."""
    warnings: tuple[str, ...] = ()
    """What the body had that nothing uses; shown to the client."""


@dataclass(frozen=True, slots=True)
class MinerRef:
    """A miner as a job shows it."""

    name: str
    """Its name; its address's text if it is not registered with this coordinator."""
    address: Address
    """Its address."""


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job ended without a result."""

    code: str
    """Stable code, such as ``BAD_INPUT`` or ``ESCROW_NOT_INCLUDED``."""
    message: str
    """For the client; exactly "Cancelled by user" for a cancelled job (J4 of the API)."""


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """A file that belongs to a result."""

    artifact: str
    """``sha256:HEX``."""
    size: int
    """Bytes."""
    name: str = ""
    """File name that the miner suggests."""
    media_type: str = ""
    """Media type that the miner claims."""


@dataclass(frozen=True, slots=True)
class ResultView:
    """The result of a completed job (J3 of the API)."""

    text: str | None
    """Text, where the result has one."""
    json: JsonValue
    """Structured result; None where there is none."""
    artifacts: tuple[ArtifactRef, ...]
    """Files."""
    metadata: dict[str, JsonValue]
    """What the miner says about the run, such as the model that ran."""
    document: bytes
    """Canonical JSON whose digest the receipt holds."""
    salt: bytes
    """32 bytes that blind the digest (J21)."""
    digest: Hash
    """`result_digest` of the receipt."""
    attempt: Attempt
    """Attempt that made it."""
    expires_ms: TimestampMs
    """When it is deleted here."""


@dataclass(frozen=True, slots=True)
class PaymentView:
    """The money of a job, from the chain (P4). Its id on the wire is ``pay_`` + the job's id."""

    job_id: Hash
    """The job."""
    status: PaymentStatus
    """Where the money is."""
    amount: Amount
    """Nait locked at the start; does not change."""
    paid: Amount
    """Nait that went to miner and coordinator; 0 until the end."""
    refunded: Amount
    """Nait that came back to the client; 0 until the end."""
    fee: Amount
    """Nait of the fees of the submission and of the acceptance of an offer."""
    created_ms: TimestampMs
    """Time of the block that locked it."""
    dispute_until_ms: TimestampMs | None = None
    """Until when its client may dispute the receipt; None where it may not."""


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Which of the registered miners could take a job, and why the others could not."""

    registered: int
    """Miners that are registered."""
    eligible: int
    """Of these, how many may be given the job."""
    exclusions: dict[str, int]
    """Of the others, how many by the code of what keeps the job from them."""


@dataclass(frozen=True, slots=True)
class JobView:
    """All that a presenter may show of a job."""

    job_id: Hash
    """Id of the job and of its submit transaction (J27)."""
    client: Address
    """Address whose balance is in escrow."""
    spec: JobSpec
    """What was asked for, with `max_price` filled in."""
    phase: JobPhase
    """Where it is."""
    requested_ms: TimestampMs
    """When it was accepted; a whole second."""
    expires_ms: TimestampMs
    """`requested_ms` + ttl, exactly (J5); its deadline on the chain."""
    estimated_completion_ms: TimestampMs
    """Start or request + the usual time of such jobs (J5)."""
    attempt: Attempt
    """Current attempt; 0 before the first."""
    miner: MinerRef | None
    """Miner of the current attempt; kept after completion and cancellation."""
    started_ms: TimestampMs | None
    """When the current attempt started; equal to the receipt's once there is one (J6)."""
    progress: int | None
    """0 … 100 from RUNNING on."""
    completed_ms: TimestampMs | None
    """When the work ended, as its receipt says; None for other ends."""
    ended_ms: TimestampMs | None
    """Time of the block in which it completed, failed, expired or was cancelled."""
    error: JobError | None
    """Why it ended without a result."""
    result: ResultView | None
    """Result of a completed job, while it is kept."""
    receipt_id: Hash | None
    """Id of its receipt."""
    payment: PaymentView | None
    """None until the escrow is final (P3)."""
    as_of_height: Height
    """Height of the final block that this view follows (K1)."""
    eligibility: Eligibility | None = None
    """Why a job waits, or waited until it expired; None once it had a miner, and in lists."""


@dataclass(frozen=True, slots=True)
class JobPage:
    """Part of a list of jobs, newest first."""

    items: tuple[JobView, ...]
    """The jobs."""
    total: int
    """Jobs that fit the filter."""
    next_cursor: str | None
    """Pass as `cursor` for the jobs after these; None at the end."""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list."""

    phases: frozenset[JobPhase] = frozenset()
    """Only these; all if empty."""
    shown_types: frozenset[str] = frozenset()
    """Only jobs whose shown type or service is one of these; all if empty."""
