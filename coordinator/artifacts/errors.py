"""Errors about files and uploads."""

from coordinator.errors import Conflict, InvalidRequest, NotFound
from ledger.types import Hash


class UploadNotFound(NotFound):
    """No such upload of this client, or it is whole, or past its end."""

    code = "UPLOAD_NOT_FOUND"
    text = "Upload not found"


class UploadBusy(Conflict):
    """A piece of this upload is coming just now."""

    code = "UPLOAD_BUSY"


class WrongOffset(Conflict):
    """The piece does not begin where the last one ended."""

    code = "WRONG_OFFSET"

    def __init__(self, received: int) -> None:
        """State how many bytes are here."""
        super().__init__(f"{received} bytes are here: go on at this offset")
        self.received = received


class DigestMismatch(InvalidRequest):
    """The whole file is another one than was announced."""

    code = "DIGEST_MISMATCH"

    def __init__(self, digest: Hash) -> None:
        """State the digest of what came."""
        super().__init__(f"What came has the digest sha256:{digest.hex()}: begin anew")
