"""URLs of PostgreSQL databases: what may stand in one, and what must not.

``postgresql://aitbc@db.example:5432/aitbc?schema=chain&password_file=/etc/aitbc/db-password``

Each kind of database (chain, index, coordinator) has a schema of its own, so all of a node fit into
one database of the server and one backup holds them together. A URL never holds a password: URLs
are written into configurations, handed to processes and shown in errors.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from ledger.store.errors import StoreUrlInvalid

PASSWORD_BYTES_MAX: Final = 1_024
"""Longer input is more likely the wrong file than a password."""

SCHEMA_DEFAULT: Final = "public"
"""Where the tables are if the URL says nothing."""

_SCHEMA: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
"""Names that need no quotes and are what they look like."""

_PASSED_ON: Final = frozenset(
    {
        "host",
        "port",
        "passfile",
        "service",
        "sslmode",
        "sslrootcert",
        "sslcert",
        "sslkey",
        "connect_timeout",
        "target_session_attrs",
    }
)
"""Parameters that libpq is given as they are. None of them changes what a commit means."""

_DRIVERS: Final = ("postgresql", "postgresql+psycopg")


@dataclass(frozen=True, slots=True)
class Target:
    """Which database a URL names."""

    url: URL
    """What the driver is given; without a password."""
    schema: str
    """Schema that holds the tables."""
    password_file: Path | None
    """Private file with the password; None: libpq looks for one in its own places."""

    @property
    def name(self) -> str:
        """What messages call the database."""
        host = self.url.host or self.url.query.get("host") or "the local server"
        place = f"{host}:{self.url.port}" if self.url.port else host
        return f"PostgreSQL database {self.url.database}, schema {self.schema}, at {place}"

    def password(self) -> str | None:
        """Read the password; None if libpq shall find one.

        Raises:
            StoreUrlInvalid: the file is missing, empty or too long, or others may read it.
        """
        return None if self.password_file is None else _read_password(self.password_file)


def read_target(url: URL) -> Target:
    """Return what a URL names.

    Args:
        url: parsed, of kind postgresql.

    Raises:
        StoreUrlInvalid: it holds a password or a parameter that is not known, or names no database.
    """
    if url.drivername not in _DRIVERS:
        raise StoreUrlInvalid(f"the driver of {url.drivername} is not used; write postgresql://…")
    query = _single_values(url.query)
    if url.password is not None or "password" in query:
        raise StoreUrlInvalid(
            "the database URL holds a password, and URLs get shown: put it into a private file "
            "and write ?password_file=/path, or use libpq's own passfile"
        )
    schema = query.pop("schema", SCHEMA_DEFAULT)
    if not _SCHEMA.fullmatch(schema) or schema.startswith("pg_"):
        raise StoreUrlInvalid(
            "schema: has to be a name of small letters, digits and _, of at most 63 characters"
        )
    file = query.pop("password_file", None)
    if file is not None and not Path(file).is_absolute():
        raise StoreUrlInvalid("password_file: has to be an absolute path")
    for name in query:
        if name not in _PASSED_ON:
            raise StoreUrlInvalid(
                f"{name[:40]!r} is no parameter of a database URL; there are schema, "
                f"password_file, {', '.join(sorted(_PASSED_ON))}"
            )
    if not url.database and "service" not in query:
        raise StoreUrlInvalid("the URL names no database; write postgresql://user@host/name")
    plain = url.set(drivername="postgresql+psycopg", query=query)
    return Target(plain, schema, None if file is None else Path(file))


def _single_values(query: Mapping[str, tuple[str, ...] | str]) -> dict[str, str]:
    values = {}
    for name, value in query.items():
        if not isinstance(value, str):
            raise StoreUrlInvalid(f"{name[:40]!r} stands in the database URL more than once")
        values[name] = value
    return values


def _read_password(path: Path) -> str:
    """Return a private file's content without its line end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise StoreUrlInvalid(f"password_file: {path} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise StoreUrlInvalid(f"password_file: others may read {path}; chmod 600 it")
        data = file.read(PASSWORD_BYTES_MAX + 1)
    text = data.removesuffix(b"\n").removesuffix(b"\r")
    try:
        password = text.decode()
    except UnicodeDecodeError:
        password = ""
    if not password or len(data) > PASSWORD_BYTES_MAX or "\x00" in password:
        raise StoreUrlInvalid(f"password_file: {path} holds no password")
    return password
