"""A light client: follows a chain's finality, and answers from proofs that it checks itself.

It trusts a genesis and no node. Each answer names the node that proved it, the height and time that
it is of, and what is held against the nodes that were of no use.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aitbc.errors import InvalidValue
from aitbc.keys import parse_address
from aitbc.light.answers import LightAnswer, Proof, Sighting
from aitbc.light.faults import Contradiction, FaultKind, NodeFault, NoProof
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

        The newest final block is verified first, if none is known that is fresh: it says which
        validators are in force. A receipt for which only former ones vouch is asked for at all
        other nodes as well, and the answer says so (`LightAnswer.rests_on_epoch`).

        Raises:
            NoProof: no node proves it. That does not prove that there is none.
            Contradiction: a proof contradicts another one, or what was verified before.
        """
        faults: list[NodeFault] = []
        self._recall()
        if not self._knows_who_is_in_force():
            with suppress(NoProof):  # The answer then says that this is not known.
                self.newest()
        for node in list(self._nodes):
            try:
                checked, proof = self._ask_receipt(node, receipt_id)
            except Failed as failed:
                faults.append(self._blamed(node, failed))
                continue
            rests_on = self._rests_on(checked, proof)
            self._remember(checked, node)
            others = self._second(receipt_id, checked, node, faults) if rests_on is not None else ()
            age_s = self._age(proof)
            return LightAnswer(proof, node.url, age_s, True, tuple(faults), rests_on, others)
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
        kind: type[Proof],
        what: str,
        is_asked: Callable[[Proof], bool],
        *reference: str,
    ) -> LightAnswer[Proof]:
        """Return a fresh proof of one node, else the newest of all nodes."""
        self._recall()
        best: LightAnswer[Proof] | None = None
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

    def _ask_receipt(self, node: ProvingNode, receipt_id: str) -> tuple[CheckedProof, ReceiptProof]:
        """Return a bundle that proves this receipt, and what it claims."""
        checked = self._ask(node, "receipt", receipt_id)
        proof = checked.claims
        assert isinstance(proof, ReceiptProof)
        told = proof.receipt.receipt_id
        if told.rpartition("_")[2] != receipt_id.rpartition("_")[2].lower():
            raise node.failed(FaultKind.LIES, f"it proves the receipt {told} instead")
        return checked, proof

    def _second(
        self, receipt_id: str, checked: CheckedProof, node: ProvingNode, faults: list[NodeFault]
    ) -> tuple[str, ...]:
        """Return which other nodes prove the same receipt; to `faults` it adds those of the rest.

        Raises:
            Contradiction: one proves it in another block, or a block that excludes this one.
        """
        assert checked.claims is not None
        first = checked.claims.block.block_id
        asked, agree = {fault.url for fault in faults} | {node.url}, []
        for other in [each for each in self._nodes if each.url not in asked]:
            try:
                also, proof = self._ask_receipt(other, receipt_id)
            except Failed as failed:
                faults.append(self._blamed(other, failed))
                continue
            if proof.block.block_id != first:
                what = "two different blocks are proved final, each of which holds"
                told = proof.block.block_id
                raise Contradiction(f"the receipt {receipt_id}", first, told, other.url, what=what)
            self._remember(also, other)
            agree.append(other.url)
        return tuple(agree)

    def _rests_on(self, checked: CheckedProof, proof: ReceiptProof) -> int | None:
        """Return the epoch whose keys alone vouch for a receipt, unless they are in force."""
        is_current = self._knows_who_is_in_force() and self._memory.vouches_for(checked)
        return None if is_current else proof.block.epoch

    def _knows_who_is_in_force(self) -> bool:
        head = self.head
        return head is not None and self._clock() - head.timestamp_ms / 1_000 <= self.max_age_s

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
