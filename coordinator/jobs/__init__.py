"""Jobs as their client sees them."""

from coordinator.jobs.model import (
    ENDED_PHASES,
    MODEL_DEFAULT,
    TTL_S_DEFAULT,
    TTL_S_MAX,
    ArtifactRef,
    JobError,
    JobFilter,
    JobPage,
    JobPhase,
    JobSpec,
    JobView,
    MinerRef,
    PaymentStatus,
    PaymentView,
    ResultView,
)
from coordinator.jobs.service import JobService
from coordinator.values import ApiVersion, JsonValue

__all__ = [
    "ENDED_PHASES",
    "MODEL_DEFAULT",
    "TTL_S_DEFAULT",
    "TTL_S_MAX",
    "ApiVersion",
    "ArtifactRef",
    "JobError",
    "JobFilter",
    "JobPage",
    "JobPhase",
    "JobService",
    "JobSpec",
    "JobView",
    "JsonValue",
    "MinerRef",
    "PaymentStatus",
    "PaymentView",
    "ResultView",
]
