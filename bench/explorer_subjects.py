"""Every kind of answer of the explorer, with objects from all over a generated chain."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from bench.explorer_chain import History
from ledger.keys import format_address


class Form(Enum):
    """What an answer is, hence which budgets it has."""

    PAGE = "page"
    """A page, with everything that it loads."""
    DATA = "data"
    """A twin in JSON, or a part of an open page: it loads nothing."""
    FILE = "file"
    """A CSV file: its time is that until its first rows."""


Path: TypeAlias = Callable[[random.Random], str]
"""Chooses one of a kind."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind of answer."""

    name: str
    """Its name, part of its figures' keys."""
    path: Path
    """Chooses one of that kind."""
    form: Form = Form.PAGE
    """What it is."""
    is_alike: bool = False
    """Whether it looks like another one, so that no picture of it is needed."""


_LISTS: Final = (
    "/blocks", "/transactions", "/jobs", "/receipts", "/miners", "/market/offers",
    "/validators/ballots", "/validators/changes", "/stats/hours", "/stats/failures",
)  # fmt: skip

_SUMMARIES: Final = ("/index", "/validators", "/market", "/stats")
"""Pages about the whole chain."""


def subjects(history: History) -> list[Subject]:
    """Return every kind of answer about a history."""
    chosen = _Chooser(history)
    return [*_pages(chosen), *_deep(chosen), *_data(chosen), *_files(chosen)]


class _Chooser:
    """Makes the functions that choose addresses."""

    def __init__(self, history: History) -> None:
        self._history = history

    def of(self, kind: str, form: str) -> Path:
        """Choose an object by its id."""
        return lambda chance: form.format(chance.choice(self._history.objects[kind]))

    def account(self, kind: str, form: str) -> Path:
        """Choose an account or a miner."""

        def choose(chance: random.Random) -> str:
            account = bytes.fromhex(chance.choice(self._history.objects[kind]))
            return form.format(format_address(account))

        return choose

    def height(self, form: str) -> Path:
        """Choose a height."""
        return lambda chance: form.format(chance.randint(1, self._history.blocks))


def _same(path: str) -> Path:
    return lambda _: path


def _pages(chosen: _Chooser) -> Iterator[Subject]:
    yield Subject("home", _same("/"))
    yield Subject("blocks", _same("/blocks"))
    yield Subject("block", chosen.height("/blocks/{}"))
    yield Subject("block by id", chosen.of("block", "/blocks/{}"), is_alike=True)
    yield Subject("transactions", _same("/transactions"))
    yield Subject("transaction", chosen.of("transaction", "/transactions/{}"))
    yield Subject("jobs", _same("/jobs"))
    yield Subject("jobs, failed", _same("/jobs?phase=failed"), is_alike=True)
    yield Subject("job", chosen.of("job", "/jobs/{}"))
    yield Subject("receipts", _same("/receipts"))
    yield Subject("receipt", chosen.of("receipt", "/receipts/{}"))
    yield Subject("account", chosen.account("account", "/accounts/{}"))
    yield Subject("activity", chosen.account("account", "/accounts/{}/activity"))
    yield Subject("miners", _same("/miners"))
    yield Subject("miner", chosen.account("miner", "/miners/{}"))
    yield Subject("validators", _same("/validators"))
    yield Subject("ballots", _same("/validators/ballots"))
    yield Subject("changes", _same("/validators/changes"))
    yield Subject("market", _same("/market?service=llm_inference&jobs=7"))
    yield Subject("offers", _same("/market/offers"))
    yield Subject("stats", _same("/stats"))
    yield Subject("stats, a week", _same("/stats?hours=168"), is_alike=True)
    yield Subject("hours", _same("/stats/hours"))
    yield Subject("failures", _same("/stats/failures"))
    yield Subject("search, a prefix", chosen.of("transaction", "/search?q={:.8}"), is_alike=True)
    yield Subject("search, several", chosen.of("job", "/search?q={:.8}"))
    yield Subject("search, nothing", _same("/search?q=ffffffffffffffff"))
    yield Subject("verify", _same("/verify"))
    yield Subject("style guide", _same("/styleguide"))


def _deep(chosen: _Chooser) -> Iterator[Subject]:
    """Pages of lists from somewhere in the middle, and lists of one account."""
    for name in ("blocks", "transactions", "jobs", "receipts"):
        path = chosen.height(f"/{name}?before={{}}")
        yield Subject(f"{name}, somewhere", path, is_alike=True)
    for name, path in {
        "transactions of an account": chosen.account("account", "/transactions?account={}"),
        "jobs of a client": chosen.account("account", "/jobs?client={}"),
        "jobs of a miner": chosen.account("miner", "/jobs?miner={}"),
        "receipts of a miner": chosen.account("miner", "/receipts?miner={}"),
        "blocks not below": chosen.height("/blocks?from={}"),
    }.items():
        yield Subject(name, path, is_alike=True)


def _data(chosen: _Chooser) -> Iterator[Subject]:
    for base in (*_LISTS, *_SUMMARIES):
        yield Subject(f"{base}.json", _same(f"{base}.json"), Form.DATA)
    yield Subject("/jobs.json, somewhere", chosen.height("/jobs.json?before={}"), Form.DATA)
    for name, path in {
        "block.json": chosen.height("/blocks/{}.json"),
        "transaction.json": chosen.of("transaction", "/transactions/{}.json"),
        "job.json": chosen.of("job", "/jobs/{}.json"),
        "receipt.json": chosen.of("receipt", "/receipts/{}.json"),
        "account.json": chosen.account("account", "/accounts/{}.json"),
        "miner.json": chosen.account("miner", "/miners/{}.json"),
        "search.json": chosen.of("job", "/search.json?q={:.8}"),
        "suggestions": chosen.of("receipt", "/fragments/suggestions?q={:.8}"),
        "strip": _same("/fragments/strip"),
    }.items():
        yield Subject(name, path, Form.DATA)


def _files(chosen: _Chooser) -> Iterator[Subject]:
    for path in _LISTS:
        yield Subject(f"{path}.csv", _same(f"{path}.csv"), Form.FILE)
    activity = chosen.account("account", "/accounts/{}/activity.csv")
    yield Subject("activity.csv", activity, Form.FILE)
