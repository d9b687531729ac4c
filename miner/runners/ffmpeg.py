"""Video through ffmpeg: closed tables in, a probed file out, limits on everything."""

import contextlib
import os
import re
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from miner.runners.confined import EXIT_NOT_STARTED, Limits, confined
from miner.runners.video_plan import FORMATS, MEDIA_TYPES, PIXELS_SIDE_MAX, VideoPlan
from miner.sources import Bounds, fetch_source
from miner.work import BadInput, Output, RunnerFailed, Work, WorkCancelled

INPUT_BYTES_MAX: Final = 256 * 1_048_576
OUTPUT_BYTES_MAX: Final = 256 * 1_048_576
"""The most that a node stores as one artifact."""

WALL_SECONDS_MAX: Final = 1_800
DURATION_SECONDS_MAX: Final = 3_600

TRANSCODE_LIMITS: Final = Limits(
    cpu_s=3_600, file_bytes=OUTPUT_BYTES_MAX + 1_048_576, memory_bytes=8 << 30
)
PROBE_LIMITS: Final = Limits(cpu_s=30, file_bytes=1_048_576, memory_bytes=4 << 30)
_PROBE_SECONDS_MAX: Final = 60.0
_POLL_S: Final = 0.2
_END_SECONDS_MAX: Final = 30.0

DEMUXERS: Final = "mov,matroska,avi,mpegts,mpeg,flv,ogg,wav,mp3,asf,gif"
"""Demuxers that input may use: none of them opens further files or addresses."""

_HOSTILE_INPUT: Final = (
    *("-protocol_whitelist", "file,pipe"),
    *("-format_whitelist", DEMUXERS),
    *("-max_pixels", str(PIXELS_SIDE_MAX**2)),
)
_MACHINE_FAULTS: Final = ("No space left", "Cannot allocate memory", "Resource temporarily")
"""Messages that speak of this machine, not of the input."""

# Two spaces at the line's start: a file's own metadata stands further in, whatever it says.
_DURATION: Final = re.compile(r"^  Duration: (\d{2,}):(\d{2}):(\d{2})\.(\d{2})", re.MULTILINE)
_VIDEO: Final = re.compile(r"^  Stream #.*: Video: (\w+).*?, (\d{1,5})x(\d{1,5})", re.MULTILINE)
_BUILD: Final = re.compile(r"ffmpeg version (\S+)")
_ENCODER: Final = re.compile(r"^ [VA]\S{5} (\S+)", re.MULTILINE)


def find_ffmpeg() -> str | None:
    """Return the system's ffmpeg, else the one of `imageio-ffmpeg`, None if there is neither."""
    if system := shutil.which("ffmpeg"):
        return system
    try:
        import imageio_ffmpeg  # noqa: PLC0415  (an optional part of the installation)
    except ImportError:
        return None
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


@dataclass(frozen=True)
class _Probe:
    """What ffmpeg says of a file."""

    seconds: float
    """Duration; 0 where the file does not say."""
    codec: str
    width: int
    height: int


class FfmpegRunner:
    """Transcodes one video at a time with the ffmpeg program."""

    service = "ffmpeg_transcode"
    models: tuple[str, ...] = ()

    def __init__(self, program: str) -> None:
        """Use the ffmpeg at `program`, an absolute path.

        Raises:
            RunnerFailed: it does not run.
        """
        self._program = program
        found = _BUILD.search(self._ask("-version"))
        self._version = found.group(1) if found else "unknown"
        self._encoders = frozenset(_ENCODER.findall(self._ask("-encoders")))

    def run(self, work: Work) -> Output:
        """Transcode the input of `work`; see `Runner.run` for what it raises."""
        plan = VideoPlan.of(work.input)
        if plan.encoder not in self._encoders:
            raise RunnerFailed(f"this machine's ffmpeg has no {plan.encoder}")
        source = work.folder / "input"
        fetch_source(plan.source, source, Bounds(INPUT_BYTES_MAX), work.artifacts)
        seconds = self._check_source(source, work.folder)
        target = work.folder / f"output.{plan.output_format}"
        began = time.monotonic()
        self._transcode(plan, source, target, seconds, work)
        made = self._check_target(target, work.folder)
        uploaded = work.artifacts.upload(target)
        artifact = {
            "name": target.name,
            "artifact": uploaded,
            "media_type": MEDIA_TYPES[plan.output_format],
            "size": target.stat().st_size,
        }
        return Output(
            units_micro=round(made.seconds * 1_000_000),
            unit_type="video_seconds",
            json={
                "codec": made.codec,
                "width": made.width,
                "height": made.height,
                "duration_seconds": made.seconds,
                "output": uploaded,
            },
            artifacts=(artifact,),
            metadata={
                "engine": f"ffmpeg {self._version}",
                "duration_ms": round((time.monotonic() - began) * 1000),
            },
        )

    def close(self) -> None:
        """Nothing stays between jobs."""

    def _ask(self, option: str) -> str:
        try:
            return subprocess.run(
                [self._program, option],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PROBE_SECONDS_MAX,
                check=True,
                stdin=subprocess.DEVNULL,
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise RunnerFailed(f"{self._program} does not run: {error}") from None

    def _check_source(self, source: Path, folder: Path) -> float:
        """Return the input's duration, 0 where it does not say."""
        probed = self._probe(source, folder)
        if probed is None:
            raise BadInput("input_url", "is not a video that this miner can read")
        if probed.seconds > DURATION_SECONDS_MAX:
            raise BadInput("input_url", f"lasts longer than {DURATION_SECONDS_MAX} s")
        if max(probed.width, probed.height) > PIXELS_SIDE_MAX:
            raise BadInput("input_url", f"has a side of more than {PIXELS_SIDE_MAX} pixels")
        return probed.seconds

    def _check_target(self, target: Path, folder: Path) -> _Probe:
        """Probe the output: what is claimed is what is in the file."""
        if target.stat().st_size >= OUTPUT_BYTES_MAX:
            raise BadInput("input_url", f"gives more than {OUTPUT_BYTES_MAX} bytes of output")
        made = self._probe(target, folder)
        if made is None or made.seconds <= 0:
            raise BadInput("input_url", "gives no video")
        if made.seconds > DURATION_SECONDS_MAX:
            raise BadInput("input_url", f"lasts longer than {DURATION_SECONDS_MAX} s")
        return made

    def _transcode(
        self, plan: VideoPlan, source: Path, target: Path, seconds: float, work: Work
    ) -> None:
        command = [self._program, "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
        command += [*_HOSTILE_INPUT, "-i", f"file:{source}"]
        command += ["-map", "0:v:0", "-map", "0:a:0?", "-sn", "-dn", "-map_metadata", "-1"]
        command += ["-c:v", plan.encoder, "-c:a", plan.audio_encoder, "-pix_fmt", "yuv420p"]
        command += ["-vf", plan.scale, "-fs", str(OUTPUT_BYTES_MAX)]
        command += ["-t", str(DURATION_SECONDS_MAX + 1), "-progress", "pipe:1"]
        command += ["-f", FORMATS[plan.output_format], f"file:{target}"]
        log_file = work.folder / "ffmpeg.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                confined(TRANSCODE_LIMITS, command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=work.folder,
                env=_environment(),
                # Ctrl-C at the terminal is for the miner, which lets the job finish.
                process_group=0,
            )
            try:
                _follow(process, seconds, work)
            finally:
                process.kill()
                code = process.wait()
        if code != 0 or not target.exists():
            raise _fault_of(code, _tail(log_file, work.folder))

    def _probe(self, path: Path, folder: Path) -> _Probe | None:
        """Return what ffmpeg says of a file, None if it finds no video in it."""
        command = [self._program, "-nostdin", "-hide_banner", *_HOSTILE_INPUT, "-i", f"file:{path}"]
        log_file = folder / "probe.log"
        with log_file.open("wb") as log:
            try:
                subprocess.run(
                    confined(PROBE_LIMITS, command),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    timeout=_PROBE_SECONDS_MAX,
                    check=False,
                    env=_environment(),
                    process_group=0,
                )
            except subprocess.TimeoutExpired:
                return None
        described = log_file.read_text(errors="replace")
        duration, video = _DURATION.search(described), _VIDEO.search(described)
        if video is None:
            return None
        hours, minutes, seconds, hundredths = map(int, duration.groups() if duration else "0000")
        return _Probe(
            seconds=hours * 3600 + minutes * 60 + seconds + hundredths / 100,
            codec=video.group(1),
            width=int(video.group(2)),
            height=int(video.group(3)),
        )


def _follow(process: "subprocess.Popen[bytes]", seconds: float, work: Work) -> None:
    """Report ffmpeg's own progress until its output ends; it never goes back."""
    per_cent = 0
    for line in _lines(process, work):
        name, _, value = line.partition(b"=")
        if name == b"out_time_us" and value.isdigit() and seconds > 0:
            reached = min(99, int(int(value) / (seconds * 10_000)))
            if reached > per_cent:
                per_cent = reached
                work.report_progress(per_cent)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_END_SECONDS_MAX)


def _lines(process: "subprocess.Popen[bytes]", work: Work) -> Iterator[bytes]:
    """Yield what the process writes, line by line, while the work goes on."""
    assert process.stdout is not None
    deadline, rest = time.monotonic() + WALL_SECONDS_MAX, b""
    with process.stdout as pipe, selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if work.is_cancelled():
                raise WorkCancelled
            if time.monotonic() > deadline:
                raise RunnerFailed(f"ffmpeg took more than {WALL_SECONDS_MAX} s")
            if not selector.select(_POLL_S):
                continue
            piece = os.read(pipe.fileno(), 1 << 16)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line.strip() for line in lines)


def _fault_of(code: int, told: str) -> BadInput | RunnerFailed:
    """Tell a file that cannot be transcoded from a machine that could not."""
    if code <= 0:
        return RunnerFailed(f"ffmpeg was ended by signal {-code}: {told}")
    if code == EXIT_NOT_STARTED or any(fault in told for fault in _MACHINE_FAULTS):
        return RunnerFailed(f"ffmpeg could not run: {told}")
    return BadInput("input_url", f"ffmpeg cannot transcode it: {told}")


def _tail(log_file: Path, folder: Path) -> str:
    """Return the last line of a log, without paths of this machine."""
    with log_file.open("rb") as file:
        file.seek(max(0, log_file.stat().st_size - 4_096))
        text = file.read().decode(errors="replace")
    return (text.replace(str(folder), "").strip().splitlines() or ["no message"])[-1][:200]


def _environment() -> Mapping[str, str]:
    """Return what ffmpeg needs of the environment; its debug switches are not passed on."""
    kept = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}
