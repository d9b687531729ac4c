"""A light client: follows a chain's finality, and answers from proofs that it checks itself.

It trusts a genesis and no node. Each answer names the node that proved it, the height and time that
it is of, and what is held against the nodes that were of no use.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from aitbc.errors import InvalidValue
from aitbc.keys import parse_address
from aitbc.light.faults import FaultKind, NodeFault, NoProof
from aitbc.light.memory import Memory, VerifiedHead
from aitbc.light.node import NO_STAGE, TOO_LONG, Failed, ProvingNode
from aitbc.light.state_file import StateFile
from aitbc.proofs import (
    CHAIN_MAX,
    BalanceProof,
    CheckedProof,
    GenesisFacts,
    ReceiptProof,
    ValidatorsProof,
    check_proof,
)

MAX_AGE_S: Final = 60.0
"""Age of a final block from which on a chain is said to stand still: heartbeats are 10 s apart."""

TIMEOUT_S: Final = 10.0
"""Limit of one question to one node."""

INTERVAL_S: Final = 2.0
"""Seconds between two questions for the newest block."""

_Proof = TypeVar("_Proof", BalanceProof, ReceiptProof, ValidatorsProof)


@dataclass(frozen=True)
class LightAnswer(Generic[_Proof]):
    """A proof that holds, and how much it is worth now."""

    proof: _Proof
    """What is proved; its `block` says of which height and time."""
    url: str
    """The node that gave the proof. It was not trusted."""
    age_s: float
    """How long ago the block's time is, by this machine's clock."""
    is_fresh: bool
    """Whether the block is young, and not from before what was verified earlier. A receipt does not
    grow old: it is final for ever."""
    faults: tuple[NodeFault, ...]
    """What is held against nodes that were asked before."""


@dataclass(frozen=True)
class Sighting:
    """Where one node says that the chain is."""

    url: str
    """The node."""
    head: VerifiedHead | None
    """Its newest final block, verified; None if it gave no proof."""
    fault: NodeFault | None
    """What is held against it."""


class LightClient:
    """Follows a chain through several nodes, none of which it trusts.

    It blocks, asks one node after the other, and belongs to one thread. A context manager.
    """

    def __init__(
        self,
        genesis: GenesisFacts,
        nodes: Sequence[str],
        *,
        state_file: Path | None = None,
        max_age_s: float = MAX_AGE_S,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin where the file says, or with the genesis.

        Args:
            genesis: of the chain, from a source that is trusted; see `aitbc.read_genesis_file`.
            nodes: addresses of nodes, in the order in which they are asked.
            state_file: where what was verified is kept; it is made when it is missing, and other
                processes may use it at the same time. Without it every run begins with the
                genesis, and a node could show it an older state.
            max_age_s: age from which on a newest block is not taken for new.
            timeout_s: limit of each question.
            clock: seconds since the epoch; freshness is judged by it.

        Raises:
            InvalidValue: no node, or an address is none.
            LightStateInvalid: the file is damaged or of another chain.
        """
        if not nodes:
            raise InvalidValue("nodes", "name at least one")
        self.genesis = genesis
        self.max_age_s = max_age_s
        self._clock = clock
        self._file = None if state_file is None else StateFile(state_file, genesis.tags)
        self._memory = Memory(genesis.digest)
        self._recall()
        self._nodes = [ProvingNode(url, timeout_s) for url in dict.fromkeys(nodes)]

    def __enter__(self) -> Self:
        """Return the client; leaving the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close open connections."""
        self.close()

    def close(self) -> None:
        """Close open connections."""
        for node in self._nodes:
            node.close()

    @property
    def head(self) -> VerifiedHead | None:
        """The newest block that was verified, None before the first."""
        return self._memory.head

    # ------------------------------------------------------------ questions

    def balance(self, address: str) -> LightAnswer[BalanceProof]:
        """Return what an account holds at the newest final block of a node that proves it.

        Nodes are asked until one proves a state that is fresh. If none does, the newest that was
        proved is returned, with `is_fresh` false.

        Raises:
            InvalidValue: it is no address.
            NoProof: no node gave a proof that holds.
            Contradiction: a proof contradicts what was verified before.
        """
        wanted = parse_address(address)

        def is_asked(proof: BalanceProof) -> bool:
            return proof.address == wanted

        return self._newest(BalanceProof, f"the balance of {address}", is_asked, "account", address)

    def receipt(self, receipt_id: str) -> LightAnswer[ReceiptProof]:
        """Return a receipt that is in a final block, from the first node that proves it.

        Raises:
            NoProof: no node proves it. That does not prove that there is none.
            Contradiction: a proof contradicts what was verified before.
        """
        wanted, faults = receipt_id.rpartition("_")[2].lower(), []
        self._recall()
        for node in list(self._nodes):
            try:
                checked = self._ask(node, "receipt", receipt_id)
                proof = checked.claims
                assert isinstance(proof, ReceiptProof)
                told = proof.receipt.receipt_id
                if told.rpartition("_")[2] != wanted:
                    raise node.failed(FaultKind.LIES, f"it proves the receipt {told} instead")
            except Failed as failed:
                faults.append(self._blamed(node, failed))
                continue
            self._remember(checked, node)
            return LightAnswer(proof, node.url, self._age(proof), True, tuple(faults))
        raise NoProof(f"the receipt {receipt_id}", faults)

    def newest(self) -> LightAnswer[ValidatorsProof]:
        """Return the newest final block, proved, from the first node whose block is fresh.

        Raises:
            NoProof: no node gave a proof that holds.
            Contradiction: a proof contradicts what was verified before.
        """
        return self._newest(ValidatorsProof, "its newest block", lambda _: True, "validators")

    def sightings(self) -> tuple[Sighting, ...]:
        """Ask every node for its newest block, and return what each proves.

        Raises:
            Contradiction: a proof contradicts another one, or what was verified before.
        """
        seen = []
        self._recall()
        for node in self._nodes:
            try:
                checked = self._ask(node, "validators")
            except Failed as failed:
                seen.append(Sighting(node.url, None, failed.fault))
                continue
            self._remember(checked, node)
            assert checked.claims is not None
            block = checked.claims.block
            head = VerifiedHead(block.height, block.block_id, block.epoch, block.timestamp_ms)
            seen.append(Sighting(node.url, head, None))
        return tuple(self._judged(sighting) for sighting in seen)

    def follow(
        self, *, interval_s: float = INTERVAL_S, pause: Callable[[float], None] = time.sleep
    ) -> Iterator[LightAnswer[ValidatorsProof] | NodeFault]:
        """Yield each newest block as it is verified, and each new fault of a node; for ever.

        Every end of an epoch on the way is verified with it. Nodes that fail or stall are left for
        others, and asked again when these fail.

        Args:
            interval_s: seconds between two questions.
            pause: waits.

        Raises:
            Contradiction: a proof contradicts what was verified before.
        """
        shown: dict[str, FaultKind] = {}
        height = -1
        while True:
            faults: Sequence[NodeFault]
            answer = None
            try:
                answer = self.newest()
                faults = answer.faults
            except NoProof as failed:
                faults = failed.faults
            for fault in faults:
                if shown.get(fault.url) != fault.kind:
                    shown[fault.url] = fault.kind
                    yield fault
            if answer is not None:
                if answer.is_fresh:
                    shown.pop(answer.url, None)
                if answer.proof.block.height > height:
                    height = answer.proof.block.height
                    yield answer
            pause(interval_s)

    # ------------------------------------------------------------ how

    def _newest(
        self,
        kind: type[_Proof],
        what: str,
        is_asked: Callable[[_Proof], bool],
        *reference: str,
    ) -> LightAnswer[_Proof]:
        """Return a fresh proof of one node, else the newest of all nodes."""
        self._recall()
        best: LightAnswer[_Proof] | None = None
        faults: list[NodeFault] = []
        least = -1 if self.head is None else self.head.height
        for node in list(self._nodes):
            try:
                checked = self._ask(node, *reference)
                proof = checked.claims
                assert isinstance(proof, kind)
                if not is_asked(proof):
                    raise node.failed(FaultKind.LIES, "it proves another thing than was asked")
            except Failed as failed:
                faults.append(self._blamed(node, failed))
                continue
            self._remember(checked, node)
            fault = self._staleness(node, proof.block.height, proof.block.timestamp_ms, least)
            if fault is None:
                return LightAnswer(proof, node.url, self._age(proof), True, tuple(faults))
            faults.append(self._blamed(node, fault))
            if best is None or proof.block.height > best.proof.block.height:
                best = LightAnswer(proof, node.url, self._age(proof), False, ())
        if best is None:
            raise NoProof(what, faults)
        return LightAnswer(best.proof, best.url, best.age_s, False, tuple(faults))

    def _ask(self, node: ProvingNode, kind: str, *reference: str) -> CheckedProof:
        """Return a bundle that holds, walking there in stages if one cannot lead so far."""
        while True:
            try:
                return self._ask_once(node, kind, *reference)
            except Failed as failed:
                # What is old has to be proved from the genesis: later sets are of no help there.
                if failed.code != TOO_LONG or kind == "receipt":
                    raise
                reachable = failed.reachable
            self._walk_stage(node, reachable)

    def _walk_stage(self, node: ProvingNode, reachable: int | None) -> None:
        """Verify a later set than the known one: the node's word for one, or one that it has.

        Args:
            node: the node.
            reachable: last epoch that one bundle leads to, if it says so.

        Raises:
            Failed: it proves no later set.
        """
        reached = 0 if self.head is None else self.head.epoch
        stage = CHAIN_MAX if reachable is None else reachable - reached
        if stage < 1:
            detail = f"it says that a bundle leads to epoch {reachable}; {reached} was verified"
            raise node.failed(FaultKind.LIES, detail)
        checked = None
        while checked is None:
            try:
                checked = self._ask_once(node, "validators", epoch=reached + stage)
            except Failed as failed:
                if failed.code not in NO_STAGE or stage == 1:
                    raise
                stage = min(stage // 2, CHAIN_MAX)
        self._remember(checked, node)
        if self.head is None or self.head.epoch <= reached:
            raise node.failed(FaultKind.LIES, "it proves another epoch than was asked")

    def _ask_once(
        self, node: ProvingNode, kind: str, *reference: str, epoch: int | None = None
    ) -> CheckedProof:
        known = self._memory.known(self.genesis.tags)

        def check(bundle: bytes) -> CheckedProof:
            return check_proof(bundle, genesis=self.genesis, known=known)

        since = max(known, default=None)
        return node.proof(check, kind, *reference, since=since, epoch=epoch)

    def _recall(self) -> None:
        """Take up what other processes have verified since."""
        if self._file is not None:
            self._memory = self._file.joined(self._memory)

    def _remember(self, checked: CheckedProof, node: ProvingNode) -> None:
        """Keep what a proof has shown, durably before anybody is told of it."""
        after = self._memory.with_proof(checked, node.url)
        if after == self._memory:
            return
        if self._file is not None:
            after = self._file.keep(self._memory, checked, node.url)
        self._memory = after

    def _blamed(self, node: ProvingNode, failed: Failed) -> NodeFault:
        """Ask this node last from now on, and return what is held against it."""
        if failed.fault.kind is not FaultKind.REFUSES:
            self._nodes.remove(node)
            self._nodes.append(node)
        return failed.fault

    def _staleness(
        self, node: ProvingNode, height: int, timestamp_ms: int, least: int
    ) -> Failed | None:
        if height < least:
            detail = f"it proves block {height}; block {least} was verified before"
            return node.failed(FaultKind.OLDER, detail)
        age_s = self._clock() - timestamp_ms / 1_000
        if age_s > self.max_age_s:
            detail = f"its newest final block {height} is {age_s:.0f} s old"
            return node.failed(FaultKind.STALLS, detail)
        return None

    def _judged(self, sighting: Sighting) -> Sighting:
        """Return a sighting with what is held against its head, now that all have been seen."""
        if sighting.head is None or self.head is None:
            return sighting
        age_s = self._clock() - sighting.head.timestamp_ms / 1_000
        if age_s <= self.max_age_s:
            return sighting
        behind = self.head.height - sighting.head.height
        kind = FaultKind.OLDER if behind else FaultKind.STALLS
        detail = f"its newest final block {sighting.head.height} is {age_s:.0f} s old"
        fault = NodeFault(sighting.url, kind, detail)
        return Sighting(sighting.url, sighting.head, fault)

    def _age(self, proof: BalanceProof | ReceiptProof | ValidatorsProof) -> float:
        return self._clock() - proof.block.timestamp_ms / 1_000
