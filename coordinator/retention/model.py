"""What was deleted of a job."""

from dataclasses import dataclass

from ledger.types import Hash, TimestampMs


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What a deletion did; what the chain holds of the job, digests and money, stays for ever."""

    job_id: Hash
    """The job."""
    deleted_ms: TimestampMs
    """When."""
    had_input: bool
    """Whether its input was still kept."""
    had_result: bool
    """Whether its result was."""
    artifacts: tuple[Hash, ...]
    """Files that only it named."""
