"""Runs scenarios and says how they ended.

One run is: clients transact, the steps happen, everything is mended, the network must finalize
again, clients stop, whatever is undecided is sent again, and the checks judge all of it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from aitbc import format_address
from devnet.network.errors import DevnetError
from devnet.torture.books import Books, BooksDiffer
from devnet.torture.chain_reading import ChainReader, ChainUnreadable
from devnet.torture.checker import (
    Violation,
    check_balances,
    check_chains,
    check_history,
)
from devnet.torture.clients import Client, Transfers, resend_undecided
from devnet.torture.ground import AnyWires, Ground
from devnet.torture.history import FINAL
from devnet.torture.proxies import ProxyWires
from devnet.torture.scenario import Scenario
from devnet.torture.steps import StepFailed, Steps
from devnet.torture.tampering import TamperingFailed

RESENDS_MAX = 6
"""Rounds in which undecided transfers are sent again; a node answers each after 10 s at most."""

SIGN_TIMEOUT_S = 45.0
"""How long a scenario waits for validators that the one before it has silenced: mostly an epoch.
If they stay silent, it gets a network of its own."""

READ_TIMEOUT_S = 60.0
"""Limit for the nodes to reach the same height once clients have stopped."""


@dataclass
class Outcome:
    """How a scenario ended."""

    name: str
    seed: int
    seconds: float = 0.0
    """From the first step to the last check."""
    sent: int = 0
    """Transfers that clients signed."""
    final: int = 0
    """Transfers that clients were told are final."""
    blocks: int = 0
    """Blocks that were compared on every node."""
    longest_gap_s: float = 0.0
    """Longest time in which no client was told of a final transfer."""
    recovery_s: float | None = None
    """From the mending of everything to a new transfer that is final on all nodes."""
    failures: list[str] = field(default_factory=list)
    """What was wrong; empty if all is well."""

    @property
    def passed(self) -> bool:
        """Whether nothing was wrong."""
        return not self.failures

    def as_json(self) -> dict[str, Any]:
        """Return all of it for `--json`."""
        return {"scenario": self.name, "passed": self.passed, "seed": self.seed} | {
            "seconds": round(self.seconds, 2),
            "sent": self.sent,
            "final": self.final,
            "blocks": self.blocks,
            "longest_gap_s": round(self.longest_gap_s, 3),
            "recovery_s": None if self.recovery_s is None else round(self.recovery_s, 3),
            "failures": self.failures,
        }


class Run:
    """Scenarios on one network, one after the other; history and checks go on through all."""

    def __init__(self, ground: Ground, tell: Callable[[str], None]) -> None:
        """Use a network that runs."""
        self._ground = ground
        self._tell = tell
        self._transfers = Transfers(ground.facts, ground.keys, ground.history, ground.rng)
        self._books = Books(ground.genesis)
        self._readers = {
            node.name: ChainReader(
                node.name, ground.clients[node.name], ground.genesis["genesis_digest"]
            )
            for node in ground.honest
        }
        self._starts: dict[str, int] = {}

    async def scenario(self, name: str, scenario: Scenario, seed: int) -> Outcome:
        """Run one scenario and check everything; never raises for what the network does wrong."""
        outcome, start_s = Outcome(name, seed), time.monotonic()
        history = self._ground.history
        sent, final = len(history.sent), len(history.final)
        steps = Steps(self._ground, self._tell)
        try:
            async with self._clients(scenario.clients, scenario.pause_ms / 1_000):
                for step in scenario.step:
                    await steps.do(step)
                await steps.mend()
                outcome.recovery_s = await self._recover(scenario.recover_s)
            outcome.failures += await self._judge(outcome)
        except (StepFailed, TamperingFailed, DevnetError, ChainUnreadable, BooksDiffer) as error:
            outcome.failures.append(f"{type(error).__name__}: {error}")
        except httpx.HTTPError as error:
            outcome.failures.append(f"a node did not answer: {type(error).__name__} {error}")
        outcome.seconds = time.monotonic() - start_s
        outcome.sent, outcome.final = len(history.sent) - sent, len(history.final) - final
        outcome.longest_gap_s = history.longest_gap_s(since_s=start_s)
        return outcome

    @asynccontextmanager
    async def _clients(self, number: int, pause_s: float) -> AsyncIterator[None]:
        """Let clients transact at each node, `number` of them at each."""
        endpoints = self._ground.endpoints()
        clients = [
            Client(
                self._transfers,
                home,
                [other for other in endpoints if other is not home],
                self._ground.rng,
                pause_s,
            )
            for home in endpoints
            for _ in range(number)
        ]
        tasks = [asyncio.ensure_future(client.run()) for client in clients]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            for end in ends:
                if not isinstance(end, asyncio.CancelledError | None):
                    raise end

    async def _recover(self, within_s: float) -> float:
        """Return how long a transfer takes, sent now, until it is final on every node.

        Raises:
            StepFailed: longer than `within_s`.
        """
        start_s, history = time.monotonic(), self._ground.history
        sent = self._transfers.new()
        endpoint = self._ground.rng.choice(self._ground.endpoints())
        # A node answers after ten seconds at the latest; what it has taken it does not lose.
        told = await self._transfers.send(sent, endpoint)
        while told.status != FINAL and time.monotonic() < start_s + within_s:
            told = await self._transfers.send(sent, endpoint)
        left_s = start_s + within_s - time.monotonic()
        if told.height is not None and await self._all_reach(told.height, left_s):
            seconds = time.monotonic() - start_s
            self._tell(f"a new transfer is final on every node after {seconds:.1f} s")
            return seconds
        heights = {name: history.height_of(name) for name in self._readers}
        raise StepFailed(
            f"a transfer sent to {endpoint.name} after the end of all faults was not final on "
            f"every node within {within_s:.0f} s; heights: {heights}"
        )

    async def _judge(self, outcome: Outcome) -> list[str]:
        """Return what the checks find, once every transfer is decided."""
        violations = await self._decide_all()
        readers = list(self._readers.values())
        # Heartbeats go on while the chains are read: what is judged ends here.
        history = self._ground.history.until_now()
        goal = history.highest_height()
        if not await self._all_reach(goal, READ_TIMEOUT_S):
            raise StepFailed(f"not all nodes reach block {goal} in {READ_TIMEOUT_S:.0f} s")
        self._forget_restarted()
        await asyncio.gather(*(reader.read(goal) for reader in readers))
        chains = {reader.name: reader.blocks for reader in readers}
        before = self._books.entered
        self._books.enter(readers[0].blocks)
        violations += check_chains(chains)
        violations += check_history(history, chains)
        violations += check_balances(self._books.balances, await self._balances())
        outcome.blocks = self._books.entered - before
        return [f"{violation.check}: {violation.text}" for violation in violations]

    def _forget_restarted(self) -> None:
        """Have the chains of nodes read from the beginning that were started since the last time.

        A block that was there before a node died must be there after it.
        """
        for name, reader in self._readers.items():
            starts = self._ground.nodes[name].starts
            if self._starts.get(name) != starts:
                self._starts[name] = starts
                reader.forget()

    async def _decide_all(self) -> list[Violation]:
        ground, undecided = self._ground, 0
        for _ in range(RESENDS_MAX):
            undecided = await resend_undecided(
                self._transfers, ground.history, ground.endpoints(), ground.rng
            )
            if not undecided:
                return []
        return [
            Violation("everything is decided", f"{undecided} transfers are neither final nor not")
        ]

    async def _all_reach(self, height: int, within_s: float) -> bool:
        history, names = self._ground.history, [node.name for node in self._ground.honest]
        return await history.wait_until(
            lambda: all(history.height_of(name) >= height for name in names), within_s
        )

    async def _balances(self) -> dict[str, dict[bytes, int]]:
        """Return what each node says that each account of the books has."""
        accounts: Sequence[bytes] = list(self._books.balances)
        found = {}
        for reader in self._readers.values():
            balances = await asyncio.gather(
                *(reader.balance(format_address(account)) for account in accounts)
            )
            found[reader.name] = dict(zip(accounts, balances, strict=True))
        return found


async def run_scenarios(
    chosen: Sequence[tuple[str, Scenario]],
    seed: int,
    root: Path,
    tell: Callable[[str], None],
    wires: type[AnyWires] = ProxyWires,
) -> AsyncIterator[Outcome]:
    """Run scenarios, those that need equal networks on one of them.

    Args:
        chosen: names and scenarios.
        seed: decides what chance decides.
        root: empty folder for networks.
        tell: gets a line for each thing that happens.
        wires: what nodes are connected by.

    Yields:
        How each ended, in the order of the networks. A network on which a scenario failed, or
        after which a validator stays silent, is not used again; the logs and the history of every
        network stay in `root`.
    """
    left = list(chosen)
    number = 0
    while left:
        needed = left[0][1].network
        number += 1
        tell(
            f"network {number}: {needed.validators} validators, {needed.followers} followers, "
            f"in {root / str(number)}"
        )
        async with Ground(root / str(number), needed, seed, wires) as ground:
            run = Run(ground, tell)
            try:
                for place, each in enumerate([each for each in left if each[1].network == needed]):
                    # A scenario's faults are those that it names, and no others.
                    if place and not await ground.all_sign(SIGN_TIMEOUT_S):
                        tell("not all validators of this network sign: it is not used any more")
                        break
                    left.remove(each)
                    name, scenario = each
                    tell(f"{name}: {scenario.title}")
                    outcome = await run.scenario(name, scenario, seed)
                    yield outcome
                    if not outcome.passed:
                        break
            finally:
                ground.history.write(root / str(number) / "history.jsonl")
