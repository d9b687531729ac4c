"""Reports and figures as benchmarks make them, with numbers of the test's choice."""

import pytest

from bench.figures import Figure
from bench.machine import Machine
from bench.report import Report


def figure(key: str, unit: str, *values: float, limit: Figure | None = None) -> Figure:
    return Figure.of(key, f"name of {key}", unit, values, limit)


def report_of(
    benchmark: str,
    *figures: Figure,
    at: str = "2026-01-02T03:04:05Z",
    quick: bool = False,
    core: float = 22_500,
    busy: float = 1.0,
    **workload: int | str,
) -> Report:
    machine = Machine(
        processor="a processor",
        cores=2,
        memory_gib=4.0,
        system="Linux",
        python="3.11",
        sqlite="3.40",
        load=0.1,
        busy=busy,
        commit="abc1234",
    )
    limits = (
        figure("limit.ed25519.core", "1/s", core),
        figure("limit.ed25519", "1/s", 2 * core),
    )
    return Report(
        benchmark=benchmark,
        at=at,
        machine=machine,
        mode={"engine": "sqlite"},
        workload=dict(workload),
        quick=quick,
        figures=(*limits, *figures),
    )


@pytest.fixture
def make_figure():
    return figure


@pytest.fixture
def make_report():
    return report_of
