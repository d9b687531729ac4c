"""The page about services names what there is."""

import re
from pathlib import Path

from coordinator.leases.matching import Exclusion
from miner.runners.sandbox import Level

PAGE = (Path(__file__).parents[2] / "docs" / "services.md").read_text()


def test_every_exclusion_is_explained() -> None:
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)) == set(Exclusion)


def test_every_level_of_confinement_is_explained() -> None:
    assert set(re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE)) == set(Level)
