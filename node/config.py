"""The node's configuration: a TOML file, typed; a key that is not known is refused by its name.

Paths are relative to the file's folder. Nothing here is consensus: parameters of the chain live in
genesis and state (decision 12). Secrets are in files of their own, which this names.
"""

import ipaddress
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

FILE_BYTES_MAX: Final = 65_536
"""A configuration takes about 2 kB."""

_REASON: Final = re.compile(
    r"(?P<problem>.*?)(?: - at `(?:key in )?\$\.?(?P<path>[^`]*)`)?", re.DOTALL
)

IPNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_Quota = Annotated[int, Meta(ge=1, le=1_000_000_000)]
_Path = Annotated[str, Meta(min_length=1, max_length=1_024)]
_Origin = Annotated[
    str, Meta(pattern=r"\Ahttps?://([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?\Z")
]
_LimitsUrl = Annotated[str, Meta(pattern=r"\A(valkeys?|rediss?)://[^@\s]{1,1000}\Z")]


class ConfigInvalid(Exception):
    """The configuration cannot be used; the text names the field and what to do."""

    code: ClassVar[str] = "CONFIG_INVALID"

    def __init__(self, field: str, problem: str) -> None:
        """Name the field, and say what it has to be."""
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where a server listens."""

    host: str
    """Numeric address; ``::1`` is left out on a host without IPv6."""
    port: int
    """TCP port; 0 lets the system choose."""

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        """Return it as it stands in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all sections."""


class KeySource(_Section, frozen=True):
    """An encrypted key file and what opens it."""

    key_file: _Path
    """Made by ``aitbc keys new``."""
    passphrase_file: _Path | None = None
    """Private file with the passphrase; asked for at start when it is left out."""


_Source = TypeVar("_Source", bound=KeySource)


class QuotasSection(_Section, frozen=True):
    """Requests a minute that a key may make, unless it has limits of its own (L1)."""

    submit: _Quota = 100
    """Job submissions."""
    status: _Quota = 1_000
    """Questions about the state of jobs."""
    result: _Quota = 500
    """Results and receipts."""
    miner: _Quota = 1_000
    """Calls of one miner."""
    miners: _Quota = 20_000
    """Calls of all miners of one key."""
    other: _Quota = 1_000
    """Everything else."""


class HttpSection(_Section, frozen=True):
    """Where the API and the pages are served."""

    listen: Annotated[tuple[str, ...], Meta(min_length=1, max_length=16)] = ("127.0.0.1:8011",)
    """Addresses such as ``127.0.0.1:8011`` and ``[::1]:8011``; all serve the same."""
    request_bytes_max: Annotated[int, Meta(ge=65_536, le=268_435_456)] = 8_388_608
    """Bytes of one batch of transactions."""
    connections_max: Annotated[int, Meta(ge=64, le=32_768)] = 2_048
    """Connections at once, of which one address has a quarter unless it is a trusted proxy; never
    more than half of the files that the system lets the process open."""
    trusted_proxies: Annotated[tuple[str, ...], Meta(max_length=64)] = ()
    """Addresses or networks of the proxies before this node, such as ``127.0.0.1``. Who asks is
    taken from the ``X-Forwarded-For`` that they send; nobody else's is read."""
    public_url: _Origin | None = None
    """Where callers reach this node through them, such as ``https://aitbc.example``; left out
    where they pass the caller's ``Host`` on."""
    allowed_origins: Annotated[tuple[str, ...], Meta(max_length=64)] = ()
    """Origins of web pages that may call, such as ``https://app.example``."""
    quotas: QuotasSection = QuotasSection()
    """See `QuotasSection`."""
    limits_url: _LimitsUrl | None = None
    """Valkey or Redis in which several nodes count requests together, such as
    ``valkey://10.0.0.5:6379/0``; left out, each counts in its memory. Holds no password."""
    limits_password_file: _Path | None = None
    """Private file with the password of `limits_url`."""


class P2PSection(_Section, frozen=True):
    """Where peers reach this node, and whom it dials."""

    listen: Annotated[tuple[str, ...], Meta(max_length=16)] = ()
    """Addresses for peers, such as ``0.0.0.0:7011``; empty: this node only dials."""
    peers: Annotated[tuple[str, ...], Meta(max_length=256)] = ()
    """Peers to dial always: ``host:port``, or ``<public key in hex>@host:port``."""
    advertise: _Path | None = None
    """``host:port`` that other nodes are told to dial; left out: they are told by hand."""
    guests_max: Annotated[int, Meta(ge=0, le=1_024)] = 64
    """Followers that may dial this node without being among `peers` by their key. They share what
    peers of this kind may cost, and each more of them adds little to it."""


class MempoolSection(_Section, frozen=True):
    """Bounds of the pool (T7)."""

    transactions_max: Annotated[int, Meta(ge=16, le=1_000_000)] = 50_000
    """Transactions held."""
    bytes_max: Annotated[int, Meta(ge=65_536, le=1_073_741_824)] = 33_554_432
    """Bytes held."""


class SignaturesSection(_Section, frozen=True):
    """How signatures are verified."""

    workers: Annotated[int, Meta(ge=0, le=64)] | None = None
    """Processes that verify batches; 0 verifies in the node itself. Left out: one less than the
    processors that the node may use, at least one and at most eight."""


class LogSection(_Section, frozen=True):
    """What the node says about itself, on standard error."""

    format: Literal["console", "json"] = "console"
    """For a person, or one JSON object a line."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity shown."""


class StoreSection(_Section, frozen=True):
    """Databases; SQLite files in the data folder when left out. No URL may hold a password."""

    url: _Path | None = None
    """Database of a PostgreSQL server, such as ``postgresql://aitbc@db.example/aitbc``, for all
    that have no URL of their own: each is a schema in it."""
    chain_url: _Path | None = None
    """Blocks and state."""
    index_url: _Path | None = None
    """What pages and lists query; can be rebuilt."""
    keep_blocks: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    """Newest blocks that stay whole; of older ones summaries are kept (S11). 0 keeps all."""
    index_in: Literal["process", "thread"] = "process"
    """Where the index is written: a process of its own, or a thread of the node, which starts
    sooner and slows a busy node down; for tests."""
    index_partition_entries: Annotated[int, Meta(ge=16, le=100_000_000)] = 500_000
    """Blocks, transactions and outcomes of a partition of the index."""
    index_keep_days: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """Days of chain time after which plain transfers leave the index, a whole partition at once;
    jobs, receipts and what is about them stay. 0 keeps all."""


class SnapshotsSection(_Section, frozen=True):
    """Snapshots that this node makes and serves, for nodes that join (S9)."""

    every_epochs: Annotated[int, Meta(ge=0, le=1_000_000)] = 24
    """Epochs from one to the next; 0 makes none."""
    keep: Annotated[int, Meta(ge=1, le=1_000)] = 2
    """How many of the newest stay."""


class CoordinatorSection(KeySource, frozen=True):
    """The coordinator that this node runs.

    Its key file, of role ``coordinator``, signs assignments, attestations and refunds.
    """

    faucet_key_file: _Path | None = None
    """Account that funds new managed wallets, with `devnet` only: a key file of role ``account``,
    opened by the same passphrase."""
    wrapping_key_file: _Path = "wrapping.key"
    """Private file of random bytes that encrypts managed keys (K3); made with the database."""
    artifact_directory: _Path | None = None
    """Folder of uploaded and produced files; in the data folder when left out."""
    database_url: _Path | None = None
    """Its own database; where `StoreSection` has the others when left out."""
    devnet: bool = False
    """Whether a request without a key acts as the demo identity (A2); loopback only."""
    webhooks_to_loopback: bool = False
    """Whether webhooks may be on this machine, with plain HTTP too; with `devnet` only."""


class NodeConfig(_Section, frozen=True):
    """Everything that a node is told."""

    genesis: _Path
    """Built genesis file."""
    data_directory: _Path
    """Folder of journal and databases; one node at a time uses it."""
    validator: KeySource | None = None
    """Consensus key; a node without one only follows."""
    coordinator: CoordinatorSection | None = None
    """Left out on a node that coordinates nothing."""
    environment: Annotated[str, Meta(pattern=r"\A[a-z0-9-]{1,32}\Z")] = "production"
    """What `/health` says that this is."""
    http: HttpSection = HttpSection()
    """See `HttpSection`."""
    p2p: P2PSection | None = None
    """Left out on a node that is its whole network."""
    mempool: MempoolSection = MempoolSection()
    """See `MempoolSection`."""
    signatures: SignaturesSection = SignaturesSection()
    """See `SignaturesSection`."""
    store: StoreSection = StoreSection()
    """See `StoreSection`."""
    snapshots: SnapshotsSection = SnapshotsSection()
    """See `SnapshotsSection`."""
    log: LogSection = LogSection()
    """See `LogSection`."""
    check_invariants: bool = False
    """Whether every block is followed a second time with arithmetic of its own before it is
    committed; about triples the cost of execution, signatures aside."""
    failpoints: bool = False
    """Whether the environment may end this process at a named place, slow its disk and shift its
    wall clock; for tests only. A node that obeys says so in its log."""


def read_config(path: Path) -> NodeConfig:
    """Read a configuration; relative paths in it become absolute.

    Raises:
        ConfigInvalid: it cannot be read, or a field is unknown, missing or wrong.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigInvalid("", f"{path} cannot be read: {error.strerror}") from None
    if len(data) > FILE_BYTES_MAX:
        raise ConfigInvalid("", f"{path} has more than {FILE_BYTES_MAX} bytes")
    try:
        document = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigInvalid("", f"{path} is not TOML: {error}") from None
    return parse_config(document, path.absolute().parent)


def parse_config(document: dict[str, object], folder: Path) -> NodeConfig:
    """Return the configuration that a TOML document states.

    Args:
        document: what the TOML parser gave.
        folder: what relative paths in it are relative to.

    Raises:
        ConfigInvalid: a field is unknown, missing or wrong.
    """
    try:
        config = msgspec.convert(document, NodeConfig)
    except msgspec.ValidationError as error:
        match = _REASON.fullmatch(str(error))
        assert match is not None
        problem = match["problem"].replace("Object", "table")
        raise ConfigInvalid(match["path"] or "", problem[0].lower() + problem[1:]) from None
    addresses = listen_addresses(config)
    trusted = trusted_networks(config)
    if config.http.public_url and not trusted:
        raise ConfigInvalid(
            "http.public_url", "is told by proxies, so http.trusted_proxies has to name them"
        )
    section = config.coordinator
    if section and section.webhooks_to_loopback and not section.devnet:
        raise ConfigInvalid(
            "coordinator.webhooks_to_loopback",
            "lets clients make this machine send requests to itself, so it needs "
            "coordinator.devnet",
        )
    if section and section.faucet_key_file and not section.devnet:
        problem = "funds every new wallet, so it needs coordinator.devnet; elsewhere clients pay in"
        raise ConfigInvalid("coordinator.faucet_key_file", problem)
    if config.coordinator and config.coordinator.devnet:
        for at, address in enumerate(addresses):
            if not address.is_loopback:
                raise ConfigInvalid(
                    f"http.listen[{at}]",
                    f"{address} is reachable from elsewhere: coordinator.devnet lets everybody who "
                    "reaches it spend, so it needs loopback addresses",
                )
    return _with_absolute_paths(config, folder)


def listen_addresses(config: NodeConfig) -> list[ListenAddress]:
    """Return where the HTTP server listens.

    Raises:
        ConfigInvalid: an entry is no numeric address with a port.
    """
    return [_address(f"http.listen[{at}]", text) for at, text in enumerate(config.http.listen)]


def trusted_networks(config: NodeConfig) -> tuple[IPNetwork, ...]:
    """Return the networks of the proxies whose word about the caller counts.

    Raises:
        ConfigInvalid: an entry is no address or network, or is everybody.
    """
    texts = config.http.trusted_proxies
    return tuple(_network(f"http.trusted_proxies[{at}]", text) for at, text in enumerate(texts))


def _network(field: str, text: str) -> IPNetwork:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        problem = f"{text!r} is not an address or network such as 127.0.0.1 or 10.0.0.0/24"
        raise ConfigInvalid(field, problem) from None
    if network.prefixlen == 0:
        problem = f"{text} is everybody, and then everybody could be anybody: name the proxies"
        raise ConfigInvalid(field, problem)
    return network


def _address(field: str, text: str) -> ListenAddress:
    host, separator, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    try:
        ipaddress.ip_address(host)
    except ValueError:
        separator = ""
    if not separator or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65_535:
        raise ConfigInvalid(
            field, f"{text!r} is not an address such as 127.0.0.1:8011 or [::1]:8011"
        )
    return ListenAddress(host, int(port))


def _with_absolute_paths(config: NodeConfig, folder: Path) -> NodeConfig:
    def place(path: str) -> str:
        return str(folder / path)

    def place_key(source: _Source) -> _Source:
        return msgspec.structs.replace(
            source,
            key_file=place(source.key_file),
            passphrase_file=source.passphrase_file and place(source.passphrase_file),
        )

    coordinator = config.coordinator
    if coordinator:
        coordinator = msgspec.structs.replace(
            place_key(coordinator),
            faucet_key_file=coordinator.faucet_key_file and place(coordinator.faucet_key_file),
            wrapping_key_file=place(coordinator.wrapping_key_file),
            artifact_directory=place(
                coordinator.artifact_directory or str(Path(config.data_directory) / "artifacts")
            ),
        )
    return msgspec.structs.replace(
        config,
        genesis=place(config.genesis),
        data_directory=place(config.data_directory),
        validator=config.validator and place_key(config.validator),
        coordinator=coordinator,
        http=msgspec.structs.replace(
            config.http,
            limits_password_file=config.http.limits_password_file
            and place(config.http.limits_password_file),
        ),
    )
