"""What a light client has verified and keeps: its newest block, the set, and what to compare with.

It is a small JSON file, replaced as a whole and durably. To lose it costs nothing but the knowledge
of what was verified before: the client begins with the genesis again. Who can write it can make the
client believe in a set of their own, so it belongs where only its owner writes.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from aitbc.digests import ChainTags
from aitbc.errors import InvalidValue
from aitbc.field_checks import AMOUNT, HASH, TIME
from aitbc.light.faults import Contradiction, LightStateInvalid
from aitbc.private_files import sync_folder
from aitbc.proofs import Header, ProvenBlock, ValidatorSet, read_validator_set

FORMAT: Final = "aitbc-light/1"
"""First member of the file."""

FILE_BYTES_MAX: Final = 1_048_576
"""The set takes 20 kB at most, the blocks to compare with some 100 kB."""

RECENT_MAX: Final = 256
"""Newest blocks of which the id is kept."""

ENDS_MAX: Final = 1_024
"""Newest ends of epochs of which the id is kept."""


@dataclass(frozen=True)
class VerifiedHead:
    """The newest block that was verified."""

    height: int
    """Its height."""
    block_id: bytes
    """Its id."""
    epoch: int
    """Its epoch, whose set is `Memory.validators`."""
    timestamp_ms: int
    """Its time."""


@dataclass(frozen=True)
class Memory:
    """What was verified. Immutable: each proof makes a new one."""

    genesis_digest: bytes
    """The chain."""
    head: VerifiedHead | None = None
    """The newest block; None before the first proof."""
    validators: ValidatorSet | None = None
    """The set of its epoch."""
    recent: Mapping[int, bytes] | None = None
    """Ids of blocks that were verified, by height."""
    ends: Mapping[int, bytes] | None = None
    """Ids of last blocks of epochs, by epoch."""

    def known(self, tags: ChainTags) -> dict[int, bytes]:
        """Return the set that proofs may start with, as `check_proof` takes it."""
        if self.head is None or self.validators is None:
            return {}
        return {self.head.epoch: self.validators.hash(tags)}

    def with_proof(self, block: ProvenBlock, headers: Iterable[Header], url: str) -> "Memory":
        """Return the memory with what one more proof has shown.

        Args:
            block: what was proved of.
            headers: of all blocks that the proof shows to be final.
            url: who gave it.

        Raises:
            Contradiction: another block was verified in the same place before.
        """
        recent, ends = dict(self.recent or {}), dict(self.ends or {})
        for header in headers:
            _compare(recent, header.height, header.block_id, f"block {header.height}", url)
            if header.ends_epoch:
                where = f"the last block of epoch {header.epoch}"
                _compare(ends, header.epoch, header.block_id, where, url)
        changed = replace(self, recent=_newest(recent, RECENT_MAX), ends=_newest(ends, ENDS_MAX))
        head = self.head
        if (
            head is not None
            and head.epoch == block.epoch
            and block.validators != self.validators  # One epoch has one set.
        ):
            raise Contradiction(f"epoch {block.epoch}", head.block_id, block.block_id, url)
        if head is not None and block.height <= head.height:
            return changed
        newest = VerifiedHead(block.height, block.block_id, block.epoch, block.timestamp_ms)
        return replace(changed, head=newest, validators=block.validators)


def read_memory(path: Path, tags: ChainTags) -> Memory:
    """Return what a file remembers, nothing if there is none yet.

    Raises:
        LightStateInvalid: it cannot be read, is damaged, or is of another chain.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return Memory(tags.genesis_digest)
    except OSError as error:
        raise LightStateInvalid(f"{path} cannot be read: {error.strerror}") from None
    try:
        memory = _from_json(data)
    except (InvalidValue, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        text = f"{path} is damaged ({error}): delete it to begin with the genesis again"
        raise LightStateInvalid(text) from None
    if memory.genesis_digest != tags.genesis_digest:
        digest = memory.genesis_digest.hex()
        raise LightStateInvalid(f"{path} is of another chain, with the genesis digest {digest}")
    return memory


def write_memory(path: Path, memory: Memory) -> None:
    """Replace the file as a whole and durably; a crash leaves the former one.

    Raises:
        LightStateInvalid: it cannot be written.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.unlink(missing_ok=True)  # Of a process that had this number before, and died.
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
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


def _compare(known: dict[int, bytes], place: int, told: bytes, where: str, url: str) -> None:
    before = known.setdefault(place, told)
    if before != told:
        raise Contradiction(where, before, told, url)


def _newest(ids: Mapping[int, bytes], count: int) -> dict[int, bytes]:
    return {place: ids[place] for place in sorted(ids)[-count:]}


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
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def _ids_to_json(ids: Mapping[int, bytes] | None) -> dict[str, str]:
    return {str(place): block_id.hex() for place, block_id in (ids or {}).items()}


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
    )


def _ids_from_json(value: Mapping[str, str]) -> dict[int, bytes]:
    return {int(place): HASH("id", bytes.fromhex(block_id)) for place, block_id in value.items()}
