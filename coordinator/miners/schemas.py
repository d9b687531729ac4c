"""Types on the wire of miners and their registration, the same in every version."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from coordinator.http.money import format_text
from coordinator.http.times import format_time
from coordinator.leases.schemas import HexBytes32, HexTransaction
from coordinator.miners.model import Challenge, MinerView
from coordinator.wire import AnyJson, Body, MoneyInput, MoneyText, TimeText, View
from ledger.actions import Custody
from ledger.keys import format_address
from ledger.types import TIMESTAMP_MS_MAX, MinerName


class GpuInfo(msgspec.Struct, kw_only=True, frozen=True):
    """The machine's GPU; further members are kept as they are."""

    name: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    """Name, such as `NVIDIA RTX 4090`; its words are matched."""
    memory: Annotated[str, Meta(max_length=32)] | UnsetType = UNSET
    """Memory, such as `24GB`."""


class LibraryProgram(Body, kw_only=True, frozen=True):
    """A program that comes with a miner."""

    does_without: Annotated[list[str], Meta(max_length=64)] = msgspec.field(default_factory=list)
    """Packages that jobs may ask for with it, although it does not import them."""
    uses_gpu: bool = False
    """Whether a GPU that a job asks for with it is needed."""


class PythonSupport(Body, kw_only=True, frozen=True):
    """What a miner can run of Python programs."""

    packages: Annotated[list[str], Meta(max_length=64)]
    """Installed packages, which the `requirements` of jobs are matched with."""
    programs: Annotated[dict[str, LibraryProgram], Meta(max_length=64)] = msgspec.field(
        default_factory=dict
    )
    """Programs that come with it, by `name/entrypoint`."""
    sources: bool = False
    """Whether it runs programs that clients send."""
    confinement: Annotated[str, Meta(max_length=32)] = ""
    """How it confines programs, such as `sandbox` or `limits`."""


class OwnKeyProof(Body, kw_only=True, frozen=True):
    """Proof that the miner holds its key, and its signed registration (T6)."""

    public_key: HexBytes32
    """Ed25519 public key."""
    nonce: HexBytes32
    """Nonce of the challenge."""
    expires_at_ms: Annotated[int, Meta(ge=0, le=TIMESTAMP_MS_MAX)]
    """End of the challenge, as it was given."""
    signature: Annotated[str, Meta(pattern=r"\A[0-9a-f]{128}\Z")]
    """Over the challenge, which the miner builds itself."""
    transaction: HexTransaction
    """Signed `register_miner`, or `update_miner` of a registered key."""


class MinerRegistration(Body, kw_only=True, frozen=True):
    """What a miner declares. Without `own_key` the coordinator keeps a key for it."""

    miner_id: MinerName
    """Its name, chosen by the caller; unique without regard to case."""
    capabilities: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=64)]], Meta(min_length=1, max_length=256)
    ]
    """Service ids, or names of models, which mean llm_inference."""
    gpu_info: GpuInfo | None = None
    """Its GPU."""
    aliases: Annotated[dict[str, str], Meta(max_length=256)] = msgspec.field(default_factory=dict)
    """Model asked for, and the model that runs instead."""
    price: MoneyInput | None = None
    """AITBC a job; the service's price if absent."""
    python: PythonSupport | None = None
    """What it can run of Python programs; a miner that does not say is offered all of them."""
    own_key: OwnKeyProof | None = None
    """The miner's own key."""


class RegisteredMiner(View, kw_only=True, frozen=True):
    """A registration, final on the chain."""

    miner_id: str
    """Its name."""
    status: Literal["active", "retired"]
    """Whether the chain has it registered."""
    address: str
    """Its address on the chain."""
    key: Literal["own", "managed"]
    """Who holds its key."""
    capabilities: list[str]
    """What it declared."""


class Miner(RegisteredMiner, kw_only=True, frozen=True):
    """A miner as anybody may see it."""

    services: list[str]
    """Services that it takes jobs of."""
    models: list[str]
    """Models that it runs; none listed takes any."""
    gpu_info: Mapping[str, AnyJson] | None
    """What it declared about its GPU."""
    python: Mapping[str, AnyJson] | None
    """What it can run of Python programs: packages, programs, whether those of clients."""
    price: MoneyText | None
    """AITBC a job; null for the service's price."""
    registered_at: TimeText | None
    """Time of the block that registered it."""
    last_seen_at: TimeText | None
    """Its last call."""
    completed_jobs: int
    """Receipts of it."""


class MinerList(View, kw_only=True, frozen=True):
    """Registered miners, newest first."""

    miners: list[Miner]
    """The miners."""


class ChallengeParameters(View, kw_only=True, frozen=True):
    """What a registration has to keep to."""

    fee_base: int
    """Nait a transaction."""
    fee_per_byte: int
    """Nait a byte of it."""
    horizon_ms: int
    """Furthest end of its validity ahead of the chain's time."""
    miner_bond_min: int
    """Least bond, in nait."""


class ChallengeView(View, kw_only=True, frozen=True):
    """What a miner with its own key has to sign."""

    chain_id: str
    """The chain."""
    genesis_digest: HexBytes32
    """Its genesis."""
    coordinator: str
    """Address of this coordinator."""
    nonce: HexBytes32
    """Random bytes, valid once."""
    expires_at_ms: int
    """Until when."""
    chain_time_ms: int
    """Time of the newest final block."""
    parameters: ChallengeParameters
    """What the registration has to keep to."""
    registered_name: str | None
    """Name under which the key is registered; then `update_miner` is due."""


def challenge_view(challenge: Challenge) -> ChallengeView:
    """Return a challenge."""
    return ChallengeView(
        chain_id=challenge.chain_id,
        genesis_digest=challenge.genesis_digest.hex(),
        coordinator=format_address(challenge.coordinator),
        nonce=challenge.nonce.hex(),
        expires_at_ms=challenge.expires_at_ms,
        chain_time_ms=challenge.chain_time_ms,
        parameters=ChallengeParameters(
            fee_base=challenge.fee_base,
            fee_per_byte=challenge.fee_per_byte,
            horizon_ms=challenge.horizon_ms,
            miner_bond_min=challenge.miner_bond_min,
        ),
        registered_name=challenge.registered_name,
    )


def registered_view(miner: MinerView) -> RegisteredMiner:
    """Return a registration."""
    return RegisteredMiner(
        miner_id=miner.name,
        status="active" if miner.is_active else "retired",
        address=format_address(miner.address),
        key="own" if miner.custody is Custody.OWN else "managed",
        capabilities=list(miner.capabilities),
    )


def miner_view(miner: MinerView) -> Miner:
    """Return a miner."""
    registered = registered_view(miner)
    return Miner(
        **msgspec.structs.asdict(registered),
        services=sorted(miner.services),
        models=sorted(miner.models),
        gpu_info=miner.gpu_info,
        python=miner.python,
        price=None if miner.price is None else format_text(miner.price),
        registered_at=None if miner.registered_ms is None else format_time(miner.registered_ms),
        last_seen_at=None if miner.last_seen_ms is None else format_time(miner.last_seen_ms),
        completed_jobs=miner.completed_jobs,
    )
