"""What a run is: who takes part, what befalls them, what is asked of them. A seed gives a plan."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from devnet.simulator.council import Wish
from devnet.simulator.disk import Loss
from devnet.simulator.faults import (
    ClockJump,
    Crash,
    Cut,
    Fault,
    FullDisk,
    LostDisk,
    LostJournal,
    Pause,
    SlowDisk,
)
from devnet.simulator.network import CALM, Weather
from ledger.params import Parameters

EPOCHS_LONG_MS = 3_600_000
"""An epoch that does not end within a run."""


NEVER_MS = 3_600_000
"""When a machine starts that does not before everything heals."""


FIRST_VOTES_MS = 400
"""Time from the start in which members that hear each other have voted, losses or not."""

CLOCK_FAR_AHEAD_MS = 90_000
"""A wrong clock that a run does not last long enough to catch up with."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides a run, besides the random choices that its seed makes on the way."""

    seed: int
    """Decides everything else that is random."""
    scenario: str
    """Name of the scenario, `random` for a plan that the seed made."""
    validators: int
    """Size of the first set."""
    storm_ms: int
    """How long faults happen; then everything heals."""
    epoch_ms: int = EPOCHS_LONG_MS
    """Block time of an epoch."""
    weather: Weather = CALM
    """Links during the storm."""
    faults: tuple[Fault, ...] = ()
    """What befalls machines and links, in order of time."""
    byzantine: tuple[tuple[int, str], ...] = ()
    """Members that break the rules, each with its strategy; at most f."""
    twins: int | None = None
    """A member whose key is on two machines; one of the f."""
    late: tuple[tuple[int, int], ...] = ()
    """Machines that start later than the others: number and time."""
    newcomers: int = 0
    """Machines that follow, with keys that are in no set at first."""
    wishes: tuple[Wish, ...] = ()
    """Ballots that the authorities of the first set open and pass."""
    transfers: int = 8
    """Transfers during the storm."""
    jobs: int = 0
    """Jobs during the storm."""
    is_watched: bool = False
    """Whether the chain is watched while there is nothing to order, for two heartbeats."""
    is_real: bool = False
    """Whether votes are signed with Ed25519."""
    transfers_every_ms: int = 0
    """Time between two further transfers, one after the other; 0 for none."""
    parameters: dict[str, int] = field(default_factory=dict)
    """Parameters of the chain that differ from the defaults."""

    @property
    def faulty_max(self) -> int:
        """Return f: the largest number that is less than a third of n."""
        return (self.validators - 1) // 3

    @property
    def chain_parameters(self) -> Parameters:
        """Return the parameters of block 0; windows are short, so that a run sees them end."""
        fields = {"auto_settle_ms": 3_000, "epoch_ms": self.epoch_ms} | self.parameters
        return Parameters(**fields)

    def lines(self) -> list[str]:
        """Return the plan in words."""
        signed = ", Ed25519" if self.is_real else ""
        found = [f"{self.validators} validators, epochs of {self.epoch_ms} ms{signed}"]
        found.append(f"{self.transfers} transfers, {self.jobs} jobs")
        found.append(f"{self.storm_ms} ms of: {self.weather}")
        found += [f"member {member} is a {name}" for member, name in self.byzantine]
        if self.twins is not None:
            twin = self.validators + self.newcomers
            found.append(f"member {self.twins} has a twin: its key is on v{twin} as well")
        found += [str(wish) for wish in self.wishes]
        found += [f"v{number} starts at {at_ms} ms" for number, at_ms in self.late]
        found += [f"{fault.at_ms:6} ms  {fault}" for fault in self.faults]
        return found


@dataclass(frozen=True, slots=True)
class Scale:
    """How large random plans are. Small ones find most faults, and many of them run in a second."""

    name: str
    """Name of the scenario."""
    sizes: tuple[int, ...]
    """Weights of the sizes 1 … 10 of the first set."""
    storms_ms: tuple[int, ...]
    """Lengths of the storm."""
    transfers: tuple[int, int]
    """Fewest and most transfers."""
    watched: float
    """Part of the runs whose quiet is watched."""


BRIEF = Scale("random-brief", (3, 2, 2, 85, 2, 1, 4, 0, 0, 1), (300, 500, 900), (1, 3), 0.01)
SMALL = Scale("random", (4, 3, 3, 72, 3, 2, 10, 1, 1, 1), (800, 1_300, 2_200), (2, 5), 0.05)
LARGE = Scale("random-long", (1, 1, 2, 30, 5, 5, 30, 5, 5, 16), (4_000, 7_000), (8, 25), 0.4)


def random_plan(seed: int, strategies: tuple[str, ...], scale: Scale = SMALL) -> Plan:
    """Return the plan that a seed makes.

    Args:
        seed: any number.
        strategies: names of Byzantine strategies to choose from.
        scale: how large it is.
    """
    chance = random.Random(f"{seed}/plan")
    validators = chance.choices(range(1, 11), weights=scale.sizes)[0]
    storm_ms = chance.choice(scale.storms_ms)
    byzantine, twins = _choose_byzantine(chance, validators, strategies)
    is_calm = not byzantine and twins is None
    newcomers, wishes = _choose_wishes(chance, validators, storm_ms) if is_calm else (0, ())
    machines = validators + newcomers + (twins is not None)
    spared = {member for member, _ in byzantine}
    victims = [number for number in range(machines) if number not in spared]
    # Who starts late, or loses its journal, may have to be silent for an epoch (S10): each is one
    # of the f. A newcomer that a set of up to three waits for is none of them.
    late: tuple[tuple[int, int], ...] = ()
    if is_calm and not wishes:
        late = _choose_late(chance, victims, storm_ms)
    elif newcomers and not any(wish.verb == "remove" for wish in wishes):
        late = _choose_late_newcomers(chance, validators, newcomers, storm_ms)
    faults = _choose_faults(chance, victims, machines, storm_ms)
    if validators == 1 and newcomers:
        # The clock of a validator alone is the chain's: the next waits until its own is there.
        faults = tuple(fault for fault in faults if not _is_far_ahead(fault))
    # A set of up to three can spare nobody, and one that is voted down to three is one.
    fewest = validators - sum(wish.verb == "remove" for wish in wishes)
    if is_calm and not late and fewest >= 4 and chance.random() < 0.15:
        losers = victims[validators:] or victims
        loss = chance.choice((LostJournal, LostDisk))
        lost = loss(chance.randrange(storm_ms), chance.choice(losers), 100)
        faults = tuple(sorted((*faults, lost), key=lambda fault: fault.at_ms))
    epoch_ms = chance.choice((1_000, 2_500, 2_500 if wishes else EPOCHS_LONG_MS))
    if not is_calm and any(_is_early_crash(fault) for fault in faults):
        epoch_ms = EPOCHS_LONG_MS
    return Plan(
        seed=seed,
        scenario=scale.name,
        validators=validators,
        storm_ms=storm_ms,
        epoch_ms=epoch_ms,
        weather=_choose_weather(chance),
        faults=faults,
        byzantine=byzantine,
        twins=twins,
        late=late,
        newcomers=newcomers,
        wishes=wishes,
        transfers=chance.randint(*scale.transfers),
        jobs=chance.choice((0, 0, 0, 1, 2)),
        is_watched=chance.random() < scale.watched,
        is_real=chance.random() < 0.01,
    )


def _choose_wishes(
    chance: random.Random, validators: int, storm_ms: int
) -> tuple[int, tuple[Wish, ...]]:
    """Choose newcomers, and ballots about them and others."""
    if chance.random() < 0.6:
        return 0, ()
    wishes = [Wish(chance.randrange(storm_ms // 2), "issue", chance.randrange(validators))]
    # Small sets wait for each newcomer. In larger ones it may have to be silent: one of the f.
    newcomers = chance.randrange(3) if validators < 3 or validators >= 7 else chance.randrange(2)
    wishes += [
        Wish(chance.randrange(storm_ms // 2), "add", validators + number)
        for number in range(newcomers)
    ]
    may_shrink = validators > 3 or (validators > 1 and not newcomers)
    if may_shrink and chance.random() < 0.5:
        wishes.append(Wish(chance.randrange(storm_ms), "remove", chance.randrange(validators)))
    return newcomers, tuple(sorted(wishes, key=lambda wish: wish.at_ms))


def _choose_weather(chance: random.Random) -> Weather:
    return chance.choice(
        (
            CALM,
            Weather(delay_us=(1_000, 40_000)),
            Weather(delay_us=(1_000, 60_000), loss=0.1, doubling=0.05),
            Weather(delay_us=(5_000, 250_000), loss=0.2, doubling=0.1),
            Weather(delay_us=(500, 20_000), straggling=0.2, straggling_ms=1_500),
            Weather(delay_us=(500, 80_000), loss=0.4),
        )
    )


def _choose_byzantine(
    chance: random.Random, validators: int, strategies: tuple[str, ...]
) -> tuple[tuple[tuple[int, str], ...], int | None]:
    left = (validators - 1) // 3
    if not left or not strategies or chance.random() < 0.35:
        return (), None
    members = list(range(validators))
    chance.shuffle(members)
    twins = members.pop() if chance.random() < 0.12 else None
    count = chance.randint(1, left) - (twins is not None)
    chosen = [(members.pop(), chance.choice(strategies)) for _ in range(count)]
    return tuple(sorted(chosen)), twins


def _choose_late(
    chance: random.Random, victims: list[int], storm_ms: int
) -> tuple[tuple[int, int], ...]:
    if chance.random() < 0.8:
        return ()
    return ((chance.choice(victims), chance.randrange(storm_ms)),)


def _choose_late_newcomers(
    chance: random.Random, validators: int, newcomers: int, storm_ms: int
) -> tuple[tuple[int, int], ...]:
    """Choose newcomers that start in the storm, or only when it is over: their set may wait."""
    chosen = [number for number in range(newcomers) if chance.random() < 0.6]
    return tuple(
        (validators + number, chance.choice((chance.randrange(storm_ms), NEVER_MS)))
        for number in chosen
    )


def _choose_faults(
    chance: random.Random, victims: list[int], machines: int, storm_ms: int
) -> tuple[Fault, ...]:
    faults: list[Fault] = []

    def at() -> int:
        return chance.randrange(storm_ms)

    for _ in range(chance.choice((0, 0, 1, 2, 4, 7))):
        loss = chance.choice((Loss.POWER, Loss.POWER, Loss.KILLED))
        down_ms = chance.choice((20, 200, 1_000, 3_000))
        faults.append(Crash(at(), chance.choice(victims), chance.randrange(25), loss, down_ms))
    if chance.random() < 0.06:  # Everybody at once: a power cut of the building.
        moment = at()
        for number in victims:
            places = chance.randrange(6)
            faults.append(Crash(moment, number, places, Loss.POWER, chance.randrange(20, 900)))
    if chance.random() < 0.25:
        faults.append(Pause(at(), chance.choice(victims), chance.choice((100, 900, 4_000))))
    faults += [
        Cut(at(), _choose_cut(chance, machines), chance.choice((300, 1_000, 3_000)))
        for _ in range(chance.choice((0, 0, 0, 1, 1, 2)))
    ]
    if chance.random() < 0.25:
        skew_ms = chance.choice((-600_000, -3_000, -500, 400, 900, 2_500, CLOCK_FAR_AHEAD_MS))
        faults.append(ClockJump(at(), chance.choice(victims), skew_ms))
    if chance.random() < 0.2:
        faults.append(SlowDisk(at(), chance.choice(victims), chance.choice((50, 300, 900))))
    if chance.random() < 0.08:
        faults.append(FullDisk(at(), chance.choice(victims), chance.choice((200, 1_500))))
    return tuple(sorted(faults, key=lambda fault: fault.at_ms))


def _is_early_crash(fault: Fault) -> bool:
    """Return whether a member may end before it first votes.

    If it is back only in the next epoch it is silent for that one (S10), and one of the f.
    """
    return isinstance(fault, Crash) and fault.at_ms < FIRST_VOTES_MS


def _is_far_ahead(fault: Fault) -> bool:
    return isinstance(fault, ClockJump) and fault.skew_ms == CLOCK_FAR_AHEAD_MS


def _choose_cut(chance: random.Random, machines: int) -> frozenset[tuple[int, int]]:
    """Choose a partition, the loss of one direction of it, or single links."""
    everybody = range(machines)
    if chance.random() < 0.25:
        pairs = [(a, b) for a in everybody for b in everybody if a != b]
        return frozenset(pair for pair in pairs if chance.random() < 0.3)
    side = {number for number in everybody if chance.random() < 0.5}
    is_one_way = chance.random() < 0.3
    return frozenset(
        (a, b)
        for a in everybody
        for b in everybody
        if (a in side and b not in side) or (not is_one_way and b in side and a not in side)
    )
