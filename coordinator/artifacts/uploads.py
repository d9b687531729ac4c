"""Files that come in pieces, and go on where they stopped.

Digest and size are announced first. Pieces come in order; what is on disk is noted after each, so
an upload survives a lost connection and a restart of the coordinator, and the caller asks where to
go on. The last piece makes the file, if the digest is the one announced.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Connection

from coordinator.artifacts import upload_store as store
from coordinator.artifacts.errors import DigestMismatch, UploadBusy, UploadNotFound, WrongOffset
from coordinator.artifacts.files import make_durable
from coordinator.artifacts.model import ArtifactView, Upload
from coordinator.artifacts.service import ArtifactService, too_large
from coordinator.clients.access import require
from coordinator.clients.model import Principal, Scope
from coordinator.core import Core
from coordinator.errors import InvalidRequest, TooLarge, TooManyRequests
from ledger.types import Hash

UPLOAD_MS: Final = 3_600_000
"""How long an upload waits for its next piece."""

OPEN_MAX: Final = 32
"""Open uploads of one client."""

_ID_BYTES: Final = 12

_READ_BYTES: Final = 1_048_576


class UploadService:
    """Takes pieces."""

    def __init__(self, core: Core, artifacts: ArtifactService) -> None:
        """Stand on the core, and on who keeps whole files."""
        self._core = core
        self._artifacts = artifacts
        self._busy: set[str] = set()

    async def begin(self, principal: Principal, digest: Hash, size: int) -> Upload:
        """Announce a file.

        Raises:
            TooLarge: above the limit of one artifact.
            TooManyRequests: above the caller's quota, or too many open uploads.
        """
        require(principal, Scope.CLIENT, Scope.MINER)
        limit = self._core.config.limits.artifact_bytes_max
        if size > limit:
            raise too_large(limit)
        now_ms = self._core.moments.clock_ms()
        upload_id = f"upload_{self._core.random_bytes(_ID_BYTES).hex()}"
        upload = Upload(upload_id, digest, size, 0, now_ms + UPLOAD_MS)

        def announce(connection: Connection) -> None:
            if store.count_open(connection, principal.client_id, now_ms) >= OPEN_MAX:
                raise TooManyRequests(f"{OPEN_MAX} uploads are open: finish or delete some", 60)
            self._artifacts.check_room(connection, principal.client_id, digest, size)
            store.insert_upload(connection, principal.client_id, upload)

        await self._core.database.write(announce)
        return upload

    async def get(self, principal: Principal, upload_id: str) -> Upload:
        """Return how far an upload is.

        Raises:
            UploadNotFound: the caller has no such upload, or it is whole, or past its end.
        """
        require(principal, Scope.CLIENT, Scope.MINER)
        now_ms = self._core.moments.clock_ms()
        found = await self._core.database.read(
            lambda c: store.find_upload(c, principal.client_id, upload_id, now_ms)
        )
        if found is None:
            raise UploadNotFound
        return found

    async def append(
        self, principal: Principal, upload_id: str, offset: int, chunks: AsyncIterator[bytes]
    ) -> Upload | ArtifactView:
        """Take the piece that begins at an offset; return the file once it is whole.

        What came of a piece that breaks off is kept: ask where to go on.

        Raises:
            UploadNotFound: see `get`.
            WrongOffset: the piece does not begin where the last one ended.
            UploadBusy: another piece of it is coming just now.
            TooLarge: it goes beyond the announced size.
            DigestMismatch: it is whole and another file than announced; it is thrown away.
        """
        upload = await self.get(principal, upload_id)
        if upload_id in self._busy:
            raise UploadBusy("Another piece of this upload is coming: wait for its end")
        self._busy.add(upload_id)
        try:
            # Another piece may have ended since.
            upload = await self.get(principal, upload_id)
            if offset != upload.received:
                raise WrongOffset(upload.received)
            # A process that died at the end left all pieces, and a piece of no bytes ends it.
            is_whole = upload.received == upload.size
            received = upload.size if is_whole else await self._write(upload, chunks)
            if received < upload.size:
                return await self.get(principal, upload_id)
            return await self._finish(principal, upload)
        finally:
            self._busy.discard(upload_id)

    async def delete(self, principal: Principal, upload_id: str) -> None:
        """Give an upload up.

        Raises:
            UploadNotFound: see `get`.
            UploadBusy: a piece of it is coming just now.
        """
        await self.get(principal, upload_id)
        if upload_id in self._busy:
            raise UploadBusy("A piece of this upload is coming: wait for its end")
        await self._forget(upload_id)

    async def sweep(self) -> None:
        """Delete what belongs to no open upload."""
        now_ms = self._core.moments.clock_ms()
        await self._core.database.write(lambda c: store.drop_late(c, now_ms))
        there = await asyncio.to_thread(self._artifacts.folder.upload_ids)
        known = await self._core.database.read(store.all_ids)
        for upload_id in set(there) - known - self._busy:
            await asyncio.to_thread(self._path(upload_id).unlink, missing_ok=True)

    async def _write(self, upload: Upload, chunks: AsyncIterator[bytes]) -> int:
        """Write a piece as it comes; return what is on disk now, and note it."""
        file = await asyncio.to_thread(_open_at, self._path(upload.upload_id), upload.received)
        received = upload.received
        try:
            async for chunk in chunks:
                if received + len(chunk) > upload.size:
                    raise TooLarge(f"The upload was announced to have {upload.size} bytes")
                await asyncio.to_thread(file.write, chunk)
                received += len(chunk)
        finally:
            await asyncio.to_thread(make_durable, file)
            file.close()
            expires_ms = self._core.moments.clock_ms() + UPLOAD_MS
            await self._core.database.write(
                lambda c: store.note_received(c, upload.upload_id, received, expires_ms)
            )
        if received == upload.received:
            raise InvalidRequest("The piece is empty")
        return received

    async def _finish(self, principal: Principal, upload: Upload) -> ArtifactView:
        path = self._path(upload.upload_id)
        try:
            digest = await asyncio.to_thread(_digest_of, path)
        except FileNotFoundError:
            # A process that died at the very end had named the file already.
            await self._forget(upload.upload_id)
            return (await self._artifacts.open(principal, upload.digest)).view
        if digest != upload.digest:
            await self._forget(upload.upload_id)
            raise DigestMismatch(digest)
        view = await self._artifacts.take(
            principal, path, digest, upload.size, upload_id=upload.upload_id
        )
        await self._forget(upload.upload_id)
        return view

    async def _forget(self, upload_id: str) -> None:
        await self._core.database.write(lambda c: store.delete_upload(c, upload_id))
        await asyncio.to_thread(self._path(upload_id).unlink, missing_ok=True)

    def _path(self, upload_id: str) -> Path:
        return self._artifacts.folder.upload_path(upload_id)


def _open_at(path: Path, received: int) -> IO[bytes]:
    """Open a draft to go on after what was noted; what it holds beyond is thrown away."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(descriptor, received)
    file = os.fdopen(descriptor, "r+b")
    file.seek(received)
    return file


def _digest_of(path: Path) -> Hash:
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            hasher.update(piece)
    return hasher.digest()
