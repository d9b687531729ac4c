"""One run: storm, healing, and the questions that every run must answer well."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from devnet.simulator.byzantine import STRATEGIES
from devnet.simulator.checkers import Checkers, Objection, liveness_bound_ms
from devnet.simulator.conduct import Conduct
from devnet.simulator.council import Council
from devnet.simulator.faults import Fault, LostDisk, LostJournal
from devnet.simulator.genesis import make_genesis
from devnet.simulator.logs import logs_of
from devnet.simulator.machine import Machine
from devnet.simulator.network import CALM, SimNetwork
from devnet.simulator.people import NotedSigner, Signing
from devnet.simulator.plan import Plan
from devnet.simulator.process import Process
from devnet.simulator.schedule import MS
from devnet.simulator.script import Script, nothing_else
from devnet.simulator.workload import Workload
from devnet.simulator.world import World
from ledger.types import Hash

BRIEF_MS = 200
"""The same where no quiet is watched: messages that are under way arrive."""

QUIET_MS = 21_000
"""How long a chain without work is watched: two heartbeats and a bit."""

SETTLING_MS = 4_000
"""Time between the end of the healing and the quiet watch: what is under way ends."""


@dataclass(slots=True)
class Result:
    """What came of a run."""

    plan: Plan
    """What was run."""
    event_hash: str = ""
    """Hash of everything that happened."""
    events: int = 0
    """Messages delivered."""
    height: int = 0
    """Greatest final height."""
    epochs: int = 0
    """Greatest final epoch."""
    healing_ms: int = 0
    """Time from healing to the finality of a fresh transaction on every honest node."""
    bound_ms: int = 0
    """Most that it may take."""
    objection: str = ""
    """What a checker, or an assertion of the program, objected to; empty if nothing."""
    story: list[str] = field(default_factory=list)
    """What happened, if it was asked for."""


class Simulation:
    """Everything of one run, put together."""

    def __init__(self, plan: Plan, script: Script = nothing_else, *, traced: bool = False) -> None:
        """Set the machines up; nothing runs yet.

        Args:
            plan: what happens.
            script: steers the run, if the plan alone does not.
            traced: whether the story is kept.
        """
        self.plan = plan
        genesis = make_genesis(plan.seed, plan.validators, plan.chain_parameters)
        self.world = World(plan.seed, genesis, Signing(plan.is_real), traced=traced)
        self.network = self.make_network()
        members = [*range(plan.validators + plan.newcomers)]
        members += [] if plan.twins is None else [plan.twins]
        liars = dict(plan.byzantine)
        self.machines = [
            Machine(self.world, number, member, self._starter(liars.get(member)))
            for number, member in enumerate(members)
        ]
        for machine in self.machines:
            machine.is_byzantine = machine.member in liars
        self.network.machines = self.machines
        self.honest = [machine for machine in self.machines if not machine.is_byzantine]
        """Machines whose process keeps the rules; a twin's two machines both do."""
        dishonest = {m.public_key for m in self.machines if m.is_byzantine}
        if plan.twins is not None:
            dishonest.add(self.machines[plan.twins].public_key)
        # Who forgets its votes can contradict them, whatever it means to do: one of the f.
        lost = [fault.machine for fault in plan.faults if isinstance(fault, LostJournal | LostDisk)]
        dishonest |= {self.machines[number].public_key for number in lost}
        twins = {plan.twins} if plan.twins is not None else set()
        self.live = [machine for machine in self.honest if machine.member not in twins]
        """Honest machines that must get along; a twin may find every connection taken."""
        self.checkers = Checkers(self.world, frozenset(dishonest), self.honest, self.live)
        self.world.watcher = self.checkers
        self.workload = Workload(
            self.world, self.live, lambda wanted: wanted in self.checkers.money.heights
        )

        self.council = Council(
            self.world,
            self.workload,
            self.live,
            plan.validators + plan.newcomers,
            plan.validators,
        )
        self._missed = script(self)

    def make_network(self) -> SimNetwork:
        """Return the links between the machines."""
        return SimNetwork(self.world, self.plan.weather)

    def _starter(self, strategy: str | None) -> Callable[[Machine], Process]:
        signer_of = self.world.signing.signer

        def start(machine: Machine) -> Process:
            conduct = Conduct() if strategy is None else STRATEGIES[strategy]()
            signer = None
            if conduct.signs_honestly:
                signer = NotedSigner(signer_of(machine.member), machine.note_signed)
            return Process(machine, self.network, conduct, signer)

        return start

    # ------------------------------------------------------------ phases

    def run(self) -> Result:
        """Run to the end, or to the first objection."""
        result = Result(self.plan)
        with logs_of(self.world):
            self._run(result)
        result.event_hash = self.world.event_hash()
        result.events = self.world.events
        result.height, result.epochs = self.checkers.order.height, self.checkers.order.epoch
        result.story = self.world.story or []
        return result

    def _run(self, result: Result) -> None:
        try:
            self.storm()
            self.heal()
            self.expect_finality(result)
            self.settle()
            if self.plan.is_watched:
                self.expect_quiet()
            self.expect_everybody(result.bound_ms)
            self.checkers.at_end()
            missed = self._missed()
            if missed:
                raise Objection("scenario", f"did not come about: {missed}")
        except Objection as objection:
            result.objection = str(objection)
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed has found it.
            result.objection = f"program: {error!r}"
            text = "".join(traceback.format_exception(error))
            self.world.tell("-", lambda: text)
        finally:
            self.end()

    def end(self) -> None:
        """End all processes, so that nothing of them is left to complain."""
        for machine in self.machines:
            process, machine.process = machine.process, None
            if process is not None:
                process.end()

    def storm(self) -> None:
        """Start everybody, and let the plan's faults happen."""
        plan, schedule = self.plan, self.world.schedule
        late = dict(plan.late)
        for machine in self.machines:
            schedule.at(late.get(machine.number, 0) * MS, machine.start)
        for fault in plan.faults:
            schedule.at(fault.at_ms * MS, self._befall, fault)
        self.workload.plan(plan.transfers, plan.jobs, plan.storm_ms)
        if plan.transfers_every_ms:
            self.workload.stream(plan.transfers_every_ms, 0, plan.storm_ms)
        self.council.plan(plan.wishes)
        schedule.run_until(plan.storm_ms * MS)

    def _befall(self, fault: Fault) -> None:
        self.world.tell("fault", lambda: str(fault))
        fault.begin(self.network)

    def heal(self) -> None:
        """End all faults; Byzantine members stay what they are."""
        self.world.tell("fault", lambda: "everything heals")
        self.network.weather = CALM
        self.network.cut.clear()
        for machine in self.machines:
            machine.recover()

    def expect_finality(self, result: Result) -> None:
        """A fresh transaction becomes final on every honest node within the bound."""
        schedule = self.world.schedule
        healed_us = schedule.now_us
        wanted = self.workload.transfer()
        result.bound_ms = liveness_bound_ms(self.plan, self.checkers.epochs_behind())
        done = schedule.run_until(
            healed_us + result.bound_ms * MS, lambda: self._is_final_everywhere(wanted)
        )
        result.healing_ms = (schedule.now_us - healed_us) // MS
        if not done:
            lacking = [m.name for m in self.live if not self.checkers.is_final_on(m, wanted)]
            raise Objection(
                "liveness",
                f"{wanted.hex()[:8]} is not final on {', '.join(lacking)} "
                f"{result.bound_ms} ms after everything healed",
            )

    def _is_final_everywhere(self, wanted: Hash) -> bool:
        return all(self.checkers.is_final_on(machine, wanted) for machine in self.live)

    def settle(self) -> None:
        """Let what is under way end."""
        schedule = self.world.schedule
        settling_ms = SETTLING_MS if self.plan.is_watched else BRIEF_MS
        schedule.run_until(schedule.now_us + settling_ms * MS)

    def expect_everybody(self, bound_ms: int) -> None:
        """Every honest node reaches the height that the first has now."""
        schedule, height = self.world.schedule, self.checkers.order.height
        limit_us = schedule.now_us + bound_ms * MS
        if self._is_everybody_at(height) or schedule.run_until(
            limit_us, lambda: self._is_everybody_at(height)
        ):
            return
        behind = [machine.name for machine in self.live if machine.store.height < height]
        raise Objection("liveness", f"{', '.join(behind)} never came to height {height}")

    def _is_everybody_at(self, height: int) -> bool:
        return all(machine.store.height >= height for machine in self.live)

    def expect_quiet(self) -> None:
        """Once there is no work, honest leaders make heartbeats and nothing else."""
        schedule = self.world.schedule
        self.checkers.begin_quiet()
        schedule.run_until(schedule.now_us + QUIET_MS * MS)
        self.checkers.end_quiet()
