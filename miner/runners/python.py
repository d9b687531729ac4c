"""Python programs: those of the library, and in the sandbox those of clients."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aitbc import JsonValue
from miner.runners import program_output
from miner.runners.confined import EXIT_NOT_STARTED, Limits, confined
from miner.runners.library import LibraryProgram, installed_packages, load_library
from miner.runners.program_plan import ProgramPlan
from miner.runners.sandbox import Confinement, Job, Level
from miner.runners.sandbox_end import watching_sandbox
from miner.sources import Bounds, fetch_source
from miner.work import BadInput, NoSource, Output, RunnerFailed, Work, WorkCancelled

WALL_SECONDS_MAX: Final = 600.0
INPUT_BYTES_MAX: Final = 64 << 20
PROGRAM_BYTES_MAX: Final = 1 << 20
LIMITS: Final = Limits(cpu_s=600, file_bytes=128 << 20, memory_bytes=4 << 30)

_POLL_S: Final = 0.1


class PythonRunner:
    """Runs one program at a time."""

    service = "python"
    models: tuple[str, ...] = ()

    def __init__(
        self,
        confinement: Confinement,
        library: Mapping[str, LibraryProgram] | None = None,
        *,
        wall_seconds_max: float = WALL_SECONDS_MAX,
    ) -> None:
        """Run programs under `confinement`; `library` is the miner's own if it is not given."""
        self._confinement = confinement
        self._packages = installed_packages()
        self._library = load_library(self._packages) if library is None else library
        self._wall_seconds_max = wall_seconds_max

    @property
    def statement(self) -> str:
        """How programs are confined, for people."""
        return self._confinement.statement

    def support(self) -> dict[str, JsonValue]:
        """Return what the miner declares of it: jobs are matched with packages and programs."""
        programs: dict[str, JsonValue] = {
            key: {"does_without": list(program.does_without), "uses_gpu": program.uses_gpu}
            for key, program in self._library.items()
        }
        return {
            "packages": list(self._packages),
            "programs": programs,
            "sources": self._takes_sources,
            "confinement": self._confinement.level.value,
        }

    def run(self, work: Work) -> Output:
        """Run the program of `work`; see `Runner.run` for what it raises."""
        plan = ProgramPlan.of(work.input)
        program = None if plan.is_own else self._library.get(plan.key)
        if program is None and not plan.is_own:
            raise NoSource(plan.entrypoint)
        self._check_packages(plan, program)
        job = self._job(plan, program, work)
        began = time.monotonic()
        self._run(job, work)
        elapsed_s = time.monotonic() - began
        result = program_output.read_result(job.out)
        text = None
        if result is None:
            text = program_output.read_printed(work.folder / "printed.log")
        metadata: dict[str, Any] = {
            "engine": "python",
            "program": plan.key if program else "the client's own",
            "confinement": self._confinement.statement,
            "duration_ms": round(elapsed_s * 1_000),
        }
        if program is not None:
            metadata["about"] = program.about
            metadata["requirements_not_used"] = sorted(
                set(plan.requirements) & set(program.does_without)
            )
        return Output(
            units_micro=round(elapsed_s * 1_000_000),
            unit_type="compute_seconds",
            text=text,
            json=result,
            artifacts=program_output.store_artifacts(job.out, work.artifacts),
            metadata=metadata,
        )

    def close(self) -> None:
        """Nothing stays between jobs."""

    @property
    def _takes_sources(self) -> bool:
        """Whether strangers' programs are run: only where they are kept from this machine."""
        return self._confinement.level is Level.SANDBOX

    def _check_packages(self, plan: ProgramPlan, program: LibraryProgram | None) -> None:
        met = {*self._packages, *(program.does_without if program else ())}
        missing = sorted(set(plan.requirements) - met)
        if missing:
            raise RunnerFailed(f"not installed here: {', '.join(missing)}")
        if plan.is_own and not self._takes_sources:
            raise RunnerFailed("this miner cannot confine programs of clients, and runs none")

    def _job(self, plan: ProgramPlan, program: LibraryProgram | None, work: Work) -> Job:
        """Lay out the folders of a run, with the program and its input in place."""
        own, given, out = (work.folder / name for name in ("program", "given", "out"))
        for folder in (own, given, out):
            folder.mkdir()
        if program is None:
            _write_program(plan, own / plan.entrypoint, work)
        job = Job(own if program is None else program.folder, plan.entrypoint, given, out)
        has_file = _write_input(plan, given / "file", work)
        request: dict[str, Any] = {
            "input": dict(plan.given),
            "params": dict(work.params),
            "output": dict(plan.output),
            "file": self._confinement.given_path(job, "file") if has_file else None,
        }
        (given / "request.json").write_text(json.dumps(request), "utf-8")
        # Inside the sandbox the program is nobody, on the outside it is this user.
        out.chmod(0o700)
        return job

    def _run(self, job: Job, work: Work) -> None:
        """Run a program to its end.

        Raises:
            BadInput: it failed, or took too much.
            RunnerFailed: it could not be started.
            WorkCancelled: it was stopped.
        """
        printed, faults = work.folder / "printed.log", work.folder / "faults.log"
        with (
            printed.open("wb") as out,
            faults.open("wb") as errors,
            watching_sandbox() as sandbox,
        ):
            process = subprocess.Popen(
                confined(LIMITS, self._confinement.command(job, sandbox.info)),
                pass_fds=(sandbox.info,) if self._confinement.tells_end else (),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                cwd=job.out,
                env=self._confinement.environment(job),
                # Ctrl-C at the terminal is for the miner, which lets the job finish.
                process_group=0,
            )
            try:
                sandbox.began()
                self._wait(process, job, work)
            finally:
                _end(process)
                sandbox.wait()
        # What it left running had a moment more to write.
        program_output.check_size(job.out)
        if process.returncode == EXIT_NOT_STARTED:
            raise RunnerFailed(f"the program could not be started: {_told(faults)}")
        if process.returncode != 0:
            raise BadInput("entrypoint", f"ended with {process.returncode}: {_told(faults)}")

    def _wait(self, process: "subprocess.Popen[bytes]", job: Job, work: Work) -> None:
        deadline = time.monotonic() + self._wall_seconds_max
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_POLL_S)
                return
            if work.is_cancelled():
                raise WorkCancelled
            if time.monotonic() > deadline:
                raise BadInput("entrypoint", f"runs longer than {self._wall_seconds_max:.0f} s")
            program_output.check_size(job.out)


def _write_program(plan: ProgramPlan, target: Path, work: Work) -> None:
    if plan.artifact is not None:
        fetch_source(plan.artifact, target, Bounds(PROGRAM_BYTES_MAX), work.artifacts)
    else:
        target.write_text(plan.source or "", "utf-8")


def _write_input(plan: ProgramPlan, target: Path, work: Work) -> bool:
    """Put the input file in its place; return whether there is one."""
    if plan.file is not None:
        target.write_bytes(plan.file)
    elif plan.reference is not None:
        try:
            fetch_source(plan.reference, target, Bounds(INPUT_BYTES_MAX), work.artifacts)
        except BadInput as error:
            raise BadInput("input", error.reason) from None
    else:
        return False
    return True


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a program with everything that it started in its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _told(log: Path) -> str:
    return program_output.last_line(log) or "it said nothing"
