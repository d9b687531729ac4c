"""Video through ffmpeg: closed tables in, a probed file out, limits on everything."""

import contextlib
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from miner.runners import fields
from miner.sources import fetch_source
from miner.work import BadInput, Output, RunnerFailed, Work, WorkCancelled

INPUT_BYTES_MAX: Final = 256 * 1_048_576
OUTPUT_BYTES_MAX: Final = 512 * 1_048_576
CPU_SECONDS_MAX: Final = 1_800
WALL_SECONDS_MAX: Final = 1_800
DURATION_SECONDS_MAX: Final = 3_600
PIXELS_SIDE_MAX: Final = 7_680

FORMATS: Final[Mapping[str, str]] = {"mp4": "mp4", "mkv": "matroska", "webm": "webm", "mov": "mov"}
"""Output formats by their wire names, as ffmpeg's muxers."""

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "mp4": "video/mp4",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "mov": "video/quicktime",
}

CODECS: Final[Mapping[str, str]] = {
    "h264": "libx264",
    "h265": "libx265",
    "hevc": "libx265",
    "vp9": "libvpx-vp9",
    "av1": "libaom-av1",
    "mpeg4": "mpeg4",
}
"""Video codecs by their wire names, as ffmpeg's encoders."""

AUDIO_CODECS: Final[Mapping[str, str]] = {"webm": "libopus"}
"""Audio encoder by output format where it is not AAC."""

WEBM_CODECS: Final = frozenset({"libvpx-vp9", "libaom-av1"})

_RESOLUTION: Final = re.compile(r"([0-9]{2,4})x([0-9]{2,4})", re.ASCII)
_DURATION: Final = re.compile(r"Duration: (\d{2,}):(\d{2}):(\d{2})\.(\d{2})")
_VIDEO: Final = re.compile(r"Stream #.*: Video: (\w+).*?, (\d{2,5})x(\d{2,5})")
_KNOWN_FIELDS: Final = frozenset(
    {"input_url", "input", "output_format", "codec", "resolution", "type", "format"}
)
_BUILD: Final = re.compile(r"ffmpeg version (\S+)")

DEMUXERS: Final = "mov,matroska,avi,mpegts,mpeg,flv,ogg,wav,mp3,asf,gif"
"""Demuxers that input may use: none of them opens further files or addresses."""


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
    codec: str
    width: int
    height: int


@dataclass(frozen=True)
class _Plan:
    """A checked request: values of closed tables and nothing of the client's own words."""

    source: str
    output_format: str
    encoder: str
    audio_encoder: str
    size: tuple[int, int] | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "_Plan":
        for field in given.keys() - _KNOWN_FIELDS:
            raise BadInput(field, "is not a field of ffmpeg_transcode")
        source = fields.text(given, "input_url" if "input_url" in given else "input", 2_048)
        output_format = fields.choice(
            given, "output_format", "mp4", {name: name for name in FORMATS}
        )
        default_codec = "vp9" if output_format == "webm" else "h264"
        encoder = fields.choice(given, "codec", default_codec, CODECS)
        if output_format == "webm" and encoder not in WEBM_CODECS:
            raise BadInput("codec", "webm holds vp9 or av1")
        return cls(
            source=source,
            output_format=output_format,
            encoder=encoder,
            audio_encoder=AUDIO_CODECS.get(output_format, "aac"),
            size=_size(given),
        )


def _size(given: Mapping[str, Any]) -> tuple[int, int] | None:
    if "resolution" not in given:
        return None
    found = _RESOLUTION.fullmatch(fields.text(given, "resolution", 9))
    if found is None:
        raise BadInput("resolution", "must be WIDTHxHEIGHT, such as 1280x720")
    width, height = int(found.group(1)), int(found.group(2))
    if width % 2 or height % 2 or max(width, height) > PIXELS_SIDE_MAX:
        raise BadInput("resolution", f"sides must be even and at most {PIXELS_SIDE_MAX}")
    return width, height


class FfmpegRunner:
    """Transcodes one video at a time with the ffmpeg program."""

    service = "ffmpeg_transcode"
    models: tuple[str, ...] = ()

    def __init__(self, program: str) -> None:
        """Use the ffmpeg at `program`."""
        self._program = program
        banner = subprocess.run(
            [program, "-version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
        found = _BUILD.search(banner)
        self._version = found.group(1) if found else "unknown"

    def run(self, work: Work) -> Output:
        """Transcode the input of `work`; see `Runner.run` for what it raises."""
        plan = _Plan.of(work.input)
        source = work.folder / "input"
        fetch_source(plan.source, source, INPUT_BYTES_MAX, work.artifacts)
        probed = self._probe(source)
        if probed is None:
            raise BadInput("input_url", "is not a video that this miner can read")
        if probed.seconds > DURATION_SECONDS_MAX:
            raise BadInput("input_url", f"lasts longer than {DURATION_SECONDS_MAX} s")
        target = work.folder / f"output.{plan.output_format}"
        began = time.monotonic()
        self._transcode(plan, source, target, probed.seconds, work)
        made = self._probe(target)
        if made is None or made.seconds <= 0:
            raise RunnerFailed("ffmpeg's output is not a video")
        artifact = {
            "name": target.name,
            "artifact": work.artifacts.upload(target),
            "media_type": MEDIA_TYPES[plan.output_format],
            "size": target.stat().st_size,
        }
        return Output(
            units_micro=round(made.seconds * 1_000_000),
            unit_type="video_seconds",
            json={"codec": made.codec, "width": made.width, "height": made.height}
            | {"duration_seconds": made.seconds, "output": artifact["artifact"]},
            artifacts=(artifact,),
            metadata={
                "engine": f"ffmpeg {self._version}",
                "duration_ms": round((time.monotonic() - began) * 1000),
            },
        )

    def close(self) -> None:
        """Nothing stays between jobs."""

    def _transcode(
        self, plan: "_Plan", source: Path, target: Path, seconds: float, work: Work
    ) -> None:
        command = [self._program, "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
        command += ["-protocol_whitelist", "file,pipe", "-format_whitelist", DEMUXERS]
        command += ["-i", f"file:{source}", "-map", "0:v:0", "-map", "0:a:0?", "-sn", "-dn"]
        command += ["-map_metadata", "-1", "-c:v", plan.encoder, "-c:a", plan.audio_encoder]
        command += ["-pix_fmt", "yuv420p", "-fs", str(OUTPUT_BYTES_MAX)]
        if plan.size:
            command += ["-vf", f"scale={plan.size[0]}:{plan.size[1]}"]
        command += ["-progress", "pipe:1", "-f", FORMATS[plan.output_format], f"file:{target}"]
        with (work.folder / "ffmpeg.log").open("w+") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=work.folder,
                preexec_fn=_limit_resources,
            )
            try:
                _follow(process, seconds, work)
            finally:
                process.kill()
                code = process.wait()
            log.seek(0)
            if code != 0:
                raise _fault_of(code, log.read(4_096), work.folder)

    def _probe(self, path: Path) -> "_Probe | None":
        command = [self._program, "-nostdin", "-hide_banner"]
        command += ["-protocol_whitelist", "file,pipe", "-format_whitelist", DEMUXERS]
        command += ["-i", f"file:{path}"]
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=60, check=False, preexec_fn=_limit_resources
            )
        except subprocess.TimeoutExpired:
            return None
        described = done.stderr.decode(errors="replace")
        duration, video = _DURATION.search(described), _VIDEO.search(described)
        if duration is None or video is None:
            return None
        hours, minutes, seconds, hundredths = (int(part) for part in duration.groups())
        return _Probe(
            seconds=hours * 3600 + minutes * 60 + seconds + hundredths / 100,
            codec=video.group(1),
            width=int(video.group(2)),
            height=int(video.group(3)),
        )


def _follow(process: subprocess.Popen[str], seconds: float, work: Work) -> None:
    """Read ffmpeg's own progress until its output ends; it writes some twice a second."""
    assert process.stdout is not None
    deadline = time.monotonic() + WALL_SECONDS_MAX
    with process.stdout as progress:
        for line in progress:
            if work.is_cancelled():
                raise WorkCancelled
            if time.monotonic() > deadline:
                raise RunnerFailed(f"ffmpeg took more than {WALL_SECONDS_MAX} s")
            name, _, value = line.strip().partition("=")
            if name == "out_time_us" and value.isdigit() and seconds > 0:
                work.report_progress(min(99, int(int(value) / (seconds * 10_000))))
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=30)


def _fault_of(code: int, log: str, folder: Path) -> BadInput | RunnerFailed:
    """Tell a file that cannot be read from a machine that could not; paths are not shown."""
    shown = (log.replace(str(folder), "").strip().splitlines() or ["no message"])[-1][:200]
    if code > 0:
        return BadInput("input_url", f"ffmpeg cannot transcode it: {shown}")
    return RunnerFailed(f"ffmpeg was ended by signal {-code}: {shown}")


def _limit_resources() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES_MAX, OUTPUT_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
