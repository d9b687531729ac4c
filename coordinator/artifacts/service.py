"""Artifacts: upload streamed to disk, download by digest."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Connection

from coordinator.artifacts import store
from coordinator.artifacts.files import ArtifactFolder, make_durable
from coordinator.artifacts.model import LISTED_MAX, ArtifactFile, ArtifactView
from coordinator.artifacts.under_way import UnderWay
from coordinator.artifacts.upload_store import open_bytes
from coordinator.batches import in_batches
from coordinator.clients.access import require
from coordinator.clients.model import Principal, Scope
from coordinator.core import Core
from coordinator.errors import ArtifactNotFound, InvalidRequest, TooLarge, TooManyRequests
from ledger.types import Hash, TimestampMs

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
        self.folder = ArtifactFolder(core.config.artifact_dir)
        """Where the files are."""
        # A file is placed, and removed, together with a look at its rows.
        self._placing = asyncio.Lock()
        self._looks_for_strays = True
        self._under_way = UnderWay()

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
            TooManyRequests: above the caller's quota, or too many at a time.
            InvalidRequest: empty, or of another size than declared.
        """
        require(principal, Scope.CLIENT, Scope.MINER)
        limit = self._core.config.limits.artifact_bytes_max
        if declared_size is not None and declared_size > limit:
            raise too_large(limit)
        size_max, client_id = declared_size or limit, principal.client_id
        with self._under_way.one_more(client_id, size_max) as others:
            # It may be a file that is kept already, and itself is counted when its digest is known.
            await self._core.database.read(lambda c: self._check_others(c, client_id, others))
            return await self._store(principal, chunks, declared_size)

    async def take(
        self,
        principal: Principal,
        draft: Path,
        digest: Hash,
        size: int,
        *,
        upload_id: str | None = None,
    ) -> ArtifactView:
        """Keep a whole, durable draft whose digest was computed from its bytes.

        Args:
            principal: whose quota it counts against.
            draft: the file; it is moved.
            digest: its digest.
            size: its bytes.
            upload_id: the upload that brought it in pieces, which counts no more.

        Raises:
            TooManyRequests: above the caller's quota.
        """
        async with self._placing:
            view = await self._keep(principal, digest, size, upload_id)
            # A row whose file is missing is mended by the next upload of the same file.
            await asyncio.to_thread(self.folder.place, draft, digest)
        return view

    async def open(self, principal: Principal, digest: Hash) -> ArtifactFile:
        """Return the file of an artifact. Who knows the digest may read it.

        Raises:
            ArtifactNotFound: not kept here, or past its end.
        """
        require(principal, Scope.CLIENT, Scope.MINER, Scope.READ)
        now_ms = self._core.moments.clock_ms()
        view = await self._core.database.read(lambda c: store.find(c, digest, now_ms))
        path = self.folder.path_of(digest)
        if view is None or not await asyncio.to_thread(path.is_file):
            raise ArtifactNotFound
        return ArtifactFile(view, path)

    async def list(
        self,
        principal: Principal,
        limit: int = LISTED_MAX,
        after: tuple[TimestampMs, Hash] | None = None,
    ) -> tuple[list[ArtifactView], tuple[TimestampMs, Hash] | None]:
        """Return files that the caller keeps, those that end first first.

        Args:
            principal: the caller.
            limit: most files.
            after: end and digest of the last file of the page before.

        Returns:
            The files, and `after` of the next page if more follow.
        """
        require(principal, Scope.CLIENT, Scope.MINER, Scope.READ)
        # One more than asked for tells whether there are more.
        found = await self._core.database.read(
            lambda c: store.kept_by(c, principal.client_id, limit + 1, after)
        )
        shown = found[:limit]
        has_more = len(found) > limit
        return shown, (shown[-1].expires_ms, shown[-1].digest) if has_more else None

    async def delete(self, principal: Principal, digest: Hash) -> None:
        """Keep a file of the caller no more; it is there as long as somebody else keeps it.

        Raises:
            ArtifactNotFound: the caller keeps no such file.
        """
        require(principal, Scope.CLIENT, Scope.MINER)

        def drop(connection: Connection) -> set[Hash]:
            if not store.is_kept_by(connection, digest, principal.client_id):
                raise ArtifactNotFound
            return store.drop_kept(connection, [digest], [principal.client_id])

        await self.clear(await self._core.database.write(drop))

    async def clear(self, digests: Collection[Hash]) -> None:
        """Remove the files of digests that nobody keeps any more."""
        if not digests:
            return
        async with self._placing:
            kept = await self._core.database.read(lambda c: store.kept_of(c, digests))
            for digest in set(digests) - kept:
                await asyncio.to_thread(self.folder.remove, digest)

    async def sweep(self) -> None:
        """Delete artifacts that nobody keeps any more."""
        await in_batches(self._sweep_some, DROPPED_PER_SWEEP_MAX)
        if self._looks_for_strays:
            # A process that died between a row's end and its file's left the file.
            whole = await asyncio.to_thread(lambda: sorted(self.folder.whole()))
            for start in range(0, len(whole), DROPPED_PER_SWEEP_MAX):
                await self.clear(whole[start : start + DROPPED_PER_SWEEP_MAX])
            self._looks_for_strays = False

    async def _sweep_some(self) -> int:
        now_ms = self._core.moments.clock_ms()
        number, digests = await self._core.database.write(
            lambda c: store.drop_expired(c, now_ms, DROPPED_PER_SWEEP_MAX)
        )
        await self.clear(digests)
        return number

    def check_room(self, connection: Connection, client_id: str, digest: Hash, size: int) -> None:
        """Check that a client may announce a file, all that is kept and under way counted.

        Raises:
            TooManyRequests: above its quota.
        """
        now_ms = self._core.moments.clock_ms()
        held = store.kept_bytes(connection, client_id, besides=digest)
        held += open_bytes(connection, client_id, now_ms) + self._under_way.bytes_of(client_id)
        self._check_quota(held, size)

    def _check_others(self, connection: Connection, client_id: str, coming: int) -> None:
        """Check that what a client holds leaves room for a body of which nothing is known."""
        now_ms = self._core.moments.clock_ms()
        kept = store.kept_bytes(connection, client_id)
        self._check_quota(kept + open_bytes(connection, client_id, now_ms) + coming, 0)

    def _check_quota(self, held: int, size: int) -> None:
        quota = self._core.config.limits.artifact_quota_bytes
        if held + size > quota:
            message = f"{held} bytes are kept of at most {quota}: delete some, or wait"
            raise TooManyRequests(message, 60)

    async def _store(
        self, principal: Principal, chunks: AsyncIterator[bytes], declared_size: int | None
    ) -> ArtifactView:
        file, draft = await asyncio.to_thread(self.folder.new_draft)
        try:
            with file:
                digest, size = await self._receive(file, chunks, declared_size)
                await asyncio.to_thread(make_durable, file)
            if size == 0 or (declared_size is not None and size != declared_size):
                raise InvalidRequest("The body is empty or shorter than its Content-Length")
            return await self.take(principal, draft, digest, size)
        finally:
            await asyncio.to_thread(draft.unlink, missing_ok=True)

    async def _receive(
        self, file: IO[bytes], chunks: AsyncIterator[bytes], declared_size: int | None
    ) -> tuple[Hash, int]:
        limit = self._core.config.limits.artifact_bytes_max
        hasher, size = hashlib.sha256(), 0
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
            if declared_size is not None and size > declared_size:
                raise InvalidRequest("The body is longer than its Content-Length")
            hasher.update(chunk)
            await asyncio.to_thread(file.write, chunk)
        return hasher.digest(), size

    async def _keep(
        self, principal: Principal, digest: Hash, size: int, upload_id: str | None
    ) -> ArtifactView:
        """Note that the caller keeps a file, within its quota."""
        retention_ms = self._core.config.timings.artifact_retention_ms
        now_ms = self._core.moments.clock_ms()
        view = ArtifactView(digest, size, now_ms + retention_ms)

        def keep(connection: Connection) -> None:
            held = store.kept_bytes(connection, principal.client_id, besides=digest)
            held += open_bytes(connection, principal.client_id, now_ms, besides=upload_id)
            self._check_quota(held, size)
            store.keep(connection, principal.client_id, view)

        await self._core.database.write(keep)
        return view


def too_large(limit: int) -> TooLarge:
    """Return the error about a file above the limit."""
    return TooLarge(f"An artifact has at most {limit} bytes")
