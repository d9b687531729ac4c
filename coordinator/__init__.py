"""The coordinator: jobs, miners, receipts, payments and keys over the chain.

Import the slices (`coordinator.jobs`, `coordinator.leases`, …) for their types; this surface is
what the composition root needs.
"""

from coordinator.config import CoordinatorConfig, Limits, Timings
from coordinator.services import Services, build_services

__all__ = ["CoordinatorConfig", "Limits", "Services", "Timings", "build_services"]
