"""Jobs as their client sees them.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.jobs.model import (
    ENDED_PHASES,
    MODEL_DEFAULT,
    TTL_S_DEFAULT,
    TTL_S_MAX,
    ArtifactRef,
    Eligibility,
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
from coordinator.values import ApiVersion, JsonValue

__all__ = [
    "ENDED_PHASES",
    "MODEL_DEFAULT",
    "TTL_S_DEFAULT",
    "TTL_S_MAX",
    "ApiVersion",
    "ArtifactRef",
    "Eligibility",
    "JobError",
    "JobFilter",
    "JobPage",
    "JobPhase",
    "JobSpec",
    "JobView",
    "JsonValue",
    "MinerRef",
    "PaymentStatus",
    "PaymentView",
    "ResultView",
]
