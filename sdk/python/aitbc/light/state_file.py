"""The file in which light clients keep what they verified; several processes may share it.

It is a small JSON file, replaced as a whole and durably, by one process at a time: a lock on a file
beside it makes each take up what the others wrote. To lose it costs nothing but the knowledge of
what was verified before: the client begins with the genesis again. Who can write it can make the
client believe in a set of their own, so it belongs where only its owner writes.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aitbc.digests import ChainTags
from aitbc.errors import InvalidValue
from aitbc.field_checks import AMOUNT, HASH, TIME
from aitbc.light.faults import LightStateInvalid
from aitbc.light.memory import Memory, VerifiedHead
from aitbc.private_files import sync_folder
from aitbc.proofs import CheckedProof, read_validator_set

FORMAT: Final = "aitbc-light/1"
"""First member of the file."""

FILE_BYTES_MAX: Final = 1_048_576
"""The set takes 20 kB at most, what to compare with some 200 kB."""

_DAMAGES: Final = (
    InvalidValue,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
)
"""What reading a damaged file raises."""


class StateFile:
    """A file of a light client."""

    def __init__(self, path: Path, tags: ChainTags) -> None:
        """Remember where it is, and of which chain."""
        self._path = path
        self._tags = tags

    def read(self) -> Memory:
        """Return what the file remembers, nothing if there is none yet.

        Raises:
            LightStateInvalid: it cannot be read, is damaged, or is of another chain.
        """
        path, tags = self._path, self._tags
        try:
            with path.open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return Memory(tags.genesis_digest)
        except OSError as error:
            raise LightStateInvalid(f"{path} cannot be read: {error.strerror}") from None
        try:
            memory = _from_json(data)
            if any(memory.sets.get(at) != told for at, told in memory.known(tags).items()):
                raise ValueError("its set is not the one of its head")
        except _DAMAGES as error:
            text = f"{path} is damaged ({error}): delete it to begin with the genesis again"
            raise LightStateInvalid(text) from None
        if memory.genesis_digest != tags.genesis_digest:
            digest = memory.genesis_digest.hex()
            raise LightStateInvalid(f"{path} is of another chain, with the genesis digest {digest}")
        return memory

    def joined(self, own: Memory) -> Memory:
        """Return what is remembered here and in the file.

        Raises:
            LightStateInvalid: see `read`.
            Contradiction: they exclude each other.
        """
        return own.merged(self.read(), str(self._path))

    def keep(self, own: Memory, proof: CheckedProof, url: str) -> Memory:
        """Add a proof to what is remembered, durably, and return that.

        Args:
            own: what this process remembers.
            proof: what it has verified now.
            url: who proved it.

        Raises:
            LightStateInvalid: the file cannot be used; nothing was added.
            Contradiction: the proof excludes what this process, or another, verified before.
        """
        with self._locked():
            stored = self.read()
            after = own.merged(stored, str(self._path)).with_proof(proof, url)
            if after != stored:
                self._write(after)
            return after

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Wait until no other process writes; the lock's file stays, for all to wait for one."""
        lock = self._path.with_name(f".{self._path.name}.lock")
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LightStateInvalid(f"{lock} cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, memory: Memory) -> None:
        """Replace the file as a whole and durably; a crash leaves the former one.

        Raises:
            LightStateInvalid: it cannot be written.
        """
        path = self._path
        scratch = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            scratch.unlink(missing_ok=True)  # Of a process that had this number, and died.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(scratch, flags, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_to_json(memory))
                file.flush()
                os.fsync(descriptor)
            scratch.replace(path)
            sync_folder(path.parent)
        except OSError as error:
            raise LightStateInvalid(f"{path} cannot be written: {error.strerror}") from None
        finally:
            scratch.unlink(missing_ok=True)


def _to_json(memory: Memory) -> bytes:
    head, members = memory.head, memory.validators
    document: dict[str, object] = {
        "format": FORMAT,
        "genesis_digest": memory.genesis_digest.hex(),
        "head": None
        if head is None
        else {
            "height": head.height,
            "block_id": head.block_id.hex(),
            "epoch": head.epoch,
            "timestamp_ms": head.timestamp_ms,
        },
        "validators": None if members is None else members.canonical.hex(),
        "recent": _ids_to_json(memory.recent),
        "ends": _ids_to_json(memory.ends),
        "sets": _ids_to_json(memory.sets),
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def _ids_to_json(ids: Mapping[int, bytes]) -> dict[str, str]:
    return {str(place): block_id.hex() for place, block_id in ids.items()}


def _from_json(data: bytes) -> Memory:
    if len(data) > FILE_BYTES_MAX:
        raise ValueError(f"it is larger than {FILE_BYTES_MAX} bytes")
    document = json.loads(data)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"it is no {FORMAT}")
    told, members = document["head"], document["validators"]
    if (told is None) != (members is None):
        raise ValueError("it has a head without validators, or validators without a head")
    head = None
    if told is not None:
        head = VerifiedHead(
            AMOUNT("height", told["height"]),
            HASH("block_id", bytes.fromhex(told["block_id"])),
            AMOUNT("epoch", told["epoch"]),
            TIME("timestamp_ms", told["timestamp_ms"]),
        )
    return Memory(
        HASH("genesis_digest", bytes.fromhex(document["genesis_digest"])),
        head,
        None if members is None else read_validator_set(bytes.fromhex(members)),
        _ids_from_json(document["recent"]),
        _ids_from_json(document["ends"]),
        _ids_from_json(document["sets"]),
    )


def _ids_from_json(value: Mapping[str, str]) -> dict[int, bytes]:
    return {int(place): HASH("id", bytes.fromhex(block_id)) for place, block_id in value.items()}
