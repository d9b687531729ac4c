"""Runs JavaScript with the package installed as npm would install it: only what it ships."""

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.api.documents import Run, run

PACKAGE = Path(__file__).parents[2] / "sdk" / "js"
HERE = Path(__file__).parent
SHARED = "answering.mjs"
"""What several files of tests import."""

VECTORS = HERE.parent / "vectors"

WEBSOCKET = ("--experimental-websocket",)
"""Gives Node.js 20.10 to 21 the WebSocket that 22 and browsers have."""

_COUNTS = re.compile(r"^# (tests|pass|fail|skipped|todo) (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Program:
    """A folder in which `import '@aitbc/client'` works, and the Node.js to run what is in it."""

    folder: Path
    node_js: str

    async def test(
        self, name: str, base_url: str = "", flags: Sequence[str] = (), **variables: str
    ) -> int:
        """Run a file of tests in Node's own runner; return how many passed, which is all of them.

        Args:
            name: of the file in this folder.
            base_url: what the client takes for its node's address.
            flags: of Node.js.
            variables: of the environment, besides.
        """
        for copied in (name, SHARED):
            shutil.copy(HERE / copied, self.folder)
        options = [*flags, "--test", "--test-reporter=tap"]
        ran = await self._run(self.folder / name, base_url, options, variables)
        counts = dict(_COUNTS.findall(ran.out))
        assert ran.code == 0, f"{ran.out}\n{ran.err}"
        assert counts["pass"] == counts["tests"] != "0", ran.out
        return int(counts["pass"])

    async def has_websocket_flag(self) -> bool:
        """Return whether this Node.js knows the flag that gives it a WebSocket; 22 needs none."""
        return (await run(self.node_js, *WEBSOCKET, "--eval", "0")).code == 0

    async def run(self, text: str, base_url: str, *options: str) -> Run:
        """Run a module that a document prints, with nothing in it changed."""
        file = self.folder / "printed.mjs"
        file.write_text(text, encoding="utf-8")
        return await self._run(file, base_url, options, {})

    async def _run(
        self, file: Path, base_url: str, options: Sequence[str], variables: Mapping[str, str]
    ) -> Run:
        environment = {"VECTORS": str(VECTORS), **variables}
        if base_url:
            environment["AITBC_BASE_URL"] = base_url
        return await run(
            self.node_js, *options, str(file), env={**os.environ, **environment}, cwd=self.folder
        )


def install(folder: Path) -> Path:
    """Install what the package ships, as npm does, and return the folder."""
    shipped = json.loads((PACKAGE / "package.json").read_text())["files"]
    place = folder / "node_modules" / "@aitbc" / "client"
    place.mkdir(parents=True)
    for name in ("package.json", *shipped):
        source = PACKAGE / name
        if source.is_dir():
            shutil.copytree(source, place / name)
        else:
            shutil.copy(source, place)
    return folder
