"""The clients of version 2026-05-11 under the name that its document gives them."""

from aitbc import AitbcError, ApiError, JobFailed, JobTimeout, RetryPolicy
from aitbc import AsyncClient as AsyncClient
from aitbc import Client as Client

__all__ = [
    "AitbcError",
    "ApiError",
    "AsyncClient",
    "Client",
    "JobFailed",
    "JobTimeout",
    "RetryPolicy",
]
