"""Whether an offer is for a job: what the job is called (S2), and what the miner declared.

The chain binds whatever the client signed (J25); which jobs an offer's slug means is this
coordinator's to hold to, before it signs in the client's name.
"""

import json
from dataclasses import dataclass, replace

from sqlalchemy import Row

from coordinator.errors import JobNotForMiner
from coordinator.jobs.model import JobSpec
from coordinator.leases.matching import Needs, exclusion_of
from coordinator.marketplace.errors import OfferForOtherJobs
from coordinator.miners.capabilities import Capabilities
from coordinator.registry import ServiceRegistry, service_id
from ledger.types import Amount


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job, as offers are held against it."""

    needs: Needs
    """What it asks of a miner."""
    names: frozenset[str]
    """Its type and its name, as slugs."""

    @classmethod
    def of(cls, row: Row[tuple[object, ...]]) -> "Wanted":
        """Return what a row of the table `jobs` asks for."""
        spec = json.loads(row.spec)
        needs = Needs.of(row)
        return cls(needs, _names(row.shown_type, spec.get("label", ""), _program(needs)))

    @classmethod
    def of_spec(cls, spec: JobSpec, max_price: Amount) -> "Wanted":
        """Return what a specification asks for whose limits were checked."""
        needs = Needs.of_spec(spec, max_price)
        return cls(needs, _names(spec.shown_type, spec.label, _program(needs)))


def check_fits(
    registry: ServiceRegistry, job_type: str, declared: Capabilities, wanted: Wanted
) -> None:
    """Check that an offer may be accepted for a job.

    A slug that is a service's id means the jobs of that service: their clients choose type and
    name freely, and would have dear work done at the price of cheap work. Another slug means the
    jobs that have it as their type or name.

    Args:
        registry: knows the services.
        job_type: the offer's slug.
        declared: what the offer's miner takes; its usual price is no matter, the offer has one.
        wanted: the job.

    Raises:
        OfferForOtherJobs: the slug means others.
        JobNotForMiner: the miner did not declare what the job asks for.
    """
    if not _means(registry, job_type, wanted):
        raise OfferForOtherJobs(job_type)
    has_model = registry.get(wanted.needs.service).has_model
    at_its_price = replace(declared, price=None)
    exclusion = exclusion_of(wanted.needs, at_its_price, has_model=has_model)
    if exclusion is not None:
        raise JobNotForMiner(f"The job does not fit the offer's miner: {exclusion.value}")


def _means(registry: ServiceRegistry, job_type: str, wanted: Wanted) -> bool:
    if service_id(job_type) == wanted.needs.service:
        return True
    slug = _slug(job_type)
    return not registry.knows(slug) and slug in wanted.names


def _program(needs: Needs) -> str:
    """Return the name of the library's program that a Python job is of; empty for others."""
    return needs.program.partition("/")[0]


def _names(*given: str) -> frozenset[str]:
    return frozenset(_slug(name) for name in given if name)


def _slug(name: str) -> str:
    return name.lower().replace("-", "_")
