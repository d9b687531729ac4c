"""A program that breaks a rule is objected to: what the checkers are for.

Each test breaks one rule of the running program, in place, and lets seeds run until the simulator
notices. The mutation check does the same with many more, in copies of the tree.
"""

from collections.abc import Callable
from functools import partial

import pytest

from consensus.committee import Committee
from consensus.progress import Progress
from consensus.view_state import ViewState
from devnet.simulator import run_one, seed_plan
from devnet.simulator.store import MemoryStore
from ledger import accounts
from node.journal import Journal
from node.sync import Syncer


def first_objection(scenario: str = "random", seeds: range = range(40)) -> str:
    """Run seeds until a checker objects; return to what."""
    for seed in seeds:
        result = run_one(partial(seed_plan, scenario), seed)
        if result.objection:
            return result.objection
    return ""


def test_the_unbroken_program_is_not_objected_to() -> None:
    assert first_objection(seeds=range(10)) == ""


def test_a_vote_that_is_sent_before_it_is_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "append", lambda _self, _entries: None)
    assert "not durable" in first_objection()


def test_a_quorum_that_is_one_vote_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Committee.__init__

    def smaller(self: Committee, *arguments: object, **options: object) -> None:
        original(self, *arguments, **options)  # type: ignore[arg-type]
        self.quorum = max(1, self.quorum - 1)

    monkeypatch.setattr(Committee, "__init__", smaller)
    objection = first_objection()
    assert "certificate of" in objection or "order" in objection


def test_a_finalize_vote_after_nullify(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core asserts what it casts; without the assertion and the rule, the checker notices."""
    original = Progress.finalize_if_allowed

    def always(self: Progress, at: ViewState) -> None:
        said = at.own
        kept = dict(said)
        said.clear()
        try:
            original(self, at)
        finally:
            said.update({kind: vote for kind, vote in kept.items() if kind not in said})

    monkeypatch.setattr(Progress, "finalize_if_allowed", always)
    assert "nullifies and finalizes" in first_objection("finalize-after-nullify", range(8))


def test_units_that_vanish(monkeypatch: pytest.MonkeyPatch) -> None:
    original = accounts.credit

    def less(state: object, address: bytes, amount: int) -> None:
        original(state, address, amount - 1 if amount > 1_000 else amount)  # type: ignore[arg-type]

    for module in ("ledger.execution", "ledger.block_steps", "ledger.settlement"):
        monkeypatch.setattr(f"{module}.credit", less, raising=False)
    assert "units" in first_objection()


def test_a_database_that_loses_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable[..., None] = MemoryStore.commit

    def forgetful(self: MemoryStore, *what: object) -> None:
        original(self, *what)
        if self.height == 2:
            self.records.popitem()

    monkeypatch.setattr(MemoryStore, "commit", forgetful)
    assert first_objection() != ""


def test_a_node_that_never_catches_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Syncer, "announced", lambda _self, _peer, _status: None)
    objection = first_objection("lying-server", range(1, 3))
    assert "liveness" in objection or "did not come about" in objection
