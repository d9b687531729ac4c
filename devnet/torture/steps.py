"""Carries out the steps of a scenario on a running network."""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial, singledispatchmethod
from typing import Final

from devnet.network.node import NodeProcess
from devnet.network.processes import how_it_ended
from devnet.torture import step_types as does
from devnet.torture.council import Council
from devnet.torture.ground import WATCH_S, Ground
from devnet.torture.leaders import current_leader
from devnet.torture.tampering import Tampering
from node.failpoints import VARIABLE as FAILPOINT

SLOW_PLACES: Final = ("before-journal-sync", "before-store-commit")
"""Where a slow disk makes a node wait."""

SETTLE_S: Final = 1.0
"""What was sent before a wire was cut may still become final for so long."""


class StepFailed(Exception):
    """The network did not do what a step waits for; says what and how far it came."""


class Steps:
    """Carries out steps; remembers what later steps refer to."""

    def __init__(self, ground: Ground, tell: Callable[[str], None]) -> None:
        """Act on `ground`; what happens is told in a line each."""
        self._ground = ground
        self._tell = tell
        self._named: dict[str, list[NodeProcess]] = {}
        self._council = Council(ground)
        self._tampering = Tampering(ground, tell)

    @singledispatchmethod
    async def do(self, step: does.Step) -> None:
        """Carry out a step.

        Raises:
            StepFailed: the network did not do what the step waits for.
        """
        raise AssertionError(f"no step is {type(step).__name__}")

    async def mend(self) -> None:
        """Undo everything that steps have left behind: wires, disks, clocks, paused and dead nodes.

        Raises:
            StepFailed: a node does not come back.
        """
        ground = self._ground
        ground.wires.heal()
        ground.end_copies()
        for node in ground.nodes.values():
            ground.disturb(node)
            if disk := ground.disks.get(node.name):
                disk.free(node.process.pid if node.is_running else None)
            node.resume()
        await self._start([node for node in ground.nodes.values() if not node.is_running])

    # ------------------------------------------------------------ waiting

    @do.register
    async def _(self, step: does.Progress) -> None:
        history = self._ground.history
        before, start_s = len(history.final), time.monotonic()
        wanted = before + step.transactions
        if not await history.wait_until(lambda: len(history.final) >= wanted, step.within_s):
            raise StepFailed(
                f"{len(history.final) - before} of {step.transactions} transfers became final in "
                f"{step.within_s:.0f} s; {await self._heights()}"
            )
        self._tell(f"{step.transactions} transfers final in {time.monotonic() - start_s:.1f} s")

    @do.register
    async def _(self, step: does.Standstill) -> None:
        await asyncio.sleep(SETTLE_S)
        before = after = self._ground.history.highest()
        # A busy node may count votes from before the quorum was lost in the first look, not later.
        for _ in range(2):
            before = self._ground.history.highest()
            await asyncio.sleep(step.for_s)
            after = self._ground.history.highest()
            if before is not None and after is not None and after.height == before.height:
                self._tell(f"nothing became final for {step.for_s:.0f} s, as it must be")
                return
        raise StepFailed(f"blocks became final without a quorum: {before} → {after}")

    @do.register
    async def _(self, step: does.Epochs) -> None:
        history = self._ground.history
        wanted = history.epoch() + step.count
        if not await history.wait_until(lambda: history.epoch() >= wanted, step.within_s):
            raise StepFailed(f"epoch {wanted} did not begin; {await self._heights()}")
        self._tell(f"epoch {history.epoch()} has begun")

    # ------------------------------------------------------------ processes

    @do.register
    async def _(self, step: does.Kill) -> None:
        for node in await self._choose(step.target, step.name):
            self._tell(f"kill -9 {node.name}")
            node.kill()

    @do.register
    async def _(self, step: does.Stop) -> None:
        for node in await self._choose(step.target, step.name):
            code = await asyncio.to_thread(node.stop)
            self._tell(f"{node.name} stopped with exit code {code}")
            if code:
                raise StepFailed(f"{node.name} did not stop in order; see {node.process.log_file}")

    @do.register
    async def _(self, step: does.Start) -> None:
        nodes = [node for node in await self._choose(step.target) if not node.is_running]
        await self._start(nodes)
        await self._catch_up(nodes, step.within_s)

    @do.register
    async def _(self, step: does.Restart) -> None:
        nodes = await self._choose(step.target)
        for node in nodes:
            code = await asyncio.to_thread(node.stop)
            self._tell(f"{node.name} {how_it_ended(code)}")
        await self._start(nodes)
        await self._catch_up(nodes, step.within_s)

    @do.register
    async def _(self, step: does.FailAt) -> None:
        for node in await self._choose(step.target):
            node.kill()
            node.start({FAILPOINT: f"{step.place}:{step.visit}"})
            deadline_s = time.monotonic() + step.within_s
            while node.is_running:
                if time.monotonic() > deadline_s:
                    raise StepFailed(f"{node.name} did not reach {step.place}")
                await asyncio.sleep(WATCH_S)
            code = node.process.kill()
            self._tell(f"{node.name} {how_it_ended(code)} at visit {step.visit} of {step.place}")
            if code != -signal.SIGKILL:
                raise StepFailed(f"{node.name} {how_it_ended(code)}; see {node.process.log_file}")

    @do.register
    async def _(self, step: does.Twin) -> None:
        for node in await self._choose(step.target):
            node.kill()
            twin = self._ground.copy_node(node)
            self._tell(f"{twin.name} is a copy of {node.name}, key included; both start")
            await self._start([node, twin])

    @do.register
    async def _(self, step: does.Pause) -> None:
        for node in await self._choose(step.target, step.name):
            self._tell(f"SIGSTOP {node.name}")
            node.pause()

    @do.register
    async def _(self, step: does.Resume) -> None:
        nodes = await self._choose(step.target)
        for node in nodes:
            self._tell(f"SIGCONT {node.name}")
            node.resume()
        await self._catch_up(nodes, step.within_s)

    @do.register
    async def _(self, step: does.Wipe) -> None:
        for node in await self._choose(step.target):
            self._tell(f"delete everything that {node.name} has written")
            node.wipe()
            self._ground.history.note_wiped(node.name)

    @do.register
    async def _(self, step: does.Roll) -> None:
        for node in self._ground.nodes.values():
            await self.do(does.Stop(node.name))
            await self.do(does.Progress(step.transactions))
            await self.do(does.Start(node.name))
            await self.do(does.Progress(step.transactions))

    # ------------------------------------------------------------ wires

    @do.register
    async def _(self, step: does.Part) -> None:
        self._tell(" | ".join(" ".join(group) for group in step.groups) + " are parted")
        self._ground.wires.part(step.groups)

    @do.register
    async def _(self, step: does.Isolate) -> None:
        for node in await self._choose(step.target, step.name):
            self._tell(f"{node.name} is cut off")
            self._ground.wires.part([[node.name], self._all_but(node)])

    @do.register
    async def _(self, step: does.Deafen) -> None:
        for node in await self._choose(step.target, step.name):
            self._tell(f"{node.name} hears nothing more")
            for other in self._all_but(node):
                self._ground.wires.cut(other, node.name)

    @do.register
    async def _(self, step: does.Mute) -> None:
        for node in await self._choose(step.target, step.name):
            self._tell(f"{node.name} is heard no more")
            for other in self._all_but(node):
                self._ground.wires.cut(node.name, other)

    @do.register
    async def _(self, step: does.Cut) -> None:
        self._tell(f"nothing gets from {step.source} to {step.target}")
        for source in await self._choose(step.source):
            for target in await self._choose(step.target):
                self._ground.wires.cut(source.name, target.name)

    @do.register
    async def _(self, step: does.Tear) -> None:
        for node in await self._choose(step.target):
            self._tell(f"all connections of {node.name} are torn")
            await self._ground.wires.tear(node.name)

    @do.register
    async def _(self, step: does.Slow) -> None:
        names = [node.name for node in await self._choose(step.target)]
        rate = step.kib_per_s * 1_024 if step.kib_per_s else float("inf")
        self._tell(f"wires of {', '.join(names)}: {step.delay_ms} ms, {step.kib_per_s} KiB/s")
        self._ground.wires.slow(names, step.delay_ms / 1_000, rate)

    @do.register
    async def _(self, step: does.Heal) -> None:
        self._tell("all wires are whole again")
        self._ground.wires.heal()
        running = [node for node in self._ground.nodes.values() if node.is_running]
        await self._catch_up(running, step.within_s)

    # ------------------------------------------------------------ the set of validators

    @do.register
    async def _(self, step: does.VoteIn) -> None:
        (node,) = await self._choose(step.target)
        self._tell(f"the authorities vote {node.name} in")
        await self._council.vote_in(node)
        await self._wait_for_membership(node, step.within_s, wanted=True)

    @do.register
    async def _(self, step: does.VoteOut) -> None:
        (node,) = await self._choose(step.target)
        self._tell(f"the authorities vote {node.name} out")
        await self._council.vote_out(node)
        await self._wait_for_membership(node, step.within_s, wanted=False)

    @do.register
    async def _(self, step: does.Removed) -> None:
        (node,) = await self._choose(step.target)
        await self._wait_for_membership(node, step.within_s, wanted=False)

    async def _wait_for_membership(
        self, node: NodeProcess, within_s: float, *, wanted: bool
    ) -> None:
        deadline_s = time.monotonic() + within_s
        while await self._council.is_member(node) is not wanted:
            if time.monotonic() > deadline_s:
                raise StepFailed(
                    f"{node.name} is {'not ' if wanted else 'still '}a validator after "
                    f"{within_s:.0f} s; {await self._heights()}"
                )
            await asyncio.sleep(WATCH_S)
        self._tell(f"{node.name} is {'' if wanted else 'no longer '}a validator")

    # ------------------------------------------------------------ disks and clocks

    @do.register
    async def _(self, step: does.SlowDisk) -> None:
        for node in await self._choose(step.target):
            self._tell(f"the disk of {node.name} takes {step.delay_ms} ms longer")
            self._ground.disturb(node, delay_ms=dict.fromkeys(SLOW_PLACES, step.delay_ms))

    @do.register
    async def _(self, step: does.FillDisk) -> None:
        for node in await self._choose(step.target, step.name):
            self._tell(f"the disk of {node.name} is full")
            self._ground.disks[node.name].fill(node.process.pid)

    @do.register
    async def _(self, step: does.FreeDisk) -> None:
        for node in await self._choose(step.target):
            self._tell(f"the disk of {node.name} has room again")
            pid = node.process.pid if node.is_running else None
            self._ground.disks[node.name].free(pid)

    @do.register
    async def _(self, step: does.Clock) -> None:
        for node in await self._choose(step.target):
            self._tell(f"the clock of {node.name} jumps to {step.offset_ms:+d} ms")
            self._ground.disturb(node, wall_offset_ms=step.offset_ms)

    # ------------------------------------------------------------ databases and proofs

    @do.register
    async def _(self, step: does.Tamper) -> None:
        (node,) = await self._choose(step.target)
        await self._tampering.tamper(node, step.within_s)

    @do.register
    async def _(self, step: does.Prove) -> None:
        await self._tampering.require_proofs(list(await self._choose(step.target)))

    # ------------------------------------------------------------ parts of steps

    async def _choose(self, target: str, name: str | None = None) -> Sequence[NodeProcess]:
        """Return the nodes that a target means now, and give them a name for later."""
        ground = self._ground
        if target in ground.nodes:
            chosen = [ground.nodes[target]]
        elif target in self._named:
            chosen = self._named[target]
        elif target == "all":
            chosen = list(ground.nodes.values())
        elif target == "random":
            running = [node for node in ground.validators if node.is_running]
            chosen = [ground.rng.choice(running)]
        elif target == "follower":
            chosen = [next(node for node in ground.nodes.values() if not node.plan.key)]
        else:
            assert target == "leader", target
            chosen = [await current_leader(ground)]
        if name:
            self._named[name] = chosen
        return chosen

    def _all_but(self, node: NodeProcess) -> list[str]:
        return [name for name in self._ground.nodes if name != node.name]

    async def _start(self, nodes: Sequence[NodeProcess]) -> None:
        for node in nodes:
            self._tell(f"start {node.name}")
            node.start()
        for node in nodes:
            await self._ground.wait_answering(node)

    async def _catch_up(self, nodes: Sequence[NodeProcess], within_s: float) -> None:
        """Wait until nodes have the block that was the highest when this was called."""
        goal = self._ground.history.highest()
        if goal is None or not nodes:
            return
        start_s, history = time.monotonic(), self._ground.history
        for node in (node for node in nodes if node in self._ground.honest):
            if not await history.wait_until(partial(self._has, node, goal.height), within_s):
                raise StepFailed(
                    f"{node.name} did not reach block {goal.height} in {within_s:.0f} s; "
                    f"{await self._heights()}"
                )
            if not node.is_running:
                raise StepFailed(f"{node.name} ended by itself; see {node.process.log_file}")
        names = ", ".join(node.name for node in nodes)
        seconds = time.monotonic() - start_s
        self._tell(f"block {goal.height} is final on {names} after {seconds:.1f} s")

    def _has(self, node: NodeProcess, height: int) -> bool:
        """Return whether a node has a block, or never will because it ended."""
        return not node.is_running or self._ground.history.height_of(node.name) >= height

    async def _heights(self) -> str:
        """Say where every node is now, and what it says that it waits for."""
        ground = self._ground
        statuses = await asyncio.gather(*(ground.observe(node) for node in ground.nodes.values()))
        return "; ".join(
            f"{name}: {_where(status)}" if status else f"{name}: silent"
            for name, status in zip(ground.nodes, statuses, strict=True)
        )


def _where(status: object) -> str:
    assert isinstance(status, dict)
    wanted = {"height", "epoch", "view", "waiting_for", "peers"}
    return " ".join(f"{key} {value}" for key, value in status.items() if key in wanted)
