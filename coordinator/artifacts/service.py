"""Artifacts: upload streamed to disk, download by digest."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Connection

from coordinator.artifacts import store
from coordinator.artifacts.model import ArtifactFile, ArtifactView
from coordinator.clients.access import require
from coordinator.clients.model import Principal, Scope
from coordinator.core import Core
from coordinator.errors import ArtifactNotFound, InvalidRequest, TooLarge, TooManyRequests
from ledger.types import Hash

DROPPED_PER_SWEEP_MAX: Final = 500
"""Artifacts deleted in one go."""


class ArtifactService:
    """Content-addressed files with size limits and an end.

    Who knows the digest of an artifact may read it: 256 bits that only its owner, the miner of a
    job that names it, and the client of a result that names it are told.
    """

    def __init__(self, core: Core) -> None:
        """Stand on the core; make the folder, and clear what a stopped process began in it."""
        self._core = core
        self._folder = core.config.artifact_dir
        self._drafts = self._folder / "drafts"
        self._drafts.mkdir(parents=True, exist_ok=True)
        for draft in self._drafts.iterdir():
            draft.unlink()

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
        require(principal, Scope.CLIENT, Scope.MINER)
        limit = self._core.config.limits.artifact_bytes_max
        if declared_size is not None and declared_size > limit:
            raise _too_large(limit)
        descriptor, draft = tempfile.mkstemp(dir=self._drafts)
        try:
            with os.fdopen(descriptor, "wb") as file:
                digest, size = await self._receive(file, chunks)
                await asyncio.to_thread(_make_durable, file)
            if size == 0 or (declared_size is not None and size != declared_size):
                raise InvalidRequest("The body is empty or shorter than its Content-Length")
            view = await self._keep(principal, digest, size)
            # A row whose file is missing is mended by the next upload; a file without a row stays.
            await asyncio.to_thread(self._place, Path(draft), digest)
        finally:
            await asyncio.to_thread(Path(draft).unlink, missing_ok=True)
        return view

    async def open(self, principal: Principal, digest: Hash) -> ArtifactFile:
        """Return the file of an artifact. Who knows the digest may read it.

        Raises:
            ArtifactNotFound: not kept here, or past its end.
        """
        require(principal, Scope.CLIENT, Scope.MINER, Scope.READ)
        now_ms = self._core.moments.clock_ms()
        view = await self._core.database.read(lambda c: store.find(c, digest, now_ms))
        path = self._path(digest)
        if view is None or not await asyncio.to_thread(path.is_file):
            raise ArtifactNotFound
        return ArtifactFile(view, path)

    async def sweep(self) -> None:
        """Delete artifacts that nobody keeps any more."""
        now_ms = self._core.moments.clock_ms()
        digests = await self._core.database.write(
            lambda c: store.drop_expired(c, now_ms, DROPPED_PER_SWEEP_MAX)
        )
        for digest in digests:
            await asyncio.to_thread(self._path(digest).unlink, missing_ok=True)

    async def _receive(self, file: IO[bytes], chunks: AsyncIterator[bytes]) -> tuple[Hash, int]:
        limit = self._core.config.limits.artifact_bytes_max
        hasher, size = hashlib.sha256(), 0
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            hasher.update(chunk)
            await asyncio.to_thread(file.write, chunk)
        return hasher.digest(), size

    async def _keep(self, principal: Principal, digest: Hash, size: int) -> ArtifactView:
        """Note that the caller keeps a file, within its quota."""
        quota = self._core.config.limits.artifact_quota_bytes
        retention_ms = self._core.config.timings.artifact_retention_ms
        view = ArtifactView(digest, size, self._core.moments.clock_ms() + retention_ms)

        def keep(connection: Connection) -> None:
            kept = store.kept_bytes(connection, principal.client_id, besides=digest)
            if kept + size > quota:
                message = f"{kept} bytes are kept of at most {quota}: wait for artifacts to expire"
                raise TooManyRequests(message, 60)
            store.keep(connection, principal.client_id, view)

        await self._core.database.write(keep)
        return view

    def _place(self, draft: Path, digest: Hash) -> None:
        path = self._path(digest)
        path.parent.mkdir(exist_ok=True)
        draft.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _path(self, digest: Hash) -> Path:
        name = digest.hex()
        return self._folder / name[:2] / name


def _make_durable(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"An artifact has at most {limit} bytes")
