"""Reads a genesis file in full only once: what a data folder remembers of a checked one.

Reading a genesis checks every allocation and derives state 0 again, which takes half a minute with
10^6 of them. A node that starts again has both in its store. So it keeps the checked specification
in its own folder, bound to the exact bytes of the file: another file, or a damaged memory, is read
in full again.
"""

from pathlib import Path
from typing import Final

import msgspec

from genesis.build import Genesis, genesis_of
from genesis.files import genesis_from, read_bytes
from genesis.spec import GenesisSpec
from ledger.hashing import sha256
from ledger.types import Hash

_FORMAT: Final = b"aitbc genesis memory 1\n"
_HASH_BYTES: Final = 32


class GenesisMemory:
    """A genesis file and what is remembered of it: digests of file and content, specification."""

    def __init__(self, file: Path, memory: Path) -> None:
        """Name both; nothing is read.

        Args:
            file: the built genesis.
            memory: where it is remembered. Only who may replace `file` may be able to write there:
                a specification in it is not checked again.
        """
        self._file = file
        self._memory = memory
        self._to_keep: bytes | None = None

    def read(self) -> Genesis:
        """Return the genesis: recalled, or else read as `read_genesis` does.

        Raises:
            GenesisError: as `read_genesis`.
        """
        data = read_bytes(self._file)
        told = sha256(data)
        recalled = self._recalled(told)
        if recalled is not None:
            return recalled
        genesis = genesis_from(data)
        body = msgspec.msgpack.encode(genesis.spec)
        self._to_keep = _FORMAT + told + genesis.digest + sha256(genesis.digest + body) + body
        return genesis

    def keep(self) -> None:
        """Remember what was read; the memory's folder exists, and no other process uses it."""
        if self._to_keep is None:
            return
        new = self._memory.with_name(self._memory.name + ".new")
        new.write_bytes(self._to_keep)
        new.replace(self._memory)
        self._to_keep = None

    def _recalled(self, told: Hash) -> Genesis | None:
        try:
            content = self._memory.read_bytes()
        except OSError:
            return None
        head = len(_FORMAT) + _HASH_BYTES
        digest = content[head : head + _HASH_BYTES]
        checksum = content[head + _HASH_BYTES : head + 2 * _HASH_BYTES]
        body = content[head + 2 * _HASH_BYTES :]
        if content[:head] != _FORMAT + told or checksum != sha256(digest + body):
            return None
        try:
            return genesis_of(msgspec.msgpack.decode(body, type=GenesisSpec), digest)
        except msgspec.DecodeError:
            return None
