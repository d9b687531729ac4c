"""A folder with the JavaScript package installed, and sites for it to talk to."""

from pathlib import Path

import pytest

from tests.api.conftest import closed_site, empty_databases, folder, site
from tests.sdk_js.programs import Program, install

__all__ = ["closed_site", "empty_databases", "folder", "site"]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which `import '@aitbc/client'` finds what the package ships."""
    return install(tmp_path_factory.mktemp("js"))


@pytest.fixture
def program(installed: Path, node_js: str) -> Program:
    """Return what runs JavaScript with the package."""
    return Program(installed, node_js)
