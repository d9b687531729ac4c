"""A node whose database is altered behind its back: its pages still render, its proofs fail.

Each lie is told about a transfer that is final, in the node's own files and while it runs. Then
the node is asked for the page and for the proof; the proof is judged by the ledger's checker and by
`aitbc verify`, which have no code in common, and both have to name the same step. Last, a browser
opens the page and presses its button, and has to name that step, too.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Final

from devnet.commands.needs import CHROMIUM
from devnet.network.node import NodeProcess
from devnet.torture.altered_rows import (
    FALSE_AMOUNT,
    HOLDS,
    LIES,
    Lie,
    Verdict,
    choose_row,
    write_row,
)
from devnet.torture.browser import NoVerdict, verdict_of_page
from devnet.torture.ground import WATCH_S, Ground
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.proofs import ProofInvalid, ProvedTransaction, Trust, check_bundle

SETTLED_BLOCKS: Final = 3
"""Blocks above those that are altered; nobody reads these for the next one."""


class TamperingFailed(Exception):
    """A lie could not be told, or was not found out, or the truth was not believed."""


class Tampering:
    """Tells lies in one node's database, and judges what nodes prove."""

    def __init__(self, ground: Ground, tell: Callable[[str], None]) -> None:
        """Act on the network of `ground`."""
        self._ground = ground
        self._tell = tell
        self._tags = Tags(bytes.fromhex(ground.genesis["genesis_digest"]))
        self._told: list[str] = []
        self._chromium = CHROMIUM.find()

    async def tamper(self, node: NodeProcess, within_s: float) -> None:
        """Tell every lie in a node's database, and require that each is found out there only.

        Raises:
            TamperingFailed: a page did not render, or a lie was believed.
        """
        if self._chromium is None:
            self._tell("there is no Chromium here: what pages say of themselves is not looked at")
        for lie in LIES:
            name = await self._alter(node, lie, within_s)
            self._told.append(name)
            await self._require_page(node, name, lie)
            verdict = await self._judge(node, name)
            if verdict != lie.found:
                raise TamperingFailed(f"{lie.what}: found {verdict}, not {lie.found}")
            await self._require_on_page(node, name, lie.found_on_page)
            found = lie.found_on_page
            self._tell(
                f"{node.name}: {lie.what}; the page renders, its check fails at the step "
                f"{found.step}: {found.code}"
            )
        honest = next(each for each in self._ground.honest if each is not node and each.is_running)
        await self.require_proofs([honest])

    async def require_proofs(self, nodes: list[NodeProcess]) -> None:
        """Require that nodes prove what was lied about as clients sent it.

        Raises:
            TamperingFailed: a proof does not hold.
        """
        for node in nodes:
            for name in self._told:
                verdict = await self._judge(node, name)
                if verdict != HOLDS:
                    raise TamperingFailed(f"{node.name} cannot prove {name}: {verdict}")
                await self._require_on_page(node, name, HOLDS)
            self._tell(f"{node.name} proves all {len(self._told)} transfers as they were sent")

    async def _require_page(self, node: NodeProcess, name: str, lie: Lie) -> None:
        """Require that the page of an altered transfer renders, and shows the lie."""
        page = await self._ground.clients[node.name].get(
            f"/transactions/{name}", headers={"accept": "text/html"}
        )
        if page.status_code != 200:
            raise TamperingFailed(f"{node.name} answers {page.status_code} for {name}'s page")
        if lie.is_shown and f"{FALSE_AMOUNT} nait" not in page.text:
            raise TamperingFailed(f"the page of {node.name} does not show the false amount")

    async def _require_on_page(self, node: NodeProcess, name: str, wanted: Verdict) -> None:
        """Require what a reader's browser says of a page, where there is a browser."""
        if self._chromium is None:
            return
        url, digest = f"{node.url}/transactions/{name}", self._tags.genesis_digest
        try:
            found = await verdict_of_page(self._chromium, url, digest)
        except NoVerdict as error:
            raise TamperingFailed(f"the browser on {url}: {error}") from error
        if found != wanted:
            raise TamperingFailed(f"the browser on {url} says {found}, not {wanted}")

    async def _alter(self, node: NodeProcess, lie: Lie, within_s: float) -> str:
        """Tell a lie about a final transfer that the node has indexed; return the transfer."""
        data = self._ground.directory.data(node.name)
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            row = await asyncio.to_thread(choose_row, data, self._candidates(node))
            if row is not None:
                altered = lie.alter(self._tags, row)
                await asyncio.to_thread(write_row, data, row, altered)
                return "tx_" + row.transfer.hex()
            await asyncio.sleep(WATCH_S)
        raise TamperingFailed(f"no block of {node.name} is fit for a lie after {within_s:.0f} s")

    def _candidates(self, node: NodeProcess) -> list[tuple[bytes, int]]:
        """Return final transfers and their heights: one a block, none near the node's head."""
        final = self._ground.history.final
        below = self._ground.history.height_of(node.name) - SETTLED_BLOCKS
        used = {final[name] for name in self._told}
        by_height = {height: name for name, height in final.items() if height < below}
        return [
            (bytes.fromhex(name.removeprefix("tx_")), height)
            for height, name in by_height.items()
            if height not in used
        ]

    async def _judge(self, node: NodeProcess, name: str) -> Verdict:
        """Return the verdict that both checkers reach on what a node proves of a transfer."""
        url = f"/v1/proofs/transaction/{name}"
        answer = await self._ground.clients[node.name].get(url)
        if not answer.is_success:
            raise TamperingFailed(f"{node.name} gives no proof of {name}: {answer.text}")
        ours, theirs = self._check(name, answer.content), await self._verify(node.url + url)
        if ours != theirs:
            raise TamperingFailed(f"the ledger says {ours}, aitbc verify says {theirs}")
        return ours

    def _check(self, name: str, bundle: bytes) -> Verdict:
        try:
            proved = check_bundle(bundle, Trust(self._tags.genesis_digest))
        except ProofInvalid as error:
            return Verdict(error.step.value, error.fault.value)
        claim, sent = proved.claim, self._ground.history.sent[name]
        assert isinstance(claim, ProvedTransaction)
        if encode(claim.signed) != sent.signed:
            raise TamperingFailed(f"{name} is proved, and is not what was sent")
        return HOLDS

    async def _verify(self, url: str) -> Verdict:
        """Ask `aitbc verify`."""
        genesis = str(self._ground.directory.genesis)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli.main", "verify", url, "--genesis", genesis, "--json",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        try:
            told = json.loads(out)
        except ValueError:
            raise TamperingFailed(f"aitbc verify {url}: {err.decode()}") from None
        failed = [step for step in told["steps"] if step["ok"] is False]
        if not failed and told["verdict"] != "verified":
            raise TamperingFailed(f"aitbc verify {url}: {told['verdict']}")
        return Verdict(failed[0]["name"], failed[0]["code"]) if failed else HOLDS
