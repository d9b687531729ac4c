"""Work for runners in tests: a folder, files instead of a node, and what they reported."""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from miner.work import BadInput, Work


@dataclass
class FolderArtifacts:
    """Artifacts in a folder, by their digests."""

    folder: Path

    def put(self, source: Path) -> str:
        """Store a file and return the reference that a job's input uses."""
        return f"artifact:{self.upload(source)}"

    def path_of(self, name: str) -> Path:
        return self.folder / name.removeprefix("sha256:")

    def download(self, name: str, target: Path, bytes_max: int) -> None:
        stored = self.path_of(name)
        if not stored.exists() or stored.stat().st_size > bytes_max:
            raise BadInput("input_url", f"{name} is not stored")
        target.write_bytes(stored.read_bytes())

    def upload(self, path: Path) -> str:
        name = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        self.path_of(name).write_bytes(path.read_bytes())
        return name


@dataclass
class Bench:
    """Makes work and keeps what came of it."""

    root: Path
    progress: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    stop_at: int = 101
    """Progress at which the work is cancelled."""

    def __post_init__(self) -> None:
        for name in ("store", "work"):
            (self.root / name).mkdir()
        self.artifacts = FolderArtifacts(self.root / "store")

    def work(
        self,
        service: str,
        given: Mapping[str, Any],
        *,
        model: str = "",
        params: Mapping[str, Any] | None = None,
    ) -> Work:
        return Work(
            service=service,
            model=model,
            input=given,
            params=params or {},
            folder=self.root / "work",
            artifacts=self.artifacts,
            report_progress=self._report,
            is_cancelled=self.stop.is_set,
            report_text=self.said.append,
        )

    def _report(self, per_cent: int) -> None:
        self.progress.append(per_cent)
        if per_cent >= self.stop_at:
            self.stop.set()
