"""Artifacts: upload streamed to disk, download by digest."""

from collections.abc import AsyncIterator

from coordinator.artifacts.model import ArtifactFile, ArtifactView
from coordinator.clients.model import Principal
from ledger.types import Hash


class ArtifactService:
    """Content-addressed files with size limits and an end."""

    async def store(
        self, principal: Principal, chunks: AsyncIterator[bytes], declared_size: int | None = None
    ) -> ArtifactView:
        """Write a body to disk as it comes, and keep it under its digest.

        Args:
            principal: whose quota it counts against.
            chunks: the body.
            declared_size: ``Content-Length`` if there was one; too large is refused unread.

        Raises:
            TooLarge: above the limit of one artifact.
            TooManyRequests: above the caller's quota.
            InvalidRequest: empty, or shorter than declared.
        """
        raise NotImplementedError

    async def open(self, principal: Principal, digest: Hash) -> ArtifactFile:
        """Return the file of an artifact. Who knows the digest may read it.

        Raises:
            ArtifactNotFound: not kept here, or past its end.
        """
        raise NotImplementedError
