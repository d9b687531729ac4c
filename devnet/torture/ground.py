"""The network that scenarios happen to: real nodes, wires between them, clients and watchers."""

import asyncio
import contextlib
import hashlib
import json
import random
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeAlias

import httpx
import tomli_w

from aitbc import ChainTags, SigningKey
from devnet.network.configuration import Extras, Wiring, write_config
from devnet.network.directory import DevnetDirectory
from devnet.network.errors import ProcessEnded
from devnet.network.node import PROGRAM, READY_TIMEOUT_S, NodeProcess
from devnet.network.plan import NodePlan, Shape, plan_nodes, validator_name
from devnet.network.ports import FreePorts
from devnet.network.provision import ChainWish, new_key, payout_name, provision
from devnet.torture.clients import ChainFacts, Endpoint
from devnet.torture.disks import SmallDisk
from devnet.torture.history import History, Seen
from devnet.torture.namespaces import NamespaceWires
from devnet.torture.proxies import ProxyWires
from devnet.torture.scenario import Network, chain_parameters
from node.disturbances import VARIABLE
from node.keyfile import Role

ACCOUNTS = 8
"""Accounts that clients move money between."""

WATCH_S = 0.25
"""Pause between two questions to a node about where it stands."""

STATUS_TIMEOUT_S = 3.0
"""After so long a node that is asked where it stands counts as silent."""

UNLIMITED = 1_000_000_000
"""Requests a minute: quotas are not what is tested here."""


AnyWires: TypeAlias = ProxyWires | NamespaceWires
"""The kinds of wires that there are."""


class Ground:
    """A running network and everything that acts on it; a context manager."""

    def __init__(
        self, root: Path, network: Network, seed: int, wires: type[AnyWires] = ProxyWires
    ) -> None:
        """Prepare a network in an empty folder; `async with` starts it.

        Args:
            root: where everything is kept.
            network: what is needed.
            seed: decides accounts, amounts and choices.
            wires: what nodes are connected by.
        """
        self.network = network
        self.rng = random.Random(seed)
        self.history = History()
        self.keys = [_account(seed, number) for number in range(ACCOUNTS)]
        self.directory = DevnetDirectory(root)
        self._free_ports = free = FreePorts()
        self._copies: list[NodeProcess] = []
        shape = Shape(network.validators + network.candidates, network.followers, 0)
        plans = plan_nodes(shape, (free.take(),), free)
        self.wires: AnyWires = wires({plan.name: plan.p2p_port for plan in plans})
        self.nodes = {plan.name: self._node(plan) for plan in plans}
        self.disks: dict[str, SmallDisk] = {}
        self.clients: dict[str, httpx.AsyncClient] = {}
        self._asking = {name: asyncio.Lock() for name in self.nodes}
        self.genesis: dict[str, Any] = {}
        self._stack = contextlib.AsyncExitStack()
        self._facts: ChainFacts | None = None

    @property
    def facts(self) -> ChainFacts:
        """What clients know of the chain."""
        assert self._facts is not None, "the network starts first"
        return self._facts

    @property
    def validators(self) -> list[NodeProcess]:
        """Nodes with a validator key, in the order of their numbers."""
        return [node for node in self.nodes.values() if node.plan.key]

    @property
    def honest(self) -> list[NodeProcess]:
        """Nodes that do not lie: only what they say counts."""
        return [node for node in self.nodes.values() if node.name not in self.network.byzantine]

    @property
    def honest_members(self) -> list[NodeProcess]:
        """Honest nodes whose key the genesis names."""
        members = self.validators[: self.network.validators]
        return [node for node in members if node in self.honest]

    def endpoints(self) -> list[Endpoint]:
        """Return the honest nodes as clients see them."""
        return [Endpoint(node.name, self.clients[node.name]) for node in self.honest]

    async def __aenter__(self) -> Self:
        """Make and start everything, and wait until all nodes answer."""
        self._stack.enter_context(self.directory)
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop everything."""
        await self._stack.aclose()

    async def wait_answering(self, node: NodeProcess) -> None:
        """Wait until a node that was started answers.

        Raises:
            ProcessEnded: it ended, or the time is over.
        """
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while not await self._answers(node):
            node.process.require_alive()
            if time.monotonic() > deadline_s:
                raise ProcessEnded(f"{node.name} does not answer after {READY_TIMEOUT_S:.0f} s")
            await asyncio.sleep(WATCH_S / 2)

    async def _answers(self, node: NodeProcess) -> bool:
        if node.name in self.clients:
            return await self.observe(node) is not None
        return await asyncio.to_thread(node.status) is not None

    async def observe(self, node: NodeProcess) -> Mapping[str, Any] | None:
        """Ask a node where it stands, note it, and return it; None if it is silent."""
        # One question at a time: two answers could be heard in another order than they were given.
        async with self._asking[node.name]:
            asked_s = time.monotonic()
            try:
                answer = await self.clients[node.name].get(
                    "/v1/chain/status", timeout=STATUS_TIMEOUT_S
                )
            except httpx.HTTPError:
                return None
            if not answer.is_success:
                return None
            status: dict[str, Any] = answer.json()
            if node in self.honest:
                self._note(node, status, asked_s)
            return status

    async def all_sign(self, within_s: float) -> bool:
        """Return whether every honest validator of the set votes, as soon as it does.

        One that lost its journal, or whose key was used elsewhere, is silent until the next epoch.
        """
        members = self.honest_members
        deadline_s = time.monotonic() + within_s
        while not await self._are_signing(members):
            if time.monotonic() > deadline_s:
                return False
            await asyncio.sleep(WATCH_S)
        return True

    async def _are_signing(self, nodes: Sequence[NodeProcess]) -> bool:
        seen = await asyncio.gather(*(self.observe(node) for node in nodes))
        return all(status is not None and status["consensus"]["signs"] for status in seen)

    def copy_node(self, node: NodeProcess) -> NodeProcess:
        """Return a second node with the key and the data of one that is down.

        Nobody listens to what it says, and it lasts until `end_copies`.
        """
        assert node.plan.key is not None, "a follower's copy is another follower"
        assert not node.is_running, "what a running node writes cannot be copied"
        copied_key = f"{node.plan.key}-copy"
        plan = replace(
            node.plan,
            name=f"{node.name}-copy",
            key=copied_key,
            http_ports=(self._free_ports.take(),),
            p2p_port=self._free_ports.take(),
        )
        directory = self.directory
        shutil.copyfile(directory.key_file(node.plan.key), directory.key_file(copied_key))
        directory.key_file(copied_key).chmod(0o600)
        shutil.copytree(directory.data(node.name), directory.data(plan.name))
        write_config(directory, plan, self._wiring(node.plan), _extras())
        copied = NodeProcess(directory, plan, launcher=self.wires.launcher(node.name))
        self._copies.append(copied)
        return copied

    def end_copies(self) -> None:
        """Kill all copies, and delete their keys."""
        for copied in self._copies:
            copied.kill()
            assert copied.plan.key is not None, "only validators are copied"
            self.directory.key_file(copied.plan.key).unlink()
        self._copies.clear()

    def disturb(self, node: NodeProcess, **content: int | Mapping[str, int]) -> None:
        """Tell a node's disk and clock how to misbehave, or with nothing to behave."""
        file = self._disturbances(node.plan)
        beside = file.with_suffix(".new")
        beside.write_text(tomli_w.dumps(content))
        beside.replace(file)

    def _note(self, node: NodeProcess, status: Mapping[str, Any], asked_s: float) -> None:
        if self._facts:
            self._facts.time_ms = max(self._facts.time_ms, status["timestamp_ms"])
        height, block_id, epoch = status["height"], status["block_id"], status["epoch"]
        seen = Seen(time.monotonic(), node.name, height, block_id, epoch)
        self.history.note_seen(seen, asked_s)

    def _node(self, plan: NodePlan) -> NodeProcess:
        environment = {VARIABLE: str(self._disturbances(plan))}
        lie = self.network.byzantine.get(plan.name)
        return NodeProcess(
            self.directory,
            replace(plan, host=self.wires.host(plan.name)),
            program=("devnet.torture.liar", lie) if lie else PROGRAM,
            launcher=self.wires.launcher(plan.name),
            environment=environment,
        )

    def _disturbances(self, plan: NodePlan) -> Path:
        return self.directory.folder(plan.name) / "disturbances.toml"

    async def _start(self) -> None:
        shape = Shape(self.network.validators, 0, 0)
        owners = [key.address for key in self.keys]
        parameters = chain_parameters(self.network)
        wish = ChainWish(shape, time.time_ns() // 1_000_000, parameters, owners)
        provision(self.directory, wish)
        for number in range(shape.validators + 1, shape.validators + self.network.candidates + 1):
            name = validator_name(number)
            new_key(self.directory, name, Role.VALIDATOR)
            new_key(self.directory, payout_name(name), Role.ACCOUNT)
        self.genesis = json.loads(self.directory.genesis.read_bytes())
        await self._stack.enter_async_context(self.wires)
        for node in self.nodes.values():
            write_config(self.directory, node.plan, self._wiring(node.plan), _extras())
            client = httpx.AsyncClient(base_url=node.url, timeout=STATUS_TIMEOUT_S * 2)
            self.clients[node.name] = await self._stack.enter_async_context(client)
        for name in self.network.small_disks:
            self.directory.data(name).mkdir()
            disk = self.disks[name] = SmallDisk(self.directory.data(name))
            self._stack.callback(disk.remove)
        self._stack.callback(self._stop_nodes)
        for node in self.nodes.values():
            node.start()
        for node in self.nodes.values():
            await self.wait_answering(node)
        await self._learn_facts()
        watchers = [asyncio.ensure_future(self._watch(node)) for node in self.nodes.values()]
        self._stack.push_async_callback(_end, watchers)

    async def _learn_facts(self) -> None:
        client = next(iter(self.clients.values()))
        answer = await client.get("/v1/chain/parameters")
        parameters = answer.raise_for_status().json()["parameters"]
        digest = bytes.fromhex(self.genesis["genesis_digest"])
        self._facts = ChainFacts(
            tags=ChainTags(self.genesis["chain_id"], digest),
            fee_base=parameters["fee_base"],
            fee_per_byte=parameters["fee_per_byte"],
            time_ms=self.genesis["spec"]["timestamp_ms"],
        )

    def _wiring(self, plan: NodePlan) -> Wiring:
        """Let a node dial every validator through a wire of its own; nobody tells addresses."""
        others = [node for node in self.validators if node.name != plan.name]
        return Wiring([self.wires.peer_address(plan.name, other.name) for other in others], None)

    async def _watch(self, node: NodeProcess) -> None:
        while True:
            if node.is_running:
                await self.observe(node)
            await asyncio.sleep(WATCH_S)

    def _stop_nodes(self) -> None:
        self.end_copies()
        started = [node for node in self.nodes.values() if node.starts]
        for node in started:
            node.resume()
            node.process.ask_to_stop()
        for node in started:
            node.stop()


def _extras() -> Extras:
    quotas = dict.fromkeys(("submit", "status", "result", "miner", "other"), UNLIMITED)
    # Failpoints: so that the node obeys its disturbances file.
    return Extras({"failpoints": True, "environment": "tests", "http": {"quotas": quotas}})


def _account(seed: int, number: int) -> SigningKey:
    return SigningKey(hashlib.sha256(f"account {number} of scenario seed {seed}".encode()).digest())


async def _end(tasks: Sequence["asyncio.Future[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
