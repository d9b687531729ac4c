"""A PostgreSQL server of one's own: the system's binaries, reached over a Unix socket only.

For a local network and for tests. The server's own rules are kept: it never runs as root (then an
unprivileged user of the system runs it), and it syncs what it confirms. Whoever may enter its
folder may use it; that is this user, and root.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

import psutil
import psycopg

from devnet.network.errors import DatabaseServerUnusable, ProcessEnded
from devnet.network.processes import ManagedProcess

USER: Final = "aitbc"
"""Owner of everything in the server."""

START_TIMEOUT_S: Final = 60.0
"""Limit of a start on a busy machine, recovery included."""

STOP_TIMEOUT_S: Final = 15.0
"""Time in which killed processes are gone."""

SOCKET_FOLDER_BYTES_MAX: Final = 90
"""A socket's address takes 107 bytes, its own name included."""

_POLL_S: Final = 0.01

_UNPRIVILEGED: Final = ("postgres", "nobody")
"""Users that run the server when this process is root, best first."""

SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "max_wal_size": "128MB",
    "log_min_messages": "warning",
}
"""What the server is told at each start; for all else its defaults hold."""


class PostgresqlServer:
    """A server in a folder; a context manager that starts it and leaves no process behind."""

    def __init__(self, program: str, folder: Path, *, initdb: tuple[str, ...] = ()) -> None:
        """Name the places; nothing is touched.

        Args:
            program: path of ``postgres``; `initdb` is beside it.
            folder: for the cluster and its log; made when it is missing, kept when it is there.
            initdb: options for a new cluster besides the usual ones.
        """
        self._programs = Path(program).resolve().parent
        self._folder = folder
        self._initdb = initdb
        self._account = _account()
        self._process: ManagedProcess | None = None
        self.sockets = folder
        """Folder of its socket."""
        self.data = folder / "data"
        """The cluster, with its configuration files."""
        self.log_file = folder / "server.log"

    def __enter__(self) -> Self:
        """Start the server."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server; its folder stays."""
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of the server."""
        assert self._process is not None, "start comes first"
        return self._process.pid

    def start(self) -> None:
        """Make the cluster if there is none, start the server, wait until it answers.

        Raises:
            DatabaseServerUnusable: it cannot run here, or did not start; the text says why.
        """
        self._make_folders()
        if not (self.data / "PG_VERSION").exists():
            self._make_cluster()
        settings = {**SETTINGS, "unix_socket_directories": str(self.sockets)}
        command = [str(self._programs / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self._process = ManagedProcess(
            "postgresql",
            [*self._as_user(), *command],
            self.log_file,
            # On SIGTERM a server waits for its clients to leave.
            stop_signal=signal.SIGINT,
        )
        try:
            self._process.wait_until(self._answers, START_TIMEOUT_S)
        except ProcessEnded as error:
            raise DatabaseServerUnusable(str(error)) from None

    def stop(self) -> None:
        """Stop the server, ending connections; what was committed is on disk."""
        if self._process is not None:
            self._process.stop()
        if self.sockets != self._folder:
            shutil.rmtree(self.sockets, ignore_errors=True)

    def kill(self) -> None:
        """End all processes of the server at once, as a power cut would; `start` recovers."""
        assert self._process is not None, "start comes first"
        # A stopped parent starts no more children while they are counted.
        self._process.send_signal(signal.SIGSTOP)
        children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while any(map(_is_alive, children)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.sockets), safe='')}"

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements one by one, each for itself."""
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """Return a connection that commits each statement; the caller closes it."""
        return psycopg.connect(
            host=str(self.sockets), user=USER, dbname=database, autocommit=True, connect_timeout=5
        )

    def make_database(self, name: str) -> None:
        """Make a database if there is none of that name."""
        with self.connect() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if found.fetchone() is None:
                connection.execute(f'CREATE DATABASE "{name}"'.encode())

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_folders(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        self._give_away(self._folder)
        if len(os.fsencode(self._folder)) > SOCKET_FOLDER_BYTES_MAX:
            self.sockets = Path(tempfile.mkdtemp(prefix="aitbc-postgresql-"))
            self._give_away(self.sockets)
        if self._account is not None:
            _require_way_to(self._folder, self._account)

    def _give_away(self, folder: Path) -> None:
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)

    def _make_cluster(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        command = [str(self._programs / "initdb"), "-D", str(self.data), f"--username={USER}"]
        command += ["--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=reject"]
        done = subprocess.run(
            [*self._as_user(), *command, *self._initdb],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise DatabaseServerUnusable(f"initdb failed: {done.stderr.strip()}")

    def _as_user(self) -> list[str]:
        """Return what a command line begins with, so that the server does not run as root."""
        if self._account is None:
            return []
        ids = [f"--reuid={self._account.pw_uid}", f"--regid={self._account.pw_gid}"]
        # A change of user takes the death signal away that the launcher has set.
        return ["setpriv", *ids, "--clear-groups", "--pdeathsig=INT", "--"]


def _account() -> pwd.struct_passwd | None:
    """Return who runs the server; None: this process's own user."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise DatabaseServerUnusable(
        "PostgreSQL does not run as root, and this system has no user for it: run this as an "
        "ordinary user"
    )


def _require_way_to(folder: Path, account: pwd.struct_passwd) -> None:
    """Check that a user can reach a folder of its own."""
    for parent in folder.absolute().parents:
        status = parent.stat()
        if not status.st_mode & (0o100 if status.st_uid == account.pw_uid else 0o001):
            raise DatabaseServerUnusable(
                f"PostgreSQL does not run as root, and {account.pw_name}, who runs it instead, "
                f"may not enter {parent}: choose another --directory, or run this as an ordinary "
                "user"
            )


def _is_alive(process: psutil.Process) -> bool:
    """Return whether a process still does something; whoever inherited it may reap it late."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
