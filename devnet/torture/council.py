"""The authorities of a network under test: they govern with the `aitbc` command, as people do."""

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

from devnet.network.errors import ProcessEnded
from devnet.network.node import NodeProcess
from devnet.network.provision import payout_name
from devnet.torture.ground import Ground
from node.keyfile import read_key_file


class Council:
    """Opens ballots and votes on them, each authority at its own node."""

    def __init__(self, ground: Ground) -> None:
        """Govern the network of `ground`."""
        self._ground = ground

    async def vote_in(self, candidate: NodeProcess) -> None:
        """Make a candidate a validator, from the next epoch on.

        Raises:
            ProcessEnded: a command failed.
        """
        assert candidate.plan.key is not None, "a candidate has a validator key"
        directory = self._ground.directory
        file = directory.folder(candidate.name) / "candidate.json"
        payout = read_key_file(directory.key_file(payout_name(candidate.plan.key))).address
        await self._aitbc(
            candidate, "authority", "prove", "--name", candidate.plan.key, "--payout", payout,
            "--out", str(file),
        )  # fmt: skip
        await self._decide("propose-add", str(file))

    async def vote_out(self, node: NodeProcess) -> None:
        """Take a validator out of the set, from the next epoch on.

        Raises:
            ProcessEnded: a command failed.
        """
        assert node.plan.key is not None, "only validators are voted out"
        await self._decide("propose-remove", node.plan.key)

    async def is_member(self, node: NodeProcess) -> bool:
        """Return whether a node's key is in the set now, as a node says it."""
        assert node.plan.key is not None, "followers are no members"
        shown = await self._members()
        return any(member["name"] == node.plan.key for member in shown["validators"])

    async def _decide(self, command: str, argument: str) -> None:
        """Open a ballot, and vote until it has passed."""
        shown = await self._members()
        names = {member["name"] for member in shown["validators"]}
        voters = self._voters(names)
        told = await self._aitbc(next(voters), "authority", command, argument, "--json")
        ballot = json.loads(told)["ballot"]
        while ballot["status"] == "open":
            voter = next(voters)
            told = await self._aitbc(voter, "authority", "vote", ballot["ballot_id"], "--json")
            ballot = json.loads(told)["ballot"]

    def _voters(self, names: set[str]) -> Iterator[NodeProcess]:
        for node in self._ground.honest:
            if node.is_running and node.plan.key in names:
                yield node

    async def _members(self) -> dict[str, Any]:
        node = next(node for node in self._ground.honest if node.is_running)
        answer = await self._ground.clients[node.name].get("/v1/chain/validators")
        shown: dict[str, Any] = answer.raise_for_status().json()
        return shown

    async def _aitbc(self, node: NodeProcess, *arguments: str) -> str:
        """Run a command of a node's owner at this node, and return what it prints."""
        assert node.plan.key is not None, "an owner has a validator key"
        directory = self._ground.directory
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli.main", *arguments,
            "--node", node.url, "--key", str(directory.key_file(node.plan.key)),
            "--passphrase-file", str(directory.passphrase),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        if process.returncode:
            raise ProcessEnded(f"aitbc {' '.join(arguments)} failed: {err.decode().strip()}")
        return out.decode()
