"""What all tests share: how hard hypothesis searches, and the programs that some tests run."""

import os

import pytest
from hypothesis import HealthCheck, settings

from devnet.commands.needs import C_COMPILER, CHROMIUM, Need

# Time limits belong to pytest: a busy machine is no reason for a property to fail.
settings.register_profile(
    "dev", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
# In CI a commit gives the same answer twice.
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True)
settings.register_profile("soak", settings.get_profile("dev"), max_examples=5_000)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium for Playwright's `executable_path`."""
    return _path_of(CHROMIUM)


@pytest.fixture(scope="session")
def c_compiler() -> str:
    """Path of a C compiler."""
    return _path_of(C_COMPILER)


def _path_of(need: Need) -> str:
    path = need.find()
    if path is None:
        pytest.skip(f"{need.programs[0]} is missing: {need.remedy}")
    return path
