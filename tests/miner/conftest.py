"""What the miner's tests share."""

from pathlib import Path

import pytest

from tests.miner.bench_work import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Work for a runner, in a folder of this test."""
    root = tmp_path / "bench"
    root.mkdir()
    return Bench(root)
