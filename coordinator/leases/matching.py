"""Which job fits which miner: hard constraints, each with a code that both sides can be shown."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Row

from coordinator.jobs.model import JobSpec
from coordinator.miners.capabilities import Capabilities, words_of
from ledger.types import Amount

PYTHON: Final = "python"
"""The service of programs."""


class Exclusion(StrEnum):
    """Why a queued job is not offered to a miner."""

    SERVICE_NOT_OFFERED = "SERVICE_NOT_OFFERED"
    """The miner did not declare the service."""
    MODEL_NOT_OFFERED = "MODEL_NOT_OFFERED"
    """The miner neither runs the model nor has an alias for it (S3)."""
    GPU_MISSING = "GPU_MISSING"
    """The job asks for more GPUs than the miner declared."""
    GPU_MEMORY_TOO_SMALL = "GPU_MEMORY_TOO_SMALL"
    """The miner's GPU has less memory than the job asks for."""
    GPU_TYPE_DIFFERENT = "GPU_TYPE_DIFFERENT"
    """The GPU's name lacks a word of the type that the job asks for (S6)."""
    REQUIREMENTS_NOT_MET = "REQUIREMENTS_NOT_MET"
    """A package that the program asks for is not installed at the miner (S4)."""
    SOURCE_NOT_TAKEN = "SOURCE_NOT_TAKEN"
    """The miner runs the programs of its library, and none of clients."""
    PRICE_TOO_LOW = "PRICE_TOO_LOW"
    """The job pays at most less than the miner's price."""
    NOT_THE_OFFERS = "NOT_THE_OFFERS"
    """The job names another miner's offer."""
    MINER_DRAINING = "MINER_DRAINING"
    """The miner finishes what it has, and takes no further jobs."""
    MINER_BUSY = "MINER_BUSY"
    """The miner holds as many jobs as one miner may."""
    SHOWN_TO_ANOTHER = "SHOWN_TO_ANOTHER"
    """Another miner was shown the job a moment ago, and may be about to claim it."""
    JUST_FAILED_HERE = "JUST_FAILED_HERE"
    """The miner gave the job up a moment ago; others come first."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job asks of a miner."""

    service: str
    """Service id."""
    model: str
    """Model asked for; empty if any will do."""
    max_price: Amount
    """Most that it pays, in nait."""
    gpu_count: int = 0
    """GPUs."""
    gpu_memory_mib: int = 0
    """Memory of a GPU."""
    gpu_type: str = ""
    """Words that the GPU's name must hold."""
    program: str = ""
    """Program of the library that a Python job names; empty for the client's own (S4)."""
    requirements: tuple[str, ...] = ()
    """Packages that a Python job's program imports."""

    @classmethod
    def of(cls, row: Row[tuple[object, ...]]) -> "Needs":
        """Return the needs of a row of the table `jobs`."""
        spec = json.loads(row.spec)
        return cls(
            service=row.service,
            model=row.model,
            max_price=row.max_price,
            gpu_count=spec.get("gpu_count", 0),
            gpu_memory_mib=spec.get("gpu_memory_mib", 0),
            gpu_type=spec.get("gpu_type", ""),
            program=spec.get("program", ""),
            requirements=tuple(spec.get("requirements", ())),
        )

    @classmethod
    def of_spec(cls, spec: JobSpec, max_price: Amount) -> "Needs":
        """Return the needs of a specification whose limits were checked."""
        return cls(
            service=spec.service,
            model=spec.model,
            max_price=max_price,
            gpu_count=spec.gpu_count,
            gpu_memory_mib=spec.gpu_memory_mib,
            gpu_type=spec.gpu_type,
            program=spec.program,
            requirements=spec.requirements,
        )


def exclusion_of(needs: Needs, miner: Capabilities, *, has_model: bool) -> Exclusion | None:
    """Return why a miner cannot be given a job, None if it can.

    Args:
        needs: what the job asks for.
        miner: what the miner declared.
        has_model: whether jobs of the service name a model.
    """
    if needs.service not in miner.services:
        return Exclusion.SERVICE_NOT_OFFERED
    if has_model and miner.model_for(needs.model) is None:
        return Exclusion.MODEL_NOT_OFFERED
    exclusion = _machine_exclusion(needs, miner)
    if exclusion is not None:
        return exclusion
    if miner.price is not None and miner.price > needs.max_price:
        return Exclusion.PRICE_TOO_LOW
    return None


def price_cap_of(needs: Needs, miner: Capabilities, default_price: Amount) -> Amount:
    """Return the price agreed on: the miner's, else the service's, never above the maximum (P2)."""
    return min(needs.max_price, default_price if miner.price is None else miner.price)


def _machine_exclusion(needs: Needs, miner: Capabilities) -> Exclusion | None:
    if needs.service != PYTHON or miner.python is None:
        return _gpu_exclusion(needs, miner)
    program = miner.python.programs.get(needs.program)
    if needs.program and program is None:
        # Whatever it asks for, it cannot run: the miner says that there is no source for it (S4).
        return None
    if not needs.program and not miner.python.takes_sources:
        return Exclusion.SOURCE_NOT_TAKEN
    if miner.python.lacks(program, needs.requirements):
        return Exclusion.REQUIREMENTS_NOT_MET
    does_without_gpu = program is not None and not program.uses_gpu
    return None if does_without_gpu else _gpu_exclusion(needs, miner)


def _gpu_exclusion(needs: Needs, miner: Capabilities) -> Exclusion | None:
    if needs.gpu_count > _gpu_count(miner):
        return Exclusion.GPU_MISSING
    if needs.gpu_memory_mib > miner.gpu_memory_mib:
        return Exclusion.GPU_MEMORY_TOO_SMALL
    if not words_of(needs.gpu_type) <= miner.gpu_tokens:
        return Exclusion.GPU_TYPE_DIFFERENT
    return None


def _gpu_count(miner: Capabilities) -> int:
    """Return how many GPUs a miner declared; one that describes its GPU has at least that one."""
    if not miner.gpu_info:
        return 0
    count = miner.gpu_info.get("count", 1)
    return count if isinstance(count, int) and not isinstance(count, bool) else 1
