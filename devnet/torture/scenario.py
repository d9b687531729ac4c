"""What a scenario is: a TOML file that says which network it needs and what happens to it.

The steps are done one after the other while clients transact at every node. Whatever they leave
behind is mended at the end (wires, disks, clocks, nodes that are down), and then the checks of
`devnet.torture.checker` decide.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from devnet.torture.step_types import Seconds, Step, Target
from ledger.params import Parameters, parameter_faults

FOLDER: Final = Path(__file__).parents[1] / "scenarios"
"""Where the scenarios are."""

Lie: TypeAlias = Literal["equivocate", "contradict", "forge", "withhold", "replay"]
"""How a validator lies; `devnet.torture.liar` says what each is."""

PARAMETERS: Final = MappingProxyType({"epoch_ms": 30_000, "heartbeat_ms": 2_000})
"""Parameters of a scenario's chain that differ from the defaults, unless it says otherwise."""


class ScenarioInvalid(Exception):
    """A scenario's file does not say what this version understands."""


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The network that a scenario needs. Scenarios with equal needs can share one."""

    validators: Annotated[int, Meta(ge=1, le=16)] = 4
    """Validators of the genesis."""
    followers: Annotated[int, Meta(ge=0, le=4)] = 0
    """Followers."""
    candidates: Annotated[int, Meta(ge=0, le=4)] = 0
    """Nodes with a validator key that the genesis does not name; they follow until voted in."""
    byzantine: Mapping[Target, Lie] = {}
    """Validators that lie, and how; nothing that they tell clients is believed."""
    small_disks: tuple[Target, ...] = ()
    """Nodes whose data folder is a file system of its own, where the machine allows it."""
    parameters: Mapping[str, int] = msgspec.field(default_factory=lambda: dict(PARAMETERS))
    """Parameters of the genesis that differ from the defaults."""


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scenario as its file says it."""

    title: str
    """One line: what happens."""
    expects: str
    """What must hold, and why, for a reader."""
    step: tuple[Step, ...]
    """What happens, in order."""
    network: Network = Network()
    """See `Network`."""
    clients: Annotated[int, Meta(ge=1, le=32)] = 1
    """Clients at each node."""
    pause_ms: Annotated[int, Meta(ge=0, le=10_000)] = 100
    """Pause of each client between two transfers."""
    recover_s: Seconds = 90
    """Limit from the mending of everything to a transfer that is final on all nodes, which was
    sent after it."""


def scenario_names() -> list[str]:
    """Return the names of all scenarios."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def read_scenario(name: str, folder: Path = FOLDER) -> Scenario:
    """Read a scenario.

    Raises:
        ScenarioInvalid: there is none of this name, or its file is wrong; says how.
    """
    file = folder / f"{name}.toml"
    try:
        scenario = msgspec.convert(tomllib.loads(file.read_text()), Scenario)
    except FileNotFoundError:
        raise ScenarioInvalid(
            f"there is no scenario {name!r}; there are: {', '.join(scenario_names())}"
        ) from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ScenarioInvalid(f"{file}: {error}") from None
    _check(file, scenario)
    return scenario


def chain_parameters(network: Network) -> Parameters:
    """Return the parameters of the genesis."""
    return Parameters(**network.parameters)


def _check(file: Path, scenario: Scenario) -> None:
    unknown = set(scenario.network.parameters) - set(Parameters.__struct_fields__)
    if unknown:
        raise ScenarioInvalid(f"{file}: there is no parameter {', '.join(sorted(unknown))}")
    faults = parameter_faults(chain_parameters(scenario.network))
    if faults:
        raise ScenarioInvalid(f"{file}: {faults[0]}")
    strangers = {*scenario.network.byzantine, *scenario.network.small_disks} - _node_names(
        scenario.network
    )
    if strangers:
        raise ScenarioInvalid(f"{file}: network names {', '.join(strangers)}")
    known = {"all", "random", "leader", "follower", *_node_names(scenario.network)}
    for number, step in enumerate(scenario.step, 1):
        groups = getattr(step, "groups", ())
        wanted = {getattr(step, end, "all") for end in ("source", "target")}
        wanted |= {each for group in groups for each in group}
        if wanted - known:
            raise ScenarioInvalid(f"{file}: step {number} names {', '.join(wanted - known)}")
        known.add(getattr(step, "name", None) or "all")


def _node_names(network: Network) -> set[str]:
    keys = network.validators + network.candidates
    validators = {f"node-{number}" for number in range(1, keys + 1)}
    return validators | {f"follower-{number}" for number in range(1, network.followers + 1)}
